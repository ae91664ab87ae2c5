"""Assessments: what the facts of an order mean now. Never stored as truth; worked out again whenever asked.

The expected finish is found by walking the open nodes of the order; where they wait for machines, the forecast of the
shop says until when.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from genba_cloud.core.deviation import Deviation, Level, LevelPolicy, deviation_of, level_of
from genba_cloud.core.facts.order import OrderFacts
from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, WorkOrderFacts
from genba_cloud.core.forecast import (
    NO_FLOORS,
    ForecastPolicy,
    NodeKey,
    OpenOrder,
    QueuePolicy,
    Times,
    WorkCentre,
    walk,
)
from genba_cloud.core.forecast.orders import untouched
from genba_cloud.core.policy import SitePolicy
from genba_cloud.core.readiness import is_ready
from genba_cloud.core.status import NodePosition, Status, StatusPolicy, late_seconds, status_of
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Thresholds and calendars that assessments use. A site without a calendar of its own always works.

    A site that is not among `calendars` or `sites` has the usual ones; without a usual policy, `status` and `levels`.
    `centres`: the work centres that are known, with the machines of their stations.
    """

    status: StatusPolicy = field(default_factory=StatusPolicy)
    levels: LevelPolicy = field(default_factory=LevelPolicy)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    sites: Mapping[str, SitePolicy] = field(default_factory=dict)
    usual_calendar: Calendar = ALWAYS_WORKING
    usual_site: SitePolicy | None = None
    forecast: ForecastPolicy = field(default_factory=ForecastPolicy)
    queues: QueuePolicy = field(default_factory=QueuePolicy)
    centres: tuple[WorkCentre, ...] = ()

    def calendar_of(self, site: str) -> Calendar:
        """The calendar of the site."""
        return self.calendars.get(site, self.usual_calendar)

    def of_site(self, site: str) -> SitePolicy:
        """Everything that the site decides for itself."""
        usual = self.usual_site or SitePolicy(status=self.status, levels=self.levels)
        return self.sites.get(site, usual)


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
    floors: Mapping[NodeKey, Times] = NO_FLOORS,
) -> OrderAssessment:
    """Assess an order.

    Args:
        plan: the order with at least one node.
        facts: what is known of each work order, by its id; a missing one has not begun.
        now: plant time.
        baseline: start and finish that were frozen when the order was confirmed.
        policy: thresholds and calendars.
        said: what was said of the order as a whole; None: nothing.
        floors: when nodes begin that wait for a machine, as the forecast of the shop says; without it the order is
            looked at as if it were alone.
    """
    times = walk(OpenOrder(plan=plan, facts=facts), now, policy.calendar_of, floors)
    nodes: dict[str, tuple[NodeAssessment, ...]] = {}
    for work in plan.work_orders:
        seen = facts.get(work.work_order) or WorkOrderFacts(work_order=work.work_order, nodes=())
        nodes[work.work_order] = () if seen.is_cancelled else _assess_work_order(work, seen, facts, times, now, policy)
    if (said is not None and said.is_cancelled) or not any(nodes.values()):
        return _cancelled(plan, nodes, baseline, policy)
    planned = [node for group in nodes.values() for node in group if node.plan is not None]
    expected = max(node.expected_finish for node in planned if node.expected_finish is not None)
    start, finish = baseline
    site = site_of_last_node(plan)
    deviation = deviation_of(start=start, finish=finish, expected=expected, calendar=policy.calendar_of(site))
    return OrderAssessment(
        expected_finish=expected,
        deviation=deviation,
        level=level_of(deviation, tolerance_s=policy.of_site(site).levels.tolerance_s),
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


def _assess_work_order(
    work: WorkOrderPlan,
    seen: WorkOrderFacts,
    every: Mapping[str, WorkOrderFacts],
    times: Mapping[NodeKey, Times],
    now: datetime,
    policy: Policy,
) -> tuple[NodeAssessment, ...]:
    calendar = policy.calendar_of(work.site)
    facts = {node.node: seen.node(node.node) or untouched(node) for node in work.nodes}
    status = policy.of_site(work.site).status
    planned = [
        _assess_node(
            node,
            facts[node.node],
            times[NodeKey(work.work_order, node.node)].finish,
            now,
            ready=is_ready(node, work.work_order, every, now, calendar=calendar),
            calendar=calendar,
            policy=status,
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
    policy: StatusPolicy,
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
        status=status_of(position, now, calendar=calendar, policy=policy),
        expected_finish=expected,
        late_s=late_seconds(position, now, calendar=calendar, policy=policy),
        deviation=deviation_of(
            start=plan.planned_start, finish=plan.planned_finish, expected=expected, calendar=calendar
        ),
    )


def _unplanned(nodes: Iterable[NodeFacts]) -> tuple[NodeAssessment, ...]:
    return tuple(NodeAssessment(plan=None, facts=node, status=Status(str(node.lifecycle))) for node in nodes)


def site_of_last_node(plan: OrderPlan) -> str:
    """The site that owns the node which is planned to finish last: its calendar is the order's."""
    last = max(plan.work_orders, key=lambda work: max(node.planned_finish for node in work.nodes))
    return last.site
