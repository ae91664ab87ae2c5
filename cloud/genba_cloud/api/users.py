"""Routes of people's accounts: who may sign in, and as what."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from genba_cloud.api.admin import ADMINISTER
from genba_cloud.api.floor_bodies import UserBody
from genba_cloud.api.floor_views import UsersShape
from genba_cloud.api.guard import authority_of
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes import PasswordShape
from genba_cloud.core.viewer import read_role

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
