"""Taking back what was said: who may, until when, and with or without a reason. Nothing else moves with it.

Within 10 seconds whoever said it takes it back without a question, to 10 minutes with a reason; then, and what others
or machines said, a supervisor; once the order is shipped a manager. It never cascades: what came after stands as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.core.actions.said import NODE_KINDS
from genba_cloud.core.actions.wishes import (
    ActionRefused,
    Actor,
    Already,
    Decided,
    Decision,
    Entry,
    Rank,
    Why,
    clash,
    malformed,
)
from genba_shared.clock import to_milliseconds
from genba_shared.events import (
    Event,
    EventVoided,
    MaterialCounted,
    MaterialIssued,
    MaterialReceived,
    MediaAttached,
    OrderCancelled,
    OrderHeld,
    OrderResumed,
    PiecesCounted,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    SourceType,
    WorkOrderCancelled,
)

UNASKED: Final = timedelta(seconds=10)
BY_ONESELF: Final = timedelta(minutes=10)
VOIDABLE: Final = (
    *NODE_KINDS,
    PiecesCounted,
    MediaAttached,
    MaterialReceived,
    MaterialIssued,
    MaterialCounted,
    OrderCancelled,
    OrderHeld,
    OrderResumed,
    WorkOrderCancelled,
    ProblemReported,
    ProblemExplained,
    ProblemResolved,
)
"""Kinds that can be taken back. A dispatch is ended by another, an answer by a new answer, a priority by a new one."""
MOST_TARGETS: Final = 200
_MACHINES: Final = frozenset({SourceType.PLC, SourceType.RFID, SourceType.VISION, SourceType.SENSOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRight:
    """What taking back needs now: at least this rank, and whether a reason."""

    rank: Rank
    reason: bool


def right_to_undo(target: Event, actor: Actor, now: datetime, *, shipped: datetime | None) -> UndoRight:
    """Who may take this event back now, and whether they must say why."""
    if shipped is not None:
        return UndoRight(rank=Rank.MANAGER, reason=True)
    age = now - (target.entered_at or target.at)
    is_own = target.source.type not in _MACHINES and target.source.ref == actor.who
    if not is_own or age > BY_ONESELF:
        return UndoRight(rank=Rank.SUPERVISOR, reason=True)
    return UndoRight(rank=Rank.OPERATOR, reason=age > UNASKED)


def decide_undo(
    targets: Sequence[Event],
    voids: Mapping[str, datetime],
    actor: Actor,
    entry: Entry,
    *,
    reason: str | None,
    shipped: datetime | None,
) -> Decision:
    """The events that take these back.

    Args:
        targets: what is to be taken back, opened, so that people can be told apart; at least one.
        voids: by id, when each event was taken back that was.
        actor: who wants it.
        entry: when.
        reason: a code that says why; None: none was given.
        shipped: when the order left the house; None: it has not.
    """
    for target in targets:
        refused = _refused(target, actor, entry.now, reason=reason, shipped=shipped)
        if refused is not None:
            return refused
    left = [target for target in targets if target.id not in voids]
    if not left:
        return Already(at=max(voids[target.id] for target in targets))
    now = to_milliseconds(entry.now)
    return Decided(
        events=tuple(
            EventVoided(
                id=entry.next_id(),
                at=now,
                entered_at=now,
                source=actor.source,
                site=target.site,
                station=target.station,
                work_order=target.work_order,
                node=target.node,
                reason=reason or "undone_at_once",
                because=(target.id,),
                target=target.id,
                order=getattr(target, "order", None),
            )
            for target in left
        )
    )


def _refused(
    target: Event, actor: Actor, now: datetime, *, reason: str | None, shipped: datetime | None
) -> ActionRefused | None:
    if not isinstance(target, VOIDABLE):
        return clash(Why.NOT_TO_BE_UNDONE, f"{target.kind} cannot be taken back", "a new event that says how it is")
    right = right_to_undo(target, actor, now, shipped=shipped)
    if actor.rank < right.rank:
        who = "manager" if right.rank is Rank.MANAGER else "supervisor"
        since = "the order is shipped" if shipped is not None else "it is not yours, or more than 10 minutes old"
        return clash(Why.HIGHER_RANK, f"this needs a {who} now: {since}", f"a {who}, with a reason")
    if right.reason and reason is None:
        return malformed(
            Why.REASON_MISSING, "to take this back now needs a reason", "reason: a code such as wrong_scan"
        )
    return None
