"""What every store must do: one suite, run on each implementation."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genba_cloud.core.facts import Aggregate, OrderPlan, ViewKey
from genba_cloud.store import SqliteStore, Store, open_reader
from genba_cloud.store.port import (
    DamagedRowError,
    Link,
    Quarantined,
    RangeKey,
    ReceivedRange,
    StoredOrder,
    StoredView,
)
from genba_cloud.store.read import Enrolment, EventFilter, GatewayIdentity, GatewayRecord, QueueRow, UnknownCursorError
from genba_shared.errors import UsageError
from genba_shared.events import (
    DispatchOpened,
    EpisodeClosed,
    EpisodeOpened,
    Event,
    ForecastIssued,
    PiecesCounted,
    Result,
)
from tests.contract.stores import EPOCH, PLC, Reopen, log, minute, order, rows, started


def test_who_is_registered_is_kept_over_all_enterprises_and_changes_with_the_transaction(store: Store) -> None:
    added = GatewayIdentity(gateway="gw-b", enterprise="one", added_at=minute(1), code_hash=b"h", code_until=minute(9))
    other = GatewayIdentity(gateway="gw-a", enterprise="two", added_at=minute(2), site="plant-a")
    with store.transaction("one") as transaction:
        transaction.identities().put(added)
        transaction.identities().put(other)
    enrolled = replace(added, public_key=bytes(32), enrolled_at=minute(3), code_hash=None, code_until=None)
    with store.transaction("two") as transaction:
        assert transaction.identities().get("gw-b") == added
        transaction.identities().put(enrolled)
        assert transaction.identities().get("gw-c") is None
    assert store.reads("three").identities() == (other, enrolled)


def test_what_another_run_delivered_is_found_by_id(store: Store) -> None:
    ids = [f"gw:{EPOCH}:{seq}" for seq in (1, 2, 3)]
    with store.transaction() as transaction:
        transaction.quarantine(
            [
                Quarantined(gateway="gw", reason="x", received_at=minute(1), body=body, event_id=ids[1])
                for body in (b"a", b"b")
            ]
        )
        transaction.set_received("gw", "facts", EPOCH, ReceivedRange(upto=3, run="0000000a"))
        assert transaction.received("gw", "facts", EPOCH).run == "0000000a"
        assert transaction.quarantined_bodies(ids) == {ids[1]: {b"a", b"b"}}
        assert transaction.taken_leaves(ids) == {}
    with store.transaction("another") as transaction:
        assert transaction.quarantined_bodies(ids) == {}


def test_a_fresh_store_is_empty(store: Store) -> None:
    reads = store.reads()
    assert (reads.last_position(), reads.list_orders().items, reads.gateways(), reads.wip()) == (0, (), (), ())
    assert reads.events().next is None


def test_what_was_committed_is_there_after_reopening(reopen_store: Reopen) -> None:
    with reopen_store() as first:
        log(first, started(1), started(2))
    with reopen_store() as second:
        assert [row.event for row in second.reads().events().items] == [started(1), started(2)]


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as transaction:  # noqa: PT012 (it raises after what it did)
        transaction.append_log(rows(started(1)), Link(number=1, first=1, last=1, hash=b""))
        raise ZeroDivisionError
    assert store.reads().last_position() == 0


def test_nobody_sees_a_transaction_before_it_commits(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.append_log(rows(started(1)), Link(number=1, first=1, last=1, hash=b""))
        assert store.reads().last_position() == 0
    assert store.reads().last_position() == 1


def test_a_second_writer_waits_for_the_first(store: Store) -> None:
    order_of_events: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with store.transaction() as transaction:
            order_of_events.append(f"second sees {transaction.last_link().last}")

    thread = threading.Thread(target=second)
    with store.transaction() as transaction:
        assert transaction.last_link().last == 0  # as whoever appends does first: the end of the log is its own now
        thread.start()
        entered.wait(5)
        transaction.append_log(rows(started(1)), Link(number=1, first=1, last=1, hash=b""))
        order_of_events.append("first")
    thread.join(5)
    assert order_of_events == ["first", "second sees 1"]


def test_a_position_is_given_only_once(store: Store) -> None:
    log(store, started(1))
    with pytest.raises(Exception, match=r"(?i)unique|constraint"):
        log(store, started(2))


def test_events_are_read_from_a_position_on_in_pages(store: Store) -> None:
    log(store, *(started(seq) for seq in range(1, 6)))
    page = store.reads().events(after=1, limit=2)
    assert [row.position for row in page.items] == [2, 3]
    assert page.next == 3
    assert store.reads().events(after=3, limit=2).next is None


def test_events_are_found_by_what_they_are_about(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_order(order("A-1", work_orders=("WO-1",)))
    opened = EpisodeOpened(id="u1", at=minute(3), source=PLC, order="A-1", level="red", late_s=5, lead_s=9)
    log(store, started(1), started(2, work_order="WO-2", station="SEW-1"), opened)
    reads = store.reads()

    def positions(where: EventFilter) -> list[int]:
        return [row.position for row in reads.events(where=where).items]

    assert positions(EventFilter(work_order="WO-2")) == [2]
    assert positions(EventFilter(station="CUT-1")) == [1]
    assert positions(EventFilter(order="A-1")) == [1, 3]
    assert positions(EventFilter(kinds=["node_started"])) == [1, 2]
    assert positions(EventFilter(gateway="gw", work_order="WO-1")) == [1]


def test_an_episode_is_open_until_it_is_closed(store: Store) -> None:
    opened = [
        EpisodeOpened(id=f"u{number}", at=minute(3), source=PLC, order=name, level="red", late_s=5, lead_s=9)
        for number, name in enumerate(("A-1", "A-2"))
    ]
    log(store, *opened, EpisodeClosed(id="u9", at=minute(5), source=PLC, order="A-1"))
    assert {name: row.position for name, row in store.reads().open_episodes().items()} == {"A-2": 2}


def test_the_forecast_that_was_told_last_is_read_by_order(store: Store) -> None:
    told = [
        ForecastIssued(
            id=f"u{number}", at=minute(number), source=PLC, order=name, method="walk", p50=minute(90 + number)
        )
        for number, name in enumerate(("A-1", "A-2", "A-1", "A-3"))
    ]
    log(store, *told, EpisodeClosed(id="u9", at=minute(5), source=PLC, order="A-1"))
    found = store.reads().told_forecasts(["A-1", "A-2", "A-9"])
    assert {name: row.event for name, row in found.items()} == {"A-1": told[2], "A-2": told[1]}


def test_of_a_station_dispatch_and_counts_without_a_node_are_read_again(store: Store) -> None:
    def counted(seq: int, **named: Any) -> Event:
        return PiecesCounted(
            id=f"gw:{EPOCH}:{seq}",
            at=minute(seq),
            source=PLC,
            station="CUT-1",
            point='"node":',
            result=Result.GOOD,
            delta=1,
            total=seq,
            counter_epoch=1,
            since=minute(0),
            **named,
        )

    opened = DispatchOpened(
        id=f"gw:{EPOCH}:4", at=minute(4), source=PLC, station="CUT-1", work_order="WO-1", node="CUT"
    )
    unnamed, half_named = counted(2), counted(3, work_order="WO-1")
    log(store, started(1), unnamed, half_named, opened, counted(5, work_order="WO-1", node="CUT"))
    with store.transaction() as transaction:
        assert transaction.attributing_events("CUT-1") == [unnamed, half_named, opened]
        assert transaction.attributing_events("CUT-1", before=4) == [unnamed, half_named]
        assert transaction.attributing_events("SEW-1") == []


def test_the_chain_and_the_log_are_read_back_as_written(store: Store) -> None:
    log(store, started(1), started(2))
    log(store, started(3), first=3)
    with store.transaction() as transaction:
        assert [(link.number, link.first, link.last) for link in transaction.links()] == [(1, 1, 2), (3, 3, 3)]
        assert transaction.last_link() == Link(number=3, first=3, last=3, hash=b"h" * 32)
        assert list(transaction.log()) == [*rows(started(1), started(2)), *rows(started(3), first=3)]


def test_a_received_range_starts_at_nothing_and_moves(store: Store) -> None:
    with store.transaction() as transaction:
        assert transaction.received("gw", "facts", EPOCH) == ReceivedRange()
        transaction.set_received("gw", "facts", EPOCH, ReceivedRange(upto=5))
        transaction.set_received("gw", "facts", EPOCH, ReceivedRange(upto=9, last_at=minute(4)))
        assert transaction.received("gw", "facts", EPOCH) == ReceivedRange(upto=9, last_at=minute(4))
        assert transaction.received("gw", "telemetry", EPOCH) == ReceivedRange()


def test_client_made_ids_are_remembered(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_client_leaves({"u1": b"1", "u2": b"2"})
        assert transaction.client_leaves(["u2", "u3"]) == {"u2": b"2"}


def test_many_ids_are_looked_up_at_once(store: Store) -> None:
    names = {f"u{number}": b"x" for number in range(1200)}
    with store.transaction() as transaction:
        transaction.add_client_leaves(names)
        assert len(transaction.client_leaves(names)) == 1200


def test_views_are_written_replaced_and_cleared(store: Store) -> None:
    key, other = ViewKey(Aggregate.ZONE, "packing"), ViewKey(Aggregate.WORK_ORDER, "WO-1")
    with store.transaction() as transaction:
        transaction.put_views({key: StoredView(state={"count": 1}, position=1)})
        view = StoredView(state={"count": 2}, assigned={"S-1": {"CUT": {}}}, position=7)
        transaction.put_views({key: view})
        assert transaction.views([key, other]) == {key: view}
        assert transaction.all_views() == {key: view}
        transaction.clear_views()
        assert transaction.all_views() == {}


def test_a_view_that_was_rolled_back_is_the_one_before(store: Store) -> None:
    key = ViewKey(Aggregate.ZONE, "packing")
    before = StoredView(state={"count": 1}, position=1)
    with store.transaction() as transaction:
        transaction.put_views({key: before})
    with pytest.raises(ZeroDivisionError), store.transaction() as transaction:  # noqa: PT012 (it raises after what it did)
        transaction.put_views({key: StoredView(state={"count": 2}, position=2)})
        assert transaction.views([key])[key].position == 2
        raise ZeroDivisionError
    with store.transaction() as transaction:
        assert transaction.views([key]) == {key: before}


def test_views_that_were_cleared_are_gone_also_for_who_had_read_them(store: Store) -> None:
    key = ViewKey(Aggregate.ZONE, "packing")
    with store.transaction() as transaction:
        transaction.put_views({key: StoredView(state={"count": 1}, position=1)})
    with store.transaction() as transaction:
        transaction.views([key])
        transaction.clear_views()
        assert transaction.views([key]) == {}
    with store.transaction() as transaction:
        assert transaction.views([key]) == {}


def test_a_plan_that_was_rolled_back_is_not_known(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction() as transaction:  # noqa: PT012 (it raises after what it did)
        transaction.put_order(order("A-1", work_orders=("WO-1",)))
        assert transaction.planned(["WO-1"]).keys() == {"WO-1"}
        raise ZeroDivisionError
    with store.transaction() as transaction:
        assert transaction.planned(["WO-1"]) == {}


def test_numbers_beyond_64_bits_survive_in_a_view(store: Store) -> None:
    """The two ends of a counter's step may be any numbers of 64 bits, so that one of them lies beyond."""
    key = ViewKey(Aggregate.STATION, "CUT-1")
    view = StoredView(state={"chains": [[-(2**64), 2**63]], "mean": 1e-07, "text": "裁剪"}, position=1)
    with store.transaction() as transaction:
        transaction.put_views({key: view})
    assert {name: one.state for name, one in read_views(store).items()} == {key: view.state}


