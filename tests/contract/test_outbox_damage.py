"""An outbox whose card fails: what it gives out is what was stored, and what was accepted is there or reported."""

from __future__ import annotations

import logging
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from genba_edge.outbox import SqliteOutbox
from genba_edge.outbox import saved_state as saved_state_module
from genba_shared.errors import UsageError
from genba_shared.events import Event
from tests.contract.outboxes import GATEWAY, Open, events_for

STATE = {f"counter/plc{n}": f'{{"total":{n}}}' for n in range(40)}


def filled(folder: Path) -> list[Event]:
    """An outbox of 150 events, 30 of them acknowledged, with state in rows and in steps; the others, in order."""
    outbox = SqliteOutbox(folder, gateway=GATEWAY)
    events: list[Event] = []
    for number in range(15):
        made = events_for(outbox, 10)
        outbox.append(made, STATE if number == 0 else {f"counter/plc{number}": f'{{"total":{number}}}'})
        events += made
    outbox.acknowledge(30)
    outbox.close()
    return events[30:]


def tried(folder: Path, events: list[Event], epoch: str, caplog: pytest.LogCaptureFixture) -> str:
    """Open it: a new epoch, said; or all that it gives out is what was stored, and what is missing was said."""
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        outbox = SqliteOutbox(folder, gateway=GATEWAY)
        held = list(outbox.pending(after=0, limit=1000))
    mark, state = outbox.mark(), outbox.load_state()
    outbox.append(events_for(outbox, 1), {})
    outbox.close()
    if mark.epoch != epoch:
        assert "outbox damaged" in caplog.text
        assert outbox.lost_since is not None
        assert (mark.next_seq, held, state) == (1, [], {})
        return "begun anew"
    assert outbox.lost_since is None
    assert (mark.next_seq, mark.acknowledged, state) == (151, 30, STATE)
    missing = [event for event in events if event not in held]
    assert held == [event for event in events if event not in missing], "in order, and none is another than it was"
    assert caplog.text.count("unreadable seq=") == len(missing)
    return "rows lost" if missing else "whole"


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_state_module, "_MOST_STEPS", 10)


@pytest.mark.usefixtures("small_steps")
def test_bytes_that_the_card_changed_are_noticed_wherever_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, found = tmp_path / "whole", set()
    whole.mkdir()
    events = filled(whole)
    epoch = epoch_of(whole)
    data = (whole / "outbox.db").read_bytes()
    for seed in range(60):
        chance = random.Random(seed)
        place = chance.randrange(len(data))
        damaged = bytearray(data)
        for at in range(place, min(len(data), place + chance.choice([1, 4, 40]))):
            damaged[at] ^= chance.randrange(1, 256)
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "outbox.db").write_bytes(damaged)
        found.add(tried(folder, events, epoch, caplog))
    assert found == {"begun anew", "rows lost", "whole"}


@pytest.mark.usefixtures("small_steps")
def test_what_a_cut_off_file_lacks_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    events = filled(whole)
    epoch = epoch_of(whole)
    data = (whole / "outbox.db").read_bytes()
    for number, size in enumerate([0, 1, 99, 100, 512, 1024, 4096, len(data) // 2, len(data) - 512, len(data) - 1]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "outbox.db").write_bytes(data[:size])
        found = tried(folder, events, epoch, caplog)
        assert found == "begun anew" if size < len(data) - 1 else found != "whole", size


@pytest.mark.requirement("R105", part="kills, torn writes and packages that are not on every machine")
def test_a_write_that_was_torn_takes_only_what_was_not_accepted(tmp_path: Path) -> None:
    """The write-ahead log is cut at any byte, as a power cut does it: what was committed before is there."""
    source = tmp_path / "source"
    source.mkdir()
    outbox = SqliteOutbox(source, gateway=GATEWAY)
    log, sizes = source / "outbox.db-wal", []
    for number in range(20):
        outbox.append(events_for(outbox, 3), {"last": str(number)})
        sizes.append(log.stat().st_size)
    chance = random.Random(1)
    for number in range(30):
        cut = chance.randrange(sizes[0], sizes[-1] + 1)
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(source / "outbox.db", folder)
        (folder / "outbox.db-wal").write_bytes(log.read_bytes()[:cut])
        accepted = sum(size <= cut for size in sizes)
        again = SqliteOutbox(folder, gateway=GATEWAY)
        assert again.mark().epoch == outbox.mark().epoch
        assert again.mark().next_seq == 3 * accepted + 1
        assert [event.id for event in again.pending(after=0, limit=100)] == [
            f"{GATEWAY}:{again.mark().epoch}:{seq}" for seq in range(1, 3 * accepted + 1)
        ]
        assert again.load_state() == {"last": str(accepted - 1)}
        again.close()
    outbox.close()


def epoch_of(folder: Path) -> str:
    with sqlite3.connect(folder / "outbox.db") as connection:
        (epoch,) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    connection.close()
    return str(epoch)


def _only_log(folder: Path) -> None:
    """The file is gone, and its write-ahead log is there with events in it."""
    outbox = SqliteOutbox(folder, gateway=GATEWAY)
    outbox.append(events_for(outbox, 5), {})
    data = (folder / "outbox.db-wal").read_bytes()
    outbox.close()
    (folder / "outbox.db").unlink()
    (folder / "outbox.db-wal").write_bytes(data)


def _other_program(folder: Path) -> None:
    with sqlite3.connect(folder / "outbox.db") as connection:
        connection.execute("CREATE TABLE song (title TEXT)")
    connection.close()


def _text(folder: Path) -> None:
    (folder / "outbox.db").write_text("version: 1\ngateway: {id: gw-1}\n")


@pytest.mark.parametrize("make", [_only_log, _other_program, _text])
def test_what_is_no_outbox_is_set_aside_and_said(
    tmp_path: Path, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path)
    files = {path.name for path in tmp_path.iterdir()} - {"lock"}
    tried(tmp_path, [], "no epoch", caplog)
    kept = [path.name for path in tmp_path.iterdir() if ".damaged-" in path.name]
    assert len(kept) == len(files), "nothing that was there is deleted"


def test_damaged_files_are_kept_for_a_person_and_their_number_is_bounded(
    reopen: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        reopen().close()
        (tmp_path / "outbox.db").write_text(f"damage {number}" * 100)
    with caplog.at_level(logging.WARNING):
        reopen()
    kept = sorted(path for path in tmp_path.iterdir() if ".damaged-" in path.name)
    assert [path.read_text()[:8] for path in kept] == ["damage 2", "damage 3", "damage 4"]
    assert caplog.text.count("damaged outbox deleted") == 2


def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    events = filled(folder)
    mounted = subprocess.run(["mount", "--bind", "-o", "ro", folder, folder], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a folder read-only")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        with pytest.raises(UsageError, match="cannot be used: Read-only file system"):
            SqliteOutbox(folder, gateway=GATEWAY)
    finally:
        subprocess.run(["umount", folder], check=True)
    outbox = SqliteOutbox(folder, gateway=GATEWAY)
    assert list(outbox.pending(after=0, limit=1000)) == events
    outbox.close()
