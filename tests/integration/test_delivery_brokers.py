"""The same deliveries over every broker: the embedded one, mosquitto, and a NATS cluster of three."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genba_cloud.ingest import EmbeddedBroker, Ingest
from genba_cloud.ledger import Ledger
from genba_cloud.store import SqliteStore
from genba_edge.outbox import SqliteOutbox
from tests.integration.mqtt_peers import Mosquitto, eventually, nats_program
from tests.peers.fleet import FleetGateway
from tests.peers.nats import NODES, NatsCluster

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NAMES = tuple(f"gw-{number}" for number in range(6))
PATIENCE_S = 90.0


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A broker that runs: where it is, and how to kill all of it and to bring it back."""

    url: str
    kill: Callable[[], None]
    revive: Callable[[], None]


@asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Broker]:
    async with EmbeddedBroker(folder) as broker:

        def kill() -> None:
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGKILL)

        yield Broker(url=broker.url, kill=kill, revive=lambda: None)  # its supervisor brings it back


@asynccontextmanager
async def mosquitto(folder: Path) -> AsyncIterator[Broker]:
    broker = Mosquitto(folder)
    broker.start()
    try:
        yield Broker(url=broker.url, kill=broker.kill, revive=broker.start)
    finally:
        broker.kill()


@asynccontextmanager
async def nats_cluster(folder: Path) -> AsyncIterator[Broker]:
    with NatsCluster(folder) as cluster:

        def kill() -> None:
            for number in range(NODES):
                cluster.kill(number)

        def revive() -> None:
            for number in range(NODES):
                cluster.start(number)

        yield Broker(url=cluster.url, kill=kill, revive=revive)


@pytest.fixture(params=[embedded, mosquitto, nats_cluster], ids=lambda param: param.__name__)
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    nats_program()
    folder = tmp_path / "broker"
    folder.mkdir()
    async with request.param(folder) as broker:
        yield broker


@asynccontextmanager
async def collecting(folder: Path, url: str) -> AsyncIterator[Ledger]:
    with contextlib.closing(SqliteStore(folder / "collector")) as store:
        async with Ledger(store, now=lambda: NOW) as ledger:
            task = asyncio.create_task(Ingest(ledger, broker=url, now=lambda: NOW).run())
            try:
                yield ledger
            finally:
                task.cancel()
                await asyncio.wait({task})


@asynccontextmanager
async def delivering(folder: Path, url: str) -> AsyncIterator[list[FleetGateway]]:
    async with AsyncExitStack() as stack:
        fleet = []
        for name in NAMES:
            (folder / name).mkdir()
            outbox = SqliteOutbox(folder / name, gateway=name)
            gateway = FleetGateway(name, url, folder / name, outbox=outbox)
            fleet.append(await stack.enter_async_context(gateway.running()))
        yield fleet


async def deliver(fleet: list[FleetGateway], events: int) -> None:
    for gateway in fleet:
        gateway.count(events)
    await delivered(fleet)


async def delivered(fleet: list[FleetGateway]) -> None:
    await eventually(lambda: all(one.acknowledged == one.made for one in fleet), within_s=PATIENCE_S)


def assert_once_and_in_order(ledger: Ledger, fleet: list[FleetGateway]) -> None:
    logged = [row.event.id for row in ledger.reads.events(limit=100_000).items]
    for gateway in fleet:
        epoch = gateway.outbox.mark().epoch
        mine = [name for name in logged if name.startswith(f"{gateway.name}:")]
        assert mine == [f"{gateway.name}:{epoch}:{seq}" for seq in range(1, gateway.made + 1)]


async def test_events_come_once_and_in_order_also_when_the_broker_is_killed_and_comes_back(
    tmp_path: Path, broker: Broker
) -> None:
    async with collecting(tmp_path, broker.url) as ledger, delivering(tmp_path, broker.url) as fleet:
        await deliver(fleet, 50)
        for gateway in fleet:
            gateway.count(200)
        broker.kill()
        for gateway in fleet:
            gateway.count(50)
        broker.revive()
        await delivered(fleet)
        await eventually(lambda: all(one.documents for one in fleet), within_s=PATIENCE_S)  # dispatch comes, too
        assert_once_and_in_order(ledger, fleet)
