"""What a store offers to the ledger: write transactions of one enterprise, and reading."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from genba_cloud.core.facts import OrderPlan, ViewKey, WorkOrderPlan
from genba_cloud.store.read import GatewayIdentity, GatewayRecord, Quarantined, QueueRow, Reads
from genba_cloud.store.tables import DEFAULT_ENTERPRISE
from genba_shared.errors import GenbaError
from genba_shared.events import Event

if TYPE_CHECKING:
    from genba_cloud.store.proofs import Proofs  # both speak of the rows of this module
    from genba_cloud.store.told import Told

__all__ = [
    "Link",
    "LogRow",
    "PlannedWork",
    "Quarantined",
    "ReceivedRange",
    "Store",
    "StoredOrder",
    "StoredView",
    "Transaction",
]


class DamagedRowError(GenbaError):
    """A row of the log is not what was written there. `position` is where; `genba cloud verify` names all such."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"event at position {position} is damaged: {reason}")
        self.position = position


class LeaseLost(GenbaError):
    """This process does not hold the lease any more under which it wanted to write; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One event of the log: its canonical JSON (`body`) and the SHA-256 of that (`leaf`)."""

    position: int
    received_at: datetime
    event: Event
    body: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the hash chain: it covers the positions `first` to `last` of one committed batch."""

    number: int
    first: int
    last: int
    hash: bytes


class RangeKey(NamedTuple):
    """Whose sequence a received range is of. Ranges are locked in the order of these keys."""

    gateway: str
    lane: str
    epoch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRange:
    """Positions `first` to `last` of the log that are kept together."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRange:
    """Everything up to `upto` is accounted for; `last_at` is when the newest of the last batch of events happened.

    `run`: the run of the gateway (one start of it) with which it was; None: it named none.
    """

    upto: int = 0
    last_at: datetime | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredView:
    """A folded view. `position` is that of the newest event folded into it.

    `assigned` is what other views say about it. A work order: by station and node, counts that dispatch gave to it, and
    by answered event and node what people changed. A station: pieces without an owner that people have dealt with. A
    question: to whom dispatch gave its pieces. `store.work` reads and writes these forms.

    `folded` is the state itself where it is at hand, so that `state` need not be read again; `summary` is free for what
    the ledger worked out from this view or from the one before it. Both are only to save effort.
    """

    state: Mapping[str, Any]
    assigned: Mapping[str, Any] = field(default_factory=dict)
    position: int
    folded: Any = field(default=None, compare=False, repr=False)
    summary: Any = field(default=None, init=False, compare=False, repr=False)

    def at(self, position: int) -> StoredView:
        """The same view, stamped with a position."""
        return self._heir(StoredView(state=self.state, assigned=self.assigned, position=position, folded=self.folded))

    def with_state(self, state: Mapping[str, Any], folded: Any) -> StoredView:
        """The view with a state that was just folded, in both of its forms."""
        return self._heir(StoredView(state=state, assigned=self.assigned, position=self.position, folded=folded))

    def summarise(self, summary: Any) -> None:
        """Remember what was worked out from this view; the view itself is what it was."""
        object.__setattr__(self, "summary", summary)

    def _heir(self, other: StoredView) -> StoredView:
        other.summarise(self.summary)
        return other


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOrder:
    """An order's master data with its frozen baseline."""

    plan: OrderPlan
    baseline_start: datetime
    baseline_finish: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWork:
    """A work order's plan and the order that it belongs to."""

    order: str
    plan: WorkOrderPlan


class Identities(Protocol):
    """The registered gateways, as one transaction sees them."""

    def all(self) -> tuple[GatewayIdentity, ...]:
        """Every gateway that was ever added, by name; removed ones too."""

    def get(self, gateway: str) -> GatewayIdentity | None:
        """The gateway of that name; locked until the end of the transaction."""

    def put(self, identity: GatewayIdentity) -> None:
        """Write it, new or changed."""


