"""Kinds of events about problems, alerts and tasks, and what was decided and said about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from genba_shared.events.model import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemReported(Event):
    """Somebody is in trouble: `category` at once, the `cause` (a code) now or within the time that the policy gives.

    The problem's id is that of this event. `media` are SHA-256 of pictures, in hex.
    """

    kind: ClassVar[str] = "problem_reported"
    code: ClassVar[int] = 49

    category: str
    cause: str | None = None
    order: str | None = None
    media: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemExplained(Event):
    """The cause of the problem (or of the alert) `target`, as a code."""

    kind: ClassVar[str] = "problem_explained"
    code: ClassVar[int] = 50

    target: str
    cause: str
    note: str | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemResolved(Event):
    """The problem `target` is over; refused while its cause is not known."""

    kind: ClassVar[str] = "problem_resolved"
    code: ClassVar[int] = 51

    target: str
    note: str | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOpened(Event):
    """Decision: something other than an order's lateness needs an answer.

    `alert` names the rule (``silent_source``, ``wip_limit``), `subject` what it is about (``gateway:line-1``). While it
    is open, the same rule does not open for the same subject again. `recipient` is a role.
    """

    kind: ClassVar[str] = "alert_opened"
    code: ClassVar[int] = 52

    alert: str
    subject: str
    recipient: str
    order: str | None = None
    level: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEscalated(Event):
    """Decision: nobody answered in time: the alert `target` goes to `recipient`, too."""

    kind: ClassVar[str] = "alert_escalated"
    code: ClassVar[int] = 53

    target: str
    recipient: str
    order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAcknowledged(Event):
    """A person has seen the alert (or episode) `target` and takes care of it."""

    kind: ClassVar[str] = "alert_acknowledged"
    code: ClassVar[int] = 54

    target: str
    order: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertClosed(Event):
    """Decision: what opened the alert `target` is over."""

    kind: ClassVar[str] = "alert_closed"
    code: ClassVar[int] = 55

    target: str
    order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOpened(Event):
    """Decision: a person must find the cause of `target` (an alert, an episode, a problem) and a plan. Id of the task:
    that of this event. `recipient` is the role that has it until there is an owner.
    """

    kind: ClassVar[str] = "task_opened"
    code: ClassVar[int] = 56

    target: str
    recipient: str
    order: str | None = None
    level: str | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlanned(Event):
    """The task `target` has a cause (a code), a plan in words, an owner, and when the plan is done."""

    kind: ClassVar[str] = "task_planned"
    code: ClassVar[int] = 57

    target: str
    cause: str
    owner: str
    due: datetime
    order: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskClosed(Event):
    """The task `target` is done; refused without cause, plan, owner and due time. `effect` says what the plan did."""

    kind: ClassVar[str] = "task_closed"
    code: ClassVar[int] = 58

    target: str
    order: str | None = None
    effect: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LateUpdateFlagged(Event):
    """Decision: the node was finished at `finished_at` as far as can be seen, and nobody entered it by `due`."""

    kind: ClassVar[str] = "late_update_flagged"
    code: ClassVar[int] = 59
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node"})

    finished_at: datetime
    due: datetime
    recipient: str
    order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastIssued(Event):
    """Decision: when the order is expected to be finished, as it was told. `method` names how it was worked out."""

    kind: ClassVar[str] = "forecast_issued"
    code: ClassVar[int] = 60

    order: str
    method: str
    p50: datetime
    p10: datetime | None = None
    p80: datetime | None = None
    p90: datetime | None = None
    p95: datetime | None = None
    p_late: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSent(Event):
    """Decision: `recipient` (a role or an opaque id) is told of `target` once; `notice` says which notice it is."""

    kind: ClassVar[str] = "notice_sent"
    code: ClassVar[int] = 61

    notice: str
    target: str
    recipient: str
    order: str | None = None
    channel: str | None = None
