"""A collector that was restored from an older backup says what it lost, and delivery goes on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from genba_cloud.store import open_reader
from genba_cloud.store.sqlite import FILE
from genba_edge.outbox import SqliteOutbox
from genba_edge.uplink import Uplink
from genba_shared.clock import ProductionClock
from genba_shared.events import DataGapSeen, Event, GapCause, read_lines, to_line
from tests.chaos.programs import GENBA, Program
from tests.chaos.stream import NO_EPOCH, events_of
from tests.integration.mqtt_peers import free_port

GATEWAY = "gw-1"


class Bench:
    """A collector as a process, and the gateway's half of the delivery here."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.data, self.backup = folder / "collector", folder / "backup.db"
        listen = ["--listen", f"127.0.0.1:{free_port()}", "--mqtt-port", str(port)]
        command = [*GENBA, "cloud", "serve", "--data", str(self.data), *listen]
        self.collector = Program("collector", command, folder=folder)
        (folder / "gateway").mkdir()
        self.outbox = SqliteOutbox(folder / "gateway", gateway=GATEWAY)
        self._uplink = Uplink(
            outbox=self.outbox,
            gateway=GATEWAY,
            broker=f"mqtt://127.0.0.1:{port}",
            state=self._describe,
            on_dispatch=lambda document: None,
            clock=ProductionClock(),
            state_dir=folder / "gateway",
        )
        stream = "\n".join(to_line(event) for event in events_of(GATEWAY, seed=5, count=300))
        self._events = list(read_lines(stream.replace(NO_EPOCH, self.outbox.mark().epoch).splitlines()))

    def _describe(self) -> dict[str, Any]:
        mark = self.outbox.mark()
        return {"online": True, "epoch": mark.epoch, "next_seq": {"facts": mark.next_seq}}

    async def deliver_upto(self, seq: int) -> None:
        """Commit the stream up to this seq and wait until it is acknowledged."""
        events = self._events[self.outbox.mark().next_seq - 1 : seq]
        self.outbox.append(events, {})
        self._uplink.wake(events)
        async with asyncio.timeout(60):
            while not await self._uplink.drain(30.0):  # noqa: ASYNC110 - nothing tells that there is a link
                await asyncio.sleep(0.02)

    async def work(self) -> None:
        """Deliver 100 events, make a backup, deliver 100 more, restore the backup, deliver 100 more."""
        uplink = asyncio.create_task(self._uplink.run())
        self.collector.start()
        await self.deliver_upto(100)
        assert self.collector.end() == 0
        shutil.copy(self.data / FILE, self.backup)
        self.collector.start()
        await self.deliver_upto(200)
        assert self.collector.end() == 0
        for file in self.data.glob(f"{FILE}*"):
            file.unlink()
        shutil.copy(self.backup, self.data / FILE)
        self.collector.start()
        await self.deliver_upto(300)
        uplink.cancel()
        await asyncio.gather(uplink, return_exceptions=True)
        assert self.collector.end() == 0

    def log(self) -> Sequence[Event]:
        """What the collector holds, in order."""
        with closing(open_reader(self.data)) as store, store.transaction() as transaction:
            return [row.event for row in transaction.log()]

    def close(self) -> None:
        """End everything."""
        self.collector.kill()
        self.outbox.close()


@pytest.mark.timeout(240)
async def test_after_a_restore_what_is_missing_is_declared_and_delivery_goes_on(tmp_path: Path) -> None:
    with closing(Bench(tmp_path)) as bench:
        await bench.work()
        log = bench.log()
        epoch = bench.outbox.mark().epoch
    (gap,) = [event for event in log if isinstance(event, DataGapSeen) and event.cause is GapCause.RESTORE]
    assert gap.subject == GATEWAY
    assert gap.reason == f"facts {epoch} 101..200 were taken and lost again: restored from a backup"
    assert [event.id for event in log if event is not gap] == [
        f"{GATEWAY}:{epoch}:{seq}" for seq in (*range(1, 101), *range(201, 301))
    ]
