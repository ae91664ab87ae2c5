"""The gateway ends in time, whatever does not answer it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from genba_edge.app.gateway import Gateway
from genba_edge.app.setup import GatewaySetup
from genba_edge.app.sink import Sink
from genba_edge.core.dropping import Dropping
from genba_edge.outbox import SqliteOutbox
from genba_edge.ports import DeviceBack, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from genba_shared.errors import OutboxFull
from genba_shared.events import Event, StationState, StationStateChanged
from tests.integration.mqtt_peers import Mosquitto
from tests.integration.test_uplink import GATEWAY, Collector
from tests.peers.recorder import eventually

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: sewing
    protocol: modbus
    host: 127.0.0.1:1
    points:
      state: {at: 40011, type: uint16, labels: {0: idle, 1: running}}
stations:
  SEW-1: {device: sewing, state: state}
"""

NO_TRAILS: Mapping[str, str] = MappingProxyType({})


class FullDisk(SqliteOutbox):
    """An outbox whose disk is full after the start."""

    def append(
        self,
        events: Sequence[Event],
        state: Mapping[str, str | None],
        trails: Mapping[str, str] = NO_TRAILS,
        *,
        dropping: Dropping | None = None,
    ) -> None:
        raise OutboxFull("database or disk is full")


def setup_with(outbox: SqliteOutbox, folder: Path) -> GatewaySetup:
    return GatewaySetup(
        device_map=load_device_map(Path("plant.yaml"), text=MAP),
        outbox=outbox,
        clock=ProductionClock(),
        state_dir=folder,
        broker=None,
        sink=None,
    )


class DiskThatHeals(SqliteOutbox):
    """An outbox whose disk is full for the first commits."""

    refusals = 2

    def append(
        self,
        events: Sequence[Event],
        state: Mapping[str, str | None],
        trails: Mapping[str, str] = NO_TRAILS,
        *,
        dropping: Dropping | None = None,
    ) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OutboxFull("database or disk is full")
        super().append(events, state, trails, dropping=dropping)


async def test_what_is_derived_while_a_commit_waits_for_the_disk_is_committed_after_it(tmp_path: Path) -> None:
    outbox = DiskThatHeals(tmp_path, gateway="gw-1")
    gateway = Gateway(setup_with(outbox, tmp_path))
    answers = []
    gateway._emit([DeviceBack(device="sewing", at=gateway._clock.now())])
    for state in (1, 0, 1):
        now = gateway._clock.now()
        gateway._emit([Sample(device="sewing", point="state", value=state, at=now, seen_at=now)])
        answers.append(await gateway._commit_all())
    told = [event.state for event in outbox.pending(after=0, limit=10) if isinstance(event, StationStateChanged)]
    outbox.close()
    assert answers == [False, False, True]
    assert told == [StationState.RUNNING, StationState.IDLE, StationState.RUNNING]


async def test_a_full_disk_does_not_hold_up_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox, stop = FullDisk(tmp_path, gateway="gw-1"), asyncio.Event()
    running = asyncio.create_task(Gateway(setup_with(outbox, tmp_path)).run(stop))
    await eventually(lambda: "outbox full waiting_events=1" in caplog.text)
    told_s = time.monotonic()
    stop.set()
    async with asyncio.timeout(5):
        await running
    outbox.close()
    assert time.monotonic() - told_s < 5
    assert "outbox full at shutdown" in caplog.text


class SlowSink(Sink):
    """A file on a share that does not answer, until `is_back`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_writing, self.is_back = threading.Event(), threading.Event()
        self.came_back = False

    def write(self, events: Sequence[Event]) -> None:
        self.is_writing.set()
        self.came_back = self.is_back.wait(10)
        super().write(events)


async def test_a_sink_that_does_not_answer_leaves_the_loop_free(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with closing(SqliteOutbox(tmp_path, gateway="gw-1")) as outbox, closing(SlowSink(path)) as sink:
        gateway = Gateway(replace(setup_with(outbox, tmp_path), sink=sink))
        now = gateway._clock.now()
        gateway._emit([DeviceBack(device="sewing", at=now)])
        gateway._emit([Sample(device="sewing", point="state", value=1, at=now, seen_at=now)])
        committing = asyncio.create_task(gateway._commit_all())
        await eventually(sink.is_writing.is_set)
        sink.is_back.set()
        assert await committing
        assert sink.came_back
        assert path.read_text().count("\n") == outbox.mark().depth > 0


async def test_waiting_for_the_last_answer_of_an_epoch_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.app.gateway.SETTLE_S", 300.0)
    broker, stop = Mosquitto(tmp_path), asyncio.Event()
    broker.start()
    collector = Collector(broker.url)
    collector.upto = 7  # of a copy of this gateway
    collector.ignores = lambda envelope: True
    device_map = load_device_map(Path("plant.yaml"), text=MAP.replace("gw-1", GATEWAY))
    try:
        async with collector.link:
            with closing(SqliteOutbox(tmp_path, gateway=GATEWAY)) as outbox:
                setup = replace(setup_with(outbox, tmp_path), device_map=device_map, broker=broker.url)
                gateway = Gateway(setup)
                running = asyncio.create_task(gateway.run(stop))
                settling = asyncio.Event()
                uplink = gateway._uplink
                assert uplink is not None
                drain = uplink.drain

                async def drain_and_say(timeout_s: float) -> bool:
                    settling.set()
                    return await drain(timeout_s)

                monkeypatch.setattr(uplink, "drain", drain_and_say)
                gateway._emit([DeviceBack(device="sewing", at=gateway._clock.now())])
                now = gateway._clock.now()
                gateway._emit([Sample(device="sewing", point="state", value=1, at=now, seen_at=now)])
                async with asyncio.timeout(60):
                    await settling.wait()
                stop.set()
                async with asyncio.timeout(30):
                    await running
                assert outbox.mark().depth > 0
    finally:
        broker.kill()
