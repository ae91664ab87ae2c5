"""Routes of administration: what could not be taken, looked at, taken after all, or given up."""

from __future__ import annotations

import base64
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from typing_extensions import TypedDict

from genba_cloud.api.body_forms import LARGEST_NUMBER
from genba_cloud.api.guard import Guard
from genba_cloud.api.paging import PageSize
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.visible import Desk
from genba_cloud.core.viewer import Act
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.quarantine import Reread
from genba_cloud.store.read import Quarantined, QuarantineRecord
from genba_shared.clock import format_time

ADMINISTER: Final = [Depends(Guard(does=Act.ADMINISTER))]
router = APIRouter()
Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]


class QuarantineShape(TypedDict):
    """One row. `event` is set where it is one event of a good envelope, else it is the whole envelope."""

    number: int
    gateway: str
    reason: str
    received_at: str
    event: str | None
    size: int


class QuarantinePageShape(TypedDict):
    """Rows, newest first; `next`: give it back as `cursor` for older ones, null at the end."""

    items: list[QuarantineShape]
    next: str | None


class QuarantineBodyShape(QuarantineShape):
    """A row with what it holds: `text` where that is JSON, else `base64`."""

    text: str | None
    base64: str | None


class RetriedShape(TypedDict):
    """Events that were taken, and why the row stays (null where it is gone)."""

    taken: int
    stays: str | None


@router.get(
    "/quarantine", summary="What could not be taken", response_model=QuarantinePageShape, dependencies=ADMINISTER
)
def list_quarantine(
    request: Request,
    gateway: Annotated[str | None, Query(max_length=100)] = None,
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description="`next` of the page before")] = None,
    limit: PageSize = 100,
) -> Response:
    """Envelopes and single events that broke the contract, with the reason, newest first."""
    desk: Desk = request.app.state.desk
    rows = desk.reads.quarantined(gateway=gateway, before=cursor, limit=limit + 1)
    following = str(rows[limit - 1].number) if len(rows) > limit else None
    return JSONResponse({"items": [_shape(row) for row in rows[:limit]], "next": following})


@router.get(
    "/quarantine/{number}", summary="One of them, whole", response_model=QuarantineBodyShape, dependencies=ADMINISTER
)
def show_quarantined(request: Request, number: Number) -> Response:
    """The row with its bytes."""
    desk: Desk = request.app.state.desk
    row = desk.reads.quarantined_body(number)
    if row is None:
        raise ApiProblem.not_found(f"quarantined row {number}")
    return JSONResponse(body_shape(number, row))


@router.post(
    "/quarantine/{number}/retry", summary="Take it after all", response_model=RetriedShape, dependencies=ADMINISTER
)
async def retry_quarantined(request: Request, number: Number) -> Response:
    """After an upgrade: what this version understands goes into the log and out of quarantine."""
    ledger: Ledger = request.app.state.ledger
    reread: Reread = request.app.state.reread
    retried = await ledger.retry_quarantined([number], reread)
    answer: RetriedShape = {"taken": retried.taken, "stays": dict(retried.stays).get(number)}
    return JSONResponse(answer)


@router.delete("/quarantine/{number}", summary="Give it up for good", status_code=204, dependencies=ADMINISTER)
async def drop_quarantined(request: Request, number: Number) -> Response:
    """Nobody can bring it back."""
    ledger: Ledger = request.app.state.ledger
    if not await ledger.drop_quarantined([number]):
        raise ApiProblem.not_found(f"quarantined row {number}")
    return Response(status_code=204)


def body_shape(number: int, row: Quarantined) -> QuarantineBodyShape:
    """A row with what it holds."""
    text = row.body.decode(errors="replace") if row.event_id is not None else None
    return {
        "number": number,
        "gateway": row.gateway,
        "reason": row.reason,
        "received_at": format_time(row.received_at),
        "event": row.event_id,
        "size": len(row.body),
        "text": text,
        "base64": base64.b64encode(row.body).decode() if text is None else None,
    }


def _shape(row: QuarantineRecord) -> QuarantineShape:
    return {
        "number": row.number,
        "gateway": row.gateway,
        "reason": row.reason,
        "received_at": format_time(row.received_at),
        "event": row.event_id,
        "size": row.size,
    }
