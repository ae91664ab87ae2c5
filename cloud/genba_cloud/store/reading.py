"""Reading in SQLAlchemy Core: each call is one read transaction, so that what it returns belongs together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, func, or_, select

from genba_cloud.core.facts import (
    TAG,
    ZONE,
    Aggregate,
    Mark,
    Question,
    StationFacts,
    StockTake,
    TagBinding,
    Tally,
    WorkOrderFacts,
    ZoneFacts,
    stock_take,
    tag_binding,
    zone_facts,
)
from genba_cloud.core.facts.dispatching import Work
from genba_cloud.store import quarantine
from genba_cloud.store.identities import SqlIdentities
from genba_cloud.store.master import MasterRows
from genba_cloud.store.port import StoredOrder, StoredView
from genba_cloud.store.proofs import Proofs
from genba_cloud.store.read import (
    ALL_QUESTIONS,
    EVERYTHING,
    ArchivedError,
    EventFilter,
    EventPage,
    GatewayIdentity,
    GatewayRecord,
    LoggedEvent,
    OrderPage,
    OrderRecord,
    Quarantined,
    QuarantineRecord,
    QuestionFilter,
    QuestionPage,
    QueueRow,
    Unassigned,
    UnknownCursorError,
)
from genba_cloud.store.rows import (
    chunks,
    event_of,
    gateway_record,
    gateway_rows,
    order_rows,
    orders_of,
    plans,
    stored_view,
)
from genba_cloud.store.standing import Standing
from genba_cloud.store.station_events import station_events
from genba_cloud.store.tables import CUSTOMER_ORDER, LOG, QUESTION, QUEUE_ROW, VIEW, WORK_ORDER
from genba_cloud.store.told import Told
from genba_cloud.store.work import facts_of, question_of, station_of
from genba_shared.events import Event

EPISODES = ("episode_opened", "episode_escalated", "episode_closed")


class SqlReads:
    """See `read.Reads`."""

    def __init__(self, engine: Engine, enterprise: str) -> None:
        self._engine = engine
        self._enterprise = enterprise

    @contextmanager
    def proofs(self) -> Iterator[Proofs]:
        """See the port."""
        with self._engine.connect() as connection:
            yield Proofs(connection, self._enterprise)

    @contextmanager
    def master(self) -> Iterator[MasterRows]:
        """See the port."""
        with self._engine.connect() as connection:
            yield MasterRows(connection, self._enterprise)

    @contextmanager
    def told(self) -> Iterator[Told]:
        """See the port."""
        with self._engine.connect() as connection:
            yield Told(connection, self._enterprise)

    def list_orders(self, *, cursor: str | None = None, limit: int = 100) -> OrderPage:
        """See the port. The cursor is the number of the last order of the page before."""
        table = CUSTOMER_ORDER.c
        query = order_rows(self._enterprise).order_by(table.promised, table.id).limit(limit + 1)
        with self._engine.connect() as connection:
            if cursor is not None:
                last = connection.execute(order_rows(self._enterprise).where(table.id == cursor)).mappings().first()
                if last is None:
                    raise UnknownCursorError(f"{cursor!r:.80} is not a cursor of this list")
                same = and_(table.promised == last["promised"], table.id > cursor)
                query = query.where(or_(table.promised > last["promised"], same))
            found = connection.execute(query).mappings().all()
            records = self._records(connection, orders_of(connection, self._enterprise, found[:limit]))
        more = len(found) > limit and records
        return OrderPage(items=records, next=records[-1].plan.order if more else None)

    def get_order(self, order: str) -> OrderRecord | None:
        """See the port."""
        return next(iter(self.orders([order])), None)

    def orders(self, numbers: Sequence[str]) -> tuple[OrderRecord, ...]:
        """See the port."""
        with self._engine.connect() as connection:
            return self._orders(connection, numbers)

    def work_order(self, work_order: str) -> OrderRecord | None:
        """See the port."""
        table = WORK_ORDER.c
        query = select(table.order_id).where(table.enterprise == self._enterprise, table.id == work_order)
        with self._engine.connect() as connection:
            order = connection.scalar(query)
            found = self._orders(connection, [order] if order is not None else [])
        return found[0] if found else None

    def work(self, work_orders: Sequence[str] | None = None) -> tuple[Work, ...]:
        """See the port."""
        is_work = VIEW.c.aggregate == str(Aggregate.WORK_ORDER)
        with self._engine.connect() as connection:
            known = [plan for _, plan in plans(connection, self._enterprise, work_orders=work_orders)]
            views: dict[str, StoredView] = {}
            for part in chunks(plan.work_order for plan in known):
                views.update(self._read_views(connection, is_work, VIEW.c.id.in_(part)))
        return tuple(
            Work(plan=plan, facts=facts_of(plan.work_order, plan, views.get(plan.work_order))) for plan in known
        )

    def wip(self) -> tuple[ZoneFacts, ...]:
        """See the port."""
        zones = (zone_facts(name, ZONE.from_json(view.state)) for name, view in self._views(Aggregate.ZONE))
        return tuple(zone for zone in zones if zone is not None)

    def stock_takes(self) -> Mapping[str, StockTake]:
        """By zone, the last stock-take."""
        folds = ((name, ZONE.from_json(view.state)) for name, view in self._views(Aggregate.ZONE))
        return {name: taken for name, fold in folds if (taken := stock_take(fold)) is not None}

    def stations(self) -> tuple[StationFacts, ...]:
        """See the port."""
        return tuple(station_of(name, view) for name, view in self._views(Aggregate.STATION))

    def station_events(self, station: str, *, begin: datetime, end: datetime) -> tuple[Event, ...] | None:
        """See the port."""
        is_station = VIEW.c.aggregate == str(Aggregate.STATION)
        known = select(VIEW.c.id).where(VIEW.c.enterprise == self._enterprise, is_station, VIEW.c.id == station)
        with self._engine.connect() as connection:
            if connection.scalar(known) is None:
                return None
            until = Proofs(connection, self._enterprise).archived_until()
            if until is not None and begin <= until:
                raise ArchivedError(until)
            return station_events(connection, self._enterprise, station, begin=begin, end=end)

    def queue(self, station: str) -> tuple[QueueRow, ...]:
        """See the port."""
        return self._queue_rows(QUEUE_ROW.c.station == station)

    def queues(self) -> tuple[QueueRow, ...]:
        """See the port."""
        return self._queue_rows()

    def unassigned(self) -> tuple[Unassigned, ...]:
        """See the port."""
        with self._engine.connect() as connection:
            known = {plan.work_order: plan for _, plan in plans(connection, self._enterprise)}
            works = self._read_views(connection, VIEW.c.aggregate == str(Aggregate.WORK_ORDER))
            stations = self._read_views(connection, VIEW.c.aggregate == str(Aggregate.STATION))
        at_stations = (_unowned(station_of(name, view)) for name, view in stations)
        strangers = (
            Unassigned(
                station=None,
                work_order=name,
                node=node.node,
                pieces=Tally(good=node.good, scrap=node.scrap, rework=node.rework),
                data_at=node.data_at,
            )
            for name, view in works
            for node in facts_of(name, known.get(name), view).nodes
            if Mark.NOT_PLANNED in node.marks
        )
        return (*(row for row in at_stations if not row.pieces.is_empty()), *strangers)

    def questions(
        self, *, where: QuestionFilter = ALL_QUESTIONS, cursor: str | None = None, limit: int = 100
    ) -> QuestionPage:
        """See the port. The cursor is the id of the last question of the page before."""
        table = QUESTION.c
        query = select(table.id).where(*self._questions(where)).order_by(table.at.desc(), table.id.desc())
        with self._engine.connect() as connection:
            if cursor is not None:
                known = select(table.at).where(table.enterprise == self._enterprise, table.id == cursor)
                last = connection.execute(known.where(table.at.is_not(None))).first()
                if last is None:
                    raise UnknownCursorError(f"{cursor!r:.80} is not a cursor of this list")
                query = query.where(or_(table.at < last.at, and_(table.at == last.at, table.id < cursor)))
            names = list(connection.scalars(query.limit(limit + 1)))
            found = self._read_questions(connection, names[:limit])
        items = tuple(found[name] for name in names[:limit] if name in found)
        return QuestionPage(items=items, next=names[limit - 1] if len(names) > limit else None)

    def question(self, question: str) -> Question | None:
        """See the port."""
        with self._engine.connect() as connection:
            return self._read_questions(connection, [question]).get(question)

    def open_questions(self) -> int:
        """See the port."""
        query = select(func.count()).select_from(QUESTION).where(*self._questions(QuestionFilter(is_open=True)))
        with self._engine.connect() as connection:
            return connection.scalar(query) or 0

    def tags(self) -> tuple[TagBinding, ...]:
        """See the port."""
        bindings = (tag_binding(name, TAG.from_json(view.state)) for name, view in self._views(Aggregate.TAG))
        return tuple(binding for binding in bindings if binding is not None)

    def gateways(self) -> tuple[GatewayRecord, ...]:
        """See the port."""
        with self._engine.connect() as connection:
            found = connection.execute(gateway_rows(self._enterprise)).mappings()
            return tuple(gateway_record(row) for row in found)

    def events(self, *, after: int = 0, limit: int = 1000, where: EventFilter = EVERYTHING) -> EventPage:
        """See the port."""
        with self._engine.connect() as connection:
            archived = Proofs(connection, self._enterprise).archived_upto()
            query = self._log().where(LOG.c.position > max(after, archived), *self._matching(where))
            found = connection.execute(query.order_by(LOG.c.position).limit(limit + 1)).all()
        items = tuple(_logged(row) for row in found[:limit])
        more = items[-1].position if len(found) > limit and items else None
        return EventPage(items=items, next=more, archived_upto=archived)

    def last_position(self) -> int:
        """See the port."""
        with self._engine.connect() as connection:
            newest = connection.scalar(select(func.max(LOG.c.position)).where(LOG.c.enterprise == self._enterprise))
        return newest or 0

    def open_episodes(self) -> Mapping[str, LoggedEvent]:
        """See the port."""
        newest = (
            select(func.max(LOG.c.position))
            .where(LOG.c.enterprise == self._enterprise, LOG.c.kind.in_(EPISODES))
            .group_by(LOG.c.order_id)
        )
        query = self._log().add_columns(LOG.c.order_id)
        query = query.where(LOG.c.position.in_(newest), LOG.c.kind != "episode_closed")
        with self._engine.connect() as connection:
            return {row.order_id: _logged(row) for row in connection.execute(query)}

    def identities(self) -> tuple[GatewayIdentity, ...]:
        """See the port."""
        with self._engine.connect() as connection:
            return SqlIdentities(connection).all()

    def quarantined(
        self, *, gateway: str | None = None, before: int | None = None, limit: int = 100
    ) -> tuple[QuarantineRecord, ...]:
        """See the port."""
        with self._engine.connect() as connection:
            return quarantine.listed(connection, self._enterprise, gateway=gateway, before=before, limit=limit)

    def quarantined_body(self, number: int) -> Quarantined | None:
        """See the port."""
        with self._engine.connect() as connection:
            return quarantine.find(connection, self._enterprise, [number]).get(number)

    def _queue_rows(self, *where: Any) -> tuple[QueueRow, ...]:
        query = select(QUEUE_ROW).where(QUEUE_ROW.c.enterprise == self._enterprise, *where)
        with self._engine.connect() as connection:
            return tuple(
                QueueRow(
                    station=row["station"], work_order=row["work_order"], node=row["node"], quantity=row["quantity"]
                )
                for row in connection.execute(query.order_by(QUEUE_ROW.c.number)).mappings()
            )

    def _log(self) -> Select[Any]:
        return select(LOG.c.position, LOG.c.received_at, LOG.c.body).where(LOG.c.enterprise == self._enterprise)

    def _matching(self, where: EventFilter) -> Iterable[Any]:
        if where.kinds:
            yield LOG.c.kind.in_(where.kinds)
        for name in ("work_order", "station", "zone", "gateway"):
            value = getattr(where, name)
            if value is not None:
                yield LOG.c[name] == value
        if where.order is not None:
            works = select(WORK_ORDER.c.id).where(
                WORK_ORDER.c.enterprise == self._enterprise, WORK_ORDER.c.order_id == where.order
            )
            yield or_(LOG.c.order_id == where.order, LOG.c.work_order.in_(works))

    def _questions(self, where: QuestionFilter) -> Iterable[Any]:
        yield QUESTION.c.enterprise == self._enterprise
        listed = {True: (Standing.OPEN,), False: (Standing.ANSWERED,), None: (Standing.OPEN, Standing.ANSWERED)}
        yield QUESTION.c.standing.in_([str(one) for one in listed[where.is_open]])
        if where.station is not None:
            yield QUESTION.c.station == where.station

    def _read_questions(self, connection: Connection, names: Sequence[str]) -> dict[str, Question]:
        found: dict[str, Question] = {}
        for part in chunks(names):
            is_wanted = and_(VIEW.c.aggregate == str(Aggregate.QUESTION), VIEW.c.id.in_(part))
            for name, view in self._read_views(connection, is_wanted):
                question = question_of(name, view)
                if question is not None:
                    found[name] = question
        return found

    def _views(self, aggregate: Aggregate) -> list[tuple[str, StoredView]]:
        with self._engine.connect() as connection:
            return self._read_views(connection, VIEW.c.aggregate == str(aggregate))

    def _read_views(self, connection: Connection, *where: Any) -> list[tuple[str, StoredView]]:
        query = select(VIEW).where(VIEW.c.enterprise == self._enterprise, *where).order_by(VIEW.c.id)
        return [(row["id"], stored_view(row)) for row in connection.execute(query).mappings()]

    def _orders(self, connection: Connection, numbers: Sequence[str]) -> tuple[OrderRecord, ...]:
        found: list[StoredOrder] = []
        for part in chunks(numbers):
            query = order_rows(self._enterprise).where(CUSTOMER_ORDER.c.id.in_(part)).order_by(CUSTOMER_ORDER.c.id)
            found += orders_of(connection, self._enterprise, connection.execute(query).mappings().all())
        return self._records(connection, found)

    def _records(self, connection: Connection, stored: Sequence[StoredOrder]) -> tuple[OrderRecord, ...]:
        names = [work.work_order for order in stored for work in order.plan.work_orders]
        views: dict[str, StoredView] = {}
        for part in chunks(names):
            is_wanted = and_(VIEW.c.aggregate == str(Aggregate.WORK_ORDER), VIEW.c.id.in_(part))
            views.update(self._read_views(connection, is_wanted))
        return tuple(_record(order, views) for order in stored)


def _record(stored: StoredOrder, views: Mapping[str, StoredView]) -> OrderRecord:
    facts: dict[str, WorkOrderFacts] = {
        work.work_order: facts_of(work.work_order, work, views.get(work.work_order)) for work in stored.plan.work_orders
    }
    return OrderRecord(
        plan=stored.plan,
        baseline_start=stored.baseline_start,
        baseline_finish=stored.baseline_finish,
        facts=facts,
        data_at=max((work.data_at for work in facts.values() if work.data_at is not None), default=None),
    )


def _logged(row: Any) -> LoggedEvent:
    return LoggedEvent(position=row.position, received_at=row.received_at, event=event_of(row.body))


def _unowned(station: StationFacts) -> Unassigned:
    return Unassigned(
        station=station.station, work_order=None, node=None, pieces=station.unassigned, data_at=station.data_at
    )
