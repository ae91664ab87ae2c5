"""Carries what is said of an event (it is taken back, corrected) into the views that it is in, whatever comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from genba_cloud.core.facts import Aggregate, QuestionFold, ViewKey, target_of
from genba_cloud.core.facts.plan import FIRST_INSTANT
from genba_cloud.core.facts.taken_back import SAYINGS, answered_by, heard
from genba_cloud.ledger.answers import Views
from genba_cloud.ledger.archive import find_events
from genba_cloud.store.port import Transaction
from genba_cloud.store.work import state_of
from genba_shared.events import Event, EventCorrected, EventVoided, Source, SourceType

_SOMEBODY: Final = Source(type=SourceType.SYSTEM, ref="")


def carried(
    transaction: Transaction, views: Views, events: Sequence[Event], waiting: frozenset[str]
) -> dict[ViewKey, list[Event]]:
    """By view, what it hears of events that are in it.

    Args:
        transaction: where events are that came before.
        views: the questions of the events, with what was said of them before they came.
        events: those that come now.
        waiting: ids of events of which something was said before they came.
    """
    now = {event.id: event for event in events}
    sayings: list[Event] = [event for event in events if isinstance(event, SAYINGS)]
    for name in waiting & now.keys():
        sayings += _said_before(views, name)
    return hearing(sayings, now, transaction) if sayings else {}


def hearing(
    sayings: Iterable[Event], known: Mapping[str, Event], transaction: Transaction
) -> dict[ViewKey, list[Event]]:
    """By view, which of the sayings it hears; events that are not `known` are looked for in the whole log."""
    every = list(sayings)
    found = dict(known)
    _find(transaction, found, (target_of(saying) for saying in every))
    targets = [found[name] for saying in every if (name := target_of(saying)) is not None and name in found]
    _find(transaction, found, (answered_by(target) for target in targets))
    return heard(every, found)


def _find(transaction: Transaction, found: dict[str, Event], names: Iterable[str | None]) -> None:
    """Add the events of these ids where they exist; archives are searched once for all of them."""
    missing = {name for name in names if name is not None} - found.keys()
    if missing:
        found.update(find_events(transaction, missing))


def _said_before(views: Views, name: str) -> list[Event]:
    """What was said of an event before it came, from its question: of each saying, all that views read of it."""
    key = ViewKey(Aggregate.QUESTION, name)
    views.load([key])
    state: QuestionFold = state_of(Aggregate.QUESTION, views.get(key))
    voids = [
        EventVoided(id=void, at=FIRST_INSTANT, source=_SOMEBODY, target=target, reason="")
        for void, target in sorted(state.voids)
    ]
    corrections = [
        EventCorrected(id=one.seen.id, at=one.seen.at, source=_SOMEBODY, target=one.target, pieces=one.pieces)
        for _, one in sorted(state.answers.items())
        if one.owner is None
    ]
    return [*voids, *corrections]
