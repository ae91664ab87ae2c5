"""The form of a database: made whole where there is none, and told apart from older and newer ones by its revision."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, func, insert, inspect, select, text

from genba_cloud.store.accounts_postgres import POSTGRES_TABLES
from genba_cloud.store.isolation import isolated_tables, isolating
from genba_cloud.store.postgres_log import PART_POSITIONS, add_part
from genba_cloud.store.tables import META, METADATA, REVISION, SCHEMA_VERSION, VIEWS_VERSION
from genba_shared.errors import UsageError

_FORM: Final = 0x6E6265
"""Family of the advisory lock; see `postgres_transaction` for the others."""

VERSION_TABLE: Final = Table(
    "alembic_version", MetaData(), Column("version_num", String(32), primary_key=True, nullable=False)
)
"""Alembic's own table: one row, the revision."""


class Form(Enum):
    """What a database holds."""

    EMPTY = auto()
    CURRENT = auto()
    OLDER = auto()


def form_of(connection: Connection, name: str) -> Form:
    """What the database called `name` holds.

    Raises:
        UsageError: something that this version of genba does not know: a newer form, or another program's tables.
    """
    if not inspect(connection).has_table(META.name):
        return Form.EMPTY
    version = connection.scalar(select(META.c.value).where(META.c.key == "schema"))
    if version != str(SCHEMA_VERSION):
        raise UsageError(f"{name} has schema {version}, this version of genba reads {SCHEMA_VERSION}")
    revision = revision_of(connection)
    if revision is not None and revision > REVISION:
        raise UsageError(
            f"{name} has revision {revision}, this version of genba knows revisions up to {REVISION}: use the newer "
            "version, or go back with its `genba cloud migrate --back`"
        )
    return Form.CURRENT if revision == REVISION else Form.OLDER


def older(connection: Connection, name: str) -> str:
    """What to tell a person whose database has an older form."""
    return (
        f"{name} has revision {revision_of(connection) or 'none'}, this version of genba needs {REVISION}: stop every "
        "collector of it, then run `genba cloud migrate`"
    )


def lock_form(connection: Connection) -> None:
    """Nobody else looks at the form of this PostgreSQL database, or changes it, until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_FORM, 0)))


def revision_of(connection: Connection) -> str | None:
    """The revision that the database says it has; None: it is of the time before revisions were noted, or empty."""
    if not inspect(connection).has_table(VERSION_TABLE.name):
        return None
    revision: str | None = connection.scalar(select(VERSION_TABLE.c.version_num))
    return revision


def create(connection: Connection, *, log_part_positions: int = PART_POSITIONS) -> None:
    """Make every table in an empty database. The log of PostgreSQL begins with a part of so many positions."""
    METADATA.create_all(connection)
    VERSION_TABLE.create(connection)
    if connection.dialect.name == "postgresql":
        add_part(connection, 1, log_part_positions)
        POSTGRES_TABLES.create_all(connection)
        connection.execute(text("; ".join(isolating(isolated_tables(METADATA, POSTGRES_TABLES)))))
    connection.execute(insert(VERSION_TABLE).values(version_num=REVISION))
    connection.execute(insert(META).values(key="schema", value=str(SCHEMA_VERSION)))
    connection.execute(insert(META).values(key="views", value=str(VIEWS_VERSION)))
