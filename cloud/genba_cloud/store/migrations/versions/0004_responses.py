"""Where problems, alerts and tasks stand, beside the views that say so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import isolating

revision = "0004"
down_revision = "0003"

_ISOLATED = ("response",)


def upgrade() -> None:
    """Forward: the table fills when the views are folded anew, which their new form makes every store do."""
    op.create_table(
        "response",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("order_id", sa.String()),
        sa.Column("work_order", sa.String()),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "id"),
    )
    op.create_index("response_by_standing", "response", ["enterprise", "kind", "standing", "at", "id"])
    op.create_index("response_by_subject", "response", ["enterprise", "subject"])
    op.create_index("response_by_order", "response", ["enterprise", "order_id"])
    if op.get_context().dialect.name == "postgresql":
        for statement in isolating(_ISOLATED):
            op.execute(statement)


def downgrade() -> None:
    """One step back: the log keeps everything that was in it."""
    op.drop_table("response")
