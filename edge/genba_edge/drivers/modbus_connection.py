"""One TCP connection to one Modbus unit: asks for blocks, and knows a broken connection when it sees one."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Sequence
from contextlib import suppress

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from genba_edge.core.registers import Block
from genba_edge.drivers.link import reason_of
from genba_shared.device_map.model import ModbusDevice, ModbusTable
from genba_shared.errors import BadReading, DeviceRefused, DeviceUnreachable

HEADER = struct.Struct(">HHHBB")
"""Transaction, protocol, length, unit, function. Source: MODBUS Messaging on TCP/IP Guide V1.0b, 3.1.3."""
BYTES_BEFORE_LENGTH_COUNTS = 6
ERROR_FLAG = 0x80
FUNCTIONS = {ModbusTable.COIL: 1, ModbusTable.DISCRETE: 2, ModbusTable.HOLDING: 3, ModbusTable.INPUT: 4}

BUSY = 6
UNIT_UNREACHABLE = frozenset({10, 11})
"""Exception codes of a Modbus gateway whose unit does not answer (10 no path, 11 no response)."""
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledge",
    BUSY: "busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}


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


class ModbusConnection:
    """Asks one unit over one socket, one request at a time.

    What arrives is checked against what was asked before the library sees it: an answer to another request means that
    the two ends are out of step, and only a new connection brings them back into it. pymodbus 3.16 would skip such an
    answer, and wait for the time-out after a closed socket.
    """

    def __init__(self, device: ModbusDevice) -> None:
        self._device = device
        self._where = f"{device.host}:{device.port}"
        self.has_answered = False
        self._asked: int | None = None
        self._broken = asyncio.Event()
        self._reason = ""
        self._client = AsyncModbusTcpClient(
            device.host,
            port=device.port,
            timeout=device.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._inspect,
            trace_connect=self._connection_changed,
        )

    async def open(self) -> None:
        """Connect.

        Raises:
            DeviceUnreachable: refused, no answer in time, or no such host.
        """
        try:
            # Not client.connect(): that swallows the reason, and the person who reads the log needs it.
            async with asyncio.timeout(self._device.timeout_s):
                await self._client.ctx.call_create()
        except OSError as exc:
            reason = reason_of(exc, where=self._where, timeout_s=self._device.timeout_s)
            raise DeviceUnreachable(device=self._device.id, reason=reason) from exc

    async def close(self) -> None:
        """Close the socket; whatever may still come over it is not heard any more."""
        self._client.close()
        await asyncio.sleep(0)

    async def wait_broken(self, timeout_s: float) -> None:
        """Wait this long, or until the connection breaks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._broken.wait()

    async def read(self, block: Block) -> Sequence[int]:
        """Ask for one block.

        Returns:
            `block.count` registers (0..65535) or bits (0 or 1).

        Raises:
            ModbusRefused: the unit answered with an exception; the connection is fine.
            BadReading: the answer has another length than asked; the connection is fine.
            ModbusTimeout: no answer in time; close the connection.
            DeviceUnreachable: the connection broke or is out of step; close it.
        """
        self._raise_if_broken()
        self._asked = FUNCTIONS[block.table]
        try:
            answer = await self._request(block)
        except ModbusException as exc:
            self._raise_if_broken()
            reason = f"no answer from unit {self._device.unit} at {self._where} within {self._device.timeout_s:g} s"
            raise ModbusTimeout(device=self._device.id, reason=reason, block=block) from exc
        finally:
            self._asked = None
        self.has_answered = True
        if answer.isError():
            raise ModbusRefused(device=self._device.id, code=answer.exception_code, block=block)
        in_bits = block.table in (ModbusTable.COIL, ModbusTable.DISCRETE)
        words = answer.bits if in_bits else answer.registers
        if len(words) != (-(-block.count // 8) * 8 if in_bits else block.count):  # bits come in whole bytes
            raise BadReading(device=self._device.id, reason=f"{len(words)} of {block.count} words answered for {block}")
        return [int(word) for word in words[: block.count]]

    def _request(self, block: Block) -> Awaitable[ModbusPDU]:
        match block.table:
            case ModbusTable.COIL:
                ask = self._client.read_coils
            case ModbusTable.DISCRETE:
                ask = self._client.read_discrete_inputs
            case ModbusTable.HOLDING:
                ask = self._client.read_holding_registers
            case ModbusTable.INPUT:
                ask = self._client.read_input_registers
        return ask(block.address, count=block.count, device_id=self._device.unit)

    def _raise_if_broken(self) -> None:
        if self._broken.is_set():
            raise DeviceUnreachable(device=self._device.id, reason=self._reason)

    def _break(self, reason: str) -> None:
        """Note why the connection cannot be used any more, and wake whoever waits for an answer."""
        if self._broken.is_set():
            return
        self._reason = reason
        self._broken.set()
        waiting = self._client.ctx.response_future
        if self._asked is not None and not waiting.done():
            waiting.set_exception(ConnectionException(reason))

    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001 - the library's signature
        if not connected:
            self._break(f"{self._where} closed the connection")

    def _inspect(self, sending: bool, packet: bytes) -> bytes:  # noqa: FBT001 - the library's signature
        """Let through what is sent, and what answers the request that is open."""
        if sending or len(packet) < HEADER.size:
            return packet
        fault = self._fault_in(packet)
        if fault:
            self._break(f"{self._where} is out of step: {fault}")
            return b""
        return packet

    def _fault_in(self, packet: bytes) -> str:
        transaction, protocol, length, unit, function = HEADER.unpack_from(packet)
        asked = self._client.ctx.request_transaction_id
        if self._asked is None:
            return "it sent something that nobody asked for"
        if protocol != 0 or not 2 <= length <= 254:
            return "what it sent is not Modbus TCP"
        if transaction != asked:
            return f"it answers request {transaction} instead of {asked}"
        if unit != self._device.unit and self._device.unit != 0:
            return f"unit {unit} answers instead of {self._device.unit}"
        if function & ~ERROR_FLAG != self._asked:
            return f"it answers function {function} instead of {self._asked}"
        # One byte more is a known slip in the length of exception answers, which pymodbus mends.
        if len(packet) > length + BYTES_BEFORE_LENGTH_COUNTS + 1:
            return f"its answer is {len(packet)} bytes long and says {length + BYTES_BEFORE_LENGTH_COUNTS}"
        return ""
