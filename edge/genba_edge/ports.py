"""What the shells plug into: the driver of a device, and the outbox. Observations come from the core's vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from genba_edge.core.dropping import Dropping
from genba_edge.core.observations import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Observation,
    Quality,
    ReadingsLost,
    Sample,
    TagRead,
    Unchanged,
    Value,
)
from genba_shared.events import Event

__all__ = [
    "DeviceAlive",
    "DeviceBack",
    "DeviceLost",
    "Driver",
    "Emit",
    "Failure",
    "Meter",
    "Observation",
    "Outbox",
    "OutboxMark",
    "Quality",
    "ReadingsLost",
    "Sample",
    "TagRead",
    "Unchanged",
    "Value",
]

Emit = Callable[[Sequence[Observation]], None]
_NO_TRAILS: Final[Mapping[str, str]] = MappingProxyType({})


class Failure(StrEnum):
    """Why a device did not give what it was asked for; the label of metrics, so the list is closed."""

    CONNECT = "connect"
    """No connection: refused, no route, unknown host."""
    CLOSED = "closed"
    """The other end closed the connection, or it broke."""
    TIMEOUT = "timeout"
    """No answer in time."""
    SILENT = "silent"
    """Connected, and what should come by itself (keep-alives, notifications) does not."""
    REFUSED = "refused"
    """The device answered that it will not."""
    BUSY = "busy"
    """The device, or a reader's other client, asks to come back later."""
    OUT_OF_STEP = "out_of_step"
    """What came does not belong to what was asked, or is not the protocol."""
    BAD_READING = "bad_reading"
    """An answer that cannot be decoded as the map says."""
    SECURITY = "security"
    """Certificate, policy, user or password."""
    OVERLOAD = "overload"
    """Reading took longer than the poll period."""
    DATA_LOST = "data_lost"
    """The device says itself that it lost readings (queue or buffer overflow)."""


@dataclass(slots=True, kw_only=True)
class Meter:
    """What a driver counts about its device, for metrics and the status page; read by others, written by it alone.

    `failures` counts by reason; `bad_points` says which points cannot be read now, and why. `late_s` is how much later
    than its period the last poll ended (0: on time). `details` are facts for people: model, policy, revised rates.
    `sampled_s`: points that the device samples more slowly than the map asks, and how often it does.
    """

    device: str
    connects: int = 0
    requests: int = 0
    polls: int = 0
    late_polls: int = 0
    samples: int = 0
    last_poll_s: float = 0.0
    late_s: float = 0.0
    failures: Counter[Failure] = field(default_factory=Counter)
    bad_points: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    sampled_s: dict[str, float] = field(default_factory=dict)


class Driver(Protocol):
    """Reads one device for ever: connects, reads, emits, and heals by itself with back-off and jitter."""

    @property
    def device(self) -> str:
        """Id of the device in the map."""

    @property
    def meter(self) -> Meter:
        """What it counts about its device."""

    async def run(self, emit: Emit) -> None:
        """Read until cancelled. Never returns, raises only on a bug; a device that fails is said by `DeviceLost`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMark:
    """Where the outbox stands: epoch (32 hex), the next seq to give out, and the greatest acknowledged seq.

    `depth` events wait for the collector, the oldest of `oldest_at`, and take `size` bytes of the store's `limit`
    (None: the disk's). `dropped` events were removed since the start because it was full, and declared.
    """

    epoch: str
    next_seq: int
    acknowledged: int
    depth: int
    oldest_at: datetime | None
    size: int = 0
    limit: int | None = None
    dropped: int = 0


class Outbox(Protocol):
    """The durable store of events that the collector has not yet accounted for, and of the core's state.

    What is accounted for stays for a while as history, bounded in size and age, so that the gateway can still say why.
    """

    lost_since: datetime | None
    """It begins anew because what was there was damaged, which was written last then; None: it goes on."""

    def mark(self) -> OutboxMark:
        """Where it stands now."""

    def load_state(self) -> Mapping[str, str]:
        """The core's state as of the last commit: key → JSON text."""

    def append(
        self,
        events: Sequence[Event],
        state: Mapping[str, str | None],
        trails: Mapping[str, str] = _NO_TRAILS,
        *,
        dropping: Dropping | None = None,
    ) -> None:
        """Commit events and changed state (None removes a key) in one durable transaction; ids follow on in this epoch.

        `trails`: by event id, how it was decided. `dropping`: what goes in the same transaction; an event declares it.

        Raises:
            OutboxFull: the disk cannot take it; nothing was written.
        """

    def must_drop(self) -> bool:
        """Whether a limit is reached, or may be: quick, without looking at the disk."""

    def plan_drops(self) -> Dropping | None:
        """What must go so that what waits keeps within its limits; whoever asks declares it and commits it next."""

    def plan_for_full_disk(self) -> Dropping | None:
        """What may go so that the disk can take the next commit; whoever asks declares it and commits it next."""

    def forget_plan(self) -> None:
        """What was planned to be dropped stays."""

    def pending(self, *, after: int, limit: int) -> Sequence[Event]:
        """Events with seq > `after`, in order, at most `limit`."""

    def acknowledge(self, upto: int) -> None:
        """Everything up to `upto` is accounted for: it is history now, and the oldest history may go."""

    def begin_epoch(self, epoch: str, events: Sequence[Event], state: Mapping[str, str | None]) -> None:
        """Go on in another epoch (32 hex), from seq 1, with its first events and the state that changes with it.

        All in one durable transaction, and only when nothing waits for the collector. History does not go on with it.

        Raises:
            ContractError: events are not accounted for yet; nothing was changed.
            OutboxFull: the disk cannot take it; nothing was changed.
        """

    def keep_mark(self) -> None:
        """Write the acknowledgement down that no commit has taken along yet."""

    def note_map(self, *, sha256: str, text: str) -> None:
        """From the next event on this map is in force."""

    def close(self) -> None:
        """Commit and close."""
