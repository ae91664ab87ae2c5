"""Carries what is said of an event (it is taken back, corrected) into the views that it is in, whatever comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from genba_cloud.core.facts import Aggregate, QuestionFold, ViewKey, target_of
from genba_cloud.core.facts.plan import FIRST_INSTANT
from genba_cloud.core.facts.taken_back import SAYINGS, answered_by, forwarded
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
    finder = _Finder(known, transaction)
    finder.look_for(_target(saying) for saying in every)
    answered = {_target(one): answered_by(target) for one in every if (target := finder.get(_target(one))) is not None}
    finder.look_for(name for name in answered.values() if name is not None)
    heard: dict[ViewKey, list[Event]] = {}
    for saying in every:
        target = finder.get(_target(saying))
        if target is None:
            continue
        keys = set(forwarded(saying, target))
        beyond = answered.get(_target(saying))
        asked = finder.get(beyond) if beyond is not None else None
        if isinstance(saying, EventVoided) and asked is not None and not isinstance(asked, SAYINGS):
            keys.update(forwarded(saying, asked))
        for key in keys:
            heard.setdefault(key, []).append(saying)
    return heard


def _target(saying: Event) -> str:
    return target_of(saying) or ""


class _Finder:
    """Events by their ids: those at hand, and those of the log."""

    def __init__(self, known: Mapping[str, Event], transaction: Transaction) -> None:
        self._known = known
        self._transaction = transaction
        self._found: dict[str, Event] = {}
        self._looked_for: set[str] = set()

    def look_for(self, names: Iterable[str]) -> None:
        """Make sure that these are found where they exist; an archive is searched once for all of them."""
        missing = {*names} - self._known.keys() - self._looked_for
        if missing:
            self._looked_for |= missing
            self._found.update(find_events(self._transaction, missing))

    def get(self, name: str) -> Event | None:
        """The event, None where it has not come yet."""
        return self._known.get(name) or self._found.get(name)


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
