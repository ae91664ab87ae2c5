"""The log on PostgreSQL: in parts by ranges of position, so that old parts can go at once; rows are written by COPY.

Row-level security stands on the log as a whole. Its parts are only named here: COPY does not work with row-level
security, and whether a part holds rows of other enterprises must be seen before it goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

import psycopg
from psycopg.abc import PQGen
from psycopg.copy import LibpqWriter
from psycopg.generators import copy_end
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready
from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    LargeBinary,
    String,
    TableClause,
    column,
    delete,
    func,
    select,
    table,
    text,
)
from sqlalchemy.types import TypeEngine

from genba_cloud.store.port import LogRange
from genba_cloud.store.postgres_health import error_of
from genba_cloud.store.tables import LOG, Instant

PART_POSITIONS: Final = 2_000_000
"""Positions of a part: about 2 GB with its indexes."""
_BOUNDS: Final = re.compile(r"FOR VALUES FROM \('?(\d+)'?\) TO \('?(\d+)'?\)")
_LOCK: Final = 0x6E6264
_PATIENCE: Final = "SET LOCAL lock_timeout = '2s'"

_UNSENT: Final = 16_000_000
"""Bytes that may wait in this process for a slow database; a piece of the log hardly has a hundredth of that."""

_PARTS: Final = text(
    "SELECT part.relname AS name, pg_get_expr(part.relpartbound, part.oid) AS bounds "
    "FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = CAST('log' AS regclass)"
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Part:
    """One part of the log: positions from `first` to before `end`."""

    first: int
    end: int
    name: str


def parts(connection: Connection) -> list[Part]:
    """The parts that there are, oldest first."""
    found: list[Part] = []
    for row in connection.execute(_PARTS):
        match = _BOUNDS.fullmatch(row.bounds)
        if match is not None:
            found.append(Part(first=int(match[1]), end=int(match[2]), name=row.name))
    return sorted(found)


def add_part(connection: Connection, first: int, positions: int) -> Part:
    """Add a part that begins at `first`. Others may read and write the log meanwhile."""
    part = Part(first=first, end=first + positions, name=f"log_from_{first}")
    connection.execute(text(f"CREATE TABLE {part.name} (LIKE log INCLUDING DEFAULTS)"))
    bounds = f"FROM ({part.first}) TO ({part.end})"
    connection.execute(text(f"ALTER TABLE log ATTACH PARTITION {part.name} FOR VALUES {bounds}"))
    return part


class LogParts:
    """The parts as one process knows them; one store has one of these."""

    def __init__(self, positions: int = PART_POSITIONS) -> None:
        self._positions = positions
        self._known: list[Part] = []

    def for_positions(self, connection: Connection, last: int, seen: Sequence[Part] = ()) -> Sequence[Part]:
        """Parts for everything up to `last`, and for half a part more: a part is there before it is needed.

        `seen` is what the same transaction was given before. Some of these it may have made itself, and they may still
        be rolled back: they are known from the next transaction on.
        """
        if seen and seen[-1].end > last:
            return seen
        needed = last + self._positions // 2
        if not seen and (not self._known or self._known[-1].end <= needed):
            self._known = parts(connection)
        if not seen and self._known and self._known[-1].end > needed:
            return self._known
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK, 0)))
        there = parts(connection)
        while not there or there[-1].end <= needed:
            there.append(add_part(connection, there[-1].end if there else 1, self._positions))
        return there


class _Sending(LibpqWriter):
    """Sends rows and that these were all, as far as the system takes it, and leaves the answer to be waited for."""

    answer: PQGen[PGresult] | None = None

    def finish(self, exc: BaseException | None = None) -> None:
        """See psycopg; its own generator is only not followed to the end."""
        if exc is not None:
            super().finish(exc)
            return
        ending = copy_end(self.connection.pgconn, None)
        next(ending)
        ending.send(Ready.W)
        self.answer = ending


class Arriving:
    """Rows on their way into one part of the log: all is said, and the database works on it.

    Nothing else can be asked of the connection before `wait`; what needs no database can be done meanwhile.
    """

    def __init__(self, driver: Any, part: Part, rows: Sequence[tuple[Any, ...]]) -> None:
        """Begin; `driver` is psycopg's connection."""
        self._driver = driver
        cursor = driver.cursor()
        sending = _Sending(cursor, flush_threshold=_UNSENT)
        into = f"COPY {part.name} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)".encode()
        with self._translated(), cursor.copy(into, writer=sending) as copy:
            copy.set_types(_TYPES)
            for values in rows:
                copy.write_row(values)
        self._answer = sending.answer

    def wait(self) -> None:
        """Until they are there.

        Raises:
            StoreAway, StoreClash: they will not be.
        """
        with self._translated():
            self._driver.wait(self._answer)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as exc:
            is_lost = self._driver.broken or self._driver.closed
            raise (error_of(exc, is_lost=is_lost) or exc) from exc


