"""What a store that several processes write at once must do: nothing lost, nothing twice, no gap in the positions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from genba_cloud.core.facts import Aggregate, ViewKey
from genba_cloud.ledger import Appended, Ledger, OrderTaken, verify
from genba_cloud.ledger.job_supervisor import failure_of
from genba_cloud.store import PostgresStore, Store, StoreAway, StoreClash, Transaction, committed
from genba_cloud.store.again import TRIES
from genba_cloud.store.port import Link, LogRow, ReceivedRange, StoredView
from genba_shared.events import Source, SourceType, WipChanged, to_line
from tests.contract.a_writer import EPOCH, START, counted, envelope
from tests.contract.stores import order
from tests.peers.postgres import PostgresServer
from tests.peers.process import line_of

WITHIN_S = 60.0
API = Source(type=SourceType.API, ref="mes")
VIEW = ViewKey(Aggregate.WORK_ORDER, "WO-1")


@contextmanager
def opened(url: str) -> Iterator[Store]:
    store = PostgresStore(url)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def in_thread(work: Callable[[], None]) -> Iterator[None]:
    """The work is done in a thread that has ended, without an error, when the block is over."""
    errors: list[Exception | None] = []
    thread = threading.Thread(target=lambda: errors.append(failure_of(work)))
    thread.start()
    try:
        yield
    finally:
        thread.join(WITHIN_S)
    assert not thread.is_alive()
    assert errors == [None]


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def is_waiting(url: str) -> bool:
    """Whether a session of this database waits for a lock."""
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        row = connection.execute(query).fetchone()
    return row is not None and row[0] > 0


def append_one(transaction: Transaction) -> int:
    """Put one event at the end of the log; its position."""
    previous = transaction.last_link()
    position = previous.last + 1
    event = counted("gw", position)
    row = LogRow(position=position, received_at=START, event=event, body=to_line(event).encode(), leaf=b"l" * 32)
    link = Link(number=previous.number + 1, first=position, last=position, hash=bytes([position]) * 32)
    transaction.append_log([row], link)
    return position


class Writers:
    """Processes that deliver to one database, and what they say."""

    def __init__(self, stack: ExitStack, url: str) -> None:
        self._stack = stack
        self._url = url
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *gateways: str, envelopes: int, events: int) -> None:
        """One process for each group of gateways; returns when all have opened the database."""
        for group in gateways:
            command = [sys.executable, "-m", "tests.contract.a_writer", self._url, group, str(envelopes), str(events)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self._stack.callback(process.wait)
            self._stack.callback(process.kill)
            self.processes.append(process)
        for process in self.processes:
            assert line_of(process.stdout) == "ready\n"

    def finish(self) -> None:
        """They have delivered everything."""
        for process in self.processes:
            said, _ = process.communicate(timeout=WITHIN_S)
            assert (said, process.returncode) == ("done\n", 0)


def check_delivered(url: str, *, events: int) -> None:
    """Every event is there once, at positions without a gap, the chain and the views are sound."""
    with opened(url) as store:
        found = verify(store)
        rows = store.reads().events(limit=events + 1).items
        good = sum(row.pieces.good for row in store.reads().unassigned())
    assert found.differences == ()
    assert [row.position for row in rows] == list(range(1, events + 1))
    assert len({row.event.id for row in rows}) == events
    assert good == events


def test_processes_that_share_stations_and_work_orders_lose_nothing_and_count_nothing_twice(postgres_url: str) -> None:
    with ExitStack() as stack:
        PostgresStore(postgres_url).close()
        writers = Writers(stack, postgres_url)
        writers.start("a,b", "c,d", envelopes=10, events=10)
        writers.finish()
    check_delivered(postgres_url, events=400)


async def test_what_two_collectors_are_both_told_is_taken_once(two: tuple[Store, Store]) -> None:
    """The same orders and the same events of a client come to both at once, beside what gateways send."""
    events = [
        WipChanged(id=f"0190a000-0000-7000-8000-{number:012d}", at=START, source=API, zone="sewing", count=3, by=3)
        for number in range(10)
    ]
    plans = [order(f"A-{number % 3}", work_orders=(f"WO-{number % 3}",)).plan for number in range(9)]

    async def tell(ledger: Ledger, gateway: str) -> tuple[int, int]:
        taken, created = 0, 0
        for number in range(10):
            taken += len((await ledger.append_events(events[number : number + 1])).events)
            await ledger.append(envelope(gateway, 3 * number + 1, 3, 3 * number))
        for plan in plans:
            made = await ledger.upsert_order(plan)
            created += isinstance(made, OrderTaken) and made.created
        return taken, created

    async with Ledger(two[0], now=lambda: START) as first, Ledger(two[1], now=lambda: START) as second:
        told = await asyncio.gather(tell(first, "a"), tell(second, "b"))
        await asyncio.gather(first.rebuild(), second.rebuild())
    assert [sum(numbers) for numbers in zip(*told, strict=True)] == [10, 3]
    found = verify(two[0])
    assert (found.events, found.differences) == (10 + 2 * 30 + 3 * 4, ())


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_database_that_restarts_in_the_middle_costs_nothing(
    mortal_postgres: PostgresServer, mortal_url: str, end: str
) -> None:
    with ExitStack() as stack:
        PostgresStore(mortal_url).close()
        writers = Writers(stack, mortal_url)
        writers.start("a,b", "c,d", envelopes=15, events=10)
        with opened(mortal_url) as store:
            until(lambda: store.reads().last_position() >= 100, "the writers do not write")
        getattr(mortal_postgres, end)()
        mortal_postgres.start()
        writers.finish()
    check_delivered(mortal_url, events=600)


@pytest.fixture
def two(postgres_url: str) -> Iterator[tuple[Store, Store]]:
    with opened(postgres_url) as first, opened(postgres_url) as second:
        yield first, second


def test_a_view_that_is_not_there_yet_is_made_by_one_writer_after_the_other(
    postgres_url: str, two: tuple[Store, Store]
) -> None:
    found: list[int] = []

    def second() -> None:
        with two[1].transaction() as transaction:
            found.append(transaction.views([VIEW])[VIEW].position)

    with ExitStack() as ended, two[0].transaction() as transaction:
        assert transaction.views([VIEW]) == {}
        ended.enter_context(in_thread(second))
        until(lambda: is_waiting(postgres_url), "the second does not wait")
        transaction.put_views({VIEW: StoredView(state={}, position=7)})
    assert found == [7]


def test_a_range_that_was_never_there_is_locked_too(postgres_url: str, two: tuple[Store, Store]) -> None:
    found: list[ReceivedRange] = []

    def second() -> None:
        with two[1].transaction() as transaction:
            found.append(transaction.received("gw", "facts", EPOCH))

    with ExitStack() as ended, two[0].transaction() as transaction:
        assert transaction.received("gw", "facts", EPOCH) == ReceivedRange()
        ended.enter_context(in_thread(second))
        until(lambda: is_waiting(postgres_url), "the second does not wait")
        transaction.set_received("gw", "facts", EPOCH, ReceivedRange(upto=5))
    assert found == [ReceivedRange(upto=5)]


def test_who_holds_the_end_of_the_log_waits_for_no_view_but_does_its_work_again_alone(
    two: tuple[Store, Store],
) -> None:
    with two[0].transaction() as transaction:
        transaction.put_views({VIEW: StoredView(state={}, position=1)})
    has_view, has_clashed = threading.Event(), threading.Event()
    seen: list[int] = []

    def holds_the_view() -> None:
        with two[1].transaction() as transaction:
            transaction.views([VIEW])
            has_view.set()
            has_clashed.wait(WITHIN_S)
            append_one(transaction)

    def work(transaction: Transaction) -> None:
        seen.append(append_one(transaction))
        try:
            transaction.views([VIEW])
        except StoreClash:
            has_clashed.set()
            raise

    with in_thread(holds_the_view):
        has_view.wait(WITHIN_S)
        committed(two[0], "default", work)
    assert seen == [1, 2]


def test_what_breaks_a_rule_each_time_is_said_after_some_tries(two: tuple[Store, Store]) -> None:
    tries: list[int] = []

    def work(transaction: Transaction) -> None:
        tries.append(append_one(transaction))
        transaction.add_client_leaves({"u1": b"1"})
        transaction.add_client_leaves({"u1": b"1"})

    with pytest.raises(StoreClash, match="unique constraint"):
        committed(two[0], "default", work)
    assert len(tries) == TRIES
    assert two[0].reads().last_position() == 0


def test_work_that_must_be_alone_keeps_others_out(postgres_url: str, two: tuple[Store, Store]) -> None:
    seen: list[int] = []

    def second() -> None:
        with two[1].transaction() as transaction:
            seen.append(transaction.last_link().last)

    with ExitStack() as ended, two[0].alone() as transaction:
        ended.enter_context(in_thread(second))
        until(lambda: is_waiting(postgres_url), "the second does not wait")
        append_one(transaction)
    assert seen == [1]


def test_a_connection_that_breaks_before_the_commit_costs_a_second_try(
    mortal_postgres: PostgresServer, mortal_url: str
) -> None:
    """The server ends the session while it commits, the first time only: a sequence is never rolled back."""
    with opened(mortal_url) as store:
        with psycopg.connect(mortal_postgres.url(mortal_url.rpartition("/")[2])) as connection:
            connection.execute(_ENDS_FIRST_COMMIT)
        tries: list[int] = []
        committed(store, "default", lambda transaction: tries.append(append_one(transaction)))
        assert tries == [1, 1]
        assert store.reads().last_position() == 1


def test_a_commit_that_was_done_and_not_answered_is_not_done_twice(
    mortal_postgres: PostgresServer, mortal_url: str
) -> None:
    """The server has committed, waits for a standby that is not there, and its session is ended before it answers."""
    tries: list[int] = []

    with opened(mortal_url) as store, psycopg.connect(mortal_postgres.url(), autocommit=True) as other:
        other.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        other.execute("SELECT pg_reload_conf()")
        try:
            with in_thread(lambda: committed(store, "default", lambda one: tries.append(append_one(one)))):
                query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                until(lambda: other.execute(query).fetchall(), "no commit waits for a standby")
        finally:
            other.execute("ALTER SYSTEM RESET synchronous_standby_names")
            other.execute("SELECT pg_reload_conf()")
        assert tries == [1]
        assert store.reads().last_position() == 1


def test_of_a_commit_whose_fate_nobody_can_tell_what_comes_again_is_known_by_its_range(
    mortal_postgres: PostgresServer, mortal_url: str
) -> None:
    """The server has committed, waits for a standby that is not there, and is killed before it answers."""
    lost: list[StoreAway] = []
    batch = envelope("gw", 1, 10, 0)

    async def send() -> Appended:
        async with Ledger(store, now=lambda: START) as ledger:
            return await ledger.append(batch)

    def send_first() -> None:
        with pytest.raises(StoreAway) as raised:
            asyncio.run(send())
        lost.append(raised.value)

    with opened(mortal_url) as store, in_thread(send_first):
        with psycopg.connect(mortal_postgres.url(), autocommit=True) as other:
            other.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            other.execute("SELECT pg_reload_conf()")
            query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            until(lambda: other.execute(query).fetchall(), "no commit waits for a standby")
            other.execute("ALTER SYSTEM RESET synchronous_standby_names")
        mortal_postgres.kill()
    mortal_postgres.start()
    assert [error.fate_is_known for error in lost] == [False]
    with opened(mortal_url) as store:
        again = asyncio.run(send())
        assert (again.upto, again.events, store.reads().last_position()) == (10, (), 10)


def test_a_database_that_is_away_is_said_once_and_comes_back_by_itself(
    mortal_postgres: PostgresServer, mortal_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="genba_cloud.store")
    with opened(mortal_url) as store:
        assert store.is_ready()
        mortal_postgres.stop()
        try:
            for _ in range(3):
                with pytest.raises(StoreAway):
                    committed(store, "default", append_one)
                with pytest.raises(StoreAway):
                    store.reads().last_position()
            assert not store.is_ready()
        finally:
            mortal_postgres.start()
        until(store.is_ready, "the database does not come back")
        assert committed(store, "default", append_one) == 1
    assert [record.message.split(" database=")[0] for record in caplog.records] == ["database away", "database back"]


_ENDS_FIRST_COMMIT = """
CREATE SEQUENCE commits;
GRANT ALL ON SEQUENCE commits TO PUBLIC;
CREATE FUNCTION end_first() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('commits') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER end_first AFTER INSERT ON link DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION end_first();
"""
