"""What the parts of a map owe one another: counters where pieces are counted, labels where states are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from genba_shared.device_map.checks_nodes import check_node
from genba_shared.device_map.model import (
    CountedEnd,
    Device,
    ModbusDevice,
    NodeRule,
    Point,
    PointRef,
    PointType,
    ResetSign,
    RfidReader,
    Station,
    Zone,
)
from genba_shared.device_map.phrases import write
from genba_shared.device_map.problems import Findings, did_you_mean, shorten
from genba_shared.device_map.units import DURATION
from genba_shared.events import StationState
from genba_shared.texts import Text, say


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
        return None if device is None else device.points.get(ref.point)

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
        _check_environment(parts, station)
    for zone in zones.values():
        _check_zone(parts, zone)
    for node in nodes.values():
        check_node(parts, node)


def _check_device(parts: _Parts, device: Device) -> None:
    for point in device.points.values():
        if point.counter is None or point.counter.reset_by is None:
            continue
        ref, sign = point.counter.reset_by.point, point.counter.reset_by.sign
        evidence = parts.point(ref)
        path = f"devices.{device.id}.points.{point.name}.counter.reset_by.{sign}"
        if evidence is None:
            continue
        if evidence is point:
            parts.error(
                path,
                say("own-evidence", "{point} is the counter itself: it is no evidence of its own reset.", point=ref),
                say("name-what-resets", "Name the reset button, an uptime or a time of boot, or leave `reset_by` out."),
            )
            continue
        if sign is ResetSign.TRUE and evidence.type is not PointType.BOOL:
            parts.error(
                path,
                say(
                    "reset-evidence-not-bool",
                    "{point} is a {type}: `point` names a bool that is true during a reset.",
                    point=ref,
                    type=evidence.type,
                ),
                say(
                    "name-reset-bit",
                    "Name the bit of the reset button, or write {snippet} for an uptime.",
                    snippet="{falls: …}",
                ),
            )
        if sign is ResetSign.FALLS and evidence.type in {PointType.BOOL, PointType.STRING}:
            parts.error(
                path,
                say(
                    "reset-evidence-not-number",
                    "{point} is a {type}: `falls` names a number, such as an uptime.",
                    point=ref,
                    type=evidence.type,
                ),
                say(
                    "write-point-or-changes",
                    "Write {snippet} for a button, or {other} for a time of boot.",
                    snippet="{point: …}",
                    other="{changes: …}",
                ),
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
                say(
                    "line-set-in-two-ways",
                    "{device} is on the same line, {line}, and has it set in another way.",
                    device=other.id,
                    line=device.line,
                ),
                _write_same(key),
            )
        if device.workarounds.pause_after_connect_s != other.workarounds.pause_after_connect_s:
            parts.error(
                f"devices.{device.id}.workarounds.pause_after_connect",
                say(
                    "line-waits-in-two-ways",
                    "{device} shares the connection to {line} and waits for another time.",
                    device=other.id,
                    line=device.line,
                ),
                _write_same("pause_after_connect"),
            )


def _write_same(key: str) -> Text:
    return say("write-same", "Write the same `{key}` at both.", key=key)


def _check_counts(parts: _Parts, station: Station) -> None:
    for result, ref in station.counts.items():
        path, point = f"stations.{station.id}.counts.{result}", parts.point(ref)
        if point is not None and point.counter is None:
            parts.error(
                path,
                say("counts-without-counter", "{point} is not a counter: pieces are counted by one.", point=ref),
                _add_counter(),
            )
        owner = parts.counted_by.setdefault(ref, f"{station.id}/{result}")
        if owner != f"{station.id}/{result}":
            parts.error(
                path,
                say(
                    "counted-twice",
                    "{point} counts for {owner} already: a counter counts for one.",
                    point=ref,
                    owner=owner,
                ),
                say("name-other-counter", "Name the other counter."),
            )


def _add_counter() -> Text:
    return say("add-to-point", "Add {snippet} to the point.", snippet="counter: {}")


def _check_state(parts: _Parts, station: Station) -> None:
    rule = station.state
    if rule is None:
        return
    path = f"stations.{station.id}.state"
    for ref in rule.points:
        point = parts.point(ref)
        if point is None:
            continue
        if rule.idle_after_s is None:
            _check_state_point(parts, path, ref, point)
        elif point.counter is None:
            parts.error(
                f"{path}.from", say("state-without-counter", "{point} is not a counter.", point=ref), _add_counter()
            )


def _check_state_point(parts: _Parts, path: str, ref: PointRef, point: Point) -> None:
    if not point.labels:
        parts.error(
            path,
            say("state-without-labels", "{point} has no labels: they say which value is which state.", point=ref),
            say(
                "add-to-point-or-write",
                "Add {snippet} to the point, or write {other}.",
                snippet="labels: {0: idle, 1: running}",
                other="{from: COUNTER, idle_after: 3min}",
            ),
        )
    _check_labels(parts, path, ref, point)


def _check_labels(parts: _Parts, path: str, ref: PointRef, point: Point) -> None:
    states = [str(state) for state in StationState]
    for label in point.labels.values():
        if label not in states:
            parts.error(
                path,
                say(
                    "label-not-a-state",
                    "the label '{label}' of {point} is not a state: {known}.",
                    label=shorten(label),
                    point=ref,
                    known=", ".join(states),
                ),
                did_you_mean(label, states, say("write-state-in-labels", "Write one of these in the point's labels.")),
            )


def _check_environment(parts: _Parts, station: Station) -> None:
    for ref in station.environment:
        point = parts.point(ref)
        if point is not None and (point.type is PointType.STRING or point.counter is not None):
            parts.error(
                f"stations.{station.id}.environment",
                say(
                    "environment-not-a-number",
                    "{point} is {what}: the environment is measured in numbers.",
                    point=ref,
                    what=say("a-counter", "a counter") if point.counter is not None else say("a-string", "a string"),
                ),
                say("name-measured-point", "Name the point of a temperature or the like."),
            )


def _check_zone(parts: _Parts, zone: Zone) -> None:
    for both in set(zone.enter) & set(zone.leave):
        parts.error(
            f"zones.{zone.id}.leave",
            say(
                "enter-is-leave",
                "{read_point} is where tags enter, too: it cannot tell in from out.",
                read_point=both,
            ),
            say("antenna-on-each-side", "Use one antenna with a read point of its own on each side."),
        )
    _check_close_after(parts, zone)
    for key, ends in (("in", zone.pieces_in), ("out", zone.pieces_out)):
        for end in ends:
            _check_end(parts, f"zones.{zone.id}.{key}", end)
    for both_ends in set(zone.pieces_in) & set(zone.pieces_out):
        parts.error(
            f"zones.{zone.id}.out",
            say(
                "in-is-out",
                "{count} comes in, too: the zone would always be empty.",
                count=both_ends,
            ),
            say("name-station-behind", "Name the station behind the zone."),
        )


def _check_close_after(parts: _Parts, zone: Zone) -> None:
    readers = {
        device.id: device for ref in zone.leave if isinstance(device := parts.devices.get(ref.device), RfidReader)
    }
    slowest = max(readers.values(), key=lambda reader: reader.presence.depart_after_s, default=None)
    if zone.close_after_s is None or slowest is None or zone.close_after_s > slowest.presence.depart_after_s:
        return
    parts.error(
        f"zones.{zone.id}.close_after",
        say(
            "close-after-too-short",
            "{close_after} is not longer than {depart_after}, the `depart_after` of {device}: "
            "a stay would be closed before it is known whether the tag left.",
            close_after=DURATION.show(zone.close_after_s),
            depart_after=DURATION.show(slowest.presence.depart_after_s),
            device=slowest.id,
        ),
        write("close_after: 8h"),
    )


def _check_end(parts: _Parts, path: str, end: CountedEnd | PointRef) -> None:
    if isinstance(end, PointRef):
        _check_crossing(parts, path, end)
        return
    station = parts.stations.get(end.station)
    if station is not None and end.result not in station.counts:
        counted = ", ".join(str(result) for result in station.counts) or say("counts-nothing", "nothing")
        parts.error(
            path,
            say(
                "station-does-not-count",
                "station {station} does not count {result}: it counts {counted}.",
                station=end.station,
                result=end.result,
                counted=counted,
            ),
            say("add-to-counts", "Add {result} to its `counts`.", result=end.result),
        )


def _check_crossing(parts: _Parts, path: str, ref: PointRef) -> None:
    """A counter that a zone names directly: it belongs to no station."""
    point, owner = parts.point(ref), parts.counted_by.get(ref)
    if point is not None and point.counter is None:
        parts.error(
            path,
            say("crossing-without-counter", "{point} is not a counter: a bound of a zone needs a count.", point=ref),
            _add_counter(),
        )
    elif owner is not None:
        parts.error(
            path,
            say("counts-for-a-station", "{point} counts for {owner}: a zone names it so.", point=ref, owner=owner),
            write(owner),
        )
