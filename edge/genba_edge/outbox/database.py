"""The outbox file: opened, checked, and set aside when it is damaged."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from genba_edge.outbox.packing import unpacked
from genba_edge.outbox.saved_state import STEP_COLUMNS, BadState, SavedState, crc_of
from genba_shared.errors import OutboxFull, UsageError
from genba_shared.events import KINDS

logger = logging.getLogger(__name__)

FILE_NAME: Final = "outbox.db"
_FORMAT: Final = 3
_CHECKPOINT_PAGES: Final = 4000  # of the write-ahead log, before they are moved into the file
PAGE_SIZE: Final = 512  # bytes: a commit writes each page that it touches as a whole (docs/decisions/0017)
_SCHEMA: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    "CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT NOT NULL)",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)
_UPGRADES: Final[dict[int, tuple[str, ...]]] = {
    2: (  # what was decided is kept beside its event, and which map it was decided with
        "ALTER TABLE event ADD COLUMN trail TEXT",
        "CREATE TABLE map (seq INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, text TEXT NOT NULL)",
    ),
    3: (  # events can be dropped by kind; check sums; state in steps; next_seq follows from the rows
        "ALTER TABLE event ADD COLUMN kind INTEGER",
        "ALTER TABLE event ADD COLUMN crc INTEGER",
        "ALTER TABLE state ADD COLUMN crc INTEGER",
        f"CREATE TABLE step {STEP_COLUMNS}",
        "DELETE FROM meta WHERE key = 'next_seq'",
        "INSERT INTO meta (key, value) VALUES ('crc', 0)",
    ),
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
_META: Final = {"gateway": str, "epoch": str, "acknowledged": int, "crc": int}
_LEAST_FILE: Final = 512  # bytes: the smallest page of SQLite
_MOST_SET_ASIDE: Final = 3  # damaged files that are kept for a person to look at


class _Damaged(Exception):
    """The file opens, and what stands in it cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An outbox that was opened. `lost_since`: it begins anew beside a damaged one, which was written last then."""

    connection: sqlite3.Connection
    state: SavedState
    lost_since: datetime | None = None


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


def open_database(folder: Path, *, gateway: str) -> Opened:
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
    except (_Damaged, BadState) as exc:
        reason = str(exc)
    except sqlite3.DatabaseError as exc:
        if getattr(exc, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
            raise
        reason = str(exc)
    target, written_at = _set_aside(path)
    logger.error("outbox damaged reason=%s set_aside=%s: its events stay there; a new epoch begins", reason, target)
    _let_oldest_go(path)
    with full_disk_said(path):
        return replace(_open(path, gateway), lost_since=written_at)


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


def _open(path: Path, gateway: str) -> Opened:
    _look_at_files(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
    connection.text_factory = text_of
    with contextlib.ExitStack() as unless_sound:
        unless_sound.enter_context(contextlib.closing(connection))
        _prepare(connection, path, gateway)
        opened = Opened(connection=connection, state=SavedState(connection))
        unless_sound.pop_all()
    return opened


def _look_at_files(path: Path) -> None:
    """SQLite takes a very short file for a new one, and deletes a write-ahead log whose file is gone or empty."""
    log = Path(f"{path}-wal")
    if path.exists() and path.stat().st_size < _LEAST_FILE:
        raise _Damaged("the file is empty, or was cut off at its beginning")
    if not path.exists() and log.exists() and log.stat().st_size > 0:
        raise _Damaged("its write-ahead log is there, and the file is not")


def _prepare(connection: sqlite3.Connection, path: Path, gateway: str) -> None:
    connection.execute(f"PRAGMA page_size={PAGE_SIZE}")  # of a new file; one that is there keeps its own
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
    connection.execute("PRAGMA secure_delete=OFF")  # some systems write zeros over what is deleted: the card wears
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _FORMAT:
        raise UsageError(
            f"{path} was written by a newer version of genba: update this one, or use another state folder"
        )
    if version == 0:
        _create(connection, gateway)
    else:
        _check_pages(connection)
        if version < _FORMAT:
            _upgrade(connection, since=version)
    owner = _check(connection)
    if owner != gateway:
        raise UsageError(
            f"state folder {path.parent} belongs to gateway {owner!r}, the map says {gateway!r}: "
            "give each gateway its own folder (--state DIR)"
        )


def _create(connection: sqlite3.Connection, gateway: str) -> None:
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is not None:
        raise _Damaged("it is the file of another program")
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
    waiting = "seq > (SELECT value FROM meta WHERE key = 'acknowledged')"
    rows = connection.execute(f"SELECT seq, line FROM event WHERE kind IS NULL AND {waiting}").fetchall()  # noqa: S608 - our own words
    connection.executemany("UPDATE event SET kind = ? WHERE seq = ?", [(kind_of(line), seq) for seq, line in rows])
    connection.execute("COMMIT")
    logger.info("outbox upgraded from_format=%d to_format=%d", since, _FORMAT)


def _take_steps(connection: sqlite3.Connection, *, since: int) -> None:
    for version in range(since + 1, _FORMAT + 1):
        for statement in _UPGRADES[version]:
            connection.execute(statement)
    (acknowledged,) = connection.execute("SELECT value FROM meta WHERE key = 'acknowledged'").fetchone()
    write_acknowledged(connection, acknowledged)
    connection.execute(f"PRAGMA user_version={_FORMAT}")


def write_acknowledged(connection: sqlite3.Connection, acknowledged: int) -> None:
    """Put the mark into its own row: whenever rows go that were acknowledged, so that no seq is given out again."""
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    crc = crc_of(meta["gateway"], meta["epoch"], acknowledged)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'acknowledged'", (acknowledged,))
    connection.execute("UPDATE meta SET value = ? WHERE key = 'crc'", (crc,))


def text_of(stored: bytes) -> str:
    """A stored text; one that a card changed may be no text any more, and its check sum tells."""
    return stored.decode("utf-8", errors="replace")


def kind_of(line: object) -> int | None:
    """The number of the kind of a stored event; None: it cannot be read."""
    try:
        return KINDS[json.loads(unpacked(line))["kind"]].code
    except (ValueError, KeyError, TypeError):
        return None


def _check_pages(connection: sqlite3.Connection) -> None:
    findings = [text for (text,) in connection.execute("PRAGMA quick_check(3)")]
    if findings != ["ok"]:
        raise _Damaged("; ".join(findings))


def _check(connection: sqlite3.Connection) -> str:
    """Whose outbox it is. A table that is not there is damage, too."""
    for table in ("event", "state", "step", "map"):
        connection.execute(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608 - names of our own
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    if {key: type(value) for key, value in meta.items()} != _META:
        raise _Damaged(f"meta holds {', '.join(map(str, meta))}")
    if crc_of(meta["gateway"], meta["epoch"], meta["acknowledged"]) != meta["crc"]:
        raise _Damaged("its gateway, epoch or mark is not what was stored")
    return str(meta["gateway"])


def _set_aside(path: Path) -> tuple[Path, datetime]:
    """Rename what is there; the new name, and when it was written last."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    written_at = 0.0
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            file = Path(f"{path}{suffix}")
            written_at = max(written_at, file.stat().st_mtime if suffix != "-shm" else 0.0)
            file.replace(f"{target}{suffix}")
    return target, datetime.fromtimestamp(written_at, UTC)


def _let_oldest_go(path: Path) -> None:
    """Keep the newest damaged files: a card that fails again and again must not fill the disk with them."""
    pattern = f"{path.name}.damaged-*"
    stamps = sorted({file.name.removesuffix("-wal").removesuffix("-shm") for file in path.parent.glob(pattern)})
    for name in stamps[:-_MOST_SET_ASIDE]:
        logger.warning("damaged outbox deleted file=%s: the newest %d are kept", name, _MOST_SET_ASIDE)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(name + suffix).unlink(missing_ok=True)
