"""`genba edge probe MAP [DEVICE]`: reads every point now, with the gateway's own drivers, and shows what came.

Nothing is counted, committed or sent. What a probe can read, the gateway can read: security, pinned certificates,
shared lines and workarounds are the same.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from genba_edge.app.devices import make_drivers
from genba_edge.core.probing import PointLook, Probe, hints
from genba_edge.ports import Driver, Quality, Value
from genba_shared.clock import ProductionClock
from genba_shared.device_map import Device, DeviceMap, Point, load_device_map_with_warnings
from genba_shared.errors import UsageError

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
    parser.add_argument("map", type=Path, metavar="MAP", help="the device map")
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
    state_dir = args.state or args.map.parent / device_map.store.path
    probes = asyncio.run(_probe(devices, state_dir, for_s=args.for_s, wait_s=args.wait_s))
    if args.json:
        report = {device: _as_json(probe) for device, (probe, _) in probes.items()}
        sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    else:
        for device, (probe, driver) in probes.items():
            sys.stdout.writelines(f"{line}\n" for line in _lines(devices[device], probe, driver))
    return 0 if all(_is_fine(probe) for probe, _ in probes.values()) else 1


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


async def _probe(
    devices: Mapping[str, Device], state_dir: Path, *, for_s: float, wait_s: float
) -> dict[str, tuple[Probe, Driver]]:
    drivers = {
        driver.device: driver
        for driver in make_drivers(devices.values(), clock=ProductionClock.from_environment(), state_dir=state_dir)
    }
    probes = {device: Probe(device, points_of(devices[device])) for device in drivers}
    tasks = [asyncio.create_task(drivers[device].run(probe.take)) for device, probe in probes.items()]
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
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    return {device: (probe, drivers[device]) for device, probe in probes.items()}


def _is_fine(probe: Probe) -> bool:
    return probe.is_complete and all(
        look.last is not None and look.last.quality is not Quality.BAD for look in probe.points.values()
    )


def _lines(device: Device, probe: Probe, driver: Driver) -> Iterator[str]:
    state = "answers" if probe.is_up else f"does not answer: {probe.reason or 'no connection yet'}"
    details = ", ".join(f"{key} {value}" for key, value in driver.meter.details.items())
    yield f"{device.id}: {state}" + (f"  ({details})" if details else "")
    width = max((len(name) for name in probe.points), default=0)
    for look in probe.points.values():
        yield f"  {look.point:{width}}  {_shown(look, driver)}"
    for tag in sorted(probe.tags.values(), key=lambda each: -each.reads)[:20]:
        rssi = "" if tag.best_rssi_dbm is None else f", best {tag.best_rssi_dbm:.0f} dBm"
        yield f"  tag {tag.tag}  antenna {tag.antenna}: {tag.reads} reads{rssi}"
    for hint in hints(probe.points, points_of(device)):
        yield f"  ! {hint}"


def _shown(look: PointLook, driver: Driver) -> str:
    sample = look.last
    if sample is None:
        return "no answer"
    if sample.quality is Quality.BAD:
        return f"bad: {driver.meter.bad_points.get(look.point, 'cannot be read')}"
    moved = len(set(look.values))
    trend = f", {moved} values in {look.readings} readings" if moved > 1 else ""
    return f"{_value(sample.value)}  {sample.quality}  {_lag(sample.at, sample.seen_at)}{trend}"


def _value(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lag(at: datetime, seen_at: datetime) -> str:
    lag_s = (seen_at - at).total_seconds()
    return "gateway's time" if lag_s == 0 else f"stamped {lag_s:.3f} s before it was read"


def _as_json(probe: Probe) -> dict[str, Any]:
    return {
        "answers": probe.is_up,
        "reason": probe.reason,
        "points": {
            look.point: {
                "value": None if look.last is None else look.last.value,
                "quality": "none" if look.last is None else str(look.last.quality),
                "at": None if look.last is None else look.last.at.isoformat(),
                "readings": look.readings,
            }
            for look in probe.points.values()
        },
        "tags": [
            {"tag": tag.tag, "antenna": tag.antenna, "reads": tag.reads, "best_rssi_dbm": tag.best_rssi_dbm}
            for tag in probe.tags.values()
        ],
    }
