"""The weekly review: which orders were late and why, whether the plan was kept, and what the last actions changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.deviation import Deviation, Level
from genba_cloud.core.facts.response import TaskFacts
from genba_cloud.core.kpis import DayOfPlan, Figure, Period
from genba_cloud.core.reports.answers import NO_TROUBLE, Answer, Trouble, WorstNode, answer_of, worst_node
from genba_shared.events import EpisodeEscalated, EpisodeOpened, Event

LateNode: TypeAlias = WorstNode
UNEXPLAINED: Final = ""
"""Stands for the cause of delays that nobody has explained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayedOrder:
    """An order that was late in the week. `worst` is its greatest level in it; `deviation` as it stands now, or at its
    end."""

    order: str
    customer: str
    worst: Level
    level: Level
    deviation: Deviation
    finished: bool
    node: WorstNode | None
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseShare:
    """A cause (`UNEXPLAINED`: nobody knows it): delayed orders, working seconds late, and the share of these seconds
    that this cause and those before it make up."""

    cause: str
    orders: int
    late_s: int
    cumulative: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What became of an order after a task had a plan: its deviation when the plan was made, and now (or at its end).

    `before` None: the order was not late then, as far as anybody was told.
    """

    task: str
    order: str
    cause: str | None
    action: str | None
    owner: str | None
    planned_at: datetime
    is_open: bool
    before: Deviation | None
    after: Deviation
    finished: bool
    said: str | None = None

    @property
    def gained_tenths(self) -> int | None:
        """How many tenths of a percentage point the deviation fell; below 0: it grew. None: nothing to compare."""
        if self.before is None:
            return None
        return _tenths(self.before) - _tenths(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyReport:
    """A week, or another period. `figures` are those of its orders."""

    period: Period
    delayed: tuple[DelayedOrder, ...]
    causes: tuple[CauseShare, ...]
    days: tuple[DayOfPlan, ...]
    figures: tuple[Figure, ...]
    effects: tuple[Effect, ...]


def weekly_report(
    orders: Sequence[AssessedOrder],
    episodes: Mapping[str, Sequence[Event]],
    trouble: Trouble,
    *,
    period: Period,
    days: tuple[DayOfPlan, ...],
    figures: tuple[Figure, ...],
    planned_since: datetime,
) -> WeeklyReport:
    """Put the review together.

    Args:
        orders: those that were worked on, planned or late in the period, and those of the tasks.
        episodes: by order, its episode events, oldest first.
        trouble: problems, alerts and tasks.
        period: which week.
        days: plan against actual.
        figures: key figures that belong to the review.
        planned_since: actions whose plan was made from here on are looked at again.
    """
    owners = {work.work_order: order.plan.order for order in orders for work in order.plan.work_orders}
    by_order = trouble.by_order(owners)
    delayed = [
        found
        for order in orders
        if (found := _delayed(order, episodes.get(order.plan.order, ()), by_order, period)) is not None
    ]
    delayed.sort(key=lambda one: (-one.worst.rank, -_tenths(one.deviation), one.order))
    return WeeklyReport(
        period=period,
        delayed=tuple(delayed),
        causes=pareto(delayed),
        days=days,
        figures=figures,
        effects=effects_of(orders, episodes, trouble.tasks, since=planned_since, until=period.end),
    )


def pareto(delayed: Iterable[DelayedOrder]) -> tuple[CauseShare, ...]:
    """Causes by the working time that orders were late for them, the greatest first."""
    orders: dict[str, int] = {}
    late: dict[str, int] = {}
    for one in delayed:
        cause = one.answer.cause or UNEXPLAINED
        orders[cause] = orders.get(cause, 0) + 1
        late[cause] = late.get(cause, 0) + max(0, one.deviation.late_s)
    total, sum_s = sum(late.values()), 0
    found: list[CauseShare] = []
    for cause in sorted(orders, key=lambda one: (-late[one], -orders[one], one)):
        sum_s += late[cause]
        share = sum_s / total if total else 0.0
        found.append(CauseShare(cause=cause, orders=orders[cause], late_s=late[cause], cumulative=share))
    return tuple(found)


def effects_of(
    orders: Iterable[AssessedOrder],
    episodes: Mapping[str, Sequence[Event]],
    tasks: Iterable[TaskFacts],
    *,
    since: datetime,
    until: datetime,
) -> tuple[Effect, ...]:
    """What the actions changed that were planned in a span of time, the newest first."""
    known = {order.plan.order: order for order in orders}
    found: list[Effect] = []
    for task in tasks:
        order = known.get(task.order or "")
        if order is None or task.planned_at is None or not since <= task.planned_at < until:
            continue
        found.append(
            Effect(
                task=task.task,
                order=order.plan.order,
                cause=task.cause,
                action=task.plan,
                owner=task.owner,
                planned_at=task.planned_at,
                is_open=task.is_open,
                before=deviation_at(episodes.get(order.plan.order, ()), task.planned_at),
                after=order.assessment.deviation,
                finished=order.assessment.finished,
                said=task.effect,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.planned_at, one.task), reverse=True))


def deviation_at(events: Iterable[Event], at: datetime) -> Deviation | None:
    """The deviation that was told last before an instant, of an episode that was open then."""
    found: Deviation | None = None
    for event in events:
        if event.at > at:
            continue
        found = None
        if isinstance(event, EpisodeOpened | EpisodeEscalated):
            found = Deviation(late_s=event.late_s, lead_s=event.lead_s)
    return found


def _delayed(
    order: AssessedOrder, events: Sequence[Event], by_order: Mapping[str, Trouble], period: Period
) -> DelayedOrder | None:
    assessment = order.assessment
    told = [
        Level(one.level) for one in events if isinstance(one, EpisodeOpened | EpisodeEscalated) and period.has(one.at)
    ]
    if assessment.cancelled or (not (told or _was_late(order, events, period))):
        return None
    return DelayedOrder(
        order=order.plan.order,
        customer=order.plan.customer,
        worst=max([assessment.level, *told], key=lambda level: level.rank),
        level=assessment.level,
        deviation=assessment.deviation,
        finished=assessment.finished,
        node=worst_node(order),
        answer=answer_of(by_order.get(order.plan.order, NO_TROUBLE)),
    )


def _was_late(order: AssessedOrder, events: Sequence[Event], period: Period) -> bool:
    """Whether an episode was open at the end of the period, or the order was finished late in it."""
    assessment = order.assessment
    is_late = assessment.finished and assessment.level is not Level.NONE
    return deviation_at(events, period.end) is not None or (is_late and period.has(assessment.expected_finish))


def _tenths(deviation: Deviation) -> int:
    return 1000 * deviation.late_s // deviation.lead_s
