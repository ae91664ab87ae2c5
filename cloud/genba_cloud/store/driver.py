"""Many rows at once, handed straight to the database driver: what every commit writes, without a step for each value.

The statements are the same on SQLite and on PostgreSQL. Values are as the driver takes them: `plain` of a column's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import orjson
from sqlalchemy import JSON, Connection, Dialect, Table

from genba_cloud.store.tables import Instant

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def insert_many(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows that are new, each with all columns in the order of the table."""
    if rows:
        names = tuple(column.name for column in table.columns)
        connection.exec_driver_sql(_statement(connection.dialect, table, names, ()), list(rows))


def put_many(connection: Connection, table: Table, key: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows, new or changed, that all name the same columns; `key` are those of its primary key."""
    every = list(rows)
    if not every:
        return
    names = tuple(every[0])
    writers = [_writer(table, name) for name in names]
    values = [
        tuple(value if write is None else write(value) for write, value in zip(writers, row.values(), strict=True))
        for row in every
    ]
    connection.exec_driver_sql(_statement(connection.dialect, table, names, tuple(key)), values)


def plain_time(at: datetime | None) -> int | None:
    """An instant as its column keeps it: whole milliseconds since 1970, finer digits cut off."""
    return None if at is None else (at - _EPOCH) // _MILLISECOND


def json_text(value: Any) -> str:
    """A JSON value as its column keeps it."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a number above 64 bits: a counter may have been given any two that are not
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _writer(table: Table, name: str) -> Callable[[Any], Any] | None:
    kind = table.columns[name].type
    if isinstance(kind, JSON):
        return json_text
    return plain_time if isinstance(kind, Instant) else None


@lru_cache(maxsize=64)
def _statement(dialect: Dialect, table: Table, names: tuple[str, ...], key: tuple[str, ...]) -> str:
    quoted = dialect.identifier_preparer
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    columns = {name: quoted.format_column(table.columns[name]) for name in names}
    into = f"{quoted.format_table(table)} ({', '.join(columns.values())})"
    insert = f"INSERT INTO {into} VALUES ({', '.join(mark for _ in names)})"  # noqa: S608 (names of our own tables)
    if not key:
        return insert
    changed = ", ".join(f"{column} = excluded.{column}" for name, column in columns.items() if name not in key)
    return f"{insert} ON CONFLICT ({', '.join(columns[name] for name in key)}) DO UPDATE SET {changed}"
