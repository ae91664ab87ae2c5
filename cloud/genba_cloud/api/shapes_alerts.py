"""The JSON of alerts, tasks and problems, as the API's description says it."""

from __future__ import annotations

from typing_extensions import TypedDict

from genba_cloud.api.shapes import DeviationShape


class EscalationShape(TypedDict):
    """The alert went to `recipient`, too; of a late order, its level changed to `level`."""

    at: str
    recipient: str | None
    level: str | None


class AlertShape(TypedDict):
    """Something that needs an answer: `rule` says why, `subject` what it is about.

    `level`, `deviation` (at that moment), `event` and `at` are the newest that was told of a late order. `recipients`
    are roles and people who were told, `tasks` those about it that are open.
    """

    alert: str
    rule: str
    subject: str
    order: str | None
    customer: str
    level: str | None
    deviation: DeviationShape | None
    at: str
    event: str
    opened_at: str
    closed_at: str | None
    is_open: bool
    site: str | None
    station: str | None
    work_order: str | None
    node: str | None
    note: str | None
    recipients: list[str]
    escalations: list[EscalationShape]
    acknowledged_at: str | None
    acknowledged_by: str | None
    cause: str | None
    tasks: list[str]


class AlertsShape(TypedDict):
    """Alerts. `next` is the cursor of the page after this one, null at the end."""

    items: list[AlertShape]
    next: str | None


class TaskShape(TypedDict):
    """What a person has to find out and do about `target`. It cannot be closed before `is_planned`.

    `due` is when a plan is due, `plan_due` when what it says is done. `recipient` is the role that has it until there
    is an owner.
    """

    task: str
    target: str
    recipient: str
    order: str | None
    level: str | None
    site: str | None
    work_order: str | None
    node: str | None
    opened_at: str
    due: str | None
    is_open: bool
    is_planned: bool
    cause: str | None
    plan: str | None
    owner: str | None
    plan_due: str | None
    planned_at: str | None
    planned_by: str | None
    closed_at: str | None
    closed_by: str | None
    effect: str | None
    note: str | None


class TasksShape(TypedDict):
    """Tasks, the newest first."""

    items: list[TaskShape]
    next: str | None


class ProblemShape(TypedDict):
    """Somebody's trouble. `cause` is a code; null until somebody has said why. `media` are SHA-256 of pictures."""

    problem: str
    category: str
    at: str
    by: str
    is_open: bool
    cause: str | None
    explained_at: str | None
    explained_by: str | None
    resolved_at: str | None
    resolved_by: str | None
    order: str | None
    site: str | None
    station: str | None
    work_order: str | None
    node: str | None
    note: str | None
    media: list[str]


class ProblemsShape(TypedDict):
    """Problems, the newest first."""

    items: list[ProblemShape]
    next: str | None
