"""A database of an older version gets the columns that it lacks; whatever stands in it stays as it is."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from genba_cloud.store.tables import METADATA


def add_missing_columns(connection: Connection) -> None:
    """Add to every table that exists the columns that later versions gave it; they may all be empty."""
    there = inspect(connection)
    for table in METADATA.sorted_tables:
        if not there.has_table(table.name):
            continue
        known = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
