"""`genba edge check MAP`: what is wrong in a device map, and what reading it will cost. Touches no device."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from genba_edge.core.line_load import LineLoad, line_loads, requests_by_period
from genba_shared.device_map import (
    DURATION,
    Device,
    DeviceMap,
    LlrpDevice,
    LoadedMap,
    ModbusDevice,
    OpcUaDevice,
    load_with_settings,
)
from genba_shared.errors import ConfigError, Problem


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
    points = sum(len(device.points) for device in device_map.devices.values() if not isinstance(device, LlrpDevice))
    yield (
        f"{_number(len(device_map.devices), 'device')}, {_number(points, 'point')}, "
        f"{_number(len(device_map.stations), 'station')}, {_number(len(device_map.zones), 'zone')}, "
        f"{_number(len(device_map.nodes), 'node')}; {_number(len(loaded.warnings), 'warning')}"
    )
    yield from _lines(device_map)


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
            return f"Modbus {_where(device)} unit {device.unit}: {points} in {needed}"
        case LlrpDevice():
            read_points = {antenna.read_point for antenna in device.antennas.values()}
            antennas = _number(len(device.antennas), "antenna")
            return f"LLRP {device.host}:{device.port}: {antennas} at {_number(len(read_points), 'read point')}"
        case _:
            assert_never(device)


def _where(device: ModbusDevice) -> str:
    port = device.serial
    return device.line if port is None else f"{port.port} {port.baud} 8{port.parity}{port.stop_bits}"


def _lines(device_map: DeviceMap) -> Iterable[str]:
    """The busiest Modbus line, and every line that cannot keep up."""
    loads = line_loads(device for device in device_map.devices.values() if isinstance(device, ModbusDevice))
    for load in loads:
        if load.busy > 1:
            yield (
                f"{_names(load)} cannot keep up: {'its' if len(load.devices) == 1 else 'their'} requests take "
                f"{load.busy:.1f} times the poll period at {_ms(load.request_s)} each; "
                "poll slower, or read fewer points"
            )
    if loads and loads[0].busy <= 1:
        yield (
            f"busiest Modbus line: {_names(loads[0])}, {loads[0].busy:.0%} of its time at "
            f"{_ms(loads[0].request_s)} a request"
        )


def _names(load: LineLoad) -> str:
    names = ", ".join(load.devices)
    return names if len(load.devices) == 1 else f"{names} on {load.line}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
