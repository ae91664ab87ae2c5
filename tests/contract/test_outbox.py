"""What every outbox must do, kills and damaged files included."""

from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from genba_edge.outbox import SqliteOutbox
from genba_shared.errors import ContractError, OutboxFull, UsageError
from tests.contract.outboxes import GATEWAY, START, Open, counted, events_for, kept


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


def _change_mark(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = 150 WHERE key = 'acknowledged'")
    connection.close()


@pytest.mark.parametrize("damage", [_overwrite_head, _overwrite_middle, _drop_table, _change_mark])
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
from tests.contract.outboxes import events_for
outbox = SqliteOutbox(Path(sys.argv[1]), gateway="line-1", history=HistoryLimits(most_bytes=10_000))
while True:
    events = events_for(outbox, 1 + outbox.mark().next_seq % 3)
    outbox.append(events, {"last": str(outbox.mark().next_seq + len(events) - 1)})
    print(outbox.mark().next_seq - 1, flush=True)
    if outbox.mark().depth > 40:
        outbox.acknowledge(outbox.mark().acknowledged + 7)
"""


@pytest.mark.requirement("R105", part="kills, torn writes and packages that are not on every machine")
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


def test_a_new_epoch_begins_at_seq_1_with_its_first_events_and_without_what_is_forgotten(reopen: Open) -> None:
    outbox = reopen()
    outbox.append(events_for(outbox, 3), {"counter/a": "7", "zone": "1"})
    outbox.note_map(sha256="aa", text="old")
    outbox.acknowledge(3)
    outbox.append([], {"zone": "1"})
    epoch = "f" * 32
    first = [counted(epoch, 1), counted(epoch, 2)]
    outbox.begin_epoch(epoch, first, {"counter/a": None, "heard": "2"})
    before = outbox.mark()
    again = reopen()
    assert again.mark() == before
    assert (before.epoch, before.next_seq, before.acknowledged, before.depth) == (epoch, 3, 0, 2)
    assert again.pending(after=0, limit=10) == first
    assert again.load_state() == {"zone": "1", "heard": "2"}
    again.append([counted(epoch, 3)], {})
    again.acknowledge(3)
    assert reopen().mark().depth == 0


def test_no_epoch_ends_while_its_events_wait_for_the_collector(reopen: Open) -> None:
    outbox = reopen()
    outbox.append(events_for(outbox, 3), {})
    outbox.acknowledge(2)
    before = outbox.mark()
    with pytest.raises(ContractError, match="1 events"):
        outbox.begin_epoch("f" * 32, [], {})
    assert reopen().mark() == before
