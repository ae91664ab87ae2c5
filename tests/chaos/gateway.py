"""The gateway's half of the delivery in a test: a real outbox and uplink, fed with a stream of events step by step."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

from genba_edge.outbox import SqliteOutbox
from genba_edge.uplink import Uplink
from genba_shared.clock import ProductionClock
from genba_shared.events import read_lines, to_line
from tests.chaos.stream import NO_EPOCH, events_of

GATEWAY: Final = "gw-1"
DELIVERED_S: Final = 60.0


class StreamGateway:
    """Use it as ``async with StreamGateway(folder, broker, events=100).running() as gateway``."""

    def __init__(self, folder: Path, broker: str, *, events: int, seed: int = 5) -> None:
        folder.mkdir(parents=True)
        self.outbox = SqliteOutbox(folder, gateway=GATEWAY)
        self.epoch = self.outbox.mark().epoch
        self._uplink = Uplink(
            outbox=self.outbox,
            gateway=GATEWAY,
            broker=broker,
            state=self._describe,
            on_dispatch=lambda document: None,
            clock=ProductionClock(),
            state_dir=folder,
        )
        stream = "\n".join(to_line(event) for event in events_of(GATEWAY, seed=seed, count=events))
        self._events = list(read_lines(stream.replace(NO_EPOCH, self.epoch).splitlines()))

    def _describe(self) -> dict[str, Any]:
        mark = self.outbox.mark()
        return {"online": True, "epoch": mark.epoch, "next_seq": {"facts": mark.next_seq}}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Deliver while the block lasts."""
        uplink = asyncio.create_task(self._uplink.run())
        try:
            yield self
        finally:
            uplink.cancel()
            await asyncio.gather(uplink, return_exceptions=True)
            self.outbox.close()

    def commit_upto(self, seq: int) -> None:
        """Commit the stream up to this seq."""
        events = self._events[self.outbox.mark().next_seq - 1 : seq]
        self.outbox.append(events, {})
        self._uplink.wake(events)

    async def deliver_upto(self, seq: int) -> None:
        """Commit the stream up to this seq and wait until it is acknowledged."""
        self.commit_upto(seq)
        async with asyncio.timeout(DELIVERED_S):
            while not await self._uplink.drain(DELIVERED_S):  # noqa: ASYNC110 - nothing tells that there is a link
                await asyncio.sleep(0.02)

    async def is_acknowledged(self, *, within_s: float) -> bool:
        """Whether everything that was committed is acknowledged within so long."""
        return await self._uplink.drain(within_s)
