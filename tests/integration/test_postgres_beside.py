"""Several collectors on one PostgreSQL: they start at once, lose leases within a group, and see it restored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import EnvelopeBatch, Ledger, Peers, partition_lease, verify
from genba_cloud.ledger.append import Stamp, append_envelope
from genba_cloud.store import DEFAULT_ENTERPRISE, Member, PostgresStore, StoreAway
from genba_cloud.store.accounts_authority import Authority
from genba_cloud.store.leases import Standing
from genba_cloud.store.port import LeaseLost
from genba_shared.events import Event, Source, SourceType, WipChanged
from genba_shared.topics import partition_of

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")
STAMP = Stamp(now=START, next_id=lambda: "00000000-0000-7000-8000-000000000001")


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(postgres_url)) as store:
        yield store


def moved(gateway: str, seq: int, *, by: int = 1) -> WipChanged:
    at = START + timedelta(minutes=seq)
    return WipChanged(id=f"{gateway}:{EPOCH}:{seq}", at=at, source=PLC, zone="packing", count=by, by=by)


def envelope(gateway: str, *events: Event) -> EnvelopeBatch:
    first, last = (int(event.id.rpartition(":")[2]) for event in (events[0], events[-1]))
    reach = Reach(first=first, last=last, prev=first - 1, acked=0)
    return EnvelopeBatch(gateway=gateway, lane="facts", epoch=EPOCH, reach=reach, events=events)


def take(store: PostgresStore, *batches: EnvelopeBatch) -> None:
    for batch in batches:
        with store.transaction() as transaction:
            append_envelope(transaction, batch, STAMP)


def test_of_collectors_that_start_at_once_on_an_empty_database_one_tells_the_password(postgres_url: str) -> None:
    passwords: list[str | None] = []
    failed: list[BaseException] = []
    together = threading.Barrier(4)

    def start() -> None:
        try:
            together.wait(30)
            with closing(PostgresStore(postgres_url)) as store:
                authority = Authority(store.accounts(), enterprise=DEFAULT_ENTERPRISE)
                together.wait(30)
                passwords.append(authority.ensure_admin())
        except BaseException as exc:  # noqa: BLE001 (it is looked at below)
            failed.append(exc)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    (told,) = [password for password in passwords if password is not None]
    with closing(PostgresStore(postgres_url)) as store:
        authority = Authority(store.accounts(), enterprise=DEFAULT_ENTERPRISE)
        assert isinstance(authority.sign_in("admin", told, client="127.0.0.1"), str)


def test_what_was_remembered_of_a_database_that_was_restored_is_not_believed(
    postgres_url: str, store: PostgresStore
) -> None:
    """Another process goes on with other events at the same positions, which the views do not tell apart."""
    newest = START + timedelta(hours=1)  # so that it is what the view shows, whatever comes after it
    take(store, envelope("gw", moved("gw", 1)), envelope("gw", replace(moved("gw", 2, by=5), at=newest)))
    _put_back(postgres_url)
    with closing(PostgresStore(postgres_url)) as other:
        take(other, envelope("gw", replace(moved("gw", 2, by=7), at=newest)))
    take(store, envelope("gw", moved("gw", 3)))
    assert verify(store).differences == ()


def _put_back(url: str) -> None:
    """As after `restore` to the first event: what came later is gone, and so is every connection."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('genba.enterprise', %s, true)", [DEFAULT_ENTERPRISE])
        for statement in (
            "DELETE FROM log WHERE position = 2",
            "DELETE FROM link WHERE number = 2",
            "DELETE FROM view",
            "UPDATE received_range SET upto = 1",
        ):
            connection.execute(statement)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )


async def test_a_lost_lease_costs_only_its_own_gateways_and_leaves_no_trace_in_views(store: PostgresStore) -> None:
    gateways = [f"gw-{number}" for number in range(6)]
    leases = {partition_lease(partition_of(name)) for name in gateways}
    assert len(leases) == 6
    peers = Peers("one")
    with closing(store.leases()) as held:
        member = Member(name="one", ingests=True)
        held.renew(member)
        tokens = held.turn(member, frozenset(leases), lambda standing: _everything(standing, "one"))
        peers.hold(tokens)
        gone = partition_lease(partition_of(gateways[3]))
        held.turn(member, frozenset(leases), lambda _: {gone: "two"})
        async with Ledger(store, now=lambda: START, peers=peers) as ledger:
            told: list[int] = []
            ledger.subscribe(lambda appended: told.extend(appended.positions))
            results = await ledger.append_all([envelope(name, moved(name, 1), moved(name, 2)) for name in gateways])
            again = await ledger.append_all([envelope(name, moved(name, 3)) for name in gateways])
    assert [type(one) for one in results] == [type(one) for one in again]
    assert [isinstance(one, LeaseLost) for one in results] == [number == 3 for number in range(6)]
    assert sorted(told) == list(range(1, 16))
    assert len(told) == len(set(told))
    assert verify(store).differences == ()


def _everything(standing: Standing, name: str) -> dict[str, str]:
    return dict.fromkeys(standing.owners, name)


@pytest.mark.parametrize("code", ["53100", "25006"])
def test_a_database_that_refuses_data_is_said_once_and_so_is_its_end(
    postgres_url: str, store: PostgresStore, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="genba_cloud.store")
    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}'; END$$"
        )
        connection.execute("CREATE TRIGGER full_disk BEFORE INSERT ON link EXECUTE FUNCTION refuse()")
    for _ in range(2):
        with pytest.raises(StoreAway, match="could not extend file"):
            take(store, envelope("gw", moved("gw", 1)))
    assert not store.is_ready()
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP TRIGGER full_disk ON link")
    take(store, envelope("gw", moved("gw", 1)))
    assert store.is_ready()
    said = [record.message.partition(" database=")[0] for record in caplog.records if "database=" in record.message]
    assert [words for words in said if "data" in words and "role" not in words] == [
        "database refuses data",
        "database takes data again",
    ]
