"""What the simulated line is made of, as frozen settings; a plant file changes numbers, never the layout.

Times are plant seconds unless a name says otherwise, shares are fractions 0..1. The values here are the defaults of a
plant file (`plants/garment.yaml` writes all of them out).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Node(StrEnum):
    """Production steps of the routing, in order."""

    CUT = "CUT"
    SEW = "SEW"
    INS = "INS"
    PACK = "PACK"


class Station(StrEnum):
    """Places of the line."""

    CUT = "CUT-1"
    SEW_1 = "SEW-1"
    SEW_2 = "SEW-2"
    INS = "INS-1"
    PACK = "PACK-1"


class Zone(StrEnum):
    """Areas whose pieces are counted as WIP."""

    SEWING = "sewing"
    PACKING = "packing"
    CUT_BUFFER = "cut-buffer"


class ReadPoint(StrEnum):
    """Where the gate's reader sees tags."""

    SEWING_IN = "sewing-in"
    SEWING_OUT = "sewing-out"
    PACKING_IN = "packing-in"
    PACKING_OUT = "packing-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Antenna:
    """The antenna of a read point, and what a passage there means: `direction` is ``enter`` or ``leave`` of `zone`."""

    number: int
    zone: Zone
    direction: str


ANTENNAS: Final[Mapping[ReadPoint, Antenna]] = MappingProxyType(
    {
        ReadPoint.SEWING_IN: Antenna(number=1, zone=Zone.SEWING, direction="enter"),
        ReadPoint.SEWING_OUT: Antenna(number=2, zone=Zone.SEWING, direction="leave"),
        ReadPoint.PACKING_IN: Antenna(number=3, zone=Zone.PACKING, direction="enter"),
        ReadPoint.PACKING_OUT: Antenna(number=4, zone=Zone.PACKING, direction="leave"),
    }
)


@dataclass(frozen=True, slots=True)
class Span:
    """Any value from `least` to `most`, both included."""

    least: float
    most: float

    @property
    def middle(self) -> float:
        """The mean of the two ends."""
        return (self.least + self.most) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A product family: where it is sewn, and its standard seconds per piece at each node."""

    item: str
    sewn_at: Station
    cycle_s: Mapping[Node, float]

    def station_of(self, node: Node) -> Station:
        """The station that works on this node of the family."""
        match node:
            case Node.CUT:
                return Station.CUT
            case Node.SEW:
                return self.sewn_at
            case Node.INS:
                return Station.INS
            case Node.PACK:
                return Station.PACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """The `first` order, and every `every`-th after it, is released `by_s` too late (the cloth did not come)."""

    first: int
    every: int
    by_s: float


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "shirt": Family(
            item="shirt",
            sewn_at=Station.SEW_1,
            cycle_s=MappingProxyType({Node.CUT: 15.0, Node.SEW: 42.0, Node.INS: 17.0, Node.PACK: 13.0}),
        ),
        "trousers": Family(
            item="trousers",
            sewn_at=Station.SEW_2,
            cycle_s=MappingProxyType({Node.CUT: 18.0, Node.SEW: 48.0, Node.INS: 20.0, Node.PACK: 15.0}),
        ),
    }
)

LATE: Final = (
    Late(first=2, every=8, by_s=30 * 60.0),
    Late(first=4, every=9, by_s=65 * 60.0),
    Late(first=6, every=11, by_s=115 * 60.0),
)

CUSTOMERS: Final = (
    "Blue Shirt Co",
    "Harbour Outfitters",
    "青空制服",
    "江南服饰",
    "North Gate Uniforms",
    "Lantern Hotel Group",
    "みなと鉄道",
    "Cedar School Wear",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """Which orders come: `at_start` at once, then one per `every_s` while fewer than `most_open` are unfinished."""

    at_start: int = 5
    every_s: Span = Span(150.0, 250.0)
    most_open: int = 9
    lot: Span = Span(1, 15)
    usual_lot: int = 4
    bundle: int = 5
    customers: tuple[str, ...] = CUSTOMERS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """How the plan is made: times are stretched by `allowance`; the promise leaves `slack_s` after the planned finish.

    Every `optimistic_every`-th order is planned in `optimistic_share` of the time it needs.
    """

    allowance: float = 0.10
    slack_s: Span = Span(1800.0, 10800.0)
    optimistic_every: int = 5
    optimistic_share: float = 0.5
    late: tuple[Late, ...] = LATE


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSettings:
    """How stations work. `spread` is the standard deviation of a cycle as a share of its mean, cut off at ± 30 %."""

    spread: float = 0.12
    set_up_s: Span = Span(60.0, 90.0)
    unload_s: float = 15.0
    carry_s: Span = Span(20.0, 40.0)
    between_bundles_s: Span = Span(6.0, 10.0)
    breakdown_every_s: Span = Span(2400.0, 5400.0)
    breakdown_s: Span = Span(60.0, 150.0)
    rework: float = 0.04
    repair_s: Span = Span(20.0, 40.0)
    reset_every_s: Span = Span(1800.0, 2400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterStart:
    """What the PLC counters show at the start; the cutter stands close to its 16-bit limit, so that it wraps."""

    cutter: int = 65_500
    sew_1: int = 70_000
    sew_2: int = 131_060
    inspected: int = 412
    reworked: int = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """How the RFID gate sees.

    A neighbour antenna reads the share `cross_reads` of the passages weakly; a strange tag comes by every
    `stray_every_s`; two passages of one tag lie at least `apart_s` apart.
    """

    cross_reads: float = 0.2
    stray_every_s: Span = Span(150.0, 480.0)
    apart_s: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSettings:
    """TCP ports on 127.0.0.1; 0 takes a free one."""

    opcua: int = 0
    modbus: int = 0
    llrp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantSettings:
    """One simulated plant."""

    site: str = "demo"
    gateway: str = "gw-demo"
    orders: OrderSettings = field(default_factory=OrderSettings)
    plan: PlanSettings = field(default_factory=PlanSettings)
    families: Mapping[str, Family] = field(default_factory=lambda: FAMILIES)
    work: WorkSettings = field(default_factory=WorkSettings)
    counters: CounterStart = field(default_factory=CounterStart)
    gate: GateSettings = field(default_factory=GateSettings)
    ports: PortSettings = field(default_factory=PortSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Waits that must last long enough on the wall for a gateway that polls in wall time, in plant seconds.

    `first_lead_s` and `lead_s` lie between the announcement of an order and its first cut; the reset button is held
    `before_reset_s` before a counter reset and `after_reset_s` after it.
    """

    first_lead_s: float = 600.0
    lead_s: float = 600.0
    before_reset_s: float = 30.0
    after_reset_s: float = 30.0

    @classmethod
    def at_speed(cls, speed: float) -> Pace:
        """The waits at `speed` plant seconds per wall second: 12 s and 6 s of lead, 2 s and 1.5 s around a reset."""
        return cls(
            first_lead_s=max(600.0, 12 * speed),
            lead_s=max(600.0, 6 * speed),
            before_reset_s=max(30.0, 2 * speed),
            after_reset_s=max(30.0, 1.5 * speed),
        )
