"""Routes of labels: what a scan would do, doing it, taking it back; and the labels themselves."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from genba_cloud.api.floor_bodies import CodesBody, ScanBody, UndoBody
from genba_cloud.api.floor_doing import FloorDesk, once_of
from genba_cloud.api.floor_reads import VisibleFloor
from genba_cloud.api.floor_views import (
    ActionShape,
    CodeShape,
    CodesShape,
    ScanShape,
    StandingShape,
    action_view,
    code_view,
    scan_view,
    standing_view,
)
from genba_cloud.api.guard import Guard
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.writing import IdempotencyKey
from genba_cloud.core.actions import NodeAction
from genba_cloud.core.viewer import Act, Subject, Viewer
from genba_cloud.ledger.actions import ActionDone

ScanText = Annotated[str, Path(max_length=300, description="as it is printed, with or without hyphens")]
_scans: Final = Guard(sees=Subject.ORDERS, does=Act.WORK)
_labels: Final = Guard(does=Act.MAKE_CODES)
_NOT_KNOWN: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "no label has this code"},
    410: {"description": "the label was revoked"},
}

router = APIRouter()


def floor_desk(request: Request, viewer: Viewer) -> FloorDesk:
    """What doing something needs."""
    return FloorDesk(desk=request.app.state.desk, ledger=request.app.state.ledger, viewer=viewer)


@router.get(
    "/scan/{code}", summary="What a scan of this label would do", response_model=ScanShape, responses=_NOT_KNOWN
)
def get_scan(
    request: Request,
    code: ScanText,
    viewer: Annotated[Viewer, Depends(_scans)],
    work_order: Annotated[str | None, Query(max_length=100)] = None,
    node: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """What it stands for, where that stands, what each action would do, and what is missing. Nothing is changed.

    An order's label stands for all its nodes; `work_order` and `node` name one of them.
    """
    floor = floor_desk(request, viewer).floor
    return JSONResponse(scan_view(floor.scanned(code, work_order=work_order, node=node), floor))


@router.post("/scan/{code}", summary="Do what a scan means", response_model=ActionShape, responses=_NOT_KNOWN)
async def post_scan(
    request: Request,
    code: ScanText,
    body: ScanBody,
    viewer: Annotated[Viewer, Depends(_scans)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Without an `action`, what comes next: start, report (with fewer pieces than are needed), complete, confirm.

    The same person's second scan of a label within half a minute does nothing. With an Idempotency-Key the request is
    done once, however often it is sent.
    """
    doing = floor_desk(request, viewer)
    done = await doing.scan(
        code,
        body.action,
        body.to_wish(body.action or NodeAction.START),
        work_order=body.work_order,
        node=body.node,
        once=once_of(viewer, idempotency_key, body, about=f"scan {code}"),
    )
    found = await asyncio.to_thread(doing.floor.code, code)
    named = (found.work_order or body.work_order, found.node or body.node)
    return JSONResponse(action_view(done, await asyncio.to_thread(node_of, doing.floor, done, *named)))


@router.post("/scan/{code}/undo", summary="Take back what a scan did", response_model=ActionShape, responses=_NOT_KNOWN)
async def post_scan_undo(
    request: Request,
    code: ScanText,
    body: UndoBody,
    viewer: Annotated[Viewer, Depends(_scans)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Within 10 seconds without a reason, to 10 minutes with one, then by a supervisor; after shipment by a manager."""
    doing = floor_desk(request, viewer)
    order = (await asyncio.to_thread(doing.floor.code, code)).order
    once = once_of(viewer, idempotency_key, body, about="undo")
    done = await doing.undo(body.undo, body.reason, order=order, once=once)
    return JSONResponse(action_view(done, await asyncio.to_thread(node_of, doing.floor, done)))


@router.get("/codes", summary="Labels of an order", response_model=CodesShape)
def get_codes(
    request: Request,
    order: Annotated[str, Query(max_length=100)],
    viewer: Annotated[Viewer, Depends(_labels)],
) -> Response:
    """All of them, revoked ones too."""
    codes = VisibleFloor(request.app.state.desk, viewer).codes_of(order)
    return JSONResponse({"order": order, "items": [code_view(code) for code in codes]})


@router.post("/codes", summary="Make the labels of an order", response_model=CodesShape)
async def post_codes(request: Request, body: CodesBody, viewer: Annotated[Viewer, Depends(_labels)]) -> Response:
    """One for the order and one for each node; those that are there already, and were not revoked, stay."""
    made = await request.app.state.ledger.floor.make_codes(body.order, by=viewer.who)
    if made is None:
        raise ApiProblem.not_found(f"order {body.order!r:.100}")
    return JSONResponse({"order": body.order, "items": [code_view(code) for code in made.codes]})


@router.delete("/codes/{code_id}", summary="Make a label worthless", response_model=CodeShape)
async def delete_code(request: Request, code_id: str, viewer: Annotated[Viewer, Depends(_labels)]) -> Response:
    """A scan of it is answered with 410 from now on. `POST codes` then makes another one in its place."""
    found = await request.app.state.ledger.floor.revoke_code(code_id, by=viewer.who)
    if found is None:
        raise ApiProblem.not_found(f"label {code_id!r:.100}")
    return JSONResponse(code_view(found))


def node_of(
    floor: VisibleFloor, done: ActionDone, work_order: str | None = None, node: str | None = None
) -> StandingShape | None:
    """The node that was named, else the one that was written about, as it stands now.

    None: it is about none, or about several.
    """
    named = {(event.work_order, event.node) for event in done.events} or {(work_order, node)}
    if len(named) != 1:
        return None
    ((work_order, node),) = named
    if work_order is None or node is None:
        return None
    return standing_view(floor.node(work_order, node), floor)
