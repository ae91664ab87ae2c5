"""One connection to a Modbus line: a socket or a serial port that carries one request at a time."""

from __future__ import annotations

import asyncio
import errno
import termios
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from genba_edge.core.registers import Block
from genba_edge.drivers.link import reason_of
from genba_edge.drivers.modbus_frames import (
    BEFORE_LENGTH_COUNTS,
    HEADER,
    Garbled,
    LineFault,
    OutOfStep,
    Request,
    frames_of,
    unit_of,
)
from genba_edge.ports import Failure
from genba_shared.device_map.model import Framing, ModbusDevice

REMEMBERED_REQUESTS = 8
QUIET_S = 0.05
"""So long nothing must come over a serial line before it counts as silent; USB adapters deliver every 16 ms."""
MOST_QUIET_TRIES = 20
MOST_HEARD = 4096
"""Bytes kept of what comes; a line that sends more for one request is out of step, and must be heard to be."""


class CannotOpen(LineFault):
    """No connection: refused, no route, unknown host, no such port."""

    failure = Failure.CONNECT


class Broken(LineFault):
    """The connection cannot be used any more; open another one."""

    failure = Failure.CLOSED


class NoAnswer(LineFault):
    """No answer within `waited_s`."""

    failure = Failure.TIMEOUT

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"no answer within {waited_s:g} s")
        self.waited_s = waited_s


