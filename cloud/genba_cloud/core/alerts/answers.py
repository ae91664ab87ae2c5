"""What people may answer to alerts and tasks, and why an answer is not taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.core.facts.plan import Refused
from genba_cloud.core.facts.response import LATENESS, AlertFacts, TaskFacts
from genba_cloud.core.policy import LINE_SUPERVISOR
from genba_shared.clock import to_milliseconds
from genba_shared.events import (
    AlertAcknowledged,
    AlertClosed,
    Event,
    ProblemExplained,
    Source,
    TaskClosed,
    TaskOpened,
    TaskPlanned,
)

CAUSES: Final = (
    "breakdown",
    "tool_worn",
    "setup_fault",
    "no_power",
    "not_delivered",
    "wrong_material",
    "too_little",
    "damaged_material",
    "wrong_size",
    "surface_fault",
    "wrong_colour",
    "work_fault",
    "drawing_missing",
    "drawing_wrong",
    "unclear_instruction",
    "order_changed",
    "absent",
    "not_trained",
    "accident",
    "capacity",
    "planning",
    "transport",
    "other",
)
"""Codes of causes that an alert or a task may have: those of problems, and those that only a whole order has."""
SHORTEST_TEXT: Final = 4
FEWEST_LETTERS: Final = 3
SHORTEST_NAME: Final = 2
FURTHEST: Final = timedelta(days=366)
_TEXT: Final = f"words: {SHORTEST_TEXT} letters or more, {FEWEST_LETTERS} of them different"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanGiven:
    """What somebody means to do: why it happened (a code), what is done about it, who does it, and until when."""

    cause: str
    plan: str
    owner: str
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Who answers, when, and ids for what is written down of it."""

    source: Source
    now: datetime
    ids: tuple[str, ...]
    note: str | None = None

    @property
    def at(self) -> datetime:
        """The time that stands in the events."""
        return to_milliseconds(self.now)


Answer = tuple[Event, ...] | Refused


def is_said(text: str) -> bool:
    """Whether a text says anything at all.

    >>> [is_said(one) for one in ("", "  ", "x", "....", "aaaa", "加班两小时", "overtime")]
    [False, False, False, False, False, True, True]
    """
    letters = [letter for letter in text if letter.isalnum()]
    return len(text.strip()) >= SHORTEST_TEXT and len(set(letters)) >= FEWEST_LETTERS


def acknowledge(alert: AlertFacts, said: Said) -> Answer:
    """Somebody has seen it and takes care of it; at each level of an order's lateness again."""
    if not alert.is_open:
        return Refused(reason=f"alert {alert.alert} is over", accepted="an open alert", conflict=True)
    acknowledged = AlertAcknowledged(
        id=said.ids[0], at=said.at, source=said.source, target=alert.alert, order=alert.order, note=said.note
    )
    return (acknowledged,)


def plan_alert(alert: AlertFacts, task: TaskFacts | None, given: PlanGiven, said: Said) -> Answer:
    """The cause of an alert and a plan against it: in its open task, or in a new one where it has none."""
    refused = check_plan(given, said.now)
    if refused is None and not alert.is_open and task is None:
        refused = Refused(reason=f"alert {alert.alert} is over", accepted="an open alert", conflict=True)
    if refused is not None:
        return refused
    opened: list[Event] = []
    name = task.task if task else said.ids[0]
    if task is None:
        opened.append(
            TaskOpened(
                id=name,
                at=said.at,
                source=said.source,
                site=alert.site,
                work_order=alert.work_order,
                node=alert.node,
                target=alert.alert,
                recipient=LINE_SUPERVISOR,
                order=alert.order,
                level=alert.level,
            )
        )
    planned = _planned(name, alert.order, given, said, said.ids[1])
    explained = ProblemExplained(id=said.ids[2], at=said.at, source=said.source, target=alert.alert, cause=given.cause)
    return (*opened, planned, explained)


def close_alert(alert: AlertFacts, tasks: tuple[TaskFacts, ...], said: Said) -> Answer:
    """A person says that an alert is dealt with, though its rule may still hold. Never an order's lateness."""
    if not alert.is_open:
        return Refused(reason=f"alert {alert.alert} is over already", accepted="an open alert", conflict=True)
    if alert.rule == LATENESS:
        return Refused(
            reason="the alert of a late order ends when the order has caught up, is planned anew or is finished",
            accepted="acknowledge it, or give it a plan",
            conflict=True,
        )
    waiting = next((task for task in tasks if task.is_open), None)
    if waiting is not None:
        return Refused(reason=f"its task {waiting.task} is open", accepted="close the task first", conflict=True)
    if alert.acknowledged_at is None:
        return Refused(reason="nobody has acknowledged it", accepted="acknowledge it first", conflict=True)
    if said.note is None or not is_said(said.note):
        return Refused(reason="note: say why it is over", accepted=_TEXT)
    closed = AlertClosed(
        id=said.ids[0],
        at=said.at,
        source=said.source,
        target=alert.alert,
        order=alert.order,
        reason=said.note,
    )
    return (closed,)


def plan_task(task: TaskFacts, given: PlanGiven, said: Said) -> Answer:
    """The cause and a plan; of several plans the last counts."""
    if not task.is_open:
        return Refused(reason=f"task {task.task} is closed", accepted="an open task", conflict=True)
    refused = check_plan(given, said.now)
    if refused is not None:
        return refused
    explained = ProblemExplained(id=said.ids[1], at=said.at, source=said.source, target=task.target, cause=given.cause)
    return (_planned(task.task, task.order, given, said, said.ids[0]), explained)


def close_task(task: TaskFacts, effect: str, said: Said) -> Answer:
    """The plan is done: `effect` says what came of it. Refused while cause, plan, owner or due time are missing."""
    if not task.is_open:
        return Refused(reason=f"task {task.task} is closed already", accepted="an open task", conflict=True)
    if not task.is_planned:
        return Refused(
            reason=f"task {task.task} has no cause, plan, owner and due time yet",
            accepted="plan it first: cause, plan, owner, due",
            conflict=True,
        )
    if not is_said(effect):
        return Refused(reason="effect: say what the plan did", accepted=_TEXT)
    closed = TaskClosed(
        id=said.ids[0],
        at=said.at,
        source=said.source,
        target=task.task,
        order=task.order,
        effect=effect.strip(),
        note=said.note,
    )
    return (closed,)


def check_plan(given: PlanGiven, now: datetime) -> Refused | None:
    """Why a plan is none."""
    if given.cause not in CAUSES:
        return Refused(
            reason=f"cause: {given.cause!r:.80} is no code of a cause", accepted=f"one of {', '.join(CAUSES)}"
        )
    if not is_said(given.plan):
        return Refused(reason="plan: say what is done about it", accepted=_TEXT)
    if len(given.owner.strip()) < SHORTEST_NAME:
        return Refused(
            reason="owner: say who does it", accepted=f"an account or name of {SHORTEST_NAME} letters or more"
        )
    if not now < given.due <= now + FURTHEST:
        return Refused(
            reason="due: that is no time at which it could be done", accepted="a time from now to a year ahead"
        )
    return None


def _planned(task: str, order: str | None, given: PlanGiven, said: Said, name: str) -> TaskPlanned:
    return TaskPlanned(
        id=name,
        at=said.at,
        source=said.source,
        target=task,
        cause=given.cause,
        owner=given.owner.strip(),
        due=to_milliseconds(given.due),
        order=order,
        note=given.plan.strip(),
    )
