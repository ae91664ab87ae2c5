"""OPC UA servers that take connections and reset them, as one does that is starting: found as soon as they are up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from genba_edge.app.devices import make_drivers
from genba_edge.ports import DeviceLost
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from tests.peers.process import OpcUaPeer
from tests.peers.proxy import Mode, Proxy
from tests.peers.recorder import Recorder, eventually

pytestmark = pytest.mark.peer("node-opcua")

DEVICES = 8
TRIES = 250
"""Connections that are reset; a few in a hundred are reset before the library has said its first word."""
HEAD = "version: 1\ngateway: {id: gw-1, site: plant-a, timezone: UTC}\ndevices:\n"
DEVICE = """\
  - {{id: cutter{number}, protocol: opcua, url: "opc.tcp://127.0.0.1:{port}", security: {{policy: none}},
     timeout: 20s, reconnect: {{max: 100ms}},
     points: {{parts: {{node: "nsu=urn:genba:peer;s=parts", type: uint32, sampling: 100ms}}}}}}
"""


async def test_a_connection_that_is_reset_before_the_first_word_does_not_cost_a_time_out(
    opcua_peer: OpcUaPeer, tmp_path: Path
) -> None:
    recorders = [Recorder() for _ in range(DEVICES)]
    with Proxy(int(opcua_peer.url.rpartition(":")[2])) as proxy:
        text = HEAD + "".join(DEVICE.format(number=number, port=proxy.port) for number in range(DEVICES))
        devices = load_device_map(tmp_path / "plant.yaml", text=text).devices
        drivers = make_drivers(devices.values(), clock=ProductionClock(), state_dir=tmp_path)
        tasks = [asyncio.create_task(driver.run(each)) for driver, each in zip(drivers, recorders, strict=True)]
        try:
            await eventually(lambda: all(recorder.values("parts") == [0] for recorder in recorders))
            proxy.switch(Mode.CUT)
            await eventually(lambda: all(recorder.of(DeviceLost) for recorder in recorders))
            tries = proxy.connections
            await eventually(lambda: proxy.connections >= tries + TRIES)
            proxy.switch(Mode.PASS)
            await eventually(lambda: all(recorder.values("parts") == [0, 0] for recorder in recorders), within_s=3.0)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
