"""Errors of the API as `application/problem+json` (RFC 9457): what is wrong, and what would be accepted."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from genba_cloud.core.facts.plan import Refused
from genba_cloud.ledger.archive import ArchiveError
from genba_cloud.store.read import UnknownCursorError
from genba_shared.errors import PassingError

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
_LABEL: Final = re.compile(r"/q/[0-9A-Za-z]{1,40}")


class ApiProblem(Exception):
    """An answer that says no: `status` is the HTTP status, `detail` a sentence that says what to do.

    `page` is where a person who opened a page is sent instead.
    """

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, page: str = "", **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.page = page
        self.more = more

    @classmethod
    def of(cls, refused: Refused) -> ApiProblem:
        """What the core refused: 409 where it clashes with what is kept, else 422."""
        problem = cls(409 if refused.conflict else 422, refused.reason)
        if refused.accepted:
            problem.more["accepted"] = refused.accepted
        return problem

    @classmethod
    def not_found(cls, what: str) -> ApiProblem:
        """There is no such thing, or not for this viewer: the answer is the same."""
        return cls(404, f"{what} is not known here")


def answer(problem: ApiProblem) -> JSONResponse:
    """The problem as a response."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **problem.more,
    }
    return JSONResponse(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)


def add_problem_answers(app: FastAPI) -> None:
    """Make every error of the app a problem; a person who must sign in first is sent to the page for it."""

    @app.exception_handler(ApiProblem)
    async def _ours(request: Request, exc: ApiProblem) -> Response:
        return _sign_in_instead(request, exc) or answer(exc)

    @app.exception_handler(HTTPException)
    async def _library(_request: Request, exc: HTTPException) -> Response:
        if exc.status_code == 400:  # the framework's word for a body that cannot be read: like any other wrong body
            return answer(ApiProblem(422, "the body is not JSON in UTF-8", headers=exc.headers))
        return answer(ApiProblem(exc.status_code, str(exc.detail), headers=exc.headers))

    @app.exception_handler(UnknownCursorError)
    async def _cursor(_request: Request, _exc: UnknownCursorError) -> Response:
        return answer(ApiProblem(422, "cursor is not one that an earlier page gave: begin again without it"))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, exc: RequestValidationError) -> Response:
        errors = [{"path": _path(error["loc"]), "message": str(error["msg"])} for error in exc.errors()]
        first = f"{errors[0]['path']}: {errors[0]['message']}" if errors else "the request is not understood"
        return answer(ApiProblem(422, first, errors=errors))

    @app.exception_handler(PassingError)
    async def _later(_request: Request, _exc: PassingError) -> Response:
        # Its store says once in the log that it is away: not for every request.
        detail = "the database does not answer just now: nothing was changed that was not confirmed; try again"
        return answer(ApiProblem(503, detail, headers={"Retry-After": str(RETRY_AFTER_S)}))

    @app.exception_handler(ArchiveError)
    async def _archived(request: Request, exc: ArchiveError) -> Response:
        logger.error("not answered method=%s path=%s reason=%s", request.method, request.url.path, exc)
        return answer(ApiProblem(409, f"{exc.public}; nothing was changed, try again then"))

    @app.exception_handler(Exception)
    async def _bug(request: Request, exc: Exception) -> Response:
        logger.error("request failed method=%s path=%s", request.method, request.url.path, exc_info=exc)
        return answer(ApiProblem(500, "this is a fault of genba and was logged"))


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "body") or "body"


def _sign_in_instead(request: Request, exc: ApiProblem) -> Response | None:
    """For a page that a person opens: the page on which they sign in, or choose their password.

    Whoever scanned a label comes back to it.
    """
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    back = f"?next={request.url.path}" if is_label(request.url.path) else ""
    return RedirectResponse(exc.page + back, status_code=303) if wants_page and exc.page else None


def is_label(path: str) -> bool:
    """Whether the path is that of a label's page, and so one to come back to after signing in."""
    return _LABEL.fullmatch(path) is not None
