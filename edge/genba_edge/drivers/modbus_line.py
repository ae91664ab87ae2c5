"""A Modbus line: one socket or serial port, and the units that take turns on it."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from contextlib import suppress
from weakref import WeakKeyDictionary, WeakValueDictionary

from genba_edge.core.line_load import frame_gap_s, wire_s
from genba_edge.core.registers import Block
from genba_edge.drivers.modbus_connection import CannotOpen, ModbusConnection, NoAnswer
from genba_edge.drivers.modbus_frames import ExceptionAnswer, LineFault, WrongLength
from genba_edge.drivers.modbus_late import LateAnswers
from genba_shared.device_map.model import Framing, ModbusDevice

TIMEOUTS_UNTIL_CLOSED = 2
"""A line of several units whose requests get no answer so many times running is opened anew: it may be half open."""
REST_AFTER_SILENCE = 4.0
"""While other units answer, the silent ones leave the line alone for so many times what the last of them took."""
MOST_REST_S = 2.5
"""But not for longer: a unit that is there again has to be found soon."""
PATIENCE = 5.0
"""A silent unit is waited for so many times as long as the slowest unit of the line took, itself included."""
LEAST_PATIENCE_S = 0.25
FULL_PATIENCE_EVERY_S = 60.0
"""So often a silent unit is waited for the whole time-out, so that a slow one is found that never answered before."""
SHARED_FAILURE_S = 0.25
"""A connection that could not be opened is not tried for another unit of the line in this time."""
UNIT_UNREACHABLE = frozenset({10, 11})
"""Exception codes of a Modbus gateway whose unit does not answer (10 no path, 11 no response)."""
FADING = 0.99
"""How much of its slowest answer's time a unit keeps with each answer."""


