"""The counters of a map: whose pieces they count, what their value means, and how their state is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import Enum
from typing import Any

from genba_edge.core.counter import CounterState
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import CounterSettings, DeviceMap, MqttInDevice, Point, PointRef
from genba_shared.events import Result, Source, SourceType

# Settings of a point that choose how often, when and for whom it is read; its value is the same whatever they say.
_HOW_IT_IS_READ = frozenset(
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
_WHAT_A_COUNT_IS = frozenset({"limit", "direction", "pieces_per_count"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPoint:
    """A counter of the map, and what its pieces are; `station` None: they cross the bound of a zone, and no more."""

    ref: PointRef
    settings: CounterSettings
    station: str | None
    result: Result
    meaning: str
    source: Source


def counted_points(device_map: DeviceMap) -> Iterator[CountedPoint]:
    """The counters that stations count by, and those that zones name directly."""
    for station in device_map.stations.values():
        for result, ref in station.counts.items():
            yield from _counted(device_map, ref, station=station.id, result=result)
    for ref in _named_directly(device_map):
        yield from _counted(device_map, ref, station=None, result=Result.GOOD)


def _named_directly(device_map: DeviceMap) -> Iterable[PointRef]:
    ends = (end for zone in device_map.zones.values() for end in (*zone.pieces_in, *zone.pieces_out))
    return dict.fromkeys(end for end in ends if isinstance(end, PointRef))


def _counted(device_map: DeviceMap, ref: PointRef, *, station: str | None, result: Result) -> Iterator[CountedPoint]:
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
        )


def load_counter(value: Mapping[str, Any]) -> CounterState:
    """The state of a counter from what was saved of it."""
    kept = {name: value[name] for name in CounterState._fields if name in value}
    times = {name: parse_time(value[name]) for name in ("changed_at", "seen_at")}
    return CounterState(**{**kept, **times})


def save_counter(state: CounterState) -> dict[str, Any]:
    """The fields of the state as JSON takes them; written out, since `asdict` copies and costs ten times as much."""
    return {
        "last": state.last,
        "changed_at": format_time(state.changed_at),
        "seen_at": format_time(state.seen_at),
        "total": state.total,
        "epoch": state.epoch,
        "before": state.before,
        "doubted": state.doubted,
        "readings": state.readings,
    }


def meaning_of(point: Point, settings: CounterSettings) -> str:
    """Two readings of a counter can be compared where this text is the same for both.

    Where the device stands (its host and port) does not belong to it: a machine may get another address. A setting that
    has its default is left out, so that one that a later version adds does not change the text of older maps.
    """
    source = [f"{each.name}={_text(getattr(point, each.name))}" for each in fields(point) if _tells(point, each)]
    count = [f"{each.name}={_text(getattr(settings, each.name))}" for each in fields(settings) if _counts(each)]
    return " ".join(sorted(source + count))


def _tells(point: Point, each: Field[object]) -> bool:
    return each.name not in _HOW_IT_IS_READ and (each.default is MISSING or getattr(point, each.name) != each.default)


def _counts(each: Field[object]) -> bool:
    return each.name in _WHAT_A_COUNT_IS


def _text(value: object) -> str:
    return str(value.value) if isinstance(value, Enum) else str(value)
