"""The list of orders: one line for each, in which every open order stands exactly once, however many nodes run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from genba_cloud.core.assess import AssessedOrder, NodeAssessment
from genba_cloud.core.deviation import Deviation, Level
from genba_cloud.core.facts.views import Lifecycle
from genba_cloud.core.status import Status

PAGE: Final = 50
LONGEST_TEXT: Final = 200


class Standing(StrEnum):
    """Which orders are listed."""

    OPEN = "open"
    FINISHED = "finished"


class Sort(StrEnum):
    """In which order they are listed."""

    URGENCY = "urgency"
    """The most severe level first, within it the greatest deviation."""
    PROMISED = "promised"
    EXPECTED = "expected"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The node at which an order stands: of several that run at once, the first in the routing."""

    node: str
    label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """An order in one line. `status` is one of the five words; `done` of its `nodes` are done."""

    order: str
    customer: str
    sites: tuple[str, ...]
    items: tuple[str, ...]
    work_orders: tuple[str, ...]
    quantity: int
    status: Status
    stage: Stage
    done: int
    nodes: int
    level: Level
    deviation: Deviation
    promised: datetime
    planned: datetime
    expected: datetime
    data_at: datetime | None
    priority: int = 0
    on_hold: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether all of it is done."""
        return self.status is Status.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """What is looked for: every field that is set must match. `text` is a part of any name of the order."""

    standing: Standing = Standing.OPEN
    status: Status | None = None
    level: Level | None = None
    stage: str | None = None
    site: str | None = None
    customer: str | None = None
    text: str = ""
    sort: Sort = Sort.URGENCY
    after: tuple[int | str, ...] | None = None
    """The place in the order of sorting behind which the page begins."""
    limit: int = PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Where the open orders stand. Each order counts once in each of the three, so that each sums to `total`."""

    total: int
    by_level: Mapping[Level, int]
    by_status: Mapping[Status, int]
    by_stage: tuple[tuple[Stage, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderListPage:
    """One page. `found`: how many match in all; `distribution`: of all open orders, whatever is looked for."""

    items: tuple[OrderLine, ...]
    found: int
    next: tuple[int | str, ...] | None
    distribution: Distribution
    sites: tuple[str, ...]
    customers: tuple[str, ...]


def line_of(seen: AssessedOrder) -> OrderLine:
    """The line of an order."""
    plan, assessment = seen.plan, seen.assessment
    nodes = [node for group in assessment.nodes.values() for node in group if node.plan is not None]
    done = sum(node.facts.lifecycle is Lifecycle.DONE for node in nodes)
    return OrderLine(
        order=plan.order,
        customer=plan.customer,
        sites=tuple(dict.fromkeys(work.site for work in plan.work_orders)),
        items=tuple(dict.fromkeys(work.item for work in plan.work_orders)),
        work_orders=tuple(work.work_order for work in plan.work_orders),
        quantity=sum(work.quantity for work in plan.work_orders),
        status=status_of_order(nodes, finished=assessment.finished),
        stage=stage_of(nodes),
        done=done,
        nodes=len(nodes),
        level=assessment.level,
        deviation=assessment.deviation,
        promised=plan.promised,
        planned=seen.baseline[1],
        expected=assessment.expected_finish,
        data_at=seen.data_at,
        priority=plan.priority,
        on_hold=assessment.on_hold,
    )


def status_of_order(nodes: Sequence[NodeAssessment], *, finished: bool) -> Status:
    """The one word for the whole order: what asks for people first. Begun is what has begun at any node."""
    if finished:
        return Status.DONE
    there = {node.status for node in nodes}
    for status in (Status.DELAYED, Status.AWAITING_CONFIRMATION, Status.IN_PROGRESS):
        if status in there:
            return status
    return Status.IN_PROGRESS if Status.DONE in there else Status.PENDING


def stage_of(nodes: Sequence[NodeAssessment]) -> Stage:
    """Where the order stands: the first node that is worked on, else the first that is not done, else the last."""
    begun = (node for node in nodes if node.facts.lifecycle in _BEGUN)
    left = (node for node in nodes if node.facts.lifecycle is not Lifecycle.DONE)
    found = next(begun, None) or next(left, None) or (nodes[-1] if nodes else None)
    if found is None or found.plan is None:
        return Stage(node="")
    return Stage(node=found.plan.node, label=found.plan.label)


_BEGUN: Final = frozenset({Lifecycle.IN_PROGRESS, Lifecycle.AWAITING_CONFIRMATION})


def without_customer(line: OrderLine) -> OrderLine:
    """The line as somebody sees it who may not know the customer."""
    return replace(line, customer="")


def page_of(lines: Iterable[OrderLine], query: OrderQuery) -> OrderListPage:
    """The page that is asked for, of all lines that there are."""
    every = list(lines)
    is_open = [line for line in every if not line.is_finished]
    wanted = is_open if query.standing is Standing.OPEN else [line for line in every if line.is_finished]
    found = sorted((line for line in wanted if matches(line, query)), key=lambda line: place_of(line, query.sort))
    after = query.after
    rest = found if after is None else [line for line in found if place_of(line, query.sort) > after]
    items = tuple(rest[: query.limit])
    return OrderListPage(
        items=items,
        found=len(found),
        next=place_of(items[-1], query.sort) if len(rest) > query.limit else None,
        distribution=distribution_of(is_open),
        sites=tuple(sorted({site for line in wanted for site in line.sites})),
        customers=tuple(sorted({line.customer for line in wanted if line.customer})),
    )


def matches(line: OrderLine, query: OrderQuery) -> bool:
    """Whether the order is one of those that are looked for."""
    text = query.text.strip().casefold()
    names = (line.order, line.customer, *line.items, *line.work_orders)
    return (
        (query.status is None or line.status is query.status)
        and (query.level is None or line.level is query.level)
        and (query.stage is None or line.stage.node == query.stage)
        and (query.site is None or query.site in line.sites)
        and (query.customer is None or line.customer == query.customer)
        and (not text or any(text in name.casefold() for name in names))
    )


def place_of(line: OrderLine, sort: Sort) -> tuple[int | str, ...]:
    """Where the order stands in a list: no two orders have the same place."""
    match sort:
        case Sort.URGENCY:
            tenths = 1000 * line.deviation.late_s // line.deviation.lead_s
            return (-line.level.rank, -tenths, _seconds(line.promised), line.order)
        case Sort.PROMISED:
            return (_seconds(line.promised), line.order)
        case Sort.EXPECTED:
            return (_seconds(line.expected), line.order)
        case Sort.NUMBER:
            return (line.order,)
        case _:
            assert_never(sort)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def distribution_of(lines: Sequence[OrderLine]) -> Distribution:
    """How many of these orders stand where."""
    levels = Counter(line.level for line in lines)
    statuses = Counter(line.status for line in lines)
    stages: dict[str, Stage] = {}
    at_stage: Counter[str] = Counter()
    for line in lines:
        stages.setdefault(line.stage.node, line.stage)
        at_stage[line.stage.node] += 1
    return Distribution(
        total=len(lines),
        by_level={level: levels[level] for level in Level},
        by_status={status: statuses[status] for status in Status if status is not Status.DONE},
        by_stage=tuple(
            (stages[node], count) for node, count in sorted(at_stage.items(), key=lambda one: (-one[1], one[0]))
        ),
    )
