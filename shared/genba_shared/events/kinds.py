"""Kinds of events that gateways derive, and the first ones about orders. The event reference prints the docstrings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from genba_shared.events.model import (
    JSON_NAME,
    Basis,
    Confidence,
    CountMethod,
    Direction,
    Event,
    GapCause,
    QuestionCause,
    Result,
    StationState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecesCounted(Event):
    """A counter moved: the pieces in (total - delta, total] of the counter (gateway, epoch, point, counter_epoch).

    `since` is when the counter was last known to stand at total - delta, `at` when it was first read as total. `least`
    and `most` bound what was really made wherever that may be another number than `delta`. On an ambiguous count they
    hold all explanations, which `options` lists (each a `CountOption`): somebody should look. On a certain count they
    ask nobody anything: the explanation stands, and only pieces that are on no counter, such as one finished between
    the last reading and a reset, cannot be excluded. Both None: `delta` is what was made. `work_order` and `node` are
    set where the gateway knew the dispatch. Without a station the pieces only crossed the bound of a zone.
    """

    kind: ClassVar[str] = "pieces_counted"
    code: ClassVar[int] = 1

    point: str
    result: Result
    delta: int
    total: int
    counter_epoch: int
    since: datetime
    method: CountMethod = CountMethod.NORMAL
    confidence: Confidence = Confidence.CERTAIN
    least: int | None = None
    most: int | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPassed(Event):
    """An RFID tag crossed a read point: many reads, one passage. `at` is the last read.

    `pieces` are those bound to the tag at that moment; `node` is set where the passage counts for a node's completion.
    """

    kind: ClassVar[str] = "tag_passed"
    code: ClassVar[int] = 2

    read_point: str
    reader: str
    tag: str
    direction: Direction
    first_seen: datetime
    last_seen: datetime
    reads: int
    zone: str | None = None
    antenna: int | None = None
    pieces: int | None = None
    implied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TagBound(Event):
    """From `at` on, the tag stands for `pieces` pieces (or one unit) of the work order."""

    kind: ClassVar[str] = "tag_bound"
    code: ClassVar[int] = 3
    required: ClassVar[frozenset[str]] = frozenset({"work_order"})

    tag: str
    pieces: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagUnbound(Event):
    """From `at` on, the tag stands for nothing."""

    kind: ClassVar[str] = "tag_unbound"
    code: ClassVar[int] = 4

    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WipChanged(Event):
    """The number of pieces in a zone is now `count`; `by` is the change; `error_estimate` is in pieces."""

    kind: ClassVar[str] = "wip_changed"
    code: ClassVar[int] = 5

    zone: str
    count: int
    by: int
    error_estimate: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StationStateChanged(Event):
    """The station is in `state` since `since`; `at` is when enough was known to say so.

    So a station that stood still after its last piece is told idle `idle_after` later, since that piece. Of what was
    told before, that which lies after `since` does not hold any more. `reason` says more where more is known
    (``starved``: idle because there is nothing to work on).
    """

    kind: ClassVar[str] = "station_state_changed"
    code: ClassVar[int] = 6
    required: ClassVar[frozenset[str]] = frozenset({"station"})

    state: StationState
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchOpened(Event):
    """From `at` on, the station works on this node of this work order; `pieces` is the quantity wanted."""

    kind: ClassVar[str] = "dispatch_opened"
    code: ClassVar[int] = 7
    required: ClassVar[frozenset[str]] = frozenset({"station", "work_order", "node"})

    pieces: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchClosed(Event):
    """From `at` on, the station no longer works on this node of this work order."""

    kind: ClassVar[str] = "dispatch_closed"
    code: ClassVar[int] = 8
    required: ClassVar[frozenset[str]] = frozenset({"station", "work_order", "node"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(Event):
    """Work on the node of the work order began at `at`."""

    kind: ClassVar[str] = "node_started"
    code: ClassVar[int] = 9
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCompleted(Event):
    """A claim: the node of the work order was completed at `at` with `pieces` good pieces; the collector decides.

    `basis` says what was observed; `confidence` is ambiguous where the evidence was (an outage, a count in doubt).
    """

    kind: ClassVar[str] = "node_completed"
    code: ClassVar[int] = 10
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node"})

    pieces: int
    basis: Basis = Basis.COUNT
    confidence: Confidence = Confidence.CERTAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed(Event):
    """The customer order was accepted."""

    kind: ClassVar[str] = "order_confirmed"
    code: ClassVar[int] = 11

    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrderReleased(Event):
    """The work order may be worked on: `pieces` of `item`, for `order`, by a frozen routing."""

    kind: ClassVar[str] = "work_order_released"
    code: ClassVar[int] = 12
    required: ClassVar[frozenset[str]] = frozenset({"work_order"})

    order: str
    item: str
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineFrozen(Event):
    """The plan that deviation is measured against: start and finish of the order (its nodes' plans are master data)."""

    kind: ClassVar[str] = "baseline_frozen"
    code: ClassVar[int] = 13

    order: str
    start: datetime
    finish: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseSet(Event):
    """The order was promised for `promised`."""

    kind: ClassVar[str] = "promise_set"
    code: ClassVar[int] = 14

    order: str
    promised: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuestioned(Event):
    """A reading has no explanation that fits; `note` says what was read and what would have fitted.

    Where pieces are in question, none of them was counted: `result` says what they would be, `since` when the last
    reading before it was taken, `least` and `most` bound them, `options` (each a `CountOption`) are the answers that a
    person may give. `work_order` and `node` are what the station worked on. `zone` is set where what is in a zone does
    not fit what came and went.
    """

    kind: ClassVar[str] = "data_questioned"
    code: ClassVar[int] = 15

    point: str
    note: str
    cause: QuestionCause = QuestionCause.OTHER
    result: Result | None = None
    since: datetime | None = None
    least: int | None = None
    most: int | None = None
    options: tuple[str, ...] = ()
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataGapSeen(Event):
    """Nothing was observed between two instants (`from` and `to` in JSON).

    `subject` is the device, point or gateway that was silent. With the cause `full` a gateway removed events that the
    collector had not taken, between their times: `dropped` says how many of which kind, from which seq to which, as
    ``KIND:FIRST-LAST:COUNT``. Its subject is the gateway where states of stations are among them, else ``(store)``.
    """

    kind: ClassVar[str] = "data_gap_seen"
    code: ClassVar[int] = 16

    begin: datetime = field(metadata={JSON_NAME: "from"})
    end: datetime = field(metadata={JSON_NAME: "to"})
    cause: GapCause
    subject: str
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeOpened(Event):
    """Decision: the order deviates from its baseline by `late_s` working seconds on a lead of `lead_s`, at `level`."""

    kind: ClassVar[str] = "episode_opened"
    code: ClassVar[int] = 17

    order: str
    level: str
    late_s: int
    lead_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeEscalated(Event):
    """Decision: the level of an open episode changed."""

    kind: ClassVar[str] = "episode_escalated"
    code: ClassVar[int] = 18

    order: str
    level: str
    late_s: int
    lead_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeClosed(Event):
    """Decision: the order no longer deviates."""

    kind: ClassVar[str] = "episode_closed"
    code: ClassVar[int] = 19

    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCounted(Event):
    """A stock-take: somebody counted `count` pieces in the zone at `at`."""

    kind: ClassVar[str] = "stock_counted"
    code: ClassVar[int] = 20

    zone: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSummarised(Event):
    """What a point measured between two instants (`from` and `to` in JSON), weighted by time.

    `uom` is the unit of measure as the device map writes it. `samples` counts the readings that the gateway took in the
    interval. `work_order` and `node` say whose work the interval is; `because` names its completion.
    """

    kind: ClassVar[str] = "environment_summarised"
    code: ClassVar[int] = 21

    point: str
    begin: datetime = field(metadata={JSON_NAME: "from"})
    end: datetime = field(metadata={JSON_NAME: "to"})
    least: float = field(metadata={JSON_NAME: "min"})
    mean: float
    most: float = field(metadata={JSON_NAME: "max"})
    samples: int
    uom: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsAssigned(Event):
    """A person says whose pieces these are: `pieces` of what the event `target` left open belong to the node.

    `target` is a `data_questioned`, or a `pieces_counted` without an owner. Of several for one target, the latest
    counts.
    """

    kind: ClassVar[str] = "counts_assigned"
    code: ClassVar[int] = 22
    required: ClassVar[frozenset[str]] = frozenset({"station", "work_order", "node"})

    target: str
    result: Result
    pieces: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCorrected(Event):
    """A person says that the event `target` counted `pieces` pieces; its `total` stands as it is.

    Of several for one target, the latest counts.
    """

    kind: ClassVar[str] = "event_corrected"
    code: ClassVar[int] = 23

    target: str
    pieces: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReported(Event):
    """A part of a node is done: `pieces` good pieces so far of those that it needs."""

    kind: ClassVar[str] = "progress_reported"
    code: ClassVar[int] = 24
    required: ClassVar[frozenset[str]] = frozenset({"work_order", "node"})

    pieces: int
    quantity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationChangedOver(Event):
    """A station's change-over: from the last good piece of one work to the first good piece of the next (JSON `from`,
    `to`).

    Told only where both pieces were seen when they came. `work_order` and `node` are the next work. The time between
    two good pieces is what SMED calls the change-over (Shingo, A Revolution in Manufacturing: The SMED System, 1985);
    the set-up time of ISO 22400-2 lies within it.
    """

    kind: ClassVar[str] = "station_changed_over"
    code: ClassVar[int] = 25
    required: ClassVar[frozenset[str]] = frozenset({"station", "work_order", "node"})

    begin: datetime = field(metadata={JSON_NAME: "from"})
    end: datetime = field(metadata={JSON_NAME: "to"})
    before_work_order: str
    before_node: str
