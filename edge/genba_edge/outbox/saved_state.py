"""The core's state in the outbox: rows by key as of some commit, and one packed row for each commit since.

State changes at every commit, in keys that lie all over the table: writing each in its place touches a page for each.
So a commit appends what changed, packed, in one row (a step), and from time to time all steps are folded into the rows.
A step also says how far the collector had acknowledged by then: an acknowledgement needs no commit of its own.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from typing import Final

STEP_COLUMNS: Final = "(number INTEGER PRIMARY KEY, changes BLOB NOT NULL)"
_MOST_STEPS: Final = 2_000  # before they are folded: so many are read at the start, a tenth of a second
_MOST_BYTES: Final = 500_000  # of steps
_LEVEL: Final = 1  # of zlib: the small gain of a higher one is not worth its time


class BadState(Exception):
    """What is stored cannot be what was stored."""


class SavedState:
    """What changed since the last fold, and where the steps stand; `noted` tells it of what was committed.

    Raises:
        BadState: a row or a step is damaged: counting on from half a state would count pieces twice.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._changed: dict[str, str | None] = {}
        self._next = 1
        self._bytes = self._written = 0
        self.acknowledged = 0
        """The greatest acknowledgement that a step held when the file was opened."""
        for number, changes in connection.execute("SELECT number, changes FROM step ORDER BY number"):
            acknowledged, changed = unpack(changes)
            self._changed.update(changed)
            self._next, self._bytes = number + 1, self._bytes + len(changes)
            self.acknowledged = max(self.acknowledged, acknowledged)
        for _ in self._rows():
            pass  # each is checked

    def load(self) -> dict[str, str]:
        """The state as of the last commit: key → JSON text."""
        values: dict[str, str | None] = dict(self._rows())
        values.update(self._changed)
        return {key: value for key, value in values.items() if value is not None}

    def write(self, state: Mapping[str, str | None], *, acknowledged: int) -> bool:
        """Within the caller's transaction; call `noted` when it is committed.

        Returns:
            whether the steps were folded: then the caller writes the mark of acknowledgement in its own place.
        """
        if self._next > _MOST_STEPS or self._bytes > _MOST_BYTES:
            self._fold(state)
            return True
        changes = pack(state, acknowledged=acknowledged)
        self._written = len(changes)
        self._connection.execute("INSERT INTO step (number, changes) VALUES (?, ?)", (self._next, changes))
        return False

    def noted(self, state: Mapping[str, str | None], *, is_folded: bool) -> None:
        """The transaction of `write` was committed."""
        if is_folded:
            self._changed.clear()
            self._next, self._bytes, self.acknowledged = 1, 0, 0
            return
        self._changed.update((key, None if value is None else escaped(value)) for key, value in state.items())
        self._next += 1
        self._bytes += self._written

    def write_folded(self, state: Mapping[str, str | None]) -> None:
        """As `write`, and leave no step behind, whose marks are those of an epoch that ends."""
        self._fold(state)

    def _fold(self, state: Mapping[str, str | None]) -> None:
        every = {**self._changed, **{key: None if value is None else escaped(value) for key, value in state.items()}}
        self._connection.executemany(
            "INSERT OR REPLACE INTO state (key, value, crc) VALUES (?, ?, ?)",
            [(_to_stored_key(key), value, crc_of(key, value)) for key, value in every.items() if value is not None],
        )
        self._connection.executemany(
            "DELETE FROM state WHERE key = ?", [(_to_stored_key(key),) for key, value in every.items() if value is None]
        )
        self._connection.execute("DELETE FROM step")

    def _rows(self) -> list[tuple[str, str]]:
        rows = []
        for stored, value, crc in self._connection.execute("SELECT key, value, crc FROM state"):
            key = _from_stored_key(stored)
            if crc is not None and crc != crc_of(key, value):
                raise BadState(f"state {key!r:.80} is not what was stored")
            rows.append((key, value))
        return rows


def pack(state: Mapping[str, str | None], *, acknowledged: int) -> bytes:
    """A step in one row: the mark, then a line for each key, with its value behind a tab unless the key goes."""
    lines = [str(acknowledged)]
    lines += [
        json.dumps(key) if value is None else f"{json.dumps(key)}\t{escaped(value)}" for key, value in state.items()
    ]
    return zlib.compress("\n".join(lines).encode(), _LEVEL)


def unpack(changes: object) -> tuple[int, dict[str, str | None]]:
    """What `pack` was given: the mark, and the changed keys.

    Raises:
        BadState: the row is damaged.
    """
    if not isinstance(changes, bytes):
        raise BadState("a step holds no bytes")
    try:
        mark, *lines = zlib.decompress(changes).decode().split("\n")
        parts = [line.partition("\t") for line in lines]
        return int(mark), {json.loads(key): value if tab else None for key, tab, value in parts}
    except (zlib.error, ValueError, TypeError) as exc:
        raise BadState(f"a step cannot be read: {exc}") from exc


def crc_of(*texts: object) -> int:
    """The check sum of what stands in a row: SQLite does not notice when a card changes a byte in it."""
    return zlib.crc32("\0".join(str(text) for text in texts).encode("utf-8", errors="surrogatepass"))


def escaped(text: str) -> str:
    """The same JSON without characters that are not valid Unicode; a device may send any, SQLite takes none."""
    return text if text.isascii() else text.encode("utf-8", errors="backslashreplace").decode()


def _to_stored_key(key: str) -> str | bytes:
    """A key is no JSON: one that is not valid Unicode (a job number may be part of it) is stored as bytes."""
    encoded = key.encode("utf-8", errors="surrogatepass")
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        return encoded


def _from_stored_key(key: str | bytes) -> str:
    return key if isinstance(key, str) else key.decode("utf-8", errors="surrogatepass")
