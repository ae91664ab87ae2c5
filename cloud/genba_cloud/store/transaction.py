"""A write transaction in SQLAlchemy Core; it says nothing that only one database understands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, insert, select, update

from genba_cloud.core.facts import Aggregate, ViewKey
from genba_cloud.store.port import (
    Link,
    LogRow,
    PlannedWork,
    Quarantined,
    ReceivedRange,
    StoredOrder,
    StoredView,
)
from genba_cloud.store.read import GatewayRecord, QueueRow
from genba_cloud.store.rows import (
    chunks,
    event_of,
    gateway_record,
    gateway_rows,
    log_values,
    order_rows,
    orders_of,
    plans,
    stored_view,
)
from genba_cloud.store.standing import Standing, standing_of
from genba_cloud.store.tables import (
    CLIENT_EVENT,
    CUSTOMER_ORDER,
    GATEWAY,
    LINK,
    LOG,
    META,
    NODE,
    QUARANTINE,
    QUESTION,
    QUEUE_ROW,
    RECEIVED_RANGE,
    VIEW,
    VIEWS_VERSION,
    WORK_ORDER,
)
from genba_shared.events import DispatchClosed, DispatchOpened, Event, PiecesCounted

_ATTRIBUTING = (DispatchOpened.kind, DispatchClosed.kind, PiecesCounted.kind)
_NODE_KEY = b'"node":'  # in canonical JSON; inside a text the quotes would be escaped


class SqlTransaction:
    """See `port.Transaction`."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._connection = connection
        self._enterprise = enterprise

    def last_link(self) -> Link:
        """See the port."""
        query = self._all(LINK).order_by(LINK.c.number.desc()).limit(1)
        row = self._connection.execute(query).mappings().first()
        return _link(row) if row else Link(number=0, first=0, last=0, hash=b"")

    def append_log(self, rows: Sequence[LogRow], link: Link) -> None:
        """See the port."""
        self._connection.execute(insert(LOG), [log_values(self._enterprise, row) for row in rows])
        values = {"number": link.number, "first": link.first, "last": link.last, "hash": link.hash}
        self._connection.execute(insert(LINK), [{"enterprise": self._enterprise, **values}])

    def log(self) -> Iterator[LogRow]:
        """See the port."""
        query = self._all(LOG).order_by(LOG.c.position)
        for row in self._connection.execute(query.execution_options(yield_per=1000)).mappings():
            yield LogRow(
                position=row["position"],
                received_at=row["received_at"],
                event=event_of(row["body"]),
                body=row["body"],
                leaf=row["leaf"],
            )

    def links(self) -> Iterator[Link]:
        """See the port."""
        query = self._all(LINK).order_by(LINK.c.number)
        for row in self._connection.execute(query.execution_options(yield_per=1000)).mappings():
            yield _link(row)

    def attributing_events(self, station: str) -> Sequence[Event]:
        """See the port."""
        query = select(LOG.c.work_order, LOG.c.kind, LOG.c.body).where(
            LOG.c.enterprise == self._enterprise, LOG.c.station == station, LOG.c.kind.in_(_ATTRIBUTING)
        )
        rows = self._connection.execute(query.order_by(LOG.c.position).execution_options(yield_per=1000))
        # Most are counts that name their node: they are told by their bytes, which is far cheaper than reading them.
        return [
            event_of(body)
            for work_order, kind, body in rows
            if kind != PiecesCounted.kind or work_order is None or _NODE_KEY not in body
        ]

    def events_by_id(self, ids: Iterable[str]) -> Mapping[str, Event]:
        """See the port."""
        found: dict[str, Event] = {}
        for part in chunks(ids):
            query = select(LOG.c.id, LOG.c.body).where(LOG.c.enterprise == self._enterprise, LOG.c.id.in_(part))
            found.update((row.id, event_of(row.body)) for row in self._connection.execute(query))
        return found

    def waiting_answers(self) -> frozenset[str]:
        """See the port."""
        table = QUESTION.c
        query = select(table.id).where(table.enterprise == self._enterprise, table.standing == str(Standing.WAITING))
        return frozenset(self._connection.scalars(query))

    def received(self, gateway: str, lane: str, epoch: str) -> ReceivedRange:
        """See the port."""
        query = self._all(RECEIVED_RANGE).where(_range(gateway, lane, epoch)).with_for_update()
        row = self._connection.execute(query).mappings().first()
        return ReceivedRange(upto=row["upto"], last_at=row["last_at"]) if row else ReceivedRange()

    def set_received(self, gateway: str, lane: str, epoch: str, value: ReceivedRange) -> None:
        """See the port."""
        key = {"gateway": gateway, "lane": lane, "epoch": epoch}
        self._put(RECEIVED_RANGE, key, {"upto": value.upto, "last_at": value.last_at})

    def client_leaves(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        """See the port."""
        found: dict[str, bytes] = {}
        for part in chunks(ids):
            query = self._all(CLIENT_EVENT).where(CLIENT_EVENT.c.id.in_(part))
            found.update((row["id"], row["leaf"]) for row in self._connection.execute(query).mappings())
        return found

    def add_client_leaves(self, leaves: Mapping[str, bytes]) -> None:
        """See the port."""
        values = [{"enterprise": self._enterprise, "id": name, "leaf": leaf} for name, leaf in leaves.items()]
        if values:
            self._connection.execute(insert(CLIENT_EVENT), values)

    def quarantine(self, rows: Sequence[Quarantined]) -> None:
        """See the port."""
        values = [
            {
                "enterprise": self._enterprise,
                "gateway": row.gateway,
                "reason": row.reason,
                "received_at": row.received_at,
                "event_id": row.event_id,
                "body": row.body,
            }
            for row in rows
        ]
        if values:
            self._connection.execute(insert(QUARANTINE), values)

    def views(self, keys: Iterable[ViewKey]) -> Mapping[ViewKey, StoredView]:
        """See the port."""
        wanted: dict[Aggregate, list[str]] = {}
        for key in sorted(set(keys)):
            wanted.setdefault(key.aggregate, []).append(key.id)
        found: dict[ViewKey, StoredView] = {}
        for aggregate, ids in wanted.items():
            for part in chunks(ids):
                query = self._all(VIEW).where(VIEW.c.aggregate == str(aggregate), VIEW.c.id.in_(part))
                for row in self._connection.execute(query.order_by(VIEW.c.id).with_for_update()).mappings():
                    found[ViewKey(aggregate, row["id"])] = stored_view(row)
        return found

    def all_views(self) -> Mapping[ViewKey, StoredView]:
        """See the port."""
        every = self._connection.execute(self._all(VIEW)).mappings()
        return {ViewKey(Aggregate(row["aggregate"]), row["id"]): stored_view(row) for row in every}

    def put_views(self, views: Mapping[ViewKey, StoredView]) -> None:
        """See the port."""
        rows: dict[tuple[str, ...], Mapping[str, Any]] = {
            (str(key.aggregate), key.id): {"state": view.state, "assigned": view.assigned, "position": view.position}
            for key, view in sorted(views.items(), key=lambda item: item[0])
        }
        self._put_all(VIEW, ("aggregate", "id"), rows)
        standings = {
            (key.id,): standing_of(key.id, view)
            for key, view in sorted(views.items(), key=lambda item: item[0])
            if key.aggregate is Aggregate.QUESTION
        }
        self._put_all(QUESTION, ("id",), {name: row for name, row in standings.items() if row is not None})
        for part in chunks(name for (name,), row in standings.items() if row is None):
            table = QUESTION.c
            self._connection.execute(delete(QUESTION).where(table.enterprise == self._enterprise, table.id.in_(part)))

    def clear_views(self) -> None:
        """See the port."""
        for table in (VIEW, QUESTION):
            self._connection.execute(delete(table).where(table.c.enterprise == self._enterprise))

    def views_are_current(self) -> bool:
        """See the port."""
        version = self._connection.scalar(select(META.c.value).where(META.c.key == "views"))
        return version == str(VIEWS_VERSION)

    def note_views_current(self) -> None:
        """See the port."""
        self._connection.execute(delete(META).where(META.c.key == "views"))
        self._connection.execute(insert(META).values(key="views", value=str(VIEWS_VERSION)))

    def order(self, order: str) -> StoredOrder | None:
        """See the port."""
        return self._one_order(CUSTOMER_ORDER.c.id == order)

    def order_by_external(self, system: str, external_id: str) -> StoredOrder | None:
        """See the port."""
        return self._one_order(and_(CUSTOMER_ORDER.c.system == system, CUSTOMER_ORDER.c.external_id == external_id))

    def put_order(self, stored: StoredOrder) -> None:
        """See the port."""
        plan = stored.plan
        fields = {
            "system": plan.system,
            "external_id": plan.external_id,
            "customer": plan.customer,
            "promised": plan.promised,
            "baseline_start": stored.baseline_start,
            "baseline_finish": stored.baseline_finish,
        }
        self._put(CUSTOMER_ORDER, {"id": plan.order}, fields)
        known = self.planned(work.work_order for work in plan.work_orders)
        for ordinal, work in enumerate(plan.work_orders):
            if work.work_order in known:
                continue
            values = {"site": work.site, "item": work.item, "quantity": work.quantity, "ordinal": ordinal}
            self._insert(WORK_ORDER, [{"id": work.work_order, "order_id": plan.order, **values}])
            self._insert(
                NODE,
                [
                    {
                        "work_order": work.work_order,
                        "node": node.node,
                        "ordinal": number,
                        "quantity": node.quantity,
                        "planned_start": node.planned_start,
                        "planned_finish": node.planned_finish,
                        "predecessors": list(node.predecessors),
                        "label": dict(node.label),
                    }
                    for number, node in enumerate(work.nodes)
                ],
            )

    def planned(self, work_orders: Iterable[str]) -> Mapping[str, PlannedWork]:
        """See the port."""
        found = plans(self._connection, self._enterprise, work_orders=work_orders)
        return {plan.work_order: PlannedWork(order=order, plan=plan) for order, plan in found}

    def append_queue(self, rows: Sequence[QueueRow]) -> tuple[QueueRow, ...]:
        """See the port."""
        new: list[QueueRow] = []
        for row in rows:
            key = {"station": row.station, "work_order": row.work_order, "node": row.node}
            if self._connection.execute(self._where(QUEUE_ROW, key)).first() is None:
                self._insert(QUEUE_ROW, [{**key, "quantity": row.quantity}])
                new.append(row)
        return tuple(new)

    def gateway(self, gateway: str) -> tuple[GatewayRecord, str] | None:
        """See the port."""
        query = gateway_rows(self._enterprise).where(GATEWAY.c.id == gateway)
        row = self._connection.execute(query).mappings().first()
        return (gateway_record(row), row["dispatch_sha256"]) if row else None

    def put_gateway(self, record: GatewayRecord, *, dispatch_sha256: str) -> None:
        """See the port."""
        fields = {
            "enrolment": str(record.enrolment),
            "online": record.online,
            "epoch": record.epoch,
            "seen_at": record.seen_at,
            "state": dict(record.state),
            "dispatch_version": record.dispatch_published,
            "dispatch_sha256": dispatch_sha256,
        }
        self._put(GATEWAY, {"id": record.gateway}, fields)

    def is_held(self, lease: str, token: int) -> bool:
        """See the port; a store of one process gives out no leases."""
        return False

    def announce(self, text: str) -> None:
        """See the port; a store of one process has nobody to tell."""

    def _one_order(self, where: Any) -> StoredOrder | None:
        found = self._connection.execute(order_rows(self._enterprise).where(where)).mappings().all()
        return next(iter(orders_of(self._connection, self._enterprise, found)), None)

    def _all(self, table: Table) -> Any:
        return select(table).where(table.c.enterprise == self._enterprise)

    def _where(self, table: Table, key: Mapping[str, Any]) -> Any:
        return self._all(table).where(*(table.c[name] == value for name, value in key.items()))

    def _insert(self, table: Table, values: Sequence[Mapping[str, Any]]) -> None:
        self._connection.execute(insert(table), [{"enterprise": self._enterprise, **row} for row in values])

    def _put_all(self, table: Table, key: Sequence[str], rows: Mapping[tuple[str, ...], Mapping[str, Any]]) -> None:
        """Many rows of one table, whose key ends with `id`: new ones all at once, as there may be hundreds."""
        columns = [table.c[name] for name in key]
        there: set[tuple[str, ...]] = set()
        for part in chunks({values[-1] for values in rows}):
            query = select(*columns).where(table.c.enterprise == self._enterprise, table.c.id.in_(part))
            there.update(tuple(row) for row in self._connection.execute(query))
        new = [{**dict(zip(key, values, strict=True)), **row} for values, row in rows.items() if values not in there]
        if new:
            self._insert(table, new)
        for values, row in rows.items():
            if values in there:
                self._put(table, dict(zip(key, values, strict=True)), row)

    def _put(self, table: Table, key: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        where = [table.c.enterprise == self._enterprise, *(table.c[name] == value for name, value in key.items())]
        changed = self._connection.execute(update(table).where(*where).values(**fields))
        if changed.rowcount == 0:
            self._insert(table, [{**key, **fields}])


def _range(gateway: str, lane: str, epoch: str) -> Any:
    table = RECEIVED_RANGE.c
    return and_(table.gateway == gateway, table.lane == lane, table.epoch == epoch)


def _link(row: Any) -> Link:
    return Link(number=row["number"], first=row["first"], last=row["last"], hash=row["hash"])
