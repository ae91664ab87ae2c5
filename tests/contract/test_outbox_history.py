"""What stays in an outbox after the collector has taken it, for how long, and what it gives way to."""

from __future__ import annotations

import dataclasses
import json
import logging
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from genba_edge.app.evidence import find
from genba_edge.outbox import Archive, HistoryLimits, SqliteOutbox
from genba_shared.errors import ContractError, OutboxFull, UsageError
from genba_shared.events import event_to_json
from tests.contract.outboxes import GATEWAY, Open, counted, events_for, kept, parts


def test_what_was_acknowledged_stays_as_history_with_its_trail(reopen: Open, tmp_path: Path) -> None:
    outbox = reopen()
    events = events_for(outbox, 4)
    outbox.append(events, {}, {events[1].id: '{"chosen":"裁"}', events[2].id: '{"chosen":"\ud800"}'})
    outbox.acknowledge(3)
    assert [event.id for event in outbox.pending(after=0, limit=9)] == [events[3].id]
    outbox.close()
    with Archive(tmp_path) as archive:
        found = [archive.row(seq) for seq in (1, 2, 3, 4, 5)]
    assert [row and row.event for row in found] == [*events, None]
    assert [row and row.trail for row in found] == [None, {"chosen": "裁"}, {"chosen": "\ud800"}, None, None]


def test_a_trail_goes_with_its_event_or_not_at_all(reopen: Open) -> None:
    outbox = reopen()
    events = [*events_for(outbox, 1), counted("0" * 32, 2)]
    with pytest.raises(ContractError, match="does not continue"):
        outbox.append(events, {}, {events[0].id: "{}"})
    assert kept(outbox) == []


def of_bytes(most: int) -> HistoryLimits:
    return HistoryLimits(most_bytes=most)


def test_history_is_bounded_in_bytes_and_what_is_pending_is_never_taken(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(10_400))
    outbox.append(events_for(outbox, 300), {})
    (size,) = outbox._connection.execute("SELECT min(length(line)) FROM event").fetchone()
    assert 90 < size < 110
    assert kept(outbox) == list(range(1, 301))
    for upto in range(10, 201, 10):
        outbox.acknowledge(upto)
        held = kept(outbox)
        assert held[-1] == 300
        assert held == list(range(held[0], 301))
        assert (upto - held[0] + 1) * size <= 10_400 * 18 / 16 + 10 * size
    assert 60 < len([seq for seq in kept(outbox) if seq <= 200]) <= 11_700 / size
    mark = outbox.mark()
    assert (mark.acknowledged, mark.depth) == (200, 100)
    assert [event.id for event in outbox.pending(after=0, limit=1)] == [f"{GATEWAY}:{mark.epoch}:201"]
    outbox.close()


def test_history_of_nothing_keeps_nothing(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(0))
    outbox.append(events_for(outbox, 5), {})
    outbox.acknowledge(4)
    assert (kept(outbox), outbox.mark().depth) == ([5], 1)
    outbox.close()


def test_history_is_bounded_in_age_beside_its_newest_event(tmp_path: Path) -> None:
    hour = HistoryLimits(keep=timedelta(hours=1))
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=hour)
    outbox.append(events_for(outbox, 3600), {})  # one a second
    outbox.acknowledge(3600)
    assert len(kept(outbox)) == 3600
    outbox.append(events_for(outbox, 400), {})
    outbox.acknowledge(3700)
    assert kept(outbox)[0] == 1, "a little over the limit is not worth a write"
    outbox.acknowledge(4000)
    outbox.append([], {"key": "1"})
    assert kept(outbox)[0] == 400
    outbox.close()


def test_old_history_is_dropped_in_parts_and_no_row_is_deleted_for_it(reopen: Open, tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(21_000))
    asked: list[str] = []
    outbox._connection.set_trace_callback(asked.append)
    for _ in range(100):
        outbox.append(events_for(outbox, 10), {})
        outbox.acknowledge(outbox.mark().next_seq - 3)  # two always wait
        assert outbox.mark().depth == 2
    outbox._connection.set_trace_callback(None)
    dropped = [text for text in asked if text.startswith("DROP TABLE history_")]
    deleted = [text for text in asked if text.startswith("DELETE FROM") and " map " not in text]
    assert len(dropped) >= 3
    assert all(" WHERE seq > " in text for text in deleted), "only what waits is moved on"
    assert 3 <= len(parts(outbox)) <= 9
    held, mark = kept(outbox), outbox.mark()
    assert held == list(range(held[0], 1001))
    assert 100 < len(held) < 250
    outbox.close()
    with Archive(tmp_path) as archive:
        assert archive.first_seq == held[0]
        rows = archive.rows_with('"kind":"pieces_counted"', begin=1, end=2000)
        newest = archive.newest_with('"kind":"pieces_counted"', before=990)
    assert [row.seq for row in rows] == held
    assert newest is not None
    assert newest.seq == 989
    again = reopen()
    assert (again.mark(), kept(again)) == (mark, held)
    assert [event.id for event in again.pending(after=0, limit=9)] == [
        f"{GATEWAY}:{mark.epoch}:{n}" for n in (999, 1000)
    ]


def test_an_archive_that_is_open_follows_the_parts(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(21_000))
    outbox.append(events_for(outbox, 100), {})
    outbox.acknowledge(100)
    with Archive(tmp_path) as archive:
        assert archive.row(50) is not None
        for _ in range(60):
            outbox.append(events_for(outbox, 10), {})
            outbox.acknowledge(outbox.mark().next_seq - 1)
        assert archive.row(50) is None
        newest = archive.row(700)
        assert newest is not None
        assert newest.event is not None
    outbox.close()


