"""Revisions of the database's form: forward, one step back, on both databases, without losing a row."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from genba_cloud.app.cli import COMMAND
from genba_cloud.store import PostgresStore, SqliteStore, open_reader, open_store
from genba_cloud.store.migrate import Migrations, differences
from genba_cloud.store.migrating import Migrating, opened_for_migration
from genba_cloud.store.read import GatewayIdentity
from genba_cloud.store.tables import REVISION
from genba_shared.errors import UsageError
from tests.contract.aging import make_first
from tests.contract.stores import IMPLEMENTATIONS, log, minute, order, rows, started

EXAMPLE = Path(__file__).parent / "revisions"
BROKEN = Path(__file__).parent / "broken_revisions"

Open = Callable[..., AbstractContextManager[Migrating]]


@pytest.fixture(params=IMPLEMENTATIONS)
def url(request: pytest.FixtureRequest) -> str | None:
    """Of an empty database; None: SQLite."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else None


@pytest.fixture
def opened(url: str | None, tmp_path: Path) -> Open:
    """Opens the database for migration, with further revisions where they are given."""
    return lambda *more: opened_for_migration(tmp_path, url, *more)


def fill(url: str | None, folder: Path) -> None:
    with closing(open_store(folder, url)) as store:
        with store.transaction() as transaction:
            transaction.put_order(order("A-1"))
        log(store, started(1), started(2))


def check_filled(url: str | None, folder: Path) -> None:
    with closing(open_store(folder, url)) as store:
        with store.transaction() as transaction:
            assert transaction.order("A-1") == order("A-1")
            assert list(transaction.log()) == rows(started(1), started(2))
        with store.transaction("another") as transaction:
            assert transaction.order("A-1") is None


def test_the_newest_revision_is_the_one_that_a_new_database_gets() -> None:
    assert Migrations().newest == REVISION


def test_a_new_database_has_the_form_of_the_tables(url: str | None, tmp_path: Path, opened: Open) -> None:
    open_store(tmp_path, url).close()
    with opened() as database, database.engine.connect() as connection:
        assert differences(connection) == []


def test_a_database_that_was_migrated_from_nothing_has_the_same_form(
    url: str | None, tmp_path: Path, opened: Open
) -> None:
    (tmp_path / "genba.db").touch()
    with opened() as database:
        plan = database.forward()
        assert (plan.begin, plan.end, plan.steps[0].revision) == (None, REVISION, "0001")
        database.run(plan)
        with database.engine.connect() as connection:
            assert differences(connection) == []
    fill(url, tmp_path)
    check_filled(url, tmp_path)


def test_a_migrated_database_isolates_the_same_tables_as_a_new_one(postgres_url: str, tmp_path: Path) -> None:
    query = (
        "SELECT relname, relrowsecurity, relforcerowsecurity, polname, pg_get_expr(polqual, oid) "
        "FROM (SELECT pg_class.*, polname, polqual FROM pg_class LEFT JOIN pg_policy ON polrelid = pg_class.oid) one "
        "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname NOT LIKE 'log_from_%' "
        "ORDER BY relname"
    )
    found = []
    with opened_for_migration(tmp_path, postgres_url) as database:
        database.run(database.forward())
    with psycopg.connect(postgres_url) as connection:
        found.append(connection.execute(query).fetchall())
        for name, *_ in found[0]:
            connection.execute(f"DROP TABLE {name} CASCADE".encode())
    PostgresStore(postgres_url).close()
    with psycopg.connect(postgres_url) as connection:
        found.append(connection.execute(query).fetchall())
    assert found[0] == found[1]
    assert ("log", True, True) in {row[:3] for row in found[0]}


def test_a_revision_forward_and_back_keeps_every_row(url: str | None, tmp_path: Path, opened: Open) -> None:
    fill(url, tmp_path)
    with opened(EXAMPLE) as database:
        database.run(database.forward())
        with database.engine.connect() as connection:
            if url is not None:
                connection.execute(text("SELECT set_config('genba.enterprise', 'default', true)"))
            found = connection.execute(text("SELECT customer_name, country FROM customer_order")).one()
            assert found == ("Blue Shirt Co", "jp")
        back = database.back()
        assert (back.begin, back.end, back.is_back) == ("9001", REVISION, True)
        database.run(back)
        with database.engine.connect() as connection:
            assert differences(connection) == []
    check_filled(url, tmp_path)


def test_who_is_registered_survives_a_step_back_and_forward_again(
    url: str | None, tmp_path: Path, opened: Open
) -> None:
    fill(url, tmp_path)
    one = GatewayIdentity(gateway="gw", enterprise="default", added_at=minute(1), public_key=bytes(32))
    with closing(open_store(tmp_path, url)) as store, store.transaction() as transaction:
        transaction.identities().put(one)
    with opened() as database:
        database.run(database.back())
        database.run(database.forward())
        with database.engine.connect() as connection:
            assert differences(connection) == []
    with closing(open_store(tmp_path, url)) as store:
        assert store.reads().identities() == (one,)
    check_filled(url, tmp_path)


