"""Old parts of the log move into files: everything that reads the log reads both, or says what it cannot."""

from __future__ import annotations

import gzip
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from genba_cloud.core.facts import Refused, ViewKey
from genba_cloud.ingest.messages import reread
from genba_cloud.ledger import AnswerToGive, EnvelopeBatch, Ledger, rebuild, verify
from genba_cloud.ledger.archive import ArchiveError, archive, rows_of
from genba_cloud.ledger.chain import canonical
from genba_cloud.ledger.heads import LogDamagedError
from genba_cloud.ledger.sealing import InstallationKey, Seals
from genba_cloud.store import DEFAULT_ENTERPRISE, SqliteStore, Store
from genba_cloud.store.port import Quarantined, StoredView
from genba_cloud.store.proofs import ArchiveRow, event_of_row
from genba_cloud.store.read import ArchivedError
from genba_shared.events import (
    DispatchOpened,
    Event,
    EventCorrected,
    PiecesCounted,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)
from tests.browser.support import bench
from tests.integration.log_history import EPOCH, START, Database, command, counted, envelope, write_log

PERSON = Source(type=SourceType.API, ref="erp")


def unnamed(seq: int, *, at: int | None = None) -> PiecesCounted:
    count = counted(seq)
    assert isinstance(count, PiecesCounted)
    happened = START + timedelta(minutes=seq if at is None else at)
    return replace(count, work_order=None, node=None, at=happened)


def dispatched(minute: int, work_order: str) -> DispatchOpened:
    return DispatchOpened(
        id=str(uuid.uuid4()),
        at=START + timedelta(minutes=minute),
        source=PERSON,
        station="CUT-1",
        work_order=work_order,
        node="CUT",
    )


def stood(seq: int, minute: int) -> StationStateChanged:
    return StationStateChanged(
        id=f"gw:{EPOCH}:{seq}",
        at=START + timedelta(minutes=minute),
        source=Source(type=SourceType.PLC, ref="cutter1/state"),
        station="CUT-1",
        state=StationState.IDLE if seq % 2 else StationState.RUNNING,
        since=START + timedelta(minutes=minute),
    )


