"""Updates that people owe: nodes that are finished as far as can be seen, that nobody speaks of, or that came late.

What gateways still hold is not held against people: a node whose gateway is behind is judged up to what has arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
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
    horizons = _horizons(situation)
    for seen in situation.orders:
        for work in seen.plan.work_orders:
            nodes = {one.facts.node: one for one in seen.order.assessment.nodes.get(work.work_order, ())}
            followed = _followed(work, nodes)
            for node in work.nodes:
                assessed = nodes.get(node.node)
                if assessed is None or assessed.facts.lifecycle not in _OPEN or assessed.facts.on_hold:
                    continue
                until = horizons.get(node.node, situation.now)
                looked = _Looked(situation=situation, seen=seen, work=work, node=node, until=until)
                missing = _missing(looked, inferred_end(node, assessed.facts, followed.get(node.node)))
                quiet = None if missing else _quiet(looked, nodes)
                yield from (one for one in (missing, quiet) if one is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """One open node of a work order. `until`: all that its gateways saw up to then has arrived."""

    situation: Situation
    seen: OrderSeen
    work: WorkOrderPlan
    node: NodePlan
    until: datetime

    def finding(self, rule: Rule, told: tuple[str, ...]) -> Finding:
        """About this node."""
        return Finding(
            rule=rule,
            subject=f"node:{self.work.work_order}/{self.node.node}",
            told=told,
            order=self.seen.plan.order,
            site=self.work.site,
            work_order=self.work.work_order,
            node=self.node.node,
        )


def _horizons(situation: Situation) -> dict[str, datetime]:
    """By node that a gateway tells of: up to when everything has arrived that any of them saw of it."""
    horizons: dict[str, datetime] = {}
    for source in situation.sources:
        for node in source.nodes:
            horizons[node] = min(horizons.get(node, situation.now), source.known_until)
    return horizons


def _followed(work: WorkOrderPlan, nodes: Mapping[str, NodeAssessment]) -> dict[str, datetime]:
    """By node, when the first of those began that need everything of it."""
    begun: dict[str, datetime] = {}
    for node in work.nodes:
        started_at = nodes[node.node].facts.started_at if node.node in nodes else None
        if started_at is None:
            continue
        for code, pieces in node.needs_within(work.work_order):
            if pieces is None:
                begun[code] = min(begun.get(code, started_at), started_at)
    return begun


def inferred_end(node: NodePlan, facts: NodeFacts, followed_at: datetime | None) -> datetime | None:
    """When an open node was over as far as can be seen: its quantity was there, or what needs all of it began.

    Of a node that somebody opened again, what was there before says nothing.
    """
    if facts.reopened_at is not None:
        return followed_at if followed_at is not None and followed_at > facts.reopened_at else None
    is_reached = facts.good >= node.quantity or Mark.QUANTITY_REACHED in facts.marks
    ends = [facts.data_at if is_reached else None, followed_at]
    return min((at for at in ends if at is not None), default=None)


def _missing(looked: _Looked, finished_at: datetime | None) -> Finding | None:
    if finished_at is None:
        return None
    situation = looked.situation
    service = situation.rules_of(looked.work.site).service
    due = finished_at + timedelta(seconds=service.update_within_s)
    if looked.until < due:
        return None
    behind = situation.now - looked.until
    supervisor_due = due + timedelta(seconds=service.update_supervisor_s) + behind
    return replace(
        looked.finding(Rule.MISSING_UPDATE, (owner_of(looked.seen.plan),)),
        rungs=(Rung(due=supervisor_due, recipient=LINE_SUPERVISOR, why=Why.UPDATE_MISSING),),
        update=LateUpdate(finished_at=finished_at, due=due),
    )


def _quiet(looked: _Looked, nodes: Mapping[str, NodeAssessment]) -> Finding | None:
    """The node should be finished, could be worked on, and for long nobody said anything of it."""
    node, own = looked.node, nodes[looked.node.node]
    if own.status is not Status.DELAYED:
        return None
    before = (nodes[code] for code, _ in node.needs_within(looked.work.work_order) if code in nodes)
    is_possible = own.facts.lifecycle is Lifecycle.IN_PROGRESS or all(
        one.facts.lifecycle is Lifecycle.DONE for one in before
    )
    rules = looked.situation.rules_of(looked.work.site)
    calendar = looked.situation.policy.calendar_of(looked.work.site)
    tolerance = tolerance_of(node.planned_start, node.planned_finish, calendar, rules.status)
    last = add(calendar, node.planned_finish, tolerance)
    if own.facts.data_at is not None:
        last = max(last, own.facts.data_at)
    if not is_possible or working_seconds(calendar, last, looked.until) < rules.service.update_within_s:
        return None
    return looked.finding(Rule.NO_NEWS, (owner_of(looked.seen.plan), LINE_SUPERVISOR))


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
