"""The device map as objects. Durations are seconds, rates are per second; names and meanings: docs/device-map.md.

Every object here has passed the loader's checks: references resolve, ranges hold, units are stripped. Defaults stand
in these classes and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from genba_shared.events import Result

EMPTY: Mapping[str, Any] = MappingProxyType({})


class PointType(StrEnum):
    """What a point's value is; integers carry their width because a counter's limit follows from it."""

    BOOL = "bool"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    STRING = "string"


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


class ReadMode(StrEnum):
    """Whether an OPC UA point is subscribed to or read in a poll."""

    SUBSCRIBE = "subscribe"
    READ = "read"


class SecurityPolicy(StrEnum):
    """How an OPC UA connection is protected; this version knows only the open one."""

    NONE = "none"


class TimeSource(StrEnum):
    """Whose time a sample carries."""

    SOURCE = "source"
    SERVER = "server"
    GATEWAY = "gateway"


class AtLimit(StrEnum):
    """What a counter does at its limit."""

    WRAP = "wrap"
    SATURATE = "saturate"


class CountDirection(StrEnum):
    """Which way a counter counts."""

    UP = "up"
    DOWN = "down"


class OnDecrease(StrEnum):
    """What a decrease means when the readings alone do not tell."""

    AUTO = "auto"
    WRAP = "wrap"
    RESET = "reset"
    ERROR = "error"


class WorkOrderSource(StrEnum):
    """Where a node's work order comes from."""

    POINT = "point"
    TAGS = "tags"
    DISPATCH = "dispatch"


class StartRule(StrEnum):
    """What starts a node."""

    FIRST_PIECE = "first_piece"
    DISPATCH = "dispatch"


@dataclass(frozen=True, slots=True)
class PointRef:
    """``device/point``."""

    device: str
    point: str

    def __str__(self) -> str:
        return f"{self.device}/{self.point}"


@dataclass(frozen=True, slots=True)
class ReadPointRef:
    """``device/read-point`` of an RFID reader."""

    device: str
    read_point: str

    def __str__(self) -> str:
        return f"{self.device}/{self.read_point}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSettings:
    """How a counter behaves.

    `limit` is the last value before 0; `max_rate` is in device counts per second (None: the type's full range).
    """

    limit: int
    at_limit: AtLimit = AtLimit.WRAP
    direction: CountDirection = CountDirection.UP
    max_rate: float | None = None
    on_decrease: OnDecrease = OnDecrease.AUTO
    reset_by: PointRef | None = None
    pieces_per_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One PLC variable."""

    name: str
    type: PointType
    counter: CounterSettings | None = None
    labels: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpcUaPoint(Point):
    """`node` is an OPC UA node id, with ``nsu=URI;`` instead of ``ns=`` where the map says so."""

    node: str
    mode: ReadMode = ReadMode.SUBSCRIBE
    sampling_s: float = 0.2
    queue: int = 10


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
class OpcUaDevice:
    """An OPC UA server."""

    id: str
    url: str
    points: Mapping[str, OpcUaPoint]
    label: str = ""
    security: SecurityPolicy = SecurityPolicy.NONE
    time: TimeSource = TimeSource.SOURCE
    reconnect_max_s: float = 3.0
    timeout_s: float = 4.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Antenna:
    """One antenna of a reader. Several antennas may share a read point."""

    read_point: str
    power_dbm: float | None = None
    min_rssi_dbm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSettings:
    """`min_reads` at or above `min_rssi` make a passage; `depart_after_s` of silence ends one (plant time)."""

    min_reads: int = 2
    depart_after_s: float = 45.0
    move_margin_db: float = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LlrpDevice:
    """An RFID reader that speaks LLRP. `accept`: regular expression on the EPC (lower-case hex); others are strays."""

    id: str
    host: str
    port: int = 5084
    antennas: Mapping[int, Antenna] = field(default_factory=dict)
    label: str = ""
    accept: str = ""
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    report_s: float = 0.5
    reconnect_max_s: float = 3.0
    timeout_s: float = 5.0


Device = OpcUaDevice | ModbusDevice | LlrpDevice


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRule:
    """Station state from a point's labels, or from count cadence: idle after `idle_after_s` (plant) without a piece."""

    point: PointRef
    idle_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A place where work happens: which counters count its pieces, and where its state comes from."""

    id: str
    device: str
    counts: Mapping[Result, PointRef] = field(default_factory=dict)
    state: StateRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEnd:
    """One side of a counter-pair zone: good (or other) pieces of a station."""

    station: str
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A WIP area, bounded by read points (`enter`, `leave`) or counters (`pieces_in`, `pieces_out`; several add up)."""

    id: str
    enter: tuple[ReadPointRef, ...] = ()
    leave: tuple[ReadPointRef, ...] = ()
    pieces_in: tuple[CountedEnd, ...] = ()
    pieces_out: tuple[CountedEnd, ...] = ()
    wip_limit: int | None = None
    close_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRule:
    """Done when the good pieces reach the node's quantity, or when all tags of the work order have left a zone."""

    all_left: str | None = None
    min_dwell_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRule:
    """How this gateway sees a node being worked on and completed; `code` is the routing's node code."""

    code: str
    stations: tuple[str, ...] = ()
    work_order: WorkOrderSource = WorkOrderSource.DISPATCH
    work_order_point: PointRef | None = None
    start_when: StartRule = StartRule.FIRST_PIECE
    done_when: CompletionRule = field(default_factory=CompletionRule)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Who this gateway is."""

    id: str
    site: str
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """Where events go: ``mqtt://host:port``."""

    mqtt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the outbox lives, relative to the map."""

    path: Path = Path("state")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceMap:
    """A checked device map. `sha256` is the hash of the text it was read from."""

    gateway: GatewaySettings
    devices: Mapping[str, Device]
    stations: Mapping[str, Station] = field(default_factory=dict)
    zones: Mapping[str, Zone] = field(default_factory=dict)
    nodes: Mapping[str, NodeRule] = field(default_factory=dict)
    collector: CollectorSettings | None = None
    store: StoreSettings = field(default_factory=StoreSettings)
    sha256: str = ""
