"""What can be read from the collector's store: one protocol, implemented by every store, bound to one enterprise.

All methods are synchronous, thread-safe and read one consistent snapshot each: call them from a worker thread
(``await asyncio.to_thread(reads.wip)``) or from a synchronous route. They decide nothing about rights: the API passes
every record through the visibility function.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from genba_cloud.core.facts.dispatching import Work
from genba_cloud.core.facts.order import OrderFacts
from genba_cloud.core.facts.plan import OrderPlan
from genba_cloud.core.facts.views import (
    Question,
    StationFacts,
    StockTake,
    TagBinding,
    Tally,
    WorkOrderFacts,
    ZoneFacts,
)
from genba_shared.events import Event

if TYPE_CHECKING:
    from genba_cloud.store.floor import Floor  # it speaks of what this module is imported by
    from genba_cloud.store.master import MasterRows
    from genba_cloud.store.past import Past
    from genba_cloud.store.proofs import Proofs  # both speak of what this module is imported by
    from genba_cloud.store.told import Told
    from genba_cloud.store.webhooks import Webhooks


class UnknownCursorError(ValueError):
    """A paging cursor that this store did not give out."""


class ArchivedError(ValueError):
    """What is asked for is archived; `until` is when the newest of the archived events of that kind happened."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"archived until {until:%Y-%m-%d %H:%M:%S} UTC")
        self.until = until


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRecord:
    """An order: the plan, the frozen baseline, and the facts of each of its work orders (by work order id).

    `data_at` is when the newest fact about it happened; None before the first. `said` is about the order as a whole.
    """

    plan: OrderPlan
    baseline_start: datetime
    baseline_finish: datetime
    facts: Mapping[str, WorkOrderFacts]
    data_at: datetime | None
    said: OrderFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPage:
    """Orders by promise, earliest first; `next` is the cursor of the page after this one, None at the end."""

    items: tuple[OrderRecord, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Which orders: every field that is set must match. `site`: one of its work orders is made there.

    `promised_from` is the earliest promise, `promised_before` the first that is not wanted any more.
    """

    system: str | None = None
    external_id: str | None = None
    customer: str | None = None
    site: str | None = None
    promised_from: datetime | None = None
    promised_before: datetime | None = None


ALL_ORDERS: Final = OrderFilter()


class OrderKey(NamedTuple):
    """An order of a list, and its promise in milliseconds since 1970: where in the list it stands."""

    order: str
    promised: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKeyPage:
    """Orders by promise, earliest first; `next` is the cursor of the page after this one, None at the end."""

    items: tuple[OrderKey, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One row of a station's queue; the first row is the next one."""

    station: str
    work_order: str
    node: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unassigned:
    """Pieces without an owner: at a station (`work_order` None), or of a node that nobody planned (`station` None)."""

    station: str | None
    work_order: str | None
    node: str | None
    pieces: Tally
    data_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionFilter:
    """Which questions: every field that is set must match."""

    is_open: bool | None = None
    station: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionPage:
    """Questions, those that came up last first; `next` is the cursor of the page after this one, None at the end."""

    items: tuple[Question, ...]
    next: str | None


class Enrolment(StrEnum):
    """Whether the plant engineer registered the gateway."""

    REGISTERED = "registered"
    REMOVED = "removed"
    UNENROLLED = "unenrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayIdentity:
    """A registered gateway. Times are wall time.

    `public_key` None: it was added and is not enrolled yet. `removed_at`: from then on nothing of it is taken.
    `code_hash` (SHA-256) and `code_until`: of the one-time code that is open.
    """

    gateway: str
    enterprise: str
    added_at: datetime
    site: str | None = None
    removed_at: datetime | None = None
    public_key: bytes | None = None
    enrolled_at: datetime | None = None
    certificate_until: datetime | None = None
    code_hash: bytes | None = None
    code_until: datetime | None = None


ALARM: Final = "identity_alarm"
"""Key of a gateway's kept state under which the collector notes what is wrong with its identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRecord:
    """A gateway as last heard. `seen_at` is wall time: when its last message arrived (a retained one does not count).

    `stocktakes` are those of its zones that a stock-take may correct.

    `upto` is the greatest accounted-for seq of the facts lane in `epoch`. `dispatch_version` is what the gateway says
    it has; `dispatch_published` is what was last published. `last_at` is when the newest of its events happened.
    `devices` maps a device to {"status", "since", "reason"}. `run`: with which run of the gateway (one start of it)
    `upto` was accounted for. `alarm`: what is wrong with its identity, until it is enrolled again.
    """

    gateway: str
    enrolment: Enrolment
    online: bool
    epoch: str | None = None
    next_seq: int | None = None
    upto: int = 0
    outbox_depth: int | None = None
    dispatch_version: int | None = None
    dispatch_published: int = 0
    seen_at: datetime | None = None
    stations: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    stocktakes: tuple[str, ...] = ()
    last_at: datetime | None = None
    run: str | None = None
    alarm: str | None = None
    devices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)


class LoggedEvent(NamedTuple):
    """An event of the log. `position` counts from 1 without gaps; `received_at` is plant time.

    A tuple for the same reason as `port.LogRow`.
    """

    position: int
    received_at: datetime
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events: every field that is set must match. `order` finds its own events and those of its work orders."""

    kinds: Sequence[str] = ()
    order: str | None = None
    work_order: str | None = None
    station: str | None = None
    zone: str | None = None
    gateway: str | None = None


EVERYTHING = EventFilter()
ALL_QUESTIONS = QuestionFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """Events in log order; `next` is the position to read on from, None where the log ends.

    What stands at positions up to `archived_upto` is in archives, and not among the items.
    """

    items: tuple[LoggedEvent, ...]
    next: int | None
    archived_upto: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Bytes that could not be taken, and why. `event_id` is set where it is one event of a good envelope."""

    gateway: str
    reason: str
    received_at: datetime
    body: bytes
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRecord:
    """Something that arrived and could not be taken, kept with the reason until a person looks at it."""

    number: int
    gateway: str
    reason: str
    received_at: datetime
    event_id: str | None
    size: int


class Reads(Protocol):
    """Everything that is read, for one enterprise."""

    def proofs(self) -> AbstractContextManager[Proofs]:
        """Heads, archives and keys of subjects, and the log as it really stands, in one snapshot."""

    def past(self) -> AbstractContextManager[Past]:
        """What happened in a span of time or to one order, in one snapshot."""

    def told(self) -> AbstractContextManager[Told]:
        """Orders as a whole, stock, problems, alerts and tasks, in one snapshot."""

    def master(self) -> AbstractContextManager[MasterRows]:
        """Master data in all of its versions, in one snapshot."""

    def floor(self) -> AbstractContextManager[Floor]:
        """Labels' codes and what was said, in one snapshot."""

    def list_orders(self, *, cursor: str | None = None, limit: int = 100) -> OrderPage:
        """A page of orders.

        Raises:
            UnknownCursorError: `cursor` is not one that an earlier page gave.
        """

    def get_order(self, order: str) -> OrderRecord | None:
        """The order by its number."""

    def orders(self, numbers: Sequence[str]) -> tuple[OrderRecord, ...]:
        """Those of the orders that exist: for the live stream."""

    def work_order(self, work_order: str) -> OrderRecord | None:
        """The order that the work order belongs to."""

    def work(self, work_orders: Sequence[str] | None = None) -> tuple[Work, ...]:
        """Those of the work orders that are planned, with their facts; without a list all of them."""

    def wip(self) -> tuple[ZoneFacts, ...]:
        """Every zone that was ever heard of, by name."""

    def stock_takes(self) -> Mapping[str, StockTake]:
        """By zone, the last stock-take."""

    def stations(self) -> tuple[StationFacts, ...]:
        """Every station that was ever heard of, by name."""

    def station_events(self, station: str, *, begin: datetime, end: datetime) -> tuple[Event, ...] | None:
        """The events that tell what the station did between two instants; None: nothing was ever heard of it.

        Its state events and change-overs in the interval, the last state before, those after that say something of the
        time before `end`, and the gaps of the gateways that said them.

        Raises:
            TooManyEventsError: the interval holds too many to answer at once.
            ArchivedError: some of them may be archived.
        """

    def queue(self, station: str) -> tuple[QueueRow, ...]:
        """All rows of the station's queue, also those that are done, in their order."""

    def queues(self) -> tuple[QueueRow, ...]:
        """All rows of all queues, each station's in their order."""

    def unassigned(self) -> tuple[Unassigned, ...]:
        """Pieces without an owner."""

    def questions(
        self, *, where: QuestionFilter = ALL_QUESTIONS, cursor: str | None = None, limit: int = 100
    ) -> QuestionPage:
        """A page of what gateways could not decide.

        Raises:
            UnknownCursorError: `cursor` is not one that an earlier page gave.
        """

    def question(self, question: str) -> Question | None:
        """The question that the event with this id asks."""

    def open_questions(self) -> int:
        """How many wait for an answer."""

    def tags(self) -> tuple[TagBinding, ...]:
        """Bindings that hold now, by tag."""

    def gateways(self) -> tuple[GatewayRecord, ...]:
        """Every gateway that is registered or was heard, by name."""

    def events(self, *, after: int = 0, limit: int = 1000, where: EventFilter = EVERYTHING) -> EventPage:
        """Events with a position above `after`, at most `limit`."""

    def last_position(self) -> int:
        """Position of the newest event; 0 for an empty log."""

    def open_episodes(self) -> Mapping[str, LoggedEvent]:
        """By order: the newest episode event of each order whose episode is not closed."""

    def told_forecasts(self, orders: Sequence[str]) -> Mapping[str, LoggedEvent]:
        """By order, for those of the orders that have one: the forecast of it that was told last."""

    def identities(self) -> tuple[GatewayIdentity, ...]:
        """Every gateway that was ever registered, over all enterprises, by name."""

    def quarantined(
        self, *, gateway: str | None = None, before: int | None = None, limit: int = 100
    ) -> tuple[QuarantineRecord, ...]:
        """What was quarantined, newest first; `before`: only what has a smaller number."""

    def quarantined_body(self, number: int) -> Quarantined | None:
        """A quarantined row with its bytes; None: there is none."""

    def order_keys(
        self, *, where: OrderFilter = ALL_ORDERS, cursor: str | None = None, limit: int = 100
    ) -> OrderKeyPage:
        """A page of orders by name and version alone.

        Raises:
            UnknownCursorError: `cursor` is not one that an earlier page gave.
        """

    def webhooks(self) -> AbstractContextManager[Webhooks]:
        """Who wants to be told of events, and what was told, in one snapshot."""

    def orders_of_work(self, work_orders: Collection[str]) -> Mapping[str, str]:
        """By work order, the order that it belongs to; those that are not known are left out."""
