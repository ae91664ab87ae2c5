"""In which order the observations of one look are taken, and which of them leave no trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from itertools import chain
from operator import attrgetter

from genba_edge.core.observations import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Observation,
    ReadingsLost,
    Sample,
    TagRead,
    Unchanged,
)
from genba_shared.device_map.model import PointRef


class Order:
    """The order of what devices say together.

    Args:
        evidence: points that show the reset of a counter.
        polled: for each polled device, its points that have a role.
    """

    def __init__(self, evidence: Set[PointRef], polled: Mapping[str, Mapping[str, object]]) -> None:
        self._evidence = {
            device: frozenset(ref.point for ref in evidence if ref.device == device)
            for device in {ref.device for ref in evidence}
        }
        self._polled = polled

    def arrange(self, observations: Iterable[Observation]) -> Sequence[Observation]:
        """What leaves a trace, in the order in which it is taken."""
        return self._in_order(self._telling(observations))

    def _telling(self, observations: Iterable[Observation]) -> list[Observation]:
        """Without readings that leave no trace: those of polled points that have no role. Evidence stands alone."""
        polled, evidence = self._polled, self._evidence
        telling = [
            one
            for one in observations
            if type(one) is not Sample or (roles := polled.get(one.device)) is None or one.point in roles
        ]
        if not evidence:
            return telling
        apart = (
            _evidence_apart(one, evidence.get(one.device, frozenset())) if isinstance(one, Unchanged) else (one,)
            for one in telling
        )
        return list(chain.from_iterable(apart))

    def _in_order(self, observations: list[Observation]) -> list[Observation]:
        """By `_order`; where no tags are read and nothing shows a reset, that is by rank and time, sorted in C."""
        if len(observations) < _FEW or any(type(one) is TagRead for one in observations):
            return sorted(observations, key=self._order)
        if not self._evidence.keys().isdisjoint({one.device for one in observations}):
            return sorted(observations, key=self._order)
        observations.sort(key=_at)
        observations.sort(key=_rank)  # those of one rank stay in their order
        return observations

    def _order(self, observation: Observation) -> tuple[int, bool, datetime, bool]:
        """By time; of what was read together, evidence of a reset goes before the counter that it explains.

        A poll takes one reading after the other: they are together whatever their stamps.
        """
        match observation:
            case TagRead():
                return _RANK[TagRead], True, observation.last_seen, False
            case Sample(point=point) | Unchanged(points=(point, *_)):
                later = point not in self._evidence.get(observation.device, ())
                in_turn = later or observation.device not in self._polled
                return _RANK[type(observation)], in_turn, observation.at, later
            case _:
                return _RANK[type(observation)], True, observation.at, True


def _evidence_apart(unchanged: Unchanged, evidence: Set[str]) -> Iterator[Unchanged]:
    """Points that show resets, and the others, as two observations."""
    apart = tuple(point for point in unchanged.points if point in evidence)
    others = tuple(point for point in unchanged.points if point not in evidence)
    for points in filter(None, (apart, others)):
        yield replace(unchanged, points=points)


def _rank(observation: Observation) -> int:
    return _RANK[type(observation)]


_FEW = 8  # fewer are sorted as fast by their whole key
_at = attrgetter("at")
_RANK = {DeviceBack: 0, ReadingsLost: 0, TagRead: 1, Sample: 1, Unchanged: 1, DeviceAlive: 2, DeviceLost: 3}
