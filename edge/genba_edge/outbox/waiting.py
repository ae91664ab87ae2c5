"""What waits for the collector: its size, and which of it goes when the store is full or it is too old."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from genba_edge.core.dropping import GAP, KINDS_OF, Dropping, StoreLimits, Waiting, choose, declaration, is_declaration
from genba_edge.outbox.history import ROW_BYTES, ROW_OVERHEAD
from genba_edge.outbox.packing import unpacked
from genba_shared.device_map.model import StoredKind
from genba_shared.errors import ContractError
from genba_shared.events import DataGapSeen, Event, event_from_own_json

_MOST_ROWS: Final = 50_000  # looked at for one drop
_MOST_FOR_FULL_DISK: Final = 5_000  # looked at every few seconds as long as the disk is full
_FULL_PART: Final = 8  # on a full disk so much of what waits makes room
_LEAST_FREED: Final = 64_000  # bytes: what would free less does not help a disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Bytes of rows in the store; of them those that may be dropped; and how many rows."""

    rows: int = 0
    size: int = 0
    droppable: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(
            rows=self.rows + other.rows, size=self.size + other.size, droppable=self.droppable + other.droppable
        )

    def __sub__(self, other: Size) -> Size:
        return Size(
            rows=self.rows - other.rows, size=self.size - other.size, droppable=self.droppable - other.droppable
        )


@dataclass(slots=True, kw_only=True)
class WaitingRows:
    """The rows behind the mark: their size, as of the last commit, and how many `dropped` went since the start."""

    connection: sqlite3.Connection
    limits: StoreLimits
    size: Size
    dropped: int = 0
    _looked_at: datetime | None = field(default=None)

    def is_over(self, newest_at: datetime | None) -> bool:
        """Whether it is time to look for what is to be dropped."""
        if not self.size.droppable:
            return False
        if self.limits.surplus(self.size.size):
            return True
        return newest_at is not None and self.limits.looks_again(self._looked_at, newest_at)

    def plan(self, *, upto: int, newest_at: datetime | None) -> Dropping | None:
        """What is to be dropped now of the rows behind seq `upto`; None: nothing can be, or needs to be."""
        chosen = {row.seq: row for row in self._too_old(upto, newest_at)}
        surplus = self.limits.surplus(self.size.size) - sum(row.size for row in chosen.values())
        for kind in self.limits.order:
            if surplus <= 0:
                break
            rows = [row for row in self._rows(kind, upto) if row.seq not in chosen]
            for row in choose(rows, kind, surplus=surplus):
                chosen[row.seq] = row
                surplus -= row.size
        return declaration(chosen.values(), self._declarations(upto) if chosen else ())

    def plan_for_full_disk(self, *, upto: int) -> Dropping | None:
        """What makes room on a full disk: an eighth of what waits, of the first classes that have it.

        None: there is not so much that it would help.
        """
        chosen: list[Waiting] = []
        surplus = max(_LEAST_FREED, self.size.size // _FULL_PART)
        for kind in self.limits.order if self.size.droppable >= surplus else ():
            rows = list(self._rows(kind, upto, most=_MOST_FOR_FULL_DISK))
            chosen += choose(rows, kind, surplus=surplus - sum(row.size for row in chosen))
        return declaration(chosen, self._declarations(upto) if chosen else ())

    def measure(self, *, after: int, upto: int) -> Size:
        """The rows in (after, upto]."""
        codes = ", ".join(str(code) for code in sorted(self._droppable))
        rows, size, droppable = self.connection.execute(
            f"SELECT count(*), total({ROW_BYTES}), total(CASE WHEN kind IN ({codes}) THEN {ROW_BYTES} END) "  # noqa: S608 - our own words and numbers
            "FROM event WHERE seq > ? AND seq <= ?",
            (after, upto),
        ).fetchone()
        return Size(rows=int(rows), size=int(size), droppable=int(droppable))

    def size_of(self, *, code: int, line: bytes, trail: str | None) -> Size:
        """A row that is to be written."""
        size = len(line) + (0 if trail is None else len(trail.encode())) + ROW_OVERHEAD
        return Size(rows=1, size=size, droppable=size if code in self._droppable else 0)

    def remove(self, dropping: Dropping) -> Size:
        """Within the caller's transaction; returns what is gone when it is committed."""
        gone = Size()
        for seq in dropping.seqs:
            gone += self.measure(after=seq - 1, upto=seq)
        self.connection.executemany("DELETE FROM event WHERE seq = ?", [(seq,) for seq in dropping.seqs])
        return gone

    @property
    def _droppable(self) -> frozenset[int]:
        return frozenset().union(*(KINDS_OF[kind] for kind in self.limits.order))

    def _too_old(self, upto: int, newest_at: datetime | None) -> Iterator[Waiting]:
        """Age is measured from the newest event: a clock that is set wrong for an hour takes nothing away."""
        keep = self.limits.keep
        if keep is None or newest_at is None or not self.limits.looks_again(self._looked_at, newest_at):
            return
        self._looked_at = newest_at
        for kind in self.limits.order:
            for row in self._rows(kind, upto):
                if row.at is not None and row.at < newest_at - keep:
                    yield row

    def _rows(self, kind: StoredKind, upto: int, *, most: int = _MOST_ROWS) -> Iterator[Waiting]:
        for seq, code, line, size in self._select(KINDS_OF[kind], upto, most=most):
            event = _event_of(line)
            if event is None:
                yield Waiting(seq=seq, code=code, size=size, at=None)
            else:
                yield Waiting.of(event, seq=seq, size=size)

    def _declarations(self, upto: int) -> Iterator[tuple[int, DataGapSeen]]:
        for seq, _, line, _ in self._select({GAP}, upto):
            event = _event_of(line)
            if isinstance(event, DataGapSeen) and is_declaration(event):
                yield seq, event

    def _select(
        self, codes: Iterable[int], upto: int, *, most: int = _MOST_ROWS
    ) -> Iterable[tuple[int, int, object, int]]:
        codes = sorted(codes)
        if not codes:
            return []
        marks = ", ".join("?" * len(codes))
        return self.connection.execute(
            f"SELECT seq, kind, line, {ROW_BYTES} FROM event WHERE seq > ? AND kind IN ({marks}) ORDER BY seq LIMIT ?",  # noqa: S608 - our own words
            (upto, *codes, most),
        ).fetchall()


def _event_of(line: object) -> Event | None:
    try:
        return event_from_own_json(json.loads(unpacked(line)))
    except (ValueError, TypeError, AttributeError, ContractError):
        return None
