"""Figures of nodes: how long work takes, how long it waits, and whether as much is done as was planned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from genba_cloud.core.kpis.model import Figure, Kpi, NodeSeen, Part, Period, Unit, mean, parts_of, ratio
from genba_cloud.core.status import tolerance_of
from genba_cloud.core.working_time import add, working_seconds


def operation_time(nodes: Iterable[NodeSeen], period: Period) -> Figure:
    """Mean working time from the start to the completion of nodes completed in the period, by node.

    Nodes that were left out, and whose start nobody saw, have none. What was taken back is not in the facts.
    """
    times: dict[str, list[float]] = {}
    for node in nodes:
        started, over = node.facts.started_at, node.worked_until
        if period.has(over) and started is not None and over is not None and started <= over:
            times.setdefault(node.plan.node, []).append(working_seconds(node.calendar, started, over))
    every = [one for some in times.values() for one in some]
    return Figure(
        kpi=Kpi.OPERATION_TIME, unit=Unit.SECONDS, value=mean(every), counted=len(every), parts=parts_of(times)
    )


def waiting(nodes: Iterable[NodeSeen], period: Period) -> Figure:
    """Mean working time between the moment a node could begin and its start, of nodes started in the period.

    A node that began before everything was handed over did not wait. `total_s` is what was lost in all.
    """
    times: dict[str, list[float]] = {}
    for node in nodes:
        started = node.facts.started_at
        if started is not None and period.has(started) and node.ready_at is not None:
            waited = max(0, working_seconds(node.calendar, node.ready_at, started))
            times.setdefault(node.plan.node, []).append(waited)
    every = [one for some in times.values() for one in some]
    return Figure(
        kpi=Kpi.WAITING,
        unit=Unit.SECONDS,
        value=mean(every),
        counted=len(every),
        elements={"total_s": sum(every)} if every else {},
        parts=parts_of(times),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfPlan:
    """A local day: nodes planned to finish on it, those of them that kept the plan, and nodes completed on it."""

    day: date
    planned: int
    completed: int
    kept: int


def plan_by_day(nodes: Iterable[NodeSeen], period: Period) -> tuple[DayOfPlan, ...]:
    """Plan against actual, day by day, in the zone of each node's site; days on which nothing was to be done are left
    out."""
    planned: dict[date, int] = {}
    completed: dict[date, int] = {}
    kept: dict[date, int] = {}
    for node in nodes:
        over, due = node.facts.completed_at, node.plan.planned_finish
        if period.has(over) and over is not None:
            day = _day(over, node)
            completed[day] = completed.get(day, 0) + 1
        if period.has(due):
            day = _day(due, node)
            planned[day] = planned.get(day, 0) + 1
            kept[day] = kept.get(day, 0) + (over is not None and over <= _latest(node))
    return tuple(
        DayOfPlan(day=day, planned=planned.get(day, 0), completed=completed.get(day, 0), kept=kept.get(day, 0))
        for day in sorted({*planned, *completed})
    )


def completion_trend(nodes: Iterable[NodeSeen], period: Period) -> Figure:
    """Nodes completed by nodes planned to finish, in the whole period and day by day (above 1: work was caught up)."""
    days = plan_by_day(nodes, period)
    planned, completed = sum(day.planned for day in days), sum(day.completed for day in days)
    return Figure(
        kpi=Kpi.COMPLETION_TREND,
        unit=Unit.SHARE,
        value=ratio(completed, planned),
        counted=planned,
        elements={"completed": completed, "planned": planned} if days else {},
        parts=tuple(
            Part(name=f"{day.day:%Y-%m-%d}", value=ratio(day.completed, day.planned), counted=day.planned)
            for day in days
        ),
    )


def quality_ratio(nodes: Iterable[NodeSeen], period: Period) -> Figure:
    """ISO 22400-2: GQ / PQ. Good pieces by all pieces of the nodes completed in the period, by node."""
    good: dict[str, int] = {}
    every: dict[str, int] = {}
    for node in nodes:
        if period.has(node.worked_until):
            name, facts = node.plan.node, node.facts
            good[name] = good.get(name, 0) + facts.good
            every[name] = every.get(name, 0) + facts.good + facts.scrap + facts.rework
    parts = (Part(name=name, value=ratio(good[name], every[name]), counted=every[name]) for name in sorted(every))
    total = sum(every.values())
    return Figure(
        kpi=Kpi.QUALITY_RATIO,
        unit=Unit.SHARE,
        value=ratio(sum(good.values()), total),
        counted=total,
        elements={"GQ": sum(good.values()), "PQ": total} if total else {},
        parts=tuple(parts),
    )


def _day(at: datetime, node: NodeSeen) -> date:
    return at.astimezone(ZoneInfo(node.calendar.zone)).date()


def _latest(node: NodeSeen) -> datetime:
    tolerance = tolerance_of(node.plan.planned_start, node.plan.planned_finish, node.calendar)
    return add(node.calendar, node.plan.planned_finish, tolerance)
