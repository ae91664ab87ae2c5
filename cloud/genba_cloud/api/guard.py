"""The guard in front of every route: finds out who asks, and refuses unless a rule allows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from genba_cloud.api.problems import ApiProblem
from genba_cloud.core.viewer import Act, Sight, Subject, Viewer, may, sight
from genba_cloud.store.accounts_authority import Authority

SESSION_COOKIE: Final = "genba_session"
BOARD_COOKIE: Final = "genba_board"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

SECURITY_SCHEMES: Final[Mapping[str, Any]] = {
    "machine key": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer genba_…`"},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "a signed-in person"},
}
"""How a request says who sends it, for the OpenAPI document: as dependencies they would cost more than the look-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A FastAPI dependency that returns the `Viewer` of a request, or ends it with 401 or 403.

    `sees` and `does` name what the route shows and does; with neither, anybody who is known passes. A route that may
    be used by somebody who still must choose a password says so with `newcomers`; `people`: signed-in persons only.
    """

    sees: Subject | None = None
    does: Act | None = None
    newcomers: bool = False
    people: bool = False

    async def __call__(self, request: Request) -> Viewer:
        """Let the viewer in.

        Raises:
            ApiProblem: 401 where nobody is known, 403 where it is not allowed or the form comes from another site.
        """
        viewer = _recalled(request) or await asyncio.to_thread(viewer_of, request)
        if viewer is None:
            raise ApiProblem(
                401,
                "sign in, or send Authorization: Bearer with a machine key",
                headers={"WWW-Authenticate": "Bearer"},
                page="/login",
            )
        self.check(viewer, authority_of(request).enterprise)
        request.state.viewer = viewer
        return viewer

    def check(self, viewer: Viewer, enterprise: str) -> None:
        """Refuse what the rules do not allow to this viewer (ApiProblem 403)."""
        if viewer.must_choose_password and not self.newcomers:
            raise ApiProblem(403, "choose a password of your own first, on the page /password", page="/password")
        if self.people and not viewer.is_person:
            raise ApiProblem(403, "this is for people who are signed in")
        if self.sees is not None and sight(viewer, self.sees, enterprise=enterprise) is Sight.NOTHING:
            raise ApiProblem(403, f"this needs the right to read {self.sees}")
        if self.does is not None and not may(viewer, self.does, enterprise=enterprise):
            raise ApiProblem(403, f"this needs the right to {self.does.replace('_', ' ')}")


def _recalled(request: Request) -> Viewer | None:
    """The machine whose key was looked up before; a request of any other kind is looked at in a thread."""
    word, _, key = request.headers.get("authorization", "").partition(" ")
    return authority_of(request).recall_key(key.strip()) if word.lower() == "bearer" else None


def viewer_of(request: Request) -> Viewer | None:
    """Who sends this request: a machine key first, then a session, then a board link; None where nobody is known.

    Raises:
        ApiProblem: 403 for a change that a page of another site sent with our cookie.
    """
    authority = authority_of(request)
    header = request.headers.get("authorization")
    if header is not None:
        word, _, key = header.partition(" ")
        return authority.of_key(key.strip()) if word.lower() == "bearer" else None
    token = request.cookies.get(SESSION_COOKIE)
    viewer = authority.of_session(token) if token else None
    if viewer is None:
        token = request.cookies.get(BOARD_COOKIE)
        viewer = authority.of_board_token(token) if token else None
    if viewer is not None and request.method not in _SAFE:
        require_same_origin(request)
    return viewer


def require_same_origin(request: Request) -> None:
    """Refuse a form that another site sent: the browser says where it comes from, and our own pages come from here.

    Raises:
        ApiProblem: 403, the Origin header is missing or names another host.
    """
    origin = request.headers.get("origin", "")
    if not origin or urlsplit(origin).netloc != request.headers.get("host"):
        raise ApiProblem(403, "this change was not sent by a page of this server (Origin does not match)")


def authority_of(request: Request) -> Authority:
    """The authority that the app was built with."""
    authority: Authority = request.app.state.authority
    return authority


def needs(guard: Guard) -> object:
    """The guard as a dependency of a route that does not use the viewer itself."""
    return Depends(guard)


def is_guarded(dependant: Dependant | None) -> bool:
    """Whether a guard stands before a route with these dependencies."""
    if dependant is None:
        return False
    return isinstance(dependant.call, Guard) or any(is_guarded(child) for child in dependant.dependencies)
