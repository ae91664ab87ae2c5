"""The outbox file: opened, checked, and set aside when it is damaged."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import secrets
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from genba_shared.errors import OutboxFull, UsageError

logger = logging.getLogger(__name__)

FILE_NAME: Final = "outbox.db"
_FORMAT: Final = 2
_SCHEMA: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT NOT NULL)",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)
_UPGRADES: Final[dict[int, tuple[str, ...]]] = {
    2: (  # what was decided is kept beside its event, and which map it was decided with
        "ALTER TABLE event ADD COLUMN trail TEXT",
        "CREATE TABLE map (seq INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, text TEXT NOT NULL)",
    )
}
_CANNOT_NOW: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    }
)
_BUSY_S: Final = 2.0  # a person may be looking into the file with another tool
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_META: Final = {"gateway": str, "epoch": str, "next_seq": int, "acknowledged": int}


class _Damaged(Exception):
    """The file opens, and what stands in it cannot be."""


def lock_folder(folder: Path) -> TextIO:
    """Keep every other gateway out of a state folder until the returned file is closed or the process dies.

    Raises:
        UsageError: another process has it, or the folder cannot be written.
    """
    file: TextIO | None = None
    try:
        file = (folder / "lock").open("w")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if file is not None:
            file.close()
            raise UsageError(f"state folder {folder} is in use by another gateway; give this one its own") from exc
        raise UsageError(f"state folder {folder} cannot be used: {exc.strerror}") from exc
    return file


def open_database(folder: Path, *, gateway: str) -> sqlite3.Connection:
    """Open the outbox of a state folder, or begin a new one with a new epoch.

    A damaged file is renamed and kept for a person to look at: a gateway that does not start would lose more.

    Raises:
        UsageError: the folder is another gateway's, or was written by a newer version.
        OutboxFull: the disk cannot take the file.
    """
    path = folder / FILE_NAME
    try:
        with full_disk_said(path):
            return _open(path, gateway)
    except _Damaged as exc:
        reason = str(exc)
    except sqlite3.DatabaseError as exc:
        if getattr(exc, "sqlite_errorcode", None) not in _DAMAGED:
            raise
        reason = str(exc)
    set_aside = _set_aside(path)
    logger.error("outbox damaged reason=%s set_aside=%s: its events stay there; a new epoch begins", reason, set_aside)
    with full_disk_said(path):
        return _open(path, gateway)


def integrity(folder: Path) -> list[str] | None:
    """What SQLite finds wrong in a folder's outbox, looked at without changing it; None: there is no outbox yet.

    Raises:
        UsageError: it cannot be looked at: another user's, or busy. That is no damage.
    """
    path = folder / FILE_NAME
    try:
        if not path.exists():
            return None
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            findings = [str(text) for (text,) in connection.execute("PRAGMA quick_check(3)")]
    except PermissionError as exc:
        raise UsageError(f"{path}: {exc.strerror}") from exc
    except sqlite3.DatabaseError as exc:
        if getattr(exc, "sqlite_errorcode", 0) & 0xFF not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise UsageError(f"{path}: {exc}") from exc
        return [str(exc)]
    return [] if findings == ["ok"] else findings


@contextlib.contextmanager
def full_disk_said(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a full, read-only, failing or busy disk into our error.

    Raises:
        OutboxFull: that.
    """
    try:
        yield
    except sqlite3.DatabaseError as exc:
        code = getattr(exc, "sqlite_errorcode", None)
        if code is None or code & 0xFF not in _CANNOT_NOW:
            raise
        raise OutboxFull(f"{path}: {exc}") from exc


def _open(path: Path, gateway: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
    with contextlib.ExitStack() as unless_sound:
        unless_sound.enter_context(contextlib.closing(connection))
        _prepare(connection, path, gateway)
        unless_sound.pop_all()
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, gateway: str) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=OFF")  # some systems write zeros over what is deleted: the card wears
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _FORMAT:
        raise UsageError(
            f"{path} was written by a newer version of genba: update this one, or use another state folder"
        )
    if version == 0:
        _create(connection, gateway)
    elif version < _FORMAT:
        _upgrade(connection, since=version)
    owner = _check(connection)
    if owner != gateway:
        raise UsageError(
            f"state folder {path.parent} belongs to gateway {owner!r}, the map says {gateway!r}: "
            "give each gateway its own folder (--state DIR)"
        )


def _create(connection: sqlite3.Connection, gateway: str) -> None:
    beginning = {"gateway": gateway, "epoch": secrets.token_hex(16), "next_seq": 1, "acknowledged": 0}
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", beginning.items())
    _take_steps(connection, since=1)
    connection.execute("COMMIT")


def _upgrade(connection: sqlite3.Connection, *, since: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    _take_steps(connection, since=since)
    connection.execute("COMMIT")
    logger.info("outbox upgraded from_format=%d to_format=%d", since, _FORMAT)


def _take_steps(connection: sqlite3.Connection, *, since: int) -> None:
    for version in range(since + 1, _FORMAT + 1):
        for statement in _UPGRADES[version]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version={_FORMAT}")


def _check(connection: sqlite3.Connection) -> str:
    """Whose outbox it is."""
    findings = [text for (text,) in connection.execute("PRAGMA quick_check(3)")]
    if findings != ["ok"]:
        raise _Damaged("; ".join(findings))
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    if {key: type(value) for key, value in meta.items()} != _META:
        raise _Damaged(f"meta holds {', '.join(meta)}")
    (greatest,) = connection.execute("SELECT max(seq) FROM event").fetchone()
    if (greatest or 0) >= meta["next_seq"]:
        raise _Damaged(f"seq {greatest} is not below next_seq {meta['next_seq']}")
    return str(meta["gateway"])


def _set_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    target = path.with_name(f"{path.name}.damaged-{stamp}-{secrets.token_hex(2)}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{target}{suffix}")
    return target
