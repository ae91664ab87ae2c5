"""What happens in the plant, in the order in which it happens: the plant core tells, servers and truth files listen.

`at` is the exact plant time (aware UTC, whole milliseconds).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from genba_sim.orders import Order
from genba_sim.settings import Node, ReadPoint, Station, Zone


class Result(StrEnum):
    """What inspection says of a piece; at other nodes every piece is good."""

    GOOD = "good"
    REWORK = "rework"


class State(StrEnum):
    """What a machine does."""

    IDLE = "idle"
    RUNNING = "running"
    SETUP = "setup"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """The office released an order."""

    at: datetime
    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUpBegan:
    """The station is being set up for its next work order."""

    at: datetime
    station: Station
    work_order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The machine does something else now."""

    at: datetime
    station: Station
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceMade:
    """One piece came off the machine."""

    at: datetime
    station: Station
    work_order: str
    node: Node
    result: Result


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCompleted:
    """The last piece of the work order is through this node."""

    at: datetime
    work_order: str
    node: Node
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPressed:
    """Somebody holds the reset button of the station's counters."""

    at: datetime
    station: Station


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersReset:
    """The station's counters went to 0."""

    at: datetime
    station: Station


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetReleased:
    """The reset button is free again."""

    at: datetime
    station: Station


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSeen:
    """One antenna read a tag once. `epc` is 24 lower-case hex digits."""

    at: datetime
    antenna: int
    epc: str
    rssi_dbm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPassed:
    """A bundle went through a read point; `at` is the last read there."""

    at: datetime
    tag: str
    read_point: ReadPoint
    work_order: str
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantStopped:
    """Nothing moves any more; `wip` is in pieces."""

    at: datetime
    wip: Mapping[Zone, int]


Happening = (
    Announced
    | SetUpBegan
    | StateChanged
    | PieceMade
    | NodeCompleted
    | ResetPressed
    | CountersReset
    | ResetReleased
    | TagSeen
    | TagPassed
    | PlantStopped
)

Listener = Callable[[Happening], None]
