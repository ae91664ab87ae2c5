"""One column of whole numbers in version 1: a base and small steps in the narrowest type that holds them."""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import Final

from genba_shared.codec.buffer import Reader
from genba_shared.errors import ContractError

_CONSTANT: Final = 0  # base only: every value is the base
_FRAME: Final = 1  # base = least value; then n unsigned distances from it
_DELTA: Final = 2  # base = first value; then n - 1 signed steps
_WIDTHS: Final = (1, 2, 4, 8)
_UNSIGNED: Final = "BHIQ"
_SIGNED: Final = "bhiq"


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


def read_numbers(reader: Reader, count: int) -> tuple[float, ...]:
    """Fractional numbers, 8 bytes each (IEEE 754, low byte first); infinite ones are for the caller to judge."""
    return struct.unpack(f"<{count}d", reader.raw(8 * count))


def read_presence(reader: Reader, count: int) -> list[bool]:
    """One bit an event, the first in the lowest bit of the first byte; bits beyond `count` must be 0."""
    bits = int.from_bytes(reader.raw((count + 7) // 8), "little")
    if bits >> count:
        raise ContractError("presence bits beyond the last event")
    return [bits >> position & 1 == 1 for position in range(count)]
