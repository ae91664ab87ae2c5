"""A state folder that is put back from a backup: the gateway goes on in a new epoch and counts nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from genba_edge.app.gateway import Gateway
from genba_edge.app.setup import GatewaySetup
from genba_edge.outbox import SqliteOutbox
from genba_edge.uplink import Credentials
from genba_shared.clock import ProductionClock
from genba_shared.events import DataGapSeen, EventId, GapCause, PiecesCounted
from genba_shared.mqtt import BrokerAddress
from tests.integration.gateway_run import map_of
from tests.integration.identity_bench import TARGET, Collector, Plant
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.peers.process import ModbusPeer

pytestmark = pytest.mark.peer("libmodbus")

MAP = """
version: 1
gateway: {{id: gw-target, site: plant-a, timezone: UTC}}
devices:
  - id: left
    protocol: modbus
    host: 127.0.0.1:{port}
    poll: {{fast: 100ms}}
    points: {{good: {{at: 40001, type: uint16, counter: {{max_rate: 600/s}}}}}}
stations:
  LEFT-1: {{device: left, counts: {{good: good}}}}
"""


def pieces(collector: Collector) -> int:
    events = [row.event for row in collector.ledger.reads.events(limit=1000).items]
    return sum(event.delta for event in events if isinstance(event, PiecesCounted))


@dataclass
class Site:
    """An enrolled gateway that counts what a PLC counts, and the collector that it delivers to."""

    broker: Mosquitto
    collector: Collector
    keys: Credentials
    plc: ModbusPeer

    @contextlib.asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[Gateway]:
        """The gateway program on that state folder."""
        device_map, stop = map_of(MAP.format(port=self.plc.port)), asyncio.Event()
        with contextlib.closing(SqliteOutbox(folder, gateway=device_map.gateway.id)) as outbox:
            gateway = Gateway(
                GatewaySetup(
                    device_map=device_map,
                    outbox=outbox,
                    clock=ProductionClock(),
                    state_dir=folder,
                    broker=BrokerAddress.parse(self.broker.url),
                    sink=None,
                    credentials=self.keys,
                )
            )
            task = asyncio.create_task(gateway.run(stop))
            try:
                yield gateway
            finally:
                stop.set()
                async with asyncio.timeout(20):
                    await task

    @contextlib.asynccontextmanager
    async def running_anew(self, folder: Path) -> AsyncIterator[None]:
        """The same on an empty folder; five pieces are delivered."""
        async with self.running(folder) as gateway:
            await has_read(gateway)
            await self.count_to(5, delivered=5)
            yield

    async def count_to(self, count: int, *, delivered: int) -> None:
        """The PLC counts on; wait until so many pieces have been delivered in all."""
        self.plc.set("holding", 0, count)
        await eventually(lambda: pieces(self.collector) == delivered)

    @property
    def gap(self) -> DataGapSeen | None:
        """What the gateway declared of its restored folder."""
        events = [row.event for row in self.collector.ledger.reads.events(limit=1000).items]
        return next((one for one in events if isinstance(one, DataGapSeen) and one.cause is GapCause.RESTORE), None)


async def has_read(gateway: Gateway) -> None:
    """Wait until it knows where the counter stands."""
    await eventually(lambda: gateway.snapshot().devices[0].points[0].now is not None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
async def site(tmp_path: Path, broker: Mosquitto, modbus_peer: ModbusPeer) -> AsyncIterator[Site]:
    plant = Plant(tmp_path, broker)
    async with plant.collector() as collector:
        keys = await plant.enrol(collector, TARGET)
        yield Site(broker=broker, collector=collector, keys=keys, plc=modbus_peer)


async def test_a_restored_folder_goes_on_in_a_new_epoch_and_no_piece_is_counted_twice(
    site: Site, folder: Path, tmp_path: Path
) -> None:
    backup, reads = tmp_path / "backup", site.collector.ledger.reads
    async with site.running_anew(folder):
        pass
    shutil.copytree(folder, backup)
    async with site.running(folder):
        await site.count_to(12, delivered=12)
    epochs = {one.epoch for one in reads.gateways()}
    async with site.running(backup):
        await eventually(lambda: {one.epoch for one in reads.gateways()}.isdisjoint(epochs))
        await eventually(lambda: site.gap is not None)
        await site.count_to(15, delivered=15)
    gap = site.gap
    assert gap is not None
    assert gap.subject == "left"
    made = EventId.parse(gap.id)
    assert made is not None
    assert made.epoch not in epochs


async def test_a_damaged_store_begins_a_new_epoch_without_an_alarm_and_is_declared(site: Site, folder: Path) -> None:
    reads = site.collector.ledger.reads
    async with site.running_anew(folder):
        pass
    (before,) = [one.epoch for one in reads.gateways()]
    (folder / "outbox.db").write_bytes(b"a card that failed" * 100)
    site.plc.set("holding", 0, 12)
    async with site.running(folder) as gateway:
        await has_read(gateway)
        await eventually(lambda: site.gap is not None)
        await site.count_to(15, delivered=8)
    (after,), gap = reads.gateways(), site.gap
    assert gap is not None
    assert gap.subject == "gw-target"
    assert after.epoch != before
    assert site.collector.alarm("gw-target") is None


async def test_an_acknowledgement_that_a_kill_took_away_is_no_copy(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.app.committing.MARK_S", 1000.0)
    killed = tmp_path / "killed"
    async with site.running_anew(folder):
        shutil.copytree(folder, killed)  # as a kill leaves it
    with contextlib.closing(SqliteOutbox(killed, gateway="gw-target")) as outbox:
        unwritten, epoch = outbox.mark().depth, outbox.mark().epoch
    async with site.running(killed):
        await site.count_to(7, delivered=7)
    (after,) = site.collector.ledger.reads.gateways()
    assert unwritten > 0, "the collector has what the folder still holds"
    assert after.epoch == epoch
    assert site.collector.alarm("gw-target") is None
