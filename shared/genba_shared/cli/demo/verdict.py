"""Fetches the collector's answers when everything has arrived, and judges them by the plant's truth."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from genba_shared.cli.demo.api_client import ApiClient, ApiUnreachable
from genba_shared.cli.demo.check import Difference, Seen, compare, read_declared, read_product, read_truth
from genba_shared.cli.demo.check_states import StatesVerdict, Watched, compare_states, read_stalls, read_states
from genba_shared.clock import format_time
from genba_shared.device_map import (
    DeviceMap,
    ImpinjDevice,
    LlrpDevice,
    ModbusDevice,
    NodeRule,
    OpcUaDevice,
    PointRef,
    RfidReader,
    Station,
    WorkOrderSource,
    load_device_map,
)
from genba_shared.errors import GenbaError, UsageError

TRUTH, MAP, ANSWERS = "truth.jsonl", "device-map.yaml", "answers.json"
DRAIN_DEADLINE_S = 60.0
POLL_S = 0.2
QUIET_WALL_S = 3.0
QUIET_PLANT_S = 60.0  # depart_after + coalescing + a margin: what the gateway may still hold back
TOLERATED_INTERVALS = 2
START_WALL_S = 20.0  # until the gateway runs and has connected; the plant moves already


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the check found."""

    differences: Sequence[Difference]
    pieces: int
    completions: int
    by_protocol: Counter[str]
    gaps: int
    states: StatesVerdict

    @property
    def undeclared(self) -> int:
        """Differences that the product did not declare."""
        return sum(not difference.declared for difference in self.differences)

    @property
    def passed(self) -> bool:
        """Whether the product may be believed: nothing undeclared, and something was produced at all."""
        return self.undeclared == 0 and self.completions > 0

    def last_line(self, restarts: int) -> str:
        """Figures, for people and programs."""
        protocols = ",".join(f"{name}:{count}" for name, count in sorted(self.by_protocol.items()))
        return (
            f"demo check: undeclared={self.undeclared} declared={len(self.differences) - self.undeclared} "
            f"completions={self.completions} protocols={protocols} pieces={self.pieces} gaps={self.gaps} "
            f"stations={self.states.stations} known={self.states.known:.3f} "
            f"utilisation_error={self.states.utilisation_error:.4f} restarts={restarts}"
        )


async def drain(client: ApiClient, truth: Path, *, speed: float) -> None:
    """Wait until the plant has stopped and the gateway's last event is committed, and nothing more comes.

    Raises:
        GenbaError: that did not happen within the deadline.
    """
    loop = asyncio.get_running_loop()
    quiet_s = max(QUIET_WALL_S, QUIET_PLANT_S / speed)
    deadline = loop.time() + DRAIN_DEADLINE_S + quiet_s
    last, since = None, loop.time()
    while loop.time() < deadline:
        await asyncio.sleep(POLL_S)
        now = await asyncio.to_thread(_standing, client, truth)
        if now is None or now != last:
            last, since = now, loop.time()
        elif loop.time() - since >= quiet_s:
            return
    raise GenbaError(f"after {DRAIN_DEADLINE_S + quiet_s:.0f} s there were still events on the way: {last}")


def _standing(client: ApiClient, truth: Path) -> tuple[int, ...] | None:
    """How far every gateway is; None while something is known to be missing."""
    if '"stopped"' not in truth.read_text().splitlines()[-1]:
        return None
    try:
        gateways = client.get("/gateways")["items"]
    except ApiUnreachable:
        return None
    if not gateways or not all(item["online"] and item["outbox_depth"] == 0 for item in gateways):
        return None
    return tuple(item["upto"] for item in gateways)


def fetch_answers(client: ApiClient, truth: Path, *, speed: float) -> dict[str, Any]:
    """Everything that the collector says of the run, as one JSON object."""
    machines = read_states(_lines(truth))
    times = {name: (format_time(spans[0].begin), format_time(spans[-1].end)) for name, spans in machines.items()}
    return {
        "states": {
            name: client.get(f"/stations/{name}/state", **{"from": begin, "to": end})
            for name, (begin, end) in times.items()
        },
        "speed": speed,
        "orders": list(client.pages("/orders", cursor="cursor", limit=100)),
        "events": list(client.pages("/events", cursor="after", limit=1000)),
        "wip": client.get("/wip")["items"],
    }


