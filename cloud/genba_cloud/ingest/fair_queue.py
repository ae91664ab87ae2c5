"""What arrived and waits to be taken: gateways take turns, and who sends too much loses its own first.

A gateway keeps what is not acknowledged and sends it again, so that leaving an envelope out costs time and no event.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

MOST_OF_ONE: Final = 128
"""Envelopes of one gateway that wait at most: twice what one sends without an answer."""

MOST_BYTES: Final = 64_000_000
"""Bytes of all envelopes that wait at most."""

MOST_SENDERS: Final = 20_000
"""Senders that have something waiting at most; a message of one more is left out."""

GROUP: Final = 1024
"""Messages that are taken together at most: they share commits, and one acknowledgement per gateway."""

GROUP_EVENTS: Final = 4096
"""Events that are taken together, but for the last envelope, as its bytes tell them: a fraction of a second of work."""

_HEAD_BYTES: Final = 150  # of an envelope before its first event, about
_EVENT_BYTES: Final = 12  # of an event in an envelope, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One MQTT message as it came. `arrived_s` is on a monotonic clock."""

    topic: str
    payload: bytes
    retained: bool
    arrived_s: float


@dataclass(slots=True)
class _Sender:
    envelopes: deque[Message] = field(default_factory=deque)
    size: int = 0
    state: Message | None = None

    def __len__(self) -> int:
        return len(self.envelopes) + (self.state is not None)


class FairQueue:
    """Queues by sender: envelopes stay in order; of the states only the newest waits, and it goes first."""

    def __init__(self, *, most_of_one: int = MOST_OF_ONE, most_bytes: int = MOST_BYTES) -> None:
        self._most_of_one = most_of_one
        self._most_bytes = most_bytes
        self._senders: dict[str, _Sender] = {}  # in the order of their turns
        self.waiting = 0
        self.waiting_bytes = 0

    def __len__(self) -> int:
        """Messages that wait."""
        return self.waiting

    def put_state(self, sender: str, message: Message) -> None:
        """A state message: it takes the place of an older one that still waits. A retained one replaces none."""
        queue = self._sender(sender)
        if queue is None:
            return
        if queue.state is None:
            self.waiting += 1
        elif message.retained:
            return
        queue.state = message

    def put_envelope(self, sender: str, message: Message) -> int:
        """An envelope; the number of envelopes that were left out for it (perhaps itself)."""
        queue = self._sender(sender)
        if queue is None or len(queue.envelopes) >= self._most_of_one:
            return 1
        queue.envelopes.append(message)
        queue.size += len(message.payload)
        self.waiting += 1
        self.waiting_bytes += len(message.payload)
        left_out = 0
        while self.waiting_bytes > self._most_bytes:
            self._leave_one_out()
            left_out += 1
        return left_out

    def take(self) -> list[Message]:
        """The next group: one message of each sender in turn, again and again, until there is enough."""
        group: list[Message] = []
        events = 0
        while self._senders and len(group) < GROUP and events < GROUP_EVENTS:
            sender = next(iter(self._senders))
            queue = self._senders.pop(sender)
            message = self._take_one(queue)
            if message is not None:
                group.append(message)
                events += max(1, (len(message.payload) - _HEAD_BYTES) // _EVENT_BYTES)
            if queue:
                self._senders[sender] = queue  # at the end: everybody else first
        return group

    def _sender(self, sender: str) -> _Sender | None:
        queue = self._senders.get(sender)
        if queue is None and len(self._senders) < MOST_SENDERS:
            queue = self._senders[sender] = _Sender()
        return queue

    def _take_one(self, queue: _Sender) -> Message | None:
        if queue.state is not None:
            message, queue.state = queue.state, None
        elif queue.envelopes:
            message = queue.envelopes.popleft()
            queue.size -= len(message.payload)
            self.waiting_bytes -= len(message.payload)
        else:
            return None
        self.waiting -= 1
        return message

    def _leave_one_out(self) -> None:
        """The newest envelope of the sender that has the most bytes waiting."""
        noisiest = max(self._senders.values(), key=lambda queue: queue.size)
        message = noisiest.envelopes.pop()
        noisiest.size -= len(message.payload)
        self.waiting -= 1
        self.waiting_bytes -= len(message.payload)
