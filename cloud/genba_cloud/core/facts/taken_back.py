"""Events that say something of another event: which views hear of it.

An event is taken back for good, also before it comes, and what it gave is taken from every view that it reached.
Nothing follows further: what others made of it stays, and is taken back by events of its own.

- Of a count only the pieces go, which its question sees to (`settlements`): the counter's total stands.
- What takes an event back cannot be taken back itself. Nor can what machines say of states, of what is in zones and
  around stations: the next reading says what is so.
- A correction names another number of pieces. Of a count its question weighs it; of a report, a claim, a confirmation
  or an inspection the node does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from genba_cloud.core.facts.aggregates import Aggregate, ViewKey, views_of
from genba_cloud.core.facts.questions import target_of
from genba_shared.events import (
    CountsAssigned,
    DataQuestioned,
    DispatchClosed,
    DispatchOpened,
    Event,
    EventCorrected,
    EventVoided,
    NodeCompleted,
    NodeConfirmed,
    PiecesCounted,
    ProgressReported,
    QualityRecorded,
    ReworkOrdered,
)

SAYINGS: Final = (CountsAssigned, EventCorrected, EventVoided)
"""Kinds that say something of another event."""

_ANSWERS: Final = (CountsAssigned, EventCorrected)
_COUNTED: Final = (PiecesCounted, DataQuestioned)
_CORRECTABLE: Final = (NodeCompleted, NodeConfirmed, ProgressReported, QualityRecorded, ReworkOrdered)
_DISPATCH: Final = (DispatchOpened, DispatchClosed)


def heard(sayings: Iterable[Event], events: Mapping[str, Event]) -> dict[ViewKey, list[Event]]:
    """By view, beside the targets' own questions, which of these sayings it hears.

    Args:
        sayings: events that say something of others.
        events: by their ids, the events that they speak of, as far as those have come, and the events that those in
            turn were answers to: what takes back an answer is heard where the answer was heard.
    """
    found: dict[ViewKey, list[Event]] = {}
    for saying in sayings:
        target = events.get(target_of(saying) or "")
        if target is None:
            continue
        keys = set(_forwarded(saying, target))
        asked = events.get(answered_by(target) or "")
        if isinstance(saying, EventVoided) and asked is not None and not isinstance(asked, SAYINGS):
            keys.update(_forwarded(saying, asked))
        for key in keys:
            found.setdefault(key, []).append(saying)
    return found


def _forwarded(saying: Event, target: Event) -> tuple[ViewKey, ...]:
    if isinstance(target, EventVoided):
        return ()
    if isinstance(saying, EventVoided):
        return _hearing(target)
    if isinstance(saying, EventCorrected) and isinstance(target, _CORRECTABLE):
        return tuple(key for key in views_of(target) if key.aggregate is Aggregate.WORK_ORDER)
    return ()


def answered_by(target: Event) -> str | None:
    """The id of the event that `target` was an answer to; None where it was none."""
    return target.target if isinstance(target, _ANSWERS) else None


def _hearing(target: Event) -> tuple[ViewKey, ...]:
    if isinstance(target, _COUNTED):
        return ()
    keys = views_of(target)
    if isinstance(target, _DISPATCH):
        return keys
    return tuple(key for key in keys if key.aggregate is not Aggregate.STATION)
