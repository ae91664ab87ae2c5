"""What a gateway costs on given devices: CPU and memory of ours and of the peer, in turns."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Final

from benchmarks.edge import gateways, maps, thingsboard
from benchmarks.edge.collector import Collector
from benchmarks.edge.processes import CannotMeasure, Load, measure_load, wait_until
from benchmarks.edge.servers import modbus_server, opcua_server

MODBUS_PERIOD_MS: Final = 1370
"""Each register changes as often: no multiple of the poll period, so that changes fall anywhere between two polls."""
OPCUA_PERIOD_MS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all measurements share: a folder, the broker's port, the collector, and how long to look."""

    folder: Path
    mqtt: int
    collector: Collector
    seconds: float
    warm_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Devices and the maps that our gateway may be given for them.

    `given` says for the table what each map makes of the points; the peer forwards every point, whatever it means.
    """

    name: str
    points: int
    protocol: str
    ours: dict[str, Callable[[str, int], str]]
    given: dict[str, str]


def _port(address: str) -> int:
    return int(address)


SCENES: Final = (
    Scene(
        name="modbus",
        points=1000,
        protocol="modbus",
        ours={
            "modbus": lambda address, points: maps.modbus_map(_port(address), points=points),
            "modbus_counters": lambda address, points: maps.modbus_counters_map(_port(address), points=points),
        },
        given={
            "modbus": "20 stations with good, scrap and state; 940 points read and checked only",
            "modbus_counters": "500 stations with good and scrap: every point counts",
        },
    ),
    Scene(
        name="opcua",
        points=1000,
        protocol="opcua",
        ours={
            "opcua": lambda address, points: maps.opcua_map(address, points=points),
            "opcua_counters": lambda address, points: maps.opcua_counters_map(address, points=points),
        },
        given={
            "opcua": "20 stations with good, scrap and state by rhythm; 960 items watched only",
            "opcua_counters": "500 stations with good and scrap: every item counts",
        },
    ),
    Scene(
        name="idle",
        points=10,
        protocol="modbus",
        ours={"idle": lambda address, points: maps.modbus_map(_port(address), points=points)},
        given={"idle": "1 station with good, scrap and state; 7 points read and checked only"},
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One row: the loads of all rounds, and what was delivered per second."""

    loads: list[Load] = field(default_factory=list)
    delivered_per_s: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Share of one core: the median of the rounds."""
        return statistics.median(load.cpu for load in self.loads)

    @property
    def rss_mb(self) -> float:
        """Resident memory: the greatest of the rounds."""
        return max(load.rss_mb for load in self.loads)

    @property
    def rate(self) -> float:
        """Events (ours) or values (the peer) that arrived per second."""
        return statistics.median(self.delivered_per_s)


def measure_scene(bench: Bench, scene: Scene, *, rounds: int, peers: Sequence[str]) -> dict[str, Measured]:
    """Our gateway with each of the scene's maps and every gateway of `peers`, one after the other, `rounds` times.

    Returns:
        Rows by the name of our map, and by `gateways.THEIRS`.
    """
    rows = {name: Measured() for name in (*scene.ours, *peers)}
    with tempfile.TemporaryDirectory(dir=bench.folder) as name, _devices(Path(name), scene) as address:
        for turn in range(1, rounds + 1):
            for row, measured in rows.items():
                load, rate = _measure(bench, scene, row, address)
                measured.loads.append(load)
                measured.delivered_per_s.append(rate)
                print(
                    f"{scene.name}, round {turn} of {rounds}: {row:16} cpu {load.cpu * 100:6.2f} % of a core, "
                    f"{load.rss_mb:5.1f} MB, {rate:6.1f} delivered/s",
                    flush=True,
                )
    return rows


def _measure(bench: Bench, scene: Scene, row: str, address: str) -> tuple[Load, float]:
    bench.collector.clear()
    with tempfile.TemporaryDirectory(dir=bench.folder) as name:
        folder = Path(name)
        with _gateway(bench, scene, row, address, folder) as process:
            expected = scene.points if row == gateways.THEIRS else 1
            wait_until(
                lambda: process.poll() is not None or bench.collector.kinds.total() >= expected,
                what=f"{row}: the first data of the gateway",
            )
            if process.poll() is not None:
                raise CannotMeasure(f"{row}: {(folder / gateways.LOG).read_text(errors='replace')[-1500:]}")
            time.sleep(bench.warm_s)
            bench.collector.clear()
            began = time.monotonic()
            load = measure_load(process, seconds=bench.seconds)
            rate = bench.collector.kinds.total() / (time.monotonic() - began)
    if not rate and row == gateways.THEIRS:  # ours joins counts for ten seconds
        raise CannotMeasure(f"{row}: the gateway delivered nothing while it was measured")
    return load, rate


@contextlib.contextmanager
def _devices(folder: Path, scene: Scene) -> Iterator[str]:
    if scene.protocol == "opcua":
        with opcua_server(folder, points=scene.points, period_ms=OPCUA_PERIOD_MS) as url:
            yield url
    else:
        with modbus_server(folder, period_ms=MODBUS_PERIOD_MS) as server:
            yield str(server.port)


@contextlib.contextmanager
def _gateway(bench: Bench, scene: Scene, row: str, address: str, folder: Path) -> Iterator[Popen[str]]:
    if row != gateways.THEIRS:
        with gateways.genba(folder, scene.ours[row](address, scene.points), mqtt=bench.mqtt) as process:
            yield process
        return
    if scene.protocol == "opcua":
        thingsboard.configure_opcua(folder, url=address, mqtt=bench.mqtt, points=scene.points)
    else:
        thingsboard.configure_modbus(folder, int(address), mqtt=bench.mqtt, points=scene.points)
    with gateways.thingsboard_gateway(folder) as process:
        yield process
