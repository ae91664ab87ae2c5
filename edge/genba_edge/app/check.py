"""`genba edge check MAP`: what is wrong in a device map, and what reading it will cost. Touches no device."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, assert_never

from genba_edge.core.registers import plan_blocks
from genba_shared.device_map import (
    DURATION,
    Device,
    DeviceMap,
    ImpinjDevice,
    LlrpDevice,
    LoadedMap,
    ModbusDevice,
    MqttInDevice,
    OpcUaDevice,
    RfidReader,
    load_with_settings,
)
from genba_shared.errors import ConfigError, Problem

ASSUMED_REQUEST_S: Final = 0.02
"""One Modbus request and its answer on a plant network, rounded up; `genba edge run` measures the real one."""


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge check`."""
    parser.description = "Check a device map offline: every problem with its line and what to write instead."
    parser.epilog = "Exit code 0: the map can be used (warnings included). 2: it cannot."
    parser.add_argument("map", type=Path, metavar="MAP", help="the device map, a YAML file")
    parser.add_argument(
        "--explain", action="store_true", help="print every setting in force, and whether it is written or a default"
    )


def run_check(args: argparse.Namespace) -> int:
    """Print what was found on stdout. Returns 0 if the map can be used, else 2."""
    try:
        loaded = load_with_settings(args.map)
    except ConfigError as exc:
        _print(str(problem) for problem in exc.problems)
        _print([_count(exc.problems)])
        return 2
    _print(str(problem) for problem in loaded.warnings)
    if args.explain:
        _print(_explained(loaded))
    _print(_summary(loaded))
    return 0


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _count(problems: tuple[Problem, ...]) -> str:
    warnings = sum(problem.warning for problem in problems)
    errors = len(problems) - warnings
    return f"{_number(errors, 'error')}, {_number(warnings, 'warning')}: the map cannot be used"


def _explained(loaded: LoadedMap) -> Iterable[str]:
    width = min(max(len(setting.path) for setting in loaded.settings), 60)
    for setting in loaded.settings:
        yield f"{setting.path:{width}}  {setting.value}  ({setting.origin})"


def _summary(loaded: LoadedMap) -> Iterable[str]:
    device_map = loaded.map
    width = max(len(device) for device in device_map.devices)
    for device in device_map.devices.values():
        yield f"{device.id:{width}}  {_device_line(device)}"
    points = sum(len(device.points) for device in device_map.devices.values())
    yield (
        f"{_number(len(device_map.devices), 'device')}, {_number(points, 'point')}, "
        f"{_number(len(device_map.stations), 'station')}, {_number(len(device_map.zones), 'zone')}, "
        f"{_number(len(device_map.nodes), 'node')}; {_number(len(loaded.warnings), 'warning')}"
    )
    busiest = _busiest(device_map)
    if busiest is not None:
        yield busiest


def _device_line(device: Device) -> str:
    match device:
        case OpcUaDevice():
            return f"OPC UA {device.url}: {_number(len(device.points), 'item')}"
        case ModbusDevice():
            requests = requests_by_period(device)
            needed = ", ".join(
                f"{_number(count, 'request')} each {DURATION.show(period_s)}" for period_s, count in requests.items()
            )
            points = _number(len(device.points), "point")
            return f"Modbus {device.host}:{device.port} unit {device.unit}: {points} in {needed}"
        case LlrpDevice():
            return f"LLRP {device.host}:{device.port}: {_antennas(device)}"
        case ImpinjDevice():
            return f"Impinj {device.url}: {_antennas(device)}"
        case MqttInDevice():
            points = _number(len(device.points), "point") if device.points else ""
            antennas = _antennas(device) if device.antennas else ""
            return f"MQTT {device.broker}: {', '.join(part for part in (antennas, points) if part)}"
        case _:
            assert_never(device)


def _antennas(reader: RfidReader) -> str:
    read_points = {antenna.read_point for antenna in reader.antennas.values()}
    return f"{_number(len(reader.antennas), 'antenna')} at {_number(len(read_points), 'read point')}"


def requests_by_period(device: ModbusDevice) -> dict[float, int]:
    """How many read requests the device gets in each poll period (seconds), shortest first."""
    needed: Counter[float] = Counter()
    for group, period_s in device.poll.groups.items():
        members = [point for point in device.points.values() if point.group == group]
        blocks = plan_blocks(members, max_gap=device.poll.max_gap, max_registers=device.poll.max_registers)
        needed[period_s] += len(blocks)
    return {period_s: needed[period_s] for period_s in sorted(needed) if needed[period_s]}


def _busiest(device_map: DeviceMap) -> str | None:
    loads = {
        device.id: sum(count * ASSUMED_REQUEST_S / period_s for period_s, count in requests_by_period(device).items())
        for device in device_map.devices.values()
        if isinstance(device, ModbusDevice)
    }
    if not loads:
        return None
    device_id = max(loads, key=lambda each: loads[each])
    assumed = DURATION.show(ASSUMED_REQUEST_S)
    load = loads[device_id]
    if load > 1:
        return f"{device_id} cannot keep up: its requests take {load:.1f} times the poll period at {assumed} each"
    return f"busiest Modbus device: {device_id}, {load:.0%} of its time at {assumed} a request"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