class ModbusConnection:
    """Sends requests over pymodbus's transport and checks what comes back before the library sees it.

    pymodbus 3.16 skips an answer to another request, waits for the time-out after a closed socket, and makes an object
    of each register of each answer. Here a misfit ends the connection at once, and the bytes of an answer go to the
    caller as they are, since most of them say what they said before.
    """

    def __init__(self, device: ModbusDevice, *, heard_late: Callable[[int], None]) -> None:
        """`heard_late` is called with a unit of an RTU line that answered when nobody waited for it."""
        self._heard_late = heard_late
        self._where = device.line
        self._is_serial = device.serial is not None
        self._is_rtu = self._is_serial or device.framing is Framing.RTU
        self._frames = frames_of(Framing.RTU if self._is_rtu else Framing.TCP)
        self._open_s = device.timeout_s
        self._client = self._client_for(device)
        self._client.ctx.max_buffer_size = MOST_HEARD
        self._loop = asyncio.get_running_loop()
        self._request: Request | None = None
        self._answer: asyncio.Future[bytes] = self._loop.create_future()
        self._abandoned: deque[int] = deque(maxlen=REMEMBERED_REQUESTS)
        self._skipped = 0
        self._is_noisy = self._is_rtu  # whatever was on the line before we came
        self._broken = asyncio.Event()
        self._fault: LineFault = Broken(f"{self._where} closed the connection")

    def _client_for(self, device: ModbusDevice) -> AsyncModbusTcpClient | AsyncModbusSerialClient:
        if device.serial is None:
            return AsyncModbusTcpClient(
                device.host,
                port=device.port,
                reconnect_delay=0,
                trace_packet=self._inspect,
                trace_connect=self._connection_changed,
            )
        return AsyncModbusSerialClient(
            device.serial.port,
            baudrate=device.serial.baud,
            parity=device.serial.parity.value,
            stopbits=device.serial.stop_bits,
            reconnect_delay=0,
            trace_packet=self._inspect,
            trace_connect=self._connection_changed,
        )

    @property
    def fault(self) -> LineFault | None:
        """Why it cannot be used any more; None while it can."""
        return self._fault if self._broken.is_set() else None

    async def open(self) -> None:
        """Connect.

        Raises:
            CannotOpen: refused, no answer in time, no such host, no such port.
        """
        try:
            # Not client.connect(): that swallows the reason, and the person who reads the log needs it.
            async with asyncio.timeout(self._open_s):
                transport, _ = await self._client.ctx.call_create()
        except (OSError, termios.error) as exc:
            reason = (
                _reason_of_port(exc, self._where)
                if self._is_serial
                else reason_of(exc, where=self._where, timeout_s=self._open_s)
            )
            raise CannotOpen(reason) from exc
        self._client.ctx.transport = transport
        await asyncio.sleep(0)  # a serial port is set up in the next turn of the loop

    async def close(self) -> None:
        """Close it; whatever may still come over it is not heard any more."""
        self._break(Broken(f"{self._where} closed the connection"))
        self._client.close()
        await asyncio.sleep(0)

    async def wait_broken(self, timeout_s: float) -> None:
        """Wait this long, or until the connection breaks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._broken.wait()

    async def ask(self, unit: int, block: Block, *, timeout_s: float) -> bytes:
        """Ask a unit for a block.

        Returns:
            The registers or bits as the unit sent them, `block.byte_count` bytes.

        Raises:
            ExceptionAnswer, WrongLength: the unit answered, and the connection is fine.
            Garbled: the answer was damaged on a serial line; ask again.
            NoAnswer: no answer in time.
            Broken, OutOfStep: close the connection.
        """
        if self._is_noisy:
            await self._fall_silent()
        if self._broken.is_set():
            raise self._fault
        request = self._frames.request(unit, block)
        with suppress(ValueError):
            self._abandoned.remove(request.transaction)  # numbers come again: what comes now answers this request
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answer, self._request, self._skipped = answer, request, 0
        deadline = self._loop.call_later(timeout_s, _give_up, answer, timeout_s)
        self._client.ctx.send(request.packet)
        try:
            return await answer
        finally:
            deadline.cancel()
            if self._request is request:  # no answer, or the caller was told to end: it may still come
                self._request = None
                self._abandoned.append(request.transaction)
                self._is_noisy = self._is_rtu

    def distrust(self) -> None:
        """More may come over the line than was asked for last: listen before the next request."""
        self._is_noisy = True

    async def _fall_silent(self) -> None:
        """Wait until nothing comes over a serial line any more, so that the next answer begins with its first byte."""
        for _ in range(MOST_QUIET_TRIES):
            self._is_noisy = False
            await asyncio.sleep(QUIET_S)
            if not self._is_noisy:
                return

    def _break(self, fault: LineFault) -> None:
        """Note why the connection cannot be used any more, and wake whoever waits for an answer."""
        if self._broken.is_set():
            return
        self._fault = fault
        self._broken.set()
        self._conclude(fault)

    def _conclude(self, outcome: bytes | LineFault) -> None:
        """The open request has its answer."""
        if self._request is None or self._answer.done():
            return
        self._request = None
        if isinstance(outcome, LineFault):
            self._answer.set_exception(outcome)
        else:
            self._answer.set_result(outcome)

    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001 - the library's signature
        if not connected:
            self._break(Broken(f"{self._where} closed the connection"))

    def _inspect(self, sending: bool, heard: bytes) -> bytes:  # noqa: FBT001 - the library's signature
        """Take what was heard since the last request; the library gets nothing to decode."""
        if sending:
            return heard
        try:
            self._hear(heard[self._skipped :] if self._skipped else heard)
        except Garbled as fault:
            self._is_noisy = True
            self._conclude(Garbled(f"{self._where}: {fault.reason}"))
        except OutOfStep as fault:
            self._break(OutOfStep(f"{self._where} is out of step: {fault.reason}"))
        except LineFault as fault:
            self._conclude(fault)
        return b""

    def _hear(self, heard: bytes) -> None:
        if self._abandoned and not self._is_rtu:
            heard = self._without_late_answers(heard)
        if self._request is not None:
            data = self._frames.data_of(heard, self._request)
            if data is not None:
                self._conclude(data)
                self._skipped += len(heard) if self._is_rtu else 0
        elif self._is_rtu:
            self._is_noisy = True
            unit = unit_of(heard)
            if unit is not None:
                self._skipped += len(heard)
                self._heard_late(unit)
        elif heard:
            raise OutOfStep("it sent something that nobody asked for")

    def _without_late_answers(self, heard: bytes) -> bytes:
        """Leave out answers to requests that were given up: a slow unit must not disturb its neighbours."""
        while len(heard) >= HEADER.size:
            transaction, _, length, _, _ = HEADER.unpack_from(heard)
            if transaction not in self._abandoned:
                return heard
            size = length + BEFORE_LENGTH_COUNTS
            if len(heard) < size:
                break
            self._abandoned.remove(transaction)
            self._skipped += size
            heard = heard[size:]
        return b""  # the rest of it is still to come


def _give_up(answer: asyncio.Future[bytes], waited_s: float) -> None:
    if not answer.done():
        answer.set_exception(NoAnswer(waited_s))


def _reason_of_port(exc: BaseException, port: str) -> str:
    """A sentence for a serial port that cannot be opened; pyserial gives the system's number as `errno`."""
    match getattr(exc, "errno", None):
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return f"there is no serial port {port}: is the adapter plugged in?"
        case errno.EACCES | errno.EPERM:
            return f"serial port {port} may not be opened: add the gateway's user to its group (dialout)"
        case errno.EAGAIN | errno.EBUSY:
            return f"serial port {port} is used by another program"
        case _:
            return f"serial port {port} cannot be used: {exc}"
