"""The part of the outbox that delivery works on: loaded events, and acknowledgements on their way to the disk."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

from genba_edge.core.delivery import Row, Send
from genba_edge.ports import Outbox
from genba_shared.errors import OutboxFull
from genba_shared.events import Event, to_line

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 500  # events read from the outbox in one go


class Backlog:
    """Keeps the events that are loaded, by seq; everything slow runs in a thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._loaded_upto = outbox.mark().acknowledged
        self._held: dict[int, Event] = {}
        self._fresh: deque[Event] = deque()
        self._withdrawn: set[int] = set()  # since the load began that is at work now
        self._released_upto = self._loaded_upto
        self.may_have_more = True

    @property
    def has_release(self) -> bool:
        """Whether an acknowledgement waits to be written to the outbox."""
        return self._released_upto > self._outbox.mark().acknowledged

    def offer(self, events: Sequence[Event]) -> None:
        """New events are in the outbox: exactly these, which are then not read from it, or without any: read it."""
        self.may_have_more = True
        self._fresh.extend(events)
        if not events or len(self._fresh) > MOST_AT_ONCE:  # delivery is behind, or there is no link
            self._fresh.clear()

    async def load(self, count: int) -> tuple[Row, ...]:
        """Load up to `count` more events; their rows, with the bytes of their JSON form."""
        limit = min(count, MOST_AT_ONCE)
        self.may_have_more = False
        self._withdrawn.clear()
        events = self._take_fresh(limit)
        if events:
            rows = tuple(Row(seq=_seq_of(event), size=_size_of(event)) for event in events)
            self.may_have_more = bool(self._fresh)
        else:
            events, rows = await asyncio.to_thread(self._read, limit)
        for row, event in zip(rows, events, strict=True):
            self._held[row.seq] = event
        if rows:
            self._loaded_upto = rows[-1].seq
        self.may_have_more = self.may_have_more or len(rows) == limit
        for seq in self._withdrawn:  # they were read before the outbox dropped them
            self._held.pop(seq, None)
        return tuple(row for row in rows if row.seq not in self._withdrawn)

    def _take_fresh(self, limit: int) -> Sequence[Event]:
        """Of the events that were offered those that come next; none where the outbox holds others before them."""
        while self._fresh and _seq_of(self._fresh[0]) <= self._loaded_upto:
            self._fresh.popleft()
        if not self._fresh or _seq_of(self._fresh[0]) != self._loaded_upto + 1:
            return ()
        return [self._fresh.popleft() for _ in range(min(limit, len(self._fresh)))]

    def events(self, send: Send) -> tuple[Event, ...]:
        """The held events that an envelope is made of."""
        return tuple(self._held[seq] for seq in range(send.first, send.last + 1) if seq in self._held)

    def withdraw(self, seqs: frozenset[int]) -> None:
        """Let go of events that cannot be sent, or that the outbox dropped: also of those that are not loaded yet."""
        self._withdrawn |= seqs
        self._fresh = deque(event for event in self._fresh if _seq_of(event) not in seqs)
        for seq in seqs:
            self._held.pop(seq, None)

    def release(self, upto: int) -> None:
        """Let go of everything up to `upto`; the outbox deletes it at the next `flush`."""
        self._released_upto = upto
        self._loaded_upto = max(self._loaded_upto, upto)
        for seq in [seq for seq in self._held if seq <= upto]:
            del self._held[seq]

    async def flush(self) -> None:
        """Write the newest acknowledgement to the outbox; one write for many spares the card."""
        if self.has_release:
            await asyncio.to_thread(self.flush_now)

    def flush_now(self) -> None:
        """As `flush`, in this thread."""
        try:
            if self.has_release:
                self._outbox.acknowledge(self._released_upto)
        except OutboxFull as exc:
            logger.warning("outbox cannot delete upto=%d reason=%s: tried again", self._released_upto, exc)

    def _read(self, limit: int) -> tuple[Sequence[Event], tuple[Row, ...]]:
        events = self._outbox.pending(after=self._loaded_upto, limit=limit)
        rows = tuple(Row(seq=_seq_of(event), size=_size_of(event)) for event in events)
        return events, rows


def _seq_of(event: Event) -> int:
    return int(event.id.rpartition(":")[2])


def _size_of(event: Event) -> int:
    return len(to_line(event).encode("utf-8", errors="surrogatepass"))
