"""Shapes of the API's answers, for the type checker and for OpenAPI. Times are RFC 3339 in UTC."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class DeviationShape(TypedDict):
    """Lateness `late_s` on a lead `lead_s`, in working seconds; `percent` is cut off after one decimal."""

    late_s: int
    lead_s: int
    percent: str


class BaselineShape(TypedDict):
    """The plan that deviation is measured against."""

    start: str
    finish: str


EnvironmentShape = TypedDict(
    "EnvironmentShape",
    {
        "station": str,
        "point": str,
        "from": str,
        "to": str,
        "min": float,
        "mean": float,
        "max": float,
        "samples": int,
        "uom": str | None,
    },
)
"""What a point around a station measured while the node was worked on there, weighted by time; as in the event."""


class NodeShape(TypedDict):
    """One node. `status` is one of pending, in_progress, done, delayed, awaiting_confirmation."""

    node: str
    label: dict[str, str]
    status: str
    lifecycle: str
    quantity: int | None
    good: int
    scrap: int
    rework: int
    planned_start: str | None
    planned_finish: str | None
    started_at: str | None
    completed_at: str | None
    claimed_at: str | None
    claimed_pieces: int | None
    confidence: str | None
    marks: list[str]
    late_s: int | None
    deviation: DeviationShape | None
    evidence: list[str]
    expected_finish: str | None
    environment: list[EnvironmentShape]


class WorkOrderShape(TypedDict):
    """What one site makes of an order."""

    work_order: str
    site: str
    item: str
    quantity: int
    nodes: list[NodeShape]


class OrderShape(TypedDict):
    """An order. `level` is one of none, yellow, orange, red; `customer` is empty for who may not know it."""

    order: str
    customer: str
    promised: str
    baseline: BaselineShape
    expected_finish: str
    finished: bool
    level: str
    deviation: DeviationShape
    data_at: str | None
    work_orders: list[WorkOrderShape]


class OrderPageShape(TypedDict):
    """Orders by promise; `next` is the cursor of the page after this one, null at the end."""

    items: list[OrderShape]
    next: str | None


class NodesShape(TypedDict):
    """The nodes of an order, by work order."""

    order: str
    work_orders: list[WorkOrderShape]


class ReceiptShape(TypedDict):
    """What was done with an order that was sent."""

    order: str
    outcome: str


class TallyShape(TypedDict):
    """Pieces by result."""

    good: int
    scrap: int
    rework: int


class StockTakeShape(TypedDict):
    """The last time that somebody counted what is in a zone."""

    count: int
    at: str
    event: str


class ZoneShape(TypedDict):
    """Pieces in a zone at `at`, give or take `error_estimate`; `stock_take` is null where nobody ever counted."""

    zone: str
    count: int
    error_estimate: int
    at: str
    stock_take: StockTakeShape | None


class ZonesShape(TypedDict):
    """Every zone."""

    items: list[ZoneShape]
    next: str | None


class StationShape(TypedDict):
    """What a station does and works on; `unassigned` pieces have no owner yet."""

    station: str
    state: str
    since: str | None
    work_order: str | None
    node: str | None
    unassigned: TallyShape


class StationsShape(TypedDict):
    """Every station."""

    items: list[StationShape]
    next: str | None


class QueueRowShape(TypedDict):
    """A row of a station's queue."""

    work_order: str
    node: str
    quantity: int


class QueueShape(TypedDict):
    """A station's queue, the next row first."""

    station: str
    rows: list[QueueRowShape]


class UnassignedShape(TypedDict):
    """Pieces without an owner."""

    station: str | None
    work_order: str | None
    node: str | None
    pieces: TallyShape
    data_at: str | None


class UnassignedListShape(TypedDict):
    """All pieces without an owner."""

    items: list[UnassignedShape]
    next: str | None


class OptionShape(TypedDict):
    """One possible explanation of what was read: `option` is what an answer writes."""

    option: str
    method: str
    pieces: int


class QuestionAnswerShape(TypedDict):
    """The answer that counts, and whose pieces it says they are."""

    event: str
    at: str
    by: str
    pieces: int
    work_order: str | None
    node: str | None
    note: str | None


class QuestionShape(TypedDict):
    """What a gateway could not decide. `id` is the event that asks; `kind` is questioned, ambiguous or unassigned.

    `counted` pieces count until it is answered; `least` to `most` are possible. `work_order` and `node` say whose
    pieces they are taken for, null where nobody knows.
    """

    id: str
    kind: str
    open: bool
    station: str | None
    work_order: str | None
    node: str | None
    point: str
    result: str
    since: str | None
    at: str
    counted: int
    least: int
    most: int
    options: list[OptionShape]
    note: str | None
    answer: QuestionAnswerShape | None


class QuestionPageShape(TypedDict):
    """Questions, the newest first; `next` is the cursor of the page after this one, null at the end."""

    items: list[QuestionShape]
    next: str | None


class AnsweredShape(TypedDict):
    """The question as it stands now; `changed` is false where it was answered so already."""

    question: QuestionShape
    changed: bool


class AssignedShape(TypedDict):
    """How many counts were given to the node now; those that were its own already are not counted."""

    assigned: int


class TagShape(TypedDict):
    """What a tag stands for."""

    tag: str
    work_order: str
    pieces: int
    since: str


class TagsShape(TypedDict):
    """All bindings that hold now."""

    items: list[TagShape]
    next: str | None


class GatewayShape(TypedDict):
    """A gateway as last heard; `seen_at` is wall time. `alarm`: what is wrong with its identity."""

    gateway: str
    online: bool
    enrolment: str
    epoch: str | None
    next_seq: int | None
    upto: int
    outbox_depth: int | None
    dispatch_version: int | None
    seen_at: str | None
    alarm: str | None
    devices: dict[str, Any]


class GatewaysShape(TypedDict):
    """Every gateway."""

    items: list[GatewayShape]
    next: str | None


class EventsShape(TypedDict):
    """Events in log order, with `position` and `received_at`. Those up to `archived_upto` are in archives, not here."""

    items: list[dict[str, Any]]
    next: int | None
    archived_upto: int


class RefusedEventShape(TypedDict):
    """An event of a batch that was not taken; `index` counts from 0."""

    index: int
    id: str | None
    reason: str


class QueuedShape(TypedDict):
    """How many rows were new."""

    station: str
    added: int


class DispatchedShape(TypedDict):
    """What the station works on; `changed` is false where it did so already."""

    station: str
    work_order: str
    node: str
    quantity: int
    changed: bool


class TagsChangedShape(TypedDict):
    """How many tags changed."""

    changed: int


class StockTakenShape(TypedDict):
    """A stock-take that was taken; the gateway tells the new count with an event that names this one."""

    zone: str
    count: int
    at: str
    event: str


class AppendedShape(TypedDict):
    """What became of a batch: the other events are taken, also when some are refused."""

    accepted: int
    repeated: int
    refused: list[RefusedEventShape]
