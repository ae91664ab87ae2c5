"""Run by Alembic for every command of `store.migrate`: on the connection that it hands over, or to print the SQL."""

from __future__ import annotations

from alembic import context

from genba_cloud.store.tables import METADATA

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
    context.configure(connection=_attributes["connection"], render_as_batch=True, target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
