"""What the shells plug into: the driver of a device, and the outbox. Observations come from the core's vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from genba_edge.core.observations import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Observation,
    Quality,
    Sample,
    TagRead,
    Value,
)
from genba_shared.events import Event

__all__ = [
    "DeviceAlive",
    "DeviceBack",
    "DeviceLost",
    "Driver",
    "Emit",
    "Observation",
    "Outbox",
    "OutboxMark",
    "Quality",
    "Sample",
    "TagRead",
    "Value",
]

Emit = Callable[[Sequence[Observation]], None]


class Driver(Protocol):
    """Reads one device for ever: connects, reads, emits, and heals by itself with back-off and jitter."""

    @property
    def device(self) -> str:
        """Id of the device in the map."""

    async def run(self, emit: Emit) -> None:
        """Read until cancelled. Never returns, raises only on a bug; a device that fails is said by `DeviceLost`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMark:
    """Where the outbox stands: epoch (32 hex), the next seq to give out, and the greatest acknowledged seq."""

    epoch: str
    next_seq: int
    acknowledged: int
    depth: int
    oldest_at: datetime | None


class Outbox(Protocol):
    """The durable store of events that the collector has not yet accounted for, and of the core's state."""

    def mark(self) -> OutboxMark:
        """Where it stands now."""

    def load_state(self) -> Mapping[str, str]:
        """The core's state as of the last commit: key → JSON text."""

    def append(self, events: Sequence[Event], state: Mapping[str, str | None]) -> None:
        """Commit events and changed state (None removes a key) in one durable transaction; ids follow on in this epoch.

        Raises:
            OutboxFull: the disk cannot take it; nothing was written.
        """

    def pending(self, *, after: int, limit: int) -> Sequence[Event]:
        """Events with seq > `after`, in order, at most `limit`."""

    def acknowledge(self, upto: int) -> None:
        """Everything up to `upto` is accounted for: delete it."""

    def close(self) -> None:
        """Commit and close."""
