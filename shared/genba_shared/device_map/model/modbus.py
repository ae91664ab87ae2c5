"""A Modbus unit, the line that it is reached over, and its points."""

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


class ByteSide(StrEnum):
    """Which half of a register holds an 8-bit value, or each character of a string."""

    HIGH = "high"
    LOW = "low"


class ModbusTable(StrEnum):
    """Which of the four Modbus tables an address is in."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"


class Framing(StrEnum):
    """How requests are wrapped on a network: as Modbus TCP, or as the bytes of a serial line (RTU)."""

    TCP = "tcp"
    RTU = "rtu"


class Parity(StrEnum):
    """Parity bit of a serial line: none, even, odd."""

    NONE = "N"
    EVEN = "E"
    ODD = "O"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusPoint(Point):
    """`address` is the protocol address, counted from 0. `length` is in characters, for strings; `bit` is 0..15.

    `mask` picks bits of a whole number, shifted down to its lowest one. The value is raw × `scale` + `offset`.
    """

    table: ModbusTable
    address: int
    byte_order: ByteOrder = ByteOrder.ABCD
    group: str = "fast"
    bit: int | None = None
    byte: ByteSide | None = None
    length: int | None = None
    mask: int | None = None
    scale: float = 1.0
    offset: float = 0.0

    @property
    def width(self) -> int:
        """Registers (or coils) that the point spans."""
        match self.type:
            case PointType.STRING:
                length = self.length or 0
                return (length + 1) // 2 if self.byte is None else length
            case PointType.INT32 | PointType.UINT32 | PointType.FLOAT32 | PointType.BCD32:
                return 2
            case PointType.INT64 | PointType.UINT64 | PointType.FLOAT64:
                return 4
            case _:
                return 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PollSettings:
    """`groups` maps a group's name to its period; `max_gap`, `max_registers` and `max_coils` bound the block reads."""

    groups: Mapping[str, float] = field(default_factory=lambda: {"fast": 0.5, "slow": 10.0})
    max_gap: int = 12
    max_registers: int = 125
    max_coils: int = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialPort:
    """A serial port and how its line is set; `port` is a device file such as ``/dev/ttyUSB0``."""

    port: str
    baud: int = 9600
    parity: Parity = Parity.NONE
    stop_bits: int = 1

    @property
    def character_s(self) -> float:
        """Time that one byte takes: start bit, eight bits, parity bit, stop bits."""
        return (9 + (self.parity is not Parity.NONE) + self.stop_bits) / self.baud


@dataclass(frozen=True, slots=True, kw_only=True)
class Workarounds:
    """What a device needs that the protocol does not ask for; each is explained in docs/howto/modbus.md."""

    pause_between_s: float = 0.0
    pause_after_connect_s: float = 0.0
    one_request_per_point: bool = False
    address_base: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusDevice:
    """A Modbus unit: over a network at `host` and `port`, or on a `serial` line (`host` is then empty)."""

    id: str
    points: Mapping[str, ModbusPoint]
    host: str = ""
    port: int = 502
    framing: Framing = Framing.TCP
    serial: SerialPort | None = None
    label: str = ""
    unit: int = 1
    poll: PollSettings = field(default_factory=PollSettings)
    workarounds: Workarounds = field(default_factory=Workarounds)
    reconnect_max_s: float = 2.5  # and the connection itself: read again within 3 s
    timeout_s: float = 2.0

    @property
    def line(self) -> str:
        """Where the line is that the unit hangs on; units with the same one share a connection."""
        return f"{self.host}:{self.port}" if self.serial is None else self.serial.port
