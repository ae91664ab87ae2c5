"""Where problems, alerts and tasks stand: what makes the open ones quick to find among all others."""

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
    Column("rule", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("order_id", String),
    Column("work_order", String),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("enterprise", "id"),
)
"""A row follows from the view of the same id, as a question's does.

`rule` is an alert's rule, or a problem's category; `subject` what an alert is about, or what a task is for."""
Index(
    "response_by_standing",
    RESPONSE.c.enterprise,
    RESPONSE.c.kind,
    RESPONSE.c.standing,
    RESPONSE.c.at,
    RESPONSE.c.id,
)
Index("response_by_subject", RESPONSE.c.enterprise, RESPONSE.c.subject)
Index("response_by_order", RESPONSE.c.enterprise, RESPONSE.c.order_id)