class Transaction(Protocol):
    """One write transaction of one enterprise. It sees its own writes; nobody else sees them before it commits."""

    def alone(self) -> None:
        """From here to the end of the transaction nobody else writes to this enterprise.

        Raises:
            StoreClash: others do just now: the work is to be done again in a transaction of `Store.alone`.
        """

    @property
    def proofs(self) -> Proofs:
        """Heads, archives and keys of subjects, and the log as it really stands."""

    @property
    def told(self) -> Told:
        """Orders as a whole, stock, problems, alerts and tasks, with what this transaction has written of them."""

    def last_link(self) -> Link:
        """The newest link of the chain; number and positions are 0 and the hash is empty before the first."""

    def append_log(self, rows: Sequence[LogRow], link: Link) -> None:
        """Add events at the end of the log, and the link that covers them."""

    def log(self) -> Iterator[LogRow]:
        """The whole log in order, read piece by piece.

        Raises:
            DamagedRowError: a row holds no event any more.
        """

    def links(self) -> Iterator[Link]:
        """The whole chain in order."""

    def log_ranges(self) -> Sequence[LogRange]:
        """The parts in which the log is kept, oldest first, by the positions that are still there; empty: none are.

        Letting a whole part go is cheap.
        """

    def drop_log(self, upto: int) -> None:
        """Let the events up to a position go, once they are archived; the links that cover them stay.

        Raises:
            StoreClash: somebody reads a part that would go; try later.
        """

    def attributing_events(self, station: str) -> Sequence[Event]:
        """The station's events whose order matters, in log order: dispatch, and counts that name no node.

        Other events of the station may be among them.

        Raises:
            DamagedRowError: a row holds no event any more.
        """

    def events_by_id(self, ids: Iterable[str]) -> Mapping[str, Event]:
        """Those of the events that are in the log."""

    def waiting_answers(self) -> frozenset[str]:
        """Ids of events of which others say something, and that have not come yet."""

    def received(self, gateway: str, lane: str, epoch: str) -> ReceivedRange:
        """What is accounted for; locked until the end of the transaction."""

    def received_ranges(self, keys: Collection[RangeKey]) -> Mapping[RangeKey, ReceivedRange]:
        """What is accounted for, of each of these; locked until the end of the transaction."""

    def set_received(self, gateway: str, lane: str, epoch: str, value: ReceivedRange) -> None:
        """Move the range."""

    def set_received_ranges(self, values: Mapping[RangeKey, ReceivedRange]) -> None:
        """Move these ranges."""

    def taken_leaves(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        """The leaves of those of a gateway's events that are in the log."""

    def quarantined_bodies(self, ids: Iterable[str]) -> Mapping[str, frozenset[bytes]]:
        """The bodies of those of a gateway's events that are in quarantine."""

    def identities(self) -> Identities:
        """Which gateways are registered, over all enterprises."""

    def client_leaves(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        """Those of the client-made ids that are known, with the leaf of what they were used for."""

    def add_client_leaves(self, leaves: Mapping[str, bytes]) -> None:
        """Remember client-made ids."""

    def quarantine(self, rows: Sequence[Quarantined]) -> None:
        """Keep what cannot be taken."""

    def quarantine_size(self, gateway: str) -> int:
        """Bytes that are kept for a gateway."""

    def quarantined_rows(self, numbers: Iterable[int]) -> Mapping[int, Quarantined]:
        """Those of the quarantined rows that are there."""

    def forget_quarantined(self, numbers: Iterable[int]) -> int:
        """Delete quarantined rows; how many there were."""

    def views(self, keys: Iterable[ViewKey]) -> Mapping[ViewKey, StoredView]:
        """Those of the views that exist; locked until the end of the transaction."""

    def all_views(self) -> Mapping[ViewKey, StoredView]:
        """Every view."""

    def put_views(self, views: Mapping[ViewKey, StoredView]) -> None:
        """Write views, new or changed; where a question stands is noted with its view."""

    def views_are_current(self) -> bool:
        """Whether the stored views have the form that this version writes."""

    def note_views_current(self) -> None:
        """They were all folded again: from now on they have."""

    def clear_views(self) -> None:
        """Delete every view: the start of a rebuild."""

    def order(self, order: str) -> StoredOrder | None:
        """The order by its number."""

    def order_by_external(self, system: str, external_id: str) -> StoredOrder | None:
        """The order by its identity in the system that sent it."""

    def put_order(self, stored: StoredOrder) -> None:
        """Write the order's own fields and add work orders that are new; a work order that exists is left as it is."""

    def planned(self, work_orders: Iterable[str]) -> Mapping[str, PlannedWork]:
        """Those of the work orders that are known."""

    def append_queue(self, rows: Sequence[QueueRow]) -> tuple[QueueRow, ...]:
        """Add rows at the end of their station's queue; returns those that were not there before."""

    def gateway(self, gateway: str) -> tuple[GatewayRecord, str] | None:
        """The gateway and the hash of the dispatch document last published to it (empty: none)."""

    def put_gateway(self, record: GatewayRecord, *, dispatch_sha256: str) -> None:
        """Write the gateway, new or changed."""

    def is_held(self, lease: str, token: int) -> bool:
        """Whether the lease has this fencing token; until the end of the transaction it does not change hands."""

    def announce(self, text: str) -> None:
        """Tell other processes, once this transaction is committed; at most 7,000 bytes."""


class Store(Protocol):
    """A database with the collector's tables in it."""

    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> AbstractContextManager[Transaction]:
        """A write transaction: commits at the end of the block, rolls back when it raises.

        Where the store has several writers, work that must not fail is done through `again.committed`.

        Raises:
            StoreAway: the database does not answer.
            StoreClash: another writer was in the way.
        """

    def alone(self, enterprise: str = DEFAULT_ENTERPRISE) -> AbstractContextManager[Transaction]:
        """A write transaction during which nobody else writes to this enterprise; raises as the other."""

    def reads(self, enterprise: str = DEFAULT_ENTERPRISE) -> Reads:
        """Everything that can be read."""

    def is_ready(self) -> bool:
        """Whether the database answers."""

    def close(self) -> None:
        """Close every connection and give up the lock."""
