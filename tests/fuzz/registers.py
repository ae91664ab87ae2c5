"""Registers of any device, read as any point of any map: a value of the right kind, or `BadReading`."""

from __future__ import annotations

import math
import struct

from genba_edge.core.register_values import decode_point
from genba_shared.device_map.model import ByteOrder, ModbusPoint, ModbusTable, PointType
from genba_shared.errors import BadReading
from tests.fuzz.loop import Feed, Harm

FIRST_TYPES = ["bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "string"]
"""An input names a type by its place: these keep theirs, later ones come behind them."""
TYPES = [PointType(name) for name in FIRST_TYPES] + [kind for kind in PointType if kind not in FIRST_TYPES]
TABLES, ORDERS = list(ModbusTable), list(ByteOrder)
SCALES = (1.0, 0.1, 10.0, 1e-3, 1e9, -2.5)


def run(data: bytes) -> None:
    feed = Feed(data)
    table, kind = TABLES[feed.byte() % 4], TYPES[feed.byte() % len(TYPES)]
    flags = feed.byte()
    takes_bit = kind is PointType.BOOL
    point = ModbusPoint(
        name="p",
        table=table,
        type=kind,
        address=0,
        byte_order=ORDERS[flags & 3],
        bit=flags >> 4 if flags & 4 and takes_bit else None,
        length=feed.byte() if kind is PointType.STRING else None,
        scale=SCALES[feed.byte() % len(SCALES)],
    )
    raw = feed.take(600)
    words = list(struct.unpack(f">{len(raw) // 2}H", raw[: len(raw) // 2 * 2]))
    try:
        value = decode_point(point, words, device="d")
    except BadReading:
        return
    if not _fits(point, value):
        raise Harm(f"{point} from {words} gives {value!r}")


def _fits(point: ModbusPoint, value: object) -> bool:
    if point.table in (ModbusTable.COIL, ModbusTable.DISCRETE) or point.bit is not None:
        return isinstance(value, bool)
    match point.type:
        case PointType.BOOL:
            return isinstance(value, bool)
        case PointType.STRING:
            return isinstance(value, str) and len(value) <= (point.length or 0)
        case _ if isinstance(value, float):
            return math.isfinite(value)
        case _:
            return isinstance(value, int) and not isinstance(value, bool)


def seeds() -> list[bytes]:
    found = [
        bytes([table, kind, flags, scale]) + b"\x00\x01\x00\x02\x00\x03\x00\x04"
        for table in range(4)
        for kind in range(len(TYPES))
        for flags in (0, 1, 2, 3, 0x34)
        for scale in (0, 1)
    ]
    found += [bytes([3, TYPES.index(PointType.STRING), 0, 8, 0]) + b"WO-1\0\0\0\0", b"\x03\x07\x00\x00\x7f\xc0\x00\x00"]
    return found
