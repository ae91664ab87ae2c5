"""Modbus TCP: polls one unit at fixed rates with as few requests as it allows, over one connection that it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from genba_edge.core.registers import Block, decode_point
from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.link import BadPoints, Link, end_if_cancelled, quieten
from genba_edge.drivers.modbus_connection import (
    BUSY,
    UNIT_UNREACHABLE,
    ModbusConnection,
    ModbusRefused,
    ModbusTimeout,
)
from genba_edge.drivers.modbus_plan import PollPlan
from genba_edge.drivers.schedule import Schedule
from genba_edge.ports import DeviceAlive, Emit, Meter, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ModbusDevice
from genba_shared.errors import BadReading, DeviceUnreachable

__all__ = ["ModbusDriver"]


class ModbusDriver:
    """Reads one Modbus TCP unit for ever.

    Each poll reads the blocks of one group one after the other and emits their samples in one batch, ended by
    `DeviceAlive`. A connection that breaks is rebuilt at once, and only when that does not help, or when the unit is
    silent, the device is lost: many controllers close idle connections, and that is no outage.
    """

    def __init__(self, device: ModbusDevice, clock: ProductionClock) -> None:
        self._device = device
        self._clock = clock
        self._meter = Meter(device=device.id)
        self._bad_points = BadPoints(self._meter, clock=clock)
        self._plans = {
            group: PollPlan(points, device.poll)
            for group in device.poll.groups
            if (points := [point for point in device.points.values() if point.group == group])
        }
        self._schedule: Schedule | None = None
        self._polls = 0

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
        self._schedule = None
        if not self._plans:
            await asyncio.get_running_loop().create_future()
        link = Link(self._meter, clock=self._clock, emit=emit)
        backoff = Backoff(max_s=self._device.reconnect_max_s)
        while True:
            connection = ModbusConnection(self._device)
            polls_before = self._polls
            try:
                await connection.open()
                await self._poll_for_ever(connection, link, backoff)
            except ModbusTimeout as exc:
                reason = exc.reason
                is_fine = self._set_aside(exc, link, others_answered=connection.has_answered)
            except DeviceUnreachable as exc:
                reason, is_fine = exc.reason, self._polls > polls_before
            finally:
                await connection.close()
            end_if_cancelled()
            if is_fine:
                continue
            self._schedule = None
            retry_s = backoff.next_s()
            link.lost(reason, retry_s=retry_s)
            await asyncio.sleep(retry_s)

    async def _poll_for_ever(self, connection: ModbusConnection, link: Link, backoff: Backoff) -> None:
        """Poll every group when it is due, until the connection cannot be used any more (`DeviceUnreachable`)."""
        loop = asyncio.get_running_loop()
        schedule = self._schedule or self._new_schedule(loop.time())
        while True:
            end_if_cancelled()
            group, due = schedule.next()
            await connection.wait_broken(due - loop.time())
            samples = await self._poll(connection, self._plans[group])
            schedule.done(group, now=loop.time())
            link.deliver(samples)
            backoff.reset()
            self._polls += 1

    def _set_aside(self, exc: ModbusTimeout, link: Link, *, others_answered: bool) -> bool:
        """Leave out a block that alone is never answered; false if the whole device may be silent.

        Some controllers say nothing where others refuse an address. The points behind it are found by halving.
        """
        plan = next(plan for plan in self._plans.values() if any(block is exc.block for block in plan.blocks))
        if not (others_answered and plan.is_guilty(exc.block)):
            plan.suspect(exc.block)
            return False
        if not plan.halve(exc.block):
            plan.refuse(exc.block, now=asyncio.get_running_loop().time())
            link.deliver([s for point in exc.block.points for s in self._bad_points.bad(point.name, exc.reason)])
        return True

    def _new_schedule(self, now: float) -> Schedule:
        """After an outage everything is read at once: the core needs the present value of every point."""
        self._bad_points.forget_told()
        for plan in self._plans.values():
            plan.retry_all()
        periods = {group: self._device.poll.groups[group] for group in self._plans}
        self._schedule = Schedule(periods, device=self._device.id, start=now)
        return self._schedule

    async def _poll(self, connection: ModbusConnection, plan: PollPlan) -> Sequence[Sample | DeviceAlive]:
        """Read the blocks of one group. Nothing is alive in the batch if the device was busy for all of them."""
        batch: list[Sample | DeviceAlive] = []
        answered = False
        for block in plan.due(now=asyncio.get_running_loop().time()):
            samples = await self._read(connection, plan, block)
            answered = answered or samples is not None
            batch.extend(samples or ())
        if answered:
            batch.append(DeviceAlive(device=self._device.id, at=self._clock.now()))
        return batch

    async def _read(self, connection: ModbusConnection, plan: PollPlan, block: Block) -> list[Sample] | None:
        """The samples of a block; None when the device is too busy to tell."""
        try:
            words = await connection.read(block)
        except BadReading as exc:
            return [sample for point in block.points for sample in self._bad_points.bad(point.name, exc.reason)]
        except ModbusRefused as exc:
            if exc.code == BUSY:
                return None
            if exc.code in UNIT_UNREACHABLE:
                raise DeviceUnreachable(device=self._device.id, reason=exc.reason) from exc
            return await self._read_in_parts(connection, plan, block, reason=exc.reason)
        plan.accept(block)
        return self._decode(block, words)

    async def _read_in_parts(
        self, connection: ModbusConnection, plan: PollPlan, block: Block, *, reason: str
    ) -> list[Sample]:
        """After a refusal: read the points one by one, so that only those that are really refused are bad."""
        parts = plan.split(block)
        if not parts:
            plan.refuse(block, now=asyncio.get_running_loop().time())
            return [sample for point in block.points for sample in self._bad_points.bad(point.name, reason)]
        samples = [sample for part in parts for sample in await self._read(connection, plan, part) or ()]
        plan.join(parts)
        return samples

    def _decode(self, block: Block, words: Sequence[int]) -> list[Sample]:
        now = self._clock.now()
        samples: list[Sample] = []
        for point in block.points:
            try:
                value = decode_point(point, block.words_of(point, words), device=self._device.id)
            except BadReading as exc:
                samples.extend(self._bad_points.bad(point.name, exc.reason))
                continue
            self._bad_points.good(point.name)
            samples.append(Sample(device=self._device.id, point=point.name, value=value, at=now, seen_at=now))
        return samples
