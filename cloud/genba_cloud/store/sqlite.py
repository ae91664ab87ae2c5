"""The embedded store: one SQLite file, written by one thread at a time, read by many."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, select

from genba_cloud.store.lock import DataLock
from genba_cloud.store.port import Transaction
from genba_cloud.store.read import Reads
from genba_cloud.store.reading import SqlReads
from genba_cloud.store.sqlite_health import DiskHealth
from genba_cloud.store.tables import DEFAULT_ENTERPRISE, LOG, META, METADATA, SCHEMA_VERSION, VIEWS_VERSION
from genba_cloud.store.transaction import SqlTransaction
from genba_shared.errors import UsageError

FILE: Final = "genba.db"
_VERSION: Final = select(META.c.value).where(META.c.key == "schema")
_BUSY_MS: Final = 10_000  # another process may read a backup or verify while we write


class SqliteStore:
    """The store of one data folder. While it is open, this process holds `DIR/lock`."""

    def __init__(self, data_dir: Path) -> None:
        """Open `data_dir`/genba.db, and make it where it is missing.

        Raises:
            UsageError: another process holds the folder, or the file is of another schema version.
        """
        self._write_lock = threading.Lock()
        with ExitStack() as undo:
            self._lock = DataLock(data_dir)
            undo.callback(self._lock.release)
            self._writer = _engine(data_dir / FILE, begin="BEGIN IMMEDIATE")
            undo.callback(self._writer.dispose)
            self._disk = DiskHealth(self._writer, data_dir / FILE)
            self._readers = _engine(data_dir / FILE, begin="BEGIN", read_only=True)
            undo.callback(self._readers.dispose)
            with self._writer.begin() as connection:
                _prepare(connection, data_dir / FILE)
            undo.pop_all()  # it is open: `close` lets go of all this

    @contextmanager
    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        """See the port. A second thread waits until the first is done."""
        with self._write_lock, self._writer.begin() as connection:
            yield SqlTransaction(connection, enterprise)
        self._disk.worked()

    def reads(self, enterprise: str = DEFAULT_ENTERPRISE) -> Reads:
        """See the port."""
        return SqlReads(self._readers, enterprise)

    def close(self) -> None:
        """See the port."""
        self._readers.dispose()
        self._writer.dispose()
        self._lock.release()


class SqliteReader:
    """A store that only reads, also while a collector holds the folder: for `verify` and the like."""

    def __init__(self, data_dir: Path) -> None:
        """Open `data_dir`/genba.db.

        Raises:
            UsageError: there is no such file, or it is of another schema version.
        """
        if not (data_dir / FILE).exists():
            raise UsageError(
                f"{data_dir} holds no data of a collector ({FILE} is missing): name its folder with --data DIR"
            )
        self._readers = _engine(data_dir / FILE, begin="BEGIN", read_only=True)
        with self._readers.begin() as connection:
            _check_version(connection, data_dir / FILE)

    @contextmanager
    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        """See the port; it reads one snapshot, and the database refuses to write."""
        with self._readers.begin() as connection:
            yield SqlTransaction(connection, enterprise)

    def reads(self, enterprise: str = DEFAULT_ENTERPRISE) -> Reads:
        """See the port."""
        return SqlReads(self._readers, enterprise)

    def close(self) -> None:
        """See the port."""
        self._readers.dispose()


def _engine(file: Path, *, begin: str, read_only: bool = False) -> Engine:
    engine = create_engine(
        f"sqlite:///{file}",
        pool_size=1 if not read_only else 8,
        max_overflow=0 if not read_only else 32,
        connect_args={"check_same_thread": False},
    )

    def connected(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: it would do so too late to hold one snapshot.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        own = ("query_only=ON",) if read_only else ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
        for pragma in own:
            connection.execute(f"PRAGMA {pragma}")

    def begins(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begins)
    return engine


def _prepare(connection: Connection, file: Path) -> None:
    META.create(connection, checkfirst=True)
    if connection.scalar(_VERSION) is None:
        connection.execute(insert(META).values(key="schema", value=str(SCHEMA_VERSION)))
        connection.execute(insert(META).values(key="views", value=str(VIEWS_VERSION)))
    _check_version(connection, file)
    METADATA.create_all(connection)
    for index in LOG.indexes:  # a log of an older version has not all of them
        index.create(connection, checkfirst=True)


def _check_version(connection: Connection, file: Path) -> None:
    version = connection.scalar(_VERSION)
    if version != str(SCHEMA_VERSION):
        raise UsageError(f"{file} has schema {version}, this version of genba reads {SCHEMA_VERSION}")
