"""Where each problem, alert and task stands, so that those that are open are found among all that there ever were."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table

from genba_cloud.store.tables import METADATA, Instant

RESPONSE: Final = Table(
    "response",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", String),
    Column("order_id", String),
    Column("target", String),
    PrimaryKeyConstraint("enterprise", "id"),
)
"""`target`: what a task is about. `closed_by`: the person who closed an alert, None where it ended by itself."""
Index("response_by_standing", RESPONSE.c.enterprise, RESPONSE.c.kind, RESPONSE.c.standing, RESPONSE.c.at, RESPONSE.c.id)
Index(
    "response_by_target",
    RESPONSE.c.enterprise,
    RESPONSE.c.target,
    sqlite_where=RESPONSE.c.target.is_not(None),
    postgresql_where=RESPONSE.c.target.is_not(None),
)
