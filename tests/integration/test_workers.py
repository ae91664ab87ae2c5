"""Several workers on one database: leases, fencing, and partitions that move when one stops, dies or stands still."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from genba_cloud.store import PostgresStore
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.peers.fleet import FleetGateway, judge
from tests.peers.workers import WorkerProcess

GATEWAYS = 8


@pytest.fixture
def database(postgres_url: str) -> str:
    PostgresStore(postgres_url).close()  # its tables are there before several processes look for them
    return postgres_url


@pytest.fixture
async def gateways(tmp_path: Path, broker: Mosquitto) -> AsyncIterator[list[FleetGateway]]:
    fleet = [FleetGateway(f"gw-{number}", broker.url, tmp_path / f"gw-{number}") for number in range(GATEWAYS)]
    async with AsyncExitStack() as stack:
        for gateway in fleet:
            await stack.enter_async_context(gateway.running())
        yield fleet


def owners(database: str) -> dict[str, str | None]:
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT name, owner FROM lease WHERE name LIKE 'partition-%'").fetchall()
    return dict(rows)


def shares(database: str) -> list[int]:
    counts = Counter(owners(database).values())
    return sorted(counts.values()) if None not in counts else []


async def deliver(gateways: list[FleetGateway], events: int) -> None:
    for gateway in gateways:
        gateway.count(events)
    await delivered(gateways)


async def delivered(gateways: list[FleetGateway]) -> None:
    await eventually(lambda: all(one.acknowledged == one.made for one in gateways), within_s=60)


def assert_once_and_in_order(database: str, gateways: list[FleetGateway]) -> None:
    found = judge(database, {f"{one.name}:{one.outbox.mark().epoch}": one.made for one in gateways})
    assert (found.lost, found.twice, found.disordered) == (0, 0, 0)
    assert found.events == sum(one.made for one in gateways)


@pytest.mark.requirement(
    "R93",
    part="the description of the API is whole, and what gateways send is taken by as many workers as wanted",
    needs="mosquitto and PostgreSQL",
)
async def test_workers_share_partitions_and_hand_them_over_when_one_comes_stops_dies_or_stands_still(
    tmp_path: Path, broker: Mosquitto, database: str, gateways: list[FleetGateway]
) -> None:
    first = WorkerProcess(tmp_path, db=database, broker=broker.url, number=1)
    second = WorkerProcess(tmp_path, db=database, broker=broker.url, number=2)
    third = WorkerProcess(tmp_path, db=database, broker=broker.url, number=3)
    with first, second:
        await eventually(lambda: shares(database) == [32, 32], within_s=30)
        await deliver(gateways, 20)
        for gateway in gateways:
            gateway.count(400)
        with third:  # a newcomer, while the others write all the time
            await eventually(lambda: shares(database) == [21, 21, 22], within_s=30)
            await deliver(gateways, 20)
            third.kill()
            await deliver(gateways, 20)
            await eventually(lambda: shares(database) == [32, 32], within_s=30)
        assert second.stop() == 0
        assert second.name not in owners(database).values()  # given up at once, not when it expires
        await deliver(gateways, 20)
        assert shares(database) == [64]
        assert_once_and_in_order(database, gateways)
        assert "Traceback" not in first.log + second.log


async def test_a_worker_that_stood_still_past_its_lease_commits_nothing(
    tmp_path: Path, broker: Mosquitto, database: str, gateways: list[FleetGateway]
) -> None:
    first = WorkerProcess(tmp_path, db=database, broker=broker.url, number=1)
    second = WorkerProcess(tmp_path, db=database, broker=broker.url, number=2)
    with first, second:
        await eventually(lambda: shares(database) == [32, 32], within_s=30)
        for gateway in gateways:
            gateway.count(200)
        first.signal(signal.SIGSTOP)  # in the middle of it, perhaps within a transaction
        await delivered(gateways)
        assert set(owners(database).values()) == {second.name}
        before = judge(database, {}).events
        first.signal(signal.SIGCONT)
        await eventually(lambda: shares(database) == [32, 32], within_s=30)
        assert judge(database, {}).events == before
        await deliver(gateways, 20)
        assert_once_and_in_order(database, gateways)
        assert "Traceback" not in second.log  # the first one's transaction may have been broken off, which it says


@pytest.mark.parametrize("db", ["sqlite:///genba.db", "genba.db"])
def test_a_worker_on_sqlite_is_refused_with_the_reason(db: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "genba_shared.cli", "cloud", "worker", "--db", db, "--broker", "mqtt://127.0.0.1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "a SQLite file is written by one process" in done.stderr
