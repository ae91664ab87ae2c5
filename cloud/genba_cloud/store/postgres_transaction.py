"""A write transaction on PostgreSQL: what it locks, in which order, and how it writes many rows at once."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import ARRAY, BindParameter, Connection, Integer, String, Table, bindparam, cast, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from genba_cloud.core.facts import Aggregate, ViewKey
from genba_cloud.store.errors import StoreAway, StoreClash
from genba_cloud.store.isolation import SETTING
from genba_cloud.store.leases import CHANNEL, is_held
from genba_cloud.store.memory import Memory
from genba_cloud.store.port import Link, LogRange, LogRow, ReceivedRange, StoredOrder, StoredView
from genba_cloud.store.postgres_log import Arriving, LogParts, Part, copy_rows, drop, ranges
from genba_cloud.store.read import GatewayRecord
from genba_cloud.store.rows import (
    chunks,
    gateway_record,
    gateway_rows,
    log_parameters,
    order_rows,
    orders_of,
    stored_view,
)
from genba_cloud.store.tables import GATEWAY, LINK, RECEIVED_RANGE, VIEW
from genba_cloud.store.transaction import SqlTransaction
from genba_shared.events import Event

T = TypeVar("T")

_WRITERS: Final = 0x6E6261
"""Families of advisory locks: all writers of an enterprise, the end of its log, and what is not there yet."""
_LOG: Final = 0x6E6262
_NEW: Final = 0x6E6263
_SLOTS: Final = 256
"""What is new shares this many locks, so that one transaction cannot fill the server's table of locks."""

_MINE: Final[BindParameter[str]] = bindparam("enterprise", type_=String)
_GIVEN: Final = (
    func.unnest(bindparam("aggregates", type_=ARRAY(String)), bindparam("ids", type_=ARRAY(String)))
    .table_valued("aggregate", "id")
    .render_derived()
)
_IS_GIVEN: Final = tuple_(VIEW.c.aggregate, VIEW.c.id).in_(select(_GIVEN.c.aggregate, _GIVEN.c.id))
"""Two arrays, however many keys: pair by pair, a statement of fifty takes the server several times as long to plan."""
_VIEWS: Final = select(VIEW).where(VIEW.c.enterprise == _MINE, _IS_GIVEN)
_POSITIONS: Final = (
    select(VIEW.c.aggregate, VIEW.c.id, VIEW.c.position)
    .where(VIEW.c.enterprise == _MINE, _IS_GIVEN)
    .order_by(VIEW.c.aggregate, VIEW.c.id)
)
_LOCK_POSITIONS: Final = {must_not: _POSITIONS.with_for_update(nowait=must_not) for must_not in (False, True)}
_RECEIVED: Final = select(RECEIVED_RANGE.c.upto, RECEIVED_RANGE.c.last_at, RECEIVED_RANGE.c.run).where(
    *(RECEIVED_RANGE.c[name] == bindparam(name, type_=String) for name in ("enterprise", "gateway", "lane", "epoch"))
)
_LOCK_RECEIVED: Final = {must_not: _RECEIVED.with_for_update(nowait=must_not) for must_not in (False, True)}
_LOCK_LOG: Final = select(func.pg_advisory_xact_lock(_LOG, bindparam("number", type_=Integer)))
"""What every commit asks is put together once: that takes longer than to ask it."""

_FOR: Final = f"SELECT set_config('{SETTING}', %s, true)"
_PAUSE: Final = "set_config('idle_in_transaction_session_timeout', '5s', true)"
"""A process that stands still in the middle of a transaction must not hold up all the others for long."""
_LONG_PAUSE: Final = "set_config('idle_in_transaction_session_timeout', '10min', true)"
"""Work that is done alone may think for long between two statements: a rebuild of a long log does."""
_BEGIN: Final = {
    "read": _FOR,
    "apart": _FOR,
    "shared": f"{_FOR}, {_PAUSE}, pg_advisory_xact_lock_shared({_WRITERS}, %s)",
    "alone": f"{_FOR}, {_LONG_PAUSE}, pg_advisory_xact_lock({_WRITERS}, %s)",
}


class Access(StrEnum):
    """What a transaction is for."""

    READ = "read"
    """To read one snapshot."""
    APART = "apart"
    """To write what has nothing to do with the log: accounts."""
    SHARED = "shared"
    """To write to the log beside other writers."""
    ALONE = "alone"
    """To write to the log while nobody else does."""


