"""One column of whole numbers: a base and small steps, packed by C in the narrowest type that holds them."""

from __future__ import annotations

import operator
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from genba_shared.codec.buffer import Reader, Writer
from genba_shared.errors import ContractError

_CONSTANT: Final = 0  # base only: every value is the base
_FRAME: Final = 1  # base = least value; then n unsigned distances from it
_DELTA: Final = 2  # base = first value; then n - 1 signed steps
_WIDTHS: Final = (1, 2, 4, 8)
_UNSIGNED: Final = "BHIQ"
_SIGNED: Final = "bhiq"


def write_integers(writer: Writer, values: Sequence[int]) -> None:
    """Write at least one number of at most 64 bits; the reader must know how many.

    Raises:
        ContractError: a number or a distance between two needs more than 64 bits.
    """
    low, high = min(values), max(values)
    if low < -(2**63) or high >= 2**64:
        raise ContractError(f"{low} to {high} does not fit 64 bits")
    if low == high:
        writer.u8(_CONSTANT)
        writer.signed(low)
        return
    steps = list(map(operator.sub, values[1:], values))
    frame = _unsigned_width(high - low)
    delta = _signed_width(min(steps), max(steps))
    if delta is not None and (frame is None or delta < frame):
        writer.u8(_DELTA | delta << 2)
        writer.signed(values[0])
        writer.raw(struct.pack(f"<{len(steps)}{_SIGNED[delta]}", *steps))
        return
    if frame is None:
        raise ContractError(f"{low} to {high} does not fit 64 bits")
    writer.u8(_FRAME | frame << 2)
    writer.signed(low)
    writer.raw(struct.pack(f"<{len(values)}{_UNSIGNED[frame]}", *[value - low for value in values]))


def read_integers(reader: Reader, count: int) -> list[int]:
    """Read `count` (at least 1) numbers; sums of base and steps may leave 64 bits and are for the caller to judge.

    Raises:
        ContractError: the bytes do not hold such a column.
    """
    head = reader.u8()
    mode, width = head & 0b11, head >> 2
    if mode == _CONSTANT and width == 0:
        return [reader.signed()] * count
    if width >= len(_WIDTHS):
        raise ContractError(f"column head {head:#04x} is not known")
    base = reader.signed()
    if mode == _FRAME:
        packed = reader.raw(count * _WIDTHS[width])
        return [base + distance for distance in struct.unpack(f"<{count}{_UNSIGNED[width]}", packed)]
    if mode == _DELTA:
        packed = reader.raw((count - 1) * _WIDTHS[width])
        return list(accumulate(struct.unpack(f"<{count - 1}{_SIGNED[width]}", packed), initial=base))
    raise ContractError(f"column head {head:#04x} is not known")


def write_numbers(writer: Writer, values: Sequence[float]) -> None:
    """Write fractional numbers as they are, 8 bytes each (IEEE 754, low byte first)."""
    writer.raw(struct.pack(f"<{len(values)}d", *values))


def read_numbers(reader: Reader, count: int) -> tuple[float, ...]:
    """What `write_numbers` wrote; a number may be infinite or none at all, which is for the caller to judge."""
    return struct.unpack(f"<{count}d", reader.raw(8 * count))


def write_presence(writer: Writer, present: Sequence[bool]) -> None:
    """One bit an event, the first in the lowest bit of the first byte."""
    bits = 0
    for position, is_there in enumerate(present):
        bits |= is_there << position
    writer.raw(bits.to_bytes((len(present) + 7) // 8, "little"))


def read_presence(reader: Reader, count: int) -> list[bool]:
    """What `write_presence` wrote; bits beyond `count` must be 0."""
    bits = int.from_bytes(reader.raw((count + 7) // 8), "little")
    if bits >> count:
        raise ContractError("presence bits beyond the last event")
    return [bits >> position & 1 == 1 for position in range(count)]


def _unsigned_width(most: int) -> int | None:
    return next((code for code, width in enumerate(_WIDTHS) if most < 1 << 8 * width), None)


def _signed_width(least: int, most: int) -> int | None:
    return next(
        (code for code, width in enumerate(_WIDTHS) if -(1 << 8 * width - 1) <= least and most < 1 << 8 * width - 1),
        None,
    )
