"""Where the bars of plan and actual lie: shares of the drawn time, as an SVG takes them. No words, no rights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from genba_cloud.core.assess import NodeAssessment
from genba_cloud.core.facts.views import Lifecycle

_STEPS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240, 480)) + tuple(
    timedelta(days=days) for days in (1, 2, 7, 14, 28, 56)
)
_MOST_TICKS: Final = 7
_NARROWEST: Final = 0.4  # percent: so that what was short is seen, too
_LAST_TICK: Final = 96.0  # percent: its label still fits
_EDGE: Final = 0.02  # of the drawn time, free on both sides


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """From `x` on, `width` wide: percent with a sign, as SVG takes them."""

    x: str
    width: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeBars:
    """A node's time as it was planned, as it really was (until now, where it runs), and as it is expected to go on."""

    baseline: Bar | None
    actual: Bar | None
    expected: Bar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark of the scale. `is_day`: it is midnight, and the date belongs to it."""

    x: str
    at: datetime
    is_day: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The time that is drawn."""

    begin: datetime
    end: datetime

    def place(self, at: datetime) -> float:
        """Where an instant lies, in percent; what lies outside lies on the edge."""
        return min(100.0, max(0.0, 100.0 * ((at - self.begin) / (self.end - self.begin))))

    def x(self, at: datetime) -> str:
        """The same as SVG takes it."""
        return f"{self.place(at):.2f}%"

    def bar(self, begin: datetime | None, end: datetime | None) -> Bar | None:
        """The bar between two instants; None where one of them is missing."""
        if begin is None or end is None or end < begin:
            return None
        first = self.place(begin)
        return Bar(x=f"{first:.2f}%", width=f"{max(_NARROWEST, self.place(end) - first):.2f}%")

    def ticks(self, zone: tzinfo | None) -> list[Tick]:
        """Round local times, few enough that each can be labelled on a phone."""
        length = self.end - self.begin
        step = next((step for step in _STEPS if length / step <= _MOST_TICKS), _STEPS[-1])
        local = self.begin.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight + ((local - midnight) // step + 1) * step
        found: list[Tick] = []
        while self.place(at) < _LAST_TICK and len(found) < 2 * _MOST_TICKS:
            here = at.astimezone(zone)
            found.append(Tick(x=self.x(at), at=at, is_day=(here.hour, here.minute) == (0, 0)))
            at += step
        return found


def scale_of(nodes: Iterable[NodeAssessment], others: Iterable[datetime]) -> Scale:
    """The time in which everything lies that is known of these nodes, and these instants."""
    known = [at for node in nodes for at in _instants(node)] + list(others)
    begin, end = min(known), max(known)
    edge = max(timedelta(minutes=5), (end - begin) * _EDGE)
    return Scale(begin=begin - edge, end=end + edge)


def bars_of(
    node: NodeAssessment, now: datetime, scale: Scale, ends: Mapping[tuple[str, str], datetime], work_order: str
) -> NodeBars:
    """The bars of one node. `ends`: when each node (work order, node) is expected to be finished, or was."""
    plan, facts = node.plan, node.facts
    over = facts.completed_at or facts.claimed_at
    begun = facts.started_at or over
    is_running = over is None and facts.started_at is not None
    expected = None
    if plan is not None and facts.lifecycle is not Lifecycle.DONE and node.expected_finish is not None:
        before = [ends[key] for need in plan.needs() if (key := (need.work_order or work_order, need.node)) in ends]
        begin = now if is_running or over is not None else max([now, plan.planned_start, *before])
        expected = scale.bar(min(begin, node.expected_finish), node.expected_finish)
    return NodeBars(
        baseline=scale.bar(plan.planned_start, plan.planned_finish) if plan else None,
        actual=scale.bar(begun, now if is_running else over),
        expected=expected,
    )


def ends_of(nodes: Mapping[str, Sequence[NodeAssessment]]) -> dict[tuple[str, str], datetime]:
    """When each node is expected to be finished, or was."""
    return {
        (work_order, node.facts.node): node.expected_finish
        for work_order, group in nodes.items()
        for node in group
        if node.expected_finish is not None
    }


def _instants(node: NodeAssessment) -> Iterable[datetime]:
    plan, facts = node.plan, node.facts
    planned = (plan.planned_start, plan.planned_finish) if plan else ()
    every = (*planned, facts.started_at, facts.claimed_at, facts.completed_at, node.expected_finish)
    return (at for at in every if at is not None)
