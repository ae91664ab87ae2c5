"""Updates that people owe: nodes that are finished as far as can be seen, that nobody speaks of, or that came late.

What gateways still hold is not held against people: a node whose gateway is behind is judged up to what has arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from genba_cloud.core.alerts.model import (
    SOURCE,
    Finding,
    LateUpdate,
    OrderSeen,
    Pen,
    Rule,
    Rung,
    Situation,
    SourceSeen,
    Why,
    owner_of,
)
from genba_cloud.core.assess import NodeAssessment, Policy
from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, Mark, NodeFacts
from genba_cloud.core.policy import LINE_SUPERVISOR
from genba_cloud.core.status import Status, tolerance_of
from genba_cloud.core.working_time import add, working_seconds
from genba_shared.events import Event, LateUpdateFlagged, NodeCompleted, SourceType

LATE_UPDATE: Final = "late_update"
_OPEN: Final = frozenset({Lifecycle.PENDING, Lifecycle.IN_PROGRESS})


class Owner(NamedTuple):
    """The order that a work order belongs to, and its site."""

    plan: OrderPlan
    site: str


def updates(situation: Situation) -> Iterator[Finding]:
    """Nodes whose update is missing, and overdue nodes of which nothing was heard."""
    for seen in situation.orders:
        for work in seen.plan.work_orders:
            nodes = {one.facts.node: one for one in seen.order.assessment.nodes.get(work.work_order, ())}
            for node in work.nodes:
                assessed = nodes.get(node.node)
                if assessed is None or assessed.facts.lifecycle not in _OPEN or assessed.facts.on_hold:
                    continue
                until = _known_until(situation, node.node)
                missing = _missing(situation, seen, work, node, nodes, until)
                if missing is not None:
                    yield missing
                elif (quiet := _quiet(situation, seen, work, node, nodes, until)) is not None:
                    yield quiet


def _known_until(situation: Situation, node: str) -> datetime:
    behind = (source.known_until for source in situation.sources if _tells(source, node))
    return min([situation.now, *behind])


def _tells(source: SourceSeen, node: str) -> bool:
    return node in source.nodes


def _missing(
    situation: Situation,
    seen: OrderSeen,
    work: WorkOrderPlan,
    node: NodePlan,
    nodes: Mapping[str, NodeAssessment],
    until: datetime,
) -> Finding | None:
    finished_at = inferred_end(work, node, {code: one.facts for code, one in nodes.items()})
    if finished_at is None:
        return None
    service = situation.rules_of(work.site).service
    due = finished_at + timedelta(seconds=service.update_within_s)
    if until < due:
        return None
    lag = situation.now - until
    supervisor_due = due + timedelta(seconds=service.update_supervisor_s) + lag
    return Finding(
        rule=Rule.MISSING_UPDATE,
        subject=f"node:{work.work_order}/{node.node}",
        told=(owner_of(seen.plan),),
        rungs=(Rung(due=supervisor_due, recipient=LINE_SUPERVISOR, why=Why.UPDATE_MISSING),),
        order=seen.plan.order,
        site=work.site,
        work_order=work.work_order,
        node=node.node,
        update=LateUpdate(finished_at=finished_at, due=due),
    )


def inferred_end(work: WorkOrderPlan, node: NodePlan, facts: Mapping[str, NodeFacts]) -> datetime | None:
    """When an open node was over as far as can be seen: its quantity was there, or what needs all of it began."""
    own = facts[node.node]
    ends: list[datetime] = []
    is_reached = own.good >= node.quantity or Mark.QUANTITY_REACHED in own.marks
    if is_reached and own.data_at is not None:
        ends.append(own.data_at)
    for other in work.nodes:
        needs_all = any(code == node.node and pieces is None for code, pieces in other.needs_within(work.work_order))
        begun = facts[other.node].started_at if needs_all and other.node in facts else None
        if begun is not None and Mark.PREDECESSOR_OPEN not in facts[other.node].marks:
            ends.append(begun)
    return min(ends, default=None)


def _quiet(
    situation: Situation,
    seen: OrderSeen,
    work: WorkOrderPlan,
    node: NodePlan,
    nodes: Mapping[str, NodeAssessment],
    until: datetime,
) -> Finding | None:
    """The node should be finished, could be worked on, and for long nobody said anything of it."""
    own = nodes[node.node]
    before = (nodes[code] for code, _ in node.needs_within(work.work_order) if code in nodes)
    is_possible = own.facts.lifecycle is Lifecycle.IN_PROGRESS or all(
        one.facts.lifecycle is Lifecycle.DONE for one in before
    )
    if own.status is not Status.DELAYED or not is_possible:
        return None
    rules, calendar = situation.rules_of(work.site), situation.policy.calendar_of(work.site)
    tolerance = tolerance_of(node.planned_start, node.planned_finish, calendar, rules.status)
    last = add(calendar, node.planned_finish, tolerance)
    if own.facts.data_at is not None:
        last = max(last, own.facts.data_at)
    if working_seconds(calendar, last, until) < rules.service.update_within_s:
        return None
    return Finding(
        rule=Rule.NO_NEWS,
        subject=f"node:{work.work_order}/{node.node}",
        told=(owner_of(seen.plan), LINE_SUPERVISOR),
        order=seen.plan.order,
        site=work.site,
        work_order=work.work_order,
        node=node.node,
    )


def late_entries(
    events: Iterable[Event],
    owners: Mapping[str, Owner],
    flagged: frozenset[tuple[str, str]],
    policy: Policy,
    pen: Pen,
) -> list[Event]:
    """Flags for completions that people entered too late, each node once.

    Args:
        events: new events of the log; machines type nothing in, so that theirs have no `entered_at`.
        owners: by work order, the order that it belongs to.
        flagged: (work order, node) that were flagged before.
        policy: of all sites.
        pen: writes the decisions.
    """
    decided: list[Event] = []
    known = set(flagged)
    for event in events:
        owner = owners.get(event.work_order or "")
        if not isinstance(event, NodeCompleted) or owner is None or event.entered_at is None or event.node is None:
            continue
        key = (event.work_order or "", event.node)
        due = event.at + timedelta(seconds=policy.of_site(owner.site).service.update_within_s)
        if event.source.type is SourceType.SYSTEM or event.entered_at <= due or key in known:
            continue
        known.add(key)
        update = LateUpdate(finished_at=event.at, due=due)
        decided += flag(
            update, owner_of(owner.plan), (event.id,), pen, order=owner.plan.order, node=key, site=owner.site
        )
    return decided


def flag(
    update: LateUpdate,
    recipient: str,
    because: tuple[str, ...],
    pen: Pen,
    *,
    order: str | None,
    node: tuple[str, str],
    site: str | None,
) -> list[Event]:
    """An update is late, and `recipient` is told."""
    flagged = LateUpdateFlagged(
        id=pen.next_id(),
        at=pen.at,
        source=SOURCE,
        site=site,
        work_order=node[0],
        node=node[1],
        because=because,
        finished_at=update.finished_at,
        due=update.due,
        recipient=recipient,
        order=order,
    )
    return [flagged, *pen.notices(LATE_UPDATE, flagged.id, (recipient,), order=order)]
