"""What came into a zone and went out of it in the past days: a stock-take that arrives late is worked out by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from genba_edge.core.zone_level import Move

KEPT: Final = timedelta(days=3)  # a stock-take that is older when it arrives is not taken
CHUNK: Final = timedelta(minutes=10)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class Past:
    """The moves of one zone, by counters and by tags, in chunks of ten minutes that are saved by themselves."""

    def __init__(self, saved: Mapping[str, Mapping[str, list[Any]]]) -> None:
        self.chunks: dict[int, dict[str, list[list[int]]]] = {
            int(number): {name: list(rows) for name, rows in chunk.items()} for number, chunk in saved.items()
        }

    def note_move(self, move: Move) -> int:
        """Pieces were counted in or out; the number of the chunk that changed."""
        row = [_ms(move.at), _ms(move.since), move.change, move.below, move.above]
        return self._note("counted", move.at, row)

    def note_tags(self, at: datetime, change: int) -> int:
        """Pieces came in or went out with their tags; the number of the chunk that changed."""
        return self._note("tags", at, [_ms(at), change])

    def moves_after(self, at: datetime) -> Iterator[Move]:
        """Counted moves that ended after `at`, in their order."""
        for row_at, since, change, below, above in self._after("counted", at):
            yield Move(change, _EPOCH + since * _MS, _EPOCH + row_at * _MS, below, above)

    def tags_after(self, at: datetime) -> int:
        """Pieces that came in with their tags after `at`, less those that went out."""
        return sum(change for _, change in self._after("tags", at))

    def forget(self, now: datetime) -> list[int]:
        """Drop what no stock-take will need; the numbers of the chunks."""
        gone = [number for number in self.chunks if number < _chunk(now - KEPT)]
        for number in gone:
            del self.chunks[number]
        return gone

    def _note(self, name: str, at: datetime, row: list[int]) -> int:
        number = _chunk(at)
        self.chunks.setdefault(number, {}).setdefault(name, []).append(row)
        return number

    def _after(self, name: str, at: datetime) -> Iterator[list[int]]:
        first, after = _chunk(at), _ms(at)
        for number in sorted(number for number in self.chunks if number >= first):
            yield from sorted(row for row in self.chunks[number].get(name, ()) if row[0] > after)


def _chunk(at: datetime) -> int:
    return (at - _EPOCH) // CHUNK


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // _MS
