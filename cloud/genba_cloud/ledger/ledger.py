"""The ledger as the rest of the collector sees it: one write path, awaited, and listeners that hear every commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

from genba_cloud.core.facts import OrderPlan, Refused
from genba_cloud.core.master.kinds import MasterDocument
from genba_cloud.core.master.orders import OrderWanted
from genba_cloud.core.master.tables.columns import ReadTable
from genba_cloud.core.master.tables.documents import RowsOfDocument
from genba_cloud.core.master.tables.orders import RowsOfOrder
from genba_cloud.ledger import proof, quarantine, refold
from genba_cloud.ledger.append import Stamp, append_envelopes, append_events
from genba_cloud.ledger.batches import Appended, EnvelopeBatch, together
from genba_cloud.ledger.floor_ledger import FloorLedger
from genba_cloud.ledger.gateways import GatewayKept, GatewaySeen, publish_dispatch, see_gateway
from genba_cloud.ledger.ids import OrderedIds
from genba_cloud.ledger.imports import Imported, put_documents, put_orders, put_rows
from genba_cloud.ledger.master import Book, Models, Put, put_document
from genba_cloud.ledger.order_lines import take_order
from genba_cloud.ledger.orders import OrderTaken, upsert_order
from genba_cloud.ledger.peers import ASSESSOR, Peers, appended_of
from genba_cloud.ledger.quarantine import Reread, Retried
from genba_cloud.ledger.questions import (
    AnswerToGive,
    CountsGiven,
    CountsToAssign,
    QuestionAnswered,
    answer_question,
    assign_counts,
)
from genba_cloud.ledger.registrations import (
    Enrolled,
    Invitation,
    Issue,
    add_gateway,
    enrol,
    reissue,
    remove_gateway,
    renew_gateway,
)
from genba_cloud.ledger.registry import Registry
from genba_cloud.ledger.responses import AlertAnswer, TaskAnswer, answer_alert, answer_task
from genba_cloud.ledger.sealing import NO_KEY, Seals
from genba_cloud.ledger.shop_floor import QueueAppended, TagToBind, append_queue, change_tags, open_dispatch
from genba_cloud.ledger.writer import Writer
from genba_cloud.store.again import committed
from genba_cloud.store.port import Quarantined, Store, Transaction
from genba_cloud.store.read import GatewayIdentity, QueueRow, Reads
from genba_cloud.store.tables import DEFAULT_ENTERPRISE
from genba_cloud.store.webhooks import Webhooks
from genba_shared.events import Event, Source

logger = logging.getLogger(__name__)

Listener = Callable[[Appended], None]
T = TypeVar("T")


class Ledger:
    """Use it as ``async with Ledger(store, now=clock.now) as ledger``; the store is closed by whoever opened it.

    `now` gives plant time. Without `seals` what people write is refused. All methods may be called from the event loop
    that entered the ledger, and from no other.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], datetime],
        enterprise: str = DEFAULT_ENTERPRISE,
        seals: Seals = NO_KEY,
        peers: Peers | None = None,
    ) -> None:
        """Prepare. `peers`: other processes write to the same database; what gateways send needs a lease then."""
        self._store = store
        self._peers = peers
        self._enterprise = enterprise
        self._now = now
        self._seals = seals
        self._ids = OrderedIds()
        self.models = Models()
        self._listeners: list[Listener] = []
        self._registered: list[Callable[[], Awaitable[None]]] = []
        self._writer: Writer | None = None
        self.registry = Registry(lambda: self.reads.identities())
        self.enterprise = enterprise
        self.floor = FloorLedger(self._run, self._stamp)

    async def __aenter__(self) -> Self:
        if await asyncio.to_thread(_rebuild_old, self._store, self._enterprise):
            logger.info("views folded again: they were written by an older version")
        self._writer = Writer(self._store, self._enterprise, self._append_envelopes, self._tell)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what was given, then end the writer."""
        if self._writer is not None:
            await self._writer.close()

    @property
    def reads(self) -> Reads:
        """Everything that can be read, of the same enterprise."""
        return self._store.reads(self._enterprise)

    def new_id(self) -> str:
        """An id for an event that the collector makes: a UUID that sorts after all earlier ones."""
        return self._ids.next()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on the event loop after every commit that changed something, in commit order.

        Returns:
            A function that ends the subscription.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_registrations(self, listener: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Wait for `listener` after every change of who is registered, before whoever made it goes on.

        Returns:
            A function that ends the subscription.
        """
        self._registered.append(listener)
        return lambda: self._registered.remove(listener)

    async def append(self, batch: EnvelopeBatch) -> Appended:
        """Take an envelope; `upto` of the result is what to acknowledge."""
        (result,) = await self._entered().take([batch])
        if isinstance(result, BaseException):
            raise result
        return result

    async def append_all(self, batches: Sequence[EnvelopeBatch]) -> list[Appended | BaseException]:
        """Take envelopes that came together; of each, what `append` gives or raises. One does not hurt the others."""
        return await self._entered().take(batches)

    async def append_events(self, events: Sequence[Event]) -> Appended:
        """Take events with client-made ids (UUIDs): from people and other systems.

        Raises:
            ContractError: an event has the id of a gateway's event; nothing was taken.
        """
        return await self._run(lambda transaction: append_events(transaction, events, self._stamp()))

    @property
    def decides_under(self) -> int | None:
        """The fencing token under which this process decides on episodes (0: it is the only one); None: it does not."""
        return 0 if self._peers is None else self._peers.token(ASSESSOR)

    async def append_decisions(self, events: Sequence[Event]) -> Appended:
        """Take the collector's own decisions.

        Raises:
            LeaseLost: another process decides; nothing was taken.
        """
        return await self._run(lambda transaction: append_events(transaction, events, self._stamp()), lease=ASSESSOR)

    async def quarantine(self, rows: Iterable[Quarantined]) -> Appended:
        """Keep what cannot be read at all, where there is room for it."""
        kept = tuple(rows)
        return await self._run(lambda transaction: quarantine.keep(transaction, kept))

    async def retry_quarantined(self, numbers: Sequence[int], reread: Reread) -> Retried:
        """Read quarantined rows again, and take what can be taken now."""
        return await self._run(lambda transaction: quarantine.retry(transaction, numbers, reread, self._stamp()))

    async def drop_quarantined(self, numbers: Sequence[int]) -> int:
        """Give quarantined rows up for good; how many there were."""
        return await self._run(lambda transaction: quarantine.drop(transaction, numbers))

    async def upsert_order(self, plan: OrderPlan) -> OrderTaken | Refused:
        """Take an order, or changes of one; idempotent by (system, external id) and content."""
        return await self._run(lambda transaction: upsert_order(transaction, plan, self._stamp()))

    async def take_order(self, wanted: OrderWanted) -> OrderTaken | Refused:
        """Take an order by its lines: planned the first time, the same again changes nothing."""
        return await self._run(
            lambda transaction: take_order(transaction, wanted, self._stamp(), Book(transaction.master, self.models))
        )

    async def put_document(
        self, document: MasterDocument, *, source: Source, expected: int | None = None
    ) -> Put | Refused:
        """Keep a document of master data as its next version; the same content again changes nothing.

        Raises:
            ConfigError: it refers to something that is not there.
        """
        return await self._run(
            lambda transaction: put_document(transaction, document, source, self._stamp(), expected=expected)
        )

    async def put_orders(self, table: ReadTable, orders: Sequence[RowsOfOrder]) -> Imported:
        """Take orders of a table; one that is refused stops no other."""
        return await self._run(lambda transaction: put_orders(transaction, table, orders, self._stamp(), self.models))

    async def put_rows(self, table: ReadTable, found: Sequence[RowsOfDocument], *, source: Source) -> Imported:
        """Put in documents of a table; one that is refused stops no other."""
        return await self._run(lambda transaction: put_rows(transaction, table, found, source, self._stamp()))

    async def put_documents(self, documents: Sequence[MasterDocument], *, source: Source) -> Imported:
        """Put in documents of a file; one that is refused stops no other."""
        return await self._run(lambda transaction: put_documents(transaction, documents, source, self._stamp()))

    async def append_queue(self, rows: Sequence[QueueRow]) -> QueueAppended | Refused:
        """Add rows at the end of their station's queue; a row that is there already is left alone."""
        return await self._run(lambda transaction: append_queue(transaction, rows))

    async def open_dispatch(self, wanted: QueueRow, *, source: Source) -> Appended | Refused:
        """A person or the API says what a station works on from now on."""
        return await self._run(lambda transaction: open_dispatch(transaction, wanted, source, self._stamp()))

    async def change_tags(
        self, *, bind: Sequence[TagToBind] = (), unbind: Sequence[str] = (), source: Source
    ) -> Appended | Refused:
        """Bind and unbind tags: all or, when one is refused, none."""
        return await self._run(lambda transaction: change_tags(transaction, bind, unbind, source, self._stamp()))

    async def answer_question(self, given: AnswerToGive, *, source: Source) -> QuestionAnswered | Refused | None:
        """A person says what a gateway could not decide; None: no such event is known."""
        return await self._run(lambda transaction: answer_question(transaction, given, source, self._stamp()))

    async def assign_counts(self, wanted: CountsToAssign, *, source: Source) -> CountsGiven | Refused:
        """Give counts without an owner to a node: all or, when one is refused, none."""
        return await self._run(lambda transaction: assign_counts(transaction, wanted, source, self._stamp()))

    async def answer_alert(self, alert: str, answer: AlertAnswer, *, source: Source) -> Appended | Refused | None:
        """A person answers an alert; None: there is no such alert."""
        return await self._run(lambda transaction: answer_alert(transaction, alert, answer, source, self._stamp()))

    async def answer_task(self, task: str, answer: TaskAnswer, *, source: Source) -> Appended | Refused | None:
        """A person plans or closes a task; None: there is no such task."""
        return await self._run(lambda transaction: answer_task(transaction, task, answer, source, self._stamp()))

    async def see_gateway(self, seen: GatewaySeen) -> GatewayKept:
        """Keep a gateway's state message."""
        return await self._run(lambda transaction: see_gateway(transaction, seen, self._stamp()), gateway=seen.gateway)

    async def add_gateway(self, gateway: str, *, site: str | None) -> Invitation | Refused:
        """Register a gateway of this enterprise; the invitation holds the code with which it enrols."""
        now = datetime.now(UTC)
        return await self._register(
            lambda transaction: add_gateway(transaction, gateway, enterprise=self.enterprise, site=site, now=now)
        )

    async def renew_gateway(self, gateway: str) -> Invitation | Refused:
        """A new code for a registered gateway."""
        return await self._register(lambda transaction: renew_gateway(transaction, gateway, now=datetime.now(UTC)))

    async def remove_gateway(self, gateway: str) -> GatewayIdentity | Refused:
        """Take nothing more from this gateway."""
        return await self._register(lambda transaction: remove_gateway(transaction, gateway, now=datetime.now(UTC)))

    async def enrol(self, gateway: str, *, secret: str, public_key: bytes, issue: Issue) -> Enrolled | None:
        """Take a gateway's key for its code; None: the code is not right."""
        now = datetime.now(UTC)
        return await self._register(
            lambda transaction: enrol(transaction, gateway, secret=secret, public_key=public_key, now=now, issue=issue)
        )

    async def reissue(self, gateway: str, *, public_key: bytes, issue: Issue) -> Enrolled | None:
        """A new certificate for the gateway's key; None: it has another one."""
        return await self._register(
            lambda transaction: reissue(transaction, gateway, public_key=public_key, issue=issue)
        )

    async def publish_dispatch(self, gateway: str, sha256: str) -> GatewayKept:
        """Give a dispatch document with this content its version (`record.dispatch_published`)."""
        return await self._run(lambda transaction: publish_dispatch(transaction, gateway, sha256), gateway=gateway)

    async def rebuild(self) -> int:
        """Fold every view again from the log; the number of views."""
        return await self._run(refold.rebuild)

    async def erase_subject(self, subject: str) -> tuple[str, ...]:
        """Make what a person wrote unreadable for ever; ids of the keys that were destroyed."""
        return await self._run(lambda transaction: self._seals.erase(transaction.proofs, subject, self._now()))

    async def change_webhooks(self, work: Callable[[Webhooks], T]) -> T:
        """Read and write who wants to be told of events, in one transaction; nothing of it is a fact of production."""
        return await self._run(lambda transaction: work(transaction.webhooks))

    async def verify(self) -> proof.Verified:
        """Prove the chain, and that the views follow from the log."""
        return await self._run(lambda transaction: proof.verify(transaction, self._enterprise))

    def _append_envelopes(self, transaction: Transaction, batches: Sequence[EnvelopeBatch]) -> Sequence[Appended]:
        if self._peers is None:
            return append_envelopes(transaction, batches, self._stamp())
        for gateway in sorted({batch.gateway for batch in batches}):
            self._peers.check_gateway(transaction, gateway)
        results = append_envelopes(transaction, batches, self._stamp())
        self._peers.announce(transaction, together(results))
        return results

    def _stamp(self) -> Stamp:
        return Stamp(now=self._now(), next_id=self._ids.next, seals=self._seals)

    async def _register(self, work: Callable[[Transaction], T]) -> T:
        result = await self._run(work)
        self.registry.forget()
        for listener in tuple(self._registered):
            await listener()
        return result

    def _entered(self) -> Writer:
        if self._writer is None:
            raise RuntimeError("the ledger is not entered")
        return self._writer

    async def _run(
        self, work: Callable[[Transaction], T], *, gateway: str | None = None, lease: str | None = None
    ) -> T:
        """Do the work; beside other processes only where its lease is ours, and so that they hear of it.

        Raises:
            LeaseLost: the partition of `gateway`, or `lease`, is not ours; nothing was written.
        """
        peers = self._peers
        if peers is None:
            return await self._entered().run(work)

        def among_peers(transaction: Transaction) -> T:
            if gateway is not None:
                peers.check_gateway(transaction, gateway)
            if lease is not None:
                peers.check(transaction, lease)
            result = work(transaction)
            peers.announce(transaction, result)
            return result

        return await self._entered().run(among_peers)

    def hear(self, appended: Appended) -> None:
        """Tell our listeners what another process committed; on the event loop."""
        for listener in tuple(self._listeners):
            listener(appended)

    def _tell(self, result: object) -> None:
        appended = appended_of(result)
        if appended is not None:
            self.hear(appended)


def _rebuild_old(store: Store, enterprise: str) -> bool:
    return committed(store, enterprise, refold.rebuild_old)


def rebuild(store: Store, enterprise: str = DEFAULT_ENTERPRISE) -> int:
    """Fold every view again from the log, without a running collector."""
    return committed(store, enterprise, refold.rebuild)


def verify(
    store: Store, enterprise: str = DEFAULT_ENTERPRISE, anchors: proof.Anchors = proof.NOTHING_ELSEWHERE
) -> proof.Verified:
    """Prove the chain, the heads and the views, without a running collector."""
    return committed(store, enterprise, lambda transaction: proof.verify(transaction, enterprise, anchors))
