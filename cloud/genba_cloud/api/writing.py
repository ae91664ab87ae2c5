"""Routes that write: orders, queues, dispatch, tags, events. What the ledger refuses is answered with 409 or 422."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response

from genba_cloud.api.bodies import AnswerBody, AssignBody, DispatchBody, EventsBody, OrderBody, QueueBody, TagsBody
from genba_cloud.api.body_forms import MOST_PIECES
from genba_cloud.api.floor_rights import FLOOR_NEEDS
from genba_cloud.api.guard import Guard, authority_of
from genba_cloud.api.idempotency import Idempotent
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes import (
    AnsweredShape,
    AppendedShape,
    AssignedShape,
    DispatchedShape,
    QueuedShape,
    ReceiptShape,
    RefusedEventShape,
    TagsChangedShape,
)
from genba_cloud.api.views import question_view
from genba_cloud.api.visible import Desk
from genba_cloud.core.facts.plan import Refused, is_in_time
from genba_cloud.core.master.orders import OrderWanted
from genba_cloud.core.viewer import Act, Viewer, may
from genba_cloud.ledger import Ledger, TagToBind
from genba_cloud.store.read import QueueRow
from genba_shared.errors import ContractError
from genba_shared.events import (
    AlertAcknowledged,
    AlertClosed,
    AlertEscalated,
    AlertOpened,
    BaselineFrozen,
    CountsAssigned,
    DispatchClosed,
    DispatchOpened,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    EventCorrected,
    ForecastIssued,
    LateUpdateFlagged,
    MasterDataChanged,
    NoticeSent,
    OrderConfirmed,
    PiecesCounted,
    ProblemResolved,
    PromiseSet,
    Source,
    SourceType,
    StockCounted,
    TagBound,
    TagUnbound,
    TaskClosed,
    TaskOpened,
    TaskPlanned,
    WorkOrderReleased,
    event_from_json,
)

COLLECTORS_OWN: Final = (
    AlertAcknowledged,
    AlertClosed,
    AlertEscalated,
    AlertOpened,
    BaselineFrozen,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    ForecastIssued,
    LateUpdateFlagged,
    MasterDataChanged,
    NoticeSent,
    OrderConfirmed,
    PromiseSet,
    TaskClosed,
    TaskOpened,
    TaskPlanned,
    WorkOrderReleased,
)
"""Kinds that only the collector writes: decisions, what follows from an order, and answers, which it checks first."""

ALSO_NEEDS: Final[Mapping[type[Event], Act]] = {
    DispatchClosed: Act.DISPATCH,
    DispatchOpened: Act.DISPATCH,
    TagBound: Act.DISPATCH,
    TagUnbound: Act.DISPATCH,
    CountsAssigned: Act.ANSWER,
    EventCorrected: Act.ANSWER,
    **FLOOR_NEEDS,
}
"""Kinds that say what stations and tags work on, or what counts: the same right as the routes that do so."""

LONGEST_ID: Final = 100
STOCK_TAKE: Final = "/api/v1/zones/{zone}/stocktake"
RESOLVE: Final = "/api/v1/problems/{problem}/resolve"

T = TypeVar("T")
IdempotencyKey = Annotated[str | None, Header(max_length=200)]

router = APIRouter()

_orders = Guard(does=Act.UPSERT_ORDER)
_dispatch = Guard(does=Act.DISPATCH)
_events = Guard(does=Act.APPEND_EVENTS)
_answers = Guard(does=Act.ANSWER)


@router.post(
    "/orders",
    summary="Send an order, new or changed",
    response_model=ReceiptShape,
    responses={201: {"model": ReceiptShape, "description": "the order is new"}},
)
async def post_order(
    request: Request,
    body: OrderBody,
    viewer: Annotated[Viewer, Depends(_orders)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Taken once per (system, external_id); the same again changes nothing. The plan of a known work order is frozen.

    `lines` are planned here, from their routings, by the calendars of their sites.

    With an Idempotency-Key the first answer is given again for 24 h, and the same key with another body is refused.
    """
    once = Idempotent.of(request, viewer, idempotency_key, body)
    kept = await once.kept()
    if kept is not None:
        return kept
    plan, ledger = body.to_plan(), _ledger(request)
    work = ledger.take_order(plan) if isinstance(plan, OrderWanted) else ledger.upsert_order(plan)
    taken = _accepted(await work)
    outcome = "created" if taken.created else "changed" if taken.changed else "unchanged"
    receipt: ReceiptShape = {"order": taken.plan.order, "outcome": outcome}
    return await once.answered(receipt, status=201 if taken.created else 200)


