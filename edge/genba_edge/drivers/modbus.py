"""Modbus: polls one unit at fixed rates with as few requests as it allows, over a line that it may share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from genba_edge.core.registers import Block, settings_in_force
from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.link import BadPoints, Link, end_if_cancelled, quieten
from genba_edge.drivers.modbus_line import UNIT_UNREACHABLE, ModbusLine
from genba_edge.drivers.modbus_memory import BlockMemory
from genba_edge.drivers.modbus_plan import PollPlan
from genba_edge.drivers.modbus_unit import BUSY, ModbusHungUp, ModbusRefused, ModbusTimeout, ModbusUnit
from genba_edge.drivers.pace import PollPace
from genba_edge.drivers.schedule import Schedule
from genba_edge.ports import DeviceAlive, Emit, Failure, Meter, Observation, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ModbusDevice
from genba_shared.errors import BadReading, DeviceUnreachable

__all__ = ["ModbusDriver"]

SOONER = 0.9
"""The longest wait as a part of the map's `reconnect: max`, so that a device is read again within that time."""
LEAST_RETRY_S = 0.1
SHORTEST_IDLE_S = 1.0
"""A connection that was closed after this time while no request was open was idle for too long for the device."""
BUSY_FIRST_S = 0.05
BUSY_MOST_S = 5.0
"""Wait before a request that found the device busy is sent again, doubled each time, if the next poll is not before."""

BUSY_PERIODS = 3
"""Points that the device was too busy for in so many periods, and for `reconnect: max`, cannot be read."""


class _OnlyBusy(DeviceUnreachable):
    """The device puts everything off for too long."""


