"""Alerts, tasks and service rules: what needs an answer, who is told, and what people may answer. Pure."""

from genba_cloud.core.alerts.answers import (
    CAUSES,
    PlanGiven,
    Said,
    acknowledge,
    close_alert,
    close_task,
    is_said,
    plan_alert,
    plan_task,
)
from genba_cloud.core.alerts.decide import NEVER_CALM, Calm, Decided, decide, findings
from genba_cloud.core.alerts.lateness import Late, announce
from genba_cloud.core.alerts.model import (
    CentreLoad,
    Finding,
    OrderSeen,
    Pen,
    Rule,
    Situation,
    SourceSeen,
    Strength,
    Why,
    owner_of,
    team_of,
)
from genba_cloud.core.alerts.updates import Owner, inferred_end, late_entries

__all__ = [
    "CAUSES",
    "NEVER_CALM",
    "Calm",
    "CentreLoad",
    "Decided",
    "Finding",
    "Late",
    "OrderSeen",
    "Owner",
    "Pen",
    "PlanGiven",
    "Rule",
    "Said",
    "Situation",
    "SourceSeen",
    "Strength",
    "Why",
    "acknowledge",
    "announce",
    "close_alert",
    "close_task",
    "decide",
    "findings",
    "inferred_end",
    "is_said",
    "late_entries",
    "owner_of",
    "plan_alert",
    "plan_task",
    "team_of",
]
