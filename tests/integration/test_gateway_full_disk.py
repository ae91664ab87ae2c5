"""A gateway whose disk is full, really (a small file system): it reads on, and nothing is lost or counted twice."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from genba_edge.outbox import SqliteOutbox
from genba_edge.ports import DeviceAlive, DeviceBack, Sample
from genba_shared.clock import CLOCK_VARIABLE, ProductionClock
from genba_shared.events import DataGapSeen, Event, GapCause, PiecesCounted
from tests.integration.gateway_run import map_of, running_gateway
from tests.peers.process import ModbusPeer
from tests.peers.recorder import eventually

# Counts are joined for seconds of plant time; twenty of them pass in one of ours.
FAST = ProductionClock(origin=datetime(2026, 1, 5, 7, tzinfo=UTC), wall_origin_s=time.time(), speed=20)
MAP = """
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: UTC}}
devices:
  - id: press1
    protocol: modbus
    host: 127.0.0.1:{port}
    timeout: 300ms
    poll: {{fast: 50ms}}
    points:
      good: {{at: 40001, type: uint16, counter: {{max_rate: 6000/min}}}}
stations:
  P-1: {{device: press1, counts: {{good: good}}}}
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB, which only root may mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left, as another program's log does it."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        for size in (65_536, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (disk / "one more").write_bytes(b"x" * 5000)
    return ballast


class Process:
    """`genba edge run` as a process of its own."""

    def __init__(self, path: Path, state: Path) -> None:
        command = [sys.executable, "-m", "genba_shared.cli", "edge", "run", path, "--state", state]
        self.log = path.with_suffix(f".{len(list(path.parent.glob('*.log')))}.log")
        self.sink = path.parent / "events.jsonl"
        arguments = [*command, "--status", "off", "--sink", self.sink]
        environment = os.environ | {CLOCK_VARIABLE: FAST.to_variable()}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(arguments, stderr=log, env=environment)

    async def says(self, text: str) -> None:
        await eventually(lambda: text in self.log.read_text(encoding="utf-8"))

    def end(self, how: signal.Signals) -> int:
        self._process.send_signal(how)
        return self._process.wait(20)


def stored(state: Path) -> list[Event]:
    with contextlib.closing(SqliteOutbox(state, gateway="gw-1")) as outbox:
        return list(outbox.pending(after=0, limit=10_000))


def told(process: Process) -> int:
    """The pieces that stand in the sink: what is committed."""
    lines = process.sink.read_text(encoding="utf-8").splitlines() if process.sink.exists() else []
    return sum(json.loads(line).get("delta", 0) for line in lines)


@pytest.mark.peer("libmodbus")
async def test_a_gateway_on_a_full_disk_counts_on_and_also_when_it_is_killed_there(
    tmp_path: Path, small_disk: Path, modbus_peer: ModbusPeer
) -> None:
    path, state = tmp_path / "plant.yaml", small_disk / "state"
    path.write_text(MAP.format(port=modbus_peer.port), encoding="utf-8")
    first = Process(path, state)
    try:
        await first.says("device connected")
        modbus_peer.set("holding", 0, 5)
        await eventually(lambda: told(first) == 5)
        ballast = fill(small_disk)
        modbus_peer.set("holding", 0, 9)
        await first.says("outbox full")
        modbus_peer.set("holding", 0, 14)
    finally:
        assert first.end(signal.SIGKILL) == -signal.SIGKILL
    second = Process(path, state)
    try:
        await second.says("device connected")
        modbus_peer.set("holding", 0, 20)
        await second.says("outbox full")
        ballast.unlink()
        await second.says("outbox has room again")
        modbus_peer.set("holding", 0, 23)
        await eventually(lambda: told(second) == 23)
    finally:
        assert second.end(signal.SIGTERM) == 0
    assert second.log.read_text(encoding="utf-8").count("outbox full") == 1, "the change is said, not the condition"
    events = stored(state)
    counts = [event for event in events if isinstance(event, PiecesCounted)]
    assert sum(event.delta for event in counts) == 23
    assert [event.total for event in counts] == sorted({event.total for event in counts}), "nothing twice"
    causes = [event.cause for event in events if isinstance(event, DataGapSeen)]
    assert causes.count(GapCause.GATEWAY) == 1, "the time between the kill and the next start is declared"
    assert GapCause.FULL not in causes, "nothing was dropped"
    assert len({event.id.rpartition(":")[0] for event in events}) == 1, "the epoch is the same"


async def test_a_damaged_outbox_is_declared_and_counters_begin_with_their_first_reading(tmp_path: Path) -> None:
    with contextlib.closing(SqliteOutbox(tmp_path, gateway="gw-1")):
        pass
    (tmp_path / "outbox.db").write_bytes(b"not a database" * 100)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    os.utime(tmp_path / "outbox.db", (an_hour_ago.timestamp(), an_hour_ago.timestamp()))
    async with running_gateway(tmp_path, map_of(MAP.format(port=1))) as running:
        now = datetime.now(UTC)
        for seconds, count in ((0, 500), (1, 503)):
            at = now + timedelta(seconds=seconds)
            told_now = [Sample("press1", "good", count, at, at), DeviceAlive(device="press1", at=at)]
            running.gateway._emit([DeviceBack(device="press1", at=now), *told_now] if not seconds else told_now)
        await eventually(lambda: any(isinstance(event, PiecesCounted) for event in running.events))
        events = running.events
    gap = events[0]
    assert isinstance(gap, DataGapSeen)
    assert (gap.cause, gap.subject) == (GapCause.RESTORE, "gw-1")
    assert abs(gap.begin - an_hour_ago) < timedelta(minutes=1)
    counts = [event for event in events if isinstance(event, PiecesCounted)]
    assert sum(event.delta for event in counts) == 3, "what was before the first reading is declared, not counted"
