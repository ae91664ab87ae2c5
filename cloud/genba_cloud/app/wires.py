"""The ingest of a process: made anew whenever its task had to be started again, alone or among other processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from genba_cloud.app.hearing import Hearing
from genba_cloud.app.membership import Duties, Membership
from genba_cloud.ingest import Ingest, Strangers, trust_of
from genba_cloud.ledger import Ledger, Peers
from genba_cloud.store import PostgresStore
from genba_shared.clock import ProductionClock
from genba_shared.signing import Sign
from genba_shared.supervisor import supervise


class Wires:
    """Takes what gateways send, over one broker."""

    def __init__(
        self,
        broker: str,
        clock: ProductionClock,
        *,
        strangers: Strangers | None = None,
        sign: Sign | None = None,
        peers: Peers | None = None,
    ) -> None:
        """`strangers` None: welcome where only this machine reaches the broker. `sign` None: nothing is signed."""
        self._broker = broker
        self._clock = clock
        self._strangers = strangers
        self._sign = sign
        self._peers = peers
        self._ingest: Ingest | None = None
        self.count_refused: Callable[[str], None] = lambda reason: None

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._ingest is not None and self._ingest.connected

    def figures(self) -> Mapping[str, float]:
        """How ingest is doing; nothing before it began."""
        return {} if self._ingest is None else self._ingest.figures()

    @asynccontextmanager
    async def attached_to(self, ledger: Ledger) -> AsyncIterator[None]:
        """Take what gateways send while the context lasts."""

        async def run() -> None:
            self._ingest = Ingest(
                ledger,
                broker=self._broker,
                now=self._clock.now,
                peers=self._peers,
                trust=trust_of(ledger, broker=self._broker, strangers=self._strangers, sign=self._sign),
                count_refused=self.count_refused,
            )
            self._ingest.rebalance()
            await self._ingest.run()

        async with running("ingest", run):
            yield

    def rebalance(self) -> None:
        """The partitions that we hold are others now."""
        if self._ingest is not None:
            self._ingest.rebalance()

    def missed(self) -> None:
        """Commits of other processes may have gone unheard."""
        if self._ingest is not None:
            self._ingest.missed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A process that shares its database with others: who it is among them, and what it offers to do."""

    store: PostgresStore
    peers: Peers
    duties: Duties

    @asynccontextmanager
    async def joined(
        self, ledger: Ledger, wires: Wires | None, *, on_gap: Callable[[], None] = lambda: None
    ) -> AsyncIterator[None]:
        """Take part while the context lasts, and give every lease up at its end."""

        def changed() -> None:
            if wires is not None:
                wires.rebalance()

        def gap() -> None:
            on_gap()
            if wires is not None:
                wires.missed()

        membership = Membership(self.store.leases(), self.peers, self.duties, on_change=changed)
        hearing = Hearing(self.store, ledger, self.peers, on_moved=membership.wake, on_gap=gap)
        try:
            async with running("hearing", hearing.run), running("membership", membership.run):
                if wires is None:
                    yield
                else:
                    async with wires.attached_to(ledger):
                        yield
        finally:
            await membership.leave()


@asynccontextmanager
async def running(name: str, run: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """A supervised task, while the context lasts."""
    task = asyncio.create_task(supervise(name, run), name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