def test_a_revision_that_fails_changes_nothing(url: str | None, tmp_path: Path, opened: Open) -> None:
    fill(url, tmp_path)
    with opened(BROKEN) as database, pytest.raises(DBAPIError, match="nowhere"):
        database.run(database.forward())
    check_filled(url, tmp_path)


def test_a_newer_database_is_refused(url: str | None, tmp_path: Path, opened: Open) -> None:
    fill(url, tmp_path)
    with opened(EXAMPLE) as database:
        database.run(database.forward())
    for use in (open_store, open_reader):
        with pytest.raises(UsageError, match="has revision 9001, this version of genba knows revisions up to"):
            use(tmp_path, url)
    with opened() as database, pytest.raises(UsageError, match="revision 9001 is not known"):
        database.forward()


def test_there_is_nothing_before_the_first_revision(url: str | None, tmp_path: Path, opened: Open) -> None:
    fill(url, tmp_path)
    with opened() as database:
        database.run(database.forward("0001"))
        with pytest.raises(UsageError, match="0001 is the first"):
            database.back()


def make_old(folder: Path) -> None:
    """A file as versions wrote it that knew nothing of revisions, and that lacked what came later."""
    fill(None, folder)
    with closing(sqlite3.connect(folder / "genba.db")) as connection, connection:
        make_first(connection)


def test_a_file_of_the_time_before_revisions_is_adopted_after_it_was_copied(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="genba_cloud.store")
    make_old(tmp_path)
    with pytest.raises(UsageError, match="has revision none, this version of genba needs"):
        open_reader(tmp_path)
    check_filled(None, tmp_path)
    assert "database copied aside file=" in caplog.records[0].message
    assert caplog.records[1].message.endswith(f"revision={REVISION} was=None")
    with opened_for_migration(tmp_path, None) as database, database.engine.connect() as connection:
        assert differences(connection) == []
    with closing(sqlite3.connect(tmp_path / "genba-before-0001.db")) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (2,)
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'question'").fetchone() is None


def test_an_older_database_of_a_server_is_brought_forward_only_when_that_is_said(
    postgres_url: str, tmp_path: Path
) -> None:
    fill(postgres_url, tmp_path)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(UsageError, match=r"has revision 0000, .* run `genba cloud migrate`"):
        PostgresStore(postgres_url)


def test_a_folder_that_a_collector_holds_is_not_migrated(tmp_path: Path) -> None:
    with (
        closing(SqliteStore(tmp_path)),
        pytest.raises(UsageError, match="is in use by process"),
        opened_for_migration(tmp_path, None),
    ):
        pass


def test_a_database_with_collectors_on_it_is_not_migrated(postgres_url: str, tmp_path: Path) -> None:
    with (
        closing(PostgresStore(postgres_url)),
        opened_for_migration(tmp_path, postgres_url, EXAMPLE) as database,
        pytest.raises(UsageError, match=r"is in use .* stop every collector first"),
    ):
        database.run(database.forward())


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    COMMAND.add_arguments(parser)
    return COMMAND.run(parser.parse_args(words))


def test_the_command_says_what_it_would_do_and_does_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_old(tmp_path)
    assert run("migrate", "--data", str(tmp_path), "--dry-run") == 0
    dry = capsys.readouterr().out
    said, step = dry.splitlines()[:2]
    assert said == f"{tmp_path}/genba.db: from revision none to {REVISION}"
    assert step.startswith("  0001  The tables as they were when revisions began")
    assert "CREATE TABLE IF NOT EXISTS log" in dry
    assert list(tmp_path.glob("genba-before-*")) == []
    assert run("migrate", "--data", str(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"copied before to {tmp_path}/genba-before-0001.db",
        f"done: revision {REVISION}",
    ]
    assert run("migrate", "--data", str(tmp_path)) == 0
    assert capsys.readouterr().out == f"{tmp_path}/genba.db has revision {REVISION}: nothing to do\n"


def test_the_database_may_come_from_the_environment_and_its_password_is_not_printed(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENBA_DB", postgres_url.replace("genba@", "genba:secret@"))
    assert run("migrate", "--data", str(tmp_path)) == 0
    assert run("verify", "--data", str(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "secret" not in out
    assert out.splitlines()[-1] == "events=0 links=0 heads=0 views=0 differences=0"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://genba:hidden@127.0.0.1/genba", "mysql://…@127.0.0.1/genba"),
        ("postgresql://127.0.0.1:1?password=hidden", "postgresql://127.0.0.1:1"),
        ("postgresql://genba:hidden@127.0.0.1:1/genba?password=hidden", "postgresql://…@127.0.0.1:1/genba"),
    ],
)
def test_a_url_that_cannot_be_used_is_named_without_its_secrets(url: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        PostgresStore(url)
    assert said in str(raised.value)
    assert "hidden" not in str(raised.value)
