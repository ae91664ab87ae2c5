"""Tables of what people do on the floor: the codes on labels, and requests that were done already."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Column, Index, PrimaryKeyConstraint, String, Table, UniqueConstraint, text

from genba_cloud.store.tables import LOG, METADATA, Instant

SCAN_CODE: Final = Table(
    "scan_code",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("id", String, nullable=False),
    Column("code", String, nullable=False),
    Column("order_id", String, nullable=False),
    Column("work_order", String),
    Column("node", String),
    Column("made_at", Instant, nullable=False),
    Column("made_by", String, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", String),
    PrimaryKeyConstraint("enterprise", "id"),
    UniqueConstraint("enterprise", "code"),
)
"""What is printed on labels. A code opens nothing by itself: whoever scans it must be signed in, with the right to do
so. So it is kept as it is, and a lost label is printed again. `id` is what events name instead of the code."""
Index("scan_code_by_order", SCAN_CODE.c.enterprise, SCAN_CODE.c.order_id)

ACTION_DONE: Final = Table(
    "action_done",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("key", String, nullable=False),
    Column("request", String, nullable=False),
    Column("events", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("enterprise", "key"),
)
"""Requests with an idempotency key, written in the transaction of their events: who asks again is told the same.

`key` and `request` are hashes; `events` are the ids of what was written."""
Index("action_done_by_time", ACTION_DONE.c.enterprise, ACTION_DONE.c.at)

_KINDS: Final = (
    "event_voided",
    "node_completed",
    "node_confirmed",
    "node_held",
    "node_rejected",
    "node_reopened",
    "node_resumed",
    "node_skipped",
    "node_started",
    "progress_reported",
    "quality_recorded",
    "rework_ordered",
    "step_completed",
)
IS_SAID: Final = f"kind IN ({', '.join(repr(kind) for kind in _KINDS)})"
"""Condition of the index by which what was said of a work order is found among its many counts."""
Index(
    "log_of_said",
    LOG.c.enterprise,
    LOG.c.work_order,
    LOG.c.position,
    sqlite_where=text(IS_SAID),
    postgresql_where=text(IS_SAID),
)
