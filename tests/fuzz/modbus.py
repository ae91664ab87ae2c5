"""Modbus: whatever a unit answers, the driver goes on, and what it takes for a reading is of the map's type."""

from __future__ import annotations

import struct
from collections.abc import Callable

from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.drivers.modbus_line import ModbusLine
from genba_edge.ports import Quality, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ByteOrder, ModbusDevice, ModbusPoint, ModbusTable, PointType, PollSettings
from tests.fuzz.loop import Feed, Harm, drive

HOLDING, COIL = ModbusTable.HOLDING, ModbusTable.COIL
UNIT = 7
POINTS = [
    ModbusPoint(name="count", type=PointType.UINT32, table=HOLDING, address=0, byte_order=ByteOrder.CDAB),
    ModbusPoint(name="speed", type=PointType.FLOAT32, table=HOLDING, address=4),
    ModbusPoint(name="order", type=PointType.STRING, table=HOLDING, address=10, length=8),
    ModbusPoint(name="door", type=PointType.BOOL, table=HOLDING, address=20, bit=3),
    ModbusPoint(name="far", type=PointType.INT16, table=HOLDING, address=300, scale=0.1),
    ModbusPoint(name="coil", type=PointType.BOOL, table=COIL, address=3),
    ModbusPoint(name="slow", type=PointType.UINT64, table=ModbusTable.INPUT, address=8, group="slow"),
]
DEVICE = ModbusDevice(
    id="cell",
    host="cell",
    port=502,
    unit=UNIT,
    points={point.name: point for point in POINTS},
    poll=PollSettings(groups={"fast": 0.5, "slow": 2.0}),
)
CLOCK = ProductionClock()
KINDS = {
    "count": int,
    "speed": float,
    "order": str,
    "door": bool,
    "far": float,
    "coil": bool,
    "slow": int,
}


class _Unit:
    """Answers each request as the input says: rightly, wrongly, in pieces, late, or not at all."""

    def __init__(self, data: bytes) -> None:
        self._feed = Feed(data)
        self._say: Callable[[bytes], None] = lambda data: None
        self._close: Callable[[], None] = lambda: None

    @property
    def is_over(self) -> bool:
        return self._feed.is_empty

    def connected(self, say: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._say, self._close = say, close

    def heard(self, data: bytes) -> None:
        if self._feed.is_empty or len(data) < 12:
            return
        transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", data[:12])
        how = self._feed.byte()
        if how & 0x40:
            transaction = transaction - 1 & 0xFFFF
        if how & 0x80:
            unit ^= 1
        match how & 0x07:
            case 0 | 1:
                size = 2 * count if function in (3, 4) else -(-count // 8)
                body = bytes([function, size & 0xFF]) + self._feed.take(size).ljust(size, b"\0")
            case 2:
                body = bytes([function]) + self._feed.take(self._feed.byte())
            case 3:
                body = bytes([function | 0x80, self._feed.byte()])
            case 4:
                self._send(self._feed.take(self._feed.byte()), how)
                return
            case 5:
                body = self._feed.take(1 + self._feed.byte() % 20)
            case 6:
                return
            case _:
                self._close()
                return
        head = struct.pack(">HHHB", transaction, 0, len(body) + 1 & 0xFFFF, unit)
        self._send(head + body, how)

    def _send(self, answer: bytes, how: int) -> None:
        if how & 0x08:
            for at in range(len(answer)):
                self._say(answer[at : at + 1])
        elif answer:
            self._say(answer)
        if how & 0x10 and answer:
            self._say(answer)


def run(data: bytes) -> None:
    unit = _Unit(data)
    for observation in drive(lambda: ModbusDriver(DEVICE, CLOCK, ModbusLine(DEVICE)), unit, lambda: unit.is_over):
        if not isinstance(observation, Sample) or observation.quality is Quality.BAD:
            continue
        if not isinstance(observation.value, KINDS[observation.point]):
            raise Harm(f"not a {KINDS[observation.point].__name__}: {observation}")


def seeds() -> list[bytes]:
    good = bytes([0]) + bytes(range(64))
    return [
        good * 4,
        bytes([1]) + b"\0" * 48,
        bytes([3, 2]) * 12,
        bytes([3, 6, 6, 3, 11, 0]) + b"AB" * 20,
        bytes([0x40]) + b"\1" * 50 + bytes([0x80]) + b"\2" * 50,
        bytes([4, 28]) + b"HTTP/1.1 400 Bad Request\r\n\r\n" + good,
        bytes([8]) + good,
        bytes([0x10]) + good + good,
        bytes([6, 6, 6]) + good,
        bytes([7]) + good,
        bytes([2, 5]) + b"\x04\x00\x01\x00\x02" + good,
    ]
