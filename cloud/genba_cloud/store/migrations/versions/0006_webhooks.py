"""Webhooks and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import isolating

revision = "0006"
down_revision = "0005"

_ISOLATED = ("webhook", "webhook_delivery")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "webhook",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret", sa.LargeBinary()),
        sa.Column("old_until", sa.BigInteger()),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("wait_until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("enterprise", "id"),
        if_not_exists=True,
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("webhook", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("tried_at", sa.BigInteger()),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.String()),
        sa.PrimaryKeyConstraint("enterprise", "webhook", "position"),
        if_not_exists=True,
    )
    op.create_index(
        "webhook_delivery_by_due", "webhook_delivery", ["enterprise", "state", "due_at"], if_not_exists=True
    )
    if op.get_context().dialect.name == "postgresql":
        for statement in isolating(_ISOLATED):
            op.execute(statement)


def downgrade() -> None:
    """One step back: webhooks are let go, the events stay."""
    for name in _ISOLATED[::-1]:
        op.drop_table(name)
