"""Raw logs of a running gateway: what was recorded gives the same events again, and shows what another map would do."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from genba_edge.app.raw_file import RawWriter, read_raw
from genba_edge.app.status.page import render
from genba_edge.core.journal import Moment
from genba_edge.core.raw_log import RawBatch, RawHeader, RawMissing
from genba_edge.outbox import SqliteOutbox
from genba_edge.ports import Observation
from genba_shared.cli import main
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, StationDispatch
from genba_shared.errors import UsageError
from genba_shared.events import NodeCompleted, PiecesCounted
from tests.integration.gateway_run import Running, map_of, running_gateway
from tests.peers.process import ModbusPeer
from tests.peers.recorder import eventually
from tests.unit.edge.gateway_world import alive, at, sample

MAP = """
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: UTC}}
devices:
  - id: cell
    protocol: modbus
    host: 127.0.0.1:{port}
    poll: {{fast: 100ms}}
    points:
      good: {{at: 40001, type: uint16, counter: {{max_rate: 600/s}}}}
      temp: {{at: 30001, type: int16, deadband: 5}}
stations:
  CELL-1: {{device: cell, counts: {{good: good}}}}
nodes:
  SEW: {{stations: [CELL-1], work_order: {{from: dispatch}}, done_when: {{good: node.quantity}}}}
