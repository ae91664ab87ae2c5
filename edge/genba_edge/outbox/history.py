"""What the outbox keeps after the collector has accounted for it: how much, and what goes first.

Nothing is written to keep it: rows that were acknowledged simply stay where they are. When an eighth of the limit is
full of them, the table is renamed and a new one begun, so that the oldest part can later be dropped as a whole. A row
that is deleted costs the card as much as one that is written, a table that is dropped costs it a few pages.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from genba_edge.outbox.packing import unpacked
from genba_shared.clock import parse_time

CURRENT: Final = "event"
PART: Final = "history_"
COLUMNS: Final = "(seq INTEGER PRIMARY KEY, line NOT NULL, trail TEXT, kind INTEGER, crc INTEGER)"
ROW_OVERHEAD: Final = 12  # bytes of a row beside line and trail
ROW_BYTES: Final = f"length(CAST(line AS BLOB)) + ifnull(length(CAST(trail AS BLOB)), 0) + {ROW_OVERHEAD}"
_PARTS: Final = 8  # a part holds at least so much of the limits
_LARGE: Final = 4  # a part that holds more than this much of the limit goes row by row: an outage's backlog is one
_SLACK: Final = 16  # rows go when they are over a limit by this part of it, many at a time
_MOST_ROWS: Final = 50_000  # taken away in one transaction: a second of the commits' time at the most
_MOST_MOVED: Final = 1_000  # rows that wait for the collector and move into the new table


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLimits:
    """How much history stays: bytes of events and trails, and how old the oldest may be beside the newest."""

    most_bytes: int = 64_000_000
    keep: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A table of history: its acknowledged rows' bytes, and when the oldest and (once set apart) newest happened."""

    table: str
    size: int
    oldest_at: datetime | None
    newest_at: datetime | None = None

    def is_small(self, limits: HistoryLimits) -> bool:
        """Whether it may go as a whole: what was acknowledged at once after a long outage goes row by row."""
        if self.table == CURRENT:
            return False
        is_short = True
        if self.oldest_at is not None and self.newest_at is not None:
            is_short = (self.newest_at - self.oldest_at) * _LARGE <= limits.keep
        return is_short and self.size * _LARGE <= limits.most_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How much of it there is: parts that were set apart, the oldest first, and what stays among what is pending."""

    limits: HistoryLimits
    parts: tuple[_Part, ...] = ()
    current: _Part = field(default_factory=lambda: _Part(table=CURRENT, size=0, oldest_at=None))

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return sum(part.size for part in self.parts) + self.current.size

    @classmethod
    def measured(cls, connection: sqlite3.Connection, limits: HistoryLimits, *, upto: int) -> History:
        """Look once at everything that is kept; rows up to `upto` are history."""
        return cls(
            limits=limits,
            parts=tuple(_measured(connection, table, upto) for table in part_tables(connection)),
            current=_measured(connection, CURRENT, upto),
        )

    def grown(self, connection: sqlite3.Connection, *, by: int, upto: int) -> History:
        """The history when rows of so many bytes, up to `upto`, are acknowledged."""
        oldest_at = self.current.oldest_at or _oldest_at(connection, CURRENT, upto)
        return replace(self, current=replace(self.current, size=self.current.size + by, oldest_at=oldest_at))

    def trim(self, connection: sqlite3.Connection, *, upto: int, depth: int) -> History:
        """Set a part apart, and take away what is over a limit, within the caller's transaction; valid when committed.

        `depth` rows wait for the collector. Age is measured from the newest row of the history: a clock that is set
        wrong for an hour takes nothing away.
        """
        newest_at = _newest_at(connection, CURRENT, upto)
        found = self._set_apart(connection, upto=upto, depth=depth, newest_at=newest_at)
        while (part := found.first).is_small(self.limits) and found.is_over(part, newest_at):
            connection.execute(f"DROP TABLE {part.table}")
            found = replace(found, parts=found.parts[1:])
        if not part.is_small(self.limits) and found.is_over(part, newest_at, by=_SLACK):
            surplus, before = found.size - self.limits.most_bytes, None
            if newest_at is not None and found.is_old(part, newest_at):
                before = newest_at - self.limits.keep
            last = max(
                _last_beyond(connection, part.table, upto=upto, surplus=surplus) if surplus > 0 else 0,
                _last_before(connection, part.table, upto=upto, before=before) if before is not None else 0,
            )
            found = _without(connection, found, part, last=last, upto=upto)
        return found if found is self else _with_maps_trimmed(connection, found)

    @property
    def first(self) -> _Part:
        """The oldest part."""
        return self.parts[0] if self.parts else self.current

    def is_over(self, part: _Part, newest_at: datetime | None, *, by: int | None = None) -> bool:
        """Whether there is too much, or the part has rows that are too old; `by`: by more than that part of a limit."""
        slack = 0 if by is None else self.limits.most_bytes // by
        return self.size - slack > self.limits.most_bytes or (
            newest_at is not None and self.is_old(part, newest_at, by=by)
        )

    def is_old(self, part: _Part, newest_at: datetime, *, by: int | None = None) -> bool:
        """Whether the part has rows that are too old."""
        slack = timedelta(0) if by is None else self.limits.keep / by
        return part.oldest_at is not None and newest_at - part.oldest_at > self.limits.keep + slack

    def with_less(self, connection: sqlite3.Connection, *, upto: int) -> History | None:
        """Without its oldest part, within the caller's transaction, to make room; None: there is nothing to take."""
        if self.parts:
            connection.execute(f"DROP TABLE {self.parts[0].table}")
            return _with_maps_trimmed(connection, replace(self, parts=self.parts[1:]))
        oldest, newest = connection.execute("SELECT min(seq), max(seq) FROM event WHERE seq <= ?", (upto,)).fetchone()
        if oldest is None:
            return None
        last = min((oldest + newest) // 2, oldest + _MOST_ROWS)
        return _with_maps_trimmed(connection, _without(connection, self, self.current, last=last, upto=upto))

    def _set_apart(
        self, connection: sqlite3.Connection, *, upto: int, depth: int, newest_at: datetime | None
    ) -> History:
        current, limits = self.current, self.limits
        is_full = current.size * _PARTS >= limits.most_bytes
        is_long = (
            newest_at is not None
            and current.oldest_at is not None
            and (newest_at - current.oldest_at) * _PARTS >= limits.keep
        )
        if not current.size or depth > _MOST_MOVED or not (is_full or is_long):
            return self
        table = f"{PART}{_first_seq(connection, CURRENT)}"
        connection.execute(f"ALTER TABLE {CURRENT} RENAME TO {table}")
        connection.execute(f"CREATE TABLE {CURRENT} {COLUMNS}")
        columns = "seq, line, trail, kind, crc"
        connection.execute(f"INSERT INTO {CURRENT} SELECT {columns} FROM {table} WHERE seq > ?", (upto,))  # noqa: S608 - names of our own
        connection.execute(f"DELETE FROM {table} WHERE seq > ?", (upto,))  # noqa: S608 - as above
        part = replace(current, table=table, newest_at=newest_at)
        return replace(self, parts=(*self.parts, part), current=_Part(table=CURRENT, size=0, oldest_at=None))


def _without(connection: sqlite3.Connection, history: History, part: _Part, *, last: int, upto: int) -> History:
    """Without the rows of a part up to `last`."""
    gone = _size(connection, part.table, "seq <= ?", last)
    connection.execute(f"DELETE FROM {part.table} WHERE seq <= ?", (last,))  # noqa: S608 - as above
    left = replace(part, size=part.size - gone, oldest_at=_oldest_at(connection, part.table, upto))
    if part is history.current:
        return replace(history, current=left)
    return replace(history, parts=tuple(left if each is part else each for each in history.parts))


def _with_maps_trimmed(connection: sqlite3.Connection, history: History) -> History:
    """Of the maps those go whose successor was in force before the first event that is left."""
    tables = [*(part.table for part in history.parts), CURRENT]
    seqs = [seq for seq in (_first_seq(connection, table) for table in tables) if seq is not None]
    if seqs:
        connection.execute("DELETE FROM map WHERE seq < (SELECT max(seq) FROM map WHERE seq <= ?)", (min(seqs),))
    return history


def part_tables(connection: sqlite3.Connection) -> list[str]:
    """The tables of history that were set apart, the oldest first."""
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    parts = [str(name) for (name,) in names if str(name).startswith(PART) and str(name)[len(PART) :].isdigit()]
    return sorted(parts, key=lambda name: int(name[len(PART) :]))


def time_of(line: object) -> datetime | None:
    """When the event of a stored row happened; None for a row that cannot be read."""
    try:
        return parse_time(json.loads(unpacked(line))["at"])
    except (ValueError, KeyError, TypeError):
        return None


def _measured(connection: sqlite3.Connection, table: str, upto: int) -> _Part:
    size = _size(connection, table, "seq <= ?", upto)
    newest_at = None if table == CURRENT else _newest_at(connection, table, upto)
    return _Part(table=table, size=size, oldest_at=_oldest_at(connection, table, upto), newest_at=newest_at)


def _first_seq(connection: sqlite3.Connection, table: str) -> int | None:
    (first,) = connection.execute(f"SELECT min(seq) FROM {table}").fetchone()  # noqa: S608 - as above
    return None if first is None else int(first)


def _size(connection: sqlite3.Connection, table: str, which: str, *values: int) -> int:
    (size,) = connection.execute(f"SELECT total({ROW_BYTES}) FROM {table} WHERE {which}", values).fetchone()  # noqa: S608 - as above
    return int(size)


def _last_beyond(connection: sqlite3.Connection, table: str, *, upto: int, surplus: int) -> int:
    """The last of the oldest rows that together hold the surplus; 0: none."""
    last = 0
    rows = connection.execute(
        f"SELECT seq, {ROW_BYTES} FROM {table} WHERE seq <= ? ORDER BY seq LIMIT ?",  # noqa: S608 - as above
        (upto, _MOST_ROWS),
    )
    for seq, size in rows:
        last = int(seq)
        surplus -= size
        if surplus <= 0:
            break
    rows.close()
    return last


def _last_before(connection: sqlite3.Connection, table: str, *, upto: int, before: datetime) -> int:
    """The last of the oldest rows that happened before; rows that cannot be read are as old as those around them."""
    last = 0
    sql = f"SELECT seq, line FROM {table} WHERE seq <= ? ORDER BY seq LIMIT ?"  # noqa: S608 - as above
    rows = connection.execute(sql, (upto, _MOST_ROWS))
    for seq, line in rows:
        at = time_of(line)
        if at is not None and at >= before:
            break
        last = int(seq)
    rows.close()
    return last


def _oldest_at(connection: sqlite3.Connection, table: str, upto: int) -> datetime | None:
    """When the oldest row that can be read happened; a few damaged ones before it are passed over."""
    sql = f"SELECT line FROM {table} WHERE seq <= ? ORDER BY seq LIMIT 100"  # noqa: S608 - as above
    rows = connection.execute(sql, (upto,)).fetchall()
    return next((at for at in (time_of(line) for (line,) in rows) if at is not None), None)


def _newest_at(connection: sqlite3.Connection, table: str, upto: int) -> datetime | None:
    sql = f"SELECT line FROM {table} WHERE seq <= ? ORDER BY seq DESC LIMIT 1"  # noqa: S608 - as above
    row = connection.execute(sql, (upto,)).fetchone()
    return None if row is None else time_of(row[0])
