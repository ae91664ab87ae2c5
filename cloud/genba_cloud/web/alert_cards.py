"""What the pages of alerts and tasks draw: plain values with all words worked out, so that templates decide nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from genba_cloud.core.alerts import CAUSES, PlanGiven
from genba_cloud.core.deviation import Deviation
from genba_cloud.core.facts.response import LATENESS, AlertFacts, TaskFacts
from genba_cloud.web.rows import Shown, When
from genba_cloud.web.words import WORDS


class Seen(Protocol):
    """An alert as its viewer may see it."""

    @property
    def facts(self) -> AlertFacts:
        """The alert."""

    @property
    def deviation(self) -> Deviation | None:
        """Of a late order."""

    @property
    def customer(self) -> str:
        """Empty where there is none, or the viewer may not know."""

    @property
    def tasks(self) -> tuple[TaskFacts, ...]:
        """The tasks about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCard:
    """One task."""

    task: str
    target: str
    order: str
    level: str
    level_word: str
    opened: When
    due: str
    is_late: bool
    recipient: str
    cause: str
    plan: str
    effect: str
    is_planned: bool
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCard:
    """One alert. `may_close`: by hand, where the page's viewer may answer."""

    alert: str
    title: str
    about: str
    customer: str
    level: str
    level_word: str
    since: str
    at: When
    told: str
    taken: str
    is_taken: bool
    cause: str
    note: str
    may_close: bool
    tasks: tuple[TaskCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseItem:
    """One cause to choose."""

    value: str
    text: str


def alert_cards(found: Iterable[Seen], shown: Shown) -> list[AlertCard]:
    """The alerts as cards."""
    return [_alert_card(one, shown) for one in found]


def task_cards(found: Iterable[TaskFacts], shown: Shown) -> list[TaskCard]:
    """The tasks as cards."""
    return [_task_card(one, shown) for one in found]


def causes_of(shown: Shown) -> list[CauseItem]:
    """The causes that may be chosen."""
    return [CauseItem(value=code, text=shown.say(f"cause.{code}")) for code in CAUSES]


def plan_of_form(shown: Shown, *, cause: str, plan: str, owner: str, due: str) -> PlanGiven | None:
    """The plan of a form, whose time is in the zone of the page; None: the time cannot be read."""
    try:
        at = datetime.fromisoformat(due)
    except ValueError:
        return None
    local = at.replace(tzinfo=shown.zone) if at.tzinfo is None and shown.zone is not None else at
    try:
        instant = local.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return PlanGiven(cause=cause, plan=plan, owner=owner, due=instant)


def _alert_card(seen: Seen, shown: Shown) -> AlertCard:
    facts = seen.facts
    at = shown.when(facts.opened_at)
    level, word = _level(facts.level if facts.rule == LATENESS else None, seen.deviation, shown)
    return AlertCard(
        alert=facts.alert,
        title=shown.say(f"rule.{facts.rule}") if f"rule.{facts.rule}" in WORDS[shown.language] else facts.rule,
        about=_about(facts),
        customer=seen.customer,
        level=level,
        level_word=word,
        since=shown.say("alert.since", time=at.text),
        at=at,
        told=shown.say("alert.told", names=", ".join(_person(name, shown) for name in facts.told))
        if facts.told
        else "",
        taken=_taken(facts, shown),
        is_taken=facts.acknowledged_at is not None,
        cause=shown.say("alert.cause", cause=_cause(facts.cause, shown)) if facts.cause else "",
        note=_note(facts, shown),
        may_close=facts.rule != LATENESS and facts.acknowledged_at is not None,
        tasks=tuple(_task_card(task, shown) for task in seen.tasks if task.is_open),
    )


def _task_card(task: TaskFacts, shown: Shown) -> TaskCard:
    level, word = _level(task.level, None, shown)
    plan = ""
    if task.is_planned and task.plan_due is not None:
        plan = shown.say("task.plan", owner=task.owner, time=shown.when(task.plan_due).text, plan=task.plan or "")
    due = task.plan_due or task.due
    return TaskCard(
        task=task.task,
        target=task.target,
        order=task.order or "",
        level=level,
        level_word=word,
        opened=shown.when(task.opened_at),
        due=shown.say("task.due", time=shown.when(task.due).text) if task.due else "",
        is_late=task.is_open and due is not None and due < shown.now,
        recipient=shown.say("task.for", name=_person(task.recipient, shown)),
        cause=shown.say("alert.cause", cause=_cause(task.cause, shown)) if task.cause else "",
        plan=plan,
        effect=shown.say("task.effect", effect=task.effect) if task.effect else "",
        is_planned=task.is_planned,
        is_open=task.is_open,
    )


def _taken(facts: AlertFacts, shown: Shown) -> str:
    if facts.acknowledged_at is None:
        return shown.say("alert.open")
    time = shown.when(facts.acknowledged_at).text
    if facts.acknowledged_by is None:
        return shown.say("alert.taken_unnamed", time=time)
    return shown.say("alert.taken", name=facts.acknowledged_by, time=time)


def _about(facts: AlertFacts) -> str:
    """What it is about, as people call it: an order by its number, anything else by its name."""
    _, _, name = facts.subject.partition(":")
    if facts.rule == LATENESS or facts.order is None or facts.order in name:
        return name
    return f"{facts.order} · {facts.work_order}/{facts.node}" if facts.node else facts.order


def _note(facts: AlertFacts, shown: Shown) -> str:
    """What else the rule says; of a problem, its kind in words."""
    key = f"alert.about.{facts.note}"
    return shown.say(key) if key in WORDS[shown.language] else facts.note or ""


def _level(level: str | None, deviation: Deviation | None, shown: Shown) -> tuple[str, str]:
    if level is None:
        return "", ""
    word = shown.say(f"level.{level}")
    return level, f"{word} {deviation.percent} %" if deviation else word


def _person(name: str, shown: Shown) -> str:
    """A role in words; a person by their account."""
    key = f"role.{name}"
    return shown.say(key) if key in WORDS[shown.language] else name


def _cause(code: str | None, shown: Shown) -> str:
    key = f"cause.{code}"
    return shown.say(key) if key in WORDS[shown.language] else code or ""
