"""A whole gateway that reads counters on a serial line: what the units count becomes pieces."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genba_edge.app.gateway import Gateway
from genba_edge.app.setup import GatewaySetup
from genba_edge.outbox import SqliteOutbox
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from genba_shared.events import PiecesCounted
from tests.peers.process import ModbusRtuPeer
from tests.peers.recorder import eventually
from tests.peers.serial_bus import SerialBus

pytestmark = pytest.mark.peer("libmodbus")

MAP = """
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: UTC}}
profiles:
  counter:
    protocol: modbus
    serial: {{port: {port}, baud: 19200}}
    timeout: 300ms
    poll: {{fast: 100ms}}
    points:
      good: {{at: 40001, type: uint16, counter: {{max_rate: 6000/min}}}}
devices:
  - {{id: one, use: counter, unit: 1}}
  - {{id: two, use: counter, unit: 2}}
stations:
  ONE: {{device: one, counts: {{good: good}}}}
  TWO: {{device: two, counts: {{good: good}}}}
"""

# Counts are joined for seconds of plant time; twenty of them pass in one of ours.
FAST = ProductionClock(origin=datetime(2026, 1, 5, 7, tzinfo=UTC), wall_origin_s=time.time(), speed=20)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with contextlib.closing(SqliteOutbox(tmp_path, gateway="gw-1")) as opened:
        yield opened


def pieces(outbox: SqliteOutbox, station: str) -> int:
    events = outbox.pending(after=0, limit=1000)
    return sum(event.delta for event in events if isinstance(event, PiecesCounted) and event.station == station)


async def test_units_of_a_serial_line_are_counted_and_go_on_counting_without_a_neighbour(
    tmp_path: Path,
    outbox: SqliteOutbox,
    serial_bus: SerialBus,
    serial_unit: Callable[[int], ModbusRtuPeer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = serial_unit(1), serial_unit(2)
    setup = GatewaySetup(
        device_map=load_device_map(Path("plant.yaml"), text=MAP.format(port=serial_bus.port)),
        outbox=outbox,
        clock=FAST,
        state_dir=tmp_path,
        broker=None,
        sink=None,
    )
    stop = asyncio.Event()
    caplog.set_level("INFO", logger="genba_edge")
    running = asyncio.create_task(Gateway(setup).run(stop))
    await eventually(lambda: caplog.text.count("device connected") == 2)
    first.set("holding", 0, 3)
    second.set("holding", 0, 2)
    await eventually(lambda: (pieces(outbox, "ONE"), pieces(outbox, "TWO")) == (3, 2))
    second.tell("silent on")
    await eventually(lambda: "device lost device=two" in caplog.text)
    first.set("holding", 0, 10)
    await eventually(lambda: pieces(outbox, "ONE") == 10)
    second.set("holding", 0, 5)
    second.tell("silent off")
    await eventually(lambda: pieces(outbox, "TWO") == 5)
    stop.set()
    await running
    assert "device lost device=one" not in caplog.text
