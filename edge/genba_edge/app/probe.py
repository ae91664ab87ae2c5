"""`genba edge probe MAP [DEVICE]`: reads every point now, with the gateway's own drivers, and shows what came.

Nothing is counted, committed or sent. What a probe can read, the gateway can read: security, pinned certificates,
shared lines and workarounds are the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from genba_edge.app.devices import make_drivers
from genba_edge.core.probing import PointLook, Probe, hints, with_neighbours
from genba_edge.ports import Driver, Quality, Value
from genba_shared.clock import ProductionClock, format_time
from genba_shared.device_map import Device, DeviceMap, ModbusDevice, Point, folder_of, load_device_map_with_warnings
from genba_shared.errors import DeviceError, UsageError

MOST_TAGS = 20  # shown, those read most often
LOOK_S = 0.05  # wall: how often it is looked whether everything was answered


def add_probe_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge probe`."""
    parser.description = "Read every point of a map now and show value, quality and age. Writes nothing to any device."
    parser.epilog = (
        "Exit code 0: every point was read. 1: something was not, and its line says why. 2: the map is wrong.\n"
        "examples:\n"
        "  genba edge probe plant.yaml            every device\n"
        "  genba edge probe plant.yaml cutter1 --for 30   watch it while the machine makes a few pieces"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("map", type=Path, metavar="MAP", help="the device map: a YAML file or a folder of them")
    parser.add_argument("device", metavar="DEVICE", nargs="?", help="one device of the map (default: all)")
    parser.add_argument(
        "--for", dest="for_s", type=float, default=5.0, metavar="S", help="how long to look, in seconds (5)"
    )
    parser.add_argument("--wait", dest="wait_s", type=float, default=15.0, metavar="S", help="longest wait for answers")
    parser.add_argument("--state", type=Path, metavar="DIR", help="folder of certificates (default: store.path)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run_probe(args: argparse.Namespace) -> int:
    """Print what was read on stdout. Returns 0 if every point was read, else 1."""
    device_map, warnings = load_device_map_with_warnings(args.map)
    sys.stderr.writelines(f"{warning}\n" for warning in warnings)
    devices = _chosen(device_map, args.device)
    state_dir = args.state or folder_of(args.map) / device_map.store.path
    looks = asyncio.run(_look(devices, state_dir, for_s=args.for_s, wait_s=args.wait_s))
    if args.json:
        report = {look.device.id: _as_json(look) for look in looks}
        sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    else:
        for look in looks:
            sys.stdout.writelines(f"{line}\n" for line in _lines(look))
    return 0 if all(_is_fine(look) for look in looks) else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One device after the probe. `raw` is what came over the wire for each point, where the protocol shows it."""

    device: Device
    probe: Probe
    driver: Driver
    raw: Mapping[str, str]


def points_of(device: Device) -> Mapping[str, Point]:
    """The points of a device; a reader has none."""
    points: Mapping[str, Point] = getattr(device, "points", {})
    return points


def _chosen(device_map: DeviceMap, wanted: str | None) -> dict[str, Device]:
    if wanted is None:
        return dict(device_map.devices)
    if wanted not in device_map.devices:
        raise UsageError(f"'{wanted}' is not a device of this map, which has {', '.join(device_map.devices)}")
    return {wanted: device_map.devices[wanted]}


async def _look(devices: Mapping[str, Device], state_dir: Path, *, for_s: float, wait_s: float) -> list[Look]:
    read = {name: with_neighbours(device) for name, device in devices.items()}
    drivers = make_drivers(read.values(), clock=ProductionClock.from_environment(), state_dir=state_dir)
    probes = {driver.device: Probe(driver.device, points_of(read[driver.device])) for driver in drivers}
    tasks = [asyncio.create_task(driver.run(probes[driver.device].take)) for driver in drivers]
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    try:
        while loop.time() < started_s + wait_s:
            complete = all(probe.is_complete for probe in probes.values())
            if complete and loop.time() >= started_s + for_s:
                break
            done, _ = await asyncio.wait(tasks, timeout=LOOK_S)
            for task in done:
                task.result()  # a driver only ends by a bug
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [
        Look(
            device=devices[driver.device],
            probe=probes[driver.device],
            driver=driver,
            raw=await _raw(devices[driver.device], probes[driver.device]),
        )
        for driver in drivers
    ]


def _own_points(look: Look) -> list[PointLook]:
    """Those of the map: what was read beside them is for hints only."""
    return [look.probe.points[name] for name in points_of(look.device)]


async def _raw(device: Device, probe: Probe) -> dict[str, str]:
    """The registers of each point of a Modbus unit as sent, and what each byte order would make of them."""
    if not isinstance(device, ModbusDevice) or not probe.is_up:
        return {}
    from genba_edge.drivers.modbus_probe import ModbusProbe

    try:
        async with ModbusProbe(device) as modbus:
            readings = await modbus.read_points()
    except DeviceError as exc:
        return dict.fromkeys(probe.points, f"(raw: {exc.reason})")
    raw: dict[str, str] = {}
    for reading in readings:
        words = " ".join(f"0x{word:04x}" for word in reading.words)
        orders = "  ".join(f"{order} {_value(value)}" for order, value in reading.by_order.items())
        raw[reading.point.name] = f"raw {words}  {orders}".rstrip() if words else ""
    return raw


def _is_fine(look: Look) -> bool:
    return look.probe.is_up and all(
        point.last is not None and point.last.quality is not Quality.BAD for point in _own_points(look)
    )


def _lines(look: Look) -> Iterator[str]:
    probe, meter = look.probe, look.driver.meter
    state = "answers" if probe.is_up else f"does not answer: {probe.reason or 'no connection yet'}"
    details = ", ".join(f"{key} {value}" for key, value in meter.details.items())
    yield f"{look.device.id}: {state}" + (f"  ({details})" if details else "")
    width = max((len(name) for name in points_of(look.device)), default=0)
    for point in _own_points(look):
        shown = _shown(point, meter.bad_points.get(point.point, "cannot be read"))
        yield f"  {point.point:{width}}  {shown}  {look.raw.get(point.point, '')}".rstrip()
    for tag in sorted(probe.tags.values(), key=lambda each: -each.reads)[:MOST_TAGS]:
        rssi = "" if tag.best_rssi_dbm is None else f", best {tag.best_rssi_dbm:.0f} dBm"
        yield f"  tag {tag.tag}  antenna {tag.antenna}: {tag.reads} reads{rssi}"
    for hint in hints(probe.points, points_of(look.device)):
        yield f"  ! {hint}"


def _shown(look: PointLook, reason: str) -> str:
    sample = look.last
    if sample is None:
        return "no answer"
    if sample.quality is Quality.BAD:
        return f"bad: {reason}"
    moved = len(set(look.values))
    trend = f", {moved} values in {look.readings} readings" if moved > 1 else ""
    return f"{_value(sample.value)}  {sample.quality}  {_lag(sample.at, sample.seen_at)}{trend}"


def _value(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lag(at: datetime, seen_at: datetime) -> str:
    lag_s = (seen_at - at).total_seconds()
    return "gateway's time" if lag_s == 0 else f"stamped {lag_s:.3f} s before it was read"


def _as_json(look: Look) -> dict[str, Any]:
    probe = look.probe
    return {
        "answers": probe.is_up,
        "reason": probe.reason,
        "points": {
            point.point: {
                "value": None if point.last is None else point.last.value,
                "quality": "none" if point.last is None else str(point.last.quality),
                "at": None if point.last is None else format_time(point.last.at),
                "readings": point.readings,
                "raw": look.raw.get(point.point, ""),
            }
            for point in _own_points(look)
        },
        "hints": hints(probe.points, points_of(look.device)),
        "tags": [
            {"tag": tag.tag, "antenna": tag.antenna, "reads": tag.reads, "best_rssi_dbm": tag.best_rssi_dbm}
            for tag in probe.tags.values()
        ],
    }
