"""Figures of what people say and find: whether updates come in time, and what passes at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from genba_cloud.core.kpis.model import Figure, Kpi, Period, Unit, ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A person entered at `entered_at` that the node was finished at `at`."""

    work_order: str
    node: str
    at: datetime
    entered_at: datetime


def on_time_updates(
    entries: Iterable[Entry], flagged: Collection[tuple[str, str]], period: Period, *, within_s: int
) -> Figure:
    """Share of the completions that people entered within the time that the policy gives.

    Args:
        entries: what people entered; of several for one node the first counts.
        flagged: nodes (work order, node) that were flagged in the period because nobody entered them in time.
        period: when the nodes were finished.
        within_s: how soon an entry is on time, 2 h by default.
    """
    first: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (entry.work_order, entry.node)
        if period.has(entry.at) and (key not in first or entry.entered_at < first[key].entered_at):
            first[key] = entry
    every = {*first, *flagged}
    allowed = timedelta(seconds=within_s)
    good = sum(key not in flagged and entry.entered_at - entry.at <= allowed for key, entry in first.items())
    return Figure(
        kpi=Kpi.ON_TIME_UPDATES,
        unit=Unit.SHARE,
        value=ratio(good, len(every)),
        counted=len(every),
        elements={"on_time": good, "updates": len(every)} if every else {},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """An inspection of pieces that were not inspected before: how many there were, and how many passed at once."""

    node: str
    at: datetime
    pieces: int
    passed: int


def first_pass_yield(inspections: Iterable[Inspected], period: Period) -> Figure:
    """Share of the pieces inspected for the first time in the period that passed without rework or concession."""
    counted = [one for one in inspections if period.has(one.at)]
    pieces, passed = sum(one.pieces for one in counted), sum(one.passed for one in counted)
    return Figure(
        kpi=Kpi.FIRST_PASS_YIELD,
        unit=Unit.SHARE,
        value=ratio(passed, pieces),
        counted=pieces,
        elements={"passed": passed, "inspected": pieces} if pieces else {},
    )
