"""Assessments: what the facts of an order mean now. Never stored as truth; worked out again whenever asked.

Until a forecast exists, the expected finish is found by walking the open nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from genba_cloud.core.deviation import Deviation, Level, LevelPolicy, deviation_of, level_of
from genba_cloud.core.facts.order import OrderFacts
from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan, in_sequence
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, WorkOrderFacts
from genba_cloud.core.readiness import is_ready
from genba_cloud.core.status import NodePosition, Status, StatusPolicy, late_seconds, status_of
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, add, working_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Thresholds and calendars that assessments use. A site without a calendar of its own always works."""

    status: StatusPolicy = field(default_factory=StatusPolicy)
    levels: LevelPolicy = field(default_factory=LevelPolicy)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)

    def calendar_of(self, site: str) -> Calendar:
        """The calendar of the site."""
        return self.calendars.get(site, ALWAYS_WORKING)


DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAssessment:
    """One node as it is shown. `plan` is None where the routing has no such node: then it is neither late nor expected.

    `late_s`: working seconds over plan and tolerance, of a node that is done or awaits confirmation. `deviation`
    points to the cause of an order's lateness and is no alert by itself.
    """

    plan: NodePlan | None
    facts: NodeFacts
    status: Status
    expected_finish: datetime | None = None
    late_s: int | None = None
    deviation: Deviation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAssessment:
    """An order as it is shown: where it will end, how far that is from its baseline, and each node by work order.

    A cancelled one is finished and not drawn; of a cancelled work order no node is shown. A hold stops no delay.
    """

    expected_finish: datetime
    deviation: Deviation
    level: Level
    finished: bool
    nodes: Mapping[str, tuple[NodeAssessment, ...]]
    cancelled: bool = False
    on_hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessedOrder:
    """An order with its assessment: what pages and API draw. `data_at`: when its newest fact happened."""

    plan: OrderPlan
    baseline: tuple[datetime, datetime]
    data_at: datetime | None
    assessment: OrderAssessment


def assess_order(
    plan: OrderPlan,
    facts: Mapping[str, WorkOrderFacts],
    now: datetime,
    *,
    baseline: tuple[datetime, datetime],
    policy: Policy = DEFAULT_POLICY,
    said: OrderFacts | None = None,
) -> OrderAssessment:
    """Assess an order.

    Args:
        plan: the order with at least one node.
        facts: what is known of each work order, by its id; a missing one has not begun.
        now: plant time.
        baseline: start and finish that were frozen when the order was confirmed.
        policy: thresholds and calendars.
        said: what was said of the order as a whole; None: nothing.
    """
    nodes: dict[str, tuple[NodeAssessment, ...]] = {}
    for work in plan.work_orders:
        seen = facts.get(work.work_order) or WorkOrderFacts(work_order=work.work_order, nodes=())
        nodes[work.work_order] = () if seen.is_cancelled else _assess_work_order(work, seen, facts, now, policy)
    if (said is not None and said.is_cancelled) or not any(nodes.values()):
        return _cancelled(plan, nodes, baseline, policy)
    planned = [node for group in nodes.values() for node in group if node.plan is not None]
    expected = max(node.expected_finish for node in planned if node.expected_finish is not None)
    start, finish = baseline
    deviation = deviation_of(
        start=start, finish=finish, expected=expected, calendar=policy.calendar_of(site_of_last_node(plan))
    )
    return OrderAssessment(
        expected_finish=expected,
        deviation=deviation,
        level=level_of(deviation, tolerance_s=policy.levels.tolerance_s),
        finished=all(node.facts.lifecycle is Lifecycle.DONE for node in planned),
        nodes=nodes,
        on_hold=said is not None and said.on_hold,
    )


def _cancelled(
    plan: OrderPlan,
    nodes: Mapping[str, tuple[NodeAssessment, ...]],
    baseline: tuple[datetime, datetime],
    policy: Policy,
) -> OrderAssessment:
    """Of what nobody wants any more nothing is expected, and nothing is late."""
    start, finish = baseline
    calendar = policy.calendar_of(site_of_last_node(plan))
    return OrderAssessment(
        expected_finish=finish,
        deviation=deviation_of(start=start, finish=finish, expected=finish, calendar=calendar),
        level=Level.NONE,
        finished=True,
        nodes=nodes,
        cancelled=True,
    )


