"""The store for a region: PostgreSQL 15 or later, written by several processes at once.

Every transaction shares the enterprise's lock of writers, or holds it alone. Inside, locks are taken in one order: the
row of the received range, the views by key, and last the end of the log. What is locked out of that order is not waited
for: the transaction is given up, and its work is done again alone (`again.committed`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from genba_cloud.store.accounts import Accounts
from genba_cloud.store.accounts_postgres import PostgresAccounts
from genba_cloud.store.errors import StoreAway
from genba_cloud.store.leases import Leases
from genba_cloud.store.listening import listen
from genba_cloud.store.memory import Memory
from genba_cloud.store.port import Transaction
from genba_cloud.store.postgres_health import Health, translate
from genba_cloud.store.postgres_log import PART_POSITIONS, LogParts
from genba_cloud.store.postgres_patience import be_patient
from genba_cloud.store.postgres_transaction import Access, PostgresTransaction, begin, log_holds
from genba_cloud.store.read import Reads
from genba_cloud.store.reading import SqlReads
from genba_cloud.store.schema import Form, create, form_of, lock_form, older
from genba_cloud.store.tables import DEFAULT_ENTERPRISE
from genba_cloud.store.transaction import SqlTransaction
from genba_shared.errors import UsageError

logger = logging.getLogger(__name__)

_SCHEMES: Final = frozenset({"postgresql", "postgres"})
_OLDEST_SERVER: Final = 150_000
_SERVER: Final = (
    "SELECT current_setting('server_version_num')::int AS version, rolsuper OR rolbypassrls AS bypasses, "
    "current_user AS role FROM pg_roles WHERE rolname = current_user"
)
_CONNECTION: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    # A database behind a link that swallows everything is noticed within 10 s, not after the system's two hours.
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class _Postgres:
    """What a store and a reader share: connections by enterprise and purpose, and whether the server answers."""

    _is_for_collectors = True

    def __init__(self, url: str) -> None:
        """Connect, and see what kind of server and role this is.

        Raises:
            UsageError: the URL is not of that form, the server does not answer or is too old.
        """
        self.name = shown(url)
        self._engine = engine_of(url)
        ask_url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._health = Health(self._engine, lambda: psycopg.connect(ask_url, **_CONNECTION).close(), shown=self.name)
        be_patient(self._engine)  # the last to listen for connecting
        self._engines: dict[tuple[str, Access], Engine] = {}
        with ExitStack() as undo:
            undo.callback(self.close)
            try:
                with self._engine.begin() as connection:
                    self._check(connection)
            except StoreAway as exc:
                raise UsageError(f"{self.name} cannot be opened: {exc.reason}") from exc
            undo.pop_all()

    def reads(self, enterprise: str = DEFAULT_ENTERPRISE) -> Reads:
        """See the port."""
        return SqlReads(self._engine_for(enterprise, Access.READ), enterprise)

    def accounts(self, enterprise: str = DEFAULT_ENTERPRISE) -> Accounts:
        """The accounts that are kept beside the log."""
        return PostgresAccounts(self._engine_for(enterprise, Access.APART))

    def is_ready(self) -> bool:
        """See the port."""
        return self._health.is_ready()

    def close(self) -> None:
        """See the port."""
        self._health.close()
        self._engine.dispose()

    def _engine_for(self, enterprise: str, access: Access) -> Engine:
        key = (enterprise, access)
        if key not in self._engines:
            isolation = "REPEATABLE READ" if access is Access.READ else "READ COMMITTED"
            self._engines[key] = self._engine.execution_options(
                genba_enterprise=enterprise,
                genba_access=access,
                isolation_level=isolation,
                postgresql_readonly=access is Access.READ,
            )
        return self._engines[key]

    def _check(self, connection: Connection) -> None:
        """Refuse a database that cannot be used."""
        row = connection.execute(text(_SERVER)).one()
        if row.version < _OLDEST_SERVER:
            raise UsageError(f"{self.name} is PostgreSQL {row.version // 10_000}: genba needs 15 or later")
        if row.bypasses and self._is_for_collectors:
            logger.warning(
                "role bypasses row-level security role=%s database=%s: nothing but genba itself keeps enterprises "
                "apart; use a role that is no superuser",
                row.role,
                self.name,
            )


class PostgresStore(_Postgres):
    """The store of one database. Several processes may have it open."""

    def __init__(self, url: str, *, log_part_positions: int = PART_POSITIONS) -> None:
        """Open the database of ``postgresql://USER[:PASSWORD]@HOST[:PORT]/DATABASE``; an empty one gets its tables.

        Raises:
            UsageError: the URL is not of that form, the server does not answer, or its schema is another one.
        """
        self._memories: dict[str, Memory] = {}
        self._log_parts = LogParts(log_part_positions)
        self._log_part_positions = log_part_positions
        super().__init__(url)
        for lost in ("invalidate", "engine_disposed"):
            event.listen(self._engine, lost, self._forget)

    def _forget(self, *_of: Any) -> None:
        """A connection was lost: before the next one, the database may have been restored to what it was before."""
        self._memories.clear()

    @contextmanager
    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        """See the port."""
        with self._write(enterprise, Access.SHARED) as transaction:
            yield transaction

    @contextmanager
    def alone(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        """See the port."""
        with self._write(enterprise, Access.ALONE) as transaction:
            yield transaction

    @contextmanager
    def _write(self, enterprise: str, access: Access) -> Iterator[Transaction]:
        with self._engine_for(enterprise, access).connect() as connection:
            begun = connection.begin()
            memory = self._memories.setdefault(enterprise, Memory())
            transaction = PostgresTransaction(connection, enterprise, access, self._log_parts, memory)
            with ExitStack() as undo:
                undo.callback(transaction.abandon)
                yield transaction  # what is raised here rolls back: the connection goes with its transaction open
                transaction.arrive()
                undo.pop_all()
            transaction.tell()
            try:
                begun.commit()
            except StoreAway:
                self._memories.pop(enterprise, None)
                if not self._was_committed(transaction):
                    raise
            else:
                transaction.committed()
                self._health.worked()

    def leases(self) -> Leases:
        """Who of several processes does what; closed by whoever asked for them."""
        return Leases(self._engine.url)

    def listen(self) -> Iterator[str | None]:
        """What other processes announce; see `listening`."""
        return listen(self._engine)

    def _was_committed(self, transaction: PostgresTransaction) -> bool:
        """Whether the transaction whose commit was not answered did commit: its link is in the chain, or it is not.

        What wrote no link has nothing that could be there twice: it may be done again.

        Raises:
            StoreAway: that cannot be asked now.
        """
        if transaction.link is None:
            return False
        enterprise = transaction.enterprise
        try:
            with self._engine_for(enterprise, Access.SHARED).begin() as connection:
                return log_holds(connection, enterprise, transaction.link)
        except StoreAway as exc:
            raise StoreAway(exc.reason, fate_is_known=False) from exc

    def _check(self, connection: Connection) -> None:
        super()._check(connection)
        lock_form(connection)
        match form_of(connection, self.name):
            case Form.EMPTY:
                create(connection, log_part_positions=self._log_part_positions)
            case Form.OLDER:
                raise UsageError(older(connection, self.name))
            case Form.CURRENT:
                pass


class PostgresReader(_Postgres):
    """A store that only reads, beside collectors that write: one snapshot of everything in each transaction."""

    _is_for_collectors = False  # who makes backups must see every row

    @contextmanager
    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        """See the port; the database refuses to write."""
        with self._engine_for(enterprise, Access.READ).begin() as connection:
            yield SqlTransaction(connection, enterprise)

    alone = transaction

    def _check(self, connection: Connection) -> None:
        super()._check(connection)
        match form_of(connection, self.name):
            case Form.EMPTY:
                raise UsageError(f"{self.name} holds no data of a collector: name its database with --db URL")
            case Form.OLDER:
                raise UsageError(older(connection, self.name))
            case Form.CURRENT:
                pass


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in _SCHEMES or not parsed.database:
        raise UsageError(f"--db {shown(url)}: write postgresql://USER@HOST:5432/DATABASE")
    return parsed


def engine_of(url: str, *, application: str = "genba") -> Engine:
    """Connections to the database of a URL, under a name that others see; errors are those of the store.

    Raises:
        UsageError: the URL is not of the form that is expected.
    """
    engine = create_engine(
        _parsed(url).set(drivername="postgresql+psycopg"),
        pool_size=8,
        max_overflow=24,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={**_CONNECTION, "application_name": application},
    )

    def begins(connection: Connection) -> None:
        options = connection.get_execution_options()
        if "genba_enterprise" in options:
            begin(connection, options["genba_enterprise"], options["genba_access"])

    event.listen(engine, "begin", begins)
    event.listen(engine, "handle_error", translate)
    return engine


def shown(url: str) -> str:
    """The URL without what may be secret in it: user, password and options."""
    head, at, tail = url.partition("?")[0].rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else tail
