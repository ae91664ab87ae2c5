"""What shows that a counter was reset: a button held or let go, an uptime that fell, a boot time that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import assert_never

from genba_edge.core.counter_state import Evidence
from genba_edge.core.journal import Journal, load
from genba_edge.core.observations import Sample, Value
from genba_edge.core.watch import Watch
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import PointRef, ResetEvidence, ResetSign

_KEY = "reset/"
_VALUE_KEY = "reset-value/"


class ResetSigns:
    """The evidence that the counters of a map name: when each of it was last read, and when it last showed.

    When it showed is saved, so that a reset between a reading of the counter and a restart or reload is not missed; and
    the last value of what changes with a boot, so that one that happened while the gateway was away is seen.
    """

    def __init__(self, named: Iterable[ResetEvidence], journal: Journal, saved: Mapping[str, str]) -> None:
        self._journal = journal
        evidence = set(named)
        self._by_point = {
            ref: tuple(each for each in evidence if each.point == ref) for ref in {each.point for each in evidence}
        }
        shown_at, values = load(saved, _KEY), load(saved, _VALUE_KEY)
        self._at = {each: parse_time(shown_at[_name(each)]) for each in evidence if _name(each) in shown_at}
        self._last: dict[ResetEvidence, Value] = {
            each: values[_name(each)] for each in evidence if each.sign is ResetSign.CHANGES and _name(each) in values
        }
        self._began: dict[ResetEvidence, datetime] = {}
        self._read_at: dict[PointRef, datetime] = {}
        self._blind_until: dict[PointRef, datetime] = {}
        self._together: set[PointRef] = set()
        self._now: set[ResetEvidence] = set()

    def points(self) -> frozenset[PointRef]:
        """The points that show resets."""
        return frozenset(self._by_point)

    def begin_look(self) -> None:
        """What is read from here on is read together."""
        self._together.clear()

    def tell(
        self, evidence: ResetEvidence, counter: PointRef, *, since: datetime, at: datetime, watch: Watch
    ) -> Evidence:
        """What a reading of the counter at `at` that shows no reset says, after one that held at `since`.

        A button tells of every moment only where it was read together with the counter: polled in one look, or by a
        server that sends changes and was heard of since. What stays different after a reset (an uptime, a time of boot)
        tells as soon as it is read. An uptime that nobody followed may have passed its old value again.
        """
        point = evidence.point
        keeps = evidence.sign is not ResetSign.TRUE
        if evidence.sign is ResetSign.CHANGES:
            follows = evidence in self._last
        else:
            blind_until = self._blind_until.get(point)
            follows = watch.is_watched(point, at) and blind_until is not None and blind_until <= since
        if not follows:
            return Evidence.NONE
        if self._is_read(point, counter, at, watch, keeps=keeps):
            return Evidence.ABSENT
        return Evidence.AWAITED if keeps or not watch.is_polled(point.device) else Evidence.NONE

    def _is_read(self, point: PointRef, counter: PointRef, at: datetime, watch: Watch, *, keeps: bool) -> bool:
        read_at = self._read_at.get(point)
        if point in self._together or (keeps and read_at is not None and read_at >= at):
            return True
        if watch.is_polled(point.device):
            return False
        heard_at = watch.heard_at(point.device)
        return point.device == counter.device or (heard_at is not None and heard_at >= at)

    def note(self, ref: PointRef, sample: Sample, watch: Watch) -> None:
        """Remember what a point says; of one that shows no resets nothing."""
        self._together.add(ref)
        if ref in self._by_point and not watch.is_watched(ref, sample.at):
            self._blind_until[ref] = sample.at
        self._read_at[ref] = sample.at
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
                    if last != sample.value:
                        self._journal.save(_VALUE_KEY + _name(evidence), sample.value)
                case _:
                    assert_never(evidence.sign)
            if shown:
                self._show(evidence, sample, last)

    def _show(self, evidence: ResetEvidence, sample: Sample, last: Value) -> None:
        self._at[evidence] = sample.at
        if evidence.sign is not ResetSign.TRUE or not last:
            self._began[evidence] = sample.at
        if sample.value != last:  # not at every reading of a button that is held
            self._journal.save(_KEY + _name(evidence), format_time(sample.at))

    def seen_since(self, evidence: ResetEvidence, at: datetime) -> bool:
        """Whether it holds now, or showed after `at`."""
        seen_at = self._at.get(evidence)
        return evidence in self._now or (seen_at is not None and seen_at > at)

    def is_shown_from(self, evidence: ResetEvidence, at: datetime) -> bool:
        """Whether it holds now, or showed at `at` or later."""
        shown_at = self._at.get(evidence)
        return evidence in self._now or (shown_at is not None and shown_at >= at)

    def began_since(self, evidence: ResetEvidence, at: datetime) -> bool:
        """Whether it began to show after `at`."""
        began_at = self._began.get(evidence, self._at.get(evidence))
        return began_at is not None and began_at > at


def _name(evidence: ResetEvidence) -> str:
    return f"{evidence.sign}/{evidence.point}"


def fell(before: Value, now: Value) -> bool:
    """Whether a number is smaller than it was; False where there is no number to compare."""
    return isinstance(before, int | float) and isinstance(now, int | float) and now < before