def expected_finishes(
    work: WorkOrderPlan, facts: Mapping[str, NodeFacts], now: datetime, calendar: Calendar
) -> dict[str, datetime]:
    """When each planned node of a work order is expected to be (or was) finished, by its code.

    An open node begins at the latest of now, its planned start and its predecessors' finish, and takes its planned
    duration; one that has begun takes what is left of it. A node that only awaits confirmation ends now: the work is
    over, and the confirmation cannot lie in the past.
    """
    ends: dict[str, datetime] = {}
    for node in in_sequence(work.nodes, work.work_order):
        seen = facts[node.node]
        before = max((ends[code] for code, _ in node.needs_within(work.work_order)), default=now)
        duration = max(0, working_seconds(calendar, node.planned_start, node.planned_finish))
        match seen.lifecycle:
            case Lifecycle.DONE:
                ends[node.node] = seen.completed_at or now
            case Lifecycle.AWAITING_CONFIRMATION:
                ends[node.node] = now
            case Lifecycle.IN_PROGRESS:
                begun = seen.started_at or now
                left = max(0, duration - max(0, working_seconds(calendar, begun, now)))
                ends[node.node] = add(calendar, max(now, before), left)
            case Lifecycle.PENDING:
                ends[node.node] = add(calendar, max(now, node.planned_start, before), duration)
    return ends


def _assess_work_order(
    work: WorkOrderPlan, seen: WorkOrderFacts, every: Mapping[str, WorkOrderFacts], now: datetime, policy: Policy
) -> tuple[NodeAssessment, ...]:
    calendar = policy.calendar_of(work.site)
    facts = {node.node: seen.node(node.node) or _untouched(node) for node in work.nodes}
    ends = expected_finishes(work, facts, now, calendar)
    planned = [
        _assess_node(
            node,
            facts[node.node],
            ends[node.node],
            now,
            ready=is_ready(node, work.work_order, every, now, calendar=calendar),
            calendar=calendar,
            policy=policy,
        )
        for node in work.nodes
    ]
    return (*planned, *_unplanned(node for node in seen.nodes if node.node not in facts))


def _assess_node(
    plan: NodePlan,
    own: NodeFacts,
    expected: datetime,
    now: datetime,
    *,
    ready: bool,
    calendar: Calendar,
    policy: Policy,
) -> NodeAssessment:
    position = NodePosition(
        lifecycle=own.lifecycle,
        planned_start=plan.planned_start,
        planned_finish=plan.planned_finish,
        ready=own.lifecycle is Lifecycle.PENDING and ready,
        finished_at=own.completed_at or own.claimed_at,
        expected_finish=expected,
    )
    return NodeAssessment(
        plan=plan,
        facts=own,
        status=status_of(position, now, calendar=calendar, policy=policy.status),
        expected_finish=expected,
        late_s=late_seconds(position, now, calendar=calendar, policy=policy.status),
        deviation=deviation_of(
            start=plan.planned_start, finish=plan.planned_finish, expected=expected, calendar=calendar
        ),
    )


def _unplanned(nodes: Iterable[NodeFacts]) -> tuple[NodeAssessment, ...]:
    return tuple(NodeAssessment(plan=None, facts=node, status=Status(str(node.lifecycle))) for node in nodes)


def _untouched(plan: NodePlan) -> NodeFacts:
    return NodeFacts(node=plan.node, lifecycle=Lifecycle.PENDING, quantity=plan.quantity, good=0, scrap=0, rework=0)


def site_of_last_node(plan: OrderPlan) -> str:
    """The site that owns the node which is planned to finish last: its calendar is the order's."""
    last = max(plan.work_orders, key=lambda work: max(node.planned_finish for node in work.nodes))
    return last.site
