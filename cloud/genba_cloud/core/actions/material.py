"""Material that comes, goes and is counted: whether it can be so, and the event that says it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, assert_never

from genba_cloud.core.actions.wishes import ActionRefused, Actor, Decided, Decision, Entry, Why, malformed
from genba_cloud.core.facts.plan import WorkOrderPlan
from genba_shared.clock import format_time, to_milliseconds
from genba_shared.events import MaterialCounted, MaterialIssued, MaterialReceived

MOST: Final = 1_000_000_000.0
OLDEST: Final = timedelta(days=366)


class Movement(StrEnum):
    """What happened to the material."""

    RECEIVED = "received"
    ISSUED = "issued"
    """It left the stock for a work order; a negative amount came back."""
    COUNTED = "counted"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialWish:
    """So much of an item came, went, or was counted. `uom` None: as the work order's list says, else pieces."""

    movement: Movement
    item: str
    amount: float
    uom: str | None = None
    work_order: str | None = None
    node: str | None = None
    lot: str | None = None
    supplier: str | None = None
    reason: str | None = None
    at: datetime | None = None


def decide_material(wish: MaterialWish, work: WorkOrderPlan | None, actor: Actor, entry: Entry) -> Decision:
    """The event that says it. `work` is the plan of the work order, None where the wish names none."""
    refused = _impossible(wish, work, entry.now)
    if refused is not None:
        return refused
    need = next((one for one in work.materials if one.item == wish.item), None) if work else None
    now = to_milliseconds(entry.now)
    common: dict[str, Any] = {
        "id": entry.next_id(),
        "at": now if wish.at is None else to_milliseconds(wish.at),
        "entered_at": now,
        "source": actor.source,
        "site": work.site if work else None,
        "work_order": wish.work_order,
        "node": wish.node,
        "lot": wish.lot,
        "reason": wish.reason,
        "item": wish.item,
        "amount": wish.amount,
        "uom": wish.uom or (need.uom if need else "pcs"),
    }
    match wish.movement:
        case Movement.RECEIVED:
            return Decided(events=(MaterialReceived(**common, supplier=wish.supplier),))
        case Movement.ISSUED:
            return Decided(events=(MaterialIssued(**common),))
        case Movement.COUNTED:
            return Decided(events=(MaterialCounted(**common),))
        case _:
            assert_never(wish.movement)


def _impossible(wish: MaterialWish, work: WorkOrderPlan | None, now: datetime) -> ActionRefused | None:
    least = {Movement.RECEIVED: "more than 0", Movement.ISSUED: "other than 0", Movement.COUNTED: "0 or more"}
    fits = {Movement.RECEIVED: wish.amount > 0, Movement.ISSUED: wish.amount != 0, Movement.COUNTED: wish.amount >= 0}
    if not math.isfinite(wish.amount) or abs(wish.amount) > MOST or not fits[wish.movement]:
        return malformed(Why.AMOUNT_IMPOSSIBLE, f"{wish.amount} cannot have been {wish.movement}", least[wish.movement])
    if wish.movement is Movement.ISSUED and work is None:
        return malformed(Why.NODE_UNKNOWN, "for which work order was it issued?", "work_order")
    if wish.node is not None and (work is None or work.node(wish.node) is None):
        codes = ", ".join(node.node for node in work.nodes) if work else "none without a work order"
        return malformed(Why.NODE_UNKNOWN, f"there is no node {wish.node!r:.100}", f"one of {codes}")
    if wish.at is not None and not now - OLDEST <= wish.at <= now:
        return malformed(Why.TIME_IMPOSSIBLE, f"it cannot have been at {format_time(wish.at)}", "a time within a year")
    return _not_on_the_list(wish, work)


def _not_on_the_list(wish: MaterialWish, work: WorkOrderPlan | None) -> ActionRefused | None:
    """Why it cannot be for the work order; another item than its list names needs a reason."""
    if work is None or not work.materials:
        return None
    need = next((one for one in work.materials if one.item == wish.item), None)
    if need is not None and wish.uom is not None and wish.uom != need.uom:
        return malformed(
            Why.AMOUNT_IMPOSSIBLE, f"{wish.item} is measured in {need.uom} here, not in {wish.uom}", need.uom
        )
    if need is None and wish.reason is None:
        items = ", ".join(one.item for one in work.materials)
        return malformed(
            Why.REASON_MISSING,
            f"work order {work.work_order} does not need {wish.item}",
            f"one of {items}, or a reason (substitute)",
        )
    return None
