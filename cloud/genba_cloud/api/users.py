"""Routes of people's accounts: who may sign in, as what, and with which new password."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from genba_cloud.api.admin import ADMINISTER
from genba_cloud.api.floor_bodies import UserBody
from genba_cloud.api.floor_views import UsersShape
from genba_cloud.api.guard import authority_of
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes_identity import PasswordShape
from genba_cloud.core.viewer import read_role
from genba_cloud.store.accounts_authority import ADMIN

router = APIRouter()


@router.get("/users", summary="Accounts of people", response_model=UsersShape, dependencies=ADMINISTER)
def list_users(request: Request) -> Response:
    """By name, each with its role."""
    accounts = authority_of(request).accounts.list_accounts()
    return JSONResponse({"items": [{"name": one.name, "role": str(one.role)} for one in accounts]})


@router.post(
    "/users",
    summary="Make an account for a person",
    response_model=PasswordShape,
    status_code=201,
    dependencies=ADMINISTER,
)
def create_user(request: Request, body: UserBody) -> Response:
    """The one-time password is shown in this answer and never again; at the first sign-in another one is chosen."""
    try:
        role = read_role(body.role)
    except ValueError as exc:
        raise ApiProblem(422, str(exc)) from exc
    password = authority_of(request).add_person(body.name, role)
    if password is None:
        raise ApiProblem(409, f"there is an account {body.name} already", accepted="another name")
    answer = {"one_time_password": password, "user": body.name}
    return JSONResponse(answer, status_code=201, headers={"Cache-Control": "no-store"})


@router.post(
    "/users/{name}/reset",
    summary="New one-time password for an account",
    response_model=PasswordShape,
    dependencies=ADMINISTER,
)
def reset_user(request: Request, name: str) -> Response:
    """All sessions of the account end."""
    password = authority_of(request).reset_password(name)
    if password is None:
        raise ApiProblem.not_found(f"account {name!r:.100}")
    return JSONResponse({"one_time_password": password, "user": name}, headers={"Cache-Control": "no-store"})


@router.delete("/users/{name}", summary="Remove an account", status_code=204, dependencies=ADMINISTER)
def remove_user(request: Request, name: str) -> Response:
    """All its sessions end. What its person entered stays, and can be erased (`POST subjects/erase`)."""
    if name == ADMIN:
        raise ApiProblem(409, "the administrator's account cannot be removed", accepted="another account")
    if not authority_of(request).accounts.remove_account(name):
        raise ApiProblem.not_found(f"account {name!r:.100}")
    return Response(status_code=204)
