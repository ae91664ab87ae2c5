"""Problems, alerts and tasks, found by where they stand. The rows follow from the views, which are folded again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import closing, isolating, opening

revision = "0006"
down_revision = "0005"

_ISOLATED = ("response",)


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "response",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("order_id", sa.String(), nullable=True),
        sa.Column("target", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("enterprise", "id"),
    )
    op.create_index("response_by_standing", "response", ["enterprise", "kind", "standing", "at", "id"])
    op.create_index(
        "response_by_target",
        "response",
        ["enterprise", "target"],
        sqlite_where=sa.text("target IS NOT NULL"),
        postgresql_where=sa.text("target IS NOT NULL"),
    )
    is_postgres = op.get_context().dialect.name == "postgresql"
    if is_postgres:
        for statement in (*isolating(_ISOLATED), *opening(["view"])):
            op.execute(statement)
    # Where there are views they are folded again, and list what they list.
    op.execute("DELETE FROM meta WHERE (key = 'views' OR key LIKE 'views of %') AND EXISTS (SELECT 1 FROM view)")
    if is_postgres:
        for statement in closing(["view"]):
            op.execute(statement)


def downgrade() -> None:
    """One step back. Nothing is lost: the rows follow from the log."""
    op.drop_table("response")
