"""What the outbox keeps after the collector has accounted for it: how much, and what goes first.

Nothing is written to keep it: rows that were acknowledged simply stay where they are. They are taken away from the
oldest on, many at a time, because that costs the card a few pages however many rows they hold.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from genba_shared.clock import parse_time

BYTES_OF_ROW: Final = "length(CAST(line AS BLOB)) + ifnull(length(CAST(trail AS BLOB)), 0)"
_MOST_ROWS: Final = 50_000  # taken away in one transaction: a second of the commits' time at the most
_BATCHES: Final = 16  # history is trimmed when it is over a limit by a sixteenth of it


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLimits:
    """How much history stays: bytes of events and trails, and how old the oldest may be beside the newest."""

    most_bytes: int = 64_000_000
    keep: timedelta = timedelta(days=30)


@dataclass(slots=True)
class History:
    """How much of it there is; rows up to `upto` (the greatest acknowledged seq) are history."""

    limits: HistoryLimits
    size: int = 0
    oldest_at: datetime | None = field(default=None)

    def measure(self, connection: sqlite3.Connection, *, upto: int) -> None:
        """Look once at everything that is kept."""
        self.size = _size(connection, "seq <= ?", upto)
        self.oldest_at = _time_of_oldest(connection, upto)

    def grown(self, connection: sqlite3.Connection, *, by: int, upto: int) -> History:
        """The history when rows of so many bytes, up to `upto`, are acknowledged."""
        oldest_at = self.oldest_at or _time_of_oldest(connection, upto)
        return History(limits=self.limits, size=self.size + by, oldest_at=oldest_at)

    def trim(self, connection: sqlite3.Connection, *, upto: int) -> History:
        """Take away what is over a limit, within the caller's transaction; the history when that is committed.

        Age is measured from the newest row of the history: a clock that is set wrong for an hour takes nothing away.
        """
        limits, last = self.limits, None
        if self.size > limits.most_bytes + limits.most_bytes // _BATCHES:
            last = _last_beyond(connection, upto=upto, surplus=self.size - limits.most_bytes)
        newest_at = _time_of_newest(connection, upto)
        if newest_at is not None and self.oldest_at is not None:
            age = newest_at - self.oldest_at
            if age > limits.keep + limits.keep / _BATCHES:
                old = _last_before(connection, upto=upto, before=newest_at - limits.keep)
                last = max(old or 0, last or 0) or None
        return self if last is None else self._without(connection, last, upto=upto)

    def halve(self, connection: sqlite3.Connection, *, upto: int) -> History | None:
        """Take away the older half, within the caller's transaction, to make room; None: there is nothing to take."""
        oldest, newest = connection.execute("SELECT min(seq), max(seq) FROM event WHERE seq <= ?", (upto,)).fetchone()
        if oldest is None:
            return None
        return self._without(connection, min((oldest + newest) // 2, oldest + _MOST_ROWS), upto=upto)

    def _without(self, connection: sqlite3.Connection, last: int, *, upto: int) -> History:
        gone = _size(connection, "seq <= ?", last)
        connection.execute("DELETE FROM event WHERE seq <= ?", (last,))
        # of the maps those go whose successor was in force before the first event that is left
        connection.execute("DELETE FROM map WHERE seq < (SELECT max(seq) FROM map WHERE seq <= ?)", (last + 1,))
        return History(limits=self.limits, size=self.size - gone, oldest_at=_time_of_oldest(connection, upto))


def time_of(line: object) -> datetime | None:
    """When the event of a stored row happened; None for a row that cannot be read."""
    try:
        return parse_time(json.loads(line)["at"])  # type: ignore[arg-type]  # a damaged row may be anything: TypeError
    except (ValueError, KeyError, TypeError):
        return None


def measure_between(connection: sqlite3.Connection, *, after: int, upto: int) -> tuple[int, int]:
    """How many rows there are in (after, upto], and their bytes."""
    rows, size = connection.execute(
        f"SELECT count(*), total({BYTES_OF_ROW}) FROM event WHERE seq > ? AND seq <= ?",  # noqa: S608 - as below
        (after, upto),
    ).fetchone()
    return int(rows), int(size)


def _size(connection: sqlite3.Connection, which: str, *values: int) -> int:
    (size,) = connection.execute(f"SELECT total({BYTES_OF_ROW}) FROM event WHERE {which}", values).fetchone()  # noqa: S608 - constants of this file
    return int(size)


def _last_beyond(connection: sqlite3.Connection, *, upto: int, surplus: int) -> int | None:
    """The last of the oldest rows that together hold the surplus."""
    last = None
    rows = connection.execute(
        f"SELECT seq, {BYTES_OF_ROW} FROM event WHERE seq <= ? ORDER BY seq LIMIT ?",  # noqa: S608 - as above
        (upto, _MOST_ROWS),
    )
    for seq, size in rows:
        last = seq
        surplus -= size
        if surplus <= 0:
            break
    rows.close()
    return last


def _last_before(connection: sqlite3.Connection, *, upto: int, before: datetime) -> int | None:
    """The last of the oldest rows that happened before; rows that cannot be read are as old as those around them."""
    last = None
    rows = connection.execute("SELECT seq, line FROM event WHERE seq <= ? ORDER BY seq LIMIT ?", (upto, _MOST_ROWS))
    for seq, line in rows:
        at = time_of(line)
        if at is not None and at >= before:
            break
        last = seq
    rows.close()
    return last


def _time_of_oldest(connection: sqlite3.Connection, upto: int) -> datetime | None:
    """When the oldest row that can be read happened; a few damaged ones before it are passed over."""
    rows = connection.execute("SELECT line FROM event WHERE seq <= ? ORDER BY seq LIMIT 100", (upto,)).fetchall()
    return next((at for at in (time_of(line) for (line,) in rows) if at is not None), None)


def _time_of_newest(connection: sqlite3.Connection, upto: int) -> datetime | None:
    row = connection.execute("SELECT line FROM event WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (upto,)).fetchone()
    return None if row is None else time_of(row[0])
