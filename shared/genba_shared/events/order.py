"""The order of facts: by when they happened, never by when they arrived."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from genba_shared.events.model import Event, EventId


class FactKey(NamedTuple):
    """Sort key of a fact: (at, gateway events before UUIDs, gateway, epoch, seq, id)."""

    at: datetime
    client_made: bool
    gateway: str
    epoch: str
    seq: int
    id: str


@lru_cache(maxsize=16384)
def made_by(identity: str) -> EventId | None:
    """`EventId.parse`, remembered: whoever takes an event asks several times which gateway made it."""
    return EventId.parse(identity)


def fact_key(event: Event) -> FactKey:
    """Key by which facts are ordered: corrected `at`, gateway, epoch, seq; at the same `at` events with a UUID last."""
    match made_by(event.id):
        case None:
            return FactKey(event.at, True, "", "", 0, event.id)
        case made:
            return FactKey(event.at, False, made.gateway, made.epoch, made.seq, event.id)
