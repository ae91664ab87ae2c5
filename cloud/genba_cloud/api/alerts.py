"""Routes of alerts, tasks and problems: what needs an answer, and the answers of people."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from genba_cloud.api.body_forms import Body, FreeText, Instant, Name
from genba_cloud.api.guard import Guard
from genba_cloud.api.idempotency import Idempotent
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes_alerts import (
    AlertShape,
    AlertsShape,
    ProblemShape,
    ProblemsShape,
    TaskShape,
    TasksShape,
)
from genba_cloud.api.views_alerts import alert_view, alerts_view, problem_view, task_view
from genba_cloud.api.visible import Desk
from genba_cloud.api.visible_alerts import VisibleAlerts
from genba_cloud.api.writing import source_of_viewer
from genba_cloud.core.alerts import CAUSES, PlanGiven
from genba_cloud.core.facts.plan import Refused
from genba_cloud.core.viewer import Act, Scope, Subject, Viewer
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.responses import Acknowledge, AlertAnswer, CloseAlert, CloseTask, TaskAnswer

LARGEST_PAGE: Final = 1000
Text = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="how many at most")]
Key = Annotated[str | None, Header(max_length=200)]
T = TypeVar("T")

router = APIRouter()

_sees_alerts: Final = Guard(sees=Subject.ALERTS)
_sees_answers: Final = Guard(sees=Subject.RESPONSES)
_answers: Final = Guard(does=Act.RESPOND)


class Which(StrEnum):
    """Which of them are listed."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"

    def is_open(self) -> bool | None:
        """As the store asks; None: both."""
        match self:
            case Which.OPEN:
                return True
            case Which.CLOSED:
                return False
            case Which.ALL:
                return None


State = Annotated[Which, Query(description="open, closed or all")]


class NoteBody(Body):
    """What else there is to say."""

    note: FreeText | None = Field(default=None, examples=["I look at it at once"])


class ReasonBody(Body):
    """Why it is over."""

    note: FreeText = Field(examples=["the zone is counted by hand until Friday"])


class PlanBody(Body):
    """Why it happened, what is done about it, who does it, and until when. Each of them says something."""

    cause: Name = Field(examples=["breakdown"], description=f"one of {', '.join(CAUSES)}")
    plan: FreeText = Field(examples=["cut the rest on the second machine in the late shift"])
    owner: Name = Field(examples=["op-7"], description="an account, better than a name")
    due: Instant = Field(examples=["2026-01-05T15:00:00Z"])

    def to_plan(self) -> PlanGiven:
        """For the core, which checks whether it says anything."""
        return PlanGiven(cause=self.cause, plan=self.plan, owner=self.owner, due=self.due)


class CloseTaskBody(Body):
    """What the plan did."""

    effect: FreeText = Field(examples=["the order caught up two hours"])
    note: FreeText | None = None


def visible_alerts(request: Request, viewer: Viewer) -> VisibleAlerts:
    """As this viewer sees them."""
    desk: Desk = request.app.state.desk
    return VisibleAlerts(desk, viewer)


@router.get("/alerts", summary="What needs an answer", response_model=AlertsShape)
def list_alerts(
    request: Request,
    viewer: Annotated[Viewer, Depends(_sees_alerts)],
    state: State = Which.OPEN,
    order: Text = None,
    cursor: Text = None,
    limit: Limit = 1000,
) -> Response:
    """Late orders and everything else that a rule found.

    Without anything asked: all that are open, the most severe first, then the oldest. Else in pages, the newest first;
    give `next` back as `cursor`.
    """
    alerts = visible_alerts(request, viewer)
    if state is Which.OPEN and order is None and cursor is None and limit == LARGEST_PAGE:
        return JSONResponse(alerts_view(alerts.open_alerts()))
    page = alerts.alerts(is_open=state.is_open(), order=order, cursor=cursor, limit=limit)
    return JSONResponse({"items": [alert_view(one) for one in page.alerts], "next": page.next})


@router.get("/alerts/{alert}", summary="One alert", response_model=AlertShape)
def get_alert(request: Request, alert: str, viewer: Annotated[Viewer, Depends(_sees_alerts)]) -> Response:
    """By the id of the event that opened it; also when it is over."""
    return JSONResponse(alert_view(_found(visible_alerts(request, viewer).alert(alert), f"alert {alert!r:.200}")))


@router.post("/alerts/{alert}/acknowledge", summary="Take care of an alert", response_model=AlertShape)
async def post_acknowledgement(
    request: Request,
    alert: str,
    body: NoteBody,
    viewer: Annotated[Viewer, Depends(_answers)],
    idempotency_key: Key = None,
) -> Response:
    """It is not told to others for want of an answer. When an order's level rises, it must be answered again."""
    once = Idempotent.of(request, viewer, idempotency_key, body, about=f"acknowledge {alert}")
    return await _answer_alert(request, viewer, alert, Acknowledge(note=body.note), once)


@router.post("/alerts/{alert}/plan", summary="Plan what is done about an alert", response_model=AlertShape)
async def post_alert_plan(
    request: Request,
    alert: str,
    body: PlanBody,
    viewer: Annotated[Viewer, Depends(_answers)],
    idempotency_key: Key = None,
) -> Response:
    """In its open task, or in a new one. Blank words, one letter, and a time that is past are refused."""
    once = Idempotent.of(request, viewer, idempotency_key, body, about=f"plan alert {alert}")
    return await _answer_alert(request, viewer, alert, body.to_plan(), once)


