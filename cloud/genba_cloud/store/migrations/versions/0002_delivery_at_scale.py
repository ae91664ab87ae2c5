"""Registered gateways, leases of workers, signed heads, archives, keys of people, use of quarantine."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import isolating
from genba_shared.errors import UsageError

revision = "0002"
down_revision = "0001"

_ISOLATED = ("archive", "merkle_head", "quarantine_given_up", "quarantine_use", "subject_key")
_KEPT = ("archive", "gateway_identity", "merkle_head", "subject_key")
"""What cannot be made anew stays where it is on the way back: the form before does not look at it."""


def upgrade() -> None:
    """Forward."""
    bind: object = op.get_bind()  # none that can be asked where statements are only shown
    there = {name for name in _KEPT if isinstance(bind, sa.Connection) and sa.inspect(bind).has_table(name)}
    _gateways()
    _proofs()
    _people()
    _workers()
    _table(
        "quarantine_use",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "gateway"),
    )
    _table(
        "quarantine_given_up",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "gateway", "epoch"),
    )
    op.drop_index("log_by_tag", table_name="log", if_exists=True)  # nobody reads it, and every row pays for it
    if op.get_context().dialect.name == "postgresql":
        for statement in isolating(name for name in _ISOLATED if name not in there):
            op.execute(statement)


def downgrade() -> None:
    """One step back; refused where the form before would take a part of the log for lost."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM archive")):
        raise UsageError(
            "a part of the log is archived, and the version before does not read archives: stay with this version"
        )
    with op.batch_alter_table("received_range") as table:
        table.drop_column("run")
    op.create_index(
        "log_by_tag",
        "log",
        ["enterprise", "tag", "position"],
        sqlite_where=sa.text("tag IS NOT NULL"),
        postgresql_where=sa.text("tag IS NOT NULL"),
    )
    for name in ("worker", "lease", "quarantine_given_up", "quarantine_use"):
        op.drop_table(name)


def _table(name: str, *columns: Any) -> None:
    op.create_table(name, *columns, if_not_exists=True)


def _gateways() -> None:
    _table(
        "gateway_identity",
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("site", sa.String()),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger()),
        sa.Column("public_key", sa.LargeBinary()),
        sa.Column("enrolled_at", sa.BigInteger()),
        sa.Column("certificate_until", sa.BigInteger()),
        sa.Column("code_hash", sa.LargeBinary()),
        sa.Column("code_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("gateway"),
    )
    op.add_column("received_range", sa.Column("run", sa.String()))


def _proofs() -> None:
    _table(
        "merkle_head",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "size"),
    )
    _table(
        "archive",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("first_link", sa.BigInteger(), nullable=False),
        sa.Column("last_link", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "first"),
    )


def _people() -> None:
    _table(
        "subject_key",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("subject", sa.LargeBinary()),
        sa.Column("wrapped", sa.LargeBinary()),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("subject_key_by_key", "subject_key", ["enterprise", "key"], unique=True, if_not_exists=True)
    op.create_index("subject_key_by_subject", "subject_key", ["enterprise", "subject"], if_not_exists=True)


def _workers() -> None:
    _table(
        "worker",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("ingests", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    _table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("owner", sa.String()),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
