"""Row-level security on PostgreSQL: a statement that forgets the enterprise sees no rows at all, not everybody's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import MetaData

SETTING: Final = "genba.enterprise"
"""Set at the start of every transaction, for that transaction: whose rows it may see and write."""
POLICY: Final = "own_enterprise"
OPEN: Final = frozenset({"gateway_identity"})
"""Tables that say to which enterprise something belongs, and so are read before that is known: no customer's data."""
_OWN: Final = f"enterprise = current_setting('{SETTING}', true)"


def isolated_tables(*metadata: MetaData) -> list[str]:
    """Every table that says to whom its rows belong, but for those that must be `OPEN`."""
    tables = (table for one in metadata for table in one.sorted_tables if "enterprise" in table.c)
    return [table.name for table in tables if table.name not in OPEN]


def isolating(names: Iterable[str]) -> list[str]:
    """Statements that isolate these tables. FORCE: also for the role that owns them, which is the collector's."""
    return [
        statement
        for name in names
        for statement in (
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY {POLICY} ON {name} USING ({_OWN}) WITH CHECK ({_OWN})",
        )
    ]


def opening(names: Iterable[str]) -> list[str]:
    """Statements that let the owner see every row of these tables: a revision that changes rows begins with them."""
    return [f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY" for name in names]


def closing(names: Iterable[str]) -> list[str]:
    """Statements that end `opening`."""
    return [f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY" for name in names]
