"""A gateway at work in this process, for tests of what is around the derivation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from genba_edge.app.gateway import Gateway
from genba_edge.app.raw_file import RawWriter
from genba_edge.app.setup import GatewaySetup
from genba_edge.outbox import SqliteOutbox
from genba_shared.clock import ProductionClock
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.events import Event


@dataclass(frozen=True, kw_only=True)
class Running:
    """The gateway and its outbox."""

    gateway: Gateway
    outbox: SqliteOutbox

    @property
    def events(self) -> list[Event]:
        """Every event that it committed."""
        return list(self.outbox.pending(after=0, limit=10_000))


def map_of(text: str) -> DeviceMap:
    return load_device_map(Path("plant.yaml"), text=text)


@contextlib.asynccontextmanager
async def running_gateway(
    folder: Path, device_map: DeviceMap, *, raw: Path | None = None, clock: ProductionClock | None = None
) -> AsyncIterator[Running]:
    """A gateway without broker; at the end of the block it is stopped as SIGTERM stops it."""
    with contextlib.ExitStack() as files:
        outbox = files.enter_context(contextlib.closing(SqliteOutbox(folder, gateway=device_map.gateway.id)))
        writer = None if raw is None else files.enter_context(contextlib.closing(RawWriter(raw)))
        stop = asyncio.Event()
        gateway = Gateway(
            GatewaySetup(
                device_map=device_map,
                outbox=outbox,
                clock=clock or ProductionClock(),
                state_dir=folder,
                broker=None,
                sink=None,
                raw=writer,
            )
        )
        task = asyncio.create_task(gateway.run(stop))
        try:
            yield Running(gateway=gateway, outbox=outbox)
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await task
