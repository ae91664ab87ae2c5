"""What people answer to alerts and tasks, in the transaction that writes it: decided by the core on what stands now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from genba_cloud.core.alerts import (
    PlanGiven,
    Said,
    acknowledge,
    close_alert,
    close_task,
    plan_alert,
    plan_task,
)
from genba_cloud.core.facts import Aggregate, Refused, ViewKey
from genba_cloud.core.facts.response import AlertFacts, ResponseFacts, TaskFacts
from genba_cloud.ledger.append import Stamp, append_events
from genba_cloud.ledger.batches import Appended
from genba_cloud.store.port import Transaction
from genba_cloud.store.told import Response, ResponseFilter, ResponseKind, Told
from genba_shared.events import Event, Source

PAGE: Final = 500
MOST_EVENTS: Final = 3
"""One answer says at most so much: a task, its plan, and the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Somebody takes care of the alert."""

    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAlert:
    """Somebody says that the alert is dealt with, and why."""

    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTask:
    """The plan is done, and this came of it."""

    effect: str
    note: str | None = None


AlertAnswer: TypeAlias = Acknowledge | PlanGiven | CloseAlert
TaskAnswer: TypeAlias = PlanGiven | CloseTask


def answer_alert(
    transaction: Transaction, alert: str, answer: AlertAnswer, source: Source, stamp: Stamp
) -> Appended | Refused | None:
    """Write down an answer to an alert (also of an order's lateness); None: there is no such alert."""
    transaction.views([ViewKey(Aggregate.RESPONSE, alert)])  # nobody else answers it until this is committed
    facts = one_response(transaction.told, alert)
    if not isinstance(facts, AlertFacts):
        return None
    waiting = ResponseFilter(kind=ResponseKind.TASK, is_open=True, subject=alert)
    found = (one.facts for one in transaction.told.responses(where=waiting).items)
    tasks = tuple(task for task in found if isinstance(task, TaskFacts))
    match answer:
        case Acknowledge(note=note):
            decided = acknowledge(facts, _said(source, stamp, note))
        case PlanGiven():
            decided = plan_alert(facts, next(iter(tasks), None), answer, _said(source, stamp))
        case CloseAlert(note=note):
            decided = close_alert(facts, tasks, _said(source, stamp, note))
    return _written(transaction, decided, stamp)


def answer_task(
    transaction: Transaction, task: str, answer: TaskAnswer, source: Source, stamp: Stamp
) -> Appended | Refused | None:
    """Write down a plan, or that it is done; None: there is no such task."""
    transaction.views([ViewKey(Aggregate.RESPONSE, task)])
    facts = one_response(transaction.told, task)
    if not isinstance(facts, TaskFacts):
        return None
    match answer:
        case PlanGiven():
            decided = plan_task(facts, answer, _said(source, stamp))
        case CloseTask(effect=effect, note=note):
            decided = close_task(facts, effect, _said(source, stamp, note))
    return _written(transaction, decided, stamp)


def one_response(told: Told, name: str) -> ResponseFacts | None:
    """The problem, alert or task of that id."""
    found = told.responses_of([name]).get(name)
    return found.facts if found else None


def every_open(told: Told, kind: ResponseKind | None = None) -> list[Response]:
    """Everything of that kind that is open, the oldest first."""
    found: list[Response] = []
    cursor: str | None = None
    while True:
        page = told.responses(where=ResponseFilter(kind=kind, is_open=True), cursor=cursor, limit=PAGE)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found[::-1]


def _said(source: Source, stamp: Stamp, note: str | None = None) -> Said:
    ids = tuple(stamp.next_id() for _ in range(MOST_EVENTS))
    return Said(source=source, now=stamp.now, ids=ids, note=note or None)


def _written(transaction: Transaction, decided: tuple[Event, ...] | Refused, stamp: Stamp) -> Appended | Refused:
    return decided if isinstance(decided, Refused) else append_events(transaction, decided, stamp)
