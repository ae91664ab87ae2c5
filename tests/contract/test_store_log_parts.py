"""The parts of the log: what a store says of them, and that archived events go without the others noticing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import Appended, EnvelopeBatch, Ledger, verify
from genba_cloud.store import PostgresStore, Store
from genba_cloud.store.errors import StoreClash
from genba_cloud.store.port import Link, LogRange
from tests.contract.stores import EPOCH, log, minute, rows, started


def test_an_empty_log_has_no_parts(store: Store) -> None:
    with store.transaction() as transaction:
        assert transaction.log_ranges() == ()


def test_the_log_is_told_in_parts_by_what_is_still_there(store: Store) -> None:
    log(store, started(1), started(2), started(3))
    with store.transaction() as transaction:
        transaction.drop_log(1)
        assert transaction.log_ranges() == (LogRange(first=2, last=3),)


def test_events_that_are_dropped_are_gone_and_their_links_stay(store: Store) -> None:
    log(store, started(1), started(2))
    log(store, started(3), first=3)
    with store.transaction() as transaction:
        transaction.drop_log(2)
        assert [row.position for row in transaction.log()] == [3]
        assert [link.last for link in transaction.links()] == [2, 3]
        assert transaction.last_link().last == 3
    log(store, started(4), first=4)
    assert [row.position for row in store.reads().events().items] == [3, 4]


def test_events_of_another_enterprise_are_not_dropped(store: Store) -> None:
    log(store, started(1))
    with store.transaction("other") as transaction:
        transaction.append_log(rows(started(1)), Link(number=1, first=1, last=1, hash=b""))
    with store.transaction() as transaction:
        transaction.drop_log(1)
    assert (store.reads().events().items, len(store.reads("other").events().items)) == ((), 1)


def test_events_may_be_added_piece_by_piece_and_the_link_comes_with_the_last(store: Store) -> None:
    link = Link(number=1, first=1, last=3, hash=b"h" * 32)
    with store.transaction() as transaction:
        transaction.append_log(rows(started(1), started(2)))
        transaction.append_log(rows(started(3), first=3), link)
        assert [row.position for row in transaction.log()] == [1, 2, 3]
    assert [row.event for row in store.reads().events().items] == [started(1), started(2), started(3)]
    with store.transaction() as transaction:
        assert list(transaction.links()) == [link]


async def test_an_envelope_of_several_pieces_has_one_link_and_one_answer(store: Store) -> None:
    events = tuple(started(seq, work_order=f"WO-{seq % 7}") for seq in range(1, 601))
    reach = Reach(first=1, last=600, prev=0, acked=0)
    async with Ledger(store, now=lambda: minute(1000)) as ledger:
        taken = await ledger.append_all(
            [EnvelopeBatch(gateway="gw", lane="facts", epoch=EPOCH, reach=reach, events=events)]
        )
    assert [one.positions for one in taken if isinstance(one, Appended)] == [tuple(range(1, 601))]
    assert [row.event for row in store.reads().events().items] == list(events)
    with store.transaction() as transaction:
        assert [(link.first, link.last) for link in transaction.links()] == [(1, 600)]
    assert verify(store).differences == ()


@pytest.fixture
def small(postgres_url: str) -> Iterator[PostgresStore]:
    """A store whose log has parts of four positions."""
    with closing(PostgresStore(postgres_url, log_part_positions=4)) as opened:
        yield opened


def parts(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'log'::regclass ORDER BY 1"
        return [name for (name,) in connection.execute(query)]


def test_a_part_is_made_before_it_is_needed(postgres_url: str, small: PostgresStore) -> None:
    assert parts(postgres_url) == ["log_from_1"]
    log(small, started(1), started(2))
    assert parts(postgres_url) == ["log_from_1"]
    log(small, started(3), first=3)
    assert parts(postgres_url) == ["log_from_1", "log_from_5"]


def test_events_of_one_commit_may_fill_several_parts(postgres_url: str, small: PostgresStore) -> None:
    log(small, *(started(seq) for seq in range(1, 11)))
    assert [row.position for row in small.reads().events().items] == list(range(1, 11))
    with small.transaction() as transaction:
        assert transaction.log_ranges() == (
            LogRange(first=1, last=4),
            LogRange(first=5, last=8),
            LogRange(first=9, last=10),
        )


def test_a_part_whose_commit_failed_is_made_again(postgres_url: str, small: PostgresStore) -> None:
    with pytest.raises(ZeroDivisionError), small.transaction() as transaction:  # noqa: PT012 (it raises after what it did)
        transaction.append_log(rows(*(started(seq) for seq in range(1, 7))), Link(number=1, first=1, last=6, hash=b""))
        raise ZeroDivisionError
    assert parts(postgres_url) == ["log_from_1"]
    log(small, *(started(seq) for seq in range(1, 7)))
    assert parts(postgres_url) == ["log_from_1", "log_from_5"]


def test_a_part_that_was_made_for_one_piece_and_seen_for_the_next_is_made_again(
    postgres_url: str, small: PostgresStore
) -> None:
    with pytest.raises(ZeroDivisionError), small.transaction() as transaction:  # noqa: PT012 (it raises after what it did)
        for first in (1, 3, 5):
            transaction.append_log(rows(started(first), started(first + 1), first=first))
        raise ZeroDivisionError
    assert parts(postgres_url) == ["log_from_1"]
    for first in (1, 3, 5):
        log(small, started(first), started(first + 1), first=first)
    assert [row.position for row in small.reads().events().items] == [1, 2, 3, 4, 5, 6]


def test_rows_that_the_database_refuses_while_something_else_is_done_are_not_committed(small: PostgresStore) -> None:
    log(small, started(1))
    with pytest.raises(StoreClash), small.transaction() as transaction:
        transaction.append_log(rows(started(2)), Link(number=2, first=1, last=1, hash=b""))
    with pytest.raises(StoreClash), small.transaction() as transaction:  # noqa: PT012 (whatever is asked next says it)
        transaction.append_log(rows(started(2)), Link(number=2, first=1, last=1, hash=b""))
        transaction.last_link()
    log(small, started(2), first=2)
    assert [row.event for row in small.reads().events().items] == [started(1), started(2)]


def test_a_process_that_is_stopped_while_rows_are_on_their_way_leaves_an_idle_transaction(
    postgres_url: str, small: PostgresStore
) -> None:
    """All is said, so that the database does not wait for more of it: it notices that nothing else comes."""
    query = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY log_from%'"
    with small.transaction() as transaction, psycopg.connect(postgres_url, autocommit=True) as other:
        transaction.append_log(rows(*(started(seq) for seq in range(1, 251))))
        deadline = time.monotonic() + 30
        while other.execute(query).fetchall() != [("idle in transaction",)]:
            assert time.monotonic() < deadline, other.execute(query).fetchall()


def test_a_whole_part_goes_at_once_and_what_others_need_of_it_stays(postgres_url: str, small: PostgresStore) -> None:
    log(small, *(started(seq) for seq in range(1, 11)))
    with small.transaction("other") as transaction:
        events = rows(*(started(seq) for seq in range(1, 7)))
        transaction.append_log(events, Link(number=1, first=1, last=6, hash=b""))
    with small.transaction("other") as transaction:
        transaction.drop_log(4)
    with small.transaction() as transaction:
        transaction.drop_log(9)
        assert transaction.log_ranges() == (LogRange(first=10, last=10),)
    assert parts(postgres_url) == ["log_from_5", "log_from_9"]
    assert [row.position for row in small.reads("other").events().items] == [5, 6]
