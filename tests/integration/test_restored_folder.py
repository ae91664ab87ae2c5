"""A state folder that is put back from a backup: the gateway goes on in a new epoch and counts nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
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


@contextlib.asynccontextmanager
async def running(folder: Path, text: str, url: str, keys: Credentials) -> AsyncIterator[Gateway]:
    device_map, stop = map_of(text), asyncio.Event()
    with contextlib.closing(SqliteOutbox(folder, gateway=device_map.gateway.id)) as outbox:
        gateway = Gateway(
            GatewaySetup(
                device_map=device_map,
                outbox=outbox,
                clock=ProductionClock(),
                state_dir=folder,
                broker=BrokerAddress.parse(url),
                sink=None,
                credentials=keys,
            )
        )
        task = asyncio.create_task(gateway.run(stop))
        try:
            yield gateway
        finally:
            stop.set()
            async with asyncio.timeout(20):
                await task


def pieces(collector: Collector) -> int:
    events = [row.event for row in collector.ledger.reads.events(limit=1000).items]
    return sum(event.delta for event in events if isinstance(event, PiecesCounted))


async def test_a_restored_folder_goes_on_in_a_new_epoch_and_no_piece_is_counted_twice(
    tmp_path: Path, modbus_peer: ModbusPeer
) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    plant = Plant(tmp_path, broker)
    text, folder, backup = MAP.format(port=modbus_peer.port), tmp_path / "state", tmp_path / "backup"
    folder.mkdir()
    try:
        async with plant.collector() as collector:
            keys = await plant.enrol(collector, TARGET)
            async with running(folder, text, broker.url, keys) as gateway:
                await eventually(lambda: gateway.snapshot().devices[0].points[0].now is not None)
                modbus_peer.set("holding", 0, 5)
                await eventually(lambda: pieces(collector) == 5)
            shutil.copytree(folder, backup)
            async with running(folder, text, broker.url, keys):
                modbus_peer.set("holding", 0, 12)
                await eventually(lambda: pieces(collector) == 12)
            epochs = {one.epoch for one in collector.ledger.reads.gateways()}
            async with running(backup, text, broker.url, keys) as gateway:
                await eventually(lambda: {one.epoch for one in collector.ledger.reads.gateways()}.isdisjoint(epochs))
                await eventually(lambda: _gap(collector) is not None)
                modbus_peer.set("holding", 0, 15)
                await eventually(lambda: pieces(collector) == 15)
            gap = _gap(collector)
            assert gap is not None
            assert gap.subject == "left"
            made = EventId.parse(gap.id)
            assert made is not None
            assert made.epoch not in epochs
    finally:
        broker.kill()


async def test_a_damaged_store_begins_a_new_epoch_without_an_alarm_and_is_declared(
    tmp_path: Path, modbus_peer: ModbusPeer
) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    plant = Plant(tmp_path, broker)
    text, folder = MAP.format(port=modbus_peer.port), tmp_path / "state"
    folder.mkdir()
    try:
        async with plant.collector() as collector:
            keys = await plant.enrol(collector, TARGET)
            async with running(folder, text, broker.url, keys) as gateway:
                await eventually(lambda: gateway.snapshot().devices[0].points[0].now is not None)
                modbus_peer.set("holding", 0, 5)
                await eventually(lambda: pieces(collector) == 5)
            (before,) = [one.epoch for one in collector.ledger.reads.gateways()]
            (folder / "outbox.db").write_bytes(b"a card that failed" * 100)
            modbus_peer.set("holding", 0, 12)
            async with running(folder, text, broker.url, keys) as gateway:
                await eventually(lambda: gateway.snapshot().devices[0].points[0].now is not None)
                await eventually(lambda: _gap(collector) is not None)
                modbus_peer.set("holding", 0, 15)
                await eventually(lambda: pieces(collector) == 8)
            (after,), alarm = collector.ledger.reads.gateways(), collector.alarm("gw-target")
            gap = _gap(collector)
    finally:
        broker.kill()
    assert gap is not None
    assert gap.subject == "gw-target"
    assert after.epoch != before
    assert alarm is None


async def test_an_acknowledgement_that_a_kill_took_away_is_no_copy(
    tmp_path: Path, modbus_peer: ModbusPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.app.committing.MARK_S", 1000.0)
    broker = Mosquitto(tmp_path)
    broker.start()
    plant = Plant(tmp_path, broker)
    text, folder, killed = MAP.format(port=modbus_peer.port), tmp_path / "state", tmp_path / "killed"
    folder.mkdir()
    try:
        async with plant.collector() as collector:
            keys = await plant.enrol(collector, TARGET)
            async with running(folder, text, broker.url, keys) as gateway:
                await eventually(lambda: gateway.snapshot().devices[0].points[0].now is not None)
                modbus_peer.set("holding", 0, 5)
                await eventually(lambda: pieces(collector) == 5)
                shutil.copytree(folder, killed)  # as a kill leaves it
            with contextlib.closing(SqliteOutbox(killed, gateway="gw-target")) as outbox:
                unwritten, epoch = outbox.mark().depth, outbox.mark().epoch
            async with running(killed, text, broker.url, keys):
                modbus_peer.set("holding", 0, 7)
                await eventually(lambda: pieces(collector) == 7)
            (after,), alarm = collector.ledger.reads.gateways(), collector.alarm("gw-target")
    finally:
        broker.kill()
    assert unwritten > 0, "the collector has what the folder still holds"
    assert after.epoch == epoch
    assert alarm is None


def _gap(collector: Collector) -> DataGapSeen | None:
    events = [row.event for row in collector.ledger.reads.events(limit=1000).items]
    return next((one for one in events if isinstance(one, DataGapSeen) and one.cause is GapCause.RESTORE), None)
