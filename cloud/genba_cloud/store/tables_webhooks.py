"""Webhooks: who wants to be told of events, and what of it is told, waits or could not be told."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, String, Table

from genba_cloud.store.tables import METADATA, Instant

WEBHOOK: Final = Table(
    "webhook",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("id", String, nullable=False),
    Column("url", String, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("note", String, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", String),
    Column("made_by", String, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("old_secret", LargeBinary),
    Column("old_until", Instant),
    Column("position", BigInteger, nullable=False),
    Column("wait_until", Instant),
    PrimaryKeyConstraint("enterprise", "id"),
)
"""`secret` and `old_secret` are wrapped by the key of the installation. `position`: up to there events are queued."""

DELIVERY: Final = Table(
    "webhook_delivery",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("webhook", String, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", Instant),
    Column("made_at", Instant, nullable=False),
    Column("tried_at", Instant),
    Column("status", Integer),
    Column("error", String),
    PrimaryKeyConstraint("enterprise", "webhook", "position"),
)
"""One event for one webhook. It holds no words of the event: they are read from the log when it is sent."""
Index("webhook_delivery_by_due", DELIVERY.c.enterprise, DELIVERY.c.state, DELIVERY.c.due_at)
