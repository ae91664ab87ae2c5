"""What facts add up to, for people and programs that ask. Every number here follows from the set of events alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from genba_shared.events import Confidence, StationState


class Lifecycle(StrEnum):
    """Where a node stands, as stored; the displayed status is worked out from it and the time."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    DONE = "done"


class Mark(StrEnum):
    """What a person should know about a node beside its numbers."""

    AMBIGUOUS = "ambiguous"  # a count or a claim is one of several possible
    BELOW_QUANTITY = "below_quantity"  # the claim names fewer pieces than the node needs
    PREDECESSOR_OPEN = "predecessor_open"  # claimed while a predecessor has not made its quantity
    CONFLICTING = "conflicting"  # counters, tags and claim of a claimed node do not agree
    CORROBORATED = "corroborated"  # a second, independent claim says the same
    NOT_PLANNED = "not_planned"  # no such node in the routing, or no such work order


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Pieces by result."""

    good: int = 0
    scrap: int = 0
    rework: int = 0

    def is_empty(self) -> bool:
        """Whether it holds no piece at all."""
        return not (self.good or self.scrap or self.rework)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a point around a station measured while a node was worked on there, weighted by time."""

    station: str
    point: str
    begin: datetime
    end: datetime
    least: float
    mean: float
    most: float
    samples: int
    uom: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One node of a work order.

    `quantity` is None where the node is not planned. `claimed_at`, `claimed_pieces` and `confidence` are of the claim
    that counts; `completed_at` is the same instant once the node is done, None before. `evidence` are ids of events:
    the start and every claim. `data_at` is when the newest fact about the node happened. `environment` is by station
    and point.
    """

    node: str
    lifecycle: Lifecycle
    quantity: int | None
    good: int
    scrap: int
    rework: int
    started_at: datetime | None = None
    claimed_at: datetime | None = None
    completed_at: datetime | None = None
    claimed_pieces: int | None = None
    confidence: Confidence | None = None
    marks: tuple[Mark, ...] = ()
    evidence: tuple[str, ...] = ()
    data_at: datetime | None = None
    environment: tuple[Surroundings, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderFacts:
    """A work order: its planned nodes in the order of the routing, then nodes that were seen without a plan."""

    work_order: str
    nodes: tuple[NodeFacts, ...]
    data_at: datetime | None = None

    def node(self, code: str) -> NodeFacts | None:
        """The facts of the node, None where there is no such node."""
        return next((node for node in self.nodes if node.node == code), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDispatch:
    """What a station works on since `since`. `explicit`: a person or the API opened it, not the gateway by itself."""

    work_order: str
    node: str
    since: datetime
    quantity: int | None
    explicit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """A station. `unassigned`: pieces that no dispatch owned, or that are missing between two readings of a counter."""

    station: str
    state: StationState = StationState.UNKNOWN
    since: datetime | None = None
    dispatch: OpenDispatch | None = None
    unassigned: Tally = Tally()
    data_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTake:
    """Somebody counted `count` pieces in a zone at `at`; `id` is that of the event."""

    id: str
    at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneFacts:
    """Pieces in a WIP zone at `at`, give or take `error_estimate` pieces; and the last stock-take."""

    zone: str
    count: int
    error_estimate: int
    at: datetime
    stock_take: StockTake | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagBinding:
    """Since `since` the tag stands for `pieces` pieces of the work order."""

    tag: str
    work_order: str
    pieces: int
    since: datetime
