"""The gateway ends in time, whatever does not answer it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from genba_edge.app.gateway import Gateway, GatewaySetup
from genba_edge.outbox import SqliteOutbox
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from genba_shared.errors import OutboxFull
from genba_shared.events import Event
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


class FullDisk(SqliteOutbox):
    """An outbox whose disk is full after the start."""

    def append(self, events: Sequence[Event], state: Mapping[str, str | None]) -> None:
        raise OutboxFull("database or disk is full")


async def test_a_full_disk_does_not_hold_up_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox, stop = FullDisk(tmp_path, gateway="gw-1"), asyncio.Event()
    setup = GatewaySetup(
        device_map=load_device_map(Path("plant.yaml"), text=MAP),
        outbox=outbox,
        clock=ProductionClock(),
        state_dir=tmp_path,
        broker=None,
        sink=None,
    )
    running = asyncio.create_task(Gateway(setup).run(stop))
    await eventually(lambda: "outbox full waiting_events=1" in caplog.text)
    told_s = time.monotonic()
    stop.set()
    async with asyncio.timeout(5):
        await running
    outbox.close()
    assert time.monotonic() - told_s < 5
    assert "outbox full at shutdown" in caplog.text
