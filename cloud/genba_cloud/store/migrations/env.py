"""Run by Alembic for every command of `store.migrate`: on the connection that it hands over, or to print the SQL."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from genba_cloud.store.tables import METADATA, Instant


def _rendered(kind: str, subject: Any, _context: AutogenContext) -> str | Literal[False]:
    """How a draft writes a type: as what the database has, since the classes of the code go on."""
    return "sa.BigInteger()" if kind == "type" and isinstance(subject, Instant) else False


_attributes = context.config.attributes

if context.is_offline_mode():
    context.configure(
        dialect_name=_attributes["dialect"],
        literal_binds=True,
        render_as_batch=True,
        target_metadata=METADATA,
        output_buffer=_attributes["output"],
    )
else:
    context.configure(
        connection=_attributes["connection"],
        render_as_batch=True,
        target_metadata=METADATA,
        render_item=_rendered,
    )
with context.begin_transaction():
    context.run_migrations()
