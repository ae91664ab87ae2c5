"""A gateway without devices: an outbox and the product's uplink, wired as the gateway program does, fed by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from genba_edge.core.delivery import USUAL, DeliverySettings
from genba_edge.ports import Outbox
from genba_edge.uplink import Credentials, Uplink
from genba_shared.clock import ProductionClock
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.events import Event

Store = TypeVar("Store", bound=Outbox)


class UplinkGateway(Generic[Store]):
    """Use it as ``async with gateway.running()``, or start and stop its uplink; `commit` and `make` feed it."""

    def __init__(
        self,
        name: str,
        broker: str,
        folder: Path,
        *,
        outbox: Store,
        settings: DeliverySettings = USUAL,
        credentials: Credentials | None = None,
    ) -> None:
        self.name, self.folder, self.outbox = name, folder, outbox
        self.documents: list[DispatchDocument] = []
        self.uplink = Uplink(
            outbox=outbox,
            gateway=name,
            broker=broker,
            state=self.describe,
            on_dispatch=self.documents.append,
            clock=ProductionClock(),
            state_dir=folder,
            settings=settings,
            credentials=credentials,
        )

    def describe(self) -> dict[str, Any]:
        """The gateway's state, as it tells it to the collector."""
        mark = self.outbox.mark()
        return {"online": True, "epoch": mark.epoch, "next_seq": {"facts": mark.next_seq}}

    @property
    def dispatch_version(self) -> int:
        """Of the dispatch document that came last; 0: none has come."""
        return self.documents[-1].version if self.documents else 0

    def make(self, events: int, event: Callable[[str, int], Event]) -> list[Event]:
        """Commit that many new events; `event` makes one of epoch and seq."""
        mark = self.outbox.mark()
        made = [event(mark.epoch, seq) for seq in range(mark.next_seq, mark.next_seq + events)]
        self.commit(made)
        return made

    def commit(self, events: Sequence[Event]) -> None:
        """Store events and wake the uplink, as the app does after each commit."""
        self.outbox.append(events, {})
        self.uplink.wake(events)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Deliver while the block lasts."""
        task = asyncio.create_task(self.uplink.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.outbox.close()
