"""The page of questions: what gateways could not decide, and the forms that answer it. It works without a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from genba_cloud.core.facts import Refused
from genba_cloud.core.facts.views import Question
from genba_cloud.core.viewer import Viewer
from genba_cloud.ledger import AnswerToGive, CountsGiven, CountsToAssign, QuestionAnswered
from genba_cloud.store.read import QuestionFilter, QuestionPage
from genba_cloud.web.question_cards import (
    LONGEST_RUN,
    Owner,
    Owners,
    answer_of_form,
    assignment_of_form,
    cards_of,
    wants_owner,
)
from genba_cloud.web.render import page
from genba_cloud.web.rows import Shown

WAITING_SHOWN: Final = 200
ANSWERED_SHOWN: Final = 20

Answering = Callable[[Viewer, AnswerToGive], Awaitable[QuestionAnswered | Refused | None]]
Assigning = Callable[[Viewer, CountsToAssign], Awaitable[CountsGiven | Refused]]


class QuestionSource(Protocol):
    """What the page reads, already cut down to what its viewer may see."""

    def questions(self, *, where: QuestionFilter, cursor: str | None, limit: int) -> QuestionPage:
        """What gateways could not decide."""

    def open_questions(self) -> int | None:
        """How many wait for an answer."""

    def may_answer(self) -> bool:
        """Whether the viewer may answer."""

    def possible_owners(self) -> tuple[dict[str, list[Owner]], list[Owner]]:
        """Open nodes by the station whose queue or dispatch they are in, and all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionParts:
    """What the page is built from."""

    guard: Callable[..., Awaitable[Viewer]]
    answer_guard: Callable[..., Awaitable[Viewer]]
    source_of: Callable[[Viewer], QuestionSource]
    answer: Answering
    assign: Assigning
    shown: Callable[[Request], Shown]


def create_question_pages(parts: QuestionParts) -> APIRouter:
    """The page and its form."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    may_see, may_answer = Depends(parts.guard), Depends(parts.answer_guard)

    @router.get("/questions")
    def questions(
        request: Request, viewer: Viewer = may_see, cursor: Annotated[str | None, Query(max_length=200)] = None
    ) -> HTMLResponse:
        return _page(parts.shown(request), parts.source_of(viewer), cursor=cursor)

    @router.post("/questions/{question}")
    async def answer(
        request: Request,
        question: str,
        viewer: Viewer = may_answer,
        option: Annotated[str, Form(max_length=100)] = "",
        pieces: Annotated[str, Form(max_length=20)] = "",
        owner: Annotated[str, Form(max_length=1000)] = "",
        note: Annotated[str, Form(max_length=400)] = "",
    ) -> Response:
        given = answer_of_form(question, option=option, pieces=pieces, owner=owner, note=note)
        result = await parts.answer(viewer, given) if given is not None else None
        return await _answered(parts, request, viewer, result, known=given is not None)

    @router.post("/questions")
    async def assign(
        request: Request,
        question: Annotated[list[str], Form(max_length=LONGEST_RUN)],
        owner: Annotated[str, Form(max_length=1000)],
        viewer: Viewer = may_answer,
    ) -> Response:
        given = assignment_of_form(question, owner)
        result = await parts.assign(viewer, given) if given is not None else None
        return await _answered(parts, request, viewer, result, known=given is not None)

    return router


async def _answered(
    parts: QuestionParts,
    request: Request,
    viewer: Viewer,
    result: QuestionAnswered | CountsGiven | Refused | None,
    *,
    known: bool,
) -> Response:
    """Back to the list; where it was refused, the list with the reason above it."""
    shown = parts.shown(request)
    match result:
        case QuestionAnswered() | CountsGiven():
            return RedirectResponse(f"/questions?lang={shown.language}", status_code=303)
        case Refused(reason=reason, accepted=accepted, conflict=conflict):
            reason, status = f"{reason}: {accepted}" if accepted else reason, 409 if conflict else 422
        case None:
            reason, status = request.url.path, 404 if known else 422
    problem = shown.say("question.refused", reason=reason)
    return await run_in_threadpool(_page, shown, parts.source_of(viewer), problem=problem, status=status)


def _page(
    shown: Shown, source: QuestionSource, *, cursor: str | None = None, problem: str = "", status: int = 200
) -> HTMLResponse:
    waiting = source.questions(where=QuestionFilter(is_open=True), cursor=cursor, limit=WAITING_SHOWN)
    answered = source.questions(where=QuestionFilter(is_open=False), cursor=None, limit=ANSWERED_SHOWN)
    may_answer = source.may_answer()
    owners = _owners(source, [*waiting.items, *answered.items]) if may_answer else Owners(near={}, others=[])
    return page(
        "questions.html",
        shown,
        status=status,
        problem=problem,
        waiting=cards_of(waiting.items, shown, owners),
        answered=[] if cursor else cards_of(answered.items, shown, owners),
        older=waiting.next,
        is_later=cursor is not None,
        open_count=source.open_questions() or 0,
        may_answer=may_answer,
    )


def _owners(source: QuestionSource, questions: list[Question]) -> Owners:
    """Whose pieces they may be; looked up only where somebody must say so."""
    if not any(wants_owner(question) for question in questions):
        return Owners(near={}, others=[])
    near, others = source.possible_owners()
    return Owners(near=near, others=others)
