"""Runs the plant in plant time behind its real servers, and writes its files.

The simulation is moved on every 20 ms of wall time, up to the plant time of that moment; what happened is shown by the
servers and written to the truth and the plan right away.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from genba_shared.clock import ProductionClock, format_time, to_milliseconds
from genba_shared.errors import UsageError
from genba_sim.happenings import Announced, CountersReset, Happening, PlantStopped, TagSeen
from genba_sim.map_file import Endpoints, device_map_text
from genba_sim.plant import Plant
from genba_sim.plc_modbus import SewingCellPlc
from genba_sim.plc_opcua import CutterPlc
from genba_sim.rfid_llrp import SimReader
from genba_sim.settings import Pace, PlantSettings
from genba_sim.truth import LinesFile, plan_line, stall_line, truth_line

logger = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
TICK_S: Final = 0.02
LONG_TICK_S: Final = 0.1  # this machine was busy with something else: what happened meanwhile was shown late
FASTEST: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files to write; None writes none."""

    truth: Path | None = None
    plan: Path | None = None
    endpoints: Path | None = None
    device_map: Path | None = None


class Simulation:
    """The servers of one plant, moved by one plant core.

    Raises:
        UsageError: the clock is too fast for a gateway that polls in wall time, or a file cannot be written.
    """

    def __init__(
        self,
        settings: PlantSettings,
        clock: ProductionClock,
        *,
        seed: int,
        files: Files,
        stop_at: datetime | None = None,
    ) -> None:
        if clock.speed > FASTEST:
            raise UsageError(
                f"speed {clock.speed:g} is too fast: above {FASTEST:g} a gateway that polls in wall time misses set-ups"
            )
        self._settings = settings
        self._clock = clock
        self._seed = seed
        self._files = files
        self._stop_at = stop_at
        self._cutter = CutterPlc(settings.counters, HOST, settings.ports.opcua)
        self._cell = SewingCellPlc(settings.counters, HOST, settings.ports.modbus)
        self._gate = SimReader(clock, HOST, settings.ports.llrp)
        self._open_files = ExitStack()
        self._truth = self._lines(files.truth)
        self._plan = self._lines(files.plan)
        self._plant: Plant | None = None
        self._has_stopped = False
        self._moving: asyncio.Task[None] | None = None

    async def start(self) -> Endpoints:
        """Start the servers, write endpoints and map, and begin; the plant's time starts now.

        Raises:
            UsageError: a port is taken, or a file cannot be written.
        """
        try:
            await self._cell.start()
            await self._gate.start()
            await self._cutter.start(self._clock.now())
        except OSError as exc:
            raise UsageError(f"a simulated device cannot listen: {exc}") from exc
        endpoints = Endpoints(
            opcua=self._cutter.url, modbus=f"{HOST}:{self._cell.port}", llrp=f"{HOST}:{self._gate.port}"
        )
        _write(self._files.endpoints, endpoints.to_json())
        _write(self._files.device_map, device_map_text(self._settings, endpoints))
        self._plant = Plant(
            self._settings,
            self._happened,
            origin=to_milliseconds(self._clock.now()),
            seed=self._seed,
            pace=Pace.at_speed(self._clock.speed),
            stop_at=self._stop_at,
        )
        self._moving = asyncio.create_task(self._move(self._plant))
        return endpoints

    async def stopped_by(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set; whatever the moving plant raises comes out here."""
        if self._moving is None:
            return
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({waiting, self._moving}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._moving.done():
            self._moving.result()

    async def stop(self) -> None:
        """Stand still, close the servers and the files."""
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.wait({self._moving})
        await self._gate.stop()
        await self._cell.stop()
        await self._cutter.stop()
        self._open_files.close()

    async def _move(self, plant: Plant) -> None:
        shown_at = self._clock.now()
        while True:
            now = self._clock.now()
            plant.run_until(now)
            await self._cutter.flush()
            if (
                self._truth is not None
                and not self._has_stopped
                and (now - shown_at).total_seconds() > LONG_TICK_S * self._clock.speed
            ):
                self._truth.write(stall_line(shown_at, now))
            shown_at = now
            await asyncio.sleep(TICK_S)

    def _happened(self, happening: Happening) -> None:
        match happening:
            case TagSeen():
                self._gate.see(happening.antenna, happening.epc, happening.at, happening.rssi_dbm)
                return
            case Announced():
                if self._plan is not None:
                    self._plan.write(plan_line(happening, site=self._settings.site))
                logger.info("order announced order=%s", happening.order.number)
            case CountersReset():
                logger.info("counters reset station=%s at=%s", happening.station, format_time(happening.at))
            case PlantStopped():
                self._has_stopped = True
                logger.info("plant stopped at=%s", format_time(happening.at))
            case _:
                pass
        self._cutter.apply(happening)
        self._cell.apply(happening)
        if self._truth is not None and (line := truth_line(happening)) is not None:
            self._truth.write(line)

    def _lines(self, path: Path | None) -> LinesFile | None:
        return None if path is None else self._open_files.enter_context(LinesFile(path))


async def run_until_signal(simulation: Simulation) -> None:
    """Run until SIGTERM or SIGINT, then close everything within two seconds; prints ``ready …`` once it runs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        endpoints = await simulation.start()
        print(  # noqa: T201 (whoever started us waits for this line)
            f"ready opcua={endpoints.opcua} modbus={endpoints.modbus} llrp={endpoints.llrp}", flush=True
        )
        await simulation.stopped_by(stop)
    finally:
        await simulation.stop()


def _write(path: Path | None, text: str) -> None:
    """Write a whole file under a temporary name first: nobody reads half of it."""
    if path is None:
        return
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror}") from exc
