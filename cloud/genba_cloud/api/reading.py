"""Routes that read: orders, floor, events, gateways. Each names what it shows; the guard does the rest."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from genba_cloud.api.body_forms import LARGEST_NUMBER
from genba_cloud.api.etags import IfNoneMatch, tagged
from genba_cloud.api.guard import Guard, viewer_of
from genba_cloud.api.live import Live
from genba_cloud.api.paging import LARGEST_PAGE, Cursor, PageSize, page_of
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes import (
    EventsShape,
    GatewaysShape,
    NodesShape,
    OrderShape,
    QuestionPageShape,
    QuestionShape,
    QueueShape,
    StationsShape,
    TagsShape,
    UnassignedListShape,
    ZonesShape,
)
from genba_cloud.api.views import (
    event_view,
    gateway_view,
    order_view,
    question_view,
    station_view,
    tag_view,
    unassigned_view,
    zone_view,
)
from genba_cloud.api.visible import Desk, VisibleReads
from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.viewer import Subject, Viewer
from genba_cloud.store.read import EVERYTHING, EventFilter, QuestionFilter

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="how many at most")]
After = Annotated[
    int, Query(ge=0, le=LARGEST_NUMBER, description="position to read on from; 0 begins at the start of the log")
]
Text = Annotated[str | None, Query(max_length=200)]

Handler = TypeVar("Handler", bound=Callable[..., Response])

_STREAMED: Final = 'id: 7\nevent: wip\ndata: {"items":[]}\n\n'

router = APIRouter()


async def visible_reads(request: Request) -> VisibleReads:
    """A dependency: the store as the viewer sees it whom the route's guard let in."""
    desk: Desk = request.app.state.desk
    viewer: Viewer = request.state.viewer
    return VisibleReads(desk, viewer)


def _get(path: str, subject: Subject, shape: type, *, summary: str) -> Callable[[Handler], Handler]:
    """A GET route that shows `subject` and answers in `shape`."""
    return router.get(path, summary=summary, response_model=shape, dependencies=[Depends(Guard(sees=subject))])


Reading = Annotated[VisibleReads, Depends(visible_reads)]


@_get("/orders/{order:path}/nodes", Subject.ORDERS, NodesShape, summary="The nodes of an order")
def order_nodes(order: str, reads: Reading) -> Response:
    """Status, quantities, plan, actual and expected times of each node, by work order."""
    view = order_view(_known(reads, order))
    return JSONResponse({"order": view["order"], "work_orders": view["work_orders"]})


@_get("/orders/{order:path}/events", Subject.EVENTS, EventsShape, summary="Events of an order")
def order_events(order: str, reads: Reading, after: After = 0, limit: Limit = 200) -> Response:
    """Its own events and those of its work orders, in log order."""
    return _events(reads, after, limit, EventFilter(order=order))


