"""What people do on the floor: codes on labels, requests that were done already, and roles of accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import isolating

revision = "0007"
down_revision = "0006"

_ISOLATED = ("action_done", "scan_code")
_KEPT = ("scan_code",)
"""Labels hang in the factory: on the way back they stay, and the form before does not look at them."""
_IS_SAID = (
    "kind IN ('event_voided', 'node_completed', 'node_confirmed', 'node_held', 'node_rejected', 'node_reopened', "
    "'node_resumed', 'node_skipped', 'node_started', 'progress_reported', 'quality_recorded', 'rework_ordered', "
    "'step_completed')"
)


def upgrade() -> None:
    """Forward."""
    bind: object = op.get_bind()  # none that can be asked where statements are only shown
    there = {name for name in _KEPT if isinstance(bind, sa.Connection) and sa.inspect(bind).has_table(name)}
    op.create_table(
        "scan_code",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("work_order", sa.String()),
        sa.Column("node", sa.String()),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("revoked_by", sa.String()),
        sa.PrimaryKeyConstraint("enterprise", "id"),
        sa.UniqueConstraint("enterprise", "code"),
        if_not_exists=True,
    )
    op.create_index("scan_code_by_order", "scan_code", ["enterprise", "order_id"], if_not_exists=True)
    op.create_table(
        "action_done",
        sa.Column("enterprise", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request", sa.String(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("enterprise", "key"),
    )
    op.create_index("action_done_by_time", "action_done", ["enterprise", "at"])
    op.create_index(
        "log_of_said",
        "log",
        ["enterprise", "work_order", "position"],
        sqlite_where=sa.text(_IS_SAID),
        postgresql_where=sa.text(_IS_SAID),
    )
    if op.get_context().dialect.name == "postgresql":
        # Beside SQLite, accounts are in a file of their own, which looks after itself.
        op.add_column("accounts", sa.Column("role", sa.Text(), nullable=False, server_default="admin"))
        for statement in isolating(name for name in _ISOLATED if name not in there):
            op.execute(statement)


def downgrade() -> None:
    """One step back."""
    op.drop_index("log_of_said", table_name="log")
    op.drop_table("action_done")
    if op.get_context().dialect.name == "postgresql":
        op.drop_column("accounts", "role")
