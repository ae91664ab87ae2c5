"""Nodes that are done once for more than one work order: for the whole order, or with a shipment of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from genba_cloud.core.facts.order import OrderFacts, ShipmentFacts
from genba_cloud.core.facts.plan import END_OF_TIME, Confirm, NodePlan, OrderPlan, Scope
from genba_cloud.core.facts.views import Lifecycle, Mark, NodeFacts, WorkOrderFacts
from genba_shared.events import ShipmentStatus

_FURTHEST: Final = (Lifecycle.DONE, Lifecycle.AWAITING_CONFIRMATION, Lifecycle.IN_PROGRESS, Lifecycle.PENDING)
_WIDE: Final = (Scope.ORDER, Scope.SHIPMENT)
_LEFT: Final = frozenset({ShipmentStatus.PICKED_UP, ShipmentStatus.UNDER_WAY, ShipmentStatus.DELAYED})


def shared(
    plan: OrderPlan, facts: Mapping[str, WorkOrderFacts], order: OrderFacts | None
) -> Mapping[str, WorkOrderFacts]:
    """The facts of an order's work orders, with those nodes alike that are done once for all of them.

    What is said of a node of the scope ``order`` in one work order holds for all: where they stand apart, the one that
    is furthest counts. A node of the scope ``shipment`` of which nobody said anything itself follows the order's
    shipments: it begins when the first one leaves, and is over when all have arrived.
    """
    wide = [(work.work_order, node) for work in plan.work_orders for node in work.nodes if node.scope in _WIDE]
    if not wide:
        return facts
    found = {name: {node.node: node for node in one.nodes} for name, one in facts.items()}
    for code in {node.node for _, node in wide if node.scope is Scope.ORDER}:
        places = [(name, node) for name, node in wide if node.node == code and node.scope is Scope.ORDER]
        _make_alike(found, [(name, node) for name, node in places if name in found])
    for name, node in wide:
        if node.scope is Scope.SHIPMENT and name in found and order is not None:
            found[name][node.node] = _carried(found[name][node.node], node, order.shipments)
    return {
        name: replace(one, nodes=tuple(found[name][node.node] for node in one.nodes)) for name, one in facts.items()
    }


def _make_alike(found: Mapping[str, dict[str, NodeFacts]], places: Sequence[tuple[str, NodePlan]]) -> None:
    every = [found[name][node.node] for name, node in places]
    if every:
        furthest = min(every, key=_how_far)
        for name, node in places:
            found[name][node.node] = replace(furthest, quantity=node.quantity)


def _how_far(facts: NodeFacts) -> tuple[int, datetime, int]:
    """Sorts the furthest first: of those that are over the one that was first, of the others the one with most."""
    return _FURTHEST.index(facts.lifecycle), facts.completed_at or END_OF_TIME, -facts.good


def _carried(facts: NodeFacts, plan: NodePlan, shipments: Iterable[ShipmentFacts]) -> NodeFacts:
    """What the order's shipments say of the node."""
    wanted = [one for one in shipments if one.status is not ShipmentStatus.CANCELLED]
    is_said = facts.lifecycle is not Lifecycle.PENDING or facts.words
    moved = [one.at for one in wanted if one.status in _LEFT or one.status is ShipmentStatus.ARRIVED]
    if is_said or not moved:
        return facts
    began, newest = min(moved), max(one.at for one in wanted)
    if any(one.status is not ShipmentStatus.ARRIVED for one in wanted):
        return replace(facts, lifecycle=Lifecycle.IN_PROGRESS, started_at=began, data_at=newest)
    over = replace(facts, started_at=began, claimed_at=newest, data_at=newest, good=plan.quantity)
    if plan.confirm is Confirm.AUTO:
        return replace(over, lifecycle=Lifecycle.DONE, completed_at=newest)
    marks = (*facts.marks, Mark.CONFIRMATION_OPEN)
    return replace(over, lifecycle=Lifecycle.AWAITING_CONFIRMATION, marks=marks)