@_get("/orders/{order:path}", Subject.ORDERS, OrderShape, summary="One order")
def get_order(
    order: str,
    reads: Reading,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The order with its nodes. The ETag changes when anything in the answer does; a match is answered with 304."""
    return tagged(order_view(_known(reads, order)), if_none_match)


@_get("/wip", Subject.WIP, ZonesShape, summary="Pieces in each zone")
def wip(reads: Reading, cursor: Cursor = None, limit: PageSize = LARGEST_PAGE) -> Response:
    """Pieces that entered and have not left, with the possible error; by name of the zone."""
    zones, following = page_of(reads.wip(), lambda zone: (zone.zone,), cursor=cursor, limit=limit)
    return JSONResponse({"items": [zone_view(zone) for zone in zones], "next": following})


@_get("/stations", Subject.STATIONS, StationsShape, summary="What each station does")
def stations(reads: Reading, cursor: Cursor = None, limit: PageSize = LARGEST_PAGE) -> Response:
    """State, open dispatch and pieces that nobody owns yet; by name."""
    found, following = page_of(reads.stations(), lambda one: (one.station,), cursor=cursor, limit=limit)
    return JSONResponse({"items": [station_view(station) for station in found], "next": following})


@_get("/stations/{station}/queue", Subject.STATIONS, QueueShape, summary="The queue of a station")
def station_queue(station: str, reads: Reading) -> Response:
    """All rows in their order, also those that are done."""
    rows = [{"work_order": row.work_order, "node": row.node, "quantity": row.quantity} for row in reads.queue(station)]
    return JSONResponse({"station": station, "rows": rows})


@_get("/unassigned", Subject.UNASSIGNED, UnassignedListShape, summary="Pieces without an owner")
def unassigned(reads: Reading, cursor: Cursor = None, limit: PageSize = LARGEST_PAGE) -> Response:
    """Counted while no dispatch was open, or for a node that nobody planned; by station, work order and node."""
    found, following = page_of(
        reads.unassigned(),
        lambda one: (one.station or "", one.work_order or "", one.node or ""),
        cursor=cursor,
        limit=limit,
    )
    return JSONResponse({"items": [unassigned_view(item) for item in found], "next": following})


class Answered(StrEnum):
    """Which questions are listed."""

    OPEN = "open"
    ANSWERED = "answered"
    ALL = "all"

    def is_open(self) -> bool | None:
        """As the store asks; None: both."""
        match self:
            case Answered.OPEN:
                return True
            case Answered.ANSWERED:
                return False
            case Answered.ALL:
                return None


@_get("/questions", Subject.QUESTIONS, QuestionPageShape, summary="What gateways could not decide")
def questions(
    reads: Reading,
    state: Annotated[Answered, Query(description="open, answered or all")] = Answered.OPEN,
    station: Text = None,
    cursor: Text = None,
    limit: Limit = 100,
) -> Response:
    """The newest first, each with what was read, what is possible, and the answer where there is one."""
    page = reads.questions(where=QuestionFilter(is_open=state.is_open(), station=station), cursor=cursor, limit=limit)
    return JSONResponse({"items": [question_view(question) for question in page.items], "next": page.next})


@_get("/questions/{question}", Subject.QUESTIONS, QuestionShape, summary="One question")
def get_question(question: str, reads: Reading, if_none_match: IfNoneMatch = None) -> Response:
    """By the id of the event that asks; with an ETag."""
    found = reads.question(question)
    if found is None:
        raise ApiProblem.not_found(f"question {question!r:.200}")
    return tagged(question_view(found), if_none_match)


@_get("/tags", Subject.TAGS, TagsShape, summary="What each tag stands for")
def tags(reads: Reading, cursor: Cursor = None, limit: PageSize = LARGEST_PAGE) -> Response:
    """Bindings that hold now, by tag."""
    found, following = page_of(reads.tags(), lambda one: (one.tag,), cursor=cursor, limit=limit)
    return JSONResponse({"items": [tag_view(binding) for binding in found], "next": following})


@_get("/gateways", Subject.GATEWAYS, GatewaysShape, summary="Every gateway as last heard")
def gateways(reads: Reading, cursor: Cursor = None, limit: PageSize = LARGEST_PAGE) -> Response:
    """Whether it is online, how far its events are accounted for, and how its devices are; by name."""
    found, following = page_of(reads.gateways(), lambda one: (one.gateway,), cursor=cursor, limit=limit)
    return JSONResponse({"items": [gateway_view(gateway) for gateway in found], "next": following})


@_get("/events", Subject.EVENTS, EventsShape, summary="Events of the log")
def list_events(
    reads: Reading,
    after: After = 0,
    limit: Limit = 200,
    kind: Annotated[list[str] | None, Query(max_length=30)] = None,
    order: Text = None,
    work_order: Text = None,
    station: Text = None,
    zone: Text = None,
    gateway: Text = None,
) -> Response:
    """In log order; `next` is the position to read on from, null at the end of the log."""
    where = EventFilter(
        kinds=tuple(kind or ()), order=order, work_order=work_order, station=station, zone=zone, gateway=gateway
    )
    return _events(reads.from_log(after), after, limit, EVERYTHING if where == EventFilter() else where)


@router.get(
    "/live",
    summary="What changes, as Server-Sent Events",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {"example": _STREAMED}},
            "description": "order, wip, gateway, alert, question, clock, resync",
        }
    },
)
async def live(
    request: Request,
    viewer: Annotated[Viewer, Depends(Guard(sees=Subject.ORDERS))],
    after: Annotated[
        int | None, Query(ge=0, le=LARGEST_NUMBER, description="position that the page was drawn at")
    ] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Each message is a whole state. `id:` is the log position, for Last-Event-ID; `resync` means read all again."""
    hub: Live = request.app.state.live
    last_seen = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else None
    stream = hub.stream(viewer, last_seen=last_seen, drawn_at=after, still_allowed=lambda: viewer_of(request) == viewer)
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


def _known(reads: VisibleReads, order: str) -> AssessedOrder:
    found = reads.order(order)
    if found is None:
        raise ApiProblem.not_found(f"order {order!r}")
    return found


def _events(reads: VisibleReads, after: int, limit: int, where: EventFilter) -> Response:
    page = reads.events(after=after, limit=limit, where=where)
    items = [event_view(item) for item in page.items]
    return JSONResponse({"items": items, "next": page.next, "archived_upto": page.archived_upto})
