"""What a gateway derives while an envelope is under way is committed together, over a real broker."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from genba_edge.app.gateway import Gateway
from genba_edge.app.setup import GatewaySetup
from genba_edge.core import grouping
from genba_edge.outbox import SqliteOutbox
from genba_edge.ports import DeviceAlive, DeviceBack, Sample
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from genba_shared.events import PiecesCounted
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.integration.test_uplink import Collector

STATIONS = range(6)
MAP = "\n".join(
    [
        "version: 1",
        "gateway: {id: line-1, site: plant-a, timezone: UTC}",
        "devices:",
        "  - id: plc",
        "    protocol: modbus",
        "    host: 127.0.0.1:1",
        "    points:",
        *(f"      g{n}: {{at: {40001 + 2 * n}, type: uint32, counter: {{max_rate: 600/min}}}}" for n in STATIONS),
        "stations:",
        *(f"  S-{n}: {{device: plc, counts: {{good: g{n}}}}}" for n in STATIONS),
    ]
)


async def test_what_follows_while_an_envelope_is_under_way_is_one_commit_when_it_is_answered(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "GROUP_S", 600.0)  # not the time, the answer is what ends the wait here
    collector = Collector(broker.url)
    with contextlib.closing(SqliteOutbox(tmp_path, gateway="line-1")) as outbox:
        setup = GatewaySetup(
            device_map=load_device_map(Path("plant.yaml"), text=MAP),
            outbox=outbox,
            clock=ProductionClock(),
            state_dir=tmp_path,
            broker=BrokerAddress.parse(broker.url),
            sink=None,
        )
        gateway, stop, now = Gateway(setup), asyncio.Event(), datetime.now(UTC)

        def read(point: str, value: int, second: int) -> None:
            at = now + timedelta(seconds=second)
            gateway._emit([Sample("plc", point, value, at, at), DeviceAlive(device="plc", at=at)])

        async with collector.link:
            running = asyncio.create_task(gateway.run(stop))
            await eventually(lambda: bool(collector.states))
            gateway._emit([DeviceBack(device="plc", at=now)])
            for station in STATIONS:
                read(f"g{station}", 0, 0)
            await eventually(lambda: not gateway._inbox._waiting)
            collector.is_mute = True
            read("g0", 1, 1)
            await eventually(lambda: len(collector.seqs) == 1)
            before = gateway.snapshot().commits
            for station in STATIONS[1:]:
                read(f"g{station}", 1, 1 + station)
                await eventually(lambda: not gateway._inbox._waiting)
            assert gateway.snapshot().commits == before, "the first was committed at once, the others wait"
            collector.is_mute = False
            collector.answer()
            await eventually(lambda: len(collector.seqs) == len(STATIONS))
            assert gateway.snapshot().commits == before + 1
            stop.set()
            await running
    assert [event.point for event in collector.events if isinstance(event, PiecesCounted)] == [
        f"plc/g{station}" for station in STATIONS
    ]
