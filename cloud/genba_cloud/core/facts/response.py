"""What people and the collector do about trouble: problems, alerts and tasks, each by the id of its first event.

Texts that people wrote may be sealed: they are handed on as they stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from genba_cloud.core.facts.told import ToldFold
from genba_shared.events import (
    AlertAcknowledged,
    AlertClosed,
    AlertEscalated,
    AlertOpened,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    NoticeSent,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    SourceType,
    TaskClosed,
    TaskOpened,
    TaskPlanned,
)

LATENESS: Final = "lateness"
"""The rule of an order's episode, which is an alert like any other: it is acknowledged and gets a task."""

_OPENING = (ProblemReported, AlertOpened, TaskOpened, EpisodeOpened)
_FOLLOWING = (
    ProblemExplained,
    ProblemResolved,
    AlertEscalated,
    AlertAcknowledged,
    AlertClosed,
    NoticeSent,
    TaskPlanned,
    TaskClosed,
)
_OF_EPISODES = (EpisodeEscalated, EpisodeClosed)
RESPONSE_KINDS: Final = (*_OPENING, *_FOLLOWING, *_OF_EPISODES)
"""Every kind that `response_of` may name something for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemFacts:
    """Somebody's trouble. `problem` is the id of the event that reported it, `by` who did (an opaque id).

    `explained_at` is when a cause was known first, `cause` the code that was given last. It is open until resolved.
    """

    problem: str
    category: str
    at: datetime
    by: str
    cause: str | None = None
    explained_at: datetime | None = None
    explained_by: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    site: str | None = None
    station: str | None = None
    work_order: str | None = None
    node: str | None = None
    order: str | None = None
    media: tuple[str, ...] = ()
    note: str | None = None
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """An alert went to `recipient`, too; of an episode, its level changed to `level`."""

    at: datetime
    recipient: str = ""
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFacts:
    """Something that needs an answer. `alert` is the id of the event that opened it, `rule` which rule it is.

    An order's episode has the rule `LATENESS` and the subject ``order:NUMBER``; `level` is the last that was told.
    `recipients` are the roles that it was opened for and went to, in that order; `told` is everybody who was sent a
    notice. `closed_by`: the person who closed it; None: it ended. `explained_at`: when its cause was given last.
    """

    alert: str
    rule: str
    subject: str
    opened_at: datetime
    recipients: tuple[str, ...] = ()
    order: str | None = None
    level: str | None = None
    site: str | None = None
    station: str | None = None
    work_order: str | None = None
    node: str | None = None
    escalations: tuple[Escalation, ...] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    cause: str | None = None
    closed_at: datetime | None = None
    note: str | None = None
    is_open: bool = True
    last_acknowledged_at: datetime | None = None
    closed_by: str | None = None
    opening_level: str | None = None
    told: tuple[str, ...] = ()
    explained_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What a person has to find out and do about `target`. `task` is the id of the event that opened it.

    `due` is the time that the policy gave for a plan, `plan_due` when the plan is to be done; of several plans the last
    one counts. `is_planned`: cause, owner and due time are there, without which it cannot be closed.
    """

    task: str
    target: str
    recipient: str
    opened_at: datetime
    order: str | None = None
    level: str | None = None
    due: datetime | None = None
    site: str | None = None
    work_order: str | None = None
    node: str | None = None
    cause: str | None = None
    plan: str | None = None
    owner: str | None = None
    plan_due: datetime | None = None
    planned_at: datetime | None = None
    planned_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    effect: str | None = None
    note: str | None = None
    is_open: bool = True

    @property
    def is_planned(self) -> bool:
        """Whether it may be closed."""
        return self.planned_at is not None


ResponseFacts: TypeAlias = ProblemFacts | AlertFacts | TaskFacts


def response_of(event: Event) -> str | None:
    """The id of the problem, alert or task that the event is about; None where it is about none."""
    if isinstance(event, _OPENING):
        return event.id
    if isinstance(event, _FOLLOWING):
        return event.target
    if isinstance(event, _OF_EPISODES) and event.because:
        return event.because[0]
    return None


