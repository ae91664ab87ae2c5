"""Whether something can be done with an order as a whole, and the events that say that it was done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from genba_cloud.core.actions.said import OrderSaid
from genba_cloud.core.actions.wishes import (
    ActionRefused,
    Actor,
    Already,
    Decided,
    Decision,
    Entry,
    OrderAction,
    OrderWish,
    Why,
    clash,
    malformed,
)
from genba_cloud.core.facts.plan import OrderPlan
from genba_shared.clock import to_milliseconds
from genba_shared.events import Event, OrderCancelled, OrderChanged, OrderHeld, OrderResumed, WorkOrderCancelled

HIGHEST_PRIORITY: Final = 100
_MILLISECOND: Final = timedelta(milliseconds=1)


def decide_order(plan: OrderPlan, said: OrderSaid, wish: OrderWish, actor: Actor, entry: Entry) -> Decision:
    """The events that this wish makes; `Already` where it is so; the refusal where it cannot be."""
    order = plan.order
    if said.cancelled_at is not None:
        if wish.action is OrderAction.CANCEL:
            return Already(at=said.cancelled_at)
        return clash(Why.ORDER_CANCELLED, f"order {order} is cancelled", "undo the cancelling", order=order)
    common = _common(said, wish, actor, entry)
    match wish.action:
        case OrderAction.HOLD:
            if said.held_since is not None:
                return Already(at=said.held_since)
            return _without_reason(wish) or _one(OrderHeld(id=entry.next_id(), order=order, **common))
        case OrderAction.RESUME:
            if said.held_since is None:
                return clash(Why.NOT_ON_HOLD, f"order {order} is not on hold", order=order)
            return _one(OrderResumed(id=entry.next_id(), order=order, **common))
        case OrderAction.CANCEL:
            if said.shipped_at is not None:
                return clash(Why.SHIPPED, f"order {order} is on its way already", order=order)
            return _without_reason(wish) or Decided(events=tuple(_cancelled(plan, common, entry)))
        case OrderAction.PRIORITISE:
            return _prioritise(plan, wish, common, entry)
        case _:
            assert_never(wish.action)


def _common(said: OrderSaid, wish: OrderWish, actor: Actor, entry: Entry) -> dict[str, Any]:
    now = to_milliseconds(entry.now)
    at: datetime = now if said.last_at is None or said.last_at < now else said.last_at + _MILLISECOND
    return {"at": at, "entered_at": now, "source": actor.source, "reason": wish.reason, "note": wish.note}


def _one(event: Event) -> Decided:
    return Decided(events=(event,))


def _without_reason(wish: OrderWish) -> ActionRefused | None:
    if wish.reason is not None:
        return None
    return malformed(Why.REASON_MISSING, f"to {wish.action} an order needs a reason", "reason: a code such as customer")


def _cancelled(plan: OrderPlan, common: dict[str, Any], entry: Entry) -> Iterable[Event]:
    yield OrderCancelled(id=entry.next_id(), order=plan.order, **common)
    for work in plan.work_orders:
        yield WorkOrderCancelled(
            id=entry.next_id(), order=plan.order, work_order=work.work_order, site=work.site, **common
        )


def _prioritise(plan: OrderPlan, wish: OrderWish, common: dict[str, Any], entry: Entry) -> Decision:
    if wish.priority is None or abs(wish.priority) > HIGHEST_PRIORITY:
        return malformed(
            Why.PIECES_IMPOSSIBLE,
            "how urgent is the order?",
            f"priority: -{HIGHEST_PRIORITY} to {HIGHEST_PRIORITY}; 0 is usual, higher is more urgent",
        )
    if wish.priority == plan.priority:
        return Already(at=to_milliseconds(entry.now))
    told = f"priority {plan.priority} -> {wish.priority}"
    return _one(
        OrderChanged(
            id=entry.next_id(),
            order=plan.order,
            fields=("priority",),
            **(common | {"note": f"{told}: {wish.note}" if wish.note else told}),
        )
    )
