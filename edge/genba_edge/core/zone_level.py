"""How many pieces are in a zone, as counters tell it: the likely number, and the least and most that it can be.

Every count moves the three. An ambiguous one widens them, and since a zone never holds fewer than no pieces, none of
them goes below 0: `most` = 0 means that the zone is known to be empty.

Where a count would take a bound below 0, the pieces that are short are remembered: often they came in before and are
only reported late. Pieces that were counted in over a time that begins before that moment pay them back. What nobody
reported within `GRACE` (or two polls) does not come any more. If even `most` was short, more pieces went out than were
ever counted in: these are written off, and since as many more may be inside without having been counted, the level is
that much less certain.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from genba_shared.clock import format_time, parse_time

GRACE: Final = timedelta(seconds=60)  # joined counts are told within 10 s, and polls come every few seconds


class Move(NamedTuple):
    """Pieces that came in (above 0) or went out: likely `change`, at most `below` less and `above` more.

    They were counted between `since` and `at`.
    """

    change: int
    since: datetime
    at: datetime
    below: int = 0
    above: int = 0


class Bound(NamedTuple):
    """One bound of what is inside, and how many pieces it was `short` of when it would have gone below 0."""

    pieces: int = 0
    short: int = 0

    def moved(self, change: int, *, is_late: bool) -> Bound:
        """The bound after pieces came in or went out."""
        pieces, short = self
        if is_late and change > 0:
            paid = min(short, change)
            change, short = change - paid, short - paid
        pieces += change
        return Bound(pieces, short) if pieces >= 0 else Bound(0, short - pieces)


class Level(NamedTuple):
    """What is in a zone, by its counters: `least` ≤ `likely` ≤ `most`.

    `short_at`: when a bound last fell short. `missing`: pieces that were written off so far.
    """

    likely: Bound = Bound()
    least: Bound = Bound()
    most: Bound = Bound()
    short_at: datetime | None = None
    missing: int = 0

    @property
    def deficit(self) -> int:
        """Pieces that went out and that nobody has counted in yet."""
        return self.most.short

    def moved(self, move: Move) -> Level:
        """The level after pieces came in or went out."""
        is_late = self.short_at is not None and move.since < self.short_at
        likely = self.likely.moved(move.change, is_late=is_late)
        least = self.least.moved(move.change - move.below, is_late=is_late)
        most = self.most.moved(move.change + move.above, is_late=is_late)
        short_at = self.short_at
        if likely.short > self.likely.short or least.short > self.least.short or most.short > self.most.short:
            short_at = move.at if short_at is None else max(short_at, move.at)
        elif not (likely.short or least.short or most.short):
            short_at = None
        pieces = min(max(likely.pieces, least.pieces), most.pieces)
        least = least._replace(pieces=min(least.pieces, pieces))
        return Level(likely._replace(pieces=pieces), least, most, short_at, self.missing)

    def settled(self) -> Level:
        """What was short does not come any more."""
        deficit = self.deficit
        return Level(
            likely=Bound(self.likely.pieces),
            least=Bound(self.least.pieces),
            most=Bound(self.most.pieces + deficit),
            missing=self.missing + deficit,
        )


def level_of(pieces: int) -> Level:
    """Somebody counted the pieces."""
    return Level(Bound(pieces), Bound(pieces), Bound(pieces))


def save_level(level: Level) -> list[Any]:
    """For the saved state."""
    short_at = None if level.short_at is None else format_time(level.short_at)
    return [list(level.likely), list(level.least), list(level.most), short_at, level.missing]


def load_level(saved: list[Any]) -> Level:
    """From the saved state."""
    likely, least, most, short_at, missing = saved
    return Level(
        Bound(*likely), Bound(*least), Bound(*most), None if short_at is None else parse_time(short_at), missing
    )
