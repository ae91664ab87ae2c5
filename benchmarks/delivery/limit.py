"""The limit of a backlog: the same events in a bare table, as durable; nothing is decoded, checked or folded."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

BATCH: Final = 1000


def bare_insert_s(lines: Iterable[tuple[str, bytes]], file: Path) -> float:
    """Seconds of an idempotent insert of (id, body), a synced commit per thousand."""
    rows = list(lines)
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE log (position INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, body BLOB)")
        began_s = time.perf_counter()
        for start in range(0, len(rows), BATCH):
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                connection.executemany(
                    "INSERT INTO log (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING", rows[start : start + BATCH]
                )
        return time.perf_counter() - began_s
