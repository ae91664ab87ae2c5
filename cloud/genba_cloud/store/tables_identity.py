"""Which gateways are registered, with the keys that they sign with, and the codes with which they enrol."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, LargeBinary, String, Table

from genba_cloud.store.tables import METADATA, Instant

GATEWAY_IDENTITY: Final = Table(
    "gateway_identity",
    METADATA,
    Column("gateway", String, primary_key=True),  # over all enterprises: a topic names the gateway alone
    Column("enterprise", String, nullable=False),
    Column("site", String),
    Column("added_at", Instant, nullable=False),
    Column("removed_at", Instant),
    Column("public_key", LargeBinary),
    Column("enrolled_at", Instant),
    Column("certificate_until", Instant),
    Column("code_hash", LargeBinary),
    Column("code_until", Instant),
)
"""`public_key`: Ed25519, 32 bytes; None until it is enrolled. `code_hash`: of the one-time code that is open now."""
