"""PostgreSQL keeps enterprises apart by itself: a statement without a filter sees nothing of another enterprise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String
from sqlalchemy.dialects import postgresql

from genba_cloud.core.viewer import Scope
from genba_cloud.store import PostgresStore
from genba_cloud.store.accounts_postgres import POSTGRES_TABLES
from genba_cloud.store.tables import METADATA, Instant
from tests.peers.postgres import PostgresServer

ISOLATED = {
    table.name: table
    for table in (*METADATA.sorted_tables, *POSTGRES_TABLES.sorted_tables)
    if "enterprise" in table.c and table.name != "gateway_identity"  # tells a gateway's enterprise, before it is known
}


@pytest.fixture(scope="module")
def url(shared_postgres: PostgresServer) -> str:
    """A database in which every table with an enterprise has one row of `ours` and one of `theirs`."""
    url = shared_postgres.database()
    PostgresStore(url).close()
    # Only a superuser may leave out the rows that others point to.
    with psycopg.connect(shared_postgres.url(url.rpartition("/")[2])) as connection:
        connection.execute("SET session_replication_role = replica")
        for table in ISOLATED.values():
            for enterprise in ("ours", "theirs"):
                columns = [column for column in table.columns if column is not table.autoincrement_column]
                values = [enterprise if column.name == "enterprise" else _any(column) for column in columns]
                names = ", ".join(f'"{column.name}"' for column in columns)
                places = ", ".join(["%s"] * len(columns))
                connection.execute(f"INSERT INTO {table.name} ({names}) VALUES ({places})".encode(), values)
    return url


@pytest.fixture
def ours(url: str) -> Iterator[psycopg.Connection]:
    """A transaction for `ours`, by the role that owns the tables."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('genba.enterprise', 'ours', true)")
        yield connection
        connection.rollback()


def _any(column: Column[Any]) -> Any:
    """Some value that the column can hold."""
    match column.type:
        case Instant() | BigInteger() | Integer() | Float():
            return 1
        case Boolean():
            return True
        case LargeBinary():
            return b"x"
        case String():
            return "x"
        case postgresql.JSON() | _:
            return "{}"


@pytest.mark.parametrize("table", sorted(ISOLATED))
def test_a_query_without_a_filter_sees_only_rows_of_its_own_enterprise(ours: psycopg.Connection, table: str) -> None:
    assert ours.execute(f"SELECT DISTINCT enterprise FROM {table}".encode()).fetchall() == [("ours",)]


@pytest.mark.parametrize("table", sorted(ISOLATED))
def test_a_query_that_says_no_enterprise_sees_nothing(url: str, table: str) -> None:
    with psycopg.connect(url) as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)


@pytest.mark.parametrize("table", sorted(ISOLATED))
def test_nothing_can_be_given_to_another_enterprise(ours: psycopg.Connection, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        ours.execute(f"UPDATE {table} SET enterprise = 'theirs'".encode())


def test_accounts_of_two_enterprises_in_one_database_do_not_know_each_other(postgres_url: str) -> None:
    with closing(PostgresStore(postgres_url)) as store:
        ours, theirs = store.accounts("ours"), store.accounts("theirs")
        ours.set_password("admin", "hash", must_choose=False)
        key = ours.create_key("erp", frozenset({Scope.READ}))
        assert theirs.account("admin") is None
        assert theirs.find_key(key) is None
        assert ours.secret("board") != theirs.secret("board")
        account = store.accounts("ours").session_account(ours.open_session("admin"))
        assert account is not None
        assert account.name == "admin"


def test_a_role_that_bypasses_the_rules_is_named_at_the_start(
    shared_postgres: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    PostgresStore(postgres_url).close()
    assert caplog.records == []
    PostgresStore(shared_postgres.url(postgres_url.rpartition("/")[2])).close()
    assert ["role bypasses row-level security role=owner" in record.message for record in caplog.records] == [True]
