"""The displayed status of a node: exactly one of five words, the first that fits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from genba_cloud.core.facts.views import Lifecycle
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, add, working_seconds


class Status(StrEnum):
    """Where a node stands, as words; colours belong to the screen."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    DELAYED = "delayed"
    AWAITING_CONFIRMATION = "awaiting_confirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPolicy:
    """How much later than planned is still on time; a policy of the site."""

    floor_s: int = 900
    """At least 15 working minutes."""
    share_percent: int = 5
    """Or 5 % of the node's planned duration, whichever is more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePosition:
    """What the status of one node depends on, beside the time.

    `planned_*` are the frozen baseline; a node without a plan is never delayed. `ready` means pending with what it
    needs from every predecessor there. `finished_at` is the completion, actual or claimed; `expected_finish` comes from
    the assessment.
    """

    lifecycle: Lifecycle
    planned_start: datetime | None
    planned_finish: datetime | None
    ready: bool = False
    finished_at: datetime | None = None
    expected_finish: datetime | None = None


def tolerance_of(
    planned_start: datetime, planned_finish: datetime, calendar: Calendar, policy: StatusPolicy = StatusPolicy()
) -> int:
    """Working seconds by which this node may be late and still count as on time."""
    duration = max(0, working_seconds(calendar, planned_start, planned_finish))
    return max(policy.floor_s, duration * policy.share_percent // 100)


def is_delayed(
    node: NodePosition, now: datetime, *, calendar: Calendar = ALWAYS_WORKING, policy: StatusPolicy = StatusPolicy()
) -> bool:
    """Whether an unfinished node is late, or will be as far as can be seen."""
    if node.lifecycle is Lifecycle.DONE or node.planned_start is None or node.planned_finish is None:
        return False
    tolerance = tolerance_of(node.planned_start, node.planned_finish, calendar, policy)
    latest_finish = add(calendar, node.planned_finish, tolerance)
    if now > latest_finish:
        return True
    ready = node.ready and node.lifecycle is Lifecycle.PENDING
    if ready and now > add(calendar, node.planned_start, tolerance):
        return True
    active = ready or node.lifecycle is Lifecycle.IN_PROGRESS
    return active and node.expected_finish is not None and node.expected_finish > latest_finish


def status_of(
    node: NodePosition, now: datetime, *, calendar: Calendar = ALWAYS_WORKING, policy: StatusPolicy = StatusPolicy()
) -> Status:
    """The one status that is shown: done, else awaiting confirmation, else delayed, else in progress, else pending."""
    if node.lifecycle is Lifecycle.DONE:
        return Status.DONE
    if node.lifecycle is Lifecycle.AWAITING_CONFIRMATION:
        return Status.AWAITING_CONFIRMATION
    if is_delayed(node, now, calendar=calendar, policy=policy):
        return Status.DELAYED
    return Status.IN_PROGRESS if node.lifecycle is Lifecycle.IN_PROGRESS else Status.PENDING


def late_seconds(
    node: NodePosition, now: datetime, *, calendar: Calendar = ALWAYS_WORKING, policy: StatusPolicy = StatusPolicy()
) -> int | None:
    """Working seconds that a done or awaiting node is (or was) late; None where it kept its plan with its tolerance.

    A done node is measured at its completion, an awaiting one at its claim, else at now.
    """
    if node.planned_start is None or node.planned_finish is None:
        return None
    if node.lifecycle not in {Lifecycle.DONE, Lifecycle.AWAITING_CONFIRMATION}:
        return None
    finished = node.finished_at or now
    tolerance = tolerance_of(node.planned_start, node.planned_finish, calendar, policy)
    late = working_seconds(calendar, node.planned_finish, finished)
    return late if late > tolerance else None
