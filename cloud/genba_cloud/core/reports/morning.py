"""The morning meeting: what changed since the last one, what is red or orange, and who does what about it today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.deviation import Level
from genba_cloud.core.facts.response import ProblemFacts, TaskFacts
from genba_cloud.core.order_list import Distribution, OrderLine, Sort, distribution_of, line_of, place_of
from genba_cloud.core.reports.answers import NO_TROUBLE, Answer, Trouble, WorstNode, answer_of, worst_node
from genba_shared.events import EpisodeEscalated, EpisodeOpened, Event

MOST_ORDERS: Final = 50
_UNSPOKEN: Final = frozenset(
    {
        "dispatch_closed",
        "dispatch_opened",
        "material_consumed",
        "material_issued",
        "node_started",
        "station_changed_over",
    }
)
"""Kinds that happen all day long and that nobody talks about."""
_PROGRESS: Final = frozenset({"node_completed", "node_confirmed", "order_confirmed", "quality_recorded"})
"""Kinds that are how things should be: they are told, and do not bring an order on the list by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that happened since the last meeting; `count` events of a kind, the last of them at `at`."""

    kind: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MorningOrder:
    """An order that is talked about. `level_before` is its level at the last meeting, None where that is not known."""

    line: OrderLine
    level_before: Level | None
    changes: tuple[Change, ...]
    node: WorstNode | None
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class MorningReport:
    """`orders`: red first; `left_out` are those that would have followed. `tasks` are due, or have no plan yet."""

    since: datetime
    at: datetime
    distribution: Distribution
    opened: tuple[str, ...]
    finished: tuple[OrderLine, ...]
    nodes_completed: int
    orders: tuple[MorningOrder, ...]
    left_out: int
    problems: tuple[ProblemFacts, ...] = ()
    tasks: tuple[TaskFacts, ...] = ()


def morning_report(
    lines: Sequence[OrderLine],
    orders: Sequence[AssessedOrder],
    changes: Mapping[str, tuple[Change, ...]],
    trouble: Mapping[str, Trouble],
    *,
    since: datetime,
    now: datetime,
    levels_before: Mapping[str, Level],
) -> MorningReport:
    """Put the orders of the meeting together.

    Args:
        lines: every open order.
        orders: those that `to_talk_about` names, and those that were worked on since the last meeting.
        changes: by order, what happened to it since then.
        trouble: by order, its problems, alerts and tasks.
        since: when the last meeting was.
        now: plant time.
        levels_before: by order, its level at the last meeting.
    """
    assessed = {order.plan.order: order for order in orders if not order.assessment.cancelled}
    fresh = {number: line_of(order) for number, order in assessed.items()}
    every = {**{line.order: line for line in lines}, **fresh}
    is_open = [line for line in every.values() if not line.is_finished]
    wanted = [one for one in to_talk_about(is_open, changes) if one.order in assessed]
    finished = [line for line in fresh.values() if line.is_finished and since <= line.expected < now]
    return MorningReport(
        since=since,
        at=now,
        distribution=distribution_of(is_open),
        opened=tuple(sorted(number for number, some in changes.items() if _has(some, "order_confirmed"))),
        finished=tuple(sorted(finished, key=lambda line: (line.expected, line.order))),
        nodes_completed=sum(since <= at < now for order in orders for at in _completions(order)),
        orders=tuple(
            MorningOrder(
                line=line,
                level_before=levels_before.get(line.order),
                changes=changes.get(line.order, ()),
                node=worst_node(assessed[line.order]),
                answer=answer_of(trouble.get(line.order, NO_TROUBLE)),
            )
            for line in wanted[:MOST_ORDERS]
        ),
        left_out=max(0, len(wanted) - MOST_ORDERS),
    )


def with_trouble(report: MorningReport, trouble: Trouble, *, until: datetime) -> MorningReport:
    """The meeting with the problems that are open, and the tasks that are due before `until` or have no plan yet."""
    return replace(
        report,
        problems=tuple(problem for problem in trouble.problems if problem.is_open),
        tasks=tuple(task for task in trouble.tasks if task.is_open and _is_due(task, until)),
    )


def to_talk_about(lines: Iterable[OrderLine], changes: Mapping[str, tuple[Change, ...]]) -> list[OrderLine]:
    """Open orders that are late, or about which something happened that people should talk about; the worst first."""
    wanted = [
        line
        for line in lines
        if not line.is_finished and (line.level is not Level.NONE or _asks(changes.get(line.order, ())))
    ]
    return sorted(wanted, key=lambda line: place_of(line, Sort.URGENCY))


def changes_of(events: Iterable[Event], owners: Mapping[str, str]) -> dict[str, tuple[Change, ...]]:
    """By order, what happened to it, the last thing last."""
    found: dict[str, dict[str, Change]] = {}
    for event in events:
        order = getattr(event, "order", None) or owners.get(event.work_order or "")
        if order is None or event.kind in _UNSPOKEN:
            continue
        kinds = found.setdefault(order, {})
        before = kinds.get(event.kind)
        count, last = (before.count, before.at) if before else (0, event.at)
        kinds[event.kind] = Change(kind=event.kind, count=count + 1, at=max(last, event.at))
    return {order: tuple(sorted(kinds.values(), key=lambda one: (one.at, one.kind))) for order, kinds in found.items()}


def levels_at(history: Mapping[str, Sequence[Event]], at: datetime) -> dict[str, Level]:
    """By order, the level of its episode at an instant, from its episode events, oldest first."""
    found: dict[str, Level] = {}
    for order, events in history.items():
        level = Level.NONE
        for event in events:
            if event.at <= at:
                level = Level(event.level) if isinstance(event, EpisodeOpened | EpisodeEscalated) else Level.NONE
        found[order] = level
    return found


def _asks(changes: Sequence[Change]) -> bool:
    """Whether something happened that people should talk about. A new order's first promise is not such a thing."""
    kinds = {change.kind: change.count for change in changes}
    if "order_confirmed" in kinds and kinds.get("promise_set") == 1:
        del kinds["promise_set"]
    return any(kind not in _PROGRESS for kind in kinds)


def _has(changes: Iterable[Change], kind: str) -> bool:
    return any(change.kind == kind for change in changes)


def _completions(order: AssessedOrder) -> Iterable[datetime]:
    nodes = (node for group in order.assessment.nodes.values() for node in group)
    return (node.facts.completed_at for node in nodes if node.facts.completed_at is not None)


def _is_due(task: TaskFacts, until: datetime) -> bool:
    due = task.plan_due or task.due
    return not task.is_planned or due is None or due < until
