"""Fixtures of the contract tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from genba_edge.outbox import SqliteOutbox
from tests.contract.outboxes import GATEWAY, Open


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
