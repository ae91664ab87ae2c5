"""The tables as they were when revisions began; a database of the time before gets what it lacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import isolating
from genba_cloud.store.postgres_log import PART_POSITIONS
from genba_cloud.store.tables import VIEWS_VERSION

revision = "0001"
down_revision = None

_ISOLATED = (
    "log",
    "link",
    "received_range",
    "client_event",
    "quarantine",
    "gateway",
    "view",
    "question",
    "customer_order",
    "work_order",
    "node",
    "queue_row",
)
_ACCOUNTS = ("accounts", "sessions", "keys", "secrets", "answers")
_STATES = "kind IN ('station_state_changed', 'station_changed_over')"
_NO_VIEWS = (
    f"INSERT INTO meta SELECT 'views', '{VIEWS_VERSION}' WHERE NOT EXISTS (SELECT 1 FROM log) "  # noqa: S608 (a number)
    "AND NOT EXISTS (SELECT 1 FROM meta WHERE key = 'views')"
)
"""Where there are no events, there are no views of an older form either."""


def upgrade() -> None:
    """Forward."""
    _log()
    _delivery()
    _views()
    _orders()
    op.execute("INSERT INTO meta SELECT 'schema', '1' WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'schema')")
    op.execute(_NO_VIEWS)
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"CREATE TABLE log_from_1 PARTITION OF log FOR VALUES FROM (1) TO ({1 + PART_POSITIONS})")
        _accounts()
        for statement in isolating((*_ISOLATED, *_ACCOUNTS)):
            op.execute(statement)


def downgrade() -> None:
    """There is nothing before."""
    raise NotImplementedError


def _table(name: str, *columns: Any, **options: Any) -> None:
    op.create_table(name, *columns, if_not_exists=True, **options)


def _index(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, list(columns), if_not_exists=True, sqlite_where=condition, postgresql_where=condition)


def _log() -> None:
    _table(
        "log",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("work_order", sa.String(), nullable=True),
        sa.Column("station", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("tag", sa.String(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "position"),
        postgresql_partition_by="RANGE (position)",
    )
    _index("log_by_gateway", "log", ["enterprise", "gateway", "position"], where="gateway IS NOT NULL")
    _index("log_by_id", "log", ["enterprise", "id"])
    _index("log_by_kind", "log", ["enterprise", "kind", "position"])
    _index("log_by_order_id", "log", ["enterprise", "order_id", "position"], where="order_id IS NOT NULL")
    _index("log_by_station", "log", ["enterprise", "station", "position"], where="station IS NOT NULL")
    _index("log_by_tag", "log", ["enterprise", "tag", "position"], where="tag IS NOT NULL")
    _index("log_by_work_order", "log", ["enterprise", "work_order", "position"], where="work_order IS NOT NULL")
    _index("log_by_zone", "log", ["enterprise", "zone", "position"], where="zone IS NOT NULL")
    _index("log_of_gaps_by_time", "log", ["enterprise", "gateway", "at"], where="kind = 'data_gap_seen'")
    _index(
        "log_of_station_by_time",
        "log",
        ["enterprise", "station", "kind", "at"],
        where="kind IN ('station_state_changed', 'station_changed_over')",
    )


def _delivery() -> None:
    _table(
        "link",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "number"),
    )
    _table(
        "received_range",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("enterprise", "gateway", "lane", "epoch"),
    )
    _table(
        "client_event",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "id"),
    )
    _table(
        "quarantine",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    _table(
        "gateway",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("enrolment", sa.String(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("dispatch_version", sa.Integer(), nullable=False),
        sa.Column("dispatch_sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "id"),
    )


def _views() -> None:
    _table(
        "view",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("aggregate", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("assigned", sa.JSON(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "aggregate", "id"),
    )
    _table(
        "question",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("enterprise", "id"),
    )
    _index("question_by_standing", "question", ["enterprise", "standing", "at", "id"])
    _table(
        "meta",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _orders() -> None:
    _table(
        "customer_order",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("promised", sa.BigInteger(), nullable=False),
        sa.Column("baseline_start", sa.BigInteger(), nullable=False),
        sa.Column("baseline_finish", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "id"),
        sa.UniqueConstraint("enterprise", "system", "external_id"),
    )
    _index("customer_order_by_promise", "customer_order", ["enterprise", "promised", "id"])
    _table(
        "work_order",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise", "order_id"],
            ["customer_order.enterprise", "customer_order.id"],
        ),
        sa.PrimaryKeyConstraint("enterprise", "id"),
    )
    _index("work_order_by_order", "work_order", ["enterprise", "order_id"])
    _table(
        "node",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("work_order", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("planned_start", sa.BigInteger(), nullable=False),
        sa.Column("planned_finish", sa.BigInteger(), nullable=False),
        sa.Column("predecessors", sa.JSON(), nullable=False),
        sa.Column("label", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise", "work_order"],
            ["work_order.enterprise", "work_order.id"],
        ),
        sa.PrimaryKeyConstraint("enterprise", "work_order", "node"),
    )
    _table(
        "queue_row",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("work_order", sa.String(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enterprise", "work_order", "node"],
            ["node.enterprise", "node.work_order", "node.node"],
        ),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("enterprise", "station", "work_order", "node"),
    )


def _accounts() -> None:
    _of_enterprise(
        "accounts",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("must_choose", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
    )
    _of_enterprise(
        "sessions",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
    )
    _index("ix_sessions_account", "sessions", ["account"])
    _of_enterprise(
        "keys",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float()),
    )
    _of_enterprise(
        "secrets", sa.Column("name", sa.Text(), primary_key=True), sa.Column("value", sa.Text(), nullable=False)
    )
    _of_enterprise(
        "answers",
        sa.Column("who", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
    _index("ix_answers_at", "answers", ["at"])


def _of_enterprise(name: str, *columns: Any) -> None:
    own = sa.text("current_setting('genba.enterprise')")
    _table(name, sa.Column("enterprise", sa.String(), primary_key=True, server_default=own), *columns)
