"""What changed since a position of the log: facts as they were told, and what follows from them, in log order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response
from typing_extensions import TypedDict

from genba_cloud.api.body_forms import LARGEST_NUMBER
from genba_cloud.api.guard import Guard
from genba_cloud.api.reading import Reading
from genba_cloud.api.shapes import DeviationShape
from genba_cloud.api.views import event_view, order_view
from genba_cloud.api.visible import VisibleReads
from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.viewer import Subject
from genba_cloud.store.read import EVERYTHING, EventPage
from genba_shared.events import Event

LARGEST: Final = 500
_NODE: Final = (
    "node", "status", "lifecycle", "quantity", "good", "scrap", "rework", "started_at", "completed_at",
    "expected_finish", "marks",
)  # fmt: skip

router = APIRouter()
Since = Annotated[int, Query(ge=0, le=LARGEST_NUMBER, description="position to go on from; 0: from the start")]
Wanted = Annotated[int, Query(ge=1, le=LARGEST, description="how many events at most")]


class NodeStateShape(TypedDict):
    """How a node stands."""

    work_order: str
    node: str
    status: str
    lifecycle: str
    quantity: int | None
    good: int
    scrap: int
    rework: int
    started_at: str | None
    completed_at: str | None
    expected_finish: str | None
    marks: list[str]


class OrderStateShape(TypedDict):
    """How an order stands when this is answered; it may have gone on since the fact before it."""

    type: Literal["order"]
    position: int
    order: str
    promised: str
    expected_finish: str
    finished: bool
    level: str
    deviation: DeviationShape
    data_at: str | None
    nodes: list[NodeStateShape]


class FactShape(TypedDict):
    """An event of the log; decisions such as opened episodes are among them."""

    type: Literal["event"]
    position: int
    event: dict[str, Any]


class ChangesShape(TypedDict):
    """Changes in log order. Give `next` back as `since`; `more`: whether there is something behind it already."""

    items: list[FactShape | OrderStateShape]
    next: int
    more: bool


@router.get(
    "/changes",
    summary="What changed since a position",
    response_model=ChangesShape,
    dependencies=[Depends(Guard(sees=Subject.EVENTS))],
)
def changes(reads: Reading, since: Since = 0, limit: Wanted = 200) -> Response:
    """Every event, and behind the last one that speaks of an order, how that order stands: levels and statuses.

    An order is told once in an answer. What is told again after a repeat is the same or newer, never older.
    """
    page = reads.from_log(since).events(after=since, limit=limit, where=EVERYTHING)
    orders = {order.plan.order: order for order in reads.orders(sorted(set(told_orders(reads, page).values())))}
    last = {order: position for position, order in sorted(told_orders(reads, page).items()) if order in orders}
    items: list[FactShape | OrderStateShape] = []
    behind = {position: order for order, position in last.items()}
    for logged in page.items:
        items.append({"type": "event", "position": logged.position, "event": event_view(logged)})
        if logged.position in behind:
            items.append(order_state(orders[behind[logged.position]], logged.position))
    following = page.items[-1].position if page.items else since
    answer: ChangesShape = {"items": items, "next": following, "more": page.next is not None}
    return JSONResponse(answer)


def told_orders(reads: VisibleReads, page: EventPage) -> Mapping[int, str]:
    """By position, the order that an event of the page speaks of; events that speak of none are left out."""
    owners = reads.orders_of_work({logged.event.work_order for logged in page.items if logged.event.work_order})
    found = ((logged.position, _order_of(logged.event, owners)) for logged in page.items)
    return {position: order for position, order in found if order is not None}


def order_state(order: AssessedOrder, position: int) -> OrderStateShape:
    """How an order stands, told behind the event at a position."""
    view = order_view(order)
    nodes: Iterable[Any] = (
        {"work_order": work["work_order"], **{name: node[name] for name in _NODE}}
        for work in view["work_orders"]
        for node in work["nodes"]
    )
    return {
        "type": "order",
        "position": position,
        "order": view["order"],
        "promised": view["promised"],
        "expected_finish": view["expected_finish"],
        "finished": view["finished"],
        "level": view["level"],
        "deviation": view["deviation"],
        "data_at": view["data_at"],
        "nodes": list(nodes),
    }


def _order_of(event: Event, owners: Mapping[str, str]) -> str | None:
    named: str | None = getattr(event, "order", None)
    return named or (owners.get(event.work_order) if event.work_order else None)