@router.post("/alerts/{alert}/close", summary="Say that an alert is dealt with", response_model=AlertShape)
async def post_alert_closing(
    request: Request,
    alert: str,
    body: ReasonBody,
    viewer: Annotated[Viewer, Depends(_answers)],
    idempotency_key: Key = None,
) -> Response:
    """Of an acknowledged alert without an open task; it rests for a while (policy: `rest_s`).

    A late order's alert ends when the order has caught up, is planned anew, or is finished: it is not closed by hand.
    """
    once = Idempotent.of(request, viewer, idempotency_key, body, about=f"close alert {alert}")
    return await _answer_alert(request, viewer, alert, CloseAlert(note=body.note), once)


@router.get("/tasks", summary="Causes to find and plans to make", response_model=TasksShape)
def list_tasks(
    request: Request,
    viewer: Annotated[Viewer, Depends(_sees_answers)],
    state: State = Which.OPEN,
    order: Text = None,
    cursor: Text = None,
    limit: Limit = 100,
) -> Response:
    """The newest first; give `next` back as `cursor` for the next page."""
    page = visible_alerts(request, viewer).tasks(is_open=state.is_open(), order=order, cursor=cursor, limit=limit)
    return JSONResponse({"items": [task_view(one) for one in page.tasks], "next": page.next})


@router.get("/tasks/{task}", summary="One task", response_model=TaskShape)
def get_task(request: Request, task: str, viewer: Annotated[Viewer, Depends(_sees_answers)]) -> Response:
    """By the id of the event that opened it."""
    return JSONResponse(task_view(_found(visible_alerts(request, viewer).task(task), f"task {task!r:.200}")))


@router.post("/tasks/{task}/plan", summary="Plan a task", response_model=TaskShape)
async def post_task_plan(
    request: Request,
    task: str,
    body: PlanBody,
    viewer: Annotated[Viewer, Depends(_answers)],
    idempotency_key: Key = None,
) -> Response:
    """Cause, plan, owner and due time; of several plans the last counts."""
    once = Idempotent.of(request, viewer, idempotency_key, body, about=f"plan task {task}")
    return await _answer_task(request, viewer, task, body.to_plan(), once)


@router.post("/tasks/{task}/close", summary="Close a task", response_model=TaskShape)
async def post_task_closing(
    request: Request,
    task: str,
    body: CloseTaskBody,
    viewer: Annotated[Viewer, Depends(_answers)],
    idempotency_key: Key = None,
) -> Response:
    """With what came of it. Refused with 409 while it has no cause, plan, owner and due time."""
    once = Idempotent.of(request, viewer, idempotency_key, body, about=f"close task {task}")
    return await _answer_task(request, viewer, task, CloseTask(effect=body.effect, note=body.note), once)


@router.get("/problems", summary="What people reported to be wrong", response_model=ProblemsShape)
def list_problems(
    request: Request,
    viewer: Annotated[Viewer, Depends(_sees_answers)],
    state: State = Which.OPEN,
    order: Text = None,
    cursor: Text = None,
    limit: Limit = 100,
) -> Response:
    """The newest first; give `next` back as `cursor` for the next page."""
    page = visible_alerts(request, viewer).problems(is_open=state.is_open(), order=order, cursor=cursor, limit=limit)
    return JSONResponse({"items": [problem_view(one) for one in page.problems], "next": page.next})


@router.get("/problems/{problem}", summary="One problem", response_model=ProblemShape)
def get_problem(request: Request, problem: str, viewer: Annotated[Viewer, Depends(_sees_answers)]) -> Response:
    """By the id of the event that reported it."""
    found = visible_alerts(request, viewer).problem(problem)
    return JSONResponse(problem_view(_found(found, f"problem {problem!r:.200}")))


async def _answer_alert(
    request: Request, viewer: Viewer, alert: str, answer: AlertAnswer, once: Idempotent
) -> Response:
    kept = await once.kept()
    if kept is not None:
        return kept
    ledger: Ledger = request.app.state.ledger
    _taken(await ledger.answer_alert(alert, answer, source=source_of_viewer(viewer)), f"alert {alert!r:.200}")
    seen = await run_in_threadpool(_all_seeing(request, viewer).alert, alert)
    return await once.answered(alert_view(_found(seen, f"alert {alert!r:.200}")))


async def _answer_task(request: Request, viewer: Viewer, task: str, answer: TaskAnswer, once: Idempotent) -> Response:
    kept = await once.kept()
    if kept is not None:
        return kept
    ledger: Ledger = request.app.state.ledger
    _taken(await ledger.answer_task(task, answer, source=source_of_viewer(viewer)), f"task {task!r:.200}")
    seen = await run_in_threadpool(_all_seeing(request, viewer).task, task)
    return await once.answered(task_view(_found(seen, f"task {task!r:.200}")))


def _all_seeing(request: Request, viewer: Viewer) -> VisibleAlerts:
    """Who may answer sees what is answered, also a machine whose key may do nothing but that."""
    return visible_alerts(request, replace(viewer, scopes=viewer.scopes | {Scope.READ}))


def _taken(result: T | Refused | None, what: str) -> T:
    if isinstance(result, Refused):
        raise ApiProblem.of(result)
    return _found(result, what)


def _found(result: T | None, what: str) -> T:
    if result is None:
        raise ApiProblem.not_found(what)
    return result
