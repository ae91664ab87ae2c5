"""Somebody who owns the database changes the log: `verify` names the first position that is not what was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from genba_cloud.ledger import Verified, verify
from genba_cloud.ledger.heads import read_heads
from genba_cloud.ledger.proof import Anchors
from genba_cloud.ledger.signing import PUBLIC_FILE, HeadVerifier
from genba_cloud.store import DEFAULT_ENTERPRISE
from tests.integration.log_history import Database, write_log
from tests.peers.postgres import PostgresServer

Tampering = Callable[[Database], None]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Database:
    database = Database(data_dir=tmp_path_factory.mktemp("log") / "data")
    database.data_dir.mkdir()
    _write(database)
    return database


@pytest.fixture(scope="module")
def original_on_postgres(
    tmp_path_factory: pytest.TempPathFactory, shared_postgres: PostgresServer
) -> tuple[Database, PostgresServer]:
    database = Database(data_dir=tmp_path_factory.mktemp("postgres"), url=shared_postgres.database())
    _write(database)
    return database, shared_postgres


def _write(database: Database) -> None:
    store = database.store()
    asyncio.run(write_log(store, database.data_dir))
    store.close()


@pytest.fixture
def sqlite(original: Database, tmp_path: Path) -> Database:
    return original.copy_sqlite(tmp_path / "data")


@pytest.fixture
def postgres(original_on_postgres: tuple[Database, PostgresServer]) -> Iterator[Database]:
    database, server = original_on_postgres
    assert database.url is not None
    name = database.url.rpartition("/")[2]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
        yield Database(data_dir=database.data_dir, url=server.url(f"{name}_copy"))
        connection.execute(f"DROP DATABASE {name}_copy")


def verified(database: Database, *, elsewhere: Path | None = None) -> Verified:
    store = database.store()
    try:
        heads = read_heads(elsewhere, DEFAULT_ENTERPRISE) if elsewhere else ()
        verifier = HeadVerifier.open(database.data_dir / PUBLIC_FILE)
        return verify(store, anchors=Anchors(heads=heads, verifier=verifier))
    finally:
        store.close()


def swapped(one: int, other: int) -> Tampering:
    return lambda database: database.swap(one, other)


def deleted(position: int, *, close_up: bool = False) -> Tampering:
    def tamper(database: Database) -> None:
        database.run("DELETE FROM log WHERE position = ?", position)
        if close_up:
            database.shift(position + 1, -1)

    return tamper


def inserted(position: int) -> Tampering:
    """A copy of another event is put there; everything from there on moves up."""

    def tamper(database: Database) -> None:
        database.shift(position, 1)
        database.copy_row(10 if position == 1 else 1, position)

    return tamper


def sql(statement: str) -> Tampering:
    def tamper(database: Database) -> None:
        database.run(statement)

    return tamper


def swapped_links(database: Database) -> None:
    for old, new in ((2, 100), (4, 2), (100, 4)):
        database.run("UPDATE link SET number = ? WHERE number = ?", new, old)


def link_and_copy(database: Database) -> None:
    database.run("INSERT INTO link SELECT enterprise, 6, 10, 10, hash FROM link WHERE number = 5")
    database.copy_row(1, 10)


CASES: dict[str, tuple[Tampering, int]] = {
    "body changed at the start": (lambda database: database.change_body(1, leaf=False), 1),
    "body changed in the middle": (lambda database: database.change_body(5, leaf=False), 5),
    "body changed inside a commit": (lambda database: database.change_body(7, leaf=False), 7),
    "body changed at the end": (lambda database: database.change_body(9, leaf=False), 9),
    "body and leaf changed at the start": (lambda database: database.change_body(1, leaf=True), 1),
    "body and leaf changed in the middle": (lambda database: database.change_body(5, leaf=True), 5),
    "body and leaf changed at the end": (lambda database: database.change_body(9, leaf=True), 9),
    "leaf changed": (sql("UPDATE log SET leaf = body WHERE position = 5"), 5),
    "body is no event": (sql("UPDATE log SET body = leaf WHERE position = 6"), 6),
    "column changed at the start": (sql("UPDATE log SET station = 'X' WHERE position = 1"), 1),
    "column changed in the middle": (sql("UPDATE log SET at = at + 1 WHERE position = 4"), 4),
    "column changed at the end": (sql("UPDATE log SET work_order = NULL WHERE position = 9"), 9),
    "deleted at the start": (deleted(1), 1),
    "deleted in the middle": (deleted(5), 5),
    "deleted inside a commit": (deleted(7), 7),
    "deleted at the end": (deleted(9), 9),
    "deleted and closed up at the start": (deleted(1, close_up=True), 1),
    "deleted and closed up in the middle": (deleted(5, close_up=True), 5),
    "deleted and closed up at the end": (deleted(9, close_up=True), 9),
    "inserted at the start": (inserted(1), 1),
    "inserted in the middle": (inserted(5), 5),
    "inserted at the end": (inserted(9), 9),
    "appended without a link": (lambda database: database.copy_row(1, 10), 10),
    "appended with a link": (link_and_copy, 10),
    "put before the first": (lambda database: database.copy_row(1, 0), 1),
    "swapped at the start": (swapped(1, 5), 1),
    "swapped inside a commit": (swapped(3, 4), 3),
    "swapped at the end": (swapped(5, 9), 5),
    "link deleted at the start": (sql("DELETE FROM link WHERE number = 1"), 1),
    "link deleted in the middle": (sql("DELETE FROM link WHERE number = 3"), 5),
    "link deleted at the end": (sql("DELETE FROM link WHERE number = 5"), 9),
    "link changed at the start": (sql("UPDATE link SET hash = substr(hash, 2) WHERE number = 1"), 1),
    "link changed in the middle": (sql("UPDATE link SET hash = substr(hash, 2) WHERE number = 3"), 5),
    "link changed at the end": (sql("UPDATE link SET hash = substr(hash, 2) WHERE number = 5"), 9),
    "link says another reach": (sql("UPDATE link SET last = 7 WHERE number = 4"), 6),
    "links swapped": (swapped_links, 2),
    "link inserted": (sql("INSERT INTO link SELECT enterprise, 6, 9, 9, hash FROM link WHERE number = 5"), 10),
    "tail cut to nothing": (lambda database: database.cut(1), 1),
    "tail cut in the middle": (lambda database: database.cut(5), 5),
    "tail cut at the end": (lambda database: database.cut(9), 9),
}


@pytest.mark.requirement("R77")
@pytest.mark.parametrize("name", CASES)
def test_verify_names_the_first_bad_position(sqlite: Database, name: str) -> None:
    tamper, first_bad = CASES[name]
    assert verified(sqlite).differences == ()
    tamper(sqlite)
    assert verified(sqlite).first_bad == first_bad


@pytest.mark.parametrize(
    "name",
    [
        "body changed inside a commit",
        "column changed in the middle",
        "deleted in the middle",
        "inserted in the middle",
        "swapped inside a commit",
        "link changed in the middle",
        "tail cut at the end",
    ],
)
def test_verify_names_the_first_bad_position_on_postgresql(postgres: Database, name: str) -> None:
    tamper, first_bad = CASES[name]
    tamper(postgres)
    assert verified(postgres).first_bad == first_bad


def test_a_commit_whose_leaves_were_recomputed_is_named_from_its_first_position(sqlite: Database) -> None:
    sqlite.change_body(7, leaf=True)
    found = verified(sqlite)
    assert (found.first_bad, found.differences[0]) == (6, "link 4: positions 6 to 8 are not what was committed")


@pytest.mark.requirement("R77")
@pytest.mark.parametrize(("position", "first_bad"), [(1, 1), (3, 2), (5, 5), (9, 9)])
def test_a_log_that_was_rewritten_with_its_whole_chain_does_not_fit_its_heads(
    sqlite: Database, position: int, first_bad: int
) -> None:
    sqlite.change_body(position, leaf=False)
    sqlite.relink()
    found = verified(sqlite)
    assert found.first_bad == first_bad
    assert found.differences[0].startswith(f"positions {first_bad} to ")


def test_who_rewrites_the_heads_in_the_database_too_does_not_rewrite_those_kept_elsewhere(sqlite: Database) -> None:
    elsewhere = sqlite.data_dir / "heads.jsonl"
    assert verified(sqlite, elsewhere=elsewhere).differences == ()
    sqlite.change_body(5, leaf=False)
    sqlite.relink()
    sqlite.run("DELETE FROM merkle_head")
    sqlite.run("DELETE FROM view")
    with_them, without = verified(sqlite, elsewhere=elsewhere), verified(sqlite)
    assert (with_them.first_bad, without.first_bad) == (5, None)


@pytest.mark.requirement("R77")
def test_who_cuts_the_tail_and_everything_that_speaks_of_it_is_found_by_heads_kept_elsewhere(sqlite: Database) -> None:
    sqlite.cut(9)
    sqlite.run("UPDATE received_range SET upto = 8")
    sqlite.run("DELETE FROM merkle_head WHERE size = 9")
    assert verified(sqlite).first_bad is None
    found = verified(sqlite, elsewhere=sqlite.data_dir / "heads.jsonl")
    assert found.first_bad == 9
    assert found.differences[0] == "head at position 9, signed 2026-01-05 16:00 UTC: the log ends at position 8"


def test_a_cut_tail_shows_by_what_was_answered_to_the_gateway_alone(sqlite: Database) -> None:
    sqlite.cut(6)
    sqlite.run("DELETE FROM merkle_head")
    found = verified(sqlite)
    assert (found.first_bad, "gateway gw: answered up to 9" in found.differences[0]) == (6, True)


def test_an_event_that_no_gateway_was_answered_for_shows_in_a_chain_that_is_whole(sqlite: Database) -> None:
    sqlite.run("UPDATE received_range SET upto = 8")
    sqlite.run("DELETE FROM merkle_head")
    assert verified(sqlite).first_bad == 9


def test_a_head_that_was_not_signed_with_the_key_is_told_and_is_no_position(sqlite: Database) -> None:
    sqlite.run("UPDATE merkle_head SET at = at + 1 WHERE size = 5")
    found = verified(sqlite)
    assert found.first_bad is None
    assert [words.partition(" with ")[0] for words in found.differences] == ["head at position 5: not signed"]
