"""A revision that fails after it has changed something."""

from __future__ import annotations

from alembic import op

revision = "9001"
down_revision = "0005"


def upgrade() -> None:
    """Forward, as far as it comes."""
    op.drop_table("received_range")
    op.execute("INSERT INTO nowhere VALUES (1)")


def downgrade() -> None:
    """There is none."""
    raise NotImplementedError
