"""Consistent copies of a whole database, and putting them back: SQLite by its backup API, PostgreSQL by pg_dump."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from genba_cloud.store.isolation import SETTING
from genba_shared.errors import GenbaError, UsageError

_BUSY_S: Final = 30.0
_ASIDE: Final = "replaced_"
_NO_ROLE: Final = re.compile(r'role "[^"]+" does not exist')
_ROLE_HINT: Final = (
    "\nRoles are no part of a backup: make those that were given rights (GRANT) first, then restore again."
)
_SECRETS: Final = {"password": "PGPASSWORD"}
_BYPASSES: Final = "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
_OTHER_OWNER: Final = (
    "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database() "
    "AND pg_get_userbyid(datdba) <> current_user AND pg_has_role(datdba, 'MEMBER')"
)
"""The owner of the database, where that is somebody else for whom we may speak."""


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


def require_whole_view(url: str) -> None:
    """See that the role of the URL sees the rows of every enterprise: without that, a dump would be half a backup.

    Raises:
        UsageError: it does not; the message says how to make a role that does.
        BackupError: the database does not answer.
    """
    with _connected(url) as connection:
        row = connection.execute(_BYPASSES).fetchone()
    if row is not None and not row[1]:
        raise UsageError(
            f"the role {row[0]} sees the rows of one enterprise only, and a backup needs all of them: give the URL of "
            "another role with --db or GENBA_DB. A superuser makes one, which reads everything and writes nothing, "
            "with: CREATE ROLE genba_backup LOGIN BYPASSRLS PASSWORD '…'; GRANT pg_read_all_data TO genba_backup;"
        )


def dump_postgres(url: str, target: Path) -> None:
    """Write everything in the database into a file, in one snapshot; for a role with `require_whole_view`.

    Raises:
        UsageError: pg_dump is not installed.
        BackupError: it fails.
    """
    _run("pg_dump", "--format=custom", "--no-owner", f"--exclude-schema={_ASIDE}*", f"--file={target}", url=url)


def check_dump(file: Path) -> None:
    """Read a dump to its end.

    Raises:
        UsageError: pg_restore is not installed.
        BackupError: the dump is damaged.
    """
    _run("pg_restore", f"--file={os.devnull}", str(file))


def load_postgres(url: str, file: Path) -> None:
    """Put a dump into an empty database: all of it or nothing.

    The tables belong to the owner of the database, the collector's own role, also where a superuser puts them back.

    Raises:
        UsageError: pg_restore is not installed.
        BackupError: it fails.
    """
    with _connected(url) as connection:
        owner = connection.execute(_OTHER_OWNER).fetchone()
    role = [f"--role={owner[0]}"] if owner else []
    _run("pg_restore", "--no-owner", "--single-transaction", "--exit-on-error", *role, str(file), url=url)


def is_empty_postgres(url: str) -> bool:
    """Whether there is no table of genba in the database."""
    with _connected(url) as connection:
        return connection.execute("SELECT to_regclass('public.meta')").fetchone() == (None,)


def users_of_postgres(url: str) -> int:
    """How many other connections to the database there are: a collector, a worker, a person."""
    query = (  # the server's own processes (autovacuum) are nobody
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    with _connected(url) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def set_postgres_aside(url: str, mark: str) -> str:
    """Rename the schema with everything in it, and make an empty one; the name that the old one has now."""
    name = f"{_ASIDE}{mark}"
    with _connected(url) as connection:
        connection.execute(sql.SQL("ALTER SCHEMA public RENAME TO {}").format(sql.Identifier(name)))
        # As a new database has it: whoever owns the database owns it, whoever makes it.
        connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    return name


def note_archives_sqlite(file: Path, moved: Mapping[str, str]) -> None:
    """Note where archives are now, by where they were."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany("UPDATE archive SET file = ? WHERE file = ?", [(new, old) for old, new in moved.items()])


def note_archives_postgres(url: str, enterprise: str, moved: Mapping[str, str]) -> None:
    """The same for an enterprise on PostgreSQL."""
    with _connected(url) as connection:
        connection.execute("SELECT set_config(%s, %s, true)", (SETTING, enterprise))
        for old, new in moved.items():
            connection.execute(
                "UPDATE archive SET file = %s WHERE enterprise = %s AND file = %s", (new, enterprise, old)
            )


def put_postgres_back(url: str, name: str) -> None:
    """Undo `set_postgres_aside`, as long as nothing was put into the empty schema."""
    with _connected(url) as connection:
        connection.execute("DROP SCHEMA public")
        connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO public").format(sql.Identifier(name)))


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        with psycopg.connect(url) as connection:
            yield connection
    except psycopg.Error as exc:
        raise BackupError(f"the database does not let us: {exc}") from exc


def _run(name: str, *words: str, url: str | None = None) -> None:
    program = shutil.which(name)
    if program is None:
        raise UsageError(f"{name} is not installed: install the client programs of PostgreSQL, or copy otherwise")
    environment = dict(os.environ)
    command = [program, *words]
    if url is not None:
        # With everything that the URL says, as of TLS; but arguments can be read by everybody on the machine.
        said = conninfo_to_dict(url)
        environment |= {_SECRETS[key]: str(said.pop(key)) for key in _SECRETS if key in said}
        command.append(f"--dbname={make_conninfo('', **said)}")
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        hint = _ROLE_HINT if _NO_ROLE.search(done.stderr) else ""
        raise BackupError(f"{name} failed: {done.stderr.strip()[-1000:]}{hint}")
