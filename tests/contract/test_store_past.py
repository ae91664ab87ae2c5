"""What every store tells of a span of time and of one order's past, and that it need not read the log for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from genba_cloud.store import SqliteStore, Store
from genba_cloud.store.proofs import ArchiveRow
from genba_cloud.store.read import ArchivedError
from genba_cloud.store.tables import IS_OF_REVIEW, REVIEW_KINDS
from genba_shared.events import (
    KINDS,
    EpisodeOpened,
    Event,
    NodeCompleted,
    PiecesCounted,
    PromiseSet,
    Result,
    Source,
    SourceType,
)
from tests.contract.stores import EPOCH, PLC, log, minute, order, started

SYSTEM = Source(type=SourceType.SYSTEM, ref="assessor")


def completed(seq: int, *, work_order: str = "WO-1", at: int | None = None) -> Event:
    when = minute(seq if at is None else at)
    return NodeCompleted(id=f"gw:{EPOCH}:{seq}", at=when, source=PLC, work_order=work_order, node="CUT", pieces=8)


def counted(seq: int) -> Event:
    return PiecesCounted(
        id=f"gw:{EPOCH}:{seq}",
        at=minute(seq),
        source=PLC,
        work_order="WO-1",
        node="CUT",
        point="cutter1/good",
        result=Result.GOOD,
        delta=1,
        total=seq,
        counter_epoch=1,
        since=minute(seq - 1),
    )


def late(number: str, at: int) -> Event:
    return EpisodeOpened(
        id=f"late-{number}-{at}", at=minute(at), source=SYSTEM, order=number, level="red", late_s=1, lead_s=2
    )


def promised(number: str, at: int) -> Event:
    return PromiseSet(id=f"promise-{number}-{at}", at=minute(at), source=SYSTEM, order=number, promised=minute(99))


def with_orders(store: Store, *numbers: str) -> None:
    with store.transaction() as transaction:
        for number in numbers:
            transaction.put_order(order(number, work_orders=(f"WO-{number}",)))


def test_a_span_holds_its_first_instant_and_not_its_last_in_the_order_of_happening(store: Store) -> None:
    told = [completed(1, at=30), started(2), completed(3, at=10), counted(4), completed(5, at=20), late("1", 15)]
    log(store, *told)
    with store.reads().past() as past:
        found = past.between(("node_completed", "episode_opened"), begin=minute(10), end=minute(30))
    assert [one.event for one in found] == [told[2], told[5], told[4]]
    assert [one.position for one in found] == [3, 6, 5]


def test_only_kinds_with_an_index_by_time_can_be_asked_for(store: Store) -> None:
    with store.reads().past() as past, pytest.raises(ValueError, match="pieces_counted"):
        past.between(("pieces_counted",), begin=minute(0), end=minute(1))
    assert set(REVIEW_KINDS) <= set(KINDS)


def test_orders_are_found_by_what_happened_and_by_what_was_planned(store: Store) -> None:
    with_orders(store, "1", "2")  # every node is planned from minute 0 to 60
    log(
        store,
        completed(1, work_order="WO-1", at=5),
        completed(2, work_order="WO-2", at=50),
        completed(3, work_order="X"),
    )
    with store.reads().past() as past:
        assert past.worked_on(("node_completed",), begin=minute(0), end=minute(50)) == ("1",)
        assert past.worked_on(("node_completed",), begin=minute(0), end=minute(51)) == ("1", "2")
        assert past.planned(begin=minute(60), end=minute(61)) == ("1", "2")
        assert past.planned(begin=minute(0), end=minute(60)) == ()


def test_the_history_of_an_order_is_its_own_events_and_those_of_its_work_orders_newest_first(store: Store) -> None:
    with_orders(store, "1", "2")
    told = [promised("1", 1), counted(2), completed(3, work_order="WO-1"), promised("2", 4), late("1", 5)]
    log(store, *told)
    with store.reads().past() as past:
        newest = past.history("1", without=("pieces_counted",), limit=2)
        older = past.history("1", without=("pieces_counted",), before=newest[-1].position, limit=2)
        promises = past.history("1", kinds=("promise_set",), limit=9)
    assert [one.event for one in newest] == [told[4], told[2]]
    assert [one.event for one in older] == [told[0]]
    assert [one.event for one in promises] == [told[0]]


def test_events_are_found_by_order_and_by_id(store: Store) -> None:
    told = [promised("1", 9), promised("2", 4), promised("1", 3), late("1", 5)]
    log(store, *told)
    with store.reads().past() as past:
        found = past.of_orders(["1", "3"], ("promise_set",))
        named = past.by_id([told[3].id, "nobody"])
    assert {number: [one.event for one in some] for number, some in found.items()} == {"1": [told[2], told[0]]}
    assert {name: one.event for name, one in named.items()} == {told[3].id: told[3]}


def archived(store: Store, last: int) -> None:
    """Note positions up to `last` as archived, and let them go."""
    row = ArchiveRow(
        first=1,
        last=last,
        first_link=1,
        last_link=1,
        last_hash=b"h" * 32,
        peaks=(),
        until=minute(0),
        at=minute(0),
        file="log.archive",
        sha256="0" * 64,
    )
    with store.transaction() as transaction:
        transaction.proofs.add_archive(row)
        transaction.drop_log(last)


def test_a_span_that_reaches_into_the_archive_is_refused_with_the_time_from_which_on_it_can_be_told(
    store: Store,
) -> None:
    log(store, completed(1), completed(2), completed(3))  # all of them arrived at minute 60
    archived(store, 2)
    span = {"begin": minute(59), "end": minute(90)}
    with store.reads().past() as past:
        with pytest.raises(ArchivedError) as refused:
            past.between(("node_completed",), **span)
        assert refused.value.until == minute(60)
        with pytest.raises(ArchivedError):
            past.worked_on(("node_completed",), **span)
        assert past.between(("node_completed",), begin=minute(60), end=minute(90)) == ()


def test_a_span_with_too_many_events_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genba_cloud.store.past.MOST_EVENTS", 2)
    log(store, completed(1), completed(2), completed(3))
    with store.reads().past() as past:
        assert len(past.between(("node_completed",), begin=minute(1), end=minute(3))) == 2
        with pytest.raises(ValueError, match=r"^$"):
            past.between(("node_completed",), begin=minute(1), end=minute(4))


def test_the_past_is_found_without_reading_the_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    SqliteStore(data).close()
    by_time = f"{IS_OF_REVIEW} AND kind IN ('task_planned') AND at >= ? AND at < ?"
    queries = {
        f"SELECT body FROM log WHERE enterprise = ? AND {by_time}": (
            "USING INDEX log_of_review_by_time",
            ("e", 1, 2),
        ),
        "SELECT DISTINCT work_order FROM node WHERE enterprise = ? AND planned_finish >= ? AND planned_finish < ?": (
            "USING INDEX node_by_planned_finish",
            ("e", 1, 2),
        ),
    }
    with closing(sqlite3.connect(data / "genba.db")) as connection:
        for query, (index, values) in queries.items():
            plan = "; ".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values))
            assert index in plan
