"""Pieces that people report and inspect at one node.

A report is the total so far of its source: 8, then 10 of 10, is 10. Sources of one node are compared, not added: the
greatest total counts, and where the newest report is smaller than that, they are in conflict. Only what is declared
disjoint adds up: stations that the plan lists side by side, and lots.

An inspection is of so many pieces, and inspections add up. One that names another in `because` is of the same pieces,
and takes them over. Pieces that failed are rework, or scrap where it says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from genba_cloud.core.facts.counts import Seen
from genba_cloud.core.facts.plan import NodePlan
from genba_cloud.core.personal import who
from genba_shared.events import ProgressReported, QualityRecorded, QualityResult, Result

_Group = tuple[str | None, str | None]
"""Station and lot, where they are declared disjoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """`pieces` None: nobody reports. `newest` is the last report, `complete` the one with which everything was there.

    `in_conflict`: a source says less than another one said before.
    """

    pieces: int | None = None
    newest: ProgressReported | None = None
    complete: ProgressReported | None = None
    in_conflict: bool = False


NO_REPORTS: Final = Reported()


def reported(
    reports: Sequence[ProgressReported],
    plan: NodePlan | None,
    corrected: Mapping[str, int],
    *,
    since: Seen | None,
) -> Reported:
    """What reports in the order of facts come to; those up to `since` complete nothing, but their pieces stand."""
    if not reports:
        return NO_REPORTS
    totals: dict[_Group, dict[str, int]] = {}
    newest: dict[_Group, int] = {}
    complete: ProgressReported | None = None
    for report in reports:
        group, pieces = _group(report, plan), corrected.get(report.id, report.pieces)
        totals.setdefault(group, {})[who(report.source)] = pieces
        newest[group] = pieces
        if plan is None or _sum(totals) < plan.quantity:
            complete = None
        elif complete is None and (since is None or Seen.of(report).key() > since.key()):
            complete = report
    return Reported(
        pieces=_sum(totals),
        newest=reports[-1],
        complete=complete,
        in_conflict=any(newest[group] < max(sources.values()) for group, sources in totals.items()),
    )


def _group(report: ProgressReported, plan: NodePlan | None) -> _Group:
    side_by_side = plan is not None and len(plan.stations) > 1 and report.station in plan.stations
    return report.station if side_by_side else None, report.lot


def _sum(totals: Mapping[_Group, Mapping[str, int]]) -> int:
    return sum(max(sources.values()) for sources in totals.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """Pieces by what inspections found last of them; `complete` is the one with which the whole quantity had passed."""

    passed: int = 0
    rework: int = 0
    scrap: int = 0
    complete: QualityRecorded | None = None

    @property
    def failed(self) -> int:
        """Pieces that failed, whatever becomes of them."""
        return self.rework + self.scrap


NOT_INSPECTED: Final = Inspected()


def inspected(
    inspections: Sequence[QualityRecorded],
    plan: NodePlan | None,
    corrected: Mapping[str, int],
    *,
    since: Seen | None,
) -> Inspected:
    """What inspections in the order of facts come to; those up to `since` complete nothing."""
    left: dict[str, int] = {}
    known = {one.id: one for one in inspections}
    found = {Result.GOOD: 0, Result.REWORK: 0, Result.SCRAP: 0}
    complete: QualityRecorded | None = None
    for one in inspections:
        left[one.id] = max(0, corrected.get(one.id, one.pieces))
        found[_result(one)] += left[one.id]
        for name in {*one.because} & left.keys() - {one.id}:
            taken_over = min(left[name], left[one.id])
            left[name] -= taken_over
            found[_result(known[name])] -= taken_over
        if plan is None or found[Result.GOOD] < plan.quantity:
            complete = None
        elif complete is None and (since is None or Seen.of(one).key() > since.key()):
            complete = one
    return Inspected(
        passed=found[Result.GOOD], rework=found[Result.REWORK], scrap=found[Result.SCRAP], complete=complete
    )


def _result(one: QualityRecorded) -> Result:
    if one.result is not QualityResult.FAILED:
        return Result.GOOD
    return Result.SCRAP if one.disposition is Result.SCRAP else Result.REWORK
