"""Routes of what is done with nodes, orders, problems and material; everything is an event, and can be taken back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response

from genba_cloud.api.floor_bodies import (
    ExplainBody,
    MaterialBody,
    NodeActionBody,
    OrderActionBody,
    ProblemBody,
    ResolveBody,
    UndoBody,
)
from genba_cloud.api.floor_doing import once_of
from genba_cloud.api.floor_views import ActionShape, ProblemWordsShape, action_view
from genba_cloud.api.guard import Guard
from genba_cloud.api.scan import floor_desk, node_of
from genba_cloud.api.writing import IdempotencyKey
from genba_cloud.core.actions import Category, Movement, causes_of
from genba_cloud.core.viewer import Act, Subject, Viewer

NamePath = Annotated[str, Path(max_length=100)]
_works: Final = Guard(sees=Subject.ORDERS, does=Act.WORK)
_says: Final = Guard(does=Act.WORK)
_orders: Final = Guard(does=Act.HOLD_ORDER)

router = APIRouter()


@router.post(
    "/work-orders/{work_order:path}/nodes/{node:path}/actions",
    summary="Do something with a node",
    response_model=ActionShape,
)
async def post_node_action(
    request: Request,
    work_order: NamePath,
    node: NamePath,
    body: NodeActionBody,
    viewer: Annotated[Viewer, Depends(_works)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Start, report, step, complete, confirm, reject, hold, resume, skip, reopen, quality or rework.

    What is so already changes nothing (`already`). What clashes with the node's state is refused with 409 and with
    what would be accepted. Reject, skip and reopen are for supervisors. A node that needs four eyes is confirmed by
    another person than who completed it.
    """
    doing = floor_desk(request, viewer)
    once = once_of(viewer, idempotency_key, body, about=f"node {work_order}\n{node}")
    done = await doing.node(work_order, node, body.to_wish(body.action), once=once)
    return JSONResponse(action_view(done, await asyncio.to_thread(node_of, doing.floor, done, work_order, node)))


@router.post("/orders/{order:path}/actions", summary="Do something with an order", response_model=ActionShape)
async def post_order_action(
    request: Request,
    order: NamePath,
    body: OrderActionBody,
    viewer: Annotated[Viewer, Depends(_orders)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Hold, resume, cancel or prioritise. The last two are for managers, and for keys that write orders."""
    once = once_of(viewer, idempotency_key, body, about=f"order {order}")
    return JSONResponse(action_view(await floor_desk(request, viewer).order(order, body.to_wish(), once=once)))


@router.post("/actions/undo", summary="Take back what was done", response_model=ActionShape)
async def post_undo(
    request: Request,
    body: UndoBody,
    viewer: Annotated[Viewer, Depends(_says)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Within 10 seconds without a reason, to 10 minutes with one, then by a supervisor; after shipment by a manager.

    Only what is named is taken back: what came after it stands as it is.
    """
    once = once_of(viewer, idempotency_key, body, about="undo")
    return JSONResponse(action_view(await floor_desk(request, viewer).undo(body.undo, body.reason, once=once)))


@router.get(
    "/problem-words",
    summary="Kinds of problems and their causes",
    response_model=ProblemWordsShape,
    dependencies=[Depends(_says)],
)
def get_problem_words() -> Response:
    """The codes that problems are reported and explained with."""
    return JSONResponse({"categories": {str(one): list(causes_of(one)) for one in Category}})


@router.post("/problems", summary="Report a problem", response_model=ActionShape, status_code=201)
async def post_problem(
    request: Request,
    body: ProblemBody,
    viewer: Annotated[Viewer, Depends(_says)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Taken at once; its cause may follow. The problem's id is that of the event in the answer."""
    once = once_of(viewer, idempotency_key, body, about="problem")
    done = await floor_desk(request, viewer).problem(body.to_wish(), once=once)
    return JSONResponse(action_view(done), status_code=201)


@router.post("/problems/{problem}/explain", summary="Say why there is a problem", response_model=ActionShape)
async def post_explanation(
    request: Request,
    problem: NamePath,
    body: ExplainBody,
    viewer: Annotated[Viewer, Depends(_says)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Of several explanations the last counts."""
    once = once_of(viewer, idempotency_key, body, about=f"explain {problem}")
    done = await floor_desk(request, viewer).answer_problem(problem, body.cause, body.note, once=once)
    return JSONResponse(action_view(done))


@router.post("/problems/{problem}/resolve", summary="Say that a problem is over", response_model=ActionShape)
async def post_resolution(
    request: Request,
    problem: NamePath,
    body: ResolveBody,
    viewer: Annotated[Viewer, Depends(_says)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Refused with 409 while nobody has said why there was one."""
    once = once_of(viewer, idempotency_key, body, about=f"resolve {problem}")
    return JSONResponse(
        action_view(await floor_desk(request, viewer).answer_problem(problem, None, body.note, once=once))
    )


@router.post("/materials/{movement}", summary="Say that material came, went or was counted", response_model=ActionShape)
async def post_material(
    request: Request,
    movement: Movement,
    body: MaterialBody,
    viewer: Annotated[Viewer, Depends(_says)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Received (into stock), issued (to a work order; negative: it came back) or counted (a stock-take)."""
    once = once_of(viewer, idempotency_key, body, about=f"material {movement}")
    return JSONResponse(
        action_view(await floor_desk(request, viewer).material(body.to_wish(movement), once=once)), status_code=200
    )
