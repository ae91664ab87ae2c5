"""Fixtures of the contract tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from genba_cloud.store import Store, open_store
from genba_edge.outbox import SqliteOutbox
from tests.contract.outboxes import GATEWAY, Open
from tests.contract.stores import IMPLEMENTATIONS, Reopen


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    """Opens the same outbox, after closing the one before."""
    opened: list[SqliteOutbox] = []

    def reopen() -> SqliteOutbox:
        for outbox in opened:
            outbox.close()
        opened.append(SqliteOutbox(tmp_path, gateway=GATEWAY))
        return opened[-1]

    yield reopen
    for outbox in opened:
        outbox.close()


@pytest.fixture(params=IMPLEMENTATIONS)
def reopen_store(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Opens the same store, one after the other."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None

    @contextmanager
    def opened() -> Iterator[Store]:
        store = open_store(tmp_path / "data", url)
        try:
            yield store
        finally:
            store.close()

    return opened


@pytest.fixture
def store(reopen_store: Reopen) -> Iterator[Store]:
    """An empty store."""
    with reopen_store() as opened:
        yield opened
