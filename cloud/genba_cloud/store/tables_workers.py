"""Tables of the workers: who is alive, and who holds what. They belong to the installation, not to an enterprise."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, String, Table

from genba_cloud.store.tables import METADATA

WORKER: Final = Table(
    "worker",
    METADATA,
    Column("name", String, primary_key=True),
    Column("ingests", Boolean, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
"""Processes that take part. All leases of one live and die together: `expires_at`, by the clock of the database."""

LEASE: Final = Table(
    "lease",
    METADATA,
    Column("name", String, primary_key=True),
    Column("owner", String),
    Column("token", BigInteger, nullable=False),
)
"""`token` grows with every change of the owner: who wrote with an older one is no longer the holder."""
