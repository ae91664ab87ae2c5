"""Master data in every store: versions, pages, and nothing of another enterprise."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genba_cloud.store import Store, open_store
from genba_cloud.store.master import MasterRow
from tests.contract.stores import IMPLEMENTATIONS

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture(params=IMPLEMENTATIONS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with closing(open_store(tmp_path, url)) as opened:
        yield opened


def row(name: str, version: int = 1, kind: str = "items", **body: object) -> MasterRow:
    return MasterRow(kind=kind, id=name, version=version, valid_from=AT, body={"item": name, **body})


def put(store: Store, *rows: MasterRow, enterprise: str = "default") -> None:
    with store.transaction(enterprise) as transaction:
        for one in rows:
            transaction.master.put(one)


def test_the_newest_version_is_in_force_and_older_ones_are_kept(store: Store) -> None:
    first, second, other = row("A", 1, uom="m"), row("A", 2, uom="kg", label={"zh": "面料"}), row("A", 5, "boms")
    put(store, first, second, other)
    with store.reads().master() as rows:
        assert rows.in_force("items", "A") == second
        assert rows.version("items", "A", 1) == first
        assert rows.history("items", "A") == (second, first)
        assert rows.in_force("items", "B") is None
        assert rows.version("items", "A", 3) is None
        assert rows.all_in_force("items") == (second,)


def test_pages_are_by_id_and_show_what_is_in_force(store: Store) -> None:
    put(store, *(row(name, version) for name in ("c", "a", "b", "é") for version in (1, 2)))
    with store.reads().master() as rows:
        first = rows.page("items", cursor=None, limit=3)
        second = rows.page("items", cursor=first.next, limit=3)
    assert [(one.id, one.version) for one in first.items] == [("a", 2), ("b", 2), ("c", 2)]
    assert (first.next, [one.id for one in second.items], second.next) == ("c", ["é"], None)


def test_an_enterprise_sees_nothing_of_another(store: Store) -> None:
    put(store, row("A"))
    with store.reads("other").master() as rows:
        assert rows.in_force("items", "A") is None
        assert rows.all_in_force("items") == ()
    put(store, row("A", 7), enterprise="other")
    with store.reads().master() as rows:
        assert rows.in_force("items", "A") == row("A")


def test_what_is_rolled_back_was_never_there(store: Store) -> None:
    with contextlib.suppress(ZeroDivisionError), store.transaction() as transaction:
        transaction.master.put(row("A"))
        assert transaction.master.in_force("items", "A") == row("A")
        raise ZeroDivisionError
    with store.reads().master() as rows:
        assert rows.in_force("items", "A") is None