def read_views(store: Store) -> Mapping[ViewKey, StoredView]:
    with store.transaction() as transaction:
        return transaction.all_views()


def test_received_ranges_are_read_and_moved_together(store: Store) -> None:
    keys = [RangeKey("gw-2", "facts", EPOCH), RangeKey("gw-1", "facts", EPOCH), RangeKey("gw-1", "telemetry", EPOCH)]
    with store.transaction() as transaction:
        assert set(transaction.received_ranges(keys).values()) == {ReceivedRange()}
        transaction.set_received_ranges({keys[0]: ReceivedRange(upto=5), keys[2]: ReceivedRange(upto=7)})
        transaction.set_received_ranges({keys[0]: ReceivedRange(upto=6, last_at=minute(1))})
    with store.transaction() as transaction:
        found = transaction.received_ranges(keys)
    assert [found[key].upto for key in keys] == [6, 0, 7]
    assert found[keys[0]].last_at == minute(1)


def test_a_row_that_holds_no_event_any_more_is_named_by_its_position(store: Store) -> None:
    good, bad = rows(started(1), started(2))
    log_rows = [good, bad._replace(body=b'{"kind":"node_started"')]
    with store.transaction() as transaction:
        transaction.append_log(log_rows, Link(number=1, first=1, last=2, hash=b"h" * 32))
        with pytest.raises(DamagedRowError, match="position 2"):
            list(transaction.log())


