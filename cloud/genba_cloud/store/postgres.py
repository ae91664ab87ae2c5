"""The store for a region: PostgreSQL 15 or later, written by several processes at once.

Every transaction shares the enterprise's lock of writers, or holds it alone. Inside, locks are taken in one order: the
row of the received range, the views by key, and last the end of the log. What is locked out of that order is not waited
for: the transaction is given up, and its work is done again alone (`again.committed`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, make_url, select
from sqlalchemy.exc import ArgumentError

from genba_cloud.store.errors import StoreAway
from genba_cloud.store.port import Transaction
from genba_cloud.store.postgres_health import Health
from genba_cloud.store.postgres_transaction import Access, PostgresTransaction, begin, log_holds
from genba_cloud.store.read import Reads
from genba_cloud.store.reading import SqlReads
from genba_cloud.store.tables import DEFAULT_ENTERPRISE, META, METADATA, SCHEMA_VERSION, VIEWS_VERSION
from genba_shared.errors import UsageError

_SCHEMES: Final = frozenset({"postgresql", "postgres"})
_CONNECTION: Final = {
    "application_name": "genba",
    "connect_timeout": 5,
    # A database behind a link that swallows everything is noticed within 10 s, not after the system's two hours.
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_LONGEST_PAUSE: Final = "SET idle_in_transaction_session_timeout = '10s'"
"""A process that stands still in the middle of a transaction must not hold up all the others for ever."""


class PostgresStore:
    """The store of one database. Several processes may have it open."""

    def __init__(self, url: str) -> None:
        """Open the database of ``postgresql://USER[:PASSWORD]@HOST[:PORT]/DATABASE``, and make its tables.

        Raises:
            UsageError: the URL is not of that form, the server does not answer, or its schema is another one.
        """
        parsed = _parsed(url)
        self._engine = _engine(parsed)
        self._health = Health(
            self._engine,
            lambda: psycopg.connect(parsed.render_as_string(hide_password=False), connect_timeout=5).close(),
            shown=shown(url),
        )
        self._engines: dict[tuple[str, Access], Engine] = {}
        try:
            with self._engine.begin() as connection:
                METADATA.create_all(connection)
                version = connection.scalar(select(META.c.value).where(META.c.key == "schema"))
                if version is None:
                    connection.execute(insert(META).values(key="schema", value=str(SCHEMA_VERSION)))
                    connection.execute(insert(META).values(key="views", value=str(VIEWS_VERSION)))
        except StoreAway as exc:
            self.close()
            raise UsageError(f"{shown(url)} cannot be opened: {exc.reason}") from exc

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

    def reads(self, enterprise: str = DEFAULT_ENTERPRISE) -> Reads:
        """See the port."""
        return SqlReads(self._engine_for(enterprise, Access.READ), enterprise)

    def is_ready(self) -> bool:
        """See the port."""
        return self._health.is_ready()

    def close(self) -> None:
        """See the port."""
        self._health.close()
        self._engine.dispose()

    @contextmanager
    def _write(self, enterprise: str, access: Access) -> Iterator[Transaction]:
        with self._engine_for(enterprise, access).connect() as connection:
            begun = connection.begin()
            transaction = PostgresTransaction(connection, enterprise, access)
            try:
                yield transaction
            except BaseException:
                begun.rollback()
                raise
            try:
                begun.commit()
            except StoreAway as exc:
                if not self._was_committed(transaction):
                    raise
                del exc

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


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in _SCHEMES or not parsed.database:
        raise UsageError(f"--db {shown(url)}: write postgresql://USER@HOST:5432/DATABASE")
    return parsed.set(drivername="postgresql")


def _engine(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=8,
        max_overflow=24,
        pool_pre_ping=True,
        connect_args=dict(_CONNECTION),
    )

    def connected(connection: psycopg.Connection, _record: object) -> None:
        connection.execute(_LONGEST_PAUSE)
        connection.commit()

    def begins(connection: Connection) -> None:
        options = connection.get_execution_options()
        if "genba_enterprise" in options:
            begin(connection, options["genba_enterprise"], options["genba_access"])

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begins)
    return engine


def shown(url: str) -> str:
    """The URL without what is secret in it."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url
