"""The store for a region: PostgreSQL 15 or later, written by several workers at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import ARRAY, Connection, Engine, String, cast, create_engine, func, insert, make_url, select
from sqlalchemy.exc import ArgumentError, OperationalError

from genba_cloud.store.leases import CHANNEL, Leases, is_held
from genba_cloud.store.listening import listen
from genba_cloud.store.port import Link, Transaction
from genba_cloud.store.read import Reads
from genba_cloud.store.reading import SqlReads
from genba_cloud.store.tables import DEFAULT_ENTERPRISE, META, METADATA, SCHEMA_VERSION, VIEWS_VERSION
from genba_cloud.store.transaction import SqlTransaction
from genba_shared.errors import UsageError

_SCHEMES: Final = frozenset({"postgresql", "postgres"})


class PostgresStore:
    """The store of one database. Several processes may have it open; positions are given out under one short lock."""

    def __init__(self, url: str) -> None:
        """Open the database of ``postgresql://USER[:PASSWORD]@HOST[:PORT]/DATABASE``, and make its tables.

        Raises:
            UsageError: the URL is not of that form, the server does not answer, or its schema is another one.
        """
        self._engine = _engine(url)
        try:
            with self._engine.begin() as connection:
                METADATA.create_all(connection)
                version = connection.scalar(select(META.c.value).where(META.c.key == "schema"))
                if version is None:
                    connection.execute(insert(META).values(key="schema", value=str(SCHEMA_VERSION)))
                    connection.execute(insert(META).values(key="views", value=str(VIEWS_VERSION)))
        except OperationalError as exc:
            raise UsageError(f"{_shown(url)} cannot be opened: {exc.orig}") from exc

    @contextmanager
    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        """See the port."""
        with self._engine.begin() as connection:
            transaction = PostgresTransaction(connection, enterprise)
            yield transaction
            transaction.tell()

    def reads(self, enterprise: str = DEFAULT_ENTERPRISE) -> Reads:
        """See the port."""
        return SqlReads(self._engine, enterprise)

    def leases(self) -> Leases:
        """Who of several processes does what; closed by whoever asked for them."""
        return Leases(self._engine.url)

    def listen(self) -> Iterator[str | None]:
        """What other processes announce; see `listening`."""
        return listen(self._engine)

    def close(self) -> None:
        """See the port."""
        self._engine.dispose()


class PostgresTransaction(SqlTransaction):
    """What PostgreSQL does in its own way: the end of the log belongs to one transaction at a time."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        super().__init__(connection, enterprise)
        self._announced: list[str] = []

    def last_link(self) -> Link:
        """See the port; from here to the end of the transaction nobody else appends to this enterprise's log."""
        self._connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"log of {self._enterprise}"))))
        return super().last_link()

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


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in _SCHEMES or not parsed.database:
        raise UsageError(f"--db {_shown(url)}: write postgresql://USER@HOST:5432/DATABASE")
    return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_size=8, max_overflow=8)


def _shown(url: str) -> str:
    """The URL without what is secret in it."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at else url
