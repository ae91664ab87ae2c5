"""The one write path on a real store: delivery, dedup, folds, chain, orders, dispatch, rebuild and verify."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from genba_cloud.core.delivery import Reach
from genba_cloud.core.facts import Lifecycle, Mark, NodeFacts, NodePlan, OrderPlan, Refused, WorkOrderPlan
from genba_cloud.ledger import (
    Appended,
    Broken,
    EnvelopeBatch,
    GatewaySeen,
    Ledger,
    OrderTaken,
    QueueAppended,
    TagToBind,
    rebuild,
    verify,
)
from genba_cloud.ledger.refold import PIECE
from genba_cloud.store import SqliteStore, open_reader, open_store
from genba_cloud.store.port import DamagedRowError
from genba_cloud.store.read import EventFilter, QueueRow
from genba_shared.errors import ContractError
from genba_shared.events import (
    CountsAssigned,
    DataGapSeen,
    DispatchOpened,
    Event,
    NodeCompleted,
    OrderConfirmed,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    WipChanged,
)

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")
API = Source(type=SourceType.API, ref="mes")
UUID = "0190a000-0000-7000-8000-00000000000"


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def node(code: str, *predecessors: str) -> NodePlan:
    return NodePlan(
        node=code,
        quantity=8,
        planned_start=minute(0),
        planned_finish=minute(60),
        predecessors=predecessors,
        label={"en": code},
    )


def work(name: str) -> WorkOrderPlan:
    nodes = (node("CUT"), node("SEW", "CUT"))
    return WorkOrderPlan(work_order=name, site="demo", item="shirt", quantity=8, nodes=nodes)


ORDER = OrderPlan(
    order="A-1",
    system="demo",
    external_id="A-1",
    customer="Blue Shirt Co",
    promised=minute(90),
    work_orders=(work("WO-1"),),
)


def counted(seq: int, total: int, delta: int, *, owner: bool = True, at: int | None = None) -> Event:
    return PiecesCounted(
        id=f"gw:{EPOCH}:{seq}",
        at=minute(seq if at is None else at),
        source=PLC,
        station="CUT-1",
        work_order="WO-1" if owner else None,
        node="CUT" if owner else None,
        point="cutter1/good",
        result=Result.GOOD,
        delta=delta,
        total=total,
        counter_epoch=1,
        since=minute(0),
    )


def completed(seq: int) -> Event:
    return NodeCompleted(id=f"gw:{EPOCH}:{seq}", at=minute(seq), source=PLC, work_order="WO-1", node="CUT", pieces=8)


def envelope(*events: Event, first: int, last: int, prev: int, acked: int = 0) -> EnvelopeBatch:
    reach = Reach(first=first, last=last, prev=prev, acked=acked)
    return EnvelopeBatch(gateway="gw", lane="facts", epoch=EPOCH, reach=reach, events=events)


@pytest.fixture(params=["postgres", "sqlite"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    store = open_store(tmp_path, request.getfixturevalue("postgres_url") if request.param == "postgres" else None)
    async with Ledger(store, now=lambda: minute(100)) as opened:
        yield opened
    store.close()


def cut(ledger: Ledger) -> NodeFacts:
    record = ledger.reads.get_order("A-1")
    assert record is not None
    found = record.facts["WO-1"].node("CUT")
    assert found is not None
    return found


async def test_an_envelope_becomes_log_views_and_an_answer(ledger: Ledger) -> None:
    await ledger.upsert_order(ORDER)
    appended = await ledger.append(envelope(counted(1, 8, 8), completed(2), first=1, last=2, prev=0))
    assert (appended.upto, appended.positions) == (2, (5, 6))
    assert (appended.changed.orders, appended.changed.stations) == ({"A-1"}, {"CUT-1"})
    assert (cut(ledger).lifecycle, cut(ledger).good) == (Lifecycle.DONE, 8)


async def test_a_repeated_envelope_changes_nothing(ledger: Ledger) -> None:
    batch = envelope(counted(1, 8, 8), first=1, last=1, prev=0)
    await ledger.append(batch)
    again = await ledger.append(batch)
    assert (again.upto, again.events, ledger.reads.last_position()) == (1, (), 1)


async def test_of_an_overlapping_envelope_the_new_events_are_taken(ledger: Ledger) -> None:
    await ledger.append(envelope(counted(1, 3, 3), first=1, last=1, prev=0))
    appended = await ledger.append(envelope(counted(1, 3, 3), counted(2, 5, 2), first=1, last=2, prev=0))
    assert [row.event.id for row in appended.events] == [f"gw:{EPOCH}:2"]


async def test_an_envelope_after_a_missing_one_is_answered_not_taken(ledger: Ledger) -> None:
    appended = await ledger.append(envelope(counted(5, 3, 3), first=5, last=5, prev=4))
    assert (appended.upto, ledger.reads.last_position()) == (0, 0)


async def test_what_a_restored_backup_lost_is_declared(ledger: Ledger) -> None:
    await ledger.append(envelope(counted(1, 3, 3), first=1, last=1, prev=0))
    await ledger.append(envelope(counted(9, 8, 2), first=9, last=9, prev=8, acked=8))
    gap = ledger.reads.events(where=EventFilter(kinds=["data_gap_seen"])).items[0].event
    assert isinstance(gap, DataGapSeen)
    assert (gap.cause, gap.begin, gap.end, gap.subject) == ("restore", minute(1), minute(9), "gw")
    assert "2..8" in str(gap.reason)


async def test_an_event_that_must_not_come_from_a_gateway_is_quarantined_alone(ledger: Ledger) -> None:
    order = OrderConfirmed(id=f"gw:{EPOCH}:1", at=minute(1), source=PLC, order="A-9")
    batch = envelope(order, counted(2, 3, 3), first=1, last=2, prev=0)
    batch = replace(batch, broken=(Broken(seq=3, reason="station is missing", body=b"{}"),))
    batch = replace(batch, reach=Reach(first=1, last=3, prev=0, acked=0))
    appended = await ledger.append(batch)
    assert (appended.upto, len(appended.events)) == (3, 1)
    assert {row.event_id for row in ledger.reads.quarantined()} == {f"gw:{EPOCH}:1", f"gw:{EPOCH}:3"}


@pytest.mark.trap("attribution by now")
async def test_a_late_dispatch_refolds_its_station_and_gives_the_pieces_to_the_work_order(ledger: Ledger) -> None:
    await ledger.upsert_order(ORDER)
    await ledger.append(envelope(counted(1, 5, 5, owner=False, at=9), first=1, last=1, prev=0))
    assert ledger.reads.unassigned()[0].pieces.good == 5
    opened = DispatchOpened(
        id=f"{UUID}1", at=minute(4), source=API, station="CUT-1", work_order="WO-1", node="CUT", pieces=8
    )
    appended = await ledger.append_events([opened])
    assert ledger.reads.unassigned() == ()
    assert (cut(ledger).good, appended.changed.work_orders) == (5, {"WO-1"})
    assert (await ledger.verify()).differences == ()


async def test_client_events_are_taken_once_and_a_conflict_is_named(ledger: Ledger) -> None:
    wip = WipChanged(id=f"{UUID}1", at=minute(1), source=API, zone="sewing", count=3, by=3)
    first = await ledger.append_events([wip, wip])
    second = await ledger.append_events([wip, replace(wip, count=4)])
    assert (len(first.events), first.duplicates) == (1, 1)
    assert (len(second.events), second.duplicates, second.conflicts) == (0, 1, (wip.id,))
    assert ledger.reads.wip()[0].count == 3


async def test_the_longest_names_that_are_taken_fit_into_every_index(ledger: Ledger) -> None:
    random = Random(1)
    name = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=1000))
    wip = WipChanged(id=name[::-1], at=minute(1), source=API, zone=name, count=3, by=3)
    count = replace(counted(1, 3, 3), station=name, work_order=name)
    assert len((await ledger.append_events([wip])).events) == 1
    assert len((await ledger.append(envelope(count, first=1, last=1, prev=0))).events) == 1
    with pytest.raises(ContractError, match="zone of an event is longer than 1000 bytes"):
        await ledger.append_events([replace(wip, id=f"{UUID}1", zone=name + "a")])


async def test_a_client_may_not_speak_for_a_gateway(ledger: Ledger) -> None:
    with pytest.raises(ContractError, match="is a gateway's"):
        await ledger.append_events([counted(1, 3, 3)])


async def test_a_job_that_fails_does_not_hurt_those_that_share_its_commit(ledger: Ledger) -> None:
    wip = WipChanged(id=f"{UUID}1", at=minute(1), source=API, zone="sewing", count=3, by=3)
    results = await asyncio.gather(
        ledger.append_events([wip]),
        ledger.append_events([counted(1, 3, 3)]),
        ledger.append(envelope(counted(1, 3, 3), first=1, last=1, prev=0)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Appended, ContractError, Appended]
    assert ledger.reads.last_position() == 2
    assert (await ledger.verify()).differences == ()


async def test_an_order_writes_its_events_once(ledger: Ledger) -> None:
    first, second = await ledger.upsert_order(ORDER), await ledger.upsert_order(ORDER)
    assert isinstance(first, OrderTaken)
    assert isinstance(second, OrderTaken)
    kinds = [row.event.kind for row in ledger.reads.events().items]
    assert kinds == ["order_confirmed", "work_order_released", "baseline_frozen", "promise_set"]
    assert (first.created, second.created, second.appended.events) == (True, False, ())


async def test_a_new_promise_is_an_event_and_the_baseline_stays(ledger: Ledger) -> None:
    await ledger.upsert_order(ORDER)
    changed = await ledger.upsert_order(replace(ORDER, promised=minute(120), work_orders=(work("WO-2"),)))
    assert isinstance(changed, OrderTaken)
    assert [row.event.kind for row in changed.appended.events] == ["work_order_released", "promise_set"]
    record = ledger.reads.get_order("A-1")
    assert record is not None
    assert [one.work_order for one in record.plan.work_orders] == ["WO-1", "WO-2"]
    assert record.baseline_finish == minute(60)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (replace(ORDER, work_orders=(replace(work("WO-1"), quantity=9),)), "is frozen"),
        (replace(ORDER, external_id="A-2"), "came from demo/A-1"),
        (replace(ORDER, order="A-2"), "is order A-1, not A-2"),
        (replace(ORDER, order="A-2", external_id="A-2"), "belongs to order A-1"),
    ],
)
async def test_an_order_that_contradicts_what_is_kept_is_refused(ledger: Ledger, plan: OrderPlan, words: str) -> None:
    await ledger.upsert_order(ORDER)
    refused = await ledger.upsert_order(plan)
    assert isinstance(refused, Refused)
    assert refused.conflict
    assert words in refused.reason


async def test_queue_rows_need_a_known_node(ledger: Ledger) -> None:
    await ledger.upsert_order(ORDER)
    row = QueueRow(station="CUT-1", work_order="WO-1", node="CUT", quantity=8)
    taken = await ledger.append_queue([row])
    assert isinstance(taken, QueueAppended)
    assert taken.rows == (row,)
    for wrong in (replace(row, node="DYE"), replace(row, work_order="WO-9"), replace(row, quantity=0)):
        assert isinstance(await ledger.append_queue([wrong]), Refused)


async def test_opening_a_dispatch_closes_the_one_before_and_says_it_once(ledger: Ledger) -> None:
    await ledger.upsert_order(ORDER)
    rows = [QueueRow(station="CUT-1", work_order="WO-1", node=code, quantity=8) for code in ("CUT", "SEW")]
    for row in (rows[0], rows[1], rows[1]):
        await ledger.open_dispatch(row, source=API)
    kinds = [row.event.kind for row in ledger.reads.events(after=4).items]
    assert kinds == ["dispatch_opened", "dispatch_closed", "dispatch_opened"]
    dispatch = ledger.reads.stations()[0].dispatch
    assert dispatch is not None
    assert (dispatch.node, dispatch.explicit, dispatch.quantity) == ("SEW", True, 8)


async def test_a_tag_that_is_bound_again_moves(ledger: Ledger) -> None:
    await ledger.upsert_order(replace(ORDER, work_orders=(work("WO-1"), work("WO-2"))))
    await ledger.change_tags(bind=[TagToBind(tag="aa", work_order="WO-1", pieces=5)], source=API)
    await ledger.change_tags(bind=[TagToBind(tag="aa", work_order="WO-2", pieces=3)], source=API)
    assert [(tag.tag, tag.work_order, tag.pieces) for tag in ledger.reads.tags()] == [("aa", "WO-2", 3)]
    await ledger.change_tags(unbind=["aa", "bb"], source=API)
    assert ledger.reads.tags() == ()
    refused = await ledger.change_tags(bind=[TagToBind(tag="aa", work_order="WO-9", pieces=5)], source=API)
    assert isinstance(refused, Refused)


async def test_listeners_hear_commits_in_order_and_only_changes(ledger: Ledger) -> None:
    heard: list[Appended] = []
    unsubscribe = ledger.subscribe(heard.append)
    await ledger.upsert_order(ORDER)
    await ledger.upsert_order(ORDER)
    batch = envelope(counted(1, 3, 3), first=1, last=1, prev=0)
    await ledger.append(batch)
    await ledger.append(batch)
    await ledger.see_gateway(GatewaySeen(gateway="gw", state={"online": True, "epoch": EPOCH}, seen_at=minute(1)))
    unsubscribe()
    await ledger.append(envelope(counted(2, 4, 1), first=2, last=2, prev=1))
    assert [one.positions for one in heard] == [(1, 2, 3, 4), (5,), ()]
    assert heard[2].changed.gateways == {"gw"}


async def test_a_claim_for_an_unknown_work_order_waits_for_its_plan(ledger: Ledger) -> None:
    await ledger.append(envelope(counted(1, 8, 8), completed(2), first=1, last=2, prev=0))
    assert [(row.work_order, row.node, row.pieces.good) for row in ledger.reads.unassigned()] == [("WO-1", "CUT", 8)]
    await ledger.upsert_order(ORDER)
    assert (cut(ledger).lifecycle, Mark.NOT_PLANNED in cut(ledger).marks) == (Lifecycle.DONE, False)


@pytest.mark.law("rebuild")
async def test_views_are_the_same_after_a_rebuild_and_a_restart(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        await ledger.upsert_order(ORDER)
        await ledger.append(envelope(counted(1, 3, 3, owner=False), first=1, last=1, prev=0))
        await ledger.open_dispatch(QueueRow(station="CUT-1", work_order="WO-1", node="CUT", quantity=8), source=API)
        await ledger.append(envelope(counted(2, 8, 5), completed(3), first=2, last=3, prev=1))
        before = (ledger.reads.get_order("A-1"), ledger.reads.stations(), ledger.reads.unassigned())
    store.close()
    store = SqliteStore(tmp_path)
    assert rebuild(store) == 4  # the station, the work order, and the question whose the first pieces are
    reads = store.reads()
    assert (reads.get_order("A-1"), reads.stations(), reads.unassigned()) == before
    assert verify(store).differences == ()
    store.close()


async def test_envelopes_that_wait_together_are_told_as_one_commit(ledger: Ledger) -> None:
    heard: list[Appended] = []
    ledger.subscribe(heard.append)
    batches = [envelope(counted(seq, seq, 1), first=seq, last=seq, prev=seq - 1) for seq in (1, 2, 3)]
    answers = await asyncio.gather(*(ledger.append(batch) for batch in batches))
    assert [(one.upto, one.positions) for one in answers] == [(1, (1,)), (2, (2,)), (3, (3,))]
    assert [position for one in heard for position in one.positions] == [1, 2, 3]
    assert all(one.changed.work_orders == {"WO-1"} for one in heard)
    assert len(heard) < len(batches)


async def test_views_are_rebuilt_where_a_station_heard_late_and_answers_came_first(tmp_path: Path) -> None:
    """More than one piece of the log, so that what belongs together lies in several of them."""
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        target = f"gw:{EPOCH}:{PIECE + 5}"
        early = CountsAssigned(
            id=f"{UUID}1",
            at=minute(50),
            source=API,
            station="CUT-1",
            work_order="WO-1",
            node="CUT",
            target=target,
            result=Result.GOOD,
            pieces=1,
        )
        await ledger.append_events([early])
        for first in range(1, PIECE + 10, 500):
            part = [counted(seq, seq, 1, owner=seq % 7 != 0, at=9) for seq in range(first, first + 500)]
            await ledger.append(envelope(*part, first=first, last=first + 499, prev=first - 1))
        late = DispatchOpened(
            id=f"{UUID}2", at=minute(4), source=API, station="CUT-1", work_order="WO-1", node="CUT", pieces=8
        )
        await ledger.append_events([late])
        with store.transaction() as transaction:
            live = {key: (view.state, view.assigned) for key, view in transaction.all_views().items()}
    rebuild(store)
    with store.transaction() as transaction:
        assert {key: (view.state, view.assigned) for key, view in transaction.all_views().items()} == live
    assert verify(store).differences == ()
    store.close()


async def test_a_damaged_event_stops_a_rebuild_and_is_named(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        await ledger.append(envelope(counted(1, 3, 3), counted(2, 5, 2), first=1, last=2, prev=0))
    store.close()
    connection = sqlite3.connect(tmp_path / "genba.db")
    with connection:
        connection.execute(
            "UPDATE log SET body = CAST(replace(CAST(body AS TEXT), 'CUT-1', 'CUT-2') AS BLOB) WHERE position = 2"
        )
    connection.close()
    store = SqliteStore(tmp_path)
    with pytest.raises(DamagedRowError, match="position 2"):
        rebuild(store)
    assert [station.station for station in store.reads().stations()] == ["CUT-1"]
    store.close()


async def test_verify_reads_beside_a_running_collector(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        await ledger.append(envelope(counted(1, 3, 3), first=1, last=1, prev=0))
        reader = open_reader(tmp_path)
        found = await asyncio.to_thread(verify, reader)
        assert (found.events, found.links, found.differences) == (1, 1, ())
        reader.close()
    store.close()


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("UPDATE log SET body = replace(body, '\"delta\":3', '\"delta\":4') WHERE position = 1", "position 1"),
        ("UPDATE view SET state = replace(state, '3', '4') WHERE aggregate = 'work_order'", "view work_order WO-1"),
        ("DELETE FROM log WHERE position = 1", "position 1: missing"),
        ("DELETE FROM link WHERE number = 2", "no link covers it"),
    ],
)
async def test_verify_finds_what_was_tampered_with(tmp_path: Path, tampering: str, words: str) -> None:
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: minute(100)) as ledger:
        await ledger.append(envelope(counted(1, 3, 3), first=1, last=1, prev=0))
        await ledger.append(envelope(counted(2, 5, 2), first=2, last=2, prev=1))
        assert (await ledger.verify()).differences == ()
    store.close()
    connection = sqlite3.connect(tmp_path / "genba.db")
    with connection:
        connection.execute(tampering.replace("replace(body,", "replace(CAST(body AS TEXT),"))
        connection.execute("UPDATE log SET body = CAST(body AS BLOB)")
    connection.close()
    store = SqliteStore(tmp_path)
    assert any(words in difference for difference in verify(store).differences)
    store.close()
