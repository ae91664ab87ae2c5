"""One column of a body: the narrowest of a few forms, packed and unpacked by C.

Every column begins with its head, one byte: form (3 bits) and width of its numbers as a power of two (2 bits). Forms:
0 `CONSTANT` base; 1 `FRAME` base = least value, then unsigned distances from it; 2 `DELTA` base = first value, then
signed steps; 3 `VARINTS` every number by itself; 4 `HEX_CONSTANT` and 7 `HEX` hexadecimal texts of one length as bytes;
5 `DOUBLES` IEEE 754, low byte first; 6 `DECIMAL` numbers of a few decimals as integers. Numbers of several bytes are
stored as planes: first all low bytes, then all next ones; what varies is so kept apart from what does not, which
compresses better.
"""

from __future__ import annotations

import math
import operator
import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, compress
from typing import Final

from genba_shared.codec.buffer import Reader, Writer
from genba_shared.errors import ContractError

CONSTANT: Final = 0
FRAME: Final = 1
DELTA: Final = 2
VARINTS: Final = 3
HEX_CONSTANT: Final = 4
DOUBLES: Final = 5
DECIMAL: Final = 6
HEX: Final = 7
_CONTINUES: Final = 0x80  # in the first byte of a number: another one follows
_FORM: Final = 0b111
_WIDTH_SHIFT: Final = 3
_WIDTH: Final = 0b11
_FRAME_OF_ZERO: Final = bytes((FRAME, 0))
_CONSTANTS: Final = tuple(
    bytes((CONSTANT, 2 * number)) if number < 64 else bytes((CONSTANT, 2 * number & 0x7F | 0x80, 1))
    for number in range(_CONTINUES)
)  # columns of one small number
_FEW: Final = 8  # numbers, of which it does not matter how they compress
_UNSIGNED: Final = "BHIQ"
_SIGNED: Final = "bhiq"
LEAST_HEX: Final = 16  # characters; shorter texts gain nothing
MOST_HEX: Final = 64  # bytes: a SHA-512 is the longest that somebody may want
_MOST_DECIMALS: Final = 6
_ONE: Final = ord("1")
_BITS: Final = bytes(character == _ONE for character in range(256))
_TENS: Final = tuple(10**decimals for decimals in range(_MOST_DECIMALS + 1))


def write_integers(writer: Writer, values: Sequence[int]) -> None:
    """Write at least one number of at most about 64 bits; the reader must know how many.

    Raises:
        ContractError: a number of more than 70 bits.
    """
    first = values[0]
    if 0 <= first < _CONTINUES and (small := _small(values)):
        _write_small(writer, small)
        return
    low, high = min(values), max(values)
    if low == high:
        writer.u8(CONSTANT)
        writer.signed(first)
        return
    frame, steps = _unsigned_width(high - low), _steps(values)
    delta = _signed_width(min(steps), max(steps)) if frame or frame is None or _repeats(steps) else None
    if frame is None and delta is None:
        writer.u8(VARINTS)
        for value in values:
            writer.signed(value)
    elif frame is None or (delta is not None and (delta < frame or (delta == frame and _repeats(steps)))):
        writer.u8(DELTA | (delta or 0) << _WIDTH_SHIFT)
        writer.signed(first)
        writer.raw(_packed(steps, _SIGNED[delta or 0]))
    else:
        writer.u8(FRAME | frame << _WIDTH_SHIFT)
        writer.signed(low)
        distances = [value - low for value in values]
        writer.raw(_packed(distances, _UNSIGNED[frame]) if frame else bytes(distances))


def _small(values: Sequence[int]) -> bytes | None:
    """Numbers that all have seven bits, as bytes."""
    try:
        small = bytes(values)
    except ValueError:
        return None
    return small if small.isascii() else None


