"""Bring one database to another revision of its form: an SQLite file after copying it aside, PostgreSQL when unused."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, text

from genba_cloud.store.errors import StoreAway
from genba_cloud.store.lock import DataLock
from genba_cloud.store.migrate import Migrations, Plan
from genba_cloud.store.postgres import engine_of, shown
from genba_cloud.store.schema import lock_form
from genba_cloud.store.sqlite import FILE, copy_aside
from genba_shared.errors import UsageError

logger = logging.getLogger(__name__)

_OTHERS: Final = """\
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'genba'"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrating:
    """One database whose form is looked at or changed. `file` is set where it is SQLite."""

    name: str
    engine: Engine
    migrations: Migrations
    file: Path | None = None

    def forward(self, to: str | None = None) -> Plan:
        """The way to a revision, or to the newest.

        Raises:
            UsageError: the revision of the database, or the one that is wanted, is not known.
        """
        with self.engine.connect() as connection:
            return self.migrations.forward(connection, to)

    def back(self) -> Plan:
        """The way one step back.

        Raises:
            UsageError: there is none.
        """
        with self.engine.connect() as connection:
            return self.migrations.back(connection)

    def sql(self, plan: Plan) -> str:
        """The statements of the way."""
        return self.migrations.sql(self.engine.dialect.name, plan)

    def run(self, plan: Plan) -> Path | None:
        """Go the way, all of it or nothing; returns the copy of the file as it was before.

        Raises:
            UsageError: somebody uses the database, or what is in it does not fit the other form.
        """
        if not plan.steps:
            return None
        copy = None
        if self.file is not None:
            copy = copy_aside(self.file, f"genba-before-{plan.steps[0].revision}{'-back' if plan.is_back else ''}.db")
            logger.info("database copied aside file=%s", copy)
        with self.engine.begin() as connection:
            if self.file is None:
                lock_form(connection)
                others = connection.scalar(text(_OTHERS))
                if others:
                    raise UsageError(f"{self.name} is in use ({others} connections): stop every collector first")
            self.migrations.run(connection, plan)
            if self.file is not None and connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
                raise UsageError(f"{self.name}: rows would point to rows that are not there; nothing was changed")
        logger.info("database migrated database=%s revision=%s was=%s", self.name, plan.end, plan.begin)
        return copy


def bring_file_forward(file: Path) -> None:
    """Bring an SQLite file whose folder is held by this process to the newest revision."""
    engine = _sqlite_engine(file)
    try:
        migrating = Migrating(name=str(file), engine=engine, migrations=Migrations(), file=file)
        migrating.run(migrating.forward())
    finally:
        engine.dispose()


@contextmanager
def opened_for_migration(data_dir: Path, url: str | None, *more: Path) -> Iterator[Migrating]:
    """The database of a data folder, or that of a URL. `more`: folders with further revisions.

    Raises:
        UsageError: the folder holds no data, a collector holds the folder, or the server does not answer.
    """
    if url is None:
        file = data_dir / FILE
        if not file.exists():
            raise UsageError(f"{data_dir} holds no data of a collector ({FILE} is missing)")
        lock = DataLock(data_dir)
        engine, name = _sqlite_engine(file), str(file)
    else:
        lock, file = None, None
        engine, name = engine_of(url, application="genba-migrate"), shown(url)
    try:
        yield Migrating(name=name, engine=engine, migrations=Migrations(*more), file=file)
    except StoreAway as exc:
        raise UsageError(f"{name} cannot be opened: {exc.reason}") from exc
    finally:
        engine.dispose()
        if lock is not None:
            lock.release()


def _sqlite_engine(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}")

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        # Tables are rebuilt by copying them and dropping the old ones: what points to them is checked at the end.
        connection.isolation_level = None
        for pragma in ("foreign_keys=OFF", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    def begins(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begins)
    return engine
