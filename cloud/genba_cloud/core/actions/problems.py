"""Problems: taken at once, explained now or soon, and resolved only when the cause is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from genba_cloud.core.actions.wishes import (
    ActionRefused,
    Actor,
    Already,
    Decided,
    Decision,
    Entry,
    Why,
    clash,
    malformed,
)
from genba_shared.clock import to_milliseconds
from genba_shared.events import Event, EventVoided, ProblemExplained, ProblemReported, ProblemResolved


class Category(StrEnum):
    """What kind of trouble it is: said at once, with one tap."""

    MACHINE = "machine"
    MATERIAL = "material"
    QUALITY = "quality"
    DRAWING = "drawing"
    PEOPLE = "people"
    OTHER = "other"


CAUSES: Final[Mapping[Category, tuple[str, ...]]] = {
    Category.MACHINE: ("breakdown", "tool_worn", "setup_fault", "no_power"),
    Category.MATERIAL: ("not_delivered", "wrong_material", "too_little", "damaged_material"),
    Category.QUALITY: ("wrong_size", "surface_fault", "wrong_colour", "work_fault"),
    Category.DRAWING: ("drawing_missing", "drawing_wrong", "unclear_instruction", "order_changed"),
    Category.PEOPLE: ("absent", "not_trained", "accident"),
    Category.OTHER: ("other",),
}
"""Causes as codes, by category; `other` is possible in each, with a note."""
OTHER: Final = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemWish:
    """Somebody is in trouble. At least one of order, work order and station says where."""

    category: str
    cause: str | None = None
    order: str | None = None
    work_order: str | None = None
    node: str | None = None
    station: str | None = None
    site: str | None = None
    note: str | None = None
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem as it stands. `explained_at` and `cause` None: nobody has said why."""

    reported: ProblemReported
    cause: str | None = None
    explained_at: datetime | None = None
    resolved_at: datetime | None = None
    is_undone: bool = False


def problem_of(reported: ProblemReported, events: Iterable[Event]) -> Problem:
    """The problem, from what was said of it; `events` may speak of others, too."""
    known = {event.id: event for event in events}
    voided = {event.target for event in known.values() if isinstance(event, EventVoided)}
    left = sorted((one for one in known.values() if one.id not in voided), key=lambda one: (one.at, one.id))
    told = [one for one in left if isinstance(one, ProblemExplained) and one.target == reported.id]
    over = [one for one in left if isinstance(one, ProblemResolved) and one.target == reported.id]
    first = (reported.cause, reported.at) if reported.cause is not None else (None, None)
    cause, at = (told[-1].cause, told[-1].at) if told else first
    return Problem(
        reported=reported,
        cause=cause,
        explained_at=at,
        resolved_at=over[0].at if over else None,
        is_undone=reported.id in voided,
    )


def decide_report(wish: ProblemWish, actor: Actor, entry: Entry) -> Decision:
    """Whoever is in trouble is heard at once; only what says nothing is refused."""
    if wish.category not in set(Category):
        return malformed(
            Why.UNKNOWN_WORD, f"{wish.category!r:.80} is no kind of problem", f"one of {', '.join(Category)}"
        )
    if wish.order is None and wish.work_order is None and wish.station is None:
        return malformed(Why.NODE_UNKNOWN, "where is the problem?", "an order, a work order, or a station")
    refused = _unknown_cause(wish.category, wish.cause, wish.note) if wish.cause is not None else None
    if refused is not None:
        return refused
    now = to_milliseconds(entry.now)
    event = ProblemReported(
        id=entry.next_id(),
        at=now,
        entered_at=now,
        source=actor.source,
        site=wish.site,
        station=wish.station,
        work_order=wish.work_order,
        node=wish.node,
        category=wish.category,
        cause=wish.cause,
        order=wish.order,
        media=wish.media,
        note=wish.note,
    )
    return Decided(events=(event,))


def decide_explain(problem: Problem, cause: str, note: str | None, actor: Actor, entry: Entry) -> Decision:
    """Why it is so; of several explanations the last counts."""
    refused = _undone(problem) or _unknown_cause(problem.reported.category, cause, note)
    if refused is not None:
        return refused
    if problem.cause == cause and problem.explained_at is not None and note is None:
        return Already(at=problem.explained_at)
    return Decided(
        events=(ProblemExplained(id=entry.next_id(), cause=cause, note=note, **_about(problem, actor, entry)),)
    )


def decide_resolve(problem: Problem, note: str | None, actor: Actor, entry: Entry) -> Decision:
    """The problem is over."""
    refused = _undone(problem)
    if refused is not None:
        return refused
    if problem.resolved_at is not None:
        return Already(at=problem.resolved_at)
    if problem.cause is None:
        return clash(Why.CAUSE_MISSING, "the cause of this problem is not known yet", "explain it first")
    return Decided(events=(ProblemResolved(id=entry.next_id(), note=note, **_about(problem, actor, entry)),))


def causes_of(category: str) -> tuple[str, ...]:
    """Codes of causes that a problem of this kind may have."""
    own = CAUSES[Category(category)] if category in set(Category) else ()
    return own if OTHER in own else (*own, OTHER)


def _undone(problem: Problem) -> ActionRefused | None:
    return clash(Why.NOTHING_TO_DO, "this problem was taken back") if problem.is_undone else None


def _unknown_cause(category: str, cause: str, note: str | None) -> ActionRefused | None:
    known = causes_of(category)
    if cause not in known:
        return malformed(Why.UNKNOWN_WORD, f"{cause!r:.80} is no cause of {category}", f"one of {', '.join(known)}")
    if cause == OTHER and (note is None or len(note.strip()) < 3):
        return malformed(Why.REASON_MISSING, "another cause needs words", "note: what it is, in a few words")
    return None


def _about(problem: Problem, actor: Actor, entry: Entry) -> dict[str, Any]:
    """What an event about the problem has in common with it: it is found where the problem is."""
    now, reported = to_milliseconds(entry.now), problem.reported
    return {
        "at": max(now, reported.at),
        "entered_at": now,
        "source": actor.source,
        "site": reported.site,
        "station": reported.station,
        "work_order": reported.work_order,
        "node": reported.node,
        "because": (reported.id,),
        "target": reported.id,
        "order": reported.order,
    }
