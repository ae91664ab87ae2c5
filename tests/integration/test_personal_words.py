"""What people write is sealed in log and views, opened where it may be read, and gone when its key is destroyed."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_cloud.core.delivery import Reach
from genba_cloud.ledger import EnvelopeBatch, Ledger, verify
from genba_cloud.ledger.sealing import KEY_FILE, InstallationKey, Seals
from genba_cloud.store import PostgresStore, SqliteStore
from genba_cloud.store.accounts import KeptAnswer
from genba_cloud.store.lock import DataLock
from genba_shared.events import (
    CountsAssigned,
    EventCorrected,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)
from tests.browser.support import EPOCH, NOW, Bench, bench, doubted
from tests.integration.log_history import Database, command

QUESTION = f"gw:{EPOCH}:1"
WHY = "Zhang San was distracted by her phone"


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        await running.post_order()
        await running.hear(doubted(1, 5))
        yield running
        found = await running.collector.ledger.verify()
    assert found.differences == ()


async def answer(desk: Bench, note: str = WHY) -> None:
    url = f"/api/v1/questions/{QUESTION}/answer"
    given = await desk["admin"].post(url, json={"pieces": 7, "note": note}, headers={"Idempotency-Key": "k1"})
    assert given.status_code == 200
    assert given.json()["question"]["answer"]["note"] == note


async def note_of(desk: Bench) -> str:
    question = (await desk["reader"].get("/api/v1/questions", params={"state": "answered"})).json()["items"][0]
    text: str = question["answer"]["note"]
    return text


async def logged(desk: Bench) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await desk["reader"].get("/api/v1/events", params={"limit": 1000})).json()["items"]
    return items


def stored(folder: Path, names: str = "*.db*") -> bytes:
    """Everything that lies in these files."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob(names)))


@pytest.mark.requirement("R86", part="what people write is sealed in every file")
async def test_words_are_sealed_in_every_file_and_opened_where_they_are_read(desk: Bench, tmp_path: Path) -> None:
    await answer(desk)
    assert await note_of(desk) == WHY
    assert [event["note"] for event in await logged(desk) if "note" in event] == [WHY]
    ledger = stored(tmp_path, "genba.db*")
    assert (WHY.encode() in ledger, re.search(rb'"note":"~1:[0-9a-f]{16}:[\w-]+"', ledger) is not None) == (False, True)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


