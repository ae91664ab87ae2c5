"""Read requests and their answers as bytes: Modbus TCP, and RTU as on a serial line.

An answer is compared with what the request asked for before anything else looks at it. An answer to another request
means that the two ends are out of step, and a device that is read out of step gives one register for another.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol

from pymodbus.framer import FramerRTU

from genba_edge.core.registers import Block
from genba_edge.ports import Failure
from genba_shared.device_map.model import Framing, ModbusTable

HEADER = struct.Struct(">HHHBB")
"""Transaction, protocol, length, unit, function. Source: MODBUS Messaging on TCP/IP Guide V1.0b, 3.1.3."""
ADDRESS = struct.Struct(">BHH")
"""Function, address, count. Source: MODBUS Application Protocol V1.1b3, 6.1 to 6.4."""
BEFORE_LENGTH_COUNTS = 6
CRC_BYTES = 2
ERROR_FLAG = 0x80
FUNCTIONS = {ModbusTable.COIL: 1, ModbusTable.DISCRETE: 2, ModbusTable.HOLDING: 3, ModbusTable.INPUT: 4}


class LineFault(Exception):
    """A request that got no usable answer, before it is known which device's log it belongs to."""

    failure = Failure.OUT_OF_STEP

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutOfStep(LineFault):
    """What came does not belong to what was asked, or is not the protocol."""


class Garbled(OutOfStep):
    """Bytes were damaged on a serial line: its check sum is wrong. The line is fine once it is silent again."""


class WrongLength(LineFault):
    """The answer is whole and has another number of bytes than was asked for."""

    failure = Failure.BAD_READING


class ExceptionAnswer(LineFault):
    """The unit answered with an exception `code`."""

    failure = Failure.REFUSED

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """One request as sent, and the beginning of the answer that fits it, of `size` bytes in all."""

    unit: int
    function: int
    byte_count: int
    packet: bytes
    head: bytes
    size: int
    transaction: int = 0


class Frames(Protocol):
    """One way of wrapping requests."""

    def request(self, unit: int, block: Block) -> Request:
        """The request for a block."""

    def data_of(self, heard: bytes, request: Request) -> bytes | None:
        """The data in what was heard since the request; None: more is to come.

        Raises:
            LineFault: it is not the answer to this request.
        """


def frames_of(framing: Framing) -> Frames:
    """The frames of a line."""
    return TcpFrames() if framing is Framing.TCP else RtuFrames()


class TcpFrames:
    """Modbus TCP: each request has a number that its answer repeats."""

    def __init__(self) -> None:
        self._transaction = 0

    def request(self, unit: int, block: Block) -> Request:
        """The next request."""
        self._transaction = self._transaction % 0xFFFF + 1
        function, count = FUNCTIONS[block.table], block.byte_count
        ask = (
            HEADER.pack(self._transaction, 0, 6, unit, function)
            + ADDRESS.pack(function, block.address, block.count)[1:]
        )
        head = HEADER.pack(self._transaction, 0, 3 + count, unit, function) + bytes((count,))
        return Request(unit, function, count, ask, head, len(head) + count, self._transaction)

    def data_of(self, heard: bytes, request: Request) -> bytes | None:
        """See `Frames`."""
        if len(heard) == request.size and heard.startswith(request.head):
            return heard[len(request.head) :]
        if len(heard) <= HEADER.size:
            return None
        transaction, protocol, length, unit, function = HEADER.unpack_from(heard)
        if protocol != 0 or not 3 <= length + (function >= ERROR_FLAG) <= 254:
            raise OutOfStep("what it sent is not Modbus TCP")
        if transaction != request.transaction:
            raise OutOfStep(f"it answers request {transaction} instead of {request.transaction}")
        if unit != request.unit and request.unit != 0:
            raise OutOfStep(f"unit {unit} answers instead of {request.unit}")
        if function & ~ERROR_FLAG != request.function:
            raise OutOfStep(f"it answers function {function} instead of {request.function}")
        said = length + BEFORE_LENGTH_COUNTS
        if function & ERROR_FLAG:
            said = max(said, HEADER.size + 1)  # some devices count their exception answers one byte short
        if len(heard) > said:
            raise OutOfStep(f"its answer is {len(heard)} bytes long and says {said}")
        if len(heard) < said:
            return None
        if function & ERROR_FLAG:
            raise ExceptionAnswer(heard[HEADER.size])
        if said != request.size or heard[HEADER.size] != request.byte_count:
            raise WrongLength(f"{said - HEADER.size - 1} of {request.byte_count} bytes answered")
        return heard[HEADER.size + 1 :]


class RtuFrames:
    """RTU: nothing tells one answer from another but its unit, its function, its length and its check sum."""

    def request(self, unit: int, block: Block) -> Request:
        """The request for a block."""
        function, count = FUNCTIONS[block.table], block.byte_count
        ask = bytes((unit,)) + ADDRESS.pack(function, block.address, block.count)
        head = bytes((unit, function, count))
        return Request(unit, function, count, ask + _crc(ask), head, len(head) + count + CRC_BYTES)

    def data_of(self, heard: bytes, request: Request) -> bytes | None:
        """See `Frames`."""
        if len(heard) == request.size and heard.startswith(request.head):
            _check_crc(heard)
            return heard[len(request.head) : -CRC_BYTES]
        if len(heard) < len(request.head) + CRC_BYTES:
            return None
        unit, function, count = heard[0], heard[1], heard[2]
        if unit != request.unit:
            raise Garbled(f"unit {unit} answers instead of {request.unit}, or the answer is damaged")
        if function & ~ERROR_FLAG != request.function:
            raise Garbled(f"it answers function {function} instead of {request.function}, or the answer is damaged")
        size = len(request.head) + CRC_BYTES + (0 if function & ERROR_FLAG else count)
        if len(heard) > size:
            raise Garbled(f"its answer is {len(heard)} bytes long and says {size}")
        if len(heard) < size:
            return None
        _check_crc(heard)
        if function & ERROR_FLAG:
            raise ExceptionAnswer(count)
        raise WrongLength(f"{count} of {request.byte_count} bytes answered")


def unit_of(heard: bytes) -> int | None:
    """The unit that a whole RTU frame comes from; None if it is none."""
    if len(heard) <= CRC_BYTES + 2 or _crc(heard[:-CRC_BYTES]) != heard[-CRC_BYTES:]:
        return None
    return heard[0]


def _crc(data: bytes) -> bytes:
    return FramerRTU.compute_CRC(data).to_bytes(CRC_BYTES, "big")


def _check_crc(heard: bytes) -> None:
    if _crc(heard[:-CRC_BYTES]) != heard[-CRC_BYTES:]:
        raise Garbled("the check sum (CRC) of its answer is wrong")
