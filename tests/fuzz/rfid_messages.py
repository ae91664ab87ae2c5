"""Readers with an HTTP or MQTT interface, and cameras: whatever a message or a line of the stream holds, it is read.

The first byte of an input says who sent it; the rest is the payload of a message, or a piece of an HTTP stream.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from genba_edge.drivers.impinj import ImpinjDriver
from genba_edge.drivers.link import Link
from genba_edge.drivers.mqtt_in_messages import Heard, Message, MessageReader
from genba_edge.ports import Meter, Observation, Quality, Sample, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import ImpinjDevice, MqttInDevice
from tests.fuzz.loop import Harm, MemoryLoop

CLOCK = ProductionClock()
TOPIC = "plant/device"
MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - {id: impinj, protocol: mqtt_in, broker: "mqtt://127.0.0.1", topics: [plant/device], tags_from: {format: impinj},
     antennas: {1: {read_point: in}, 2: {read_point: out}}}
  - {id: zebra, protocol: mqtt_in, broker: "mqtt://127.0.0.1", topics: [plant/device], tags_from: {format: zebra},
     antennas: {1: {read_point: in-z}, 2: {read_point: out-z}}}
  - {id: own, protocol: mqtt_in, broker: "mqtt://127.0.0.1", topics: [plant/device],
     tags_from: {list: reads, epc: id, antenna: port, rssi: rssi, rssi_scale: 0.01, reads: n, time: at,
                 encoding: base64},
     antennas: {1: {read_point: in-o}}}
  - {id: camera, protocol: mqtt_in, broker: "mqtt://127.0.0.1", topics: [plant/device], points: {
       total: {field: counters.0.total, time_field: time, type: uint32, counter: {}},
       order: {field: order, type: string}, speed: {field: speed, type: float64}, door: {field: door, type: bool}}}
  - {id: light, protocol: mqtt_in, broker: "mqtt://127.0.0.1", points: {
       state: {topic: plant/device, type: uint16}, text: {topic: plant/device, type: string}}}
  - {id: impinj-http, protocol: impinj_http, url: "http://127.0.0.1", antennas: {1: {read_point: in-h}}}
"""
DEVICES = list(load_device_map(Path("plant.yaml"), text=MAP).devices.values())


def run(data: bytes) -> None:
    device, payload = DEVICES[data[0] % len(DEVICES) if data else 0], data[1:]
    match device:
        case ImpinjDevice():
            said = _streamed(device, payload)
        case MqttInDevice():
            heard = Heard()
            reader = MessageReader(device, CLOCK, Meter(device=device.id))
            for retained in (False, True):
                reader.read(Message(topic=TOPIC, payload=payload, retained=retained), heard)
            said = [*heard.samples, *heard.reads]
        case _:
            raise TypeError(device)
    for observation in said:
        _check(observation, device)


def _streamed(device: ImpinjDevice, payload: bytes) -> list[Observation]:
    said: list[Observation] = []
    driver = ImpinjDriver(device, CLOCK)
    loop = MemoryLoop()

    async def take() -> None:
        lines = [line.strip() for line in payload.split(b"\n")]
        driver._take([line for line in lines if line], Link(driver.meter, clock=CLOCK, emit=said.extend))

    try:
        loop.run_until_complete(take())
    finally:
        loop.close()
    return said


def _check(observation: Observation, device: Any) -> None:
    match observation:
        case TagRead():
            sound = observation.antenna in device.antennas and re.fullmatch("[0-9a-f]+", observation.tag)
            if not sound or observation.reads < 1 or observation.first_seen > observation.last_seen:
                raise Harm(f"no read of a tag: {observation}")
        case Sample():
            if (observation.quality is Quality.BAD) != (observation.value is None):
                raise Harm(f"value and quality do not go together: {observation}")
        case _:
            pass


def seeds() -> list[bytes]:
    stamp, epc = "2026-01-05T07:00:00.123Z", "3034257BF7194E4000001A85"
    tag = {"epcHex": epc, "antennaPort": 1, "peakRssiCdbm": -5350, "lastSeenTime": stamp, "epc": "MDQle_cZTkAAABqF"}
    documents: list[Any] = [
        {"timestamp": stamp, "hostname": "r", "eventType": "tagInventory", "tagInventoryEvent": tag},
        {"timestamp": stamp, "eventType": "antennaDisconnected", "antennaDisconnectedEvent": {"antennaPort": 2}},
        {"timestamp": stamp, "eventType": "inventoryStatus", "inventoryStatusEvent": {"inventoryStatus": "idle"}},
        {"timestamp": stamp, "eventType": "overflow", "overflowEvent": {}},
        {"data": {"idHex": epc, "antenna": 1, "peakRssi": -53, "reads": 4}, "timestamp": stamp, "type": "CUSTOM"},
        {"reads": [{"id": "MDQle/cZTkAAABqF", "port": 1, "rssi": -5300, "n": 2, "at": 1767596400123}]},
        {"time": stamp, "counters": [{"total": 1234}], "order": "0041", "speed": 1.5, "door": True},
        1234,
        "running",
    ]
    payloads = [json.dumps(document).encode() for document in documents]
    payloads += [b"\r\n".join(payloads[:4]), json.dumps(documents[:2]).encode(), b"[" * 3000, b"\xff\xfe{", b"1e999"]
    return [bytes([device]) + payload for device in range(len(DEVICES)) for payload in payloads]
