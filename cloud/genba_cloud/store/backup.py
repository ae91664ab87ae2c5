"""Consistent copies of a whole database, and putting them back: SQLite by its backup API, PostgreSQL by pg_dump."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from genba_shared.errors import GenbaError, UsageError

_BUSY_S: Final = 30.0
_ASIDE: Final = "replaced_"


class BackupError(GenbaError):
    """A copy could not be made, or put back; what was there before is as it was."""


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database while others write to it: one consistent state, in one file.

    Source: SQLite Online Backup API, https://www.sqlite.org/backup.html; all pages in one step, under one read lock.
    """
    reader = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=_BUSY_S)
    with closing(reader), closing(sqlite3.connect(target)) as writer:
        reader.backup(writer)
        writer.execute("PRAGMA journal_mode=DELETE")  # one file, without -wal and -shm beside it


def sqlite_problem(file: Path) -> str | None:
    """What SQLite finds wrong in a file; None: its pages and indexes are sound."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as exc:
        return str(exc)
    return None if found == ("ok",) else str(found[0])


def dump_postgres(url: str, target: Path) -> None:
    """Write everything in the database into a file, in one snapshot.

    Raises:
        UsageError: pg_dump is not installed.
        BackupError: it fails.
    """
    _run(url, ["pg_dump", "--format=custom", "--no-owner", f"--exclude-schema={_ASIDE}*", f"--file={target}"])


def check_dump(file: Path) -> None:
    """Read a dump to its end.

    Raises:
        UsageError: pg_restore is not installed.
        BackupError: the dump is damaged.
    """
    _run(None, ["pg_restore", f"--file={os.devnull}", str(file)])


def load_postgres(url: str, file: Path) -> None:
    """Put a dump into an empty database: all of it or nothing.

    Raises:
        UsageError: pg_restore is not installed.
        BackupError: it fails.
    """
    database = _database(url)
    command = ["pg_restore", "--no-owner", "--single-transaction", "--exit-on-error", f"--dbname={database}"]
    _run(url, [*command, str(file)])


def is_empty_postgres(url: str) -> bool:
    """Whether there is no table of genba in the database."""
    with _connected(url) as connection:
        return connection.execute("SELECT to_regclass('public.meta')").fetchone() == (None,)


def users_of_postgres(url: str) -> int:
    """How many other connections to the database there are: a collector, a worker, a person."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with _connected(url) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def set_postgres_aside(url: str, mark: str) -> str:
    """Rename the schema with everything in it, and make an empty one; the name that the old one has now."""
    name = f"{_ASIDE}{mark}"
    with _connected(url) as connection:
        connection.execute(sql.SQL("ALTER SCHEMA public RENAME TO {}").format(sql.Identifier(name)))
        connection.execute("CREATE SCHEMA public")
    return name


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(url) as connection:
            yield connection
    except psycopg.Error as exc:
        raise BackupError(f"the database does not let us: {exc}") from exc


def _run(url: str | None, command: Sequence[str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise UsageError(f"{command[0]} is not installed: install the client programs of PostgreSQL, or copy otherwise")
    environment = {**os.environ, **(_environment(url) if url else {})}  # never as arguments: others can read those
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise BackupError(f"{command[0]} failed: {done.stderr.strip()[-1000:]}")


def _environment(url: str) -> dict[str, str]:
    """The URL as the variables that libpq reads."""
    parts = urlsplit(url)
    said = {
        "PGHOST": parts.hostname,
        "PGPORT": str(parts.port) if parts.port else None,
        "PGUSER": unquote(parts.username) if parts.username else None,
        "PGPASSWORD": unquote(parts.password) if parts.password else None,
        "PGDATABASE": _database(url),
    }
    return {name: value for name, value in said.items() if value}


def _database(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))
