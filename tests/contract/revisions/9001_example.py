"""An example of what revisions do: a table, a column, another type, and rows that follow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from genba_cloud.store.isolation import closing, isolating, opening

revision = "9001"
down_revision = "0005"


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "remark",
        sa.Column("enterprise", sa.String(), primary_key=True),
        sa.Column("order_id", sa.String(), primary_key=True),
        sa.Column("text", sa.String(), nullable=False),
    )
    with op.batch_alter_table("customer_order") as order:
        order.add_column(sa.Column("country", sa.String()))
        order.alter_column("customer", new_column_name="customer_name")
    with op.batch_alter_table("node") as node:
        node.alter_column("quantity", type_=sa.BigInteger(), existing_type=sa.Integer(), existing_nullable=False)
    is_postgres = op.get_context().dialect.name == "postgresql"
    for statement in opening(["customer_order"]) if is_postgres else ():
        op.execute(statement)
    op.execute("UPDATE customer_order SET country = 'jp'")
    for statement in (*closing(["customer_order"]), *isolating(["remark"])) if is_postgres else ():
        op.execute(statement)


def downgrade() -> None:
    """One step back."""
    with op.batch_alter_table("node") as node:
        node.alter_column("quantity", type_=sa.Integer(), existing_type=sa.BigInteger(), existing_nullable=False)
    with op.batch_alter_table("customer_order") as order:
        order.alter_column("customer_name", new_column_name="customer")
        order.drop_column("country")
    op.drop_table("remark")
