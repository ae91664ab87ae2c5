"""The drivers at work: each in a task of its own, started and stopped by device."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from genba_edge.app.devices import make_drivers
from genba_edge.ports import DeviceLost, Driver, Emit, Meter, Observation
from genba_shared.clock import ProductionClock
from genba_shared.device_map import Device
from genba_shared.supervisor import supervise

logger = logging.getLogger(__name__)

STOP_S: Final = 5.0  # wall: drivers take leave of their devices within a second; one that needs this long hangs


class Fleet:
    """Runs the drivers of a gateway. One that dies of a bug is started again alone; its device is lost until then."""

    def __init__(self, emit: Emit, *, clock: ProductionClock, state_dir: Path) -> None:
        self._emit, self._clock, self._state_dir = emit, clock, state_dir
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._drivers: dict[str, Driver] = {}
        self._given_up: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    @property
    def meters(self) -> Mapping[str, Meter]:
        """What each driver counts, by device."""
        return {device: driver.meter for device, driver in self._drivers.items()}

    @property
    def stopped(self) -> list[str]:
        """Devices whose drivers were stopped, and neither started again nor forgotten."""
        return [device for device in self._drivers if device not in self._tasks]

    def make(self, devices: Iterable[Device]) -> list[Driver]:
        """The drivers of these devices, not started; whatever a device's settings do not allow is raised here."""
        return make_drivers(devices, clock=self._clock, state_dir=self._state_dir)

    def start(self, drivers: Iterable[Driver]) -> None:
        """Let them read, unless the gateway is being stopped."""
        for driver in () if self._is_closed else drivers:
            self._drivers[driver.device] = driver
            self._tasks[driver.device] = asyncio.create_task(self._keep(driver), name=f"driver {driver.device}")

    async def stop(self, devices: Iterable[str]) -> None:
        """End the drivers of these devices; afterwards nothing more is heard of them.

        One that does not end in time is given up: the gateway does not stand still for the fault of a driver.
        """
        tasks = {self._tasks.pop(device): device for device in devices if device in self._tasks}
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        ended, hanging = await asyncio.wait(tasks, timeout=STOP_S)
        await asyncio.gather(*ended, return_exceptions=True)
        for task in hanging:
            self._given_up.add(task)
            task.cancel()  # in case it took the first for a trouble of its connection, and goes on
            logger.error("driver does not end device=%s waited_s=%.0f: it is not heard any more", tasks[task], STOP_S)

    async def stop_all(self) -> None:
        """End every driver; no other is started any more."""
        self._is_closed = True
        await self.stop(list(self._tasks))

    def forget(self, devices: Iterable[str]) -> None:
        """These devices are no longer in the map: nothing is told of them any more."""
        for device in devices:
            self._drivers.pop(device, None)

    async def _keep(self, driver: Driver) -> None:
        task = asyncio.current_task()

        def emit(observations: Sequence[Observation]) -> None:
            if task not in self._given_up:
                self._emit(observations)

        def lose(exc: Exception) -> None:
            reason = f"fault in the gateway itself ({type(exc).__name__}), see its log"
            emit([DeviceLost(device=driver.device, at=self._clock.now(), reason=reason)])

        await supervise(f"driver {driver.device}", partial(driver.run, emit), on_failure=lose)
