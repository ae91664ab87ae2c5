"""What the parts of a map owe one another: counters where pieces are counted, labels where states are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from genba_shared.device_map.model import (
    CompletionRule,
    CountedEnd,
    Device,
    LlrpDevice,
    ModbusDevice,
    NodeRule,
    Point,
    PointRef,
    PointType,
    Station,
    WorkOrderSource,
    Zone,
)
from genba_shared.device_map.problems import Findings, nearest, shorten
from genba_shared.events import Result, StationState

_NOT_AN_ORDER: Final = frozenset({PointType.BOOL, PointType.FLOAT32, PointType.FLOAT64})


@dataclass(slots=True, kw_only=True)
class _Parts:
    """What was built. A part that is missing is broken and has been reported; nothing more is said about it."""

    findings: Findings
    devices: Mapping[str, Device]
    stations: Mapping[str, Station]
    zones: Mapping[str, Zone]
    nodes: Mapping[str, NodeRule]
    counted_by: dict[PointRef, str] = field(default_factory=dict)

    def point(self, ref: PointRef) -> Point | None:
        device = self.devices.get(ref.device)
        return None if device is None or isinstance(device, LlrpDevice) else device.points.get(ref.point)

    def error(self, path: str, message: str, fix: str) -> None:
        """Report at the setting, or at the nearest group around it that is written."""
        place = path
        while place not in self.findings.places:
            place = place.rpartition(".")[0]
        self.findings.error(self.findings.places[place], path, message, fix)


def check_references(
    findings: Findings,
    *,
    devices: Mapping[str, Device],
    stations: Mapping[str, Station],
    zones: Mapping[str, Zone],
    nodes: Mapping[str, NodeRule],
) -> None:
    """Check everything that could be built against what it refers to."""
    parts = _Parts(findings=findings, devices=devices, stations=stations, zones=zones, nodes=nodes)
    for device in devices.values():
        _check_device(parts, device)
    _check_lines(parts)
    for station in stations.values():
        _check_counts(parts, station)
        _check_state(parts, station)
    for zone in zones.values():
        _check_zone(parts, zone)
    for node in nodes.values():
        _check_node(parts, node)


def _check_device(parts: _Parts, device: Device) -> None:
    if isinstance(device, LlrpDevice):
        return
    for point in device.points.values():
        if point.counter is None or point.counter.reset_by is None:
            continue
        ref = point.counter.reset_by
        evidence = parts.point(ref)
        if evidence is not None and evidence.type is not PointType.BOOL:
            parts.error(
                f"devices.{device.id}.points.{point.name}.counter.reset_by.point",
                f"{ref} is a {evidence.type}: evidence of a reset is a bool.",
                "Name the bit of the reset button.",
            )


def _check_lines(parts: _Parts) -> None:
    """Modbus units that hang on one serial port or behind one address share a connection, which is set in one way."""
    first: dict[str, ModbusDevice] = {}
    for device in parts.devices.values():
        if not isinstance(device, ModbusDevice):
            continue
        other = first.setdefault(device.line, device)
        if (device.serial, device.framing) != (other.serial, other.framing):
            key = "framing" if device.serial is None else "serial"
            parts.error(
                f"devices.{device.id}.{key}",
                f"{other.id} is on the same line, {device.line}, and has it set in another way.",
                f"Write the same `{key}` at both.",
            )
        if device.workarounds.pause_after_connect_s != other.workarounds.pause_after_connect_s:
            parts.error(
                f"devices.{device.id}.workarounds.pause_after_connect",
                f"{other.id} shares the connection to {device.line} and waits for another time.",
                "Write the same pause_after_connect at both.",
            )


def _check_counts(parts: _Parts, station: Station) -> None:
    for result, ref in station.counts.items():
        path, point = f"stations.{station.id}.counts.{result}", parts.point(ref)
        if point is not None and point.counter is None:
            parts.error(path, f"{ref} is not a counter: pieces are counted by one.", "Add counter: {} to the point.")
        owner = parts.counted_by.setdefault(ref, f"{station.id}/{result}")
        if owner != f"{station.id}/{result}":
            parts.error(path, f"{ref} counts for {owner} already: a counter counts for one.", "Name the other counter.")


def _check_state(parts: _Parts, station: Station) -> None:
    rule = station.state
    point = None if rule is None else parts.point(rule.point)
    if rule is None or point is None:
        return
    path, states = f"stations.{station.id}.state", [str(state) for state in StationState]
    if rule.idle_after_s is not None:
        if point.counter is None:
            parts.error(f"{path}.from", f"{rule.point} is not a counter.", "Add counter: {} to the point.")
        return
    if not point.labels:
        parts.error(
            path,
            f"{rule.point} has no labels: they say which value is which state.",
            "Add labels: {0: idle, 1: running} to the point, or write {from: COUNTER, idle_after: 3min}.",
        )
    for label in point.labels.values():
        if label not in states:
            near = nearest(label, states)
            parts.error(
                path,
                f"the label '{shorten(label)}' of {rule.point} is not a state: {', '.join(states)}.",
                f"Did you mean '{near}'?" if near else "Write one of these in the point's labels.",
            )


def _check_zone(parts: _Parts, zone: Zone) -> None:
    for both in set(zone.enter) & set(zone.leave):
        parts.error(
            f"zones.{zone.id}.leave",
            f"{both} is where tags enter, too: it cannot tell in from out.",
            "Use one antenna with a read point of its own on each side.",
        )
    for key, ends in (("in", zone.pieces_in), ("out", zone.pieces_out)):
        for end in ends:
            _check_end(parts, f"zones.{zone.id}.{key}", end)
    for both_ends in set(zone.pieces_in) & set(zone.pieces_out):
        parts.error(
            f"zones.{zone.id}.out",
            f"{both_ends.station}/{both_ends.result} comes in, too: the zone would always be empty.",
            "Name the station behind the zone.",
        )


def _check_end(parts: _Parts, path: str, end: CountedEnd) -> None:
    station = parts.stations.get(end.station)
    if station is not None and end.result not in station.counts:
        counted = ", ".join(str(result) for result in station.counts) or "nothing"
        parts.error(
            path,
            f"station {end.station} does not count {end.result}: it counts {counted}.",
            f"Add {end.result} to its `counts`.",
        )


def _check_node(parts: _Parts, node: NodeRule) -> None:
    path = f"nodes.{node.code}"
    _check_work_order(parts, node, f"{path}.work_order.from")
    known = [parts.stations[name] for name in node.stations if name in parts.stations]
    rule: CompletionRule = node.done_when
    counts_good = any(Result.GOOD in station.counts for station in known)
    if rule.all_left is None and len(known) == len(node.stations) and not counts_good:
        parts.error(
            f"{path}.stations",
            "no station of this node counts good pieces, so that nothing would complete it.",
            "Name a station with counts: {good: …}, or write done_when: {all_left: ZONE}.",
        )
    zone = parts.zones.get(rule.all_left or "")
    if zone is not None and not zone.leave:
        parts.error(
            f"{path}.done_when.all_left",
            f"zone {zone.id} is bounded by counts: only tags can all have left.",
            "Name a zone with enter and leave, or write done_when: {good: node.quantity}.",
        )


def _check_work_order(parts: _Parts, node: NodeRule, path: str) -> None:
    ref = node.work_order_point
    point = None if node.work_order is not WorkOrderSource.POINT or ref is None else parts.point(ref)
    if point is None:
        return
    if point.counter is not None or point.type in _NOT_AN_ORDER:
        what = "a counter" if point.counter is not None else f"a {point.type}"
        parts.error(path, f"{ref} is {what}: an order number is a string or a whole number.", "Name another point.")
