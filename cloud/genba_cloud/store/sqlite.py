"""The embedded store: one SQLite file, written by one thread at a time, read by many."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event

from genba_cloud.store.lock import DataLock
from genba_cloud.store.memory import Memory
from genba_cloud.store.port import RangeKey, ReceivedRange, Transaction
from genba_cloud.store.read import Reads
from genba_cloud.store.reading import SqlReads
from genba_cloud.store.schema import Form, create, form_of, older
from genba_cloud.store.sqlite_health import DiskHealth
from genba_cloud.store.tables import DEFAULT_ENTERPRISE
from genba_cloud.store.transaction import SqlTransaction
from genba_shared.errors import UsageError

FILE: Final = "genba.db"
_BUSY_MS: Final = 10_000  # another process may read a backup or verify while we write
WRITER_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-32768",  # kB
    "wal_autocheckpoint=4000",  # pages of 4 kB: what was written several times is copied once
)


class SqliteStore:
    """The store of one data folder. While it is open, this process holds `DIR/lock`."""

    def __init__(self, data_dir: Path) -> None:
        """Open `data_dir`/genba.db, and make it where it is missing.

        Raises:
            UsageError: another process holds the folder, or the file is of another schema version.
        """
        self._write_lock = threading.Lock()
        self._memories: dict[str, Memory] = {}  # this process is the only one that writes
        with ExitStack() as undo:
            self._lock = DataLock(data_dir)
            undo.callback(self._lock.release)
            self._writer = _engine(data_dir / FILE, begin="BEGIN IMMEDIATE")
            undo.callback(self._writer.dispose)
            self._disk = DiskHealth(self._writer, data_dir / FILE)
            self._readers = _engine(data_dir / FILE, begin="BEGIN", read_only=True)
            undo.callback(self._readers.dispose)
            with self._writer.begin() as connection:
                form = form_of(connection, str(data_dir / FILE))
                if form is Form.EMPTY:
                    create(connection)
            if form is Form.OLDER:
                _bring_forward(data_dir / FILE)
            undo.pop_all()  # it is open: `close` lets go of all this

    @contextmanager
    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        """See the port. A second thread waits until the first is done."""
        with self._write_lock:
            memory = self._memories.setdefault(enterprise, Memory())
            with self._writer.begin() as connection:
                transaction = SqliteTransaction(connection, enterprise, memory)
                yield transaction
            transaction.committed()
        self._disk.worked()

    alone = transaction

    def is_ready(self) -> bool:
        """See the port; the disk took the last write."""
        return self._disk.is_well

    def reads(self, enterprise: str = DEFAULT_ENTERPRISE) -> Reads:
        """See the port."""
        return SqlReads(self._readers, enterprise)

    def close(self) -> None:
        """See the port."""
        self._readers.dispose()
        self._writer.dispose()
        self._lock.release()


class SqliteTransaction(SqlTransaction):
    """What the only writer of a database need not guard against."""

    def received_ranges(self, keys: Collection[RangeKey]) -> Mapping[RangeKey, ReceivedRange]:
        """See the port."""
        found = self._read_ranges(keys)
        return {key: found.get(key, ReceivedRange()) for key in keys}


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
        with ExitStack() as undo:
            undo.callback(self._readers.dispose)
            with self._readers.begin() as connection:
                name = str(data_dir / FILE)
                if form_of(connection, name) is not Form.CURRENT:
                    raise UsageError(older(connection, name))
            undo.pop_all()

    @contextmanager
    def transaction(self, enterprise: str = DEFAULT_ENTERPRISE) -> Iterator[Transaction]:
        """See the port; it reads one snapshot, and the database refuses to write."""
        with self._readers.begin() as connection:
            yield SqlTransaction(connection, enterprise)

    alone = transaction

    def is_ready(self) -> bool:
        """See the port; a file is always there."""
        return True

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
        hide_parameters=True,  # an error is logged; what people and customers are called is not
    )

    def connected(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: it would do so too late to hold one snapshot.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        for pragma in ("query_only=ON",) if read_only else WRITER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    def begins(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begins)
    return engine


def _bring_forward(file: Path) -> None:
    # Alembic takes a while to import, and nearly every start has nothing for it to do.
    from genba_cloud.store.migrating import bring_file_forward

    bring_file_forward(file)


def copy_aside(file: Path, name: str) -> Path:
    """A copy of the database in the same folder, whole and on the disk, also while its write-ahead log is not empty."""
    copy, unfinished = file.with_name(name), file.with_name(f"{name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as target:
        target.execute("PRAGMA synchronous=FULL")
        source.backup(target)
    unfinished.chmod(file.stat().st_mode)
    unfinished.replace(copy)
    return copy