class ModbusDriver:
    """Reads one Modbus unit for ever.

    Each poll reads the blocks of one group one after the other and emits what they said in one batch, ended by
    `DeviceAlive`: samples of the points that changed, and the names of the others. A connection that breaks is rebuilt
    at once, and only when that does not help, or when the unit is silent, the device is lost. Many controllers close
    idle connections: that is no outage, and the next poll opens another one. After an outage everything is told anew.
    """

    def __init__(self, device: ModbusDevice, clock: ProductionClock, line: ModbusLine | None = None) -> None:
        self._device = device
        self._clock = clock
        self._meter = Meter(device=device.id)
        self._bad_points = BadPoints(self._meter, clock=clock)
        self._unit = ModbusUnit(device, line or ModbusLine(device), self._meter)
        settings = settings_in_force(device)
        self._plans = {
            group: PollPlan(points, settings)
            for group in device.poll.groups
            if (points := [point for point in device.points.values() if point.group == group])
        }
        self._periods = {group: device.poll.groups[group] for group in self._plans}
        self._paces = {
            group: PollPace(self._meter, group=group, period_s=period) for group, period in self._periods.items()
        }
        self._busy_waits = {
            group: Backoff(first_s=BUSY_FIRST_S, max_s=min(period, BUSY_MOST_S))
            for group, period in self._periods.items()
        }
        self._busy_limits_s = {
            group: max(BUSY_PERIODS * period, device.reconnect_max_s) for group, period in self._periods.items()
        }
        self._only_busy_since: float | None = None
        self._memories: dict[int, BlockMemory] = {}
        self._schedule: Schedule | None = None
        self._polls = 0
        self._describe()

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
        quieten("pymodbus")
        self._schedule, self._only_busy_since = None, None
        if not self._plans:
            await asyncio.get_running_loop().create_future()
        self._unit.join()
        try:
            await self._stay_connected(Link(self._meter, clock=self._clock, emit=emit))
        finally:
            await self._unit.leave()

    async def _stay_connected(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff(max_s=SOONER * self._device.reconnect_max_s)
        while True:
            polls_before, tried_at = self._polls, loop.time()
            try:
                if await self._unit.open():
                    self._memories.clear()
                await self._poll_for_ever(link, backoff)
            except ModbusTimeout as exc:
                reason, is_fine = exc.reason, self._set_aside(exc, link)
            except _OnlyBusy as exc:
                reason, is_fine = exc.reason, False
            except DeviceUnreachable as exc:
                reason, is_fine = exc.reason, self._polls > polls_before
            else:
                continue
            end_if_cancelled()
            self._memories.clear()  # a poll that was cut short before the device was back was not told
            if is_fine:
                continue
            self._schedule = None
            self._unit.has_answered = False
            # From try to try: a device that is silent has taken its time-out already.
            since_s = loop.time() - tried_at
            retry_s = self._unit.pause_before_retry(max(LEAST_RETRY_S, backoff.next_s() - since_s))
            link.lost(reason, retry_s=retry_s)
            await self._unit.wait_to_retry(retry_s)

    async def _poll_for_ever(self, link: Link, backoff: Backoff) -> None:
        """Poll every group when it is due, until the connection cannot be used any more (`DeviceUnreachable`).

        Returns when a poll is due and the device closed the connection meanwhile because it was idle.
        """
        loop = asyncio.get_running_loop()
        schedule = self._schedule or self._new_schedule(loop.time())
        while True:
            end_if_cancelled()
            group, due = schedule.next()
            try:
                await self._unit.wait_broken(due - loop.time())
            except ModbusHungUp as exc:
                if exc.lived_s < SHORTEST_IDLE_S:
                    raise
                await asyncio.sleep(due - loop.time())
                return
            if loop.time() < due:
                continue
            await self._poll(schedule, group, due, link)
            if self._only_busy_since is None:
                backoff.reset()

    async def _poll(self, schedule: Schedule, group: str, due: float, link: Link) -> None:
        """Poll one group, or ask again for what it was put off with."""
        loop, plan = asyncio.get_running_loop(), self._plans[group]
        started = loop.time()
        busy = plan.take_busy()
        is_retry = schedule.is_retry(group, now=started)
        blocks = busy if is_retry else plan.due(now=started)
        batch: list[Observation] = []
        try:
            has_answered = await self._read_all(schedule, group, blocks, link, batch)
        except DeviceUnreachable:
            self._tell_cut_short(batch, link)
            raise
        ended = loop.time()
        schedule.retried(group)
        if not is_retry:
            self._paces[group].note(took_s=ended - started, late_s=schedule.late_s(group, due=due, now=ended))
            schedule.done(group, now=ended)
        if plan.is_put_off:
            schedule.retry(group, at=ended + self._busy_waits[group].next_s())
        else:
            self._busy_waits[group].reset()
        if has_answered or link.is_up:
            link.deliver(batch)
        self._polls += 1

    def _tell_cut_short(self, batch: Sequence[Observation], link: Link) -> None:
        """What a poll read before it was cut short: a point that is bad is told to be so only once."""
        if link.is_up:
            link.deliver(batch)
        else:
            self._bad_points.forget_told()

    async def _read_all(
        self, schedule: Schedule, group: str, blocks: Sequence[Block], link: Link, batch: list[Observation]
    ) -> bool:
        """Read blocks of one group into `batch`; false, and nothing is alive, if it was busy for all of them."""
        loop = asyncio.get_running_loop()
        answered = False
        for block in blocks:
            faster = schedule.due_before(group, now=loop.time())
            if faster is not None:
                await self._poll(schedule, faster, schedule.due_of(faster), link)
            if await self._read(group, block, batch):
                answered = True
                self._only_busy_since = None
        if answered:
            batch.append(DeviceAlive(device=self._device.id, at=self._clock.now()))
        return answered

    async def _read(self, group: str, block: Block, batch: list[Observation]) -> bool:
        """Add what a block says to the batch; false when the device is too busy to tell."""
        try:
            return await self._read_whole(group, block, batch)
        except ModbusRefused as exc:
            await self._read_in_parts(group, block, batch, reason=exc.reason)
            return True  # it refused: that is an answer

    async def _read_whole(self, group: str, block: Block, batch: list[Observation]) -> bool:
        """As `_read`; raises `ModbusRefused` if the device will not give it in one piece."""
        try:
            data = await self._unit.read(block)
        except BadReading as exc:
            batch += self._all_bad(block, exc.reason)
            return True
        except ModbusRefused as exc:
            if exc.code in BUSY:
                batch += self._put_off(group, block, reason=exc.reason)
                return False
            if exc.code in UNIT_UNREACHABLE:
                raise DeviceUnreachable(device=self._device.id, reason=exc.reason) from exc
            raise
        self._plans[group].accept(block)
        memory = self._memories.get(id(block))
        if memory is None:
            memory = self._memories[id(block)] = BlockMemory(
                block, device=self._device.id, bad=self._undecodable, good=self._bad_points.good
            )
        self._meter.samples += len(block.points)
        batch += memory.take(data, self._clock.now())
        return True

    def _put_off(self, group: str, block: Block, *, reason: str) -> list[Sample]:
        """Read a block later that the device is too busy for. After a long time its points are bad, or all is lost."""
        now = asyncio.get_running_loop().time()
        if self._only_busy_since is None:
            self._only_busy_since = now
        is_long = self._plans[group].put_off(block, now=now) >= self._busy_limits_s[group]
        limit_s = min(self._busy_limits_s.values())
        if now - self._only_busy_since >= limit_s and all(plan.is_all_busy for plan in self._plans.values()):
            raise _OnlyBusy(device=self._device.id, reason=f"{reason}, and nothing else for {limit_s:g} s")
        return self._all_bad(block, reason) if is_long else []

    async def _read_in_parts(self, group: str, block: Block, batch: list[Observation], *, reason: str) -> None:
        """After a refusal: read halves, and halves of those, so that only points that are really refused are bad."""
        plan = self._plans[group]
        answered: list[Block] = []
        refused = [(block, reason)]
        has_found = False
        while refused:
            part, why = refused.pop()
            self._memories.pop(id(part), None)
            halves = plan.split(part)
            if not halves:
                has_found = True
                plan.refuse(part, now=asyncio.get_running_loop().time())
                batch += self._all_bad(part, why)
            for half in halves:
                try:
                    await self._read_whole(group, half, batch)
                    answered.append(half)
                except ModbusRefused as exc:
                    refused.append((half, exc.reason))
        if has_found:
            plan.join(answered)
        self._describe()

    def _undecodable(self, point: str, reason: str) -> Sequence[Sample]:
        self._meter.failures[Failure.BAD_READING] += 1
        return self._bad_points.bad(point, reason)

    def _all_bad(self, block: Block, reason: str) -> list[Sample]:
        self._memories.pop(id(block), None)
        return [sample for point in block.points for sample in self._bad_points.bad(point.name, reason)]

    def _set_aside(self, exc: ModbusTimeout, link: Link) -> bool:
        """Leave out a block that alone is never answered; false if the whole device may be silent.

        Some controllers say nothing where others refuse an address. The points behind it are found by halving.
        """
        plan = next(plan for plan in self._plans.values() if any(block is exc.block for block in plan.blocks))
        if not (self._unit.has_answered and plan.is_guilty(exc.block)):
            plan.suspect(exc.block)
            return False
        if not plan.halve(exc.block):
            plan.refuse(exc.block, now=asyncio.get_running_loop().time())
            link.deliver(self._all_bad(exc.block, exc.reason))
        return True

    def _new_schedule(self, now: float) -> Schedule:
        """After an outage everything is read at once: the core needs the present value of every point."""
        self._bad_points.forget_told()
        self._memories.clear()
        for plan in self._plans.values():
            plan.retry_all()
        self._schedule = Schedule(self._periods, device=self._device.id, start=now)
        return self._schedule

    def _describe(self) -> None:
        """Facts for the status page: where the unit is, and what reading it costs."""
        self._meter.details["line"] = self._device.line
        self._meter.details["unit"] = str(self._device.unit)
        for group, plan in self._plans.items():
            points = sum(len(block.points) for block in plan.blocks)
            self._meter.details[f"poll {group}"] = (
                f"{len(plan.blocks)} requests for {points} points each {self._periods[group]:g} s"
            )