def response_facts(name: str, state: ToldFold) -> ResponseFacts | None:
    """The problem, alert or task of that id; None where nothing opened it, or that was taken back."""
    events = state.standing()
    opening = next((event for event in events if event.id == name and isinstance(event, _OPENING)), None)
    match opening:
        case ProblemReported():
            return _problem(opening, events)
        case AlertOpened() | EpisodeOpened():
            return _alert(opening, events)
        case TaskOpened():
            return _task(opening, events)
        case _:
            return None


def _problem(opening: ProblemReported, events: Iterable[Event]) -> ProblemFacts:
    facts = ProblemFacts(
        problem=opening.id,
        category=opening.category,
        at=opening.at,
        by=opening.source.ref,
        cause=opening.cause,
        explained_at=None if opening.cause is None else opening.at,
        explained_by=None if opening.cause is None else opening.source.ref,
        site=opening.site,
        station=opening.station,
        work_order=opening.work_order,
        node=opening.node,
        order=opening.order,
        media=opening.media,
        note=opening.note,
    )
    for event in events:
        match event:
            case ProblemExplained():
                first = facts if facts.explained_at else _explained(facts, event)
                facts = replace(first, cause=event.cause)
            case ProblemResolved() if facts.is_open:
                facts = replace(facts, is_open=False, resolved_at=event.at, resolved_by=event.source.ref)
            case _:
                pass
    return facts


def _explained(facts: ProblemFacts, event: ProblemExplained) -> ProblemFacts:
    return replace(facts, explained_at=event.at, explained_by=event.source.ref)


def _alert(opening: AlertOpened | EpisodeOpened, events: Iterable[Event]) -> AlertFacts:
    told = opening if isinstance(opening, AlertOpened) else None
    facts = AlertFacts(
        alert=opening.id,
        rule=told.alert if told else LATENESS,
        subject=told.subject if told else f"order:{opening.order}",
        opened_at=opening.at,
        recipients=(told.recipient,) if told else (),
        order=opening.order,
        level=opening.level,
        opening_level=opening.level,
        site=opening.site,
        station=opening.station,
        work_order=opening.work_order,
        node=opening.node,
        note=told.note if told else None,
    )
    for event in events:
        facts = _alert_after(facts, event)
    return facts


def _alert_after(facts: AlertFacts, event: Event) -> AlertFacts:
    match event:
        case AlertEscalated():
            is_new = event.recipient not in facts.recipients
            recipients = (*facts.recipients, event.recipient) if is_new else facts.recipients
            escalation = Escalation(at=event.at, recipient=event.recipient)
            return replace(facts, recipients=recipients, escalations=(*facts.escalations, escalation))
        case EpisodeEscalated():
            escalation = Escalation(at=event.at, level=event.level)
            return replace(facts, level=event.level, escalations=(*facts.escalations, escalation))
        case NoticeSent() if event.recipient not in facts.told:
            return replace(facts, told=(*facts.told, event.recipient))
        case AlertAcknowledged():
            is_first = facts.acknowledged_at is None
            first = replace(facts, acknowledged_at=event.at, acknowledged_by=event.source.ref) if is_first else facts
            return replace(first, last_acknowledged_at=event.at)
        case ProblemExplained():
            return replace(facts, cause=event.cause, explained_at=event.at)
        case AlertClosed() | EpisodeClosed() if facts.is_open:
            by = None if event.source.type is SourceType.SYSTEM else event.source.ref
            return replace(facts, is_open=False, closed_at=event.at, closed_by=by)
        case _:
            return facts


def _task(opening: TaskOpened, events: Iterable[Event]) -> TaskFacts:
    facts = TaskFacts(
        task=opening.id,
        target=opening.target,
        recipient=opening.recipient,
        opened_at=opening.at,
        order=opening.order,
        level=opening.level,
        due=opening.due,
        site=opening.site,
        work_order=opening.work_order,
        node=opening.node,
    )
    for event in events:
        match event:
            case TaskPlanned():
                facts = _planned(facts, event)
            case TaskClosed() if facts.is_open:
                facts = replace(
                    facts,
                    is_open=False,
                    closed_at=event.at,
                    closed_by=event.source.ref,
                    effect=event.effect,
                    note=event.note,
                )
            case _:
                pass
    return facts


def _planned(facts: TaskFacts, event: TaskPlanned) -> TaskFacts:
    return replace(
        facts,
        cause=event.cause,
        plan=event.note,
        owner=event.owner,
        plan_due=event.due,
        planned_at=event.at,
        planned_by=event.source.ref,
    )
