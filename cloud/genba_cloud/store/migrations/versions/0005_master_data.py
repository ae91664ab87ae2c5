"""Master data in versions: sites, stations, calendars, policies, items, routings and the like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import isolating

revision = "0005"
down_revision = "0004"

_ISOLATED = ("master",)


def upgrade() -> None:
    """Forward. A table that a step back left there is kept."""
    bind: object = op.get_bind()  # none that can be asked where statements are only shown
    there = isinstance(bind, sa.Connection) and sa.inspect(bind).has_table("master")
    op.create_table(
        "master",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "kind", "id", "version"),
        if_not_exists=True,
    )
    if op.get_context().dialect.name == "postgresql" and not there:
        for statement in isolating(_ISOLATED):
            op.execute(statement)


def downgrade() -> None:
    """One step back: what people wrote stays where it is, the form before does not look at it."""
