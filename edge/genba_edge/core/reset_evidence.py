"""What shows that a counter was reset: a button held or let go, an uptime that fell, a boot time that changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from genba_edge.core.observations import Sample, Value
from genba_shared.device_map.model import PointRef, ResetEvidence, ResetSign


class ResetSigns:
    """The evidence that the counters of a map name, and when each of it was last seen."""

    def __init__(self, named: Iterable[ResetEvidence]) -> None:
        evidence = set(named)
        self._by_point = {
            ref: tuple(each for each in evidence if each.point == ref) for ref in {each.point for each in evidence}
        }
        self._last: dict[ResetEvidence, Value] = {}
        self._at: dict[ResetEvidence, datetime] = {}
        self._now: set[ResetEvidence] = set()

    def points(self) -> frozenset[PointRef]:
        """The points that show resets."""
        return frozenset(self._by_point)

    def note(self, ref: PointRef, sample: Sample) -> None:
        """Remember what a point says; of one that shows no resets nothing."""
        for evidence in self._by_point.get(ref, ()):
            last = self._last.get(evidence)
            self._last[evidence] = sample.value
            match evidence.sign:
                case ResetSign.TRUE:
                    shown = bool(sample.value) or bool(last)
                    (self._now.add if sample.value else self._now.discard)(evidence)
                case ResetSign.FALLS:
                    shown = fell(last, sample.value)
                case ResetSign.CHANGES:
                    shown = last is not None and last != sample.value
                case _:
                    assert_never(evidence.sign)
            if shown:
                self._at[evidence] = sample.at

    def seen_since(self, evidence: ResetEvidence, at: datetime) -> bool:
        """Whether it holds now, or showed after `at`."""
        seen_at = self._at.get(evidence)
        return evidence in self._now or (seen_at is not None and seen_at > at)


def fell(before: Value, now: Value) -> bool:
    """Whether a number is smaller than it was; False where there is no number to compare."""
    return isinstance(before, int | float) and isinstance(now, int | float) and now < before
