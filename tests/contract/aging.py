"""A database as it was before there were revisions."""

from __future__ import annotations

import sqlite3


def make_first(connection: sqlite3.Connection) -> None:
    """Take out of a file of today what came after its first form."""
    later = (
        "action_done",
        "archive",
        "gateway_identity",
        "lease",
        "master",
        "merkle_head",
        "quarantine_given_up",
        "quarantine_use",
        "response",
        "scan_code",
        "subject_key",
        "webhook",
        "webhook_delivery",
        "worker",
    )
    for what in (
        "TABLE alembic_version",
        "INDEX log_by_id",
        "INDEX log_of_said",
        "TABLE question",
        *(f"TABLE {name}" for name in later),
    ):
        connection.execute(f"DROP {what}")
    connection.execute("ALTER TABLE received_range DROP COLUMN run")
    for name in ("customer_order", "work_order", "node"):
        connection.execute(f"ALTER TABLE {name} DROP COLUMN details")
