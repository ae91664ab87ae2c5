"""What two device maps set differently, setting by setting, and which of it may explain a difference in production."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Final

from genba_shared.device_map.model import CountedEnd, DeviceMap, NodeRule, PointRef, ReadPointRef, Station, Zone
from genba_shared.secret import Secret

_LEFT_OUT: Final = frozenset({"sha256", "sources"})
_ABSENT: Final = "not there"
_OF_A_READER: Final = ("antennas", "presence", "accept")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """One setting, as the map writes its path; `before` and `after` are words, as people read them."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.after} instead of {self.before}"


def changed_settings(old: DeviceMap, new: DeviceMap) -> tuple[SettingChange, ...]:
    """Every setting that is not the same in both; a part that only one of them has is told as a whole."""
    before, after = dict(_flat(old, "")), dict(_flat(new, ""))
    changes = [
        SettingChange(path=path, before=before.get(path, _ABSENT), after=after.get(path, _ABSENT))
        for path in dict.fromkeys([*before, *after])
        if before.get(path) != after.get(path)
    ]
    return tuple(_wholes(changes, before, after))


def causes(changes: Sequence[SettingChange], places: Iterable[str]) -> tuple[SettingChange, ...]:
    """The changes that stand at one of the places of a map, below it, or above it."""
    wanted = tuple(places)
    return tuple(each for each in changes if any(_touches(each.path, place) for place in wanted))


def places_of_station(name: str, maps: Sequence[DeviceMap]) -> set[str]:
    """Where a map says what a station counts."""
    found = {f"stations.{name}.counts", f"stations.{name}.device"}
    for station in _each(maps, "stations", name):
        for ref in _counters(station):
            found |= places_of_point(ref, maps)
    return found


def places_of_state(name: str, maps: Sequence[DeviceMap]) -> set[str]:
    """Where a map says in which state a station is."""
    found = {f"stations.{name}.state"}
    for station in _each(maps, "stations", name):
        if station.state is not None:
            refs = getattr(station.state, "points", (station.state.point,))
            found |= {place for ref in refs for place in places_of_point(ref, maps)}
    return found


def places_of_zone(name: str, maps: Sequence[DeviceMap]) -> set[str]:
    """Where a map says what a zone holds."""
    found = {f"zones.{name}"}
    for zone in _each(maps, "zones", name):
        found |= _ends_of_zone(zone, maps)
    return found


def places_of_node(name: str, maps: Sequence[DeviceMap]) -> set[str]:
    """Where a map says how a node is worked on and completed."""
    found = {f"nodes.{name}"}
    for rule in _each(maps, "nodes", name):
        found |= _ends_of_node(rule, maps)
    return found


def places_of_point(ref: PointRef, maps: Sequence[DeviceMap]) -> set[str]:
    """Where a map says what a point is, and the point that shows when it is reset."""
    found = {f"devices.{ref.device}.points.{ref.point}"}
    for each in maps:
        device = each.devices.get(ref.device)
        point = None if device is None else device.points.get(ref.point)
        if point is not None and point.counter is not None and point.counter.reset_by is not None:
            sign = point.counter.reset_by.point
            found.add(f"devices.{sign.device}.points.{sign.point}")
    return found


def _each(maps: Sequence[DeviceMap], part: str, name: str) -> Iterator[Any]:
    return (found for each in maps if (found := getattr(each, part).get(name)) is not None)


def _counters(station: Station) -> Iterator[PointRef]:
    yield from station.counts.values()


def _ends_of_zone(zone: Zone, maps: Sequence[DeviceMap]) -> set[str]:
    found: set[str] = set()
    ends: tuple[object, ...] = (*zone.enter, *zone.leave, *zone.pieces_in, *zone.pieces_out)
    for end in ends:
        match end:
            case ReadPointRef(device=device):
                found |= {f"devices.{device}.{part}" for part in _OF_A_READER}
            case CountedEnd(station=station):
                found |= places_of_station(station, maps)
            case PointRef():
                found |= places_of_point(end, maps)
            case _:
                pass
    return found


def _ends_of_node(rule: NodeRule, maps: Sequence[DeviceMap]) -> set[str]:
    found: set[str] = set()
    for station in rule.stations:
        found |= places_of_station(station, maps)
    if rule.work_order_point is not None:
        found |= places_of_point(rule.work_order_point, maps)
    if rule.done_when.all_left is not None:
        found |= places_of_zone(rule.done_when.all_left, maps)
    return found


def _touches(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}.") or place.startswith(f"{path}.")


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if is_dataclass(value) and not isinstance(value, type | PointRef | ReadPointRef | CountedEnd):
        for each in fields(value):
            if path or each.name not in _LEFT_OUT:
                yield from _flat(getattr(value, each.name), f"{path}.{each.name}" if path else each.name)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(each, f"{path}.{name}")
    elif value is not None and not isinstance(value, Secret):
        yield path, _word(value)


def _word(value: Any) -> str:
    match value:
        case PointRef():
            return str(value)
        case tuple() | list() | frozenset():
            return ", ".join(_word(each) for each in value) or "nothing"
        case CountedEnd(station=station, result=result):
            return f"{station}/{result}"
        case Enum():
            return str(value.value)
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _wholes(
    changes: Sequence[SettingChange], before: Mapping[str, str], after: Mapping[str, str]
) -> Iterator[SettingChange]:
    """A station, zone, node, device or point that only one map has, as one change instead of one for each setting."""
    told: set[str] = set()
    for change in changes:
        whole = next((each for each in _groups(change.path) if not (_has(each, before) and _has(each, after))), None)
        if whole is None:
            yield change
        elif whole not in told:
            told.add(whole)
            is_new = _has(whole, after)
            yield SettingChange(path=whole, before=_ABSENT if is_new else "there", after="there" if is_new else _ABSENT)


def _groups(path: str) -> Iterator[str]:
    """The named parts that a path stands in, the outermost first: ``devices.cell``, ``devices.cell.points.good``."""
    words = path.split(".")
    if words[0] in {"devices", "stations", "zones", "nodes"} and len(words) > 2:
        yield ".".join(words[:2])
        if words[2] == "points" and len(words) > 4:
            yield ".".join(words[:4])


def _has(group: str, settings: Mapping[str, str]) -> bool:
    return any(path.startswith(f"{group}.") for path in settings)
