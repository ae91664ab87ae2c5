"""What reading a Modbus line costs, worked out from the map: how many requests, and how much of the line's time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from genba_edge.core.registers import Block, plan_group
from genba_shared.device_map.model import ModbusDevice

ASSUMED_ANSWER_S = 0.02
"""What a controller or a plant network takes for one request, rounded up; `genba edge run` measures the real one."""
REQUEST_BYTES = 8
ANSWER_BYTES_AROUND_DATA = 5
"""Bytes of a request, and of an answer without its data. Source: MODBUS over Serial Line V1.02, 2.5.1."""
SILENCE_CHARACTERS = 3.5
"""Silence between two frames of a serial line. Source: as above, 2.5.1.1."""
LEAST_SILENCE_S = 0.00175
"""That silence at 19,200 baud and above. Source: as above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLoad:
    """What the devices of one line need of it. `busy` is the share of its time: above 1 it cannot keep up."""

    line: str
    devices: tuple[str, ...]
    busy: float
    request_s: float


def requests_by_period(device: ModbusDevice) -> dict[float, int]:
    """How many read requests the device gets in each poll period (seconds), shortest first."""
    needed: Counter[float] = Counter()
    for group, period_s in device.poll.groups.items():
        needed[period_s] += len(plan_group(device, group))
    return {period_s: needed[period_s] for period_s in sorted(needed) if needed[period_s]}


def frame_gap_s(device: ModbusDevice) -> float:
    """Silence that the device's line needs between two frames; 0 on a network."""
    port = device.serial
    return 0.0 if port is None else max(SILENCE_CHARACTERS * port.character_s, LEAST_SILENCE_S)


def wire_s(device: ModbusDevice, block: Block) -> float:
    """Time that a request for the block and its answer take on the device's serial line; 0 on a network."""
    port = device.serial
    return 0.0 if port is None else (REQUEST_BYTES + ANSWER_BYTES_AROUND_DATA + block.byte_count) * port.character_s


def line_loads(devices: Iterable[ModbusDevice]) -> list[LineLoad]:
    """The load of each line, the busiest first."""
    by_line: dict[str, list[ModbusDevice]] = {}
    for device in devices:
        by_line.setdefault(device.line, []).append(device)
    loads = [_load(line, members) for line, members in by_line.items()]
    return sorted(loads, key=lambda load: -load.busy)


def _load(line: str, devices: Iterable[ModbusDevice]) -> LineLoad:
    busy = requests = 0.0
    members: Mapping[str, ModbusDevice] = {device.id: device for device in devices}
    for device in members.values():
        pause_s = max(frame_gap_s(device), device.workarounds.pause_between_s)
        for group, period_s in device.poll.groups.items():
            blocks = plan_group(device, group)
            took_s = sum(ASSUMED_ANSWER_S + wire_s(device, block) + pause_s for block in blocks)
            busy += took_s / period_s
            requests += len(blocks) / period_s
    return LineLoad(line=line, devices=tuple(members), busy=busy, request_s=busy / requests if requests else 0.0)
