"""Master data: every document in every version that it ever had."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Column, Integer, PrimaryKeyConstraint, String, Table

from genba_cloud.store.tables import METADATA, Instant

MASTER: Final = Table(
    "master",
    METADATA,
    Column("enterprise", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("body", JSON, nullable=False),
    PrimaryKeyConstraint("enterprise", "kind", "id", "version"),
)
"""The greatest version is the one in force, since `valid_from` (plant time). `body` is the JSON as it was read."""
