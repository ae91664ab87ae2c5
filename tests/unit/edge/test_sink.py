"""The file of events beside the link."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from genba_edge.app.sink import Sink
from genba_edge.outbox import SqliteOutbox
from genba_shared.errors import UsageError
from genba_shared.events import Event, Source, SourceType, WipChanged
from tests.unit.edge.gateway_world import T0


def event(outbox: SqliteOutbox, seq: int) -> Event:
    source = Source(type=SourceType.SYSTEM, ref="gw-1")
    return WipChanged(id=f"gw-1:{outbox.mark().epoch}:{seq}", at=T0, source=source, zone="packing", count=seq, by=1)


def test_events_that_a_kill_kept_from_the_file_are_in_it_once_after_the_next_start(tmp_path: Path) -> None:
    outbox, path = SqliteOutbox(tmp_path, gateway="gw-1"), tmp_path / "events.jsonl"
    outbox.append([event(outbox, seq) for seq in range(1, 5)], {})
    sink = Sink(path)
    sink.write([event(outbox, 1), event(outbox, 2)])
    sink.close()
    with path.open("ab") as file:
        file.write(b'{"id":"gw-1:half a li')
    sink = Sink(path)
    sink.catch_up(outbox)
    sink.write([event(outbox, 5)])
    sink.close()
    outbox.close()
    assert [json.loads(line)["count"] for line in path.read_text().splitlines()] == [1, 2, 3, 4, 5]


def test_the_first_events_of_an_epoch_that_a_kill_kept_from_the_file_are_in_it_after_the_next_start(
    tmp_path: Path,
) -> None:
    outbox, path = SqliteOutbox(tmp_path, gateway="gw-1"), tmp_path / "events.jsonl"
    sink = Sink(path)
    old = [event(outbox, seq) for seq in range(1, 4)]
    outbox.append(old, {})
    sink.write(old)
    sink.close()
    outbox.acknowledge(3)
    first = WipChanged(id=f"gw-1:{'f' * 32}:1", at=T0, source=old[0].source, zone="packing", count=9, by=1)
    outbox.begin_epoch("f" * 32, [first], {})
    for _ in range(2):
        sink = Sink(path)
        sink.catch_up(outbox)
        sink.close()
    outbox.close()
    assert [json.loads(line)["count"] for line in path.read_text().splitlines()] == [1, 2, 3, 9]


def test_a_file_that_cannot_be_written_is_said_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    sink = Sink(Path("/dev/full"))
    for _ in range(2):
        sink.write([WipChanged(id="1", at=T0, source=Source(type=SourceType.SYSTEM, ref="x"), zone="z", count=1, by=1)])
    sink.close()
    assert [record.getMessage() for record in caplog.records] == [
        "sink cannot be written file=/dev/full reason=No space left on device"
    ]


def test_a_pipe_that_nobody_reads_is_refused_at_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="nobody reads from this pipe"):
        Sink(tmp_path / "pipe")


def test_a_pipe_whose_reader_stands_still_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("genba_edge.app.sink.READER_S", 0.01)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    sink, source = Sink(tmp_path / "pipe"), Source(type=SourceType.SYSTEM, ref="x")
    many = [WipChanged(id=f"gw-1:{'0' * 32}:{n}", at=T0, source=source, zone="z", count=n, by=1) for n in range(2000)]
    sink.write(many[:1])
    assert json.loads(os.read(reader, 100_000))["count"] == 0
    sink.write(many)
    sink.close()
    os.close(reader)
    assert [record.getMessage() for record in caplog.records] == [
        f"sink cannot be written file={tmp_path / 'pipe'} reason=its reader takes nothing"
    ]
