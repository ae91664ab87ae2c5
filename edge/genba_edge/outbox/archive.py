"""Looking into an outbox without changing it, beside the gateway that writes it or after that one has ended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from genba_edge.outbox.database import FILE_NAME, text_of
from genba_edge.outbox.history import CURRENT, part_tables
from genba_edge.outbox.packing import unpacked
from genba_edge.outbox.saved_state import BadState, unpack
from genba_shared.errors import ContractError, UsageError
from genba_shared.events import Event, event_from_own_json

_BUSY_S: Final = 5.0
_MOST: Final = 200_000  # rows of one look


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedRow:
    """One row: its event (None: damaged) and its trail (None: there is none, or it is damaged)."""

    seq: int
    event: Event | None
    trail: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedMap:
    """The device map that was in force from the event `since_seq` on, without secrets."""

    since_seq: int
    sha256: str
    text: str


class Archive:
    """The events, trails and maps that a state folder holds. Every method is one short look at the file.

    Raises:
        UsageError: there is no outbox, it is another user's, or it cannot be read.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE_NAME
        try:
            is_there = self._path.is_file()
        except PermissionError as exc:
            raise UsageError(f"{self._path}: {exc.strerror}; run this as the user of the gateway") from exc
        if not is_there:
            raise UsageError(
                f"no outbox in {state_dir}: --state DIR names the folder that the gateway was started with"
            )
        self._connection = self._open()
        self._has_trails = "trail" in {row[1] for row in self._read("PRAGMA table_info(event)")}
        self._tables = [CURRENT]
        self._look_for_tables()
        meta = dict(self._read("SELECT key, value FROM meta"))
        self.gateway, self.epoch = str(meta.get("gateway")), str(meta.get("epoch"))
        (newest,) = self._read("SELECT max(seq) FROM event")[0]
        self.acknowledged = max(int(meta.get("acknowledged", 0)), self._mark_of_steps())
        self.next_seq = max(int(newest or 0), self.acknowledged) + 1
        firsts = [self._read(f"SELECT min(seq) FROM {table}")[0][0] for table in self._tables]  # noqa: S608 - names of our own
        self.first_seq = min((int(first) for first in firsts if first is not None), default=self.next_seq)
        """The oldest seq that is kept."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def row(self, seq: int) -> ArchivedRow | None:
        """The row of a seq; None: it is not (or no longer) there."""
        return next(iter(self._rows("seq = ?", (seq,))), None)

    def rows_with(self, *texts: str, begin: int, end: int) -> list[ArchivedRow]:
        """The rows from seq `begin` to `end` whose JSON line holds all of these texts, in their order."""
        where = " AND ".join(["seq >= ?", "seq <= ?", *("instr(plain(line), ?) > 0" for _ in texts)])
        return list(self._rows(where, (begin, end, *texts)))

    def newest_with(self, *texts: str, before: int) -> ArchivedRow | None:
        """The newest row below seq `before` whose JSON line holds all of these texts."""
        where = " AND ".join(["seq < ?", *("instr(plain(line), ?) > 0" for _ in texts)])
        return next(iter(self._rows(where, (before, *texts), order="DESC LIMIT 1")), None)

    def map_at(self, seq: int) -> ArchivedMap | None:
        """The map that was in force when the event of this seq was made; None: it was not kept."""
        if not self._has_trails:
            return None
        sql = "SELECT seq, sha256, text FROM map WHERE seq <= ? ORDER BY seq DESC LIMIT 1"
        found = self._read(sql, (seq,))
        return None if not found else ArchivedMap(since_seq=found[0][0], sha256=found[0][1], text=found[0][2])

    def _rows(self, where: str, values: Sequence[object], *, order: str = "") -> Iterator[ArchivedRow]:
        for is_last_try in (False, True):
            try:
                found = self._read(self._select(where, order), [*values] * len(self._tables))
            except UsageError:  # the gateway may have set a part apart, or dropped one
                if is_last_try:
                    raise
                self._look_for_tables()
            else:
                yield from (
                    ArchivedRow(seq=seq, event=_event_of(line), trail=_trail_of(text)) for seq, line, text in found
                )
                return

    def _mark_of_steps(self) -> int:
        if not self._read("SELECT 1 FROM sqlite_master WHERE name = 'step'"):
            return 0
        newest = self._read("SELECT changes FROM step ORDER BY number DESC LIMIT 1")
        try:
            return unpack(newest[0][0])[0] if newest else 0
        except BadState:
            return 0

    def _select(self, where: str, order: str) -> str:
        trail = "trail" if self._has_trails else "NULL"
        parts = (f"SELECT seq, line, {trail} FROM {table} WHERE {where}" for table in self._tables)  # noqa: S608 - as above; values are bound
        return f"{' UNION ALL '.join(parts)} ORDER BY seq {order or f'LIMIT {_MOST}'}"

    def _look_for_tables(self) -> None:
        try:
            self._tables = [*part_tables(self._connection), CURRENT]
        except sqlite3.DatabaseError as exc:
            raise UsageError(f"{self._path} cannot be read: {exc}. `genba edge doctor` looks closer.") from exc

    def _read(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as exc:
            raise UsageError(f"{self._path} cannot be read: {exc}. `genba edge doctor` looks closer.") from exc

    def _open(self) -> sqlite3.Connection:
        """Read-only. A file that nobody has open is taken as it stands: whoever reads it leaves nothing in its folder.

        A file beside it that was left there, or its owner, would keep the gateway's own user from opening the outbox.
        """
        is_in_use = Path(f"{self._path}-wal").exists()
        form = "?mode=ro" if is_in_use else "?mode=ro&immutable=1"
        connection = sqlite3.connect(self._path.absolute().as_uri() + form, uri=True, timeout=_BUSY_S)
        connection.text_factory = text_of
        connection.create_function("plain", 1, _plain, deterministic=True)
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as exc:
            connection.close()
            raise UsageError(f"{self._path} cannot be opened ({exc}); run this as the user of the gateway") from exc
        return connection


def _event_of(line: object) -> Event | None:
    try:
        return event_from_own_json(json.loads(unpacked(line)))
    except (ValueError, TypeError, AttributeError, ContractError):
        return None


def _plain(line: object) -> str:
    try:
        return unpacked(line)
    except ValueError:
        return ""


def _trail_of(text: object) -> Mapping[str, Any] | None:
    try:
        trail = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return trail if isinstance(trail, dict) else None
