"""From an order's plan and facts to what figures are worked out from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from genba_cloud.core.facts.order import OrderFacts
from genba_cloud.core.facts.plan import NodePlan, OrderPlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, WorkOrderFacts
from genba_cloud.core.kpis.model import NodeSeen, OrderSeen, Promise, promise_that_counts
from genba_cloud.core.working_time import Calendar, add, working_seconds
from genba_shared.events import Event, PromiseSet


def order_seen(
    plan: OrderPlan,
    facts: Mapping[str, WorkOrderFacts],
    *,
    said: OrderFacts | None,
    baseline: tuple[datetime, datetime],
    promises: Iterable[Event],
    calendar_of: Callable[[str], Calendar],
    tolerance_s: int,
) -> OrderSeen:
    """The order as figures see it.

    Args:
        plan: what was ordered. A work order that was cancelled is left out.
        facts: by work order.
        said: of the order as a whole: its confirmation, its end, its baselines.
        baseline: start and finish, where nothing was said of baselines.
        promises: events that set a promise, oldest first.
        calendar_of: the calendar of a site.
        tolerance_s: working seconds that still count as on time.
    """
    nodes = tuple(
        NodeSeen(
            work_order=work.work_order,
            site=work.site,
            calendar=calendar_of(work.site),
            plan=node,
            facts=_facts_of(node, facts.get(work.work_order)),
            ready_at=ready_at(node, work.work_order, facts, calendar_of(work.site)),
        )
        for work in plan.work_orders
        if not (work.work_order in facts and facts[work.work_order].is_cancelled)
        for node in work.nodes
    )
    finished = None if said is not None and said.is_cancelled else _finished_at(nodes)
    first = said.baselines[0][2] if said is not None and said.baselines else baseline[1]
    set_before = (
        Promise(at=one.at, promised=one.promised, reason=one.reason) for one in promises if isinstance(one, PromiseSet)
    )
    return OrderSeen(
        order=plan.order,
        nodes=nodes,
        confirmed_at=said.confirmed_at if said is not None else None,
        promised=promise_that_counts(tuple(set_before)) or plan.promised,
        finished_at=finished,
        late_s=None if finished is None else working_seconds(_last(nodes).calendar, first, finished),
        tolerance_s=tolerance_s,
    )


def ready_at(
    node: NodePlan, work_order: str, facts: Mapping[str, WorkOrderFacts], calendar: Calendar
) -> datetime | None:
    """When everything was there that the node waits for.

    None where it waits for nothing, where something is not there yet, and where a part of what another node makes is
    enough: when that part was there the facts do not keep.
    """
    times: list[datetime] = []
    for need in node.needs():
        of_work = facts.get(need.work_order or work_order)
        before = of_work.node(need.node) if of_work is not None else None
        if before is None or before.completed_at is None or need.transfer_quantity is not None:
            return None
        times.append(add(calendar, before.completed_at, need.lag_s) if need.lag_s else before.completed_at)
    return max(times, default=None)


def _facts_of(node: NodePlan, work: WorkOrderFacts | None) -> NodeFacts:
    found = work.node(node.node) if work is not None else None
    untouched = NodeFacts(
        node=node.node, lifecycle=Lifecycle.PENDING, quantity=node.quantity, good=0, scrap=0, rework=0
    )
    return found or untouched


def _finished_at(nodes: tuple[NodeSeen, ...]) -> datetime | None:
    ends = [node.facts.completed_at for node in nodes if node.facts.lifecycle is Lifecycle.DONE]
    known = [at for at in ends if at is not None]
    return max(known) if known and len(known) == len(nodes) else None


def _last(nodes: tuple[NodeSeen, ...]) -> NodeSeen:
    """The node that is planned to finish last: the calendar of its site is the order's."""
    return max(nodes, key=lambda node: node.plan.planned_finish)
