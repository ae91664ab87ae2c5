"""The tables, version 1 of the schema. Every table carries the enterprise; instants are milliseconds since 1970, UTC.

Modules of this package that keep other things (accounts) add their tables to the same `METADATA`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    text,
)

REVISION: Final = "0005"
"""The newest revision of these tables: the last file of ``migrations/versions``."""
SCHEMA_VERSION: Final = 1
"""Raised only where a version of genba that knows nothing of revisions must be kept from opening the database."""
VIEWS_VERSION: Final = 3
"""Form of the stored views. They follow from the log: a store that holds an older form folds them again when opened."""
DEFAULT_ENTERPRISE: Final = "default"
METADATA: Final = MetaData()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept as whole milliseconds since 1970; finer digits are cut off."""

    impl = BigInteger
    cache_ok = True

    @staticmethod
    def to_milliseconds(value: datetime | None) -> int | None:
        """The number that is kept."""
        return None if value is None else (value - _EPOCH) // _MILLISECOND

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Python to database."""
        del dialect
        return self.to_milliseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Database to Python."""
        del dialect
        return None if value is None else _EPOCH + value * _MILLISECOND


def _enterprise() -> Column[str]:
    return Column("enterprise", String, nullable=False)


META = Table("meta", METADATA, Column("key", String, primary_key=True), Column("value", String, nullable=False))

LOG = Table(
    "log",
    METADATA,
    _enterprise(),
    Column("position", BigInteger, nullable=False),
    Column("id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("gateway", String),
    Column("order_id", String),
    Column("work_order", String),
    Column("station", String),
    Column("zone", String),
    Column("tag", String),
    Column("received_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    PrimaryKeyConstraint("enterprise", "position"),
    postgresql_partition_by="RANGE (position)",
)
for _name in ("gateway", "order_id", "work_order", "station", "zone"):
    Index(
        f"log_by_{_name}",
        LOG.c.enterprise,
        LOG.c[_name],
        LOG.c.position,
        sqlite_where=LOG.c[_name].is_not(None),
        postgresql_where=LOG.c[_name].is_not(None),
    )
Index("log_by_kind", LOG.c.enterprise, LOG.c.kind, LOG.c.position)

Index("log_by_id", LOG.c.enterprise, LOG.c.id)  # corrections name the event that they correct

IS_OF_STATION: Final = "kind IN ('station_state_changed', 'station_changed_over')"
IS_GAP: Final = "kind = 'data_gap_seen'"
"""Conditions of the indexes by time; most of a log are counts, which need none."""
Index(
    "log_of_station_by_time",
    LOG.c.enterprise,
    LOG.c.station,
    LOG.c.kind,
    LOG.c.at,
    sqlite_where=text(IS_OF_STATION),
    postgresql_where=text(IS_OF_STATION),
)
Index(
    "log_of_gaps_by_time",
    LOG.c.enterprise,
    LOG.c.gateway,
    LOG.c.at,
    sqlite_where=text(IS_GAP),
    postgresql_where=text(IS_GAP),
)

LINK = Table(
    "link",
    METADATA,
    _enterprise(),
    Column("number", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("enterprise", "number"),
)

RECEIVED_RANGE = Table(
    "received_range",
    METADATA,
    _enterprise(),
    Column("gateway", String, nullable=False),
    Column("lane", String, nullable=False),
    Column("epoch", String, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("last_at", Instant),
    Column("run", String),
    PrimaryKeyConstraint("enterprise", "gateway", "lane", "epoch"),
)

CLIENT_EVENT = Table(
    "client_event",
    METADATA,
    _enterprise(),
    Column("id", String, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    PrimaryKeyConstraint("enterprise", "id"),
)

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _enterprise(),
    Column("gateway", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("event_id", String),
    Column("body", LargeBinary, nullable=False),
)

VIEW = Table(
    "view",
    METADATA,
    _enterprise(),
    Column("aggregate", String, nullable=False),
    Column("id", String, nullable=False),
    Column("state", JSON, nullable=False),
    Column("assigned", JSON, nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("enterprise", "aggregate", "id"),
)

QUESTION = Table(
    "question",
    METADATA,
    _enterprise(),
    Column("id", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("station", String),
    Column("at", Instant),
    PrimaryKeyConstraint("enterprise", "id"),
)
"""Where each question stands, so that those that are open are found among all that there ever were."""
Index("question_by_standing", QUESTION.c.enterprise, QUESTION.c.standing, QUESTION.c.at, QUESTION.c.id)

CUSTOMER_ORDER = Table(
    "customer_order",
    METADATA,
    _enterprise(),
    Column("id", String, nullable=False),
    Column("system", String, nullable=False),
    Column("external_id", String, nullable=False),
    Column("customer", String, nullable=False),
    Column("promised", Instant, nullable=False),
    Column("baseline_start", Instant, nullable=False),
    Column("baseline_finish", Instant, nullable=False),
    Column("details", JSON),
    PrimaryKeyConstraint("enterprise", "id"),
    UniqueConstraint("enterprise", "system", "external_id"),
)
Index("customer_order_by_promise", CUSTOMER_ORDER.c.enterprise, CUSTOMER_ORDER.c.promised, CUSTOMER_ORDER.c.id)

WORK_ORDER = Table(
    "work_order",
    METADATA,
    _enterprise(),
    Column("id", String, nullable=False),
    Column("order_id", String, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("site", String, nullable=False),
    Column("item", String, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("details", JSON),
    PrimaryKeyConstraint("enterprise", "id"),
    ForeignKeyConstraint(["enterprise", "order_id"], ["customer_order.enterprise", "customer_order.id"]),
)
Index("work_order_by_order", WORK_ORDER.c.enterprise, WORK_ORDER.c.order_id)

NODE = Table(
    "node",
    METADATA,
    _enterprise(),
    Column("work_order", String, nullable=False),
    Column("node", String, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("planned_start", Instant, nullable=False),
    Column("planned_finish", Instant, nullable=False),
    Column("predecessors", JSON, nullable=False),
    Column("label", JSON, nullable=False),
    Column("details", JSON),
    PrimaryKeyConstraint("enterprise", "work_order", "node"),
    ForeignKeyConstraint(["enterprise", "work_order"], ["work_order.enterprise", "work_order.id"]),
)

QUEUE_ROW = Table(
    "queue_row",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _enterprise(),
    Column("station", String, nullable=False),
    Column("work_order", String, nullable=False),
    Column("node", String, nullable=False),
    Column("quantity", Integer, nullable=False),
    UniqueConstraint("enterprise", "station", "work_order", "node"),
    ForeignKeyConstraint(["enterprise", "work_order", "node"], ["node.enterprise", "node.work_order", "node.node"]),
)

GATEWAY = Table(
    "gateway",
    METADATA,
    _enterprise(),
    Column("id", String, nullable=False),
    Column("enrolment", String, nullable=False),
    Column("online", Boolean, nullable=False),
    Column("epoch", String),
    Column("seen_at", Instant),
    Column("state", JSON, nullable=False),
    Column("dispatch_version", Integer, nullable=False),
    Column("dispatch_sha256", String, nullable=False),
    PrimaryKeyConstraint("enterprise", "id"),
)
