"""The hash chain over committed batches: changing, removing or adding anything in the log breaks it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from genba_shared.events import Event, canonical_json, event_from_json, event_to_json


def canonical(event: Event) -> bytes:
    """The event as canonical JSON: UTF-8, keys sorted, no spaces. Exactly these bytes are stored."""
    return canonical_json(event)


def as_stored(event: Event) -> Event:
    """The event as it comes back from the log: times in whole milliseconds, like those of gateways."""
    return event_from_json(event_to_json(event))


def leaf_of(body: bytes) -> bytes:
    """SHA-256 of an event's canonical JSON, 32 bytes."""
    return hashlib.sha256(body).digest()


def link_hash(previous: bytes, *, first: int, last: int, leaves: Iterable[bytes]) -> bytes:
    """SHA-256 of the previous link's hash (empty at the start), both positions (8 bytes, big-endian) and the leaves."""
    digest = hashlib.sha256(previous)
    digest.update(first.to_bytes(8, "big") + last.to_bytes(8, "big"))
    for leaf in leaves:
        digest.update(leaf)
    return digest.digest()
