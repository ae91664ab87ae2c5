"""What people, and claims of machines, have said of a node or an order: read from the events that nobody took back.

A pure function of the set of events: their order and repeats change nothing. What is later than a rejection or a
reopening counts, what is before it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from genba_shared.events import (
    Event,
    EventVoided,
    NodeCompleted,
    NodeConfirmed,
    NodeHeld,
    NodeRejected,
    NodeReopened,
    NodeResumed,
    NodeSkipped,
    NodeStarted,
    OrderCancelled,
    OrderHeld,
    OrderResumed,
    ProgressReported,
    QualityRecorded,
    QualityResult,
    ReworkOrdered,
    ShipmentMoved,
    ShipmentStatus,
    SourceType,
    StepCompleted,
    fact_key,
)

NODE_KINDS: Final = (
    NodeStarted,
    NodeCompleted,
    NodeConfirmed,
    NodeRejected,
    NodeSkipped,
    NodeHeld,
    NodeResumed,
    NodeReopened,
    StepCompleted,
    ProgressReported,
    QualityRecorded,
    ReworkOrdered,
)
"""Kinds of which a node's standing is made, beside its counts."""
ORDER_KINDS: Final = (OrderHeld, OrderResumed, OrderCancelled, ShipmentMoved)
_WORK: Final = (NodeStarted, NodeCompleted, ProgressReported, StepCompleted, QualityRecorded)
_LEFT: Final = frozenset({ShipmentStatus.PICKED_UP, ShipmentStatus.UNDER_WAY, ShipmentStatus.ARRIVED})
_PEOPLE: Final = frozenset({SourceType.PERSON, SourceType.SCAN})


class Voice(NamedTuple):
    """Somebody said something: who, when it was, and whether a person."""

    who: str
    at: datetime
    is_person: bool


class Claimed(NamedTuple):
    """Somebody, or a machine, says that the node is complete."""

    voice: Voice
    pieces: int


class Reported(NamedTuple):
    """So many good pieces, in all."""

    at: datetime
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSaid:
    """What was said of one node. `last` is the newest event, `entered`: by whom something was entered last, and when.

    `is_begun`: somebody, or a machine, worked
    on it at some time. `reset_at`: when claims were rejected, or the node was opened again, last.
    """

    started_at: datetime | None = None
    is_begun: bool = False
    claims: tuple[Claimed, ...] = ()
    confirmed: tuple[Voice, ...] = ()
    reported: Reported | None = None
    held_since: datetime | None = None
    skipped_at: datetime | None = None
    reset_at: datetime | None = None
    steps: frozenset[str] = frozenset()
    passed: int = 0
    last_at: datetime | None = None
    entered: tuple[str, datetime] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSaid:
    """What was said of an order as a whole. `shipped_at`: when a shipment of it left the house first."""

    held_since: datetime | None = None
    cancelled_at: datetime | None = None
    shipped_at: datetime | None = None
    last_at: datetime | None = None


def standing_events(events: Iterable[Event]) -> list[Event]:
    """Each event once, in the order of the facts, without those that somebody took back."""
    known = {event.id: event for event in events}
    voided = {event.target for event in known.values() if isinstance(event, EventVoided)}
    return sorted((event for event in known.values() if event.id not in voided), key=fact_key)


def said_of_node(events: Iterable[Event], node: str) -> NodeSaid:
    """What was said of the node, by the events of its work order."""
    every = [event for event in standing_events(events) if event.node == node and isinstance(event, NODE_KINDS)]
    resets = [event for event in every if isinstance(event, NodeRejected | NodeReopened)]
    reset = resets[-1] if resets else None
    valid = [event for event in every if reset is None or fact_key(event) > fact_key(reset)]
    reports = [event for event in every if isinstance(event, ProgressReported)]
    starts = [event.at for event in every if isinstance(event, NodeStarted)]
    people = [event for event in every if event.source.type in _PEOPLE]
    newest = max(people, key=lambda event: event.entered_at or event.at, default=None)
    return NodeSaid(
        started_at=min(starts, default=None),
        is_begun=any(isinstance(event, _WORK) for event in every),
        claims=tuple(
            Claimed(voice=_voice(event), pieces=event.pieces) for event in valid if isinstance(event, NodeCompleted)
        ),
        confirmed=tuple(_voice(event) for event in valid if isinstance(event, NodeConfirmed)),
        reported=Reported(at=reports[-1].at, pieces=reports[-1].pieces) if reports else None,
        held_since=_since(every, NodeHeld, NodeResumed),
        skipped_at=_since(every, NodeSkipped, NodeReopened),
        reset_at=reset.at if reset else None,
        steps=frozenset(event.step for event in every if isinstance(event, StepCompleted)),
        passed=sum(
            event.pieces
            for event in valid
            if isinstance(event, QualityRecorded) and event.result is not QualityResult.FAILED
        ),
        last_at=every[-1].at if every else None,
        entered=(newest.source.ref, newest.entered_at or newest.at) if newest else None,
    )


def said_of_order(events: Iterable[Event]) -> OrderSaid:
    """What was said of the order, by its own events."""
    every = [event for event in standing_events(events) if isinstance(event, ORDER_KINDS)]
    left = [event.at for event in every if isinstance(event, ShipmentMoved) and event.status in _LEFT]
    cancelled = [event.at for event in every if isinstance(event, OrderCancelled)]
    return OrderSaid(
        held_since=_since(every, OrderHeld, OrderResumed),
        cancelled_at=min(cancelled, default=None),
        shipped_at=min(left, default=None),
        last_at=every[-1].at if every else None,
    )


def _since(events: Sequence[Event], begins: type[Event], ends: type[Event]) -> datetime | None:
    """When what the one kind begins began, where the other did not end it."""
    since: datetime | None = None
    for event in events:
        if isinstance(event, begins):
            since = event.at if since is None else since
        elif isinstance(event, ends):
            since = None
    return since


def _voice(event: Event) -> Voice:
    return Voice(who=event.source.ref, at=event.at, is_person=event.source.type in _PEOPLE)