def _write_small(writer: Writer, small: bytes) -> None:
    """Write small numbers: they are their own distances from 0, so that there is nothing to work out."""
    count, first = len(small), small[0]
    if small.count(first) == count:
        writer.data += _CONSTANTS[first]
    elif count >= _FEW and _repeats(steps := _byte_steps(small)):
        writer.u8(DELTA)
        writer.signed(first)
        writer.raw(steps)
    else:
        writer.data += _FRAME_OF_ZERO
        writer.data += small


def _byte_steps(small: bytes) -> bytes:
    """The steps between bytes below 128 as signed bytes, all in one subtraction of two large numbers.

    With 128 added to each, no byte borrows from the next; the same bit turned over then makes a signed byte of it.
    """
    count = len(small) - 1
    tops = int.from_bytes(b"\x80" * count, "little")
    ahead, behind = int.from_bytes(small[1:], "little"), int.from_bytes(small[:-1], "little")
    return ((ahead | tops) - behind ^ tops).to_bytes(count, "little")


def _steps(values: Sequence[int]) -> list[int]:
    return list(map(operator.sub, values[1:], values))


def _repeats(steps: Sequence[int]) -> bool:
    """Whether the values are mostly numbers in a row, of which the steps compress to nothing."""
    return 2 * steps.count(1) > len(steps)


def read_integers(reader: Reader, count: int) -> list[int]:
    """Read a column of `count` (at least 1) numbers; they may need more than 64 bits, which is for the caller to judge.

    Raises:
        ContractError: the bytes do not hold such a column.
    """
    data, start = reader.data, reader.position
    if start + 1 < len(data) and (low := data[start + 1]) < _CONTINUES:  # the two commonest forms, without any call
        head, base = data[start], -(low >> 1) - 1 if low & 1 else low >> 1
        if head == CONSTANT:
            reader.position = start + 2
            return [base] * count
        if head == FRAME and start + 2 + count <= len(data):
            reader.position = start + 2 + count
            bytes_of = data[start + 2 : start + 2 + count]
            return [base + distance for distance in bytes_of] if base else list(bytes_of)
    return read_integers_of(reader, reader.u8(), count)


def read_integers_of(reader: Reader, head: int, count: int) -> list[int]:
    """As `read_integers`, after the head was read."""
    form, width = head & _FORM, head >> _WIDTH_SHIFT
    if width > _WIDTH or (width and form not in (FRAME, DELTA)):
        raise ContractError(f"column head {head:#04x} is not known")
    if form == FRAME:
        base = reader.signed()
        return [base + distance for distance in _unpacked(reader, count, width, _UNSIGNED)]
    if form == CONSTANT:
        return [reader.signed()] * count
    if form == DELTA:
        base = reader.signed()
        return list(accumulate(_unpacked(reader, count - 1, width, _SIGNED), initial=base))
    if form == VARINTS:
        return [reader.signed() for _ in range(count)]
    raise ContractError(f"column head {head:#04x} is not known")


def write_numbers(writer: Writer, values: Sequence[float]) -> None:
    """Write fractional numbers: of a few decimals as integers, others as they are."""
    for decimals, ten in enumerate(_TENS if all(map(math.isfinite, values)) else ()):
        scaled = [value * ten for value in values]
        if max(map(abs, scaled)) >= 2**53:
            break
        integers = list(map(round, scaled))
        if _same_numbers([integer / ten for integer in integers], values):
            writer.u8(DECIMAL)
            writer.u8(decimals)
            write_integers(writer, integers)
            return
    writer.u8(DOUBLES)
    writer.raw(_packed(values, "d"))


def _same_numbers(found: Sequence[float], values: Sequence[float]) -> bool:
    """Equal in every bit: -0.0 is not 0.0."""
    return array("d", found).tobytes() == array("d", values).tobytes()