def begin(connection: Connection, enterprise: str, access: Access) -> None:
    """Say for which enterprise the transaction is, and enter it among the writers."""
    arguments = (enterprise, _number(enterprise)) if access in (Access.SHARED, Access.ALONE) else (enterprise,)
    connection.exec_driver_sql(_BEGIN[access], arguments)


def log_holds(connection: Connection, enterprise: str, link: Link) -> bool:
    """Whether this very link is in the chain; a transaction that may still be committing is waited for."""
    connection.execute(_LOCK_LOG, {"number": _number(enterprise)})
    kept = select(LINK.c.hash).where(LINK.c.enterprise == enterprise, LINK.c.number == link.number)
    return connection.scalar(kept) == link.hash


class PostgresTransaction(SqlTransaction):
    """See `port.Transaction`. `link` is the newest link that was written here."""

    def __init__(
        self, connection: Connection, enterprise: str, access: Access, log_parts: LogParts, memory: Memory
    ) -> None:
        super().__init__(connection, enterprise, memory)
        self.enterprise = enterprise
        self.link: Link | None = None
        self._log_parts = log_parts
        self._is_alone = access is Access.ALONE
        self._holds_rows = False
        self._announced: list[str] = []
        self._has_log = False
        self._parts: Sequence[Part] = ()
        self._arriving: Arriving | None = None

    @property
    def _connection(self) -> Connection:
        self.arrive()
        return super()._connection

    def arrive(self) -> None:
        """Wait until rows that are on their way into the log are there."""
        arriving, self._arriving = self._arriving, None
        if arriving is not None:
            arriving.wait()

    def abandon(self) -> None:
        """Nothing of this will be committed: only see to it that the connection is free to be told so."""
        with suppress(StoreAway, StoreClash, psycopg.Error):
            self.arrive()

    def alone(self) -> None:
        """See the port."""
        if self._is_alone:
            return
        if not self._connection.scalar(select(func.pg_try_advisory_xact_lock(_WRITERS, _number(self._enterprise)))):
            raise StoreClash("others write, and this work must be alone")
        self._connection.exec_driver_sql(f"SELECT {_LONG_PAUSE}")
        self._is_alone = True

    def is_held(self, lease: str, token: int) -> bool:
        """See the port."""
        return is_held(self._connection, lease, token)

    def announce(self, text: str) -> None:
        """See the port."""
        self._announced.append(text)

    def tell(self) -> None:
        """Hand all that was announced to the database, which tells it after the commit."""
        if self._announced:
            texts = func.unnest(cast(self._announced, ARRAY(String)))
            self._connection.execute(select(func.pg_notify(CHANNEL, texts)))

    def last_link(self) -> Link:
        """See the port; from here to the end of the transaction nobody else appends to this enterprise's log."""
        if not self._has_log:
            self._connection.execute(_LOCK_LOG, {"number": _number(self._enterprise)})
            self._has_log = True
        return super().last_link()

    def append_log(self, rows: Sequence[LogRow], link: Link | None = None) -> None:
        """See the port; the rows are still on their way when this returns."""
        values = log_parameters(self._enterprise, rows)
        self._parts = self._log_parts.for_positions(self._connection, rows[-1].position, self._parts)
        if link is not None:
            self._append_link(link)
            self.link = link
        self._arriving = copy_rows(self._connection, values, self._parts)

    def log_ranges(self) -> Sequence[LogRange]:
        """See the port."""
        return ranges(self._connection, self._enterprise)

    def drop_log(self, upto: int) -> None:
        """See the port; those who write would wait for it, and it for them."""
        self.alone()
        drop(self._connection, self._enterprise, upto)

    def received(self, gateway: str, lane: str, epoch: str) -> ReceivedRange:
        """See the port; a range that was never there is made, so that there is a row to lock."""
        key = {"enterprise": self._enterprise, "gateway": gateway, "lane": lane, "epoch": epoch}
        query = _LOCK_RECEIVED[self._must_not_wait()]
        row = self._connection.execute(query, key).first()
        if row is None:
            self._connection.execute(insert(RECEIVED_RANGE).values(**key, upto=0).on_conflict_do_nothing())
            row = self._connection.execute(query, key).one()
        return ReceivedRange(upto=row.upto, last_at=row.last_at, run=row.run)

    def views(self, keys: Iterable[ViewKey]) -> Mapping[ViewKey, StoredView]:
        """See the port; views that are not there are locked by their names, and looked for once more."""
        wanted = sorted(set(keys))
        found = self._lock_views(wanted)
        missing = [key for key in wanted if key not in found]
        if missing:
            self._lock_names(f"view {key.aggregate}\0{key.id}" for key in missing)
            found.update(self._lock_views(missing))
        self._holds_rows = self._holds_rows or bool(wanted)
        return found

    def events_by_id(self, ids: Iterable[str]) -> Mapping[str, Event]:
        """See the port. Only answers ask for events by id, and an event that comes just now must not be overlooked."""
        wanted = list(ids)
        if wanted:
            self.alone()
        return super().events_by_id(wanted)

    def gateway(self, gateway: str) -> tuple[GatewayRecord, str] | None:
        """See the port."""
        return self._locked(lambda: self._find_gateway(gateway), f"gateway {gateway}")

    def order(self, order: str) -> StoredOrder | None:
        """See the port."""
        return self._locked(lambda: super(PostgresTransaction, self).order(order), f"order {order}")

    def order_by_external(self, system: str, external_id: str) -> StoredOrder | None:
        """See the port."""
        name = f"order of {system}\0{external_id}"
        return self._locked(lambda: super(PostgresTransaction, self).order_by_external(system, external_id), name)

    def _find_gateway(self, gateway: str) -> tuple[GatewayRecord, str] | None:
        query = gateway_rows(self._enterprise).where(GATEWAY.c.id == gateway)
        locked = query.with_for_update(of=GATEWAY, nowait=self._must_not_wait())
        row = self._connection.execute(locked).mappings().first()
        return (gateway_record(row), row["dispatch_sha256"]) if row else None

    def _one_order(self, where: Any) -> StoredOrder | None:
        query = order_rows(self._enterprise).where(where).with_for_update(nowait=self._must_not_wait())
        found = self._connection.execute(query).mappings().all()
        return next(iter(orders_of(self._connection, self._enterprise, found)), None)

    def _locked(self, find: Callable[[], T | None], name: str) -> T | None:
        """What is found, with its row locked; what is not there is locked by its name, and looked for once more."""
        found = find()
        if found is None:
            self._lock_names([name])
            found = find()
        return found

    def _must_not_wait(self) -> bool:
        """Whether somebody may be waiting for what is held here already."""
        return not self._is_alone and (self._holds_rows or self._has_log)

    def _lock_views(self, keys: Sequence[ViewKey]) -> dict[ViewKey, StoredView]:
        """Those that are there, locked; what is remembered is trusted where it stands at the position that it had."""
        positions: dict[ViewKey, int] = {}
        for part in chunks(keys):
            locked = _LOCK_POSITIONS[self._must_not_wait()]
            for aggregate, name, position in self._connection.execute(locked, self._given(part)):
                positions[ViewKey(Aggregate(aggregate), name)] = position
        found = self._remembered_as_of(positions)
        for part in chunks(sorted(positions.keys() - found.keys())):
            for row in self._connection.execute(_VIEWS, self._given(part)).mappings():
                found[ViewKey(Aggregate(row["aggregate"]), row["id"])] = stored_view(row)
        self._views.update(found)
        return found

    def _given(self, keys: Sequence[ViewKey]) -> dict[str, Any]:
        aggregates, ids = [str(key.aggregate) for key in keys], [key.id for key in keys]
        return {"enterprise": self._enterprise, "aggregates": aggregates, "ids": ids}

    def _lock_names(self, names: Iterable[str]) -> None:
        slots = sorted({_number(f"{self._enterprise}\0{name}") % _SLOTS for name in names})
        if not self._must_not_wait():
            self._connection.execute(select(func.pg_advisory_xact_lock(_NEW, func.unnest(slots))))
            self._holds_rows = True
            return
        taken = select(func.pg_try_advisory_xact_lock(_NEW, func.unnest(slots)))
        if not all(self._connection.scalars(taken)):
            raise StoreClash("it is being made by another writer")

    def _put(self, table: Table, key: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        values = {"enterprise": self._enterprise, **key, **fields}
        self._connection.execute(_upsert(table, ("enterprise", *key), values), [values])


def _upsert(table: Table, key: Sequence[str], names: Iterable[str]) -> Any:
    new = insert(table)
    changed = {name: new.excluded[name] for name in names if name not in key}
    return new.on_conflict_do_update(index_elements=list(key), set_=changed)


def _number(text: str) -> int:
    """A 32-bit number of a name, for advisory locks: two names that share one only wait for each other."""
    unsigned = zlib.crc32(text.encode())
    return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
