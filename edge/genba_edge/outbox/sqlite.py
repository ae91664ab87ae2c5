"""The outbox in SQLite: write-ahead log, synced at every commit, one transaction for events and state."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from genba_edge.core.dropping import Dropping, StoreLimits
from genba_edge.outbox.database import FILE_NAME, full_disk_said, lock_folder, open_database, write_acknowledged
from genba_edge.outbox.history import History, HistoryLimits, part_tables, time_of
from genba_edge.outbox.packing import packed, unpacked
from genba_edge.outbox.saved_state import escaped
from genba_edge.outbox.waiting import Size, WaitingRows
from genba_edge.ports import OutboxMark
from genba_shared.errors import ContractError, OutboxFull
from genba_shared.events import Event, event_from_own_json, to_line

logger = logging.getLogger(__name__)

_NO_TRAILS: Final[Mapping[str, str]] = MappingProxyType({})
_USUAL: Final = HistoryLimits()
_NO_LIMITS: Final = StoreLimits()
_LAZY_PART: Final = 16  # an acknowledgement of more than this part of the history's limit is written at once

_INSERT: Final = "INSERT INTO event (seq, line, trail, kind, crc) VALUES (?, ?, ?, ?, ?)"

_Row = tuple[int, bytes, str | None, int, int]
"""seq, line, trail, kind, check sum."""


class SqliteOutbox:
    """Implements `Outbox`. Every method may be called from any thread; `mark` never waits for the disk.

    A row that was acknowledged stays in its place as history, and the oldest history goes when it is too much or too
    old, or when the disk is full. An acknowledgement is written with the next commit: one that a kill takes away only
    means that events are sent once more.

    Raises:
        UsageError: the folder is in use, is another gateway's, or was written by a newer version.
        OutboxFull: the disk cannot take a new outbox.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        gateway: str,
        history: HistoryLimits = _USUAL,
        limits: StoreLimits = _NO_LIMITS,
    ) -> None:
        self._path = state_dir / FILE_NAME
        self._gateway = gateway
        self._lock = threading.Lock()
        self._told_unreadable: set[int] = set()
        self._is_planned = False
        self._newest_at: datetime | None = None
        with contextlib.ExitStack() as unless_open:
            self._folder_lock = unless_open.enter_context(lock_folder(state_dir))
            opened = open_database(state_dir, gateway=gateway)
            self._connection = unless_open.enter_context(contextlib.closing(opened.connection))
            self._state = opened.state
            self._mark = self._read_mark()
            self._history = History.measured(self._connection, history, upto=self._mark.acknowledged)
            self._waiting = self._measured(limits)
            unless_open.pop_all()
        self.lost_since = opened.lost_since
        """It begins anew because the file was damaged, which was written last then; None: it goes on."""
        self._unwritten = 0  # bytes that were acknowledged since the mark was written
        self._is_open = True

    def mark(self) -> OutboxMark:
        """Where it stands: as of the last commit."""
        waiting = self._waiting
        return replace(self._mark, size=waiting.size.size, limit=waiting.limits.most_bytes, dropped=waiting.dropped)

    def load_state(self) -> Mapping[str, str]:
        """The core's state as of the last commit: key → JSON text."""
        with self._lock:
            return self._state.load()

    def append(
        self,
        events: Sequence[Event],
        state: Mapping[str, str | None],
        trails: Mapping[str, str] = _NO_TRAILS,
        *,
        dropping: Dropping | None = None,
    ) -> None:
        """Commit events and changed state (None removes a key); when it returns, a power cut cannot take them back.

        `trails`: by event id, how it was decided (JSON text), kept in the row of the event. `dropping`: what was
        planned to go; it goes in the same transaction, and one of the events declares it.

        Raises:
            ContractError: an id does not continue this gateway's epoch and sequence; nothing was written.
            OutboxFull: the disk cannot take it, even without history; nothing was written.
        """
        if not events and not state:
            return
        with self._lock:
            rows = self._rows_of(events, trails, epoch=self._mark.epoch, first=self._mark.next_seq)
            while True:
                try:
                    self._write(rows, state, dropping)
                    break
                except OutboxFull:
                    if not self._made_room():
                        raise
            self._note_written(rows, events, dropping)

    def _note_written(self, rows: Sequence[_Row], events: Sequence[Event], dropping: Dropping | None) -> None:
        mark = self._mark
        gone = 0 if dropping is None else len(dropping.seqs)
        depth = mark.depth - gone + len(rows)
        oldest_at = mark.oldest_at if mark.depth or not events else events[0].at
        if dropping is not None:
            oldest_at = self._oldest_at(mark.acknowledged)
            self._waiting.dropped += dropping.events
            self._is_planned = False
        if events:
            self._newest_at = events[-1].at
        self._mark = replace(mark, next_seq=mark.next_seq + len(rows), depth=depth, oldest_at=oldest_at)

    def must_drop(self) -> bool:
        """Whether a limit is reached, or may be: quick, without looking at the disk."""
        return self._waiting.is_over(self._newest_at)

    def plan_drops(self) -> Dropping | None:
        """What must go so that what waits keeps within its limits; whoever asks declares it and commits it next.

        Until then acknowledgements are not taken, so that nothing is declared that the collector has.
        """
        with self._lock:
            return self._planned(self._waiting.plan(upto=self._mark.acknowledged, newest_at=self._newest_at))

    def plan_for_full_disk(self) -> Dropping | None:
        """What may go so that the disk can take the next commit; as `plan_drops`."""
        with self._lock:
            return self._planned(self._waiting.plan_for_full_disk(upto=self._mark.acknowledged))

    def forget_plan(self) -> None:
        """What was planned to be dropped stays."""
        with self._lock:
            self._is_planned = False

    def _planned(self, dropping: Dropping | None) -> Dropping | None:
        self._is_planned = self._is_planned or dropping is not None
        return dropping

    def _rows_of(self, events: Sequence[Event], trails: Mapping[str, str], *, epoch: str, first: int) -> list[_Row]:
        rows = []
        for seq, event in enumerate(events, start=first):
            if event.id != f"{self._gateway}:{epoch}:{seq}":
                raise ContractError(f"event {event.id} does not continue the outbox at seq {seq} of {epoch}")
            line = _to_stored(event)
            rows.append((seq, line, _stored_trail(trails, event.id), event.code, zlib.crc32(line)))
        return rows

    def _write(self, rows: Sequence[_Row], state: Mapping[str, str | None], dropping: Dropping | None) -> None:
        mark, history = self._mark, self._history
        size = self._waiting.size
        for _, line, trail, code, _ in rows:
            size += self._waiting.size_of(code=code, line=line, trail=trail)
        with self._transaction() as connection:
            if dropping is not None:
                size -= self._waiting.remove(dropping)
            connection.executemany(_INSERT, rows)
            is_folded = self._state.write(state, acknowledged=mark.acknowledged)
            if self._unwritten:
                history = history.trim(connection, upto=mark.acknowledged, depth=mark.depth + len(rows))
            history = self._history_beside(history, size.size)
            if is_folded or history is not self._history:
                write_acknowledged(connection, mark.acknowledged)
        self._state.noted(state, is_folded=is_folded)
        self._history, self._unwritten, self._waiting.size = history, 0, size

    def _history_beside(self, history: History, waiting: int) -> History:
        """Both share the limit of the store, and history gives way."""
        most = self._waiting.limits.most_bytes
        if most is None or history.size + waiting <= most:
            return history
        while history.size and history.size + waiting > most - most // _LAZY_PART:
            left = history.with_less(self._connection, upto=self._mark.acknowledged)
            if left is None:
                break
            history = left
        return history

    def _made_room(self) -> bool:
        """On a full disk, history gives way to what the collector does not have yet; False: there is none left."""
        try:
            with self._transaction() as connection:
                left = self._history.with_less(connection, upto=self._mark.acknowledged)
                write_acknowledged(connection, self._mark.acknowledged)
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
            rows = self._rows_of(events, {}, epoch=epoch, first=1)
            with self._transaction() as connection:
                for table in part_tables(connection):
                    connection.execute(f"DROP TABLE {table}")
                connection.execute("DELETE FROM event")
                connection.execute("DELETE FROM map WHERE seq < (SELECT max(seq) FROM map)")
                connection.execute("UPDATE map SET seq = 1")
                connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
                connection.executemany(_INSERT, rows)
                self._state.write_folded(state)
                write_acknowledged(connection, 0)
            self._state.noted(state, is_folded=True)
            self._mark, self._unwritten, self._is_planned = self._read_mark(), 0, False
            self._history = History.measured(self._connection, self._history.limits, upto=0)
            self._waiting = self._measured(self._waiting.limits, dropped=self._waiting.dropped)
            self._told_unreadable.clear()

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
                    (self._mark.next_seq, sha256, escaped(text)),
                )

    def pending(self, *, after: int, limit: int) -> Sequence[Event]:
        """Events with seq > `after` that are not acknowledged, in order, at most `limit`.

        A row that cannot be read is left out and logged.
        """
        events: list[Event] = []
        with self._lock:
            after = max(after, self._mark.acknowledged)
            rows = self._connection.execute("SELECT seq, line, crc FROM event WHERE seq > ? ORDER BY seq", (after,))
            for seq, line, crc in rows:
                if len(events) == limit:
                    break
                event = self._from_stored(seq, line, crc)
                if event is not None:
                    events.append(event)
            rows.close()
        return events

    def acknowledge(self, upto: int) -> None:
        """Everything up to `upto` is accounted for: it is history. Doing it twice, or for less, changes nothing.

        Nothing changes either while something is planned to be dropped: `mark` tells, and it is to be done again.

        Raises:
            ContractError: `upto` was never given out; nothing was changed.
            OutboxFull: the disk cannot take the change; nothing was changed, and it can be tried again.
        """
        with self._lock:
            mark = self._mark
            if upto >= mark.next_seq:
                raise ContractError(f"acknowledgement of seq {upto}, but {mark.next_seq} is the next to be given out")
            if upto <= mark.acknowledged or self._is_planned:
                return
            taken = self._waiting.measure(after=mark.acknowledged, upto=upto)
            history = self._history.grown(self._connection, by=taken.size, upto=upto)
            unwritten = self._unwritten + taken.size
            depth = (
                mark.depth - taken.rows
            )  # counting the million rows that are left would hold up the commits meanwhile
            if unwritten * _LAZY_PART > history.limits.most_bytes:
                with self._transaction() as connection:
                    history = history.trim(connection, upto=upto, depth=depth)
                    write_acknowledged(connection, upto)
                unwritten = 0
            self._history, self._unwritten = history, unwritten
            self._waiting.size -= taken
            self._mark = replace(mark, acknowledged=upto, depth=depth, oldest_at=self._oldest_at(upto))

    def keep_mark(self) -> None:
        """Write the acknowledgement down that no commit has taken along yet: a gateway that has nothing to do.

        Raises:
            OutboxFull: the disk cannot take it; nothing was changed.
        """
        with self._lock:
            self._write_mark()

    def close(self) -> None:
        """Close the file; the folder is free for another process."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                with contextlib.suppress(OutboxFull):  # events are sent once more
                    self._write_mark()
                self._connection.close()
                self._folder_lock.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with full_disk_said(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # commits, or rolls back what was begun
                yield self._connection

    def _measured(self, limits: StoreLimits, *, dropped: int = 0) -> WaitingRows:
        row = self._connection.execute("SELECT line FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        self._newest_at = None if row is None else time_of(row[0])
        waiting = WaitingRows(connection=self._connection, limits=limits, size=Size(), dropped=dropped)
        waiting.size = waiting.measure(after=self._mark.acknowledged, upto=self._mark.next_seq)
        return waiting

    def _write_mark(self) -> None:
        if self._unwritten:
            with self._transaction() as connection:
                write_acknowledged(connection, self._mark.acknowledged)
            self._unwritten = 0

    def _read_mark(self) -> OutboxMark:
        """Seqs go on behind the newest row; rows only go when the mark that covers them is written with that."""
        meta = dict(self._connection.execute("SELECT key, value FROM meta"))
        upto = max(meta["acknowledged"], self._state.acknowledged)
        (newest,) = self._connection.execute("SELECT max(seq) FROM event").fetchone()
        (depth,) = self._connection.execute("SELECT count(*) FROM event WHERE seq > ?", (upto,)).fetchone()
        return OutboxMark(
            epoch=meta["epoch"],
            next_seq=max(newest or 0, upto) + 1,
            acknowledged=upto,
            depth=depth,
            oldest_at=self._oldest_at(upto),
        )

    def _oldest_at(self, acknowledged: int) -> datetime | None:
        after = "SELECT line FROM event WHERE seq > ? ORDER BY seq LIMIT 1"
        oldest = self._connection.execute(after, (acknowledged,)).fetchone()
        return None if oldest is None else time_of(oldest[0])

    def _from_stored(self, seq: int, line: object, crc: int | None) -> Event | None:
        try:
            if isinstance(line, bytes) and crc != zlib.crc32(line):
                raise ContractError("it is not what was stored")
            return event_from_own_json(json.loads(unpacked(line)))
        except (ValueError, TypeError, ContractError) as exc:
            if seq not in self._told_unreadable:
                self._told_unreadable.add(seq)
                logger.error(  # noqa: TRY400 (the row is the finding, not this line of code)
                    "outbox row unreadable seq=%d reason=%s: it is declared dropped", seq, exc
                )
            return None


def _to_stored(event: Event) -> bytes:
    return packed(escaped(to_line(event)))


def _stored_trail(trails: Mapping[str, str], event_id: str) -> str | None:
    trail = trails.get(event_id)
    return None if trail is None else escaped(trail)