def test_an_order_is_read_back_whole(store: Store) -> None:
    stored = order("A-1", work_orders=("WO-2", "WO-1"))
    with store.transaction() as transaction:
        transaction.put_order(stored)
        assert transaction.order("A-1") == stored
        assert transaction.order_by_external("demo", "X-A-1") == stored
        assert transaction.order("A-2") is None
        assert transaction.planned(["WO-1", "WO-9"]).keys() == {"WO-1"}
    record = store.reads().work_order("WO-1")
    assert record is not None
    assert record.plan == stored.plan
    assert record.facts["WO-1"].nodes[1].node == "SEW"


@pytest.mark.requirement("R91")
def test_an_external_id_belongs_to_one_order(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_order(order("A-1"))
    twin = order("A-2").plan
    twin = OrderPlan(
        order="A-2",
        system="demo",
        external_id="X-A-1",
        customer="x",
        promised=twin.promised,
        work_orders=twin.work_orders,
    )
    with pytest.raises(Exception, match=r"(?i)unique|constraint"), store.transaction() as transaction:
        transaction.put_order(StoredOrder(plan=twin, baseline_start=minute(0), baseline_finish=minute(1)))


def test_orders_are_listed_by_promise_in_pages(store: Store) -> None:
    with store.transaction() as transaction:
        for number, promised in (("A-1", 30), ("A-2", 10), ("A-3", 30), ("A-4", 20)):
            transaction.put_order(order(number, promised=promised))
    first = store.reads().list_orders(limit=3)
    assert [record.plan.order for record in first.items] == ["A-2", "A-4", "A-1"]
    second = store.reads().list_orders(cursor=first.next, limit=3)
    assert [record.plan.order for record in second.items] == ["A-3"]
    assert second.next is None


def test_a_cursor_that_nobody_gave_is_refused(store: Store) -> None:
    with pytest.raises(UnknownCursorError):
        store.reads().list_orders(cursor="nonsense")


def test_a_queue_keeps_its_order_and_takes_no_row_twice(store: Store) -> None:
    first, second = (QueueRow(station="CUT-1", work_order="WO-A-1", node=code, quantity=8) for code in ("CUT", "SEW"))
    with store.transaction() as transaction:
        transaction.put_order(order("A-1"))
        assert transaction.append_queue([first, second]) == (first, second)
        assert transaction.append_queue([second, first]) == ()
    assert store.reads().queue("CUT-1") == (first, second)
    assert store.reads().queue("SEW-1") == ()


def test_a_gateway_is_read_back_with_what_is_accounted_for(store: Store) -> None:
    state = {"epoch": EPOCH, "next_seq": {"facts": 12}, "outbox": {"depth": 3}, "stations": ["CUT-1"]}
    record = GatewayRecord(
        gateway="gw", enrolment=Enrolment.UNENROLLED, online=True, epoch=EPOCH, seen_at=minute(1), state=state
    )
    with store.transaction() as transaction:
        transaction.put_gateway(record, dispatch_sha256="ab")
        transaction.set_received("gw", "facts", EPOCH, ReceivedRange(upto=9))
        transaction.set_received("gw", "facts", "f" * 32, ReceivedRange(upto=99))
    (found,) = store.reads().gateways()
    assert (found.next_seq, found.upto, found.outbox_depth, found.stations) == (12, 9, 3, ("CUT-1",))


def test_quarantine_is_kept_newest_first(store: Store) -> None:
    with store.transaction() as transaction:
        for reason in ("first", "second"):
            transaction.quarantine([Quarantined(gateway="gw", reason=reason, received_at=minute(1), body=b"xyz")])
    assert [(row.reason, row.size) for row in store.reads().quarantined()] == [("second", 3), ("first", 3)]


def test_the_views_of_each_enterprise_have_a_form_of_their_own(store: Store) -> None:
    with store.transaction("other") as transaction:
        assert not transaction.views_are_current()
        transaction.note_views_current()
    with store.transaction("other") as transaction:
        assert transaction.views_are_current()
    with store.transaction("third") as transaction:
        assert not transaction.views_are_current()
    with store.transaction() as transaction:
        assert transaction.views_are_current()


def test_enterprises_do_not_see_each_other(store: Store) -> None:
    with store.transaction("other") as transaction:
        transaction.append_log(rows(started(1)), Link(number=1, first=1, last=1, hash=b""))
    assert store.reads("other").last_position() == 1
    assert store.reads().last_position() == 0


def test_a_reader_works_beside_the_owner_and_cannot_write(tmp_path: Path) -> None:
    owner = SqliteStore(tmp_path)
    log(owner, started(1))
    reader = open_reader(tmp_path)
    log(owner, started(2), first=2)
    assert reader.reads().last_position() == 2
    with pytest.raises(Exception, match="readonly"):
        log(reader, started(3), first=3)
    reader.close()
    owner.close()


def test_a_folder_without_data_is_said_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"genba\.db is missing"):
        open_reader(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_schema_is_refused_and_the_folder_let_go(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    for version, words in (("99", "has schema 99"), ("1", "")):
        with closing(sqlite3.connect(tmp_path / "genba.db")) as connection, connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (version,))
        if words:
            with pytest.raises(UsageError, match=words):
                SqliteStore(tmp_path)
    SqliteStore(tmp_path).close()


def test_a_data_folder_has_one_owner(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path)
    with pytest.raises(UsageError, match="is in use by process"):
        SqliteStore(tmp_path)
    first.close()
    SqliteStore(tmp_path).close()