def copy_rows(connection: Connection, rows: Sequence[tuple[Any, ...]], there: Sequence[Part]) -> Arriving | None:
    """Write `log_parameters`, in the order of their positions, into their parts; the last part's are on their way then.

    The connection may be used again when they have arrived.
    """
    driver: Any = connection.connection.driver_connection
    arriving: Arriving | None = None
    left = list(rows)
    for part in there:
        mine = list(takewhile(lambda row: row[_POSITION] < part.end, left))  # noqa: B023 (used up at once)
        if not mine:
            continue
        left = left[len(mine) :]
        if arriving is not None:
            arriving.wait()
        arriving = Arriving(driver, part, mine)
        if not left:
            return arriving
    raise LookupError(f"no part of the log holds position {left[0][_POSITION]}")


def ranges(connection: Connection, enterprise: str) -> tuple[LogRange, ...]:
    """What each part holds of the enterprise."""
    found: list[LogRange] = []
    for part in parts(connection):
        mine = _table(part)
        bounds = select(func.min(mine.c.position), func.max(mine.c.position)).where(mine.c.enterprise == enterprise)
        first, last = connection.execute(bounds).one()
        if first is not None:
            found.append(LogRange(first=first, last=last))
    return tuple(found)


def drop(connection: Connection, enterprise: str, upto: int) -> None:
    """Let the enterprise's rows up to a position go: whole parts at once where nobody else has rows in them."""
    connection.execute(text(_PATIENCE))
    for part in parts(connection):
        if part.first > upto:
            return
        if part.end <= upto + 1 and not _has_others(connection, part, enterprise):
            connection.execute(text(f"LOCK TABLE {part.name} IN ACCESS EXCLUSIVE MODE"))
            if not _has_others(connection, part, enterprise):
                connection.execute(text(f"DROP TABLE {part.name}"))
                continue
        mine = _table(part)
        connection.execute(delete(mine).where(mine.c.enterprise == enterprise, mine.c.position <= upto))


def _has_others(connection: Connection, part: Part, enterprise: str) -> bool:
    rows = _table(part)
    others = select(rows.c.position).where(rows.c.enterprise != enterprise).limit(1)
    return connection.scalar(others) is not None


def _table(part: Part) -> TableClause:
    return table(part.name, column("enterprise"), column("position"))


def _driver_type(kind: TypeEngine[Any]) -> str:
    match kind:
        case String():
            return "varchar"
        case BigInteger() | Instant():
            return "int8"
        case Integer():
            return "int4"
        case LargeBinary():
            return "bytea"
        case _:
            raise TypeError(f"COPY does not know how to write {kind!r}")


_COLUMNS: Final = ", ".join(one.name for one in LOG.columns)
_POSITION: Final = list(LOG.columns).index(LOG.c.position)
_TYPES: Final = [_driver_type(one.type) for one in LOG.columns]