"""
HALF = ("max_rate: 600/s", "max_rate: 600/s, pieces_per_count: 2")


def document(quantity: int) -> DispatchDocument:
    row = DispatchRow(work_order="WO-1", node="SEW", quantity=quantity)
    return DispatchDocument(
        version=1, stations={"CELL-1": StationDispatch(next=(row,))}, work_orders={"WO-1": {"SEW": quantity}}, tags=()
    )


def good(running: Running) -> object:
    point = running.gateway.snapshot().devices[0].points[0]
    return point.now and point.now.sample.value


async def record(folder: Path, peer: ModbusPeer, raw: Path) -> tuple[list[NodeCompleted], int]:
    """Make eight pieces of an order of six; the completions and pieces that the gateway told."""
    device_map = map_of(MAP.format(port=peer.port))
    async with running_gateway(folder, device_map, raw=raw) as running:
        await eventually(lambda: running.gateway.snapshot().is_ready)
        running.gateway._take_dispatch(document(6))
        for made in (3, 6, 8):
            peer.set("holding", 0, made)
            await eventually(lambda made=made: good(running) == made)
        await eventually(lambda: any(isinstance(event, NodeCompleted) for event in running.events))
    outbox = SqliteOutbox(folder, gateway="gw-1")
    events = outbox.pending(after=0, limit=1000)
    outbox.close()
    pieces = sum(event.delta for event in events if isinstance(event, PiecesCounted))
    return [event for event in events if isinstance(event, NodeCompleted)], pieces


@pytest.mark.requirement(
    "R104", part="wrong maps with line, column and what to write; probe, browse, replay and explain", needs="libmodbus"
)
async def test_a_replay_gives_the_events_of_the_gateway_again(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, plant, events = tmp_path / "raw.jsonl.gz", tmp_path / "plant.yaml", tmp_path / "events.jsonl"
    plant.write_text(MAP.format(port=modbus_peer.port))
    (tmp_path / "state").mkdir()
    completed, pieces = await record(tmp_path / "state", modbus_peer, raw)
    assert main(["edge", "replay", str(raw), "--map", str(plant), "--events", str(events)]) == 0
    again = [json.loads(line) for line in events.read_text().splitlines()]
    claims = [event for event in again if event["kind"] == "node_completed"]
    assert [(claim["work_order"], claim["pieces"], claim["at"][:19]) for claim in claims] == [
        (each.work_order, each.pieces, each.at.isoformat()[:19]) for each in completed
    ]
    assert sum(event["delta"] for event in again if event["kind"] == "pieces_counted") == pieces == 8
    assert "station CELL-1: 8 good" in capsys.readouterr().out


async def test_the_difference_of_two_maps_is_told_by_work_order_and_node(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, old, new = tmp_path / "raw.jsonl.gz", tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(MAP.format(port=modbus_peer.port))
    new.write_text(MAP.format(port=modbus_peer.port).replace(*HALF))
    (tmp_path / "state").mkdir()
    await record(tmp_path / "state", modbus_peer, raw)
    assert main(["edge", "replay", str(raw), "--map", str(old), "--against", str(old)]) == 0
    assert "  no difference\n" in capsys.readouterr().out
    assert main(["edge", "replay", str(raw), "--map", str(new), "--against", str(old)]) == 1
    told = capsys.readouterr().out
    assert "station CELL-1: 16 good instead of 8" in told
    assert "  ~ WO-1 SEW at " in told
    assert main(["edge", "replay", str(raw), "--map", str(new)]) == 1
    told = capsys.readouterr().out
    assert f"new.yaml against the recorded map ({map_of(old.read_text()).sha256[:12]}):\n" in told
    assert "  station CELL-1: 16 good instead of 8  [1]\n" in told
    assert told.endswith(
        "settings that may be why:\n"
        "  [1] devices.cell.points.good.counter.pieces_per_count: 2 instead of 1\n"
    )  # fmt: skip
    assert main(["edge", "replay", str(raw), "--map", str(old)]) == 0
    assert "note: this is the map that was recorded" in capsys.readouterr().out
    without = tmp_path / "without.yaml"
    without.write_text(old.read_text().partition("nodes:")[0])
    assert main(["edge", "replay", str(raw), "--map", str(without), "--against", str(old)]) == 1
    assert "  - WO-1 SEW at " in capsys.readouterr().out


async def test_a_log_with_a_reload_in_it_is_compared_with_both_maps_that_the_gateway_had(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, first = tmp_path / "raw.jsonl.gz", MAP.format(port=modbus_peer.port)
    (tmp_path / "state").mkdir()
    (tmp_path / "first.yaml").write_text(first)
    async with running_gateway(tmp_path / "state", map_of(first), raw=raw) as running:
        await eventually(lambda: running.gateway.snapshot().is_ready)
        modbus_peer.set("holding", 0, 5)
        await eventually(lambda: good(running) == 5)
        await running.gateway.reload(map_of(first.replace(*HALF)))
        await eventually(lambda: good(running) == 5)
        modbus_peer.set("holding", 0, 8)
        await eventually(lambda: good(running) == 8)
    outbox = SqliteOutbox(tmp_path / "state", gateway="gw-1")
    events = outbox.pending(after=0, limit=1000)
    outbox.close()
    assert sum(event.delta for event in events if isinstance(event, PiecesCounted)) == 11  # 5 + 2 * 3
    assert main(["edge", "replay", str(raw), "--map", str(tmp_path / "first.yaml")]) == 1
    assert "  station CELL-1: 8 good instead of 11  [1]\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["raw.jsonl.gz", "raw.jsonl.zst", "raw.jsonl"])
def test_a_log_that_was_cut_off_ends_with_its_last_whole_line(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.app.raw_file.FLUSH_S", 0.0)
    path = tmp_path / name
    write(path, batches=500)
    whole = list(read_raw(path))
    assert len(whole) == 501
    content = path.read_bytes()
    for share in (0.3, 0.7, 0.99):
        path.write_bytes(content[: int(len(content) * share)])
        cut = list(read_raw(path))
        assert cut == whole[: len(cut)]
        assert len(cut) > 500 * share / 2


def test_what_was_written_a_second_ago_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl.gz"
    program = (
        "import sys, time, os, signal; from pathlib import Path\n"
        "from tests.integration.test_gateway_raw import begin, one_batch\n"
        f"writer = begin(Path({str(path)!r}))\n"
        "for number in range(100): writer.write(*one_batch(number))\n"
        "time.sleep(2.5); print('written', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()
    assert len(list(read_raw(path))) == 101


def begin(path: Path) -> RawWriter:
    writer = RawWriter(path)
    writer.begin(map_of(MAP.format(port=502)), boot="b" * 32, clock=ProductionClock(), state={})
    return writer


def one_batch(number: int) -> tuple[list[Observation], Moment]:
    return [sample("cell", "good", number, number), alive("cell", number)], Moment(now=at(number), mono_ms=number)


def write(path: Path, *, batches: int) -> RawWriter:
    writer = begin(path)
    for number in range(batches):
        writer.write(*one_batch(number))
    writer.close()
    return writer


def test_a_map_that_polls_faster_does_not_make_gaps_of_what_was_polled_slowly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, fast, slow = tmp_path / "raw.jsonl", tmp_path / "fast.yaml", tmp_path / "slow.yaml"
    fast.write_text(MAP.format(port=502))
    slow.write_text(MAP.format(port=502).replace("fast: 100ms", "fast: 1s"))
    writer = RawWriter(raw)
    writer.begin(load_device_map(slow), boot="b" * 32, clock=ProductionClock(), state={})
    for number in range(60):
        writer.write(*one_batch(number))
    writer.close()
    assert main(["edge", "replay", str(raw), "--map", str(fast)]) == 0
    assert capsys.readouterr().out.endswith("fast.yaml against the recorded map "
        f"({load_device_map(slow).sha256[:12]}):\n  no difference\n")  # fmt: skip


def test_a_recording_never_overwrites_another(tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl.gz"
    for _ in range(3):
        write(path, batches=1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["raw-2.jsonl.gz", "raw-3.jsonl.gz", "raw.jsonl.gz"]


def test_a_file_that_is_no_raw_log_is_refused_by_name_and_line(tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl"
    path.write_text('{"n":1,"m":1,"o":[]}\n')
    with pytest.raises(UsageError, match="line 1: the first line is not the header"):
        list(read_raw(path))
    path.write_text("")
    with pytest.raises(UsageError, match="is not a raw log: it has no line"):
        list(read_raw(path))
    write(tmp_path / "good.jsonl", batches=3)
    lines = (tmp_path / "good.jsonl").read_text().splitlines()
    path.write_text("\n".join([*lines[:2], "{garbage", *lines[2:]]) + "\n")
    with pytest.raises(UsageError, match="line 3: not a line of a raw log"):
        list(read_raw(path))
    (tmp_path / "x.gz").write_bytes(b"not gzip\n")
    with pytest.raises(UsageError, match="Not a gzipped file"):
        list(read_raw(tmp_path / "x.gz"))


def test_record_writes_what_the_devices_say(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    plant, raw = tmp_path / "plant.yaml", tmp_path / "raw.jsonl.gz"
    plant.write_text(MAP.format(port=modbus_peer.port))
    modbus_peer.set("holding", 0, 42)
    assert main(["edge", "record", str(plant), "--output", str(raw), "--for", "2s"]) == 0
    header, *entries = read_raw(raw)
    assert isinstance(header, RawHeader)
    assert header.gateway == "gw-1"
    said = [each for entry in entries if isinstance(entry, RawBatch) for each in entry.observations]
    assert {type(each).__name__ for each in said} >= {"DeviceBack", "Sample", "DeviceAlive"}
    assert main(["edge", "record", str(plant), "--output", str(raw)]) == 2
    assert main(["edge", "record", str(plant), "--output", str(tmp_path / "x.gz"), "--for", "30"]) == 2
    assert "Did you mean 30s?" in capsys.readouterr().err


def test_the_readings_that_a_deadband_reports_can_be_written(tmp_path: Path) -> None:
    plant, raw, changes = tmp_path / "plant.yaml", tmp_path / "raw.jsonl", tmp_path / "changes.jsonl"
    plant.write_text(MAP.format(port=502))
    writer = begin(raw)
    for second, value in enumerate([20, 22, 25, 26, 24, 31, 32]):
        writer.write([sample("cell", "temp", value, second)], Moment(now=at(second), mono_ms=0))
    writer.close()
    assert main(["edge", "replay", str(raw), "--map", str(plant), "--changes", str(changes)]) == 0
    assert [json.loads(line)["value"] for line in changes.read_text().splitlines()] == [20, 26, 32]


def test_a_recording_ends_before_it_takes_the_outbox_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("genba_edge.app.raw_file.FLUSH_S", 0.0)
    monkeypatch.setattr("genba_edge.app.raw_file.LEAST_FREE", 2**62)
    writer = write(tmp_path / "raw.jsonl.gz", batches=10)
    assert "raw log ends" in caplog.text
    assert writer.ended.endswith("which the outbox may need")
    assert len(list(read_raw(tmp_path / "raw.jsonl.gz"))) == 1


def test_a_disk_that_does_not_follow_costs_batches_and_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, work = threading.Event(), RawWriter._work

    def slow(writer: RawWriter) -> None:
        disk.wait(10)
        work(writer)

    monkeypatch.setattr("genba_edge.app.raw_file.MOST_WAITING", 8)  # observations: four batches
    monkeypatch.setattr(RawWriter, "_work", slow)
    writer = begin(tmp_path / "raw.jsonl")
    for number in range(20):
        writer.write(*one_batch(number))
    monkeypatch.setattr("genba_edge.app.raw_file.MOST_WAITING", 100)
    writer.write(*one_batch(20))
    disk.set()
    writer.close()
    entries = list(read_raw(tmp_path / "raw.jsonl"))
    assert [each.batches for each in entries if isinstance(each, RawMissing)] == [16]
    assert len([each for each in entries if isinstance(each, RawBatch)]) == 5


def test_a_reading_that_cannot_be_written_ends_the_recording_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = begin(tmp_path / "raw.jsonl")
    cannot: Any = {"not", "a", "value"}
    writer.write([sample("cell", "good", cannot, 1)], Moment(now=at(1), mono_ms=1))
    writer.write(*one_batch(2))
    writer.close()
    assert writer.ended == "fault in the gateway itself (TypeError), see its log"
    assert "raw log ends" in caplog.text
    assert [type(each) for each in read_raw(tmp_path / "raw.jsonl")] == [RawHeader]


def test_record_ends_with_the_disk_and_says_so_with_its_exit_code(
    tmp_path: Path, modbus_peer: ModbusPeer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("genba_edge.app.raw_file.FLUSH_S", 0.0)
    monkeypatch.setattr("genba_edge.app.raw_file.LEAST_FREE", 2**62)
    plant = tmp_path / "plant.yaml"
    plant.write_text(MAP.format(port=modbus_peer.port))
    assert main(["edge", "record", str(plant), "--output", str(tmp_path / "raw.jsonl"), "--for", "1h"]) == 1
    assert "the recording ended early: less than" in capsys.readouterr().err


async def test_a_recording_that_ended_is_not_shown_as_one_that_runs(
    tmp_path: Path, modbus_peer: ModbusPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.app.raw_file.FLUSH_S", 0.0)
    monkeypatch.setattr("genba_edge.app.raw_file.LEAST_FREE", 2**62)
    raw = tmp_path / "raw.jsonl"
    async with running_gateway(tmp_path, map_of(MAP.format(port=modbus_peer.port)), raw=raw) as running:
        await eventually(lambda: bool(running.gateway.snapshot().to_json()["record_ended"]))
        shown = running.gateway.snapshot()
    assert shown.to_json()["record"] == str(raw)
    page = str(render(shown, "en"))
    assert "Recording ended" in page
    assert "Recording to" not in page
