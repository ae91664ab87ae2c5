"""Kinds of events about orders and work orders, material and transport."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from genba_shared.events.model import Event


class ShipmentStatus(StrEnum):
    """Where a shipment is on its way."""

    PLANNED = "planned"
    PICKED_UP = "picked_up"
    UNDER_WAY = "under_way"
    DELAYED = "delayed"
    ARRIVED = "arrived"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged(Event):
    """Something about the order is other than before; `fields` names what (its values are master data)."""

    kind: ClassVar[str] = "order_changed"
    code: ClassVar[int] = 37

    order: str
    fields: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHeld(Event):
    """Nothing more is done for the order for now, for `reason`. Its delay goes on."""

    kind: ClassVar[str] = "order_held"
    code: ClassVar[int] = 38
    required: ClassVar[frozenset[str]] = frozenset({"reason"})

    order: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResumed(Event):
    """A held order goes on."""

    kind: ClassVar[str] = "order_resumed"
    code: ClassVar[int] = 39

    order: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """The order is not wanted any more, for `reason`."""

    kind: ClassVar[str] = "order_cancelled"
    code: ClassVar[int] = 40
    required: ClassVar[frozenset[str]] = frozenset({"reason"})

    order: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderChanged(Event):
    """The work order is other than before; `fields` names what (its values are master data)."""

    kind: ClassVar[str] = "work_order_changed"
    code: ClassVar[int] = 41
    required: ClassVar[frozenset[str]] = frozenset({"work_order"})

    order: str
    fields: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderCancelled(Event):
    """The work order is not made, for `reason`."""

    kind: ClassVar[str] = "work_order_cancelled"
    code: ClassVar[int] = 42
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "reason"})

    order: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialPromised(Event):
    """A supplier will deliver `amount` of `item` at `due`, where it is for one work order, for that."""

    kind: ClassVar[str] = "material_promised"
    code: ClassVar[int] = 43

    item: str
    amount: float
    due: datetime
    uom: str = "pcs"
    supplier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialReceived(Event):
    """`amount` of `item` came into stock. Where it is for one work order, `work_order` says so."""

    kind: ClassVar[str] = "material_received"
    code: ClassVar[int] = 44

    item: str
    amount: float
    uom: str = "pcs"
    supplier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialIssued(Event):
    """`amount` of `item` left the stock for the work order; negative: it came back."""

    kind: ClassVar[str] = "material_issued"
    code: ClassVar[int] = 45
    required: ClassVar[frozenset[str]] = frozenset({"work_order"})

    item: str
    amount: float
    uom: str = "pcs"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialConsumed(Event):
    """`amount` of `item` went into pieces of the work order."""

    kind: ClassVar[str] = "material_consumed"
    code: ClassVar[int] = 46
    required: ClassVar[frozenset[str]] = frozenset({"work_order"})

    item: str
    amount: float
    uom: str = "pcs"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialCounted(Event):
    """A stock-take: somebody counted `amount` of `item` in stock at `at`."""

    kind: ClassVar[str] = "material_counted"
    code: ClassVar[int] = 47

    item: str
    amount: float
    uom: str = "pcs"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentMoved(Event):
    """A shipment is in `status` at `place`; `expected_at` is when it is expected at its end."""

    kind: ClassVar[str] = "shipment_moved"
    code: ClassVar[int] = 48

    shipment: str
    status: ShipmentStatus
    order: str | None = None
    place: str | None = None
    carrier: str | None = None
    expected_at: datetime | None = None
    note: str | None = None
