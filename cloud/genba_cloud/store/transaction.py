"""A write transaction in SQLAlchemy Core; it says nothing that only one database understands."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, insert, select, update

from genba_cloud.core.facts import Aggregate, ViewKey
from genba_cloud.core.facts.plan_details import work_order_details
from genba_cloud.store import quarantine
from genba_cloud.store.driver import insert_many, put_many
from genba_cloud.store.identities import SqlIdentities, quarantined_bodies, taken_leaves
from genba_cloud.store.master import MasterRows
from genba_cloud.store.memory import Memory
from genba_cloud.store.port import (
    Identities,
    Link,
    LogRange,
    LogRow,
    PlannedWork,
    Quarantined,
    RangeKey,
    ReceivedRange,
    StoredOrder,
    StoredView,
)
from genba_cloud.store.proofs import Proofs
from genba_cloud.store.read import GatewayRecord, QueueRow
from genba_cloud.store.rows import (
    chunks,
    event_of,
    gateway_fields,
    gateway_record,
    gateway_rows,
    log_parameters,
    logged_event,
    node_values,
    order_fields,
    order_rows,
    orders_of,
    plans,
    stored_view,
)
from genba_cloud.store.standing import Standing, put_standings
from genba_cloud.store.tables import (
    CLIENT_EVENT,
    CUSTOMER_ORDER,
    DEFAULT_ENTERPRISE,
    GATEWAY,
    LINK,
    LOG,
    META,
    NODE,
    QUESTION,
    QUEUE_ROW,
    RECEIVED_RANGE,
    VIEW,
    VIEWS_VERSION,
    WORK_ORDER,
)
from genba_cloud.store.tables_told import RESPONSE
from genba_cloud.store.told import Told
from genba_shared.events import DispatchClosed, DispatchOpened, Event, PiecesCounted

_ATTRIBUTING = (DispatchOpened.kind, DispatchClosed.kind, PiecesCounted.kind)
_NODE_KEY = b'"node":'  # in canonical JSON; inside a text the quotes would be escaped


class SqlTransaction:
    """See `port.Transaction`."""

    def __init__(self, connection: Connection, enterprise: str, memory: Memory | None = None) -> None:
        """`memory` is what was committed before and may be trusted; the store hands it what `committed` here adds."""
        self._connection = connection
        self._enterprise = enterprise
        self._views_version = "views" if enterprise == DEFAULT_ENTERPRISE else f"views of {enterprise}"
        self._memory = memory
        self._views: dict[ViewKey, StoredView] = {}
        self._plans: dict[str, PlannedWork] = {}

    def committed(self) -> None:
        """It was committed: what was read and written here may be remembered."""
        if self._memory is not None:
            self._memory.views.keep(self._views)
            self._memory.plans.keep(self._plans)

    def alone(self) -> None:
        """See the port; a store with one writer has nobody else."""

    @property
    def proofs(self) -> Proofs:
        """See the port."""
        return Proofs(self._connection, self._enterprise)

    @property
    def master(self) -> MasterRows:
        """See the port."""
        return MasterRows(self._connection, self._enterprise)

    @property
    def told(self) -> Told:
        """See the port."""
        return Told(self._connection, self._enterprise)

    def last_link(self) -> Link:
        """See the port."""
        query = self._all(LINK).order_by(LINK.c.number.desc()).limit(1)
        row = self._connection.execute(query).mappings().first()
        return _link(row) if row else Link(number=0, first=0, last=0, hash=b"")

    def append_log(self, rows: Sequence[LogRow], link: Link) -> None:
        """See the port."""
        insert_many(self._connection, LOG, log_parameters(self._enterprise, rows))
        values = {"number": link.number, "first": link.first, "last": link.last, "hash": link.hash}
        self._connection.execute(insert(LINK), [{"enterprise": self._enterprise, **values}])

    def log(self) -> Iterator[LogRow]:
        """See the port."""
        columns = select(LOG.c.position, LOG.c.received_at, LOG.c.body, LOG.c.leaf)
        query = columns.where(LOG.c.enterprise == self._enterprise).order_by(LOG.c.position)
        with self._connection.execute(query.execution_options(yield_per=1000)) as found:
            for position, received_at, body, leaf in found:
                event = logged_event(position, body, leaf)
                yield LogRow(position=position, received_at=received_at, event=event, body=body, leaf=leaf)

    def links(self) -> Iterator[Link]:
        """See the port."""
        query = self._all(LINK).order_by(LINK.c.number)
        for row in self._connection.execute(query.execution_options(yield_per=1000)).mappings():
            yield _link(row)

    def log_ranges(self) -> Sequence[LogRange]:
        """See the port; all of it is one part."""
        query = select(func.min(LOG.c.position), func.max(LOG.c.position)).where(LOG.c.enterprise == self._enterprise)
        first, last = self._connection.execute(query).one()
        return () if first is None else (LogRange(first=first, last=last),)

    def drop_log(self, upto: int) -> None:
        """See the port."""
        self._connection.execute(delete(LOG).where(LOG.c.enterprise == self._enterprise, LOG.c.position <= upto))

    def attributing_events(self, station: str) -> Sequence[Event]:
        """See the port."""
        query = select(LOG.c.work_order, LOG.c.kind, LOG.c.position, LOG.c.body, LOG.c.leaf).where(
            LOG.c.enterprise == self._enterprise, LOG.c.station == station, LOG.c.kind.in_(_ATTRIBUTING)
        )
        query = query.order_by(LOG.c.position).execution_options(yield_per=1000)
        # Most are counts that name their node: they are told by their bytes, which is far cheaper than reading them.
        with self._connection.execute(query) as found:
            return [
                logged_event(position, body, leaf)
                for work_order, kind, position, body, leaf in found
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
        key = RangeKey(gateway, lane, epoch)
        return self._read_ranges([key]).get(key, ReceivedRange())

    def received_ranges(self, keys: Collection[RangeKey]) -> Mapping[RangeKey, ReceivedRange]:
        """See the port; one after the other, as each may have to be made before it can be locked."""
        return {key: self.received(*key) for key in sorted(keys)}

    def _read_ranges(self, keys: Collection[RangeKey]) -> dict[RangeKey, ReceivedRange]:
        table = RECEIVED_RANGE.c
        found: dict[RangeKey, ReceivedRange] = {}
        for part in chunks(sorted({key.gateway for key in keys})):
            query = self._all(RECEIVED_RANGE).where(table.gateway.in_(part)).with_for_update()
            for row in self._connection.execute(query.order_by(table.gateway, table.lane, table.epoch)):
                found[RangeKey(row.gateway, row.lane, row.epoch)] = ReceivedRange(
                    upto=row.upto, last_at=row.last_at, run=row.run
                )
        return found

    def set_received(self, gateway: str, lane: str, epoch: str, value: ReceivedRange) -> None:
        """See the port."""
        self.set_received_ranges({RangeKey(gateway, lane, epoch): value})

    def set_received_ranges(self, values: Mapping[RangeKey, ReceivedRange]) -> None:
        """See the port."""
        rows = {
            tuple(key): {"upto": value.upto, "last_at": value.last_at, "run": value.run}
            for key, value in sorted(values.items())
        }
        self._put_all(RECEIVED_RANGE, RangeKey._fields, rows)

    def taken_leaves(self, ids: Iterable[str]) -> Mapping[str, bytes]:
        """See the port."""
        return taken_leaves(self._connection, self._enterprise, ids)

    def quarantined_bodies(self, ids: Iterable[str]) -> Mapping[str, frozenset[bytes]]:
        """See the port."""
        return quarantined_bodies(self._connection, self._enterprise, ids)

    def identities(self) -> Identities:
        """See the port."""
        return SqlIdentities(self._connection)

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
        quarantine.keep(self._connection, self._enterprise, rows)

    def quarantine_size(self, gateway: str) -> int:
        """See the port."""
        return quarantine.size_of(self._connection, self._enterprise, gateway)

    def quarantined_rows(self, numbers: Iterable[int]) -> Mapping[int, Quarantined]:
        """See the port."""
        return quarantine.find(self._connection, self._enterprise, numbers)

    def forget_quarantined(self, numbers: Iterable[int]) -> int:
        """See the port."""
        return quarantine.forget(self._connection, self._enterprise, numbers)

    def views(self, keys: Iterable[ViewKey]) -> Mapping[ViewKey, StoredView]:
        """See the port."""
        wanted = set(keys)
        found = self._remembered(wanted)
        missing: dict[Aggregate, list[str]] = {}
        for key in sorted(wanted - found.keys()):
            missing.setdefault(key.aggregate, []).append(key.id)
        for aggregate, ids in missing.items():
            for part in chunks(ids):
                query = self._all(VIEW).where(VIEW.c.aggregate == str(aggregate), VIEW.c.id.in_(part))
                for row in self._connection.execute(query.order_by(VIEW.c.id).with_for_update()).mappings():
                    found[ViewKey(aggregate, row["id"])] = stored_view(row)
        self._views.update(found)
        return found

    def _remembered(self, keys: Iterable[ViewKey]) -> dict[ViewKey, StoredView]:
        """Views that need not be read. What was committed before may be trusted where nobody else writes."""
        if self._memory is None:
            return {}
        views = self._memory.views
        return {key: view for key in keys if (view := self._views.get(key) or views.get(key)) is not None}

    def _remembered_as_of(self, positions: Mapping[ViewKey, int]) -> dict[ViewKey, StoredView]:
        """The same where others write, too: those that still stand at the position that they were remembered with."""
        remembered = SqlTransaction._remembered(self, positions)
        return {key: view for key, view in remembered.items() if view.position == positions[key]}

    def all_views(self) -> Mapping[ViewKey, StoredView]:
        """See the port."""
        every = self._connection.execute(self._all(VIEW)).mappings()
        return {ViewKey(Aggregate(row["aggregate"]), row["id"]): stored_view(row) for row in every}

    def put_views(self, views: Mapping[ViewKey, StoredView]) -> None:
        """See the port."""
        ordered = sorted(views.items(), key=itemgetter(0))
        rows: dict[tuple[str, ...], Mapping[str, Any]] = {
            (str(key.aggregate), key.id): {"state": view.state, "assigned": view.assigned, "position": view.position}
            for key, view in ordered
        }
        self._put_all(VIEW, ("aggregate", "id"), rows)
        self._views.update(views)
        put_standings(self._connection, self._enterprise, views)

    def clear_views(self) -> None:
        """See the port."""
        for table in (VIEW, QUESTION, RESPONSE):
            self._connection.execute(delete(table).where(table.c.enterprise == self._enterprise))
        self._views.clear()
        if self._memory is not None:
            # Forgetting too much is no harm should this be rolled back.
            self._memory.views.forget()

    def views_are_current(self) -> bool:
        """See the port."""
        version = self._connection.scalar(select(META.c.value).where(META.c.key == self._views_version))
        return version == str(VIEWS_VERSION)

    def note_views_current(self) -> None:
        """See the port."""
        self._connection.execute(delete(META).where(META.c.key == self._views_version))
        self._connection.execute(insert(META).values(key=self._views_version, value=str(VIEWS_VERSION)))

    def order(self, order: str) -> StoredOrder | None:
        """See the port."""
        return self._one_order(CUSTOMER_ORDER.c.id == order)

    def order_by_external(self, system: str, external_id: str) -> StoredOrder | None:
        """See the port."""
        return self._one_order(and_(CUSTOMER_ORDER.c.system == system, CUSTOMER_ORDER.c.external_id == external_id))

    def put_order(self, stored: StoredOrder) -> None:
        """See the port."""
        plan = stored.plan
        self._put(CUSTOMER_ORDER, {"id": plan.order}, order_fields(stored))
        known = self.planned(work.work_order for work in plan.work_orders)
        for ordinal, work in enumerate(plan.work_orders):
            if work.work_order in known:
                continue
            values = {"site": work.site, "item": work.item, "quantity": work.quantity, "ordinal": ordinal}
            values["details"] = work_order_details(work) or None
            self._insert(WORK_ORDER, [{"id": work.work_order, "order_id": plan.order, **values}])
            self._insert(NODE, node_values(work))

    def planned(self, work_orders: Iterable[str]) -> Mapping[str, PlannedWork]:
        """See the port. A plan never changes, so that one that was read is known for good."""
        wanted = set(work_orders)
        known = Memory() if self._memory is None else self._memory
        found = {name: work for name in wanted if (work := self._plans.get(name) or known.plans.get(name)) is not None}
        read = plans(self._connection, self._enterprise, work_orders=sorted(wanted - found.keys()))
        for order, plan in read:
            found[plan.work_order] = self._plans[plan.work_order] = PlannedWork(order=order, plan=plan)
        return found

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
        self._put(GATEWAY, {"id": record.gateway}, gateway_fields(record, dispatch_sha256))

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
        """Many rows of one table, by the values of their key: all at once, as there may be hundreds."""
        whole = ("enterprise", *key)
        values = (
            {"enterprise": self._enterprise, **dict(zip(key, names, strict=True)), **row} for names, row in rows.items()
        )
        put_many(self._connection, table, whole, values)

    def _put(self, table: Table, key: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        where = [table.c.enterprise == self._enterprise, *(table.c[name] == value for name, value in key.items())]
        changed = self._connection.execute(update(table).where(*where).values(**fields))
        if changed.rowcount == 0:
            self._insert(table, [{**key, **fields}])


def _link(row: Any) -> Link:
    return Link(number=row["number"], first=row["first"], last=row["last"], hash=row["hash"])
