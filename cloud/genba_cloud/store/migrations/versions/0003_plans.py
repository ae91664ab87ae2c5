"""What plans of orders, work orders and nodes say beside their columns: one JSON document each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = ("customer_order", "work_order", "node")


def upgrade() -> None:
    """Forward: rows that are there say nothing beside their columns."""
    for name in _TABLES:
        op.add_column(name, sa.Column("details", sa.JSON()))


def downgrade() -> None:
    """One step back: what the form before cannot hold is let go."""
    for name in _TABLES:
        with op.batch_alter_table(name) as table:
            table.drop_column("details")