def recheck(data: Path) -> int:
    """Judge a finished run again from its folder: truth, map and the answers that were saved. 0 passed, 1 failed.

    Raises:
        UsageError: the folder is not that of a finished `genba demo --check --data DIR`.
    """
    try:
        answers = json.loads((data / ANSWERS).read_text())
    except (OSError, ValueError) as exc:
        raise UsageError(f"--recheck {data}: no answers of a finished `genba demo --check --data DIR` there") from exc
    return report(judge(answers, data / TRUTH, load_device_map(data / MAP)))


def report(verdict: Verdict, *, restarts: int = 0) -> int:
    """Print every difference and the figures; the exit code."""
    for difference in verdict.differences:
        print(difference)
    print(verdict.last_line(restarts), flush=True)
    return 0 if verdict.passed else 1


def judge(answers: Mapping[str, Any], truth: Path, device_map: DeviceMap) -> Verdict:
    """Compare the collector's orders, WIP and events with the truth file."""
    speed: float = answers["speed"]
    lines = _lines(truth)
    seen = {code: _seen(rule, device_map, speed) for code, rule in device_map.nodes.items()}
    tag_nodes = {
        rule.done_when.all_left: code for code, rule in device_map.nodes.items() if rule.done_when.all_left is not None
    }
    readers = frozenset(name for name, device in device_map.devices.items() if isinstance(device, RfidReader))
    slack = max((rule.tolerance for rule in seen.values() if rule.by_tags), default=timedelta())
    true = read_truth(lines, tag_nodes=tag_nodes)
    product = read_product(answers["orders"], answers["wip"])
    declared = read_declared(answers["events"], lines, tag_nodes=tag_nodes, readers=readers, slack=slack)
    protocols = {name: _protocol(device) for name, device in device_map.devices.items()}
    watched = {name: _watched(station, device_map, speed) for name, station in device_map.stations.items()}
    states = compare_states(
        read_states(lines), answers["states"], gaps=declared.gaps, watched=watched, stalls=read_stalls(lines)
    )
    return Verdict(
        differences=[*compare(true, product, declared=declared, seen=seen), *states.differences],
        states=states,
        pieces=sum(true.pieces.values()),
        completions=len(product.completions),
        by_protocol=Counter(protocols[min(seen[node].devices)] for _, node in product.completions),
        gaps=len(declared.gaps),
    )


def _seen(rule: NodeRule, device_map: DeviceMap, speed: float) -> Seen:
    """The devices behind a node and the tolerance of its completions: two poll or report intervals of wall time."""
    by_tags = rule.work_order is WorkOrderSource.TAGS
    if by_tags and rule.done_when.all_left is not None:
        zone = device_map.zones[rule.done_when.all_left]
        devices = frozenset(ref.device for ref in (*zone.enter, *zone.leave))
    else:
        stations = [device_map.stations[name] for name in rule.stations]
        devices = frozenset(ref.device for station in stations for ref in station.counts.values())
    interval_s = max(_interval_s(device_map, name) for name in devices)
    return Seen(devices=devices, tolerance=timedelta(seconds=TOLERATED_INTERVALS * interval_s * speed), by_tags=by_tags)


def _watched(station: Station, device_map: DeviceMap, speed: float) -> Watched:
    """The devices behind a station's state, and how late they show a change."""
    refs = station.state.points if station.state is not None else ()
    interval_s = max((_point_interval_s(device_map, ref) for ref in refs), default=0.0)
    return Watched(
        devices=frozenset(ref.device for ref in refs),
        tolerance=timedelta(seconds=TOLERATED_INTERVALS * interval_s * speed),
        start=timedelta(seconds=START_WALL_S * speed),
    )


def _point_interval_s(device_map: DeviceMap, ref: PointRef) -> float:
    match device_map.devices[ref.device]:
        case ModbusDevice() as device:
            return device.poll.groups[device.points[ref.point].group]
        case OpcUaDevice() as device:
            return device.points[ref.point].sampling_s
        case device:
            raise GenbaError(f"the demo does not know how often {ref} of {type(device).__name__} is read")


def _lines(truth: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in truth.read_text().splitlines()]


def _interval_s(device_map: DeviceMap, name: str) -> float:
    """Wall seconds between two looks at a device: poll period, sampling interval or report interval."""
    match device_map.devices[name]:
        case ModbusDevice() as device:
            return max(device.poll.groups[point.group] for point in device.points.values() if point.counter is not None)
        case OpcUaDevice() as device:
            return max(point.sampling_s for point in device.points.values() if point.counter is not None)
        case RfidReader() as device:
            return device.report_s


def _protocol(device: object) -> str:
    names = {OpcUaDevice: "opcua", ModbusDevice: "modbus", LlrpDevice: "llrp", ImpinjDevice: "impinj_http"}
    return names.get(type(device), "mqtt_in")