def test_what_an_outage_left_is_taken_row_by_row_and_never_as_a_whole(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(21_000))
    outbox.append(events_for(outbox, 5000), {})  # half a megabyte
    outbox.acknowledge(5000)
    held = kept(outbox)
    assert held == list(range(held[0], 5001))
    assert 100 < len(held) < 300
    outbox.close()


def test_history_gives_way_when_the_disk_is_full(reopen: Open, caplog: pytest.LogCaptureFixture) -> None:
    outbox = reopen()
    outbox.append(events_for(outbox, 400), {})
    outbox.acknowledge(350)
    pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    outbox._connection.execute(f"PRAGMA max_page_count={pages}")
    with caplog.at_level(logging.WARNING):
        outbox.append(events_for(outbox, 150), {})
    assert "history let go" in caplog.text
    assert kept(outbox) == list(range(kept(outbox)[0], 551))
    assert 1 < kept(outbox)[0] <= 351
    assert outbox.mark().depth == 200
    with pytest.raises(OutboxFull):
        outbox.append(events_for(outbox, 2000), {})
    assert kept(outbox) == list(range(351, 551)), "all history went, and nothing that is pending"


def test_an_odd_row_in_the_history_stops_neither_trimming_nor_reading(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(2_700))
    outbox.append(events_for(outbox, 100), {})
    outbox._connection.execute("UPDATE event SET line = 'x', trail = x'ff00' WHERE seq IN (1, 2, 60)")
    outbox._connection.execute("UPDATE event SET line = 7, trail = '[' WHERE seq = 70")
    for upto in (30, 50, 80, 90):
        outbox.acknowledge(upto)
    assert 40 < kept(outbox)[0] < 90
    outbox.close()
    with Archive(tmp_path) as archive:
        damaged = archive.row(70)
        assert damaged is not None
        assert (damaged.event, damaged.trail) == (None, None)


V1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT NOT NULL)",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "PRAGMA user_version=1",
)


def test_a_file_of_the_first_format_goes_on(reopen: Open, tmp_path: Path) -> None:
    epoch = "a" * 32
    old = sqlite3.connect(tmp_path / "outbox.db")
    old.execute("PRAGMA journal_mode=WAL")
    for statement in V1:
        old.execute(statement)
    meta = {"gateway": GATEWAY, "epoch": epoch, "next_seq": 6, "acknowledged": 3}
    old.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    for seq in (4, 5):
        line = json.dumps(event_to_json(counted(epoch, seq)), ensure_ascii=False)
        old.execute("INSERT INTO event VALUES (?, ?)", (seq, line))
    old.execute("INSERT INTO state VALUES ('zone', '7')")
    old.commit()
    old.close()
    outbox = reopen()
    mark = outbox.mark()
    assert (mark.epoch, mark.next_seq, mark.acknowledged, mark.depth) == (epoch, 6, 3, 2)
    assert outbox.load_state() == {"zone": "7"}
    assert outbox.pending(after=0, limit=9) == [counted(epoch, 4), counted(epoch, 5)]
    outbox.append([counted(epoch, 6)], {}, {f"{GATEWAY}:{epoch}:6": "{}"})
    outbox.acknowledge(6)
    outbox.note_map(sha256="s", text="version: 1")
    assert kept(reopen()) == [4, 5, 6]


def test_a_file_of_a_newer_version_is_refused(reopen: Open, tmp_path: Path) -> None:
    reopen().close()
    newer = sqlite3.connect(tmp_path / "outbox.db")
    newer.execute("PRAGMA user_version=99")
    newer.close()
    with pytest.raises(UsageError, match="newer version"):
        SqliteOutbox(tmp_path, gateway=GATEWAY)


def test_the_map_in_force_is_kept_as_long_as_events_that_it_explains(tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(4_000))
    outbox.note_map(sha256="a", text="map a")
    outbox.append(events_for(outbox, 10), {})
    outbox.note_map(sha256="a", text="map a")
    outbox.note_map(sha256="b", text="map b")
    outbox.append(events_for(outbox, 10), {})
    outbox.acknowledge(15)
    with Archive(tmp_path) as archive:
        assert [archive.map_at(seq) and archive.map_at(seq).sha256 for seq in (10, 11, 20)] == ["a", "b", "b"]
    outbox.append(events_for(outbox, 80), {})
    outbox.acknowledge(100)
    with Archive(tmp_path) as archive:
        assert archive.map_at(10) is None
        found = archive.map_at(100)
    assert found is not None
    assert (found.sha256, found.text, found.since_seq) == ("b", "map b", 11)
    outbox.close()


@pytest.mark.parametrize("work_order", ["WO-裁", 'WO "7"/a', "WO-\\7", "裁\ud800", "%"])
def test_work_is_found_by_its_order_whatever_characters_it_has(tmp_path: Path, work_order: str) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY)
    epoch = outbox.mark().epoch
    events = [counted(epoch, 1, work_order="WO-1"), counted(epoch, 2, work_order=work_order)]
    outbox.append([dataclasses.replace(event, node="SEW") for event in events], {})
    outbox.acknowledge(2)
    with Archive(tmp_path) as archive:
        found = find(archive, f"{work_order}/SEW")
    assert found.inputs is not None
    assert (found.inputs.work_order, found.inputs.ids, found.inputs.sum) == (work_order, (f"{GATEWAY}:{epoch}:2",), 1)
    outbox.close()
