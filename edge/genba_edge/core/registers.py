"""Modbus without a socket: which blocks to read for a set of points, and what the words that came back mean."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from genba_edge.core.observations import Value
from genba_shared.device_map.model import ByteOrder, ModbusPoint, ModbusTable, PointType
from genba_shared.errors import BadReading

__all__ = [
    "MAX_BITS",
    "MAX_REGISTERS",
    "MIN_GAP",
    "Block",
    "decode_point",
    "ordered_bytes",
    "plan_blocks",
]

MAX_REGISTERS = 125
"""Registers in one answer. Source: MODBUS Application Protocol V1.1b3, 6.3 and 6.4."""
MAX_BITS = 2000
"""Coils or discrete inputs in one answer. Source: MODBUS Application Protocol V1.1b3, 6.1 and 6.2."""
BITS_PER_REGISTER = 16
MIN_GAP = -1
"""As `max_gap`: only points that share an address are read together."""

BIT_TABLES = frozenset({ModbusTable.COIL, ModbusTable.DISCRETE})
NUMBER_FORMATS = {
    PointType.INT16: ">h",
    PointType.UINT16: ">H",
    PointType.INT32: ">i",
    PointType.UINT32: ">I",
    PointType.INT64: ">q",
    PointType.UINT64: ">Q",
    PointType.FLOAT32: ">f",
    PointType.FLOAT64: ">d",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One read request: `count` registers (or bits) of a table from `address` on, and the points that it answers."""

    table: ModbusTable
    address: int
    count: int
    points: tuple[ModbusPoint, ...]

    def words_of(self, point: ModbusPoint, words: Sequence[int]) -> Sequence[int]:
        """What this block's answer says of one of its points; fewer words than the point has if the answer is short."""
        first = point.address - self.address
        return words[first : first + span(point)]

    def __str__(self) -> str:
        return f"{self.table} {self.address}-{self.address + self.count - 1}"


def span(point: ModbusPoint) -> int:
    """Registers that the point takes, or 1 bit."""
    return 1 if point.table in BIT_TABLES else point.width


def plan_blocks(points: Iterable[ModbusPoint], *, max_gap: int, max_registers: int) -> tuple[Block, ...]:
    """Cover points with as few read requests as the device allows; a point is never split over two of them.

    Args:
        points: points that are read together (one poll group), in any order.
        max_gap: how many unused registers may be read along to save a request; `MIN_GAP` joins only points that
            share an address. Sixteen bits cost what a register costs, so the gap of coils is 16 times as long.
        max_registers: the most that the device answers at once; never more than the protocol's 125 registers or
            2,000 bits. A point that is longer than this is read alone.

    Returns:
        Blocks by table and rising address. Each point is in exactly one of them.
    """
    ordered = sorted(points, key=lambda point: (point.table, point.address, span(point), point.name))
    blocks: list[Block] = []
    for table, members in groupby(ordered, key=lambda point: point.table):
        if table in BIT_TABLES:
            gap = max_gap * BITS_PER_REGISTER if max_gap > 0 else max_gap
            limit = min(MAX_BITS, max_registers * BITS_PER_REGISTER)
        else:
            gap, limit = max_gap, min(MAX_REGISTERS, max_registers)
        blocks.extend(_join(members, gap=gap, limit=limit))
    return tuple(blocks)


def _join(points: Iterable[ModbusPoint], *, gap: int, limit: int) -> Iterator[Block]:
    """Blocks of points of one table that come sorted by address."""
    held: list[ModbusPoint] = []
    start = end = 0
    for point in points:
        new_end = max(end, point.address + span(point))
        if held and (point.address - end > gap or new_end - start > limit):
            yield _block(held, start, end)
            held = []
        if not held:
            start, new_end = point.address, point.address + span(point)
        held.append(point)
        end = new_end
    if held:
        yield _block(held, start, end)


def _block(points: Sequence[ModbusPoint], start: int, end: int) -> Block:
    return Block(table=points[0].table, address=start, count=end - start, points=tuple(points))


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
    last_first = order in (ByteOrder.CDAB, ByteOrder.DCBA)
    swapped = order in (ByteOrder.BADC, ByteOrder.DCBA)
    return b"".join(
        word.to_bytes(2, "little" if swapped else "big") for word in (reversed(words) if last_first else words)
    )


def decode_point(point: ModbusPoint, words: Sequence[int], *, device: str) -> Value:
    """Turn the words of one point into its value.

    Args:
        point: what the device map says about it.
        words: exactly its registers, or its one bit (0 or 1), in the device's order.
        device: id of the device, for the error.

    Returns:
        A bool for bits, a str for strings, else an int, or a float where the type or `scale` makes it one; scaled
        integers come out as written (213 × 0.1 is 21.3).

    Raises:
        BadReading: too few or too many words, a word outside 16 bits, text that is not UTF-8,
            a float that is no number.
    """
    if len(words) != span(point):
        raise BadReading(device=device, reason=f"point {point.name}: {len(words)} of {span(point)} words answered")
    if any(not 0 <= word <= 0xFFFF for word in words):
        raise BadReading(device=device, reason=f"point {point.name}: a word is outside 16 bits")
    if point.table in BIT_TABLES:
        return bool(words[0])
    if point.bit is not None:
        return bool(int.from_bytes(ordered_bytes(words, point.byte_order), "big") >> point.bit & 1)
    if point.type is PointType.BOOL:
        return any(words)
    if point.type is PointType.STRING:
        return _text(point, words, device)
    return _number(point, words, device)


def _number(point: ModbusPoint, words: Sequence[int], device: str) -> int | float:
    raw: int | float = struct.unpack(NUMBER_FORMATS[point.type], ordered_bytes(words, point.byte_order))[0]
    if isinstance(raw, float) and not math.isfinite(raw):
        raise BadReading(device=device, reason=f"point {point.name}: {raw} is not a number")
    if point.scale == 1.0:
        return raw
    if isinstance(raw, int):
        return float(Decimal(raw) * Decimal(repr(point.scale)))
    return raw * point.scale


def _text(point: ModbusPoint, words: Sequence[int], device: str) -> str:
    """Characters up to the first NUL, without trailing blanks. Only its bytes are ever swapped, not its registers."""
    order = ByteOrder.BADC if point.byte_order in (ByteOrder.BADC, ByteOrder.DCBA) else ByteOrder.ABCD
    raw = ordered_bytes(words, order)[: point.length].split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8").rstrip()
    except UnicodeDecodeError as exc:
        raise BadReading(device=device, reason=f"point {point.name}: {raw.hex()} is not UTF-8 text") from exc
