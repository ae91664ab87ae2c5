"""Accounts in PostgreSQL: several collectors know the same people, keys and answers, each enterprise its own.

The tables are those of `accounts` with the enterprise in front. It is filled in and compared by the database
(`isolation`), so that `Accounts` says the same statements to both.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Engine, MetaData, String, Table, text

from genba_cloud.core.viewer import Role
from genba_cloud.store.accounts import TABLES, Accounts
from genba_cloud.store.isolation import SETTING
from genba_cloud.store.key_memory import BESIDE_OTHERS_S, KeyMemory

POSTGRES_TABLES: Final = MetaData()

for _table in TABLES.sorted_tables:
    Table(
        _table.name,
        POSTGRES_TABLES,
        Column("enterprise", String, primary_key=True, server_default=text(f"current_setting('{SETTING}')")),
        *(
            Column(
                one.name,
                one.type,
                primary_key=one.primary_key,
                nullable=one.nullable,
                index=one.index,
                server_default=str(Role.ADMIN) if one.name == "role" else None,
            )
            for one in _table.columns
        ),
    )


class PostgresAccounts(Accounts):
    """The accounts of one enterprise; the connections belong to the store."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, memory=KeyMemory(kept_s=BESIDE_OTHERS_S))

    def close(self) -> None:
        """Nothing: the store lets go of the database."""
