"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import isolating
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

_ISOLATED: tuple[str, ...] = ()  # every new table that has an enterprise


def upgrade() -> None:
    """Forward."""
    ${upgrades if upgrades else "pass"}
    if op.get_context().dialect.name == "postgresql":
        for statement in isolating(_ISOLATED):
            op.execute(statement)


def downgrade() -> None:
    """One step back, without losing a row that the form before can keep."""
    ${downgrades if downgrades else "pass"}
