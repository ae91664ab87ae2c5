"""Routes of administration: machine keys, and the board's link."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from genba_cloud.api.bodies import KeyBody
from genba_cloud.api.guard import Guard, authority_of
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes_identity import KeysShape, LinkShape, NewKeyShape
from genba_cloud.api.views import key_view
from genba_cloud.core.viewer import Act, Subject, read_scopes

ADMINISTER: Final = [Depends(Guard(does=Act.ADMINISTER))]
router = APIRouter()


@router.get("/keys", summary="Machine keys", response_model=KeysShape, dependencies=[Depends(Guard(sees=Subject.KEYS))])
def list_keys(request: Request) -> Response:
    """All keys without their secrets, also revoked ones."""
    return JSONResponse({"items": [key_view(key) for key in authority_of(request).accounts.list_keys()]})


@router.post(
    "/keys", summary="Make a machine key", response_model=NewKeyShape, status_code=201, dependencies=ADMINISTER
)
def create_key(request: Request, body: KeyBody) -> Response:
    """The key is shown in this answer and never again."""
    try:
        scopes = read_scopes(body.scopes)
    except ValueError as exc:
        raise ApiProblem(422, str(exc)) from exc
    key = authority_of(request).accounts.create_key(body.name, scopes)
    return JSONResponse({"id": key.split("_")[1], "key": key}, status_code=201, headers={"Cache-Control": "no-store"})


@router.delete("/keys/{key_id}", summary="Revoke a machine key", status_code=204, dependencies=ADMINISTER)
def revoke_key(request: Request, key_id: str) -> Response:
    """It is refused from its next request on."""
    if not authority_of(request).accounts.revoke_key(key_id):
        raise ApiProblem.not_found(f"key {key_id!r}")
    return Response(status_code=204)


@router.get("/board-link", summary="The board's read-only link", response_model=LinkShape, dependencies=ADMINISTER)
def board_link(request: Request) -> Response:
    """Whoever opens it sees the board without customer names, and nothing else."""
    return JSONResponse({"path": f"/board/link/{authority_of(request).board_token()}"})


@router.post("/board-link/renew", summary="Renew the board's link", response_model=LinkShape, dependencies=ADMINISTER)
def renew_board_link(request: Request) -> Response:
    """Every link given out before is worth nothing from now on."""
    return JSONResponse({"path": f"/board/link/{authority_of(request).renew_board_links()}"})
