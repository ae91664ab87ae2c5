"""What bounds the zones of a map: which counter or read point brings pieces in, and which takes them out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from genba_edge.core.counter_state import REACH_MARGIN, REACH_SLACK
from genba_shared.device_map.model import CountedEnd, CounterSettings, DeviceMap, PointRef, ReadPointRef, Zone

SHORTEST_SILENCE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The ends of one zone; a counter may stand several times at an end, for a unit that is made of several pieces."""

    zone: Zone
    counters_in: tuple[PointRef, ...]
    counters_out: tuple[PointRef, ...]

    @property
    def has_counters(self) -> bool:
        """Whether counters bound the zone."""
        return bool(self.counters_in or self.counters_out)

    @property
    def has_tags(self) -> bool:
        """Whether read points bound the zone."""
        return bool(self.zone.enter or self.zone.leave)

    @property
    def devices(self) -> frozenset[str]:
        """The devices that bound the zone."""
        ends: tuple[PointRef | ReadPointRef, ...] = (
            *self.counters_in,
            *self.counters_out,
            *self.zone.enter,
            *self.zone.leave,
        )
        return frozenset(ref.device for ref in ends)

    def sign(self, ref: PointRef) -> int:
        """What one piece of a counter does to the zone: in less out."""
        return self.counters_in.count(ref) - self.counters_out.count(ref)


def bounds_of(device_map: DeviceMap) -> Iterator[Bounds]:
    """The bounds of every zone."""
    for zone in device_map.zones.values():
        yield Bounds(
            zone=zone,
            counters_in=tuple(_counters(zone.pieces_in, device_map)),
            counters_out=tuple(_counters(zone.pieces_out, device_map)),
        )


def counter_of(end: CountedEnd | PointRef, device_map: DeviceMap) -> PointRef:
    """The counter behind an end: named directly, or that of a station."""
    return device_map.stations[end.station].counts[end.result] if isinstance(end, CountedEnd) else end


def reach_of(settings: CounterSettings, silence_s: float) -> int | None:
    """The most pieces that a counter can have counted while it was silent; None: no rate is known."""
    if settings.max_rate is None:
        return None
    counts = math.ceil(settings.max_rate * silence_s * REACH_MARGIN) + REACH_SLACK
    return counts * settings.pieces_per_count


def ahead(silence_s: float) -> float:
    """A time, at least as long as the silence, that doubles: what is said of it holds until it is said again."""
    horizon: float = SHORTEST_SILENCE_S
    while horizon < silence_s:
        horizon *= 2
    return horizon


def _counters(ends: Iterable[CountedEnd | PointRef], device_map: DeviceMap) -> Iterator[PointRef]:
    return (counter_of(end, device_map) for end in ends)
