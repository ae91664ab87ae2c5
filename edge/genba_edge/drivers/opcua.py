"""OPC UA: watches one server's points, and notices when the server, its subscription or the way to it is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.link import BadPoints, Link, end_if_cancelled, quieten
from genba_edge.drivers.opcua_datawatch import DataWatch
from genba_edge.drivers.opcua_faults import OpcUaLost, OpcUaRefused
from genba_edge.drivers.opcua_keys import Keys
from genba_edge.drivers.opcua_limits import CallSizes
from genba_edge.drivers.opcua_points import PointSet
from genba_edge.drivers.opcua_samples import Sampler
from genba_edge.drivers.opcua_session import OpcUaSession
from genba_edge.drivers.pace import PollPace
from genba_edge.drivers.schedule import Schedule
from genba_edge.ports import DeviceAlive, Emit, Failure, Meter
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import OpcUaDevice

__all__ = ["OpcUaDriver", "Pace"]

WATCHDOG = "watchdog"
OF_ONE_SESSION = ("source_clock", "read_in_polls", "sampled_slower")
"""Details that are told only where something is unusual: the next session may find it mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the server must show that it answers and that subscriptions live, and that what they tell is true."""

    watchdog_s: float = 1.0
    data_check_s: float = 30.0
    refused_s: float = 10.0
    """Pause after a refusal for the sake of security: servers lock users out, and keep every try in their list."""


class OpcUaDriver:
    """Reads one OPC UA server for ever.

    Each connection is a new session with new subscriptions, whose first notifications are the present values; node
    ids and browse paths are resolved again, since a namespace's index may change with a restart. The watchdog reads the
    server's time and looks at the subscriptions' keep-alives: a server that answers one but not the other is lost all
    the same.
    """

    def __init__(
        self, device: OpcUaDevice, clock: ProductionClock, *, state_dir: Path, pace: Pace | None = None
    ) -> None:
        self._device = device
        self._clock = clock
        self._pace = pace or Pace()
        self._keys = Keys(state_dir / "opcua")
        self._meter = Meter(device=device.id)
        self._bad_points = BadPoints(self._meter, clock=clock)
        self._sizes = CallSizes()
        self._data_watch = DataWatch(self._pace.data_check_s)
        self._poll_paces: dict[str, PollPace] = {}
        self._sampler = Sampler(device, meter=self._meter, bad_points=self._bad_points, clock=clock)

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
            session = OpcUaSession(self._device, keys=self._keys, sizes=self._sizes, meter=self._meter)
            try:
                await session.open()
                await self._serve(session, link, backoff)
            except (OpcUaLost, OpcUaRefused) as exc:
                reason = exc.reason
                self._meter.failures[exc.failure] += 1
                failure = exc.failure
            finally:
                await session.close()
            end_if_cancelled()
            retry_s = backoff.next_s()
            if failure is Failure.SECURITY:
                retry_s = max(retry_s, self._pace.refused_s)
            link.lost(reason, retry_s=retry_s)
            await asyncio.sleep(retry_s)

    async def _serve(self, session: OpcUaSession, link: Link, backoff: Backoff) -> None:
        """Deliver what the server says until the session cannot be used any more (`OpcUaLost`, `OpcUaRefused`)."""
        self._bad_points.forget_told()
        for stale in OF_ONE_SESSION:
            self._meter.details.pop(stale, None)
        points = PointSet(
            self._device,
            session=session,
            sampler=self._sampler,
            bad_points=self._bad_points,
            data_watch=self._data_watch,
            meter=self._meter,
        )
        link.deliver(await points.attach(self._device.points.values()))
        try:
            await self._go_on(session, points, link, backoff)
        except (OpcUaLost, OpcUaRefused):
            link.deliver(points.samples(session.take()))  # acknowledged: the server does not tell it again
            raise

    async def _go_on(self, session: OpcUaSession, points: PointSet, link: Link, backoff: Backoff) -> None:
        """Poll, check and deliver until the session breaks."""
        loop = asyncio.get_running_loop()
        periods: Mapping[str, float] = {}
        schedule = self._new_schedule(periods)
        while True:
            end_if_cancelled()
            if points.periods != periods:
                periods = points.periods
                schedule = self._new_schedule(periods)
            task, due = schedule.next()
            await session.wait(due - loop.time())
            if arrivals := session.take():
                link.deliver(points.samples(arrivals))
            session.raise_if_broken()
            if loop.time() < due:
                continue
            if task == WATCHDOG:
                await self._watchdog(session, points, link)
                backoff.reset()
            else:
                began = loop.time()
                link.deliver(await points.read(task))
                ended = loop.time()
                pace = self._poll_paces.setdefault(task, PollPace(self._meter, group=task, period_s=periods[task]))
                pace.note(took_s=ended - began, late_s=schedule.late_s(task, due=due, now=ended))
            schedule.done(task, now=loop.time())

    async def _watchdog(self, session: OpcUaSession, points: PointSet, link: Link) -> None:
        """Make sure that all is well; what was refused gets its next try on the same occasion."""
        now = asyncio.get_running_loop().time()
        points.schedule_retries(now=now)
        link.deliver(await points.retry(now=now))
        await session.check()
        link.deliver(points.samples(session.take()))  # before the next check, which may end the session
        await points.check_data(now=now)
        link.deliver([DeviceAlive(device=self._device.id, at=self._clock.now())])

    def _new_schedule(self, periods: Mapping[str, float]) -> Schedule:
        now = asyncio.get_running_loop().time()
        return Schedule({WATCHDOG: self._pace.watchdog_s, **periods}, device=self._device.id, start=now)
