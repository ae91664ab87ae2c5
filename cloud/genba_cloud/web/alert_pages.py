"""The pages of alerts and tasks: what must be answered, and the forms that answer it. They work without a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from genba_cloud.core.facts import Refused
from genba_cloud.core.facts.response import TaskFacts
from genba_cloud.core.viewer import Viewer
from genba_cloud.ledger.responses import Acknowledge, AlertAnswer, CloseAlert, CloseTask, TaskAnswer
from genba_cloud.web.alert_cards import Seen, alert_cards, causes_of, plan_of_form, task_cards
from genba_cloud.web.render import page
from genba_cloud.web.rows import Shown

TASKS_SHOWN: Final = 200
CLOSED_SHOWN: Final = 20
Text = Annotated[str, Form(max_length=400)]


class TaskPage(Protocol):
    """Tasks of one page."""

    @property
    def tasks(self) -> tuple[TaskFacts, ...]:
        """The tasks."""


class AlertSource(Protocol):
    """What the pages read, already cut down to what their viewer may see."""

    def open_alerts(self) -> Sequence[Seen]:
        """All that are open."""

    def tasks(self, *, is_open: bool | None, order: str | None, cursor: str | None, limit: int) -> TaskPage:
        """A page of tasks."""

    def may_respond(self) -> bool:
        """Whether the viewer may answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertParts:
    """What the pages are built from. The answers give None where there is no such alert or task."""

    guard: Callable[..., Awaitable[Viewer]]
    task_guard: Callable[..., Awaitable[Viewer]]
    answer_guard: Callable[..., Awaitable[Viewer]]
    source_of: Callable[[Viewer], AlertSource]
    answer_alert: Callable[[Viewer, str, AlertAnswer], Awaitable[object | Refused | None]]
    answer_task: Callable[[Viewer, str, TaskAnswer], Awaitable[object | Refused | None]]
    shown: Callable[[Request], Shown]


def create_alert_pages(parts: AlertParts) -> APIRouter:
    """The pages and their forms."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    _add_alerts(router, parts)
    _add_tasks(router, parts)
    return router


def _add_alerts(router: APIRouter, parts: AlertParts) -> None:
    may_see, may_answer = Depends(parts.guard), Depends(parts.answer_guard)

    @router.get("/alerts")
    def alerts(request: Request, viewer: Viewer = may_see) -> HTMLResponse:
        return _alerts(parts.shown(request), parts.source_of(viewer))

    @router.post("/alerts/{alert}/acknowledge")
    async def acknowledge(request: Request, alert: str, viewer: Viewer = may_answer) -> Response:
        result = await parts.answer_alert(viewer, alert, Acknowledge())
        return await _answered(parts, request, viewer, result, _alerts, "/alerts")

    @router.post("/alerts/{alert}/close")
    async def close(request: Request, alert: str, note: Text = "", viewer: Viewer = may_answer) -> Response:
        result = await parts.answer_alert(viewer, alert, CloseAlert(note=note))
        return await _answered(parts, request, viewer, result, _alerts, "/alerts")


def _add_tasks(router: APIRouter, parts: AlertParts) -> None:
    may_see, may_answer = Depends(parts.task_guard), Depends(parts.answer_guard)

    @router.get("/tasks")
    def tasks(request: Request, viewer: Viewer = may_see) -> HTMLResponse:
        return _tasks(parts.shown(request), parts.source_of(viewer))

    @router.post("/tasks/{task}/plan")
    async def plan(
        request: Request,
        task: str,
        cause: Text = "",
        words: Annotated[str, Form(max_length=400, alias="plan")] = "",
        owner: Text = "",
        due: Text = "",
        viewer: Viewer = may_answer,
    ) -> Response:
        given = plan_of_form(parts.shown(request), cause=cause, plan=words, owner=owner, due=due)
        result: object = Refused(reason="due: no time can be read", accepted="2026-01-05T15:00")
        if given is not None:
            result = await parts.answer_task(viewer, task, given)
        return await _answered(parts, request, viewer, result, _tasks, "/tasks")

    @router.post("/tasks/{task}/close")
    async def close(request: Request, task: str, effect: Text = "", viewer: Viewer = may_answer) -> Response:
        result = await parts.answer_task(viewer, task, CloseTask(effect=effect))
        return await _answered(parts, request, viewer, result, _tasks, "/tasks")


async def _answered(
    parts: AlertParts,
    request: Request,
    viewer: Viewer,
    result: object,
    drawn: Callable[..., HTMLResponse],
    path: str,
) -> Response:
    """Back to the page; where it was refused, the page with the reason above it."""
    shown = parts.shown(request)
    match result:
        case Refused(reason=reason, accepted=accepted, conflict=conflict):
            reason, status = f"{reason}: {accepted}" if accepted else reason, 409 if conflict else 422
        case None:
            reason, status = request.url.path, 404
        case _:
            return RedirectResponse(f"{path}?lang={shown.language}", status_code=303)
    problem = shown.say("alert.refused", reason=reason)
    return await run_in_threadpool(drawn, shown, parts.source_of(viewer), problem=problem, status=status)


def _alerts(shown: Shown, source: AlertSource, *, problem: str = "", status: int = 200) -> HTMLResponse:
    cards = alert_cards(source.open_alerts(), shown)
    return page("alerts.html", shown, status=status, cards=cards, **_common(shown, source, problem))


def _tasks(shown: Shown, source: AlertSource, *, problem: str = "", status: int = 200) -> HTMLResponse:
    waiting = source.tasks(is_open=True, order=None, cursor=None, limit=TASKS_SHOWN).tasks
    closed = source.tasks(is_open=False, order=None, cursor=None, limit=CLOSED_SHOWN).tasks
    return page(
        "tasks.html",
        shown,
        status=status,
        waiting=task_cards(waiting, shown),
        closed=task_cards(closed, shown),
        **_common(shown, source, problem),
    )


def _common(shown: Shown, source: AlertSource, problem: str) -> dict[str, Any]:
    local = shown.now.astimezone(shown.zone)
    return {
        "problem": problem,
        "may_respond": source.may_respond(),
        "causes": causes_of(shown),
        "earliest": f"{local:%Y-%m-%dT%H:%M}",
    }
