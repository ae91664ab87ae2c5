"""The way through the zones, as the map gives it: which passages one sighting implies.

Two zones are neighbours where a read point that leaves the one enters the other. A tag that was last known in one zone
and is seen at a read point further on must have come by what lies between, if there is only one way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise

from genba_shared.device_map.model import ReadPointRef, Zone
from genba_shared.events import Direction

_TOO_MANY = 2


class Start(StrEnum):
    """Where a tag that was in no zone may have come from: from anywhere, or it went the whole way."""

    ANYWHERE = "anywhere"
    AT_BEGINNING = "at_beginning"


class Step(StrEnum):
    """How a sighting goes with where the tag was known to be.

    `next`: at a way out of its zone, or at the first read point of a tag that was nowhere. `again`: at the way into
    its zone, which it took already. `ahead`: further on, by one way only. `back`: before its zone. `elsewhere`: no
    way, or more than one, leads there. `beside`: at a read point that bounds no zone.
    """

    NEXT = "next"
    AGAIN = "again"
    AHEAD = "ahead"
    BACK = "back"
    ELSEWHERE = "elsewhere"
    BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class Crossing:
    """Into a zone or out of it. `ref`: the read point; None: nobody knows which."""

    zone: Zone
    direction: Direction
    ref: ReadPointRef | None
    implied: bool


@dataclass(frozen=True, slots=True)
class Way:
    """What a sighting means: the crossings up to it in their order, those that no reader saw first."""

    step: Step
    crossings: tuple[Crossing, ...] = ()

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that the tag is in afterwards."""
        return tuple(
            crossing.zone.id
            for crossing in self.crossings
            if crossing.direction is Direction.ENTER and not crossing.implied
        )

    @property
    def is_straight(self) -> bool:
        """Whether the tag came where it was expected, and nothing is implied."""
        return self.step is Step.NEXT and not any(crossing.implied for crossing in self.crossings)


class Route:
    """The ways through the zones of a map that are bounded by read points."""

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        self._zones = {name: zone for name, zone in zones.items() if zone.enter}
        self._next = {
            zone.id: [other.id for other in self._zones.values() if other is not zone and _gates(zone, other)]
            for zone in self._zones.values()
        }
        self._before = {
            name: [other for other, following in self._next.items() if name in following] for name in self._zones
        }
        self.way = cache(self._way)
        self.way_on = cache(self._way_on)

    def _way(self, here: str | None, ref: ReadPointRef, start: Start = Start.ANYWHERE) -> Way:
        """What it means that a tag is seen at `ref`.

        Args:
            here: the zone in which it was known to be; None: in none.
            ref: the read point.
            start: where a tag that was in no zone may have come from.
        """
        left = [zone for zone in self._zones.values() if ref in zone.leave]
        entered = [zone for zone in self._zones.values() if ref in zone.enter]
        at = None if here is None else self._zones.get(here)
        if not left and not entered:
            return Way(Step.BESIDE)
        if at is None:
            came = self._way_in(left, start)
            return Way(Step.NEXT, (*came, *_seen(ref, left if came else [], entered)))
        if at in left:
            return Way(Step.NEXT, _seen(ref, [at], entered))
        if at in entered:
            return Way(Step.AGAIN)
        ways = [way for zone in left for way in self._ways(at.id, zone.id)]
        if len(ways) == 1:
            (way,) = ways
            return Way(Step.AHEAD, (*self._along(way), *_seen(ref, [self._zones[way[-1]]], entered)))
        is_back = not ways and any(self._ways(zone.id, at.id) for zone in (*entered, *left))
        out = Crossing(at, Direction.LEAVE, None if is_back else _only(at.leave), implied=True)
        came = () if is_back and entered else self._way_in(left, Start.ANYWHERE)
        return Way(Step.BACK if is_back else Step.ELSEWHERE, (out, *came, *_seen(ref, left if came else [], entered)))

    def _way_on(self, here: str) -> tuple[Crossing, ...]:
        """The rest of the way of a tag that is known to have gone it to its end: where it forks, only out of `here`."""
        way = [here]
        while following := self._next[way[-1]]:
            zone, other = self._zones[way[-1]], self._zones[following[0]]
            if len(following) > 1 or set(zone.leave) - set(other.enter) or other.id in way:
                return (Crossing(self._zones[here], Direction.LEAVE, _only(self._zones[here].leave), implied=True),)
            way.append(other.id)
        last = self._zones[way[-1]]
        return (*self._along(way), Crossing(last, Direction.LEAVE, _only(last.leave), implied=True))

    def only_way_out(self, here: str) -> ReadPointRef | None:
        """The read point by which a tag leaves for good: the only one out of a zone that no other zone follows."""
        zone = self._zones.get(here)
        return None if zone is None or self._next[here] else _only(zone.leave)

    def _way_in(self, left: list[Zone], start: Start) -> tuple[Crossing, ...]:
        """How a tag that is seen leaving came in; nothing where that could be several zones."""
        if len(left) != 1:
            return ()
        way = [left[0].id]
        while start is Start.AT_BEGINNING and len(before := self._before[way[0]]) == 1 and before[0] not in way:
            if set(self._zones[way[0]].enter) - set(self._zones[before[0]].leave):
                break
            way.insert(0, before[0])
        first = self._zones[way[0]]
        return (Crossing(first, Direction.ENTER, _only(first.enter), implied=True), *self._along(way))

    def _along(self, way: list[str]) -> tuple[Crossing, ...]:
        """From each zone of the way into the next one, unseen."""
        crossings: list[Crossing] = []
        for name, following in pairwise(way):
            zone, other = self._zones[name], self._zones[following]
            gate = _only(_gates(zone, other))
            crossings.append(Crossing(zone, Direction.LEAVE, gate, implied=True))
            crossings.append(Crossing(other, Direction.ENTER, gate, implied=True))
        return tuple(crossings)

    def _ways(self, here: str, goal: str, passed: tuple[str, ...] = ()) -> list[list[str]]:
        """The ways from one zone to another that enter no zone twice; at most two, since two are as bad as many."""
        if here == goal:
            return [[*passed, goal]]
        found: list[list[str]] = []
        for following in self._next[here]:
            if following not in passed and len(found) < _TOO_MANY:
                found += self._ways(following, goal, (*passed, here))
        return found[:_TOO_MANY]


def _gates(zone: Zone, following: Zone) -> tuple[ReadPointRef, ...]:
    """The read points at which a tag leaves the one zone and enters the other."""
    return tuple(ref for ref in zone.leave if ref in following.enter)


def _only(refs: tuple[ReadPointRef, ...]) -> ReadPointRef | None:
    return refs[0] if len(refs) == 1 else None


def _seen(ref: ReadPointRef, left: list[Zone], entered: list[Zone]) -> tuple[Crossing, ...]:
    return (
        *(Crossing(zone, Direction.LEAVE, ref, implied=False) for zone in left),
        *(Crossing(zone, Direction.ENTER, ref, implied=False) for zone in entered),
    )
