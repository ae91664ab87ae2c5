"""What was said of an order as a whole: promises, baselines, holds, its end, and shipments that carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genba_cloud.core.facts.told import ToldFold
from genba_shared.events import (
    BaselineFrozen,
    Event,
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderHeld,
    OrderResumed,
    PromiseSet,
    ShipmentMoved,
    ShipmentStatus,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentFacts:
    """Where a shipment is by its newest news; `expected_at` is the newest that was said of its arrival."""

    shipment: str
    status: ShipmentStatus
    at: datetime
    place: str | None = None
    carrier: str | None = None
    expected_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """An order. `promises` and `baselines` are all that there ever were, the oldest first, each with when it was set.

    A hold lies over everything that the order does and stops no delay. A cancelled order is not drawn. Reasons are
    codes and may be sealed.
    """

    order: str
    confirmed_at: datetime | None = None
    promises: tuple[tuple[datetime, datetime], ...] = ()
    baselines: tuple[tuple[datetime, datetime, datetime], ...] = ()
    on_hold: bool = False
    held_at: datetime | None = None
    hold_reason: str | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    changed_at: datetime | None = None
    changed_fields: tuple[str, ...] = ()
    shipments: tuple[ShipmentFacts, ...] = ()
    data_at: datetime | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether it is not wanted any more."""
        return self.cancelled_at is not None


def order_facts(order: str, state: ToldFold) -> OrderFacts:
    """What the events of the order come to."""
    promises: list[tuple[datetime, datetime]] = []
    baselines: list[tuple[datetime, datetime, datetime]] = []
    told: dict[str, Any] = {}
    for event in state.standing():
        told["data_at"] = event.at
        match event:
            case PromiseSet():
                promises.append((event.at, event.promised))
            case BaselineFrozen():
                baselines.append((event.at, event.start, event.finish))
            case _:
                told |= _told(event, told)
    return OrderFacts(order=order, promises=tuple(promises), baselines=tuple(baselines), **told)


def _told(event: Event, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the event changes of the facts that were told before it."""
    match event:
        case OrderConfirmed():
            return {"confirmed_at": told.get("confirmed_at", event.at)}
        case OrderHeld():
            return {"on_hold": True, "held_at": event.at, "hold_reason": event.reason}
        case OrderResumed():
            return {"on_hold": False, "held_at": None, "hold_reason": None}
        case OrderCancelled() if "cancelled_at" not in told:
            return {"cancelled_at": event.at, "cancel_reason": event.reason}
        case OrderChanged():
            names = dict.fromkeys((*told.get("changed_fields", ()), *event.fields))
            return {"changed_at": event.at, "changed_fields": tuple(names)}
        case ShipmentMoved():
            return {"shipments": _moved(told.get("shipments", ()), event)}
        case _:
            return {}


def _moved(shipments: tuple[ShipmentFacts, ...], event: ShipmentMoved) -> tuple[ShipmentFacts, ...]:
    before = {one.shipment: one for one in shipments}
    known = before.get(event.shipment)
    before[event.shipment] = ShipmentFacts(
        shipment=event.shipment,
        status=event.status,
        at=event.at,
        place=event.place or (known.place if known else None),
        carrier=event.carrier or (known.carrier if known else None),
        expected_at=event.expected_at or (known.expected_at if known else None),
    )
    return tuple(one for _, one in sorted(before.items()))