@router.post(
    "/stations/{station}/queue", summary="Add rows at the end of a station's queue", response_model=QueuedShape
)
async def post_queue(
    request: Request, station: str, body: QueueBody, _viewer: Annotated[Viewer, Depends(_dispatch)]
) -> Response:
    """A row that is there already is left alone; `added` counts the new ones."""
    rows = [
        QueueRow(station=_station(station), work_order=row.work_order, node=row.node, quantity=row.quantity)
        for row in body.rows
    ]
    queued = _accepted(await _ledger(request).append_queue(rows))
    return JSONResponse({"station": station, "added": len(queued.rows)})


@router.post(
    "/stations/{station}/dispatch", summary="Say what a station works on from now on", response_model=DispatchedShape
)
async def post_dispatch(
    request: Request, station: str, body: DispatchBody, viewer: Annotated[Viewer, Depends(_dispatch)]
) -> Response:
    """What it worked on before is closed. Asking again for what is open changes nothing."""
    quantity = await asyncio.to_thread(_planned_quantity, request.app.state.desk, body)
    wanted = QueueRow(station=_station(station), work_order=body.work_order, node=body.node, quantity=quantity)
    appended = _accepted(await _ledger(request).open_dispatch(wanted, source=source_of_viewer(viewer)))
    return JSONResponse(
        {
            "station": station,
            "work_order": body.work_order,
            "node": body.node,
            "quantity": quantity,
            "changed": bool(appended.events),
        }
    )


@router.post("/tags", summary="Bind and unbind tags", response_model=TagsChangedShape)
async def post_tags(request: Request, body: TagsBody, viewer: Annotated[Viewer, Depends(_dispatch)]) -> Response:
    """All or, when one is refused, none. A bound tag that is bound again moves."""
    bind = [TagToBind(tag=one.tag, work_order=one.work_order, pieces=one.pieces) for one in body.bind]
    appended = _accepted(
        await _ledger(request).change_tags(bind=bind, unbind=body.unbind, source=source_of_viewer(viewer))
    )
    return JSONResponse({"changed": len(appended.events)})


