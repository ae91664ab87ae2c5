"""What the bytes of a Modbus answer mean: the value of each point, in the byte order and form that its map says."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter

from genba_edge.core.observations import Value
from genba_edge.core.registers import BIT_TABLES, Block, span
from genba_shared.device_map.model import ByteOrder, ByteSide, ModbusPoint, PointType
from genba_shared.errors import BadReading

__all__ = ["Decoder", "PointReader", "decode_point", "ordered_bytes", "readers_of"]

Decoder = Callable[[bytes], Value]
"""Turns the bytes of one point, as the device sent them, into its value. Raises `BadReading`."""

NUMBER_FORMATS = {
    PointType.INT16: "h",
    PointType.UINT16: "H",
    PointType.INT32: "i",
    PointType.UINT32: "I",
    PointType.INT64: "q",
    PointType.UINT64: "Q",
    PointType.FLOAT32: "f",
    PointType.FLOAT64: "d",
}
BCD = frozenset({PointType.BCD16, PointType.BCD32})
BYTES = frozenset({PointType.INT8, PointType.UINT8})


@dataclass(frozen=True, slots=True, kw_only=True)
class PointReader:
    """Finds one point in the bytes of a block's answer. Its bytes alone tell whether its value may have changed.

    `code`: the form of `struct` whose big-endian number is the value, and all there is to it; empty: it takes `decode`.
    """

    name: str
    where: slice
    decode: Decoder
    code: str = ""


def readers_of(block: Block, *, device: str) -> tuple[PointReader, ...]:
    """A reader for each point of a block; `device` is its id, for errors."""
    return tuple(_reader(block, point, device) for point in block.points)


def _reader(block: Block, point: ModbusPoint, device: str) -> PointReader:
    first = point.address - block.address
    if block.table in BIT_TABLES:  # the first bit is the lowest of its byte: MODBUS Application Protocol V1.1b3, 6.1
        where = slice(first // 8, first // 8 + 1)
        return PointReader(name=point.name, where=where, decode=_bit_decoder(1 << first % 8))
    where = slice(2 * first, 2 * (first + point.width))
    return PointReader(
        name=point.name, where=where, decode=_register_decoder(point, device), code=_code_of_plain_number(point)
    )


def _code_of_plain_number(point: ModbusPoint) -> str:
    is_straight = point.byte_order is ByteOrder.ABCD or (point.byte_order is ByteOrder.CDAB and point.width == 1)
    is_changed = point.scale != 1.0 or point.offset != 0.0 or point.mask is not None or point.bit is not None
    code = NUMBER_FORMATS.get(point.type, "")
    return code if is_straight and not is_changed and code not in "fd" else ""


def decode_point(point: ModbusPoint, words: Sequence[int], *, device: str) -> Value:
    """Turn the words of one point into its value.

    Args:
        point: what the device map says about it.
        words: exactly its registers, or its one bit (0 or 1), in the device's order.
        device: id of the device, for the error.

    Returns:
        A bool for bits, a str for strings, else an int, or a float where the type, `scale` or `offset` makes it one;
        scaled integers come out as written (213 × 0.1 is 21.3).

    Raises:
        BadReading: too few or too many words, a word outside 16 bits, text that is not UTF-8, a float that is no
            number, a BCD digit beyond 9.
    """
    if len(words) != span(point):
        raise BadReading(device=device, reason=f"point {point.name}: {len(words)} of {span(point)} words answered")
    if any(not 0 <= word <= 0xFFFF for word in words):
        raise BadReading(device=device, reason=f"point {point.name}: a word is outside 16 bits")
    if point.table in BIT_TABLES:
        return bool(words[0])
    return _register_decoder(point, device)(b"".join(word.to_bytes(2, "big") for word in words))


def ordered_bytes(words: Sequence[int], order: ByteOrder) -> bytes:
    """Bring registers into big-endian bytes.

    Args:
        words: registers as the device sent them, each 0..65535.
        order: with A the most significant byte. ABCD: as the protocol says. CDAB: last register first. BADC: the two
            bytes of each register swapped. DCBA: both. The same holds over one register (BADC, DCBA swap its bytes)
            and over four (``ABCDEFGH``, ``GHEFCDAB``, ``BADCFEHG``, ``HGFEDCBA``).

    Source: MODBUS Application Protocol V1.1b3, 4.2 (bytes are big-endian; register order is the vendor's choice).

    >>> ordered_bytes([0x0001, 0x0002], ByteOrder.CDAB).hex()
    '00020001'
    """
    sent = b"".join(word.to_bytes(2, "big") for word in words)
    return bytes(sent[place] for place in _places(2 * len(words), order))


def _places(length: int, order: ByteOrder) -> tuple[int, ...]:
    """Where each byte of the big-endian value stands among the `length` bytes that were sent."""
    words = range(0, length, 2)
    if order in (ByteOrder.CDAB, ByteOrder.DCBA):
        words = words[::-1]
    swapped = order in (ByteOrder.BADC, ByteOrder.DCBA)
    return tuple(place for word in words for place in ((word + 1, word) if swapped else (word, word + 1)))


def _bit_decoder(mask: int) -> Decoder:
    return lambda sent: bool(sent[0] & mask)


def _register_decoder(point: ModbusPoint, device: str) -> Decoder:
    if point.type is PointType.STRING:
        return _text_decoder(point, device)
    if point.type in BCD:
        return _calculated(point, _bcd_decoder(point, device), device)
    if point.type in BYTES:
        return _calculated(point, _byte_decoder(point), device)
    if point.type is PointType.BOOL:
        join = _joiner(point)
        mask = -1 if point.bit is None else 1 << point.bit
        return lambda sent: bool(int.from_bytes(join(sent), "big") & mask)
    return _calculated(point, _number_decoder(point, device), device)


def _joiner(point: ModbusPoint) -> Callable[[bytes], bytes]:
    """Brings the bytes of a point into big-endian order."""
    places = _places(2 * point.width, point.byte_order)
    if places == tuple(range(len(places))):
        return lambda sent: sent
    pick = itemgetter(*places)
    return lambda sent: bytes(pick(sent))


def _number_decoder(point: ModbusPoint, device: str) -> Callable[[bytes], int | float]:
    order, code = point.byte_order, NUMBER_FORMATS[point.type]
    straight = order is ByteOrder.ABCD or (order is ByteOrder.CDAB and point.width == 1)
    reversed_ = order is ByteOrder.DCBA or (order is ByteOrder.BADC and point.width == 1)
    if code in "fd":
        return _float_decoder(point, device)
    if straight or reversed_:
        unpack = struct.Struct(("<" if reversed_ else ">") + code).unpack
        return lambda sent: unpack(sent)[0]
    signed, join = code.islower(), _joiner(point)
    return lambda sent: int.from_bytes(join(sent), "big", signed=signed)


def _float_decoder(point: ModbusPoint, device: str) -> Callable[[bytes], float]:
    unpack, join, name = struct.Struct(f">{NUMBER_FORMATS[point.type]}").unpack, _joiner(point), point.name

    def decode(sent: bytes) -> float:
        return _finite(unpack(join(sent))[0], name, device)

    return decode


def _finite(value: float, name: str, device: str) -> float:
    """A large one may be a number no longer once it is scaled."""
    if not math.isfinite(value):
        raise BadReading(device=device, reason=f"point {name}: {value} is not a number")
    return value


def _byte_decoder(point: ModbusPoint) -> Callable[[bytes], int]:
    place = 0 if point.byte is ByteSide.HIGH else 1
    if point.byte_order in (ByteOrder.BADC, ByteOrder.DCBA):
        place = 1 - place
    if point.type is PointType.UINT8:
        return lambda sent: sent[place]
    return lambda sent: sent[place] - 256 if sent[place] > 127 else sent[place]


def _bcd_decoder(point: ModbusPoint, device: str) -> Callable[[bytes], int]:
    join, name = _joiner(point), point.name

    def decode(sent: bytes) -> int:
        digits = join(sent).hex()
        if not digits.isdecimal():
            raise BadReading(device=device, reason=f"point {name}: 0x{digits} has a digit beyond 9: not BCD")
        return int(digits)

    return decode


def _calculated(point: ModbusPoint, decode: Callable[[bytes], int | float], device: str) -> Decoder:
    """What `mask`, `scale` and `offset` make of a number; through decimals, so that 213 × 0.1 is 21.3."""
    masked = decode
    if point.mask is not None:
        mask, shift = point.mask, (point.mask & -point.mask).bit_length() - 1
        masked = lambda sent: (int(decode(sent)) & mask) >> shift  # noqa: E731 - one of several that follow one form
    if point.scale == 1.0 and point.offset == 0.0:
        return masked
    if point.type in (PointType.FLOAT32, PointType.FLOAT64):
        scale_, offset_, name = point.scale, point.offset, point.name
        return lambda sent: _finite(decode(sent) * scale_ + offset_, name, device)
    scale, offset = Decimal(repr(point.scale)), Decimal(repr(point.offset))
    return lambda sent: float(Decimal(masked(sent)) * scale + offset)


def _text_decoder(point: ModbusPoint, device: str) -> Decoder:
    """Characters up to the first NUL, without trailing blanks. Only the bytes of a register are ever swapped."""
    swapped = point.byte_order in (ByteOrder.BADC, ByteOrder.DCBA)
    places = _places(2 * point.width, ByteOrder.BADC if swapped else ByteOrder.ABCD)
    if point.byte is not None:
        places = places[point.byte is ByteSide.LOW :: 2]
    places, name = places[: point.length], point.name

    def decode(sent: bytes) -> str:
        raw = bytes(sent[place] for place in places).split(b"\0", 1)[0]
        try:
            return raw.decode("utf-8").rstrip()
        except UnicodeDecodeError as exc:
            raise BadReading(device=device, reason=f"point {name}: {raw.hex()} is not UTF-8 text") from exc

    return decode
