"""The parts of a plan that are kept as one JSON document each: equal parts give equal JSON, defaults are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genba_cloud.core.facts.plan import (
    Confirm,
    Criterion,
    Dependency,
    Evidence,
    MaterialNeed,
    NodePlan,
    OrderPlan,
    Scope,
    Step,
    TeamMember,
    WorkOrderPlan,
)
from genba_shared.clock import format_time, parse_time

Details = Mapping[str, Any]


def node_details(node: NodePlan) -> dict[str, Any]:
    """What a node's plan says beside its columns."""
    return _told(
        dependencies=[_dependency(one) for one in node.dependencies],
        criterion=_other(node.criterion, Criterion.QUANTITY),
        evidence=_other(node.evidence, Evidence.ANY),
        confirm=_other(node.confirm, Confirm.AUTO),
        scope=_other(node.scope, Scope.WORK_ORDER),
        steps=[{"step": one.step, "label": dict(one.label)} for one in node.steps],
        setup_s=node.setup_s,
        piece_s=node.piece_s,
        work_centre=node.work_centre,
        stations=list(node.stations),
        key=node.key or None,
        visible_to=list(node.visible_to),
        instructions=list(node.instructions),
    )


def node_of(details: Details, **columns: Any) -> NodePlan:
    """The plan of a node from its columns and its details."""
    return NodePlan(
        **columns,
        dependencies=tuple(Dependency(**one) for one in details.get("dependencies", ())),
        criterion=Criterion(details.get("criterion", Criterion.QUANTITY)),
        evidence=Evidence(details.get("evidence", Evidence.ANY)),
        confirm=Confirm(details.get("confirm", Confirm.AUTO)),
        scope=Scope(details.get("scope", Scope.WORK_ORDER)),
        steps=tuple(Step(**one) for one in details.get("steps", ())),
        setup_s=details.get("setup_s"),
        piece_s=details.get("piece_s"),
        work_centre=details.get("work_centre"),
        stations=tuple(details.get("stations", ())),
        key=details.get("key", False),
        visible_to=tuple(details.get("visible_to", ())),
        instructions=tuple(details.get("instructions", ())),
    )


def work_order_details(work: WorkOrderPlan) -> dict[str, Any]:
    """What a work order's plan says beside its columns and nodes."""
    return _told(
        routing=work.routing,
        parameters=dict(sorted(work.parameters.items())),
        materials=[_told(item=one.item, amount=one.amount, uom=one.uom, node=one.node) for one in work.materials],
        due=format_time(work.due) if work.due is not None else None,
    )


def work_order_of(details: Details, **columns: Any) -> WorkOrderPlan:
    """The plan of a work order from its columns, nodes and details."""
    return WorkOrderPlan(
        **columns,
        routing=details.get("routing"),
        parameters=dict(details.get("parameters", {})),
        materials=tuple(MaterialNeed(**one) for one in details.get("materials", ())),
        due=parse_time(details["due"]) if "due" in details else None,
    )


def order_details(plan: OrderPlan) -> dict[str, Any]:
    """What an order says beside its columns and work orders."""
    return _told(priority=plan.priority or None, team=[{"person": one.person, "role": one.role} for one in plan.team])


def order_of(details: Details, **columns: Any) -> OrderPlan:
    """The order from its columns, work orders and details."""
    return OrderPlan(
        **columns,
        priority=details.get("priority", 0),
        team=tuple(TeamMember(**one) for one in details.get("team", ())),
    )


def _dependency(one: Dependency) -> dict[str, Any]:
    return {"node": one.node} | _told(
        work_order=one.work_order, transfer_quantity=one.transfer_quantity, lag_s=one.lag_s or None
    )


def _other(value: str, usual: str) -> str | None:
    return None if value == usual else str(value)


def _told(**parts: Any) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value not in (None, [], {}, ())}
