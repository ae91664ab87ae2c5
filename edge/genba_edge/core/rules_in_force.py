"""What the device map says about an event: the rules that it was decided by, in plain lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import MISSING, fields
from datetime import timedelta
from typing import Any, assert_never

from genba_edge.core.sentences import span_text
from genba_shared.device_map.model import (
    AllLeft,
    AllOf,
    AnyOf,
    AtLimit,
    Condition,
    Counted,
    CountedEnd,
    CounterSettings,
    DeviceMap,
    NodeRule,
    PiecesReach,
    PointIs,
    PointRef,
    PointSign,
    RfidReader,
    StartRule,
    Station,
    StationIs,
    TimeSinceStart,
    WorkOrderSource,
)
from genba_shared.events import (
    DataGapSeen,
    DataQuestioned,
    DispatchClosed,
    DispatchOpened,
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    ProgressReported,
    QuestionCause,
    Result,
    StationChangedOver,
    StationStateChanged,
    TagPassed,
    WipChanged,
)


def rules_of(event: Event, device_map: DeviceMap) -> list[str]:
    """The lines of the map that the event follows from; what the map no longer has is said."""
    return list(_rules(event, device_map))


def counter_of(point: str, device_map: DeviceMap) -> CounterSettings | None:
    """The settings of the counter ``device/point``; None where the map has no such counter."""
    device, _, name = point.partition("/")
    found = device_map.devices.get(device)
    if found is None or name not in found.points:
        return None
    return found.points[name].counter


def _rules(event: Event, device_map: DeviceMap) -> Iterator[str]:
    match event:
        case DataQuestioned(zone=str(zone)):
            yield from _zone(zone, device_map)
        case DataQuestioned(point=point, cause=QuestionCause.MAP) if counter_of(point, device_map) is None:
            yield "genba compares what it reads with the map while it runs"
        case PiecesCounted(point=point) | DataQuestioned(point=point):
            yield from _counter(point, device_map)
        case StationChangedOver(station=station):
            yield f"a change-over of {station} is from its last good piece of one work to its first of the next"
        case NodeCompleted(node=node) | NodeStarted(node=node) | ProgressReported(node=node):
            yield from _node(node or "", device_map)
        case DispatchOpened(node=node) | DispatchClosed(node=node):
            yield from _dispatch(node or "", device_map)
        case TagPassed():
            yield from _passage(event, device_map)
        case WipChanged(zone=zone):
            yield from _zone(zone, device_map)
        case StationStateChanged(station=station):
            yield from _state(device_map.stations.get(station or ""))
        case DataGapSeen(subject=subject):
            fed = sorted(station.id for station in device_map.stations.values() if subject in _devices_of(station))
            if fed:
                yield f"device {subject} feeds {', '.join(fed)}"
        case _:
            pass


def _counter(point: str, device_map: DeviceMap) -> Iterator[str]:
    settings = counter_of(point, device_map)
    if settings is None:
        yield f"the map has no counter {point}"
        return
    ends = "begins again at 0" if settings.at_limit is AtLimit.WRAP else "stays there"
    yield f"counter {point} counts {settings.direction} to {settings.limit} and {ends}"
    if settings.max_rate is None:
        yield "no max_rate: any step up to the limit is possible"
    else:
        yield f"at most {settings.max_rate * 60:g} counts a minute, half as many again for a moment, and 2 at once"
    signs = "no point shows a reset"
    if settings.reset_by is not None:
        signs = f"{settings.reset_by.point} shows a reset ({settings.reset_by.sign})"
    yield f"where it falls: rule {settings.on_decrease}; {signs}"
    if settings.pieces_per_count != 1:
        yield f"each count is {settings.pieces_per_count} pieces"
    yield from _others(
        settings, {"limit", "at_limit", "direction", "max_rate", "on_decrease", "reset_by", "pieces_per_count"}
    )


def _node(node: str, device_map: DeviceMap) -> Iterator[str]:
    rule = device_map.nodes.get(node)
    if rule is None:
        yield f"the map has no node {node}"
        return
    yield f"done when {_condition(rule.done_when.condition, rule, device_map)}"
    yield f"starts with {_start(rule)}"
    yield from _dispatch(node, device_map)


def _condition(condition: Condition, rule: NodeRule, device_map: DeviceMap) -> str:
    match condition:
        case PiecesReach(counted=counted):
            what = "its good pieces" if counted is Counted.GOOD else "its good pieces and scrap together"
            return f"{what} ({_counters(counted, rule, device_map)}) reach the quantity of the work order"
        case AllLeft(zone=zone, min_dwell_s=dwell_s):
            dwell = f" after at least {span_text(timedelta(seconds=dwell_s))} in it" if dwell_s else ""
            return f"all tags of the work order have left zone {zone}{dwell}"
        case PointIs():
            return _bit(condition)
        case StationIs(states=states):
            return f"every station of it is {' or '.join(states)}, or has gone on to other work"
        case TimeSinceStart(least_s=least_s):
            return f"{span_text(timedelta(seconds=least_s))} have passed since its start"
        case AllOf(parts=parts) | AnyOf(parts=parts):
            told = [_condition(part, rule, device_map) for part in parts]
            inner = [
                f"({text})" if isinstance(part, AllOf | AnyOf) else text for text, part in zip(told, parts, strict=True)
            ]
            return ("; and " if isinstance(condition, AllOf) else "; or ").join(inner)
        case _:
            assert_never(condition)


def _counters(counted: Counted, rule: NodeRule, device_map: DeviceMap) -> str:
    results = (Result.GOOD,) if counted is Counted.GOOD else (Result.GOOD, Result.SCRAP)
    counts = [device_map.stations[name].counts for name in rule.stations if name in device_map.stations]
    return ", ".join(str(each[result]) for each in counts for result in results if result in each) or "no counter"


def _bit(condition: PointIs) -> str:
    match condition.sign:
        case PointSign.TRUE:
            return f"{condition.point} is true"
        case PointSign.RISES:
            return f"{condition.point} has become true while it was worked on"
        case PointSign.FALLS:
            return f"{condition.point} has become false while it was worked on"
        case _:
            assert_never(condition.sign)


def _start(rule: NodeRule) -> str:
    zone = rule.done_when.all_left
    tag = "" if zone is None else f"its first tag in zone {zone}"
    piece = "its first piece" if rule.stations and rule.work_order is not WorkOrderSource.TAGS else ""
    latest = " or ".join(each for each in (piece, tag) if each) or "its first piece"
    match rule.start_when:
        case StartRule.FIRST_PIECE:
            return latest
        case StartRule.FIRST_TAG:
            return f"its first tag in zone {zone}, or its first piece" if piece else latest
        case StartRule.DISPATCH:
            return f"its dispatch; {latest} at the latest"
        case PointIs():
            return (
                f"the moment when {rule.start_when.point} is true while a station works on it; {latest} at the latest"
            )
        case StationIs(states=states):
            return f"a station that works on it and is {' or '.join(states)}; {latest} at the latest"
        case _:
            assert_never(rule.start_when)


def _dispatch(node: str, device_map: DeviceMap) -> Iterator[str]:
    rule = device_map.nodes.get(node)
    if rule is None:
        yield f"the map has no node {node}"
        return
    yield f"node {node} is worked on at {', '.join(rule.stations) or 'no station of this gateway'}"
    yield f"its work order: {_work_order(rule)}"


def _work_order(rule: NodeRule) -> str:
    match rule.work_order:
        case WorkOrderSource.POINT:
            otherwise = ""
            if rule.otherwise is WorkOrderSource.DISPATCH:
                otherwise = "; while that is empty, the next row of the dispatch list of the station"
            return f"the job number in {rule.work_order_point}{otherwise}"
        case WorkOrderSource.TAGS:
            return "what the tags stand for"
        case WorkOrderSource.DISPATCH:
            return "the next row of the dispatch list of each station, or what somebody opened there"
        case _:
            assert_never(rule.work_order)


def _passage(event: TagPassed, device_map: DeviceMap) -> Iterator[str]:
    reader = device_map.devices.get(event.reader)
    if isinstance(reader, RfidReader):
        presence = reader.presence
        silence = span_text(timedelta(seconds=presence.depart_after_s))
        yield f"a passage needs {presence.min_reads} reads and ends after {silence} of silence"
        yield f"of several read points at the same time one has it that is {presence.move_margin_db:g} dB stronger"
        yield from _others(presence, {"min_reads", "depart_after_s", "move_margin_db"})
    if event.zone is not None:
        yield from _zone(event.zone, device_map)
    if event.node is not None:
        yield from _node(event.node, device_map)


def _zone(name: str, device_map: DeviceMap) -> Iterator[str]:
    zone = device_map.zones.get(name)
    if zone is None:
        yield f"the map has no zone {name}"
        return
    comes, goes = _ends((*zone.enter, *zone.pieces_in)), _ends((*zone.leave, *zone.pieces_out))
    yield f"zone {name}: in at {comes}, out at {goes}"
    if zone.close_after_s is not None:
        yield f"a tag that is silent for {span_text(timedelta(seconds=zone.close_after_s))} has left it"
    told = {"id", "enter", "leave", "pieces_in", "pieces_out", "close_after_s"}
    yield from _others(zone, told)


def _ends(ends: Iterable[object]) -> str:
    names = [f"{end.station}/{end.result}" if isinstance(end, CountedEnd) else str(end) for end in ends]
    return ", ".join(names) or "nowhere"


def _state(station: Station | None) -> Iterator[str]:
    if station is None or station.state is None:
        yield "the map does not say where the state of this station comes from"
        return
    rule = station.state
    if rule.idle_after_s is None:
        yield f"state of {station.id}: the labels of {rule.point}"
    else:
        idle = span_text(timedelta(seconds=rule.idle_after_s))
        yield f"state of {station.id}: runs while {rule.point} counts, idle after {idle} without a piece"
    yield from _others(rule, {"point", "idle_after_s"})
    yield "unknown while its device is silent or its point cannot be read"


def _others(group: Any, told: Set[str]) -> Iterator[str]:
    """The settings of a group that are not told in words and are not as they are by default."""
    for each in fields(group):
        value = getattr(group, each.name)
        default = each.default if each.default_factory is MISSING else each.default_factory()
        if each.name not in told and value != default:
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            yield f"{each.name}: {shown}"


def _devices_of(station: Station) -> set[str]:
    refs: list[PointRef] = [*station.counts.values(), *station.environment]
    if station.state is not None:
        refs.append(station.state.point)
    return {station.device, *(ref.device for ref in refs)}
