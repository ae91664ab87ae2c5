"""What a site holds its people and machines to: every threshold that is not fixed by a rule, with its default.

A site without a policy of its own has these defaults. Amounts of time are seconds: working seconds of the site's
calendar where the name says ``working``, else as the clock counts them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from genba_cloud.core.deviation import Level, LevelPolicy
from genba_cloud.core.status import StatusPolicy

OPERATOR: Final = "operator"
LINE_SUPERVISOR: Final = "line_supervisor"
PLANT_ENGINEER: Final = "plant_engineer"
MANAGEMENT: Final = "management"
DIRECTOR: Final = "director"
"""Whom something is told to, as roles of the site. A policy may name others of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRules:
    """How soon people say what happened, and how soon a silent source is noticed."""

    update_within_s: int = 7200
    """A completion is entered within 2 h; where it is only inferred, its owner is reminded then."""
    update_supervisor_s: int = 3600
    """So long after the reminder the supervisor is told."""
    reason_within_s: int = 1800
    """A problem, also one that was found by itself, has its reason within 30 minutes."""
    problem_solved_within_s: int = 28_800
    """A problem that is open for 8 h is overdue."""
    silent_polls: int = 3
    """A source is silent after so many poll periods without an answer,"""
    silent_floor_s: int = 60
    """but not before one minute."""
    answer_within_s: int = 14_400
    """An alert that nobody has acknowledged after 4 h goes to somebody else, too."""
    escalates_to: tuple[str, ...] = (MANAGEMENT,)
    """Roles that are told when a reason, an answer or an end does not come in time."""
    calm_s: int = 1800
    """An alert ends when what opened it has been over for 30 minutes without a break,"""
    source_calm_s: int = 300
    """that of a silent source after 5 minutes in which it is heard."""
    rest_s: int = 14_400
    """An alert that a person closed does not open again for 4 h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLimits:
    """From where on something is an alert."""

    wip: Mapping[str, int] = field(default_factory=dict)
    """Most pieces in a zone, by zone; a zone that is not named has no limit."""
    shortage_ahead_working_s: int = 86_400
    """Missing material is an alert so long before the planned start (three days of eight working hours)."""
    waiting_work_s: int = 28_800
    """A work centre is a bottleneck from so much standard work waiting for each of its machines on."""
    waiting_work_calm_s: int = 21_600
    """It is none any more below this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseRisk:
    """When a customer is told early that a promise may not be kept."""

    notice_percent: int = 90
    """From this probability of being late on,"""
    withdraw_percent: int = 60
    """and taken back when it stays below this for a working day."""
    notice_ahead_s: int = 259_200
    """At the earlier of 72 h and"""
    notice_ahead_days: int = 3
    """three working days before the promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Who answers a level of lateness, and for how long they may take until somebody else is told as well."""

    told: tuple[str, ...]
    within_s: int
    then: tuple[str, ...] = ()


def _graded() -> dict[Level, Answering]:
    return {
        Level.YELLOW: Answering(told=(LINE_SUPERVISOR,), within_s=14_400),
        Level.ORANGE: Answering(told=(LINE_SUPERVISOR,), within_s=7200, then=(MANAGEMENT,)),
        Level.RED: Answering(told=(LINE_SUPERVISOR, MANAGEMENT), within_s=3600, then=(DIRECTOR,)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePolicy:
    """Everything that one site decides for itself."""

    status: StatusPolicy = field(default_factory=StatusPolicy)
    levels: LevelPolicy = field(default_factory=LevelPolicy)
    service: ServiceRules = field(default_factory=ServiceRules)
    alerts: AlertLimits = field(default_factory=AlertLimits)
    promise: PromiseRisk = field(default_factory=PromiseRisk)
    answering: Mapping[Level, Answering] = field(default_factory=_graded)


DEFAULT_SITE_POLICY: Final = SitePolicy()
