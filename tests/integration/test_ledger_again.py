"""Work that the database gave up is done again: nothing of the tries before is kept, answered or told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest_asyncio

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import Appended, EnvelopeBatch, Ledger, verify
from genba_cloud.store import DEFAULT_ENTERPRISE, SqliteStore, StoreAway
from genba_cloud.store.errors import StoreClash
from genba_cloud.store.port import Transaction
from genba_shared.errors import ContractError
from genba_shared.events import Event
from tests.integration.demo_gateway import EPOCH, GATEWAY, counted, minute, started


class Clashing(SqliteStore):
    """A real store whose next commits are given up, in the way in which PostgreSQL does that."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.given_up: list[Exception] = []
        self.tries = 0

    @contextmanager
    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        with super().transaction(enterprise) as transaction:
            yield transaction
            self.tries += 1
            if self.given_up:
                raise self.given_up.pop()

    alone = transaction


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Clashing]:
    store = Clashing(tmp_path)
    yield store
    store.close()


def batch(*events: Event) -> EnvelopeBatch:
    first, last = (int(event.id.rpartition(":")[2]) for event in (events[0], events[-1]))
    reach = Reach(first=first, last=last, prev=first - 1, acked=0)
    return EnvelopeBatch(gateway=GATEWAY, lane="facts", epoch=EPOCH, reach=reach, events=events)


async def test_a_group_that_is_done_again_is_answered_and_told_once(store: Clashing) -> None:
    told: list[tuple[int, ...]] = []
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        ledger.subscribe(lambda appended: told.append(appended.positions))
        store.given_up = [StoreClash("deadlock"), StoreAway("connection lost")]
        results = await ledger.append_all([batch(started(1)), batch(counted(2))])
    assert [one.positions for one in results if isinstance(one, Appended)] == [(1,), (2,)]
    assert told == [(1, 2)]
    assert verify(store).differences == ()


async def test_a_group_whose_fate_is_unknown_answers_nothing_and_tells_nothing(store: Clashing) -> None:
    told: list[tuple[int, ...]] = []
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        ledger.subscribe(lambda appended: told.append(appended.positions))
        store.given_up = [StoreAway("lost while committing", fate_is_known=False)]
        tries = store.tries
        results = await ledger.append_all([batch(started(1)), batch(counted(2))])
        assert [type(one) for one in results] == [StoreAway, StoreAway]
        assert (told, store.tries - tries) == ([], 1)
        results = await ledger.append_all([batch(started(1)), batch(counted(2))])  # the gateway sends it again
    assert [one.positions for one in results if isinstance(one, Appended)] == [(1,), (2,)]
    assert told == [(1, 2)]


async def test_of_a_group_that_fails_for_good_each_part_is_told_by_itself(store: Clashing) -> None:
    told: list[tuple[int, ...]] = []
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        ledger.subscribe(lambda appended: told.append(appended.positions))
        store.given_up = [ContractError("one of them is wrong")]
        results = await ledger.append_all([batch(started(1)), batch(counted(2))])
    assert [one.positions for one in results if isinstance(one, Appended)] == [(1,), (2,)]
    assert told == [(1,), (2,)]
    assert verify(store).differences == ()
