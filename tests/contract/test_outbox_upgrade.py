"""An outbox as a gateway of an earlier version left it (``tests/golden/outbox``): it opens, goes on and explains.

The file of format 2 was written by that version: 11 of 14 events are acknowledged, the first 10 of them lie in a part
of the history that was set apart; every fourth has a trail, and the last one completes what the others count.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from genba_edge.core.dropping import StoreLimits
from genba_edge.outbox import Archive, SqliteOutbox
from genba_shared.cli import main
from tests.contract.outboxes import GATEWAY, counted, kept

EPOCH = "2" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(Path("tests/golden/outbox/format-2/outbox.db"), tmp_path)
    return tmp_path


def seqs(outbox: SqliteOutbox) -> list[int]:
    return [int(event.id.rpartition(":")[2]) for event in outbox.pending(after=0, limit=99)]


def test_a_file_of_the_second_format_goes_on_where_it_stood(folder: Path) -> None:
    with closing(SqliteOutbox(folder, gateway=GATEWAY)) as outbox:
        mark = outbox.mark()
        assert (mark.epoch, mark.next_seq, mark.acknowledged, mark.depth) == (EPOCH, 15, 11, 3)
        assert seqs(outbox) == [12, 13, 14]
        assert outbox.load_state() == {"zone": "12", "half \ud800": '"x"'}
        assert kept(outbox) == list(range(1, 15))
        outbox.append([counted(EPOCH, 15)], {"zone": None})
        outbox.acknowledge(14)
    with closing(SqliteOutbox(folder, gateway=GATEWAY)) as outbox:
        assert outbox.mark().acknowledged == 14
        assert seqs(outbox) == [15]
        assert outbox.load_state() == {"half \ud800": '"x"'}


def test_what_an_earlier_version_left_is_dropped_by_kind_under_a_limit(folder: Path) -> None:
    limits = StoreLimits(most_bytes=500)
    with closing(SqliteOutbox(folder, gateway=GATEWAY, limits=limits)) as outbox:
        assert outbox.must_drop()
        dropping = outbox.plan_drops()
    assert dropping is not None
    assert [str(each) for each in dropping.ranges] == ["pieces_counted:12-13:2"], "and never the completion"


def explained(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    code = main(["edge", "explain", "WO-裁/CUT", "--state", str(folder)])
    text = capsys.readouterr().out
    assert code == 0, text
    return text


def test_what_an_earlier_version_decided_is_explained_before_and_after_the_file_is_taken_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = explained(folder, capsys)
    assert "13 inputs with pieces: 13 good pieces: adds up to the 13 claimed" in before
    assert "rule: total" in before, "the trails are there"
    assert "done when its good pieces (cutter1/good) reach the quantity" in before, "the map in force is there"
    with closing(SqliteOutbox(folder, gateway=GATEWAY)) as outbox:
        outbox.append([counted(EPOCH, 15)], {})
        outbox.acknowledge(15)
    assert explained(folder, capsys) == before


def test_a_new_epoch_begins_in_a_file_of_an_earlier_version(folder: Path) -> None:
    epoch = "3" * 32
    with closing(SqliteOutbox(folder, gateway=GATEWAY)) as outbox:
        outbox.acknowledge(14)
        outbox.begin_epoch(epoch, [counted(epoch, 1)], {"zone": "0"})
    with closing(SqliteOutbox(folder, gateway=GATEWAY)) as outbox:
        assert kept(outbox) == [1]
        assert outbox.load_state() == {"zone": "0", "half \ud800": '"x"'}
    with Archive(folder) as archive:
        assert (archive.epoch, archive.first_seq, archive.next_seq) == (epoch, 1, 2)
        found = archive.map_at(1)
        assert found is not None
        assert found.since_seq == 1


def test_a_file_that_was_taken_over_has_check_sums(folder: Path) -> None:
    with closing(SqliteOutbox(folder, gateway=GATEWAY)) as outbox:
        outbox.append([counted(EPOCH, 15)], {})
    with closing(sqlite3.connect(folder / "outbox.db")) as connection:
        connection.execute("UPDATE event SET crc = crc + 1 WHERE seq = 15")
        connection.commit()
    with closing(SqliteOutbox(folder, gateway=GATEWAY)) as outbox:
        assert seqs(outbox) == [12, 13, 14]
