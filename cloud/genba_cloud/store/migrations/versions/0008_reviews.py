"""What reports look for by time is found by time: events of people, nodes and decisions, and nodes by their plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_KINDS = (
    "'alert_closed', 'alert_opened', 'dispatch_closed', 'dispatch_opened', 'episode_closed', "
    "'episode_escalated', 'episode_opened', 'event_voided', 'late_update_flagged', 'material_consumed', "
    "'material_issued', 'node_completed', 'node_confirmed', 'node_held', 'node_rejected', 'node_reopened', "
    "'node_skipped', 'node_started', 'order_cancelled', 'order_changed', 'order_confirmed', 'order_held', "
    "'order_resumed', 'problem_explained', 'problem_reported', 'problem_resolved', 'promise_set', "
    "'quality_recorded', 'station_changed_over', 'task_closed', 'task_opened', 'task_planned', "
    "'work_order_cancelled'"
)


def upgrade() -> None:
    """Forward: two indexes, which the database fills by itself."""
    condition = sa.text(f"kind IN ({_KINDS})")
    op.create_index(
        "log_of_review_by_time",
        "log",
        ["enterprise", "kind", "at"],
        sqlite_where=condition,
        postgresql_where=condition,
        if_not_exists=True,
    )
    op.create_index("node_by_planned_finish", "node", ["enterprise", "planned_finish"], if_not_exists=True)


def downgrade() -> None:
    """One step back: nothing but speed is lost."""
    op.drop_index("node_by_planned_finish", table_name="node")
    op.drop_index("log_of_review_by_time", table_name="log")