def read_numbers_of(reader: Reader, head: int, count: int) -> list[float]:
    """What `write_numbers` wrote, after the head; a number may be infinite or none at all: for the caller to judge."""
    if head == DOUBLES:
        return list(_joined(reader.raw(8 * count), count, 8, "d"))
    decimals = reader.u8()
    if head != DECIMAL or decimals > _MOST_DECIMALS:
        raise ContractError(f"column head {head:#04x} with {decimals} decimals is not known")
    ten = _TENS[decimals]
    integers = read_integers(reader, count)
    if min(integers) < -(2**53) or max(integers) > 2**53:
        raise ContractError("a decimal number of more than 53 bits")
    return [integer / ten for integer in integers]


def hex_bytes(texts: Sequence[str]) -> bytes | None:
    """The bytes of hexadecimal texts of one length; None where they are anything else."""
    size = len(texts[0])
    if size < LEAST_HEX or size % 2 or size > 2 * MOST_HEX or len(set(map(len, texts))) > 1:
        return None
    joined = "".join(texts)
    try:
        data = bytes.fromhex(joined)
    except ValueError:
        return None
    return data if data.hex() == joined else None


def write_hex(writer: Writer, data: bytes, count: int) -> None:
    """Write `count` texts as the bytes that `hex_bytes` gave."""
    size = len(data) // count
    is_constant = data == data[:size] * count
    writer.u8(HEX_CONSTANT if is_constant else HEX)
    writer.u8(size)
    writer.raw(data[:size] if is_constant else data)


def read_hex_of(reader: Reader, head: int, count: int) -> list[str]:
    """What `write_hex` wrote, after the head."""
    size = reader.u8()
    if not 1 <= size <= MOST_HEX:
        raise ContractError(f"hexadecimal texts of {size} bytes: 1 to {MOST_HEX} are allowed")
    if head == HEX_CONSTANT:
        return [reader.raw(size).hex()] * count
    digits, length = reader.raw(size * count).hex(), 2 * size
    return [digits[start : start + length] for start in range(0, length * count, length)]


def write_presence(writer: Writer, rows: Sequence[int], count: int) -> None:
    """Which `rows` have a value, one bit a row, the first in the lowest bit of the first byte."""
    bits = bytearray(b"0") * count
    for row in rows:
        bits[-1 - row] = _ONE
    writer.raw(int(bits, 2).to_bytes((count + 7) // 8, "little"))


def read_presence(reader: Reader, count: int) -> list[int]:
    """The rows that have a value, at least one; bits beyond `count` must be 0."""
    bits = int.from_bytes(reader.raw((count + 7) // 8), "little")
    if bits >> count:
        raise ContractError("presence bits beyond the last row")
    if not bits:
        raise ContractError("a column without a value")
    return list(compress(range(count), f"{bits:b}"[::-1].encode().translate(_BITS)))


@lru_cache(maxsize=1024)
def _form(count: int, letter: str) -> struct.Struct:
    return struct.Struct(f"<{count}{letter}")


def _packed(values: Sequence[float], letter: str) -> bytes:
    data = _form(len(values), letter).pack(*values)
    width = len(data) // len(values)
    return data if width == 1 else b"".join(data[plane::width] for plane in range(width))


def _unpacked(reader: Reader, count: int, width: int, letters: str) -> Sequence[int]:
    data = reader.raw(count << width)
    return data if width == 0 and letters is _UNSIGNED else _joined(data, count, 1 << width, letters[width])


def _joined(data: bytes, count: int, width: int, letter: str) -> tuple[int, ...]:
    """Numbers from their planes."""
    if width == 1:
        return _form(count, letter).unpack(data)
    joined = bytearray(len(data))
    for plane in range(width):
        joined[plane::width] = data[plane * count : (plane + 1) * count]
    return _form(count, letter).unpack(joined)


def _unsigned_width(most: int) -> int | None:
    bits = most.bit_length()
    return 0 if bits <= 8 else 1 if bits <= 16 else 2 if bits <= 32 else 3 if bits <= 64 else None


def _signed_width(least: int, most: int) -> int | None:
    return _unsigned_width(max(most, -least - 1) << 1)
