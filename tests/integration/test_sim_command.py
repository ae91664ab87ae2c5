"""`genba sim run` as a process of its own: files, ready line, frozen stop, clean end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua.client.client import Client
from pymodbus.client import AsyncModbusTcpClient

from genba_shared.clock import CLOCK_VARIABLE, ProductionClock, format_time, parse_time
from genba_shared.device_map.loader import load_device_map_with_warnings
from genba_shared.errors import UsageError
from genba_sim.map_file import Endpoints, device_map_text
from genba_sim.run import FASTEST, Files, Simulation
from genba_sim.settings import PlantSettings, PortSettings
from tests.peers.recorder import eventually

COMMAND = """\
import argparse, sys
from genba_sim.cli import COMMAND
parser = argparse.ArgumentParser()
COMMAND.add_arguments(parser)
sys.exit(COMMAND.run(parser.parse_args()))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimProcess:
    """A running `genba sim run` that has said ready."""

    process: asyncio.subprocess.Process
    ready: str
    folder: Path

    async def end_by(self, number: signal.Signals) -> tuple[int | None, str, float]:
        """Exit code, stderr, and the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        _, errors = await self.process.communicate()
        return self.process.returncode, errors.decode(), time.monotonic() - began


@asynccontextmanager
async def sim_run(folder: Path, *more: str, clock: ProductionClock | None = None) -> AsyncIterator[SimProcess]:
    files = [f"--{name}={folder / name}" for name in ("truth", "plan", "endpoints", "map")]
    environment = {name: value for name, value in os.environ.items() if name != CLOCK_VARIABLE}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    if clock is not None:
        environment[CLOCK_VARIABLE] = clock.to_variable()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMAND,
        "run",
        *files,
        *more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            ready = (await process.stdout.readline()).decode()
        yield SimProcess(process=process, ready=ready, folder=folder)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_files_and_servers_are_there_when_it_says_ready(tmp_path: Path) -> None:
    async with sim_run(tmp_path, "--speed=60") as sim:
        assert sim.ready.startswith("ready ")
        urls = json.loads((tmp_path / "endpoints").read_text())
        assert urls.keys() == {"cutter1", "sewing-cell", "gate"}
        assert urls["cutter1"] in (tmp_path / "map").read_text()
        assert (tmp_path / "truth").exists()
        async with Client(urls["cutter1"]) as client:
            assert await client.get_namespace_index("urn:genba:sim:cutter") > 1
        await eventually(lambda: (tmp_path / "plan").read_text().count("\n") >= 5)


async def test_it_ends_on_sigterm_though_clients_are_connected(tmp_path: Path) -> None:
    async with sim_run(tmp_path, "--speed=60") as sim:
        urls = json.loads((tmp_path / "endpoints").read_text())
        modbus = AsyncModbusTcpClient("127.0.0.1", port=int(urls["sewing-cell"].rpartition(":")[2]))
        reader, writer = await asyncio.open_connection("127.0.0.1", int(urls["gate"].rpartition(":")[2]))
        opcua, opcua_writer = await asyncio.open_connection("127.0.0.1", port_of(urls["cutter1"]))
        assert await modbus.connect()
        code, errors, took_s = await sim.end_by(signal.SIGTERM)
        assert (code, errors) == (0, "")
        assert took_s < 10.0
        modbus.close()
        for each in (writer, opcua_writer):
            each.close()
        await reader.read()
        await opcua.read()


async def test_it_ends_on_ctrl_c_without_a_word(tmp_path: Path) -> None:
    async with sim_run(tmp_path) as sim:
        code, errors, _ = await sim.end_by(signal.SIGINT)
        assert (code, errors) == (0, "")


async def test_it_stands_still_at_the_stop_and_its_servers_stay_up(tmp_path: Path) -> None:
    clock = ProductionClock(origin=datetime(2026, 1, 5, 7, tzinfo=UTC), wall_origin_s=time.time(), speed=100.0)
    stop = clock.origin + timedelta(minutes=8)
    async with sim_run(tmp_path, f"--stop-at={format_time(stop)}", clock=clock) as sim:
        await eventually(lambda: "stopped" in (tmp_path / "truth").read_text())
        last = json.loads((tmp_path / "truth").read_text().splitlines()[-1])
        assert last["wip"] == {"sewing": 0, "packing": 0, "cut-buffer": 0}
        assert stop <= parse_time(last["at"]) < stop + timedelta(seconds=5)
        async with Client(json.loads((tmp_path / "endpoints").read_text())["cutter1"]) as client:
            index = await client.get_namespace_index("urn:genba:sim:cutter")
            assert await client.get_node(f"ns={index};s=PartCount").read_value() == 65_500
        assert sim.process.returncode is None


def test_the_device_map_of_the_plant_is_accepted_by_the_product(tmp_path: Path) -> None:
    endpoints = Endpoints(opcua="opc.tcp://127.0.0.1:4840/cutter", modbus="127.0.0.1:5020", llrp="127.0.0.1:5084")
    path = tmp_path / "map.yaml"
    path.write_text(device_map_text(PlantSettings(), endpoints), encoding="utf-8")
    device_map, warnings = load_device_map_with_warnings(path)
    assert warnings == ()
    assert set(device_map.devices) == {"cutter1", "sewing-cell", "gate"}
    assert set(device_map.stations) == {"CUT-1", "SEW-1", "SEW-2", "INS-1", "PACK-1"}
    assert set(device_map.zones) == {"sewing", "packing", "cut-buffer"}
    assert set(device_map.nodes) == {"CUT", "SEW", "INS", "PACK"}


async def test_a_taken_port_is_said_and_not_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = PlantSettings(ports=PortSettings(modbus=taken.getsockname()[1]))
        simulation = Simulation(settings, ProductionClock(), seed=1, files=Files())
        with pytest.raises(UsageError, match="taken"):
            await simulation.start()
        await simulation.stop()


def test_a_clock_that_is_too_fast_for_polling_is_refused() -> None:
    with pytest.raises(UsageError, match="too fast"):
        Simulation(PlantSettings(), ProductionClock(speed=FASTEST + 1), seed=1, files=Files())


def port_of(url: str) -> int:
    return int(url.split(":")[2].partition("/")[0])