@router.post("/questions/{question}/answer", summary="Answer a question", response_model=AnsweredShape)
async def post_answer(
    request: Request,
    question: str,
    body: AnswerBody,
    viewer: Annotated[Viewer, Depends(_answers)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Written as a new event; the event that asks stays as it is. To take an answer back, answer again.

    The same answer again changes nothing. With an Idempotency-Key the first answer is given again for 24 h.
    """
    once = Idempotent.of(request, viewer, idempotency_key, body, about=question)
    kept = await once.kept()
    if kept is not None:
        return kept
    answered = _accepted(
        await _ledger(request).answer_question(body.to_answer(question), source=source_of_viewer(viewer))
    )
    if answered is None:
        raise ApiProblem.not_found(f"question {question!r:.200}")
    shown = await asyncio.to_thread(request.app.state.desk.opened_question, answered.question)
    return await once.answered({"question": question_view(shown), "changed": answered.changed})


@router.post("/questions/assign", summary="Give counts without an owner to a node", response_model=AssignedShape)
async def post_assignment(
    request: Request,
    body: AssignBody,
    viewer: Annotated[Viewer, Depends(_answers)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """All or, when one is refused, none: what a station counted in an hour without dispatch is one request."""
    once = Idempotent.of(request, viewer, idempotency_key, body, about="assign")
    kept = await once.kept()
    if kept is not None:
        return kept
    given = _accepted(await _ledger(request).assign_counts(body.to_wanted(), source=source_of_viewer(viewer)))
    return await once.answered({"assigned": given.given})


@router.post("/events", summary="Send events", response_model=AppendedShape)
async def post_events(request: Request, body: EventsBody, viewer: Annotated[Viewer, Depends(_events)]) -> Response:
    """Each has a UUID that the client made; one that was taken before is not taken twice. Bad ones stop no other.

    What tells stations and tags what they work on needs the right to dispatch as well, and what corrects counts the
    right to answer questions.
    """
    enterprise = authority_of(request).enterprise
    forbidden = tuple(kind for kind, act in ALSO_NEEDS.items() if not may(viewer, act, enterprise=enterprise))
    good, refused = _read_events(body.events, forbidden)
    appended = await _ledger(request).append_events([event for _, event in good])
    numbers = {event.id: index for index, event in good}
    refused += [
        {"index": numbers[event_id], "id": event_id, "reason": "this id was used for another content"}
        for event_id in appended.conflicts
    ]
    answer: AppendedShape = {
        "accepted": len(appended.events),
        "repeated": appended.duplicates,
        "refused": sorted(refused, key=lambda item: item["index"]),
    }
    return JSONResponse(answer)


def _read_events(
    items: Sequence[Mapping[str, Any]], forbidden: tuple[type[Event], ...]
) -> tuple[list[tuple[int, Event]], list[RefusedEventShape]]:
    good: list[tuple[int, Event]] = []
    refused: list[RefusedEventShape] = []
    for index, item in enumerate(items):
        try:
            event = _client_event(item)
            if isinstance(event, forbidden):
                raise ContractError(f"{event.kind} needs the right to {ALSO_NEEDS[type(event)]}")
        except ContractError as exc:
            refused.append({"index": index, "id": _echo(item.get("id")), "reason": str(exc)})
        else:
            good.append((index, event))
    return good, refused


def _echo(name: object) -> str | None:
    """The id of an event that was refused, where it can be one: it goes back to the client as it came."""
    return name if isinstance(name, str) and len(name) <= LONGEST_ID and name.isprintable() else None


def _client_event(item: Mapping[str, Any]) -> Event:
    event = event_from_json(item)
    try:
        is_canonical = str(uuid.UUID(event.id)) == event.id
    except ValueError:
        is_canonical = False
    if not is_canonical:
        raise ContractError(f"{event.kind}.id: {event.id!r:.80} is not a UUID in small letters, made by the client")
    if isinstance(event, COLLECTORS_OWN):
        raise ContractError(f"{event.kind} is written by the collector only")
    if isinstance(event, StockCounted):  # whether the zone may be counted, and then, is looked at there
        raise ContractError(f"{event.kind}: send what was counted to POST {STOCK_TAKE}")
    if isinstance(event, ProblemResolved):  # whether its cause is known is looked at there
        raise ContractError(f"{event.kind}: say it to POST {RESOLVE}")
    pieces = getattr(event, "pieces", None)
    if pieces is not None and not 0 <= pieces <= MOST_PIECES:
        raise ContractError(f"{event.kind}.pieces: {pieces} is not a number of pieces from 0 to {MOST_PIECES}")
    if isinstance(event, PiecesCounted) and event.station is None:
        raise ContractError("pieces_counted.station: which station counted them?")
    if not is_in_time(event.at):
        raise ContractError(f"{event.kind}.at: {event.at.year} is no time: 1970 to 2199")
    return event


def _accepted(result: T | Refused) -> T:
    if isinstance(result, Refused):
        raise ApiProblem.of(result)
    return result


def _planned_quantity(desk: Desk, body: DispatchBody) -> int:
    """Pieces of the node as planned; 1 where it is not known, which the ledger refuses with the reason."""
    record = desk.reads.work_order(body.work_order)
    works = record.plan.work_orders if record else ()
    node = next((work.node(body.node) for work in works if work.work_order == body.work_order), None)
    return node.quantity if node else 1


def _station(text: str) -> str:
    if not 0 < len(text) <= 100 or any(ord(letter) < 32 for letter in text):
        raise ApiProblem(422, "a station's name has 1 to 100 characters")
    return text


def source_of_viewer(viewer: Viewer) -> Source:
    """Who says so, in an event that a viewer causes."""
    kind = SourceType.PERSON if viewer.is_person else SourceType.API
    return Source(type=kind, ref=viewer.who)


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger
