"""The counters of a map: whose pieces they count, what their value means, and how their state is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Any, Final

from genba_edge.core.counter_state import CounterState, Evidence, Held
from genba_edge.core.journal import load
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import (
    CounterSettings,
    DeviceMap,
    MqttInDevice,
    Point,
    PointRef,
    WorkOrderSource,
)
from genba_shared.events import Result, Source, SourceType

# Settings of a point that choose how often, when and for whom it is read; its value is the same whatever they say.
HOW_IT_IS_READ = frozenset(
    {
        "name",
        "unit",
        "label",
        "labels",
        "words",
        "counter",
        "deadband",
        "min_interval_s",
        "max_interval_s",
        "group",
        "mode",
        "sampling_s",
        "queue",
        "time",
        "time_field",
    }
)
_WHAT_A_COUNT_IS = ("limit", "direction", "pieces_per_count")
_WHAT_A_COUNT_MAY_BE = ("lowest",)  # said where it is not the default, so that older maps keep their text


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPoint:
    """A counter of the map, and what its pieces are; `station` None: they cross the bound of a zone, and no more.

    `follows_job`: the station's job number stands in a point of the counter's own device, where the PLC may put the
    counter back for each job.
    """

    ref: PointRef
    settings: CounterSettings
    station: str | None
    result: Result
    meaning: str
    source: Source
    follows_job: bool


def counted_points(device_map: DeviceMap) -> Iterator[CountedPoint]:
    """The counters that stations count by, and those that zones name directly."""
    job_devices = {
        station: rule.work_order_point.device
        for rule in device_map.nodes.values()
        if rule.work_order is WorkOrderSource.POINT and rule.work_order_point is not None
        for station in rule.stations
    }
    for station in device_map.stations.values():
        for result, ref in station.counts.items():
            follows_job = job_devices.get(station.id) == ref.device
            yield from _counted(device_map, ref, station=station.id, result=result, follows_job=follows_job)
    for ref in _named_directly(device_map):
        yield from _counted(device_map, ref, station=None, result=Result.GOOD, follows_job=False)


def _named_directly(device_map: DeviceMap) -> Iterable[PointRef]:
    ends = (end for zone in device_map.zones.values() for end in (*zone.pieces_in, *zone.pieces_out))
    return dict.fromkeys(end for end in ends if isinstance(end, PointRef))


def _counted(
    device_map: DeviceMap, ref: PointRef, *, station: str | None, result: Result, follows_job: bool
) -> Iterator[CountedPoint]:
    device = device_map.devices[ref.device]
    point = device.points[ref.point]
    if point.counter is not None:
        yield CountedPoint(
            ref=ref,
            settings=point.counter,
            station=station,
            result=result,
            meaning=meaning_of(point, point.counter),
            source=Source(type=device.source if isinstance(device, MqttInDevice) else SourceType.PLC, ref=str(ref)),
            follows_job=follows_job,
        )


KEY: Final = "counter/"
"""Of the saved state of counters; the point's name follows."""


def counted_until(saved: Mapping[str, str]) -> dict[str, datetime]:
    """By device, until when the counters that were saved are known; the earliest of its counters."""
    until: dict[str, datetime] = {}
    for name, value in load(saved, KEY).items():
        device, seen_at = name.partition("/")[0], parse_time(value["seen_at"])
        until[device] = min(seen_at, until.get(device, seen_at))
    return until


def load_counter(value: Mapping[str, Any]) -> CounterState:
    """The state of a counter from what was saved of it.

    Older versions saved fewer fields, and of a step that waited for confirmation not when it began: it waits anew.
    """
    kept = {name: value[name] for name in CounterState._fields if name in value}
    times = {name: parse_time(value[name]) for name in ("changed_at", "seen_at")}
    held = value.get("held")
    return CounterState(**{**kept, **times, "held": None if held is None else _load_held(held)})


def save_counter(state: CounterState) -> dict[str, Any]:
    """The fields of the state as JSON takes them; written out, since `asdict` copies and costs ten times as much."""
    return {
        "last": state.last,
        "changed_at": format_time(state.changed_at),
        "seen_at": format_time(state.seen_at),
        "total": state.total,
        "epoch": state.epoch,
        "before": state.before,
        "total_then": state.total_then,
        "pace_s": state.pace_s,
        "held": None if state.held is None else _save_held(state.held),
    }


def _load_held(value: Mapping[str, Any]) -> Held:
    times = {name: parse_time(value[name]) for name in ("at", "seen_at")}
    return Held(**{**value, **times, "evidence": Evidence(value["evidence"])})


def _save_held(held: Held) -> dict[str, Any]:
    times = {"at": format_time(held.at), "seen_at": format_time(held.seen_at)}
    return {**held._asdict(), **times, "evidence": str(held.evidence)}


def meaning_of(point: Point, settings: CounterSettings) -> str:
    """Two readings of a counter can be compared where this text is the same for both.

    Where the device stands (its host and port) does not belong to it: a machine may get another address. A setting that
    has its default is left out, so that one that a later version adds does not change the text of older maps.
    """
    source = [f"{each.name}={_text(getattr(point, each.name))}" for each in fields(point) if _tells(point, each)]
    count = [
        f"{each.name}={_text(getattr(settings, each.name))}" for each in fields(settings) if _counts(each, settings)
    ]
    return " ".join(sorted(source + count))


def _tells(point: Point, each: Field[object]) -> bool:
    return each.name not in HOW_IT_IS_READ and (each.default is MISSING or getattr(point, each.name) != each.default)


def _counts(each: Field[object], settings: CounterSettings) -> bool:
    differs = getattr(settings, each.name) != each.default
    return each.name in _WHAT_A_COUNT_IS or (each.name in _WHAT_A_COUNT_MAY_BE and differs)


def _text(value: object) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)
