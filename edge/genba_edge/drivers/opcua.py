"""OPC UA: watches one server's points, and notices when the server, its subscription or the way to it is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.link import BadPoints, Link, end_if_cancelled, quieten
from genba_edge.drivers.opcua_points import PointSet
from genba_edge.drivers.opcua_session import OpcUaSession
from genba_edge.drivers.schedule import Schedule
from genba_edge.ports import DeviceAlive, Emit, Meter, Observation
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import OpcUaDevice
from genba_shared.errors import DeviceError

__all__ = ["OpcUaDriver"]

WATCHDOG = "watchdog"
WATCHDOG_S = 1.0
"""How often the server must show that it answers and that the subscription lives."""


class OpcUaDriver:
    """Reads one OPC UA server for ever.

    Each connection is a new session with a new subscription, whose first notifications are the present values; node
    ids are resolved again, since a namespace's index may change with a restart. The watchdog reads the server's time
    and looks at the subscription's keep-alives: a server that answers one but not the other is lost all the same.
    """

    def __init__(self, device: OpcUaDevice, clock: ProductionClock) -> None:
        self._device = device
        self._clock = clock
        self._meter = Meter(device=device.id)
        self._bad_points = BadPoints(self._meter, clock=clock)

    @property
    def device(self) -> str:
        """Id of the device in the map."""
        return self._device.id

    @property
    def meter(self) -> Meter:
        """What it counts about its device."""
        return self._meter

    async def run(self, emit: Emit) -> None:
        """Read until cancelled."""
        quieten("asyncua")
        link = Link(self._meter, clock=self._clock, emit=emit)
        backoff = Backoff(max_s=self._device.reconnect_max_s)
        while True:
            session = OpcUaSession(self._device)
            try:
                await session.open()
                await self._serve(session, link, backoff)
            except DeviceError as exc:
                reason = exc.reason
            finally:
                await session.close()
            end_if_cancelled()
            retry_s = backoff.next_s()
            link.lost(reason, retry_s=retry_s)
            await asyncio.sleep(retry_s)

    async def _serve(self, session: OpcUaSession, link: Link, backoff: Backoff) -> None:
        """Deliver what the server says until the session cannot be used any more (`DeviceError`)."""
        loop = asyncio.get_running_loop()
        self._bad_points.forget_told()
        points = PointSet(self._device, session=session, bad_points=self._bad_points, clock=self._clock)
        link.deliver(await points.attach(self._device.points.values()))
        periods: Mapping[str, float] = {}
        schedule = self._new_schedule(periods)
        while True:
            end_if_cancelled()
            if points.periods != periods:
                periods = points.periods
                schedule = self._new_schedule(periods)
            task, due = schedule.next()
            await session.wait(due - loop.time())
            if changes := session.take():
                link.deliver(points.samples(changes))
            session.raise_if_broken()
            if loop.time() < due:
                continue
            if task == WATCHDOG:
                link.deliver(await self._watchdog(session, points))
                backoff.reset()
            else:
                link.deliver(await points.read(task))
            schedule.done(task, now=loop.time())

    async def _watchdog(self, session: OpcUaSession, points: PointSet) -> list[Observation]:
        """Make sure that all is well; what was refused gets its next try on the same occasion."""
        now = asyncio.get_running_loop().time()
        points.schedule_retries(now=now)
        batch: list[Observation] = [*await points.retry(now=now)]
        await session.check()
        batch.extend(points.samples(session.take()))
        batch.append(DeviceAlive(device=self._device.id, at=self._clock.now()))
        return batch

    def _new_schedule(self, periods: Mapping[str, float]) -> Schedule:
        now = asyncio.get_running_loop().time()
        return Schedule({WATCHDOG: WATCHDOG_S, **periods}, device=self._device.id, start=now)
