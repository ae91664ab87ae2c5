"""The limit: the bare idempotent insert of the same columns with the same durability, as fast as the driver allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self

import psycopg

from genba_cloud.ledger.chain import canonical, leaf_of
from genba_cloud.store.port import LogRow
from genba_cloud.store.rows import log_values
from genba_cloud.store.sqlite import WRITER_PRAGMAS
from genba_shared.events import Event

Row = tuple[Any, ...]

_COLUMNS: Final = {
    "enterprise": "TEXT NOT NULL",
    "position": "BIGINT NOT NULL",
    "id": "TEXT NOT NULL",
    "kind": "TEXT NOT NULL",
    "at": "BIGINT NOT NULL",
    "gateway": "TEXT",
    "order_id": "TEXT",
    "work_order": "TEXT",
    "station": "TEXT",
    "zone": "TEXT",
    "tag": "TEXT",
    "received_at": "BIGINT NOT NULL",
    "body": "BLOB NOT NULL",
    "leaf": "BLOB NOT NULL",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Limit(Protocol):
    """A table that takes rows, and takes a row with the same id only once."""

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert and commit."""

    def close(self) -> None:
        """Let go of the database."""


def rows_of(events: Sequence[Event], *, first: int) -> list[Row]:
    """The rows that the log has for these events: worked out before the clock runs."""
    rows: list[Row] = []
    for position, event in enumerate(events, start=first):
        body = canonical(event)
        row = LogRow(position=position, received_at=event.at, event=event, body=body, leaf=leaf_of(body))
        values = log_values("default", row)
        rows.append(tuple(_plain(values[name]) for name in _COLUMNS))
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int((value - _EPOCH).total_seconds() * 1000)
    return value


class SqliteLimit:
    """``INSERT OR IGNORE`` through the driver, with the settings of the store: WAL, ``synchronous=FULL`` and sizes."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        for pragma in WRITER_PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        self._connection.execute(f"CREATE TABLE bare ({columns}, PRIMARY KEY (enterprise, id))")
        marks = ", ".join("?" for _ in _COLUMNS)
        self._insert = f"INSERT OR IGNORE INTO bare VALUES ({marks})"

    def insert(self, rows: Sequence[Row]) -> None:
        """See the limit."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(self._insert, rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """See the limit."""
        self._connection.close()


class PostgresLimit:
    """COPY into a temporary table and ``INSERT … ON CONFLICT DO NOTHING``, or ``executemany`` in one pipeline."""

    def __init__(self, url: str, *, way: str) -> None:
        self._connection = psycopg.connect(url)
        self._way = way
        self._names = ", ".join(_COLUMNS)
        columns = ", ".join(f"{name} {kind.replace('BLOB', 'BYTEA')}" for name, kind in _COLUMNS.items())
        with self._connection.transaction():
            self._run(f"CREATE TABLE bare_{way} ({columns}, PRIMARY KEY (enterprise, id))")
            self._run(f"CREATE TEMPORARY TABLE incoming_{way} ({columns}) ON COMMIT DELETE ROWS")

    @classmethod
    def ways(cls, url: str) -> dict[str, Self]:
        """Both of them: the faster one is the limit."""
        return {way: cls(url, way=way) for way in ("copy", "executemany")}

    def insert(self, rows: Sequence[Row]) -> None:
        """See the limit."""
        with self._connection.transaction(), closing(self._connection.cursor()) as cursor:
            if self._way == "executemany":
                marks = ", ".join("%s" for _ in _COLUMNS)
                cursor.executemany(self._text(f"INSERT INTO bare_{self._way} VALUES ({marks}) {_ONCE}"), rows)
                return
            with cursor.copy(self._text(f"COPY incoming_{self._way} FROM STDIN")) as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(self._text(f"INSERT INTO bare_{self._way} SELECT * FROM incoming_{self._way} {_ONCE}"))

    def close(self) -> None:
        """See the limit."""
        self._connection.close()

    def _run(self, statement: str) -> None:
        self._connection.execute(self._text(statement))

    @staticmethod
    def _text(statement: str) -> Any:
        return statement.encode()


_ONCE: Final = "ON CONFLICT DO NOTHING"
