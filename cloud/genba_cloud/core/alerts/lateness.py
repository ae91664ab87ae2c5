"""The answer to an order's lateness, graded by its level: who is told, what they have to do, and who is told then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from genba_cloud.core.alerts.model import SOURCE, Pen, Rung, Situation, Why, team_of
from genba_cloud.core.deviation import Closed, Decision, Deviation, Level, LevelChanged, Opened
from genba_cloud.core.facts.plan import OrderPlan
from genba_cloud.core.facts.response import LATENESS, AlertFacts, TaskFacts
from genba_cloud.core.policy import LINE_SUPERVISOR, Answering, SitePolicy
from genba_shared.events import (
    AlertEscalated,
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    TaskOpened,
)

_WITH_TASK = (Level.ORANGE, Level.RED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """An order whose episode changes: its plan, the site that owns its last node, and the open alert (None: new).

    `tasks` are those that are open about it.
    """

    plan: OrderPlan
    site: str
    rules: SitePolicy
    alert: AlertFacts | None = None
    tasks: tuple[TaskFacts, ...] = ()


def announce(decision: Decision, late: Late, pen: Pen) -> list[Event]:
    """The events of a decision on an episode, and what its level asks for.

    One notice for each (order, episode, level, recipient): a level that the episode has had before tells nobody again.
    Orange and red open a task, each at most one in an episode, and none where its role has one that is open.
    """
    match decision:
        case Closed(reason=reason):
            because = (late.alert.alert,) if late.alert else ()
            number = late.plan.order
            return [
                EpisodeClosed(id=pen.next_id(), at=pen.at, source=SOURCE, because=because, order=number, reason=reason)
            ]
        case Opened(level=level, deviation=deviation) | LevelChanged(level=level, deviation=deviation):
            event = _level_event(decision, late, level, deviation, pen)
            target = late.alert.alert if late.alert else event.id
            return [event, *_answer(level, late, target, pen)]


def _level_event(decision: Decision, late: Late, level: Level, deviation: Deviation, pen: Pen) -> Event:
    kind = EpisodeOpened if isinstance(decision, Opened) else EpisodeEscalated
    return kind(
        id=pen.next_id(),
        at=pen.at,
        source=SOURCE,
        site=late.site,
        because=(late.alert.alert,) if late.alert and kind is EpisodeEscalated else (),
        order=late.plan.order,
        level=str(level),
        late_s=deviation.late_s,
        lead_s=deviation.lead_s,
    )


def _answer(level: Level, late: Late, target: str, pen: Pen) -> Iterator[Event]:
    before = _levels_of(late.alert) if late.alert else ()
    answering = late.rules.answering.get(level)
    if level in before or answering is None:
        return
    yield from pen.notices(f"{LATENESS}:{level}", target, (*answering.told, *team_of(late.plan)), order=late.plan.order)
    has_one = any(task.recipient == answering.told[-1] for task in late.tasks)
    if level in _WITH_TASK and not has_one and not any(known.rank >= level.rank for known in before):
        yield _task(level, late, answering, target, pen)


def _task(level: Level, late: Late, answering: Answering, target: str, pen: Pen) -> Event:
    return TaskOpened(
        id=pen.next_id(),
        at=pen.at,
        source=SOURCE,
        site=late.site,
        target=target,
        recipient=answering.told[-1],
        order=late.plan.order,
        level=str(level),
        due=pen.at + timedelta(seconds=answering.within_s),
    )


def _levels_of(alert: AlertFacts) -> tuple[Level, ...]:
    """Every level that the episode has had."""
    return tuple(Level(word) for word, _ in _told_levels(alert))


def _told_levels(alert: AlertFacts) -> list[tuple[str, datetime]]:
    told = [(alert.opening_level, alert.opened_at)] if alert.opening_level is not None else []
    return told + [(one.level, one.at) for one in alert.escalations if one.level is not None]


def on_lateness(situation: Situation, alert: AlertFacts, pen: Pen) -> Iterator[Event]:
    """The open alert of an order goes to those whose turn it is: without a cause in time, without an answer in time.

    Where the cause is missing and there is no task yet (yellow), one opens: it cannot be closed without a cause.
    """
    rules = situation.rules_of(alert.site)
    tasks = [task for task in situation.tasks if task.target == alert.alert]
    told = set(alert.recipients)
    for rung in _rungs(alert, tasks, rules):
        if rung.due > situation.now or rung.recipient in told:
            continue
        told.add(rung.recipient)
        yield escalated(alert, rung, pen)
        yield from pen.notices(f"{LATENESS}:{rung.why}", alert.alert, (rung.recipient,), order=alert.order)
        if rung.why is Why.CAUSE_MISSING and not tasks and not _had_task(alert):
            yield TaskOpened(
                id=pen.next_id(),
                at=pen.at,
                source=SOURCE,
                site=alert.site,
                target=alert.alert,
                recipient=LINE_SUPERVISOR,
                order=alert.order,
                level=alert.level,
                due=pen.at + timedelta(seconds=rules.service.answer_within_s),
            )


def _had_task(alert: AlertFacts) -> bool:
    return any(level in _WITH_TASK for level in _levels_of(alert))


def _rungs(alert: AlertFacts, tasks: list[TaskFacts], rules: SitePolicy) -> Iterator[Rung]:
    level = Level(alert.level) if alert.level else Level.YELLOW
    answering = rules.answering.get(level)
    if alert.cause is None and not any(task.cause for task in tasks):
        due = alert.opened_at + timedelta(seconds=rules.service.reason_within_s)
        for role in rules.service.escalates_to:
            yield Rung(due=due, recipient=role, why=Why.CAUSE_MISSING)
    if answering is None:
        return
    since = _since(alert, level)
    # a plan gives a cause, too: that stays an answer when its task is done
    answers = [alert.last_acknowledged_at, alert.explained_at, *(task.planned_at for task in tasks)]
    if not any(at is not None and at >= since for at in answers):
        for role in answering.then:
            yield Rung(due=since + timedelta(seconds=answering.within_s), recipient=role, why=Why.UNANSWERED)


def _since(alert: AlertFacts, level: Level) -> datetime:
    """When the present level was told last."""
    return max((at for word, at in _told_levels(alert) if word == str(level)), default=alert.opened_at)


def escalated(alert: AlertFacts, rung: Rung, pen: Pen) -> Event:
    """The alert goes to somebody else, too."""
    return AlertEscalated(
        id=pen.next_id(),
        at=pen.at,
        source=SOURCE,
        target=alert.alert,
        recipient=rung.recipient,
        reason=str(rung.why),
        order=alert.order,
    )
