"""What shows that a counter was reset: a button held or let go, an uptime that fell, a boot time that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import assert_never

from genba_edge.core.journal import Journal, load
from genba_edge.core.observations import Sample, Value
from genba_edge.core.watch import Watch
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import PointRef, ResetEvidence, ResetSign

_KEY = "reset/"


class ResetSigns:
    """The evidence that the counters of a map name: when each of it was last read, and when it last showed.

    When it showed is saved, so that a reset between a reading of the counter and a restart or reload is not missed.
    """

    def __init__(self, named: Iterable[ResetEvidence], journal: Journal, saved: Mapping[str, str]) -> None:
        self._journal = journal
        evidence = set(named)
        self._by_point = {
            ref: tuple(each for each in evidence if each.point == ref) for ref in {each.point for each in evidence}
        }
        self._last: dict[ResetEvidence, Value] = {}
        shown_at = load(saved, _KEY)
        self._at = {each: parse_time(shown_at[_name(each)]) for each in evidence if _name(each) in shown_at}
        self._together: set[PointRef] = set()
        self._now: set[ResetEvidence] = set()

    def points(self) -> frozenset[PointRef]:
        """The points that show resets."""
        return frozenset(self._by_point)

    def begin_look(self) -> None:
        """What is read from here on is read together."""
        self._together.clear()

    def are_read(self, evidence: ResetEvidence | None, counter: PointRef, at: datetime, watch: Watch) -> bool:
        """Whether a reset of the counter up to `at` would have shown by now.

        A polled point shows it when it was read together with the counter; what stands in a slower group was not. A
        server that sends changes sends those of one device together; another device must have been heard of since.
        """
        if evidence is None or not watch.is_watched(evidence.point, at):
            return False
        device = evidence.point.device
        if watch.is_polled(device):
            return evidence.point in self._together
        heard_at = watch.heard_at(device)
        return device == counter.device or (heard_at is not None and heard_at >= at)

    def note(self, ref: PointRef, sample: Sample) -> None:
        """Remember what a point says; of one that shows no resets nothing."""
        self._together.add(ref)
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
                if sample.value != last:  # not at every reading of a button that is held
                    self._journal.save(_KEY + _name(evidence), format_time(sample.at))

    def seen_since(self, evidence: ResetEvidence, at: datetime) -> bool:
        """Whether it holds now, or showed after `at`."""
        seen_at = self._at.get(evidence)
        return evidence in self._now or (seen_at is not None and seen_at > at)


def _name(evidence: ResetEvidence) -> str:
    return f"{evidence.sign}/{evidence.point}"


def fell(before: Value, now: Value) -> bool:
    """Whether a number is smaller than it was; False where there is no number to compare."""
    return isinstance(before, int | float) and isinstance(now, int | float) and now < before
