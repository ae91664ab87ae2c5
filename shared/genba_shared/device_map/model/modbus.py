"""A Modbus unit and its points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from genba_shared.device_map.model.points import Point, PointType


class ByteOrder(StrEnum):
    """Order of the bytes of a 32-bit value over two registers; 64-bit values repeat the pattern over four."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


class ModbusTable(StrEnum):
    """Which of the four Modbus tables an address is in."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusPoint(Point):
    """`address` is the protocol address, counted from 0. `length` is in characters, for strings; `bit` is 0..15."""

    table: ModbusTable
    address: int
    byte_order: ByteOrder = ByteOrder.ABCD
    group: str = "fast"
    bit: int | None = None
    length: int | None = None
    scale: float = 1.0

    @property
    def width(self) -> int:
        """Registers (or coils) that the point spans."""
        match self.type:
            case PointType.STRING:
                return ((self.length or 0) + 1) // 2
            case PointType.INT32 | PointType.UINT32 | PointType.FLOAT32:
                return 2
            case PointType.INT64 | PointType.UINT64 | PointType.FLOAT64:
                return 4
            case _:
                return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings:
    """`groups` maps a group's name to its period; `max_gap` and `max_registers` bound the block reads."""

    groups: Mapping[str, float] = field(default_factory=lambda: {"fast": 0.5, "slow": 10.0})
    max_gap: int = 12
    max_registers: int = 125


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusDevice:
    """A Modbus TCP server and the unit behind it."""

    id: str
    host: str
    port: int
    points: Mapping[str, ModbusPoint]
    label: str = ""
    unit: int = 1
    poll: PollSettings = field(default_factory=PollSettings)
    reconnect_max_s: float = 3.0
    timeout_s: float = 2.0
