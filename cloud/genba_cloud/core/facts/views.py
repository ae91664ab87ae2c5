"""What facts add up to, for people and programs that ask. Every number here follows from the set of events alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from genba_shared.events import Confidence, CountOption, Result, StationState


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
    QUANTITY_REACHED = "quantity_reached"  # by a person's answer; nobody has claimed that the node is complete


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Pieces by result."""

    good: int = 0
    scrap: int = 0
    rework: int = 0

    def is_empty(self) -> bool:
        """Whether it holds no piece at all."""
        return not (self.good or self.scrap or self.rework)

    def by_result(self) -> dict[Result, int]:
        """The same pieces, to calculate with."""
        return {Result.GOOD: self.good, Result.SCRAP: self.scrap, Result.REWORK: self.rework}

    @classmethod
    def of(cls, pieces: Mapping[Result, int]) -> Self:
        """A tally of these pieces; less than none is none."""
        good, scrap, rework = (max(0, pieces.get(one, 0)) for one in (Result.GOOD, Result.SCRAP, Result.REWORK))
        return cls(good=good, scrap=scrap, rework=rework)


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
    and point. `answered` are the good pieces among `good` that people's answers added (below 0: took away).
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
    answered: int = 0
    on_hold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderFacts:
    """A work order: its planned nodes in the order of the routing, then nodes that were seen without a plan."""

    work_order: str
    nodes: tuple[NodeFacts, ...]
    data_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether it is not made any more."""
        return self.cancelled_at is not None

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


class QuestionKind(StrEnum):
    """Why people are asked."""

    QUESTIONED = "questioned"  # a reading has no explanation that fits: none of its pieces was counted
    AMBIGUOUS = "ambiguous"  # counted, and another number or another owner is possible as well
    UNASSIGNED = "unassigned"  # counted while no dispatch said whose pieces they are


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswer:
    """The answer that counts. `by` is who gave it (an opaque id), `event` the event that says so."""

    event: str
    at: datetime
    by: str
    pieces: int
    work_order: str | None = None
    node: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What could not be decided without a person; `question` is the id of the event that asks.

    `counted` are the pieces that count until it is answered (0 where none was counted). `least` and `most` bound what
    is possible. `work_order` and `node` say whose pieces they are taken for, None where nobody knows.
    """

    question: str
    kind: QuestionKind
    at: datetime
    station: str | None
    point: str
    result: Result
    counted: int
    least: int
    most: int
    options: tuple[CountOption, ...] = ()
    since: datetime | None = None
    work_order: str | None = None
    node: str | None = None
    note: str | None = None
    answer: QuestionAnswer | None = None
    is_open: bool = True