@pytest.mark.requirement("R89")
async def test_erased_words_are_gone_from_every_file_and_the_chain_stays(desk: Bench, tmp_path: Path) -> None:
    await answer(desk)
    with sqlite3.connect(tmp_path / "genba.db") as connection:
        [(wrapped,)] = connection.execute("SELECT wrapped FROM subject_key").fetchall()
    connection.close()
    erased = await desk["admin"].post("/api/v1/subjects/erase", json={"subject": "admin"})
    assert (erased.status_code, len(erased.json()["keys"])) == (200, 1)
    assert await note_of(desk) == "(erased)"
    assert [event["note"] for event in await logged(desk) if "note" in event] == ["(erased)"]
    connection = sqlite3.connect(tmp_path / "genba.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert connection.execute("SELECT subject, wrapped, erased_at > 0 FROM subject_key").fetchall() == [(None, None, 1)]
    connection.close()
    left = stored(tmp_path)
    assert [start for start in range(0, len(wrapped), 12) if wrapped[start : start + 12] in left] == []
    assert WHY.encode() not in left


async def test_an_erased_text_is_shown_in_the_words_of_the_page(desk: Bench) -> None:
    await answer(desk)
    await desk["admin"].post("/api/v1/subjects/erase", json={"subject": "admin"})
    for language, words in (("en", "(erased)"), ("zh", "（已删除）"), ("ja", "（削除済み）")):
        page = await desk["admin"].get("/questions", headers={"Accept-Language": language}, follow_redirects=True)
        assert (page.status_code, words in page.text) == (200, True)


async def test_who_writes_again_after_an_erasure_has_a_new_key(desk: Bench) -> None:
    await answer(desk)
    await desk["admin"].post("/api/v1/subjects/erase", json={"subject": "admin"})
    given = await desk["admin"].post(f"/api/v1/questions/{QUESTION}/answer", json={"pieces": 6, "note": "new"})
    assert given.json()["question"]["answer"]["note"] == "new"
    assert [event["note"] for event in await logged(desk) if "note" in event] == ["(erased)", "new"]


def corrected(*, ref: str = "Zhang San", note: str = WHY, name: str | None = None) -> EventCorrected:
    source = Source(type=SourceType.PERSON, ref=ref)
    return EventCorrected(
        id=name or str(uuid.uuid4()), at=NOW, source=source, target=QUESTION, pieces=7, note=note, reason="recount"
    )


async def test_the_same_event_again_is_a_repetition_although_it_was_sealed(desk: Bench) -> None:
    ledger, event = desk.collector.ledger, corrected()
    assert len((await ledger.append_events([event])).events) == 1
    again = await ledger.append_events([event, corrected(name=event.id, note="another")])
    assert (again.events, again.duplicates, again.conflicts) == ((), 1, (event.id,))
    await ledger.erase_subject("Zhang San")
    after = await ledger.append_events([event])
    assert (after.events, after.duplicates) == ((), 1)


async def test_a_name_in_the_place_of_an_opaque_id_is_sealed_and_an_opaque_one_is_not(
    desk: Bench, tmp_path: Path
) -> None:
    await desk.collector.ledger.append_events([corrected(), corrected(ref="p-17", note="short")])
    assert (b"Zhang San" in stored(tmp_path), b'"ref":"p-17"' in stored(tmp_path)) == (False, True)
    events = [event for event in await logged(desk) if event["kind"] == "event_corrected"]
    assert [(event["source"]["ref"], event["reason"]) for event in events] == [
        ("Zhang San", "recount"),
        ("p-17", "recount"),
    ]


async def test_what_a_gateway_says_is_never_sealed_so_that_it_is_known_again_when_it_is_sent_again(
    desk: Bench, tmp_path: Path
) -> None:
    said = StationStateChanged(
        id=f"gw:{EPOCH}:2",
        at=NOW - timedelta(minutes=30),
        source=Source(type=SourceType.PERSON, ref="Zhang San"),
        station="CUT-1",
        state=StationState.DOWN,
        since=NOW - timedelta(minutes=30),
        reason="belt torn",
    )
    await desk.hear(said)
    assert b"belt torn" in stored(tmp_path, "genba.db*")
    reach = Reach(first=2, last=2, prev=1, acked=1, run="0badc0de")
    again = EnvelopeBatch(gateway="gw", lane="facts", epoch=EPOCH, reach=reach, events=(said,))
    taken = await desk.collector.ledger.append(again)
    assert (taken.upto, taken.forked, desk.collector.ledger.reads.quarantined()) == (2, False, ())


async def test_a_reason_that_a_person_gave_for_a_state_is_opened_in_the_timeline(desk: Bench) -> None:
    state = StationStateChanged(
        id=str(uuid.uuid4()),
        at=NOW - timedelta(minutes=30),
        source=Source(type=SourceType.PERSON, ref="p-17"),
        station="CUT-1",
        state=StationState.DOWN,
        since=NOW - timedelta(minutes=30),
        reason="belt torn",
    )
    await desk.collector.ledger.append_events([state])
    query = {"from": (NOW - timedelta(hours=1)).isoformat(), "to": NOW.isoformat()}
    shown = await desk["reader"].get("/api/v1/stations/CUT-1/state", params=query)
    assert "belt torn" in [interval["reason"] for interval in shown.json()["intervals"]]


async def test_a_text_of_4096_letters_of_any_language_is_kept_whole(desk: Bench) -> None:
    await desk.collector.ledger.append_events([corrected(note="検" * 4096)])
    assert await note_of(desk) == "検" * 4096


async def test_a_sealed_text_that_was_put_into_another_event_is_not_opened(desk: Bench) -> None:
    ledger = desk.collector.ledger
    await ledger.append_events([corrected()])
    page = ledger.reads.events(limit=1000)
    sealed = next(row.event for row in page.items if isinstance(row.event, EventCorrected))
    forged = CountsAssigned(
        id=str(uuid.uuid4()),
        at=NOW,
        source=Source(type=SourceType.API, ref="erp"),
        station="CUT-1",
        work_order="WO-1001",
        node="CUT",
        target=QUESTION,
        result=Result.GOOD,
        pieces=5,
        note=sealed.note,
    )
    await ledger.append_events([forged])
    [shown] = [event for event in await logged(desk) if event["kind"] == "counts_assigned"]
    assert shown["note"] == sealed.note  # it was sealed once more, as any other text


@pytest.mark.requirement("R89")
async def test_export_and_erasure_by_command(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    seals = Seals(installation=InstallationKey.of_folder(tmp_path))
    async with Ledger(store, now=lambda: NOW, seals=seals) as ledger:
        await ledger.append_events([corrected(), corrected(ref="p-17", note="mine")])
    store.close()
    code, out, _ = await command("subject", "export", "Zhang San", "--data", str(tmp_path))
    exported = [json.loads(line) for line in out.splitlines()]
    assert [(line["position"], line["source"]["ref"], line["note"]) for line in exported] == [(1, "Zhang San", WHY)]
    code, out, _ = await command("subject", "erase", "Zhang San", "--data", str(tmp_path))
    assert (code, out.startswith("erased subject=Zhang San keys=")) == (0, True)
    assert (await command("subject", "export", "Zhang San", "--data", str(tmp_path)))[1] == ""
    assert (await command("subject", "erase", "Zhang San", "--data", str(tmp_path)))[0] == 2
    out = (await command("subject", "export", "p-17", "--data", str(tmp_path)))[1]
    assert json.loads(out)["note"] == "mine"
    store = SqliteStore(tmp_path)
    assert verify(store).differences == ()
    store.close()


async def test_on_postgresql_the_command_erases_words_and_what_was_answered(tmp_path: Path, postgres_url: str) -> None:
    database = Database(data_dir=tmp_path, url=postgres_url)
    store = database.store()
    assert isinstance(store, PostgresStore)
    accounts = store.accounts()
    accounts.keep_answer("Zhang San", "k1", KeptAnswer(request_hash="h", status=200, body=WHY))
    accounts.keep_answer("p-17", "k1", KeptAnswer(request_hash="h", status=200, body="another"))
    seals = Seals(installation=InstallationKey.of_folder(tmp_path))
    async with Ledger(store, now=lambda: NOW, seals=seals) as ledger:
        await ledger.append_events([corrected()])
        lock = DataLock(tmp_path)  # as a running collector holds it
        code, said, problem = await command(
            "subject", "erase", "Zhang San", "--data", str(tmp_path), "--db", postgres_url
        )
        lock.release()
        assert (code, said.split()[:1]) == (0, ["erased"]), problem
    left = [accounts.kept_answer(who, "k1") for who in ("Zhang San", "p-17")]
    assert [answer.body if answer else None for answer in left] == [None, "another"]
    assert database.run("SELECT subject, wrapped FROM subject_key") == [(None, None)]
    assert verify(store).differences == ()
    store.close()
