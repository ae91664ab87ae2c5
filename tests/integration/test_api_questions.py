"""What gateways could not decide, over the API and a real store: asked, answered with one request, taken back."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from genba_cloud.core.facts.dispatching import Audience, dispatch_document
from genba_cloud.ledger import Appended, Ledger, verify
from genba_cloud.store import SqliteStore, open_reader
from genba_shared.events import (
    Confidence,
    CountsAssigned,
    DispatchOpened,
    EventCorrected,
    NodeCompleted,
    Result,
    Source,
    SourceType,
)
from tests.browser.support import EPOCH, NOW, PLC, Bench, bench, counted, doubted, questioned

PERSON = Source(type=SourceType.PERSON, ref="lead-7")


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    """A collector with one order; whatever a test did, log and views must agree at its end."""
    async with bench(tmp_path) as running:
        await running.post_order()
        yield running
        found = await running.collector.ledger.verify()
    assert found.differences == ()


def name(seq: int) -> str:
    return f"gw:{EPOCH}:{seq}"


def claimed(seq: int, pieces: int, *, confidence: Confidence = Confidence.CERTAIN) -> NodeCompleted:
    return NodeCompleted(
        id=name(seq), at=NOW, source=PLC, work_order="WO-1001", node="CUT", pieces=pieces, confidence=confidence
    )


def opened_late() -> DispatchOpened:
    """The station worked on WO-1001 for an hour before; nobody said so until now."""
    return DispatchOpened(
        id=str(uuid.uuid4()),
        at=NOW - timedelta(hours=1),
        source=PERSON,
        station="CUT-1",
        work_order="WO-1001",
        node="CUT",
    )


async def listed(desk: Bench, **query: str) -> list[dict[str, Any]]:
    answer = await desk["reader"].get("/api/v1/questions", params=query)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def answered(desk: Bench, question: str, **body: object) -> httpx.Response:
    return await desk["answers"].post(f"/api/v1/questions/{question}/answer", json=body)


async def cut(desk: Bench, work_order: str = "WO-1001") -> dict[str, Any]:
    order = (await desk["reader"].get(f"/api/v1/orders/{work_order.replace('WO', 'A')}")).json()
    node: dict[str, Any] = order["work_orders"][0]["nodes"][0]
    return node


async def unassigned(desk: Bench) -> int:
    items = (await desk["reader"].get("/api/v1/unassigned")).json()["items"]
    return sum(item["pieces"]["good"] for item in items)


async def test_an_ambiguous_count_is_asked_with_everything_a_person_needs(desk: Bench) -> None:
    await desk.hear(doubted(1, 7, options=("wrap:7", "reset:5")))
    (asked,) = await listed(desk)
    assert asked == {
        "id": name(1),
        "kind": "ambiguous",
        "open": True,
        "station": "CUT-1",
        "work_order": "WO-1001",
        "node": "CUT",
        "point": "cutter1/good",
        "result": "good",
        "since": "2026-01-05T08:51:00.000Z",
        "at": "2026-01-05T09:00:00.000Z",
        "counted": 7,
        "least": 5,
        "most": 7,
        "options": [
            {"option": "wrap:7", "method": "wrap", "pieces": 7},
            {"option": "reset:5", "method": "reset", "pieces": 5},
        ],
        "note": None,
        "answer": None,
    }
    assert "ambiguous" in (await cut(desk))["marks"]


async def test_one_tap_corrects_the_pieces_and_settles_the_doubt(desk: Bench) -> None:
    await desk.hear(doubted(1, 7, options=("wrap:7", "reset:5")))
    answer = await answered(desk, name(1), option="reset:5")
    assert (answer.status_code, answer.json()["changed"]) == (200, True)
    node = await cut(desk)
    assert (node["good"], node["marks"], node["status"]) == (5, [], "in_progress")
    assert await listed(desk) == []
    (closed,) = await listed(desk, state="answered")
    assert closed["answer"]["pieces"] == 5
    assert closed["answer"]["event"] not in {None, name(1)}
    events = (await desk["reader"].get("/api/v1/events", params={"kind": "event_corrected"})).json()["items"]
    assert [(event["target"], event["pieces"], event["because"]) for event in events] == [(name(1), 5, [name(1)])]
    assert closed["answer"]["by"] == events[0]["source"]["ref"]


async def test_a_questioned_reading_gives_its_pieces_to_the_node_it_was_read_for(desk: Bench) -> None:
    await desk.hear(questioned(1, options=("wrap:12", "reset:7")))
    before = await cut(desk)
    assert (before["good"], before["status"]) == (0, "pending")
    await answered(desk, name(1), option="reset:7")
    node = await cut(desk)
    assert (node["good"], node["started_at"], node["status"]) == (7, "2026-01-05T09:00:00.000Z", "in_progress")
    events = (await desk["reader"].get("/api/v1/events", params={"kind": "counts_assigned"})).json()["items"]
    assert [(event["work_order"], event["node"], event["pieces"]) for event in events] == [("WO-1001", "CUT", 7)]


async def test_pieces_that_were_never_made_need_no_owner(desk: Bench) -> None:
    await desk.hear(questioned(1, options=("wrap:12", "manual:0"), owner=None))
    assert (await answered(desk, name(1), option="manual:0")).status_code == 200
    assert await listed(desk) == []
    assert (await cut(desk))["good"] == 0


async def test_unassigned_pieces_are_given_to_a_node_and_leave_the_station(desk: Bench) -> None:
    await desk.hear(doubted(1, 6, owner=None, confidence=Confidence.CERTAIN))
    (asked,) = await listed(desk, station="CUT-1")
    assert (asked["kind"], asked["counted"], asked["work_order"]) == ("unassigned", 6, None)
    assert await unassigned(desk) == 6
    refused = await answered(desk, name(1), pieces=6)
    assert (refused.status_code, "nobody knows whose" in refused.json()["detail"]) == (422, True)
    assert (await answered(desk, name(1), pieces=6, work_order="WO-1001", node="CUT")).status_code == 200
    assert ((await cut(desk))["good"], await unassigned(desk), await listed(desk)) == (6, 0, [])


async def test_counts_without_an_owner_are_given_to_a_node_all_at_once_or_not_at_all(desk: Bench) -> None:
    await desk.hear(*(doubted(seq, 2, owner=None, confidence=Confidence.CERTAIN) for seq in (1, 2, 3)))
    await desk.hear(doubted(4, 7, options=("wrap:7", "reset:5")))
    client, owner = desk["answers"], {"work_order": "WO-1001", "node": "SEW"}
    for names, words in (((name(1), name(4)), "no count without an owner"), ((name(1), name(9)), "no count without")):
        refused = await client.post("/api/v1/questions/assign", json={"questions": names, **owner})
        assert (refused.status_code, words in refused.json()["detail"]) == (422, True)
        assert await unassigned(desk) == 6
    body = {"questions": [name(1), name(2), name(2)], **owner}
    assert (await client.post("/api/v1/questions/assign", json=body)).json() == {"assigned": 2}
    assert (await client.post("/api/v1/questions/assign", json=body)).json() == {"assigned": 0}
    order = (await desk["reader"].get("/api/v1/orders/A-1001")).json()
    assert (order["work_orders"][0]["nodes"][1]["good"], await unassigned(desk)) == (4, 2)


async def test_a_later_dispatch_that_owns_the_pieces_takes_the_question_away(desk: Bench) -> None:
    await desk.hear(doubted(1, 6, owner=None, confidence=Confidence.CERTAIN))
    assert len(await listed(desk)) == 1
    await desk.tell(opened_late())
    assert (await listed(desk), (await cut(desk))["good"], await unassigned(desk)) == ([], 6, 0)


async def test_an_answer_stands_when_a_dispatch_that_owns_the_pieces_comes_late(desk: Bench) -> None:
    await desk.post_order(order="A-2002")
    await desk.hear(doubted(1, 6, owner=None, confidence=Confidence.CERTAIN))
    await answered(desk, name(1), pieces=6, work_order="WO-2002", node="CUT")
    await desk.tell(opened_late())
    assert ((await cut(desk))["good"], (await cut(desk, "WO-2002"))["good"]) == (0, 6)
    assert (await unassigned(desk), await listed(desk)) == (0, [])


async def test_answering_again_takes_an_answer_back(desk: Bench) -> None:
    await desk.hear(doubted(1, 7, options=("wrap:7", "reset:5", "restore:2")))
    for option, good in (("reset:5", 5), ("restore:2", 2), ("wrap:7", 7)):
        assert (await answered(desk, name(1), option=option)).json()["changed"] is True
        assert (await cut(desk))["good"] == good
    again = await answered(desk, name(1), option="wrap:7")
    assert (again.status_code, again.json()["changed"]) == (200, False)
    kinds = {"kind": ["event_corrected", "counts_assigned"]}
    assert len((await desk["reader"].get("/api/v1/events", params=kinds)).json()["items"]) == 3


async def test_pieces_move_from_one_work_order_to_another(desk: Bench) -> None:
    await desk.post_order(order="A-2002")
    await desk.hear(doubted(1, 6, owner=None, confidence=Confidence.CERTAIN))
    await answered(desk, name(1), pieces=6, work_order="WO-1001", node="CUT")
    await answered(desk, name(1), pieces=6, work_order="WO-2002", node="CUT")
    assert ((await cut(desk))["good"], (await cut(desk, "WO-2002"))["good"]) == (0, 6)
    assert await unassigned(desk) == 0


SENSELESS: list[tuple[dict[str, object], str]] = [
    ({"option": "restore:3"}, "not an option"),
    ({"pieces": 9}, "not possible by what was read"),
    ({"pieces": 4}, "not possible by what was read"),
    ({"pieces": -1}, "pieces"),
    ({"pieces": "5"}, "pieces"),
    ({}, "either option or pieces"),
    ({"option": "wrap:7", "pieces": 7}, "either option or pieces"),
    ({"pieces": 5, "work_order": "WO-1001"}, "work_order and node together"),
    ({"pieces": 5, "work_order": "WO-9", "node": "CUT"}, "work order WO-9 is not known"),
    ({"pieces": 5, "work_order": "WO-1001", "node": "DYE"}, "has no node DYE"),
    ({"pieces": 5, "note": "a\nb"}, "note"),
    ({"pieces": 5, "colour": "blue"}, "colour"),
]


async def test_an_answer_that_makes_no_sense_is_refused_with_the_reason(desk: Bench) -> None:
    await desk.hear(doubted(1, 7, options=("wrap:7", "reset:5")))
    for body, words in SENSELESS:
        answer = await answered(desk, name(1), **body)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), body
        assert words in answer.json()["detail"], body
    assert ((await cut(desk))["good"], len(await listed(desk))) == (7, 1)


async def test_another_number_than_was_possible_is_taken_with_a_note(desk: Bench) -> None:
    await desk.hear(doubted(1, 7, options=("wrap:7", "reset:5")))
    assert (await answered(desk, name(1), pieces=4, note="counted in the box")).status_code == 200
    (closed,) = await listed(desk, state="answered")
    assert (closed["answer"]["pieces"], closed["answer"]["note"]) == (4, "counted in the box")


async def test_what_asks_nothing_cannot_be_answered(desk: Bench) -> None:
    await desk.hear(doubted(1, 3, confidence=Confidence.CERTAIN))
    certain, unknown = await answered(desk, name(1), pieces=3), await answered(desk, name(9), pieces=3)
    assert (certain.status_code, "asks nothing" in certain.json()["detail"]) == (422, True)
    assert unknown.status_code == 404


async def test_an_idempotency_key_gives_the_first_answer_again_and_only_to_its_own_question(desk: Bench) -> None:
    await desk.hear(*(doubted(seq, 7, options=("wrap:7", "reset:5")) for seq in (1, 2)))
    client, headers, body = desk["answers"], {"Idempotency-Key": "tap-1"}, {"option": "reset:5"}
    first = await client.post(f"/api/v1/questions/{name(1)}/answer", json=body, headers=headers)
    await answered(desk, name(1), option="wrap:7")
    again = await client.post(f"/api/v1/questions/{name(1)}/answer", json=body, headers=headers)
    other = await client.post(f"/api/v1/questions/{name(2)}/answer", json=body, headers=headers)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert (other.status_code, (await cut(desk))["good"]) == (422, 14)


async def test_questions_come_in_pages_newest_first(desk: Bench) -> None:
    await desk.hear(
        *(doubted(seq, 3, options=("wrap:3", "reset:1"), at=NOW + timedelta(minutes=seq // 2)) for seq in range(1, 6))
    )
    seen, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await desk["reader"].get("/api/v1/questions", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [name(5), name(4), name(3), name(2), name(1)]
    assert (await desk["reader"].get("/api/v1/questions", params={"cursor": "nonsense"})).status_code == 422
    assert await listed(desk, station="SEW-1") == []


async def test_a_claim_in_doubt_is_done_once_its_number_is_confirmed(desk: Bench) -> None:
    await desk.hear(doubted(1, 8, options=("wrap:8", "reset:6")), claimed(2, 8, confidence=Confidence.AMBIGUOUS))
    before = await cut(desk)
    assert (before["status"], before["marks"]) == ("awaiting_confirmation", ["ambiguous"])
    await answered(desk, name(1), option="wrap:8")
    after = await cut(desk)
    assert (after["status"], after["marks"], after["completed_at"]) == ("done", [], "2026-01-05T09:00:00.000Z")
    await answered(desk, name(1), option="reset:6")
    back = await cut(desk)
    assert (back["status"], back["marks"]) == ("awaiting_confirmation", ["below_quantity", "conflicting"])


async def test_a_claim_below_the_quantity_is_done_once_an_answer_brings_the_missing_pieces(desk: Bench) -> None:
    await desk.hear(doubted(1, 6, confidence=Confidence.CERTAIN), questioned(2, options=("wrap:2", "reset:0")))
    await desk.hear(claimed(3, 6))
    assert (await cut(desk))["marks"] == ["below_quantity"]
    await answered(desk, name(2), option="wrap:2")
    node = await cut(desk)
    assert (node["good"], node["status"], node["marks"]) == (8, "done", [])


async def test_a_quantity_that_an_answer_reaches_without_any_claim_is_for_a_person_to_confirm(desk: Bench) -> None:
    await desk.hear(doubted(1, 6, confidence=Confidence.CERTAIN), questioned(2, options=("wrap:2", "reset:0")))
    await answered(desk, name(2), option="wrap:2")
    node = await cut(desk)
    assert (node["good"], node["status"], node["marks"]) == (8, "awaiting_confirmation", ["quantity_reached"])
    await desk.hear(claimed(3, 8))
    assert ((await cut(desk))["status"], (await cut(desk))["marks"]) == ("done", [])


async def test_gateways_are_told_the_pieces_that_an_answer_changed(desk: Bench) -> None:
    heard: list[Appended] = []
    await desk.hear(doubted(1, 7, options=("wrap:7", "reset:5")))
    desk.collector.ledger.subscribe(heard.append)
    await answered(desk, name(1), option="reset:5")
    (work,) = desk.collector.ledger.reads.work(["WO-1001"])
    told = dispatch_document(
        Audience(stations=["CUT-1"], zones=[], nodes=["CUT"]), work={"WO-1001": work}, queue=[], open_at={}, tags=[]
    )
    assert (told.answered, heard[-1].changed.dispatch) == ({"WO-1001": {"CUT": -2}}, True)


async def test_an_answer_may_come_before_its_event_and_from_another_gateway(desk: Bench) -> None:
    early = CountsAssigned(
        id=str(uuid.uuid4()),
        at=NOW,
        source=PERSON,
        station="CUT-1",
        work_order="WO-1001",
        node="CUT",
        target=name(1),
        result=Result.GOOD,
        pieces=4,
    )
    await desk.tell(early)
    assert ((await cut(desk))["good"], await listed(desk, state="all")) == (0, [])
    await desk.hear(questioned(1, options=("wrap:4", "reset:2")))
    assert (await cut(desk))["good"] == 4
    other_epoch = replace(questioned(1, options=("wrap:9",)), id=f"gw:{'f' * 32}:1")
    await desk.hear(other_epoch)
    assert ((await cut(desk))["good"], [asked["id"] for asked in await listed(desk)]) == (4, [other_epoch.id])


async def test_a_certain_count_is_corrected_too_before_and_after_it_came(desk: Bench) -> None:
    def correction(pieces: int, minutes: int, target: str) -> EventCorrected:
        return EventCorrected(
            id=str(uuid.uuid4()), at=NOW + timedelta(minutes=minutes), source=PERSON, target=target, pieces=pieces
        )

    count = counted("WO-1001", "CUT", 5)
    await desk.tell(correction(3, 2, count.id))
    await desk.tell(count)
    assert (await cut(desk))["good"] == 3
    await desk.tell(correction(4, 1, count.id))
    assert (await cut(desk))["good"] == 3
    late = counted("WO-1001", "CUT", 2, total=7)
    await desk.tell(late)
    await desk.tell(correction(1, 1, late.id))
    assert (await cut(desk))["good"] == 4
    assert await listed(desk, state="all") == []


async def test_correcting_counts_by_events_needs_the_right_to_answer(desk: Bench) -> None:
    event = {
        "kind": "event_corrected",
        "id": str(uuid.uuid4()),
        "at": "2026-01-05T09:00:00.000Z",
        "source": {"type": "api", "ref": "mes"},
        "target": name(1),
        "pieces": 1,
    }
    refused = (await desk["events"].post("/api/v1/events", json={"events": [event]})).json()
    assert (refused["accepted"], refused["refused"][0]["reason"]) == (0, "event_corrected needs the right to answer")
    assert (await desk["admin"].post("/api/v1/events", json={"events": [event]})).json()["accepted"] == 1


async def test_a_restart_and_a_rebuild_keep_every_answer(tmp_path: Path) -> None:
    async with bench(tmp_path) as running:
        await running.post_order()
        await running.hear(doubted(1, 7, options=("wrap:7", "reset:5")), questioned(2, options=("wrap:2",), owner=None))
        await running.hear(doubted(3, 6, owner=None, confidence=Confidence.CERTAIN))
        await answered(running, name(1), option="reset:5")
        given = {"pieces": 2, "work_order": "WO-1001", "node": "CUT", "note": "the others were samples"}
        assert (await answered(running, name(3), **given)).status_code == 200
        live = (await cut(running), await listed(running, state="all"), await unassigned(running))
        await running.collector.ledger.rebuild()
        assert (await cut(running), await listed(running, state="all"), await unassigned(running)) == live
    async with bench(tmp_path) as again:
        assert (await cut(again), await listed(again, state="all"), await unassigned(again)) == live
        assert (live[0]["good"], live[2], [asked["open"] for asked in live[1]]) == (7, 4, [False, True, False])
        reader = open_reader(tmp_path)
        assert verify(reader).differences == ()
        reader.close()


async def test_views_of_an_older_version_are_folded_again_when_the_collector_starts(tmp_path: Path) -> None:
    async with bench(tmp_path) as running:
        await running.post_order()
        await running.hear(doubted(1, 7, options=("wrap:7", "reset:5")))
    with closing(sqlite3.connect(tmp_path / "genba.db")) as connection, connection:
        # as the version before wrote it: no questions, doubt without the ids of its events
        connection.execute("DELETE FROM meta WHERE key = 'views'")
        connection.execute("DELETE FROM question")
        connection.execute("DELETE FROM view WHERE aggregate = 'question'")
        connection.execute("""UPDATE view SET state = replace(state, '"doubtful": [', '"ambiguous": true, "was": [')""")
    reader = open_reader(tmp_path)
    assert "an older version of genba wrote them" in verify(reader).differences[0]
    reader.close()
    with closing(SqliteStore(tmp_path)) as store:
        async with Ledger(store, now=lambda: NOW) as ledger:
            assert [asked.question for asked in ledger.reads.questions().items] == [name(1)]
            assert (await ledger.verify()).differences == ()


@pytest.mark.parametrize("pieces", [-1, 10_000_001, 2**40])
async def test_an_answer_by_events_names_a_number_that_gateways_can_read(desk: Bench, pieces: int) -> None:
    """A gateway refuses a dispatch document with a number beyond its bounds, and every order in it."""
    event = {
        "kind": "counts_assigned",
        "id": str(uuid.uuid4()),
        "at": "2026-01-05T09:00:00.000Z",
        "source": {"type": "api", "ref": "mes"},
        "station": "CUT-1",
        "work_order": "WO-1001",
        "node": "CUT",
        "target": name(1),
        "result": "good",
        "pieces": pieces,
    }
    answer = (await desk["admin"].post("/api/v1/events", json={"events": [event]})).json()
    assert (answer["accepted"], "0 to 10000000" in answer["refused"][0]["reason"]) == (0, True)
