"""What every outbox must do, kills and damaged files included."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from genba_edge.outbox import Archive, HistoryLimits, SqliteOutbox
from genba_edge.ports import Outbox
from genba_shared.errors import ContractError, OutboxFull, UsageError
from genba_shared.events import Event, PiecesCounted, Result, Source, SourceType, event_to_json

GATEWAY = "line-1"
START = datetime(2026, 1, 5, 7, 0, 0, 125_000, tzinfo=UTC)


def counted(epoch: str, seq: int, work_order: str = "WO-裁") -> PiecesCounted:
    return PiecesCounted(
        id=f"{GATEWAY}:{epoch}:{seq}",
        at=START + timedelta(seconds=seq),
        source=Source(type=SourceType.PLC, ref="cutter1/good"),
        station="CUT-1",
        work_order=work_order,
        point="cutter1/good",
        result=Result.GOOD,
        delta=1,
        total=seq,
        counter_epoch=0,
        since=START,
    )


def events_for(outbox: Outbox, count: int) -> list[Event]:
    mark = outbox.mark()
    return [counted(mark.epoch, seq) for seq in range(mark.next_seq, mark.next_seq + count)]


Open = Callable[[], SqliteOutbox]


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    """Opens the same outbox, after closing the one before."""
    opened: list[SqliteOutbox] = []

    def reopen() -> SqliteOutbox:
        for outbox in opened:
            outbox.close()
        opened.append(SqliteOutbox(tmp_path, gateway=GATEWAY))
        return opened[-1]

    yield reopen
    for outbox in opened:
        outbox.close()


def test_a_new_outbox_begins_an_epoch_at_seq_1(reopen: Open) -> None:
    mark = reopen().mark()
    assert len(mark.epoch) == 32
    assert set(mark.epoch) <= set("0123456789abcdef")
    assert (mark.next_seq, mark.acknowledged, mark.depth, mark.oldest_at) == (1, 0, 0, None)


def test_epoch_sequence_events_and_state_survive_a_restart(reopen: Open) -> None:
    outbox = reopen()
    events = events_for(outbox, 3)
    outbox.append(events, {"counter": '{"total":3}', "gone": "1"})
    outbox.append([], {"gone": None, "zone": "7"})
    before = outbox.mark()
    again = reopen()
    assert again.mark() == before
    assert (before.next_seq, before.depth, before.oldest_at) == (4, 3, START + timedelta(seconds=1))
    assert again.pending(after=0, limit=10) == events
    assert again.load_state() == {"counter": '{"total":3}', "zone": "7"}


def test_pending_gives_what_follows_in_order_up_to_the_limit(reopen: Open) -> None:
    outbox = reopen()
    events = events_for(outbox, 10)
    outbox.append(events, {})
    assert outbox.pending(after=3, limit=4) == events[3:7]
    assert outbox.pending(after=10, limit=4) == []


def test_only_what_was_acknowledged_is_deleted(reopen: Open) -> None:
    outbox = reopen()
    events = events_for(outbox, 5)
    outbox.append(events, {})
    outbox.acknowledge(3)
    outbox.acknowledge(2)
    mark = reopen().mark()
    assert (mark.acknowledged, mark.next_seq, mark.depth, mark.oldest_at) == (3, 6, 2, START + timedelta(seconds=4))
    assert reopen().pending(after=0, limit=10) == events[3:]
    emptied = reopen()
    emptied.acknowledge(5)
    assert (emptied.mark().depth, emptied.mark().oldest_at, emptied.mark().next_seq) == (0, None, 6)


def test_an_acknowledgement_looks_only_at_what_it_covers(reopen: Open) -> None:
    outbox = reopen()
    outbox.append(events_for(outbox, 5), {})
    asked: list[str] = []
    outbox._connection.set_trace_callback(asked.append)
    outbox.acknowledge(2)
    outbox.acknowledge(3)
    outbox._connection.set_trace_callback(None)
    assert (outbox.mark().depth, outbox.mark()) == (2, reopen().mark())
    counted = [text.partition(" WHERE ")[2] for text in asked if "count(" in text]
    assert counted == ["seq > 0 AND seq <= 2", "seq > 2 AND seq <= 3"]
    assert [text for text in asked if "DELETE" in text] == []


def test_an_acknowledgement_of_seqs_never_given_out_changes_nothing(reopen: Open) -> None:
    outbox = reopen()
    outbox.append(events_for(outbox, 2), {})
    with pytest.raises(ContractError, match="next to be given out"):
        outbox.acknowledge(3)
    assert outbox.mark().depth == 2


@pytest.mark.parametrize("seqs", [(2,), (1, 3), (1, 1), (0, 1)])
def test_events_that_do_not_continue_the_sequence_are_refused_whole(reopen: Open, seqs: tuple[int, ...]) -> None:
    outbox = reopen()
    epoch = outbox.mark().epoch
    with pytest.raises(ContractError, match="does not continue"):
        outbox.append([counted(epoch, seq) for seq in seqs], {"key": "1"})
    assert outbox.mark().next_seq == 1
    assert outbox.load_state() == {}


def test_events_of_another_epoch_are_refused(reopen: Open) -> None:
    with pytest.raises(ContractError, match="does not continue"):
        reopen().append([counted("0" * 32, 1)], {})


@pytest.mark.parametrize("text", ["", "no\0good", "\ud800", "裁\ud800", "\\ud800", "x" * 5000])
def test_whatever_a_device_puts_into_a_text_is_kept(reopen: Open, text: str) -> None:
    outbox = reopen()
    event = counted(outbox.mark().epoch, 1, work_order=text)
    outbox.append([event], {f"made/{text}": json.dumps({"order": text}, ensure_ascii=False)})
    outbox = reopen()
    assert outbox.pending(after=0, limit=1) == [event]
    ((key, value),) = outbox.load_state().items()
    assert (key, json.loads(value)) == (f"made/{text}", {"order": text})
    outbox.append([], {f"made/{text}": None})
    assert outbox.load_state() == {}


def test_a_full_disk_writes_nothing_and_heals(reopen: Open) -> None:
    outbox = reopen()
    pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    outbox._connection.execute(f"PRAGMA max_page_count={pages}")
    many = events_for(outbox, 500)
    with pytest.raises(OutboxFull, match="full"):
        outbox.append(many, {"key": "1"})
    assert outbox.mark().next_seq == 1
    assert outbox.load_state() == {}
    outbox._connection.execute("PRAGMA max_page_count=1000000")
    outbox.append(many, {"key": "1"})
    assert outbox.pending(after=499, limit=5) == many[499:]


def kept(outbox: SqliteOutbox) -> list[int]:
    """The seqs of every row in the file, acknowledged or not."""
    tables = [*parts(outbox), "event"]
    return [seq for table in tables for (seq,) in outbox._connection.execute(f"SELECT seq FROM {table} ORDER BY seq")]


def parts(outbox: SqliteOutbox) -> list[str]:
    """The tables of history that were set apart, the oldest first."""
    names = outbox._connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'history_%'")
    return sorted((name for (name,) in names), key=lambda name: int(name.partition("_")[2]))


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
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(32_000))
    size = len(
        json.dumps(event_to_json(counted(outbox.mark().epoch, 100)), ensure_ascii=False, separators=(",", ":")).encode()
    )
    outbox.append(events_for(outbox, 300), {})
    assert kept(outbox) == list(range(1, 301))
    for upto in range(10, 201, 10):
        outbox.acknowledge(upto)
        held = kept(outbox)
        assert held[-1] == 300
        assert held == list(range(held[0], 301))
        assert (upto - held[0] + 1) * size <= 32_000 * 17 / 16 + 10 * size
    assert 60 < len([seq for seq in kept(outbox) if seq <= 200]) <= 36_000 / size
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
    assert kept(outbox)[0] == 400
    outbox.close()


def test_old_history_is_dropped_in_parts_and_no_row_is_deleted_for_it(reopen: Open, tmp_path: Path) -> None:
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(64_000))
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
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(64_000))
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
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(64_000))
    outbox.append(events_for(outbox, 5000), {})  # over a megabyte
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
    outbox = SqliteOutbox(tmp_path, gateway=GATEWAY, history=of_bytes(8_000))
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


def test_a_folder_has_one_gateway_process_at_a_time(reopen: Open, tmp_path: Path) -> None:
    reopen()
    with pytest.raises(UsageError, match="in use by another gateway"):
        SqliteOutbox(tmp_path, gateway=GATEWAY)


def test_a_folder_of_another_gateway_is_refused(reopen: Open, tmp_path: Path) -> None:
    reopen().close()
    with pytest.raises(UsageError, match="belongs to gateway 'line-1'"):
        SqliteOutbox(tmp_path, gateway="line-2")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        SqliteOutbox(tmp_path / "nowhere", gateway=GATEWAY)


def _overwrite_head(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 500)


def _overwrite_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 3] = os.urandom(4096 * 2)
    path.write_bytes(data)


def _drop_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE event")
    connection.close()


def _forget_sequence(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = 1 WHERE key = 'next_seq'")
    connection.close()


@pytest.mark.parametrize("damage", [_overwrite_head, _overwrite_middle, _drop_table, _forget_sequence])
def test_a_damaged_file_is_set_aside_and_the_gateway_starts_with_a_new_epoch(
    reopen: Open, tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    outbox = reopen()
    outbox.append(events_for(outbox, 200), {})
    old_epoch = outbox.mark().epoch
    outbox.close()
    damage(tmp_path / "outbox.db")
    with caplog.at_level(logging.ERROR):
        fresh = reopen()
    assert fresh.mark().epoch != old_epoch
    assert fresh.mark().next_seq == 1
    fresh.append(events_for(fresh, 1), {})
    assert len([path for path in tmp_path.iterdir() if ".damaged-" in path.name and path.suffix != ".db-shm"]) >= 1
    assert "outbox damaged" in caplog.text


def test_a_file_that_is_only_busy_is_not_set_aside(reopen: Open, tmp_path: Path) -> None:
    outbox = reopen()
    outbox.append(events_for(outbox, 1), {})
    outbox.close()
    other = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(OutboxFull, match="locked"):
            SqliteOutbox(tmp_path, gateway=GATEWAY)
    finally:
        other.close()
    assert reopen().mark().depth == 1


def test_one_unreadable_row_does_not_stop_the_others(reopen: Open, caplog: pytest.LogCaptureFixture) -> None:
    outbox = reopen()
    events = events_for(outbox, 3)
    outbox.append(events, {})
    outbox._connection.execute("UPDATE event SET line = 'x' WHERE seq = 2")
    with caplog.at_level(logging.ERROR):
        assert outbox.pending(after=0, limit=5) == [events[0], events[2]]
        assert outbox.pending(after=0, limit=5) == [events[0], events[2]]
    assert caplog.text.count("unreadable seq=2") == 1


WRITER = """
import sys
from pathlib import Path
from genba_edge.outbox import HistoryLimits, SqliteOutbox
from tests.contract.test_outbox import events_for
outbox = SqliteOutbox(Path(sys.argv[1]), gateway="line-1", history=HistoryLimits(most_bytes=10_000))
while True:
    events = events_for(outbox, 1 + outbox.mark().next_seq % 3)
    outbox.append(events, {"last": str(outbox.mark().next_seq + len(events) - 1)})
    print(outbox.mark().next_seq - 1, flush=True)
    if outbox.mark().depth > 40:
        outbox.acknowledge(outbox.mark().acknowledged + 7)
"""


def test_whatever_append_returned_for_is_there_after_kill_9(reopen: Open, tmp_path: Path) -> None:
    accepted = 0
    for round_number in range(4):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(15 + 40 * round_number):
            accepted = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        accepted = max([accepted, *(int(line) for line in child.stdout.read().split("\n")[:-1])])
        child.wait(10)
        child.stdout.close()
        outbox = reopen()
        mark = outbox.mark()
        assert mark.next_seq > accepted
        held = outbox.pending(after=0, limit=100_000)
        assert [event.id for event in held] == [
            f"{GATEWAY}:{mark.epoch}:{seq}" for seq in range(mark.acknowledged + 1, mark.next_seq)
        ]
        seqs = kept(outbox)
        assert seqs == list(range(seqs[0], mark.next_seq)), "history has no hole, and nothing stands in it twice"
        assert outbox.load_state() == {"last": str(mark.next_seq - 1)}
        outbox.close()