class ModbusLine:
    """One connection that its units share: one request at a time, in the order in which they were asked for.

    A unit that is silent holds the line up for its time-out. So silent units are asked seldom, one after the other and
    with less patience, as long as any other unit answers; when a line where nobody answered comes to life, all are
    asked at once. A connection is opened by whoever needs it first and closed when the last unit leaves.
    """

    def __init__(self, device: ModbusDevice) -> None:
        self._device = device
        self._connection: ModbusConnection | None = None
        self._users: dict[Hashable, float] = {}  # with the time that its slowest answer took
        self.opened = 0
        """How many times a connection was opened: what was learnt over an older one may be wrong."""
        self.opened_at_s = 0.0
        """When the last one was, in seconds of the loop's clock."""
        self._start_anew()

    def _start_anew(self) -> None:
        """Nobody used the line: what was known of it is forgotten."""
        self._late = LateAnswers()
        self._turn = asyncio.Lock()
        self._trial_turn = asyncio.Lock()
        self._revival = asyncio.Event()
        self._answering: set[Hashable] = set()
        self._failed: tuple[float, LineFault] | None = None
        self._timeouts = 0
        self._free_at = self._next_trial_at = self._full_patience_at = 0.0

    @property
    def is_shared(self) -> bool:
        """Whether other units hang on it."""
        return len(self._users) > 1

    @property
    def is_answered(self) -> bool:
        """Whether any unit of it answers."""
        return bool(self._answering)

    def follow(self, device: ModbusDevice) -> None:
        """Open the next connection with this device's time-out and pause."""
        self._device = device

    def join(self, user: Hashable) -> None:
        """A unit will use the line."""
        if not self._users:
            self._start_anew()
            self._full_patience_at = asyncio.get_running_loop().time() + FULL_PATIENCE_EVERY_S
        self._users[user] = 0.0

    async def leave(self, user: Hashable) -> None:
        """A unit has done with it."""
        self._users.pop(user, None)
        self._answering.discard(user)
        if not self._users:
            await self._close()

    async def open(self) -> None:
        """Connect, unless somebody did.

        Raises:
            CannotOpen: and so it is for every unit of the line that asks at about the same time.
        """
        asked_at = asyncio.get_running_loop().time()
        async with self._turn:
            await self._opened(asked_at)

    async def wait_broken(self, timeout_s: float) -> None:
        """Wait this long, or until the other end breaks the connection.

        Raises:
            LineFault: it did, and nobody opened another one yet. That we closed it ourselves is no fault.
        """
        connection = self._connection
        if connection is None:
            await asyncio.sleep(timeout_s)
            return
        await connection.wait_broken(timeout_s)
        if connection is self._connection and connection.fault is not None:
            raise connection.fault

    async def wait_to_retry(self, retry_s: float) -> None:
        """Wait this long, or until the first unit answers on a line where nobody did."""
        revival = self._revival
        with suppress(TimeoutError):
            async with asyncio.timeout(retry_s):
                await revival.wait()

    async def read(self, user: Hashable, device: ModbusDevice, block: Block) -> bytes:
        """Ask a unit for a block when it is its turn.

        Raises:
            LineFault: as of `ModbusConnection.ask` and `open`; the connection is closed where it has to be.
        """
        await self._late.wait(device.unit, block)
        return await self._read(user, device, block, patience_s=device.timeout_s)

    async def try_silent(self, user: Hashable, device: ModbusDevice, block: Block) -> bytes:
        """As `read`, of a unit that did not answer: it waits its turn among the silent ones."""
        loop = asyncio.get_running_loop()
        await self._late.wait(device.unit, block)
        async with self._trial_turn:
            if self._answering:
                await self.wait_to_retry(self._next_trial_at - loop.time())
            patience_s = self._patience_s(device, now=loop.time())
            try:
                return await self._read(user, device, block, patience_s=patience_s)
            except CannotOpen:
                raise
            except LineFault:
                if self._answering:
                    self._next_trial_at = loop.time() + min(MOST_REST_S, patience_s * REST_AFTER_SILENCE)
                raise

    def _patience_s(self, device: ModbusDevice, *, now: float) -> float:
        if not self._answering:
            return device.timeout_s
        if now >= self._full_patience_at:
            self._full_patience_at = now + FULL_PATIENCE_EVERY_S
            return device.timeout_s
        return min(device.timeout_s, max(LEAST_PATIENCE_S, PATIENCE * max(self._users.values())))

    async def _read(self, user: Hashable, device: ModbusDevice, block: Block, *, patience_s: float) -> bytes:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._turn:
            connection = await self._opened(asked_at)
            if self._free_at > loop.time():
                await asyncio.sleep(self._free_at - loop.time())
            started = loop.time()
            try:
                data = await self._ask(connection, device, block, timeout_s=patience_s + wire_s(device, block))
            except (ExceptionAnswer, WrongLength) as fault:
                self._timeouts = 0
                if isinstance(fault, ExceptionAnswer) and fault.code in UNIT_UNREACHABLE:
                    self._answering.discard(user)
                else:
                    self._note_answer(user, loop.time() - started)
                raise
            except NoAnswer as fault:
                self._answering.discard(user)
                self._timeouts += 1
                if not self.is_shared or self._timeouts >= TIMEOUTS_UNTIL_CLOSED:
                    await self._close()
                raise NoAnswer(patience_s) from fault
            finally:
                self._free_at = loop.time() + max(frame_gap_s(device), device.workarounds.pause_between_s)
                if connection.fault is not None:
                    await self._close()
            self._note_answer(user, loop.time() - started)
            return data

    async def _ask(
        self, connection: ModbusConnection, device: ModbusDevice, block: Block, *, timeout_s: float
    ) -> bytes:
        """Ask, and on an RTU line remember what may still come after it."""
        if not _is_rtu(device):
            return await connection.ask(device.unit, block, timeout_s=timeout_s)
        asked_s = asyncio.get_running_loop().time()
        try:
            data = await connection.ask(device.unit, block, timeout_s=timeout_s)
        except (NoAnswer, asyncio.CancelledError):
            self._late.given_up(device.unit, block, asked_s=asked_s, timeout_s=device.timeout_s)
            raise
        except (ExceptionAnswer, WrongLength):
            self._note_doubtful(connection, device)
            raise
        self._note_doubtful(connection, device)
        return data

    def _note_doubtful(self, connection: ModbusConnection, device: ModbusDevice) -> None:
        if self._late.answered(device.unit, timeout_s=device.timeout_s):
            connection.distrust()

    def _note_answer(self, user: Hashable, took_s: float) -> None:
        self._timeouts = 0
        self._users[user] = max(took_s, self._users.get(user, 0.0) * FADING)
        if not self._answering:
            self._next_trial_at = 0.0
            self._revival.set()
            self._revival = asyncio.Event()
        self._answering.add(user)

    async def _opened(self, asked_at: float) -> ModbusConnection:
        """The connection, opened if need be; the caller has the turn."""
        if self._connection is not None and self._connection.fault is None:
            return self._connection
        if self._failed is not None:
            failed_at, fault = self._failed
            if asked_at <= failed_at + (SHARED_FAILURE_S if self.is_shared else 0.0):
                raise CannotOpen(fault.reason)
        await self._close()
        connection = ModbusConnection(self._device, heard_late=self._late.heard)
        try:
            await connection.open()
            await asyncio.sleep(self._device.workarounds.pause_after_connect_s)
        except CannotOpen as fault:
            self._failed = asyncio.get_running_loop().time(), fault
            self._answering.clear()
            await connection.close()
            raise
        except asyncio.CancelledError:
            await connection.close()
            raise
        self._connection, self._failed, self._timeouts = connection, None, 0
        self.opened += 1
        self.opened_at_s = asyncio.get_running_loop().time()
        return connection

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _is_rtu(device: ModbusDevice) -> bool:
    return device.serial is not None or device.framing is Framing.RTU


_Lines = WeakValueDictionary[Hashable, ModbusLine]


class ModbusLines:
    """The lines of a gateway by where they are: devices on the same one get the same object, while anybody uses it.

    Each event loop has lines of its own: locks and sockets of a loop that has ended are of no use to another one.
    """

    def __init__(self) -> None:
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _Lines] = WeakKeyDictionary()

    def of(self, device: ModbusDevice) -> ModbusLine:
        """The line that the device hangs on; it is opened next as the device says, which may be a changed map."""
        framing = Framing.RTU if device.serial is not None else device.framing
        key = (device.line, framing, device.serial)
        lines = self._by_loop.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
        line = lines.get(key)
        if line is None:
            line = lines[key] = ModbusLine(device)
        line.follow(device)
        return line


LINES = ModbusLines()
"""The lines of this process: a serial port can be opened once, whoever asks."""