def batch(*events: Event, first: int) -> EnvelopeBatch:
    one = envelope(range(first, first + len(events)))
    return replace(one, events=tuple(events))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A store with a ledger on it, and what was archived."""

    store: Store
    ledger: Ledger
    data: Path

    def archive(self, upto: int) -> ArchiveRow | None:
        with self.store.transaction() as transaction:
            return archive(
                transaction, DEFAULT_ENTERPRISE, upto=upto, folder=self.data / "archive", now=START + timedelta(days=1)
            )

    def positions(self) -> list[int]:
        """What the log itself still holds."""
        return [row[0] for row in Database(data_dir=self.data).run("SELECT position FROM log ORDER BY position")]

    def views(self) -> Mapping[ViewKey, StoredView]:
        with self.store.transaction() as transaction:
            return transaction.all_views()


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """Positions 1 to 12: dispatch, counts with and without a name, states; a commit each, but for 9 to 11."""
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: START + timedelta(hours=2)) as ledger:
        await ledger.append_events([dispatched(0, "WO-1")])  # 1
        for seq in range(1, 5):  # 2, 3, 4, 5
            await ledger.append(batch(counted(seq), first=seq))
        await ledger.append(batch(unnamed(5), first=5))  # 6
        await ledger.append(batch(stood(6, 6), first=6))  # 7
        await ledger.append(batch(stood(7, 7), first=7))  # 8
        await ledger.append(batch(counted(8), counted(9), counted(10), first=8))  # 9, 10, 11
        await ledger.append(batch(counted(11), first=11))  # 12
        yield Shop(store=store, ledger=ledger, data=tmp_path)
    store.close()


def move(old: str | Path, new: str | Path) -> None:
    Path(old).rename(new)


def content_of(row: ArchiveRow) -> bytes:
    return gzip.decompress(Path(row.file).read_bytes())


def write_content(row: ArchiveRow, content: bytes) -> str:
    """Put other content into an archive; the hash of the file."""
    Path(row.file).write_bytes(gzip.compress(content))
    return hashlib.sha256(Path(row.file).read_bytes()).hexdigest()


def proven(shop: Shop) -> Sequence[str]:
    return verify(shop.store).differences


async def test_whole_commits_go_and_what_folding_needs_stays(shop: Shop) -> None:
    row = shop.archive(10)
    assert row is not None
    assert (row.first, row.last, row.last_link) == (1, 8, 8)
    assert shop.positions() == [1, 6, 8, 9, 10, 11, 12]
    assert proven(shop) == ()


async def test_the_newest_commit_always_stays_and_the_log_goes_on(shop: Shop) -> None:
    row = shop.archive(12)
    assert row is not None
    assert row.last == 11
    appended = await shop.ledger.append(batch(counted(12), first=12))
    assert appended.positions == (13,)
    assert shop.archive(5) is None
    second = shop.archive(12)
    assert second is not None
    assert (second.first, second.last) == (12, 12)
    assert proven(shop) == ()


async def test_views_folded_from_archives_and_log_are_those_that_were_there(shop: Shop) -> None:
    before = shop.views()
    shop.archive(11)
    rebuild(shop.store)
    assert shop.views() == before


async def test_a_late_event_folds_its_station_again_as_if_nothing_were_archived(shop: Shop) -> None:
    shop.archive(11)
    await shop.ledger.append(batch(unnamed(12, at=3), first=12))
    await shop.ledger.append_events([dispatched(4, "WO-2")])
    assert proven(shop) == ()


async def test_an_answer_about_an_archived_event_counts_and_an_old_question_can_be_answered(shop: Shop) -> None:
    shop.archive(11)
    corrected = EventCorrected(
        id=str(uuid.uuid4()), at=START + timedelta(hours=1), source=PERSON, target=f"gw:{EPOCH}:2", pieces=3
    )
    await shop.ledger.append_events([corrected])
    found = shop.ledger.reads.question(f"gw:{EPOCH}:2")
    refused = await shop.ledger.answer_question(AnswerToGive(question=f"gw:{EPOCH}:3", pieces=2), source=PERSON)
    assert (proven(shop), found) == ((), None)  # it asks nothing, and its pieces are corrected all the same
    assert isinstance(refused, Refused)
    assert refused.reason == f"event gw:{EPOCH}:3 asks nothing"


async def test_a_card_of_long_ago_is_compared_with_archives_too(shop: Shop) -> None:
    shop.archive(11)
    old = batch(counted(1), counted(2), first=1)
    again = replace(old, reach=replace(old.reach, run="bbbbbbbb"))
    appended = await shop.ledger.append(again)
    assert (appended.upto, appended.forked, appended.events) == (2, False, ())
    assert shop.store.reads().quarantined() == ()
    other = replace(again, events=(counted(1), replace(counted(2), at=START)))
    forked = await shop.ledger.append(replace(other, reach=replace(other.reach, run="cccccccc")))
    assert (forked.forked, [row.event_id for row in shop.store.reads().quarantined()]) == (True, [f"gw:{EPOCH}:2"])


async def test_what_is_archived_is_not_taken_again_out_of_quarantine(shop: Shop) -> None:
    shop.archive(11)
    row = Quarantined(gateway="gw", reason="?", received_at=START, body=canonical(counted(2)), event_id=counted(2).id)
    await shop.ledger.quarantine([row])
    last = shop.store.reads().last_position()
    retried = await shop.ledger.retry_quarantined([1], reread)
    assert (retried.taken, retried.stays, shop.store.reads().last_position()) == (0, (), last)


async def test_a_missing_archive_is_named_and_what_stands_behind_it_is_proven(shop: Shop) -> None:
    row = shop.archive(8)
    assert row is not None
    move(row.file, shop.data / "elsewhere")
    found = verify(shop.store)
    missing = f"archive {row.file} is missing: positions 1 to 8 cannot be read until it is back"
    assert (found.first_bad, found.differences[0], found.events) == (1, missing, 12)
    with pytest.raises(ArchiveError, match="positions 1 to 8 cannot be read"):
        rebuild(shop.store)
    Database(data_dir=shop.data).change_body(12, leaf=False)
    assert [words for words in proven(shop) if words.startswith("event at position 12")] != []
    move(shop.data / "elsewhere", row.file)
    assert verify(shop.store).first_bad == 12


async def test_a_changed_archive_is_named(shop: Shop) -> None:
    row = shop.archive(8)
    assert row is not None
    changed = write_content(row, content_of(row).replace(b'\\"delta\\":1', b'\\"delta\\":9', 1))
    assert "is not what was written" in proven(shop)[0]
    Database(data_dir=shop.data).run("UPDATE archive SET sha256 = ?", changed)
    assert verify(shop.store).first_bad == 2


async def test_a_row_that_stayed_and_was_changed_is_named(shop: Shop) -> None:
    shop.archive(8)
    database = Database(data_dir=shop.data)
    database.run("UPDATE log SET body = replace(CAST(body AS TEXT), 'WO-1', 'WO-9') WHERE position = 1")
    found = verify(shop.store)
    assert (found.first_bad, found.differences[0]) == (
        1,
        "event at position 1: the log keeps another one than the archive",
    )


async def test_nothing_is_archived_of_a_log_that_is_not_what_was_committed(shop: Shop) -> None:
    Database(data_dir=shop.data).change_body(3, leaf=False)
    with pytest.raises(LogDamagedError, match="position 3 is not what was committed"):
        shop.archive(8)
    assert (len(shop.positions()), shop.store.reads().events(limit=1).archived_upto) == (12, 0)


async def test_an_archive_can_be_read_without_this_program(shop: Shop) -> None:
    row = shop.archive(8)
    assert row is not None
    lines = [json.loads(line) for line in content_of(row).splitlines()]
    assert (lines[0]["first"], lines[0]["last"], lines[-1]) == (1, 8, {"end": True, "last": 8, "last_link": 8})
    rows = [line for line in lines if "b" in line]
    assert [hashlib.sha256(line["b"].encode()).hexdigest() for line in rows] == [line["l"] for line in rows]


async def test_reading_says_what_is_archived(shop: Shop) -> None:
    shop.archive(8)
    reads = shop.store.reads()
    page = reads.events(limit=2)
    assert ([item.position for item in page.items], page.archived_upto) == ([9, 10], 8)
    with pytest.raises(ArchivedError):
        reads.station_events("CUT-1", begin=START, end=START + timedelta(hours=1))
    later = reads.station_events("CUT-1", begin=START + timedelta(minutes=8), end=START + timedelta(hours=1))
    assert later is not None
    assert [event.id for event in later] == [f"gw:{EPOCH}:7"]


async def test_the_api_says_what_is_archived(tmp_path: Path) -> None:
    async with bench(tmp_path) as desk:
        await desk.post_order()
        await desk.post_order(order="A-2", promised=None)
        with desk.collector.heads.store.transaction() as transaction:
            row = archive(transaction, DEFAULT_ENTERPRISE, upto=4, folder=tmp_path / "archive", now=START)
        assert row is not None
        gone = await desk["reader"].get("/api/v1/events")
        assert (gone.status_code, gone.json()["archived_upto"]) == (410, 4)
        there = (await desk["reader"].get("/api/v1/events", params={"after": 4})).json()
        assert ([item["position"] for item in there["items"]], there["archived_upto"]) == ([5, 6, 7, 8], 4)
        of_order = (await desk["reader"].get("/api/v1/orders/A-1001/events")).json()
        assert (of_order["items"], of_order["archived_upto"]) == ([], 4)


async def test_what_needs_an_archive_that_is_missing_is_refused_with_its_name_and_taken_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as desk:
        await desk.post_order()
        await desk.hear(counted(1), counted(2))
        event = f"gw:{EPOCH}:1"
        with desk.collector.heads.store.transaction() as transaction:
            row = archive(transaction, DEFAULT_ENTERPRISE, upto=6, folder=tmp_path / "archive", now=START)
        assert row is not None
        move(row.file, tmp_path / "elsewhere")
        correction = {
            "kind": "event_corrected",
            "id": str(uuid.uuid4()),
            "at": "2026-01-05T09:00:00Z",
            "source": {"type": "api", "ref": "erp"},
            "target": event,
            "pieces": 2,
        }
        calls = {
            f"/api/v1/questions/{event}/answer": {"pieces": 2},
            "/api/v1/events": {"events": [correction]},
        }
        before = (await desk["reader"].get("/api/v1/events", params={"after": row.last})).json()["items"]
        without = f"positions 1 to {row.last} cannot be read until it is back; nothing was changed, try again then"
        said = f"archive {Path(row.file).name} is missing: {without}"
        for path, body in calls.items():
            refused = await desk["admin"].post(path, json=body)
            assert (refused.status_code, refused.json()["detail"]) == (409, said), refused.text
        assert (await desk["reader"].get("/api/v1/events", params={"after": row.last})).json()["items"] == before
        move(tmp_path / "elsewhere", row.file)
        taken = await desk["admin"].post("/api/v1/events", json={"events": [correction]})
        assert taken.status_code in {200, 201}, taken.text
        found = await desk.collector.ledger.verify()
        assert found.differences == ()


async def test_the_command_archives_and_proofs_of_old_events_go_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    store = SqliteStore(data)
    await write_log(store, data)
    store.close()
    code, said, _ = await command(
        "archive", "--before", "2027-01-01", "--data", str(data), "--to", str(tmp_path / "old")
    )
    assert (code, said.split()[:3]) == (0, ["archived", "first=1", "last=8"])
    assert (await command("archive", "--upto", "8", "--data", str(data)))[0] == 2
    code, said, _ = await command("verify", "--data", str(data), "--heads", str(data / "heads.jsonl"))
    assert (code, said) == (0, "events=9 links=5 heads=10 views=2 differences=0\n")
    code, said, _ = await command("prove", f"gw:{EPOCH}:3", "--data", str(data))
    assert (code, json.loads(said)["position"]) == (0, 3)


async def test_on_postgresql_words_are_sealed_erased_and_archived_as_on_sqlite(
    tmp_path: Path, postgres_url: str
) -> None:
    database = Database(data_dir=tmp_path, url=postgres_url)
    store = database.store()
    seals = Seals(installation=InstallationKey.of_folder(tmp_path))
    async with Ledger(store, now=lambda: START, seals=seals) as ledger:
        person = Source(type=SourceType.PERSON, ref="Zhang San")
        said = EventCorrected(id=str(uuid.uuid4()), at=START, source=person, target="t", pieces=1, note="why")
        await ledger.append_events([said])
        for seq in range(1, 4):
            await ledger.append(batch(unnamed(seq) if seq == 1 else counted(seq), first=seq))
        assert (await ledger.append_events([said])).duplicates == 1
        with store.transaction() as transaction:
            row = archive(transaction, DEFAULT_ENTERPRISE, upto=3, folder=tmp_path / "archive", now=START)
        assert row is not None
        assert (row.last, database.run("SELECT position FROM log ORDER BY position")) == (3, [(2,), (4,)])
        assert len(await ledger.erase_subject("Zhang San")) == 1
        await ledger.append(batch(unnamed(4, at=0), first=4))
        with store.reads().proofs() as proofs:
            [opened] = seals.opened(proofs, [event_of_row(one) for one in rows_of(row)][:1])
    assert (opened.source.ref, getattr(opened, "note", None)) == ("(erased)", "(erased)")
    assert verify(store).differences == ()
    store.close()
