"""A look at a Modbus unit for the person who connects it: reads points once, finds out which addresses answer.

Only ever reads, one request at a time and with pauses, over a connection of its own: stop the gateway first where a
device takes one connection, or where the line is a serial port.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from genba_edge.core.register_values import decode_point
from genba_edge.core.registers import BIT_TABLES, MAX_BITS, MAX_REGISTERS, MIN_GAP, Block, plan_blocks
from genba_edge.drivers.link import quieten
from genba_edge.drivers.modbus_line import UNIT_UNREACHABLE, ModbusLine
from genba_edge.drivers.modbus_unit import BUSY, ModbusRefused, ModbusTimeout, ModbusUnit
from genba_edge.ports import Meter, Value
from genba_shared.device_map.model import ByteOrder, ModbusDevice, ModbusPoint, ModbusTable
from genba_shared.errors import BadReading, DeviceError, DeviceUnreachable

__all__ = ["AddressRange", "ModbusProbe", "PointReading", "Scan"]

PAUSE_S = 0.02
"""Wait between two requests of a scan: a controller has a machine to run besides."""
MOST_REQUESTS = 1000
MOST_TIMEOUTS = 5
"""A scan ends after so many requests without an answer in a row: the unit is gone, or nothing is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointReading:
    """One point read once.

    `words` are its registers as sent, each 0..65535, or its one bit. `value` is what the map makes of them, None where
    it cannot; `by_order` what each byte order would make of them (only for points of several registers), as None where
    it is no value. `error` says why there is no value.
    """

    point: ModbusPoint
    words: tuple[int, ...] = ()
    value: Value = None
    by_order: Mapping[ByteOrder, Value] = field(default_factory=dict)
    latency_s: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange:
    """Protocol addresses `first` to `last` that answer alike. `reason`: why they do not answer; "" where they do."""

    first: int
    last: int
    reason: str = ""

    @property
    def answers(self) -> bool:
        """Whether they can be read."""
        return not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a scan found, by rising address. `stopped` says why it ended before its last address; "" if it did not."""

    table: ModbusTable
    ranges: tuple[AddressRange, ...]
    requests: int
    stopped: str = ""


class ModbusProbe:
    """An open look at one unit: ``async with ModbusProbe(device) as probe``."""

    def __init__(self, device: ModbusDevice) -> None:
        self._device = device
        self._meter = Meter(device=device.id)
        self._unit = ModbusUnit(device, ModbusLine(device), self._meter)

    async def __aenter__(self) -> Self:
        quieten("pymodbus")
        self._unit.join()
        try:
            await self._unit.open()
        except DeviceUnreachable:
            await self._unit.leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._unit.leave()

    async def read_points(self, points: Iterable[ModbusPoint] | None = None) -> list[PointReading]:
        """Read points once, each with a request of its own: those of the device, unless others are given."""
        wanted = self._device.points.values() if points is None else points
        return [await self._read_point(point) for point in wanted]

    async def _read_point(self, point: ModbusPoint) -> PointReading:
        (block,) = plan_blocks([point], replace(self._device.poll, max_gap=MIN_GAP))
        started = time.monotonic()
        try:
            data = await self._unit.read(block)
        except DeviceError as exc:
            return PointReading(point=point, latency_s=time.monotonic() - started, error=exc.reason)
        latency_s = time.monotonic() - started
        words = _words_of(block, data)
        try:
            value, error = decode_point(point, words, device=self._device.id), ""
        except BadReading as exc:
            value, error = None, exc.reason
        return PointReading(
            point=point,
            words=words,
            value=value,
            by_order=_by_order(point, words, self._device.id),
            latency_s=latency_s,
            error=error,
        )

    async def scan(
        self,
        table: ModbusTable,
        first: int,
        last: int,
        *,
        pause_s: float = PAUSE_S,
        most_requests: int = MOST_REQUESTS,
    ) -> Scan:
        """Find out which addresses of a table answer: a range that is refused is halved, down to single addresses.

        A range that answers as a whole costs one request, a single address that does not about ten; so an empty table
        is slow to scan, and `most_requests` bounds that.
        """
        waiting = self._ranges(table, first, last)
        found: list[AddressRange] = []
        requests = timeouts = 0
        while waiting:
            if requests >= most_requests:
                return _scan(table, found, requests, f"after {requests} requests: go on from address {waiting[-1][0]}")
            low, high = waiting.pop()
            await asyncio.sleep(pause_s)
            requests += 1
            try:
                await self._unit.read(Block(table=table, address=low, count=high - low + 1, points=()))
            except (ModbusRefused, BadReading, ModbusTimeout) as exc:
                timeouts = timeouts + 1 if isinstance(exc, ModbusTimeout) else 0
                if _is_gone(exc) or timeouts >= MOST_TIMEOUTS:
                    return _scan(table, found, requests, exc.reason)
                if low < high:
                    middle = (low + high) // 2
                    waiting += [(middle + 1, high), (low, middle)]
                else:
                    found.append(AddressRange(first=low, last=high, reason=exc.reason.partition(" for ")[0]))
            except DeviceUnreachable as exc:
                return _scan(table, found, requests, exc.reason)
            else:
                timeouts = 0
                found.append(AddressRange(first=low, last=high))
        return _scan(table, found, requests, "")

    def _ranges(self, table: ModbusTable, first: int, last: int) -> list[tuple[int, int]]:
        """The addresses in pieces that the device may give at once, the first at the end."""
        poll = self._device.poll
        size = min(MAX_BITS, poll.max_coils) if table in BIT_TABLES else min(MAX_REGISTERS, poll.max_registers)
        return [(start, min(start + size - 1, last)) for start in range(first, last + 1, size)][::-1]


def _is_gone(exc: DeviceError) -> bool:
    return isinstance(exc, ModbusRefused) and exc.code in BUSY | UNIT_UNREACHABLE


def _scan(table: ModbusTable, found: Sequence[AddressRange], requests: int, stopped: str) -> Scan:
    """Neighbours that answer alike are one range."""
    joined: list[AddressRange] = []
    for one in found:
        if joined and joined[-1].last + 1 == one.first and joined[-1].reason == one.reason:
            joined[-1] = replace(joined[-1], last=one.last)
        else:
            joined.append(one)
    return Scan(table=table, ranges=tuple(joined), requests=requests, stopped=stopped)


def _words_of(block: Block, data: bytes) -> tuple[int, ...]:
    if block.table in BIT_TABLES:
        return (data[0] & 1,)
    return tuple(int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2))


def _by_order(point: ModbusPoint, words: Sequence[int], device: str) -> dict[ByteOrder, Value]:
    if len(words) < 2:
        return {}
    values: dict[ByteOrder, Value] = {}
    for order in ByteOrder:
        try:
            values[order] = decode_point(replace(point, byte_order=order), words, device=device)
        except BadReading:
            values[order] = None
    return values
