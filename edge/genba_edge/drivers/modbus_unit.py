"""One Modbus unit as its driver sees it: asks for blocks over a line, counts, and says in words what went wrong."""

from __future__ import annotations

import asyncio

from genba_edge.core.registers import Block
from genba_edge.drivers.modbus_connection import CannotOpen, NoAnswer
from genba_edge.drivers.modbus_frames import ExceptionAnswer, Garbled, LineFault, WrongLength
from genba_edge.drivers.modbus_line import UNIT_UNREACHABLE, ModbusLine
from genba_edge.ports import Failure, Meter
from genba_shared.device_map.model import Framing, ModbusDevice
from genba_shared.errors import BadReading, DeviceRefused, DeviceUnreachable

BUSY = frozenset({5, 6})
"""Exception codes of a device that asks to come back later (5 acknowledge, 6 busy)."""
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledge",
    6: "busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}
TRIES_ON_A_SERIAL_LINE = 3
"""Bytes are damaged by noise now and then: a request is sent so many times before its unit counts as lost."""


class ModbusRefused(DeviceRefused):
    """The unit answered with an exception `code` (MODBUS Application Protocol V1.1b3, 7)."""

    def __init__(self, *, device: str, code: int, block: Block) -> None:
        super().__init__(device=device, reason=f"exception {code} ({EXCEPTIONS.get(code, 'unknown')}) for {block}")
        self.code = code


class ModbusTimeout(DeviceUnreachable):
    """The unit did not answer a request for `block` in time."""

    def __init__(self, *, device: str, reason: str, block: Block) -> None:
        super().__init__(device=device, reason=reason)
        self.block = block


class ModbusHungUp(DeviceUnreachable):
    """The other end closed the connection, `lived_s` after it was opened, while no request was open."""

    def __init__(self, *, device: str, reason: str, lived_s: float) -> None:
        super().__init__(device=device, reason=reason)
        self.lived_s = lived_s


class ModbusUnit:
    """A device of the map on its line. `has_answered`: over the connection that is open now."""

    def __init__(self, device: ModbusDevice, line: ModbusLine, meter: Meter) -> None:
        self._device = device
        self._line = line
        self._meter = meter
        self._opened = 0
        self._is_silent = False
        self._tries = TRIES_ON_A_SERIAL_LINE if device.serial or device.framing is Framing.RTU else 1
        self.has_answered = False

    def join(self) -> None:
        """Begin to use the line."""
        self._line.join(self)
        self._is_silent = False

    async def leave(self) -> None:
        """Have done with the line."""
        await self._line.leave(self)

    async def open(self) -> bool:
        """Connect. True if this is another connection than before.

        Raises:
            DeviceUnreachable: no connection.
        """
        try:
            await self._line.open()
        except LineFault as fault:
            raise self._lost(fault) from fault
        return self._is_anew()

    async def wait_broken(self, timeout_s: float) -> None:
        """Wait this long; less when another unit of the line had to open it anew.

        Raises:
            ModbusHungUp: the connection broke meanwhile.
        """
        try:
            await self._line.wait_broken(timeout_s)
        except LineFault as fault:
            self._meter.failures[fault.failure] += 1
            lived_s = asyncio.get_running_loop().time() - self._line.opened_at_s
            raise ModbusHungUp(device=self._device.id, reason=fault.reason, lived_s=lived_s) from fault

    def pause_before_retry(self, backoff_s: float) -> float:
        """How long to wait for the next try: not at all if the unit will have to wait among the silent ones anyway."""
        return 0.0 if self._is_silent and self._line.is_answered else backoff_s

    async def wait_to_retry(self, retry_s: float) -> None:
        """Wait this long before the next try, or until a line where nobody answered comes to life."""
        await self._line.wait_to_retry(retry_s)

    async def read(self, block: Block) -> bytes:
        """Ask for one block.

        Raises:
            ModbusRefused: the unit answered with an exception.
            BadReading: the answer has another length than asked.
            ModbusTimeout: no answer in time.
            DeviceUnreachable: the connection broke or is out of step.
        """
        try:
            data = await self._ask(block)
        except ExceptionAnswer as fault:
            self._is_silent = fault.code in UNIT_UNREACHABLE
            self._meter.failures[_failure_of(fault)] += 1
            raise ModbusRefused(device=self._device.id, code=fault.code, block=block) from fault
        except WrongLength as fault:
            self._is_silent = False
            self._meter.failures[fault.failure] += 1
            raise BadReading(device=self._device.id, reason=f"{fault.reason} for {block}") from fault
        except NoAnswer as fault:
            self._is_silent = True
            reason = (
                f"no answer from unit {self._device.unit} at {self._device.line} within {round(fault.waited_s, 2):g} s"
            )
            self._meter.failures[fault.failure] += 1
            raise ModbusTimeout(device=self._device.id, reason=reason, block=block) from fault
        except LineFault as fault:
            raise self._lost(fault) from fault
        self._is_silent = False
        return data

    async def _ask(self, block: Block) -> bytes:
        """Ask, and ask again where a serial line damaged or lost an answer of a unit that usually gives one."""
        ask = self._line.try_silent if self._is_silent and self._line.is_shared else self._line.read
        tries = 1 if self._is_silent or not self.has_answered else self._tries
        while True:
            tries -= 1
            try:
                data = await ask(self, self._device, block)
            except CannotOpen:
                raise
            except LineFault as fault:
                self._meter.requests += 1
                self.has_answered = self.has_answered or isinstance(fault, ExceptionAnswer | WrongLength)
                if tries <= 0 or not isinstance(fault, Garbled | NoAnswer):
                    raise
                self._meter.failures[fault.failure] += 1
            else:
                self._meter.requests += 1
                self.has_answered = True
                return data

    def _is_anew(self) -> bool:
        if self._opened == self._line.opened:
            return False
        self._opened = self._line.opened
        self.has_answered = False
        return True

    def _lost(self, fault: LineFault) -> DeviceUnreachable:
        self._meter.failures[fault.failure] += 1
        return DeviceUnreachable(device=self._device.id, reason=fault.reason)


def _failure_of(fault: ExceptionAnswer) -> Failure:
    if fault.code in BUSY:
        return Failure.BUSY
    return Failure.TIMEOUT if fault.code in UNIT_UNREACHABLE else Failure.REFUSED
