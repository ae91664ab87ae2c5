"""The outbox in SQLite: write-ahead log, synced at every commit, one transaction for events and state."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from genba_edge.outbox.database import FILE_NAME, full_disk_said, lock_folder, open_database
from genba_edge.outbox.history import History, HistoryLimits, measure_between, part_tables, time_of
from genba_edge.ports import OutboxMark
from genba_shared.errors import ContractError, OutboxFull
from genba_shared.events import Event, event_from_own_json, event_to_json

logger = logging.getLogger(__name__)

_NO_TRAILS: Final[Mapping[str, str]] = MappingProxyType({})
_USUAL: Final = HistoryLimits()


class SqliteOutbox:
    """Implements `Outbox`. Every method may be called from any thread; `mark` never waits for the disk.

    A row that was acknowledged stays in its place as history, and the oldest history goes when it is too much or too
    old, or when the disk is full.

    Raises:
        UsageError: the folder is in use, is another gateway's, or was written by a newer version.
        OutboxFull: the disk cannot take a new outbox.
    """

    def __init__(self, state_dir: Path, *, gateway: str, history: HistoryLimits = _USUAL) -> None:
        self._path = state_dir / FILE_NAME
        self._gateway = gateway
        self._lock = threading.Lock()
        self._told_unreadable: set[int] = set()
        with contextlib.ExitStack() as unless_open:
            self._folder_lock = unless_open.enter_context(lock_folder(state_dir))
            self._connection = unless_open.enter_context(contextlib.closing(open_database(state_dir, gateway=gateway)))
            self._mark = self._read_mark()
            self._history = History.measured(self._connection, history, upto=self._mark.acknowledged)
            unless_open.pop_all()
        self._is_open = True

    def mark(self) -> OutboxMark:
        """Where it stands: as of the last commit."""
        return self._mark

    def load_state(self) -> Mapping[str, str]:
        """The core's state as of the last commit: key → JSON text."""
        with self._lock:
            rows = self._connection.execute("SELECT key, value FROM state").fetchall()
        return {_from_stored_key(key): value for key, value in rows}

    def append(
        self, events: Sequence[Event], state: Mapping[str, str | None], trails: Mapping[str, str] = _NO_TRAILS
    ) -> None:
        """Commit events and changed state (None removes a key); when it returns, a power cut cannot take them back.

        `trails`: by event id, how it was decided (JSON text), kept in the row of the event.

        Raises:
            ContractError: an id does not continue this gateway's epoch and sequence; nothing was written.
            OutboxFull: the disk cannot take it, even without history; nothing was written.
        """
        if not events and not state:
            return
        with self._lock:
            mark = self._mark
            rows = [
                (seq, _to_stored(event), _stored_trail(trails, event.id))
                for seq, event in enumerate(events, start=mark.next_seq)
            ]
            for (seq, _, _), event in zip(rows, events, strict=True):
                if event.id != f"{self._gateway}:{mark.epoch}:{seq}":
                    raise ContractError(f"event {event.id} does not continue the outbox at seq {seq} of {mark.epoch}")
            next_seq = mark.next_seq + len(rows)
            while True:
                try:
                    self._write(rows, state, next_seq=next_seq)
                    break
                except OutboxFull:
                    if not self._made_room():
                        raise
            oldest_at = mark.oldest_at if mark.depth or not events else events[0].at
            self._mark = OutboxMark(
                epoch=mark.epoch,
                next_seq=next_seq,
                acknowledged=mark.acknowledged,
                depth=mark.depth + len(rows),
                oldest_at=oldest_at,
            )

    def _write(
        self, rows: Sequence[tuple[int, str, str | None]], state: Mapping[str, str | None], *, next_seq: int
    ) -> None:
        with self._transaction() as connection:
            if rows:
                connection.execute("UPDATE meta SET value = ? WHERE key = 'next_seq'", (next_seq,))
            _write(connection, rows, state)

    def _made_room(self) -> bool:
        """On a full disk, history gives way to what the collector does not have yet; False: there is none left."""
        try:
            with self._transaction() as connection:
                left = self._history.with_less(connection, upto=self._mark.acknowledged)
        except OutboxFull:
            return False
        if left is None:
            return False
        logger.warning("disk full: history let go bytes=%d", self._history.size - left.size)
        self._history = left
        return True

    def begin_epoch(self, epoch: str, events: Sequence[Event], state: Mapping[str, str | None]) -> None:
        """See the port. History goes: its seqs are given out again, to other events.

        Raises:
            ContractError: events wait for the collector, or these do not continue the epoch; nothing was changed.
            OutboxFull: the disk cannot take it; nothing was changed.
        """
        with self._lock:
            if self._mark.depth:
                raise ContractError(f"{self._mark.depth} events of epoch {self._mark.epoch} wait for the collector")
            rows = [(seq, _to_stored(event), None) for seq, event in enumerate(events, start=1)]
            for (seq, _, _), event in zip(rows, events, strict=True):
                if event.id != f"{self._gateway}:{epoch}:{seq}":
                    raise ContractError(f"event {event.id} is not seq {seq} of {epoch}")
            with self._transaction() as connection:
                for table in part_tables(connection):
                    connection.execute(f"DROP TABLE {table}")
                connection.execute("DELETE FROM event")
                connection.execute("DELETE FROM map WHERE seq < (SELECT max(seq) FROM map)")
                connection.execute("UPDATE map SET seq = 1")
                meta = {"epoch": epoch, "acknowledged": 0, "next_seq": len(rows) + 1}
                connection.executemany("UPDATE meta SET value = ? WHERE key = ?", [(meta[key], key) for key in meta])
                _write(connection, rows, state)
            self._mark = self._read_mark()
            self._history = History.measured(self._connection, self._history.limits, upto=0)

    def note_map(self, *, sha256: str, text: str) -> None:
        """From the next event on the map with this hash and text is in force; the same once more changes nothing.

        Raises:
            OutboxFull: the disk cannot take it; nothing was written.
        """
        with self._lock:
            latest = self._connection.execute("SELECT sha256 FROM map ORDER BY seq DESC LIMIT 1").fetchone()
            if latest is not None and latest[0] == sha256:
                return
            with self._transaction() as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO map (seq, sha256, text) VALUES (?, ?, ?)",
                    (self._mark.next_seq, sha256, _escaped(text)),
                )

    def pending(self, *, after: int, limit: int) -> Sequence[Event]:
        """Events with seq > `after` that are not acknowledged, in order, at most `limit`.

        A row that cannot be read is left out and logged.
        """
        events: list[Event] = []
        with self._lock:
            after = max(after, self._mark.acknowledged)
            rows = self._connection.execute("SELECT seq, line FROM event WHERE seq > ? ORDER BY seq", (after,))
            for seq, line in rows:
                if len(events) == limit:
                    break
                event = self._from_stored(seq, line)
                if event is not None:
                    events.append(event)
            rows.close()
        return events

    def acknowledge(self, upto: int) -> None:
        """Everything up to `upto` is accounted for: it is history. Doing it twice, or for less, changes nothing.

        Raises:
            ContractError: `upto` was never given out; nothing was changed.
            OutboxFull: the disk cannot take the change; nothing was changed, and it can be tried again.
        """
        with self._lock:
            mark = self._mark
            if upto >= mark.next_seq:
                raise ContractError(f"acknowledgement of seq {upto}, but {mark.next_seq} is the next to be given out")
            if upto <= mark.acknowledged:
                return
            taken, size = measure_between(self._connection, after=mark.acknowledged, upto=upto)
            with self._transaction() as connection:
                connection.execute("UPDATE meta SET value = ? WHERE key = 'acknowledged'", (upto,))
                grown = self._history.grown(connection, by=size, upto=upto)
                history = grown.trim(connection, upto=upto, depth=mark.depth - taken)
            self._history = history
            self._mark = OutboxMark(
                epoch=mark.epoch,
                next_seq=mark.next_seq,
                acknowledged=upto,
                depth=mark.depth - taken,  # counting the million rows that are left would hold up the commits meanwhile
                oldest_at=self._oldest_at(upto),
            )

    def close(self) -> None:
        """Close the file; the folder is free for another process."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._connection.close()
                self._folder_lock.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with full_disk_said(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # commits, or rolls back what was begun
                yield self._connection

    def _read_mark(self) -> OutboxMark:
        meta = dict(self._connection.execute("SELECT key, value FROM meta"))
        upto = meta["acknowledged"]
        (depth,) = self._connection.execute("SELECT count(*) FROM event WHERE seq > ?", (upto,)).fetchone()
        return OutboxMark(
            epoch=meta["epoch"],
            next_seq=meta["next_seq"],
            acknowledged=upto,
            depth=depth,
            oldest_at=self._oldest_at(upto),
        )

    def _oldest_at(self, acknowledged: int) -> datetime | None:
        after = "SELECT line FROM event WHERE seq > ? ORDER BY seq LIMIT 1"
        oldest = self._connection.execute(after, (acknowledged,)).fetchone()
        return None if oldest is None else time_of(oldest[0])

    def _from_stored(self, seq: int, line: str) -> Event | None:
        try:
            return event_from_own_json(json.loads(line))
        except (ValueError, ContractError) as exc:
            if seq not in self._told_unreadable:
                self._told_unreadable.add(seq)
                logger.error(  # noqa: TRY400 (the row is the finding, not this line of code)
                    "outbox row unreadable seq=%d reason=%s: it is declared dropped", seq, exc
                )
            return None


def _write(
    connection: sqlite3.Connection, rows: Sequence[tuple[int, str, str | None]], state: Mapping[str, str | None]
) -> None:
    connection.executemany("INSERT INTO event (seq, line, trail) VALUES (?, ?, ?)", rows)
    connection.executemany(
        "INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)",
        [(_to_stored_key(key), _escaped(value)) for key, value in state.items() if value is not None],
    )
    connection.executemany(
        "DELETE FROM state WHERE key = ?",
        [(_to_stored_key(key),) for key, value in state.items() if value is None],
    )


def _to_stored(event: Event) -> str:
    """The JSON line of an event."""
    return _escaped(json.dumps(event_to_json(event), ensure_ascii=False, separators=(",", ":")))


def _stored_trail(trails: Mapping[str, str], event_id: str) -> str | None:
    trail = trails.get(event_id)
    return None if trail is None else _escaped(trail)


def _escaped(text: str) -> str:
    """The same JSON without characters that are not valid Unicode; a device may send any, SQLite takes none."""
    return text if text.isascii() else text.encode("utf-8", errors="backslashreplace").decode()


def _to_stored_key(key: str) -> str | bytes:
    """A key is no JSON: one that is not valid Unicode (a job number may be part of it) is stored as bytes."""
    encoded = key.encode("utf-8", errors="surrogatepass")
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return encoded


def _from_stored_key(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.decode("utf-8", errors="surrogatepass")
