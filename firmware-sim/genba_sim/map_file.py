"""The device map of this plant, as a plant engineer would write it for a gateway, and the list of its endpoints."""

from __future__ import annotations

import json
from dataclasses import dataclass

from genba_sim.settings import PlantSettings

_MAP = """\
# Device map of the simulated garment line; written by `genba sim run`.
version: 1
gateway: {{id: {gateway}, site: {site}, timezone: Asia/Shanghai}}

devices:
  - id: cutter1
    label: 自动裁床 1 / 自動裁断機 1
    protocol: opcua
    url: {opcua}
    security: {{policy: none}}
    time: source
    reconnect: {{max: 2.5s}}
    points:
      parts:
        node: "nsu=urn:genba:sim:cutter;s=PartCount"
        type: uint16
        mode: subscribe
        sampling: 100ms
        counter: {{limit: 65535, at_limit: wrap, max_rate: 12/min, reset_by: {{point: reset}}}}
      reset: {{node: "nsu=urn:genba:sim:cutter;s=Reset", type: bool, sampling: 100ms}}
      order: {{node: "nsu=urn:genba:sim:cutter;s=OrderNo", type: string, sampling: 100ms}}
      state:
        node: "nsu=urn:genba:sim:cutter;s=State"
        type: int32
        sampling: 100ms
        labels: {{0: idle, 1: running, 2: setup, 3: down}}

  - id: sewing-cell
    label: 缝制单元 / 縫製セル
    protocol: modbus
    host: {modbus}
    unit: 1
    byte_order: CDAB
    poll: {{fast: 200ms}}
    points:
      sew1_good:  {{at: 40001, type: uint32, counter: {{max_rate: 6/min}}}}
      sew2_good:  {{at: 40003, type: uint32, counter: {{max_rate: 6/min}}}}
      ins_good:   {{at: 40005, type: uint16, counter: {{max_rate: 12/min, reset_by: {{point: ins_reset}}}}}}
      ins_rework: {{at: 40006, type: uint16, counter: {{max_rate: 12/min, reset_by: {{point: ins_reset}}}}}}
      ins_reset:  {{at: "00001", type: bool}}
      sew1_state: {{at: 40011, type: uint16, labels: {{0: idle, 1: running, 2: setup, 3: down}}}}
      sew2_state: {{at: 40012, type: uint16, labels: {{0: idle, 1: running, 2: setup, 3: down}}}}
      ins_state:  {{at: 40013, type: uint16, labels: {{0: idle, 1: running, 2: setup, 3: down}}}}

  - id: gate
    label: 缝制与包装门 / 縫製・梱包ゲート
    protocol: llrp
    host: {llrp}
    report: 200ms
    antennas:
      1: {{read_point: sewing-in, min_rssi: -62dBm}}
      2: {{read_point: sewing-out, min_rssi: -62dBm}}
      3: {{read_point: packing-in, min_rssi: -62dBm}}
      4: {{read_point: packing-out, min_rssi: -62dBm}}
    tags: {{accept: "^3034"}}
    presence: {{min_reads: 2, depart_after: 25s, move_margin: 6dB}}

stations:
  CUT-1: {{device: cutter1, state: state, counts: {{good: parts}}}}
  SEW-1: {{device: sewing-cell, state: sew1_state, counts: {{good: sew1_good}}}}
  SEW-2: {{device: sewing-cell, state: sew2_state, counts: {{good: sew2_good}}}}
  INS-1: {{device: sewing-cell, state: ins_state, counts: {{good: ins_good, rework: ins_rework}}}}
  PACK-1: {{device: gate}}

zones:
  sewing:     {{enter: [gate/sewing-in], leave: [gate/sewing-out]}}
  packing:    {{enter: [gate/packing-in], leave: [gate/packing-out]}}
  cut-buffer: {{in: CUT-1/good, out: [SEW-1/good, SEW-2/good]}}

nodes:
  CUT:
    stations: [CUT-1]
    work_order: {{from: cutter1/order}}
    done_when: {{good: node.quantity}}
  SEW:
    stations: [SEW-1, SEW-2]
    work_order: {{from: dispatch}}
    done_when: {{good: node.quantity}}
  INS:
    stations: [INS-1]
    work_order: {{from: dispatch}}
    done_when: {{good: node.quantity}}
  PACK:
    stations: [PACK-1]
    work_order: {{from: tags}}
    done_when: {{all_left: packing}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the plant's devices listen: an OPC UA endpoint, and ``host:port`` of the Modbus server and the reader."""

    opcua: str
    modbus: str
    llrp: str

    def to_json(self) -> str:
        """URLs by device id: ``cutter1``, ``sewing-cell``, ``gate``."""
        urls = {"cutter1": self.opcua, "sewing-cell": f"tcp://{self.modbus}", "gate": f"llrp://{self.llrp}"}
        return json.dumps(urls, indent=2) + "\n"


def device_map_text(settings: PlantSettings, endpoints: Endpoints) -> str:
    """The device map (YAML) of a gateway that reads this plant."""
    return _MAP.format(
        gateway=settings.gateway,
        site=settings.site,
        opcua=endpoints.opcua,
        modbus=endpoints.modbus,
        llrp=endpoints.llrp,
    )
