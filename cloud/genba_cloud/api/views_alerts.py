"""JSON of alerts, tasks and problems. Nothing is decided here: what a viewer may not see was left out before."""

from __future__ import annotations

from datetime import datetime

from genba_cloud.api.shapes_alerts import AlertShape, AlertsShape, ProblemShape, TaskShape
from genba_cloud.api.visible_alerts import SeenAlert
from genba_cloud.core.facts.response import ProblemFacts, TaskFacts
from genba_shared.clock import format_time


def alert_view(seen: SeenAlert) -> AlertShape:
    """An alert."""
    facts, deviation = seen.facts, seen.deviation
    return {
        "alert": facts.alert,
        "rule": facts.rule,
        "subject": facts.subject,
        "order": facts.order,
        "customer": seen.customer,
        "level": facts.level,
        "deviation": None
        if deviation is None
        else {"late_s": deviation.late_s, "lead_s": deviation.lead_s, "percent": deviation.percent},
        "at": format_time(seen.changed_at),
        "event": seen.event,
        "opened_at": format_time(facts.opened_at),
        "closed_at": _time(facts.closed_at),
        "is_open": facts.is_open,
        "site": facts.site,
        "station": facts.station,
        "work_order": facts.work_order,
        "node": facts.node,
        "note": facts.note,
        "recipients": list(facts.told),
        "escalations": [
            {"at": format_time(one.at), "recipient": one.recipient or None, "level": one.level}
            for one in facts.escalations
        ],
        "acknowledged_at": _time(facts.acknowledged_at),
        "acknowledged_by": facts.acknowledged_by,
        "cause": facts.cause,
        "tasks": [task.task for task in seen.tasks],
    }


def alerts_view(found: list[SeenAlert]) -> AlertsShape:
    """Alerts that are all of them."""
    return {"items": [alert_view(one) for one in found], "next": None}


def task_view(task: TaskFacts) -> TaskShape:
    """A task."""
    return {
        "task": task.task,
        "target": task.target,
        "recipient": task.recipient,
        "order": task.order,
        "level": task.level,
        "site": task.site,
        "work_order": task.work_order,
        "node": task.node,
        "opened_at": format_time(task.opened_at),
        "due": _time(task.due),
        "is_open": task.is_open,
        "is_planned": task.is_planned,
        "cause": task.cause,
        "plan": task.plan,
        "owner": task.owner,
        "plan_due": _time(task.plan_due),
        "planned_at": _time(task.planned_at),
        "planned_by": task.planned_by,
        "closed_at": _time(task.closed_at),
        "closed_by": task.closed_by,
        "effect": task.effect,
        "note": task.note,
    }


def problem_view(problem: ProblemFacts) -> ProblemShape:
    """A problem."""
    return {
        "problem": problem.problem,
        "category": problem.category,
        "at": format_time(problem.at),
        "by": problem.by,
        "is_open": problem.is_open,
        "cause": problem.cause,
        "explained_at": _time(problem.explained_at),
        "explained_by": problem.explained_by,
        "resolved_at": _time(problem.resolved_at),
        "resolved_by": problem.resolved_by,
        "order": problem.order,
        "site": problem.site,
        "station": problem.station,
        "work_order": problem.work_order,
        "node": problem.node,
        "note": problem.note,
        "media": list(problem.media),
    }


def _time(at: datetime | None) -> str | None:
    return format_time(at) if at else None
