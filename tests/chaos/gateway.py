"""The gateway's half of the delivery in a test: a real outbox and uplink, fed with a stream of events step by step."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from genba_edge.outbox import SqliteOutbox
from genba_shared.events import read_lines, to_line
from tests.chaos.stream import NO_EPOCH, events_of
from tests.peers.gateway import UplinkGateway

GATEWAY: Final = "gw-1"
DELIVERED_S: Final = 60.0


class StreamGateway(UplinkGateway[SqliteOutbox]):
    """Use it as ``async with StreamGateway(folder, broker, events=100).running() as gateway``."""

    def __init__(self, folder: Path, broker: str, *, events: int, seed: int = 5) -> None:
        folder.mkdir(parents=True)
        super().__init__(GATEWAY, broker, folder, outbox=SqliteOutbox(folder, gateway=GATEWAY))
        self.epoch = self.outbox.mark().epoch
        stream = "\n".join(to_line(event) for event in events_of(GATEWAY, seed=seed, count=events))
        self._events = list(read_lines(stream.replace(NO_EPOCH, self.epoch).splitlines()))

    def commit_upto(self, seq: int) -> None:
        """Commit the stream up to this seq."""
        self.commit(self._events[self.outbox.mark().next_seq - 1 : seq])

    async def deliver_upto(self, seq: int) -> None:
        """Commit the stream up to this seq and wait until it is acknowledged."""
        self.commit_upto(seq)
        async with asyncio.timeout(DELIVERED_S):
            while not await self.uplink.drain(DELIVERED_S):  # noqa: ASYNC110 - nothing tells that there is a link
                await asyncio.sleep(0.02)

    async def is_acknowledged(self, *, within_s: float) -> bool:
        """Whether everything that was committed is acknowledged within so long."""
        return await self.uplink.drain(within_s)
