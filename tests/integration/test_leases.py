"""Leases in a real PostgreSQL: tokens, expiry by the database's clock, and the fence inside the writing transaction."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime

import psycopg
import pytest

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import ASSESSOR, EnvelopeBatch, Ledger, Peers, Tidings, partition_lease
from genba_cloud.store import LeaseLost, Leases, Member, PostgresStore, Standing
from genba_shared.events import PiecesCounted, Result, Source, SourceType
from genba_shared.topics import partition_of
from tests.integration.mqtt_peers import eventually

ADA, BOB = Member(name="ada", ingests=True), Member(name="bob", ingests=True)
NAMES = frozenset({"a", "b"})
GATEWAY = "gw-1"
LEASE = partition_lease(partition_of(GATEWAY))
EPOCH = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    yield store
    store.close()


@pytest.fixture
def leases(store: PostgresStore) -> Iterator[Leases]:
    leases = store.leases()
    yield leases
    leases.close()


def take_all(leases: Leases, member: Member, names: frozenset[str] = NAMES) -> Mapping[str, int]:
    leases.renew(member)
    return leases.turn(member, names, lambda standing: dict.fromkeys(standing.owners, member.name))


def batch(seq: int) -> EnvelopeBatch:
    event = PiecesCounted(
        id=f"{GATEWAY}:{EPOCH}:{seq}", at=NOW, source=PLC, station="CUT-1", work_order="W", node="CUT",
        point="cutter1/good", result=Result.GOOD, delta=1, total=seq, counter_epoch=0, since=NOW,
    )  # fmt: skip
    reach = Reach(first=seq, last=seq, prev=seq - 1, acked=seq - 1)
    return EnvelopeBatch(gateway=GATEWAY, lane="facts", epoch=EPOCH, reach=reach, events=(event,))


def test_every_change_of_the_holder_has_a_new_token(leases: Leases) -> None:
    assert take_all(leases, ADA) == {"a": 1, "b": 1}
    leases.renew(BOB)
    assert leases.turn(BOB, NAMES, lambda standing: {"b": "bob"}) == {"b": 2}
    assert leases.turn(ADA, NAMES, lambda standing: {"b": "ada"}) == {"a": 1, "b": 3}


def test_who_does_not_renew_is_dead_by_the_databases_clock(leases: Leases, postgres_url: str) -> None:
    take_all(leases, ADA)
    seen: list[Standing] = []

    def look(standing: Standing) -> Mapping[str, str]:
        seen.append(standing)
        return {}

    leases.renew(BOB)
    leases.turn(BOB, NAMES, look)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE worker SET expires_at = clock_timestamp() WHERE name = 'ada'")
    leases.turn(BOB, NAMES, look)
    assert [sorted(standing.alive) for standing in seen] == [["ada", "bob"], ["bob"]]
    assert seen[1].owners == {"a": "ada", "b": "ada"}


def test_what_is_given_up_is_nobodys_at_once(leases: Leases) -> None:
    take_all(leases, ADA)
    leases.leave(ADA)
    owners: list[Mapping[str, str | None]] = []
    leases.renew(BOB)
    leases.turn(BOB, NAMES, lambda standing: owners.append(standing.owners) or {})
    assert owners == [{"a": None, "b": None}]


def test_a_lease_under_which_somebody_writes_moves_in_a_later_turn(store: PostgresStore, leases: Leases) -> None:
    take_all(leases, ADA)
    leases.renew(BOB)
    with store.transaction() as transaction:
        assert transaction.is_held("a", 1)
        assert not transaction.is_held("b", 7)  # it is locked all the same
        assert take_all(leases, BOB) == {}
    assert take_all(leases, BOB) == {"a": 2, "b": 2}


def test_who_stands_still_within_a_transaction_is_broken_off_and_nothing_of_it_is_kept(
    store: PostgresStore, leases: Leases
) -> None:
    take_all(leases, ADA)

    def write_and_stand_still() -> None:
        with store.transaction() as transaction:
            assert transaction.is_held("a", 1)
            transaction.last_link()  # the end of the log is ours: nobody else can append
            assert stand_still.wait(60)
            transaction.note_views_current()

    stand_still = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            write_and_stand_still()
        except Exception as exc:  # noqa: BLE001 (whatever the driver says: it was not committed)
            failed.append(exc)

    writer = threading.Thread(target=run)
    writer.start()
    deadline = time.monotonic() + 60
    while "a" not in take_all(leases, BOB):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with store.transaction() as transaction:
        transaction.last_link()
    stand_still.set()
    writer.join(60)
    assert len(failed) == 1


async def test_a_ledger_writes_what_gateways_send_only_under_its_lease(store: PostgresStore, leases: Leases) -> None:
    ada = Peers("ada")
    async with Ledger(store, now=lambda: NOW, peers=ada) as ledger:
        with pytest.raises(LeaseLost):
            await ledger.append(batch(1))
        ada.hold(take_all(leases, ADA, frozenset({LEASE})))
        await ledger.append(batch(1))
        take_all(leases, BOB, frozenset({LEASE}))  # ada has not noticed yet
        with pytest.raises(LeaseLost):
            await ledger.append(batch(2))
        with pytest.raises(LeaseLost):
            await ledger.append_decisions([])
        assert ledger.reads.last_position() == 1


@pytest.fixture
async def heard(store: PostgresStore) -> AsyncIterator[list[str]]:
    heard: list[str] = []
    ready, ended = threading.Event(), threading.Event()

    def listen() -> None:
        for text in store.listen():
            ready.set()
            if text is not None:
                heard.append(text)
            if ended.is_set():
                return

    thread = threading.Thread(target=listen)
    thread.start()
    assert await asyncio.to_thread(ready.wait, 30)
    yield heard
    ended.set()
    await asyncio.to_thread(thread.join, 30)


async def test_a_commit_is_told_to_other_processes_and_one_that_is_rolled_back_is_not(
    store: PostgresStore, leases: Leases, heard: list[str]
) -> None:
    ada = Peers("ada")
    ada.hold(take_all(leases, ADA, frozenset({LEASE, ASSESSOR})))
    async with Ledger(store, now=lambda: NOW, peers=ada) as ledger:
        with pytest.raises(LeaseLost):
            await ledger.append(
                EnvelopeBatch(
                    gateway="gw-of-another", lane="facts", epoch=EPOCH, reach=batch(1).reach, events=batch(1).events
                )
            )
        await ledger.append(batch(1))
        await eventually(lambda: heard)
        tidings = Tidings.read(heard[0])
        assert tidings.by == "ada"
        assert tidings.changed.work_orders == {"W"}
        assert tidings.changed.stations == {"CUT-1"}
        assert tidings.episodes is None
