"""Routes of what proves the log and erases words in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from typing_extensions import TypedDict

from genba_cloud.api.bodies import SubjectBody
from genba_cloud.api.guard import Guard, authority_of
from genba_cloud.api.problems import ApiProblem
from genba_cloud.core.viewer import Act
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.heads import LogDamagedError

MakeHead = Callable[[], Mapping[str, Any] | None]


class HeadShape(TypedDict):
    """A signed head: the root of the Merkle tree over the events at positions 1 to `size`."""

    enterprise: str
    size: int
    at: str
    root: str
    key: str
    signature: str


router = APIRouter()


class ErasedShape(TypedDict):
    """Ids of the keys that were destroyed."""

    keys: list[str]


@router.post(
    "/subjects/erase",
    summary="Make what somebody wrote unreadable for ever",
    response_model=ErasedShape,
    dependencies=[Depends(Guard(does=Act.ADMINISTER))],
)
async def erase_subject(request: Request, body: SubjectBody) -> Response:
    """Its key is destroyed: every copy of its words in log and views can be read by nobody, and the chain stays."""
    ledger: Ledger = request.app.state.ledger
    names = await ledger.erase_subject(body.subject)
    await asyncio.to_thread(authority_of(request).accounts.forget_answers, body.subject)
    return JSONResponse({"keys": list(names)})


@router.post(
    "/heads",
    summary="Sign a head of the log",
    response_model=HeadShape,
    responses={204: {"description": "the log is empty"}},
    dependencies=[Depends(Guard(does=Act.ADMINISTER))],
)
def sign_head(request: Request) -> Response:
    """The same head again where nothing came since. Keep it where nobody who can change the log can change it."""
    make_head: MakeHead = request.app.state.make_head
    try:
        head = make_head()
    except LogDamagedError as exc:
        raise ApiProblem(409, str(exc)) from exc
    return Response(status_code=204) if head is None else JSONResponse(dict(head))
