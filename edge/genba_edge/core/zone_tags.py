"""The tags that are in a zone, and how far the pieces they stand for can be from the truth.

The error has four causes, each with its own number:

* an unbound tag stands for an unknown number of pieces: it is counted as one, and may be none, or as many as the
  fullest tag of the zone;
* passages that nobody read: the share of the implied ones among the latest passages is the share of what is inside that
  may be missed in the same way;
* a gap in which a reader was silent: as many pieces as usually pass in such a time, `RUSH` times over, may have passed;
  of those that left unseen no more than what was there and has not been read since;
* a stock-take that found another number: the difference is kept as `offset` until its tags turn up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from genba_edge.core.zone_estimate import Estimate

_LATEST: Final = 200  # passages by which the share of unread ones is measured; older ones fade


class Sign(StrEnum):
    """How a passage is known."""

    READ = "read"
    IMPLIED = "implied"
    SILENT = "silent"  # the tag was not read for so long that it is taken to have left


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A tag that is in a zone: pieces it stands for, since when, and of which work order.

    `way_in`: how it is known; silent: it was taken to have left, and was not gone.
    """

    pieces: int
    entered_at: str
    work_order: str | None = None
    way_in: Sign = Sign.READ


@dataclass(slots=True, kw_only=True)
class TagsInside:
    """The tags of one zone. `gap_at` is the end of the latest gap, `gap_out` and `gap_in` are what may have passed."""

    tags: dict[str, Inside] = field(default_factory=dict)
    pieces: int = 0
    unbound: int = 0
    offset: int = 0
    fullest: int = 1
    gap_at: str = ""
    gap_in: int = 0
    gap_out: int = 0
    before_gap: int = 0
    passages: list[int] = field(default_factory=lambda: [0, 0, 0, 0])  # in, unread of these; out, unread of these

    def put(self, tag: str, inside: Inside) -> None:
        """The tag is here, with these pieces."""
        self.take_out(tag)
        self.tags[tag] = inside
        self._add(inside, 1)
        if inside.work_order is not None:
            self.fullest = max(self.fullest, inside.pieces)

    def take_out(self, tag: str) -> Inside | None:
        """The tag is not here any more; what was known of it."""
        inside = self.tags.pop(tag, None)
        if inside is not None:
            self._add(inside, -1)
        return inside

    def note_way_in(self, sign: Sign) -> None:
        """One more passage at the way in, for the share of those that nobody read."""
        self._note_passage(0, sign)

    def note_way_out(self, sign: Sign) -> None:
        """One more passage at the way out."""
        self._note_passage(2, sign)

    def take_back_way_out(self) -> None:
        """A tag that was taken to have left did not: nobody missed it at the way out."""
        self.passages[2:] = [max(0, self.passages[2] - 1), max(0, self.passages[3] - 1)]

    def _note_passage(self, first: int, sign: Sign) -> None:
        self.passages[first] += 1
        self.passages[first + 1] += sign is not Sign.READ
        if self.passages[first] >= _LATEST:
            self.passages[first : first + 2] = [self.passages[first] // 2, self.passages[first + 1] // 2]

    def turn_up(self, pieces: int) -> None:
        """Pieces show that nobody saw come in: they are no longer among those that may be here unseen."""
        self.gap_in = max(0, self.gap_in - pieces)
        self.offset -= min(max(0, self.offset), pieces)

    def give_up(self, inside: Inside, counted_at: str) -> None:
        """A tag left unread, who knows when: a stock-take at `counted_at` that missed its pieces has counted that."""
        if self.offset < 0 and inside.entered_at <= counted_at:
            self.offset = min(0, self.offset + inside.pieces)

    def note_gap(self, at: str, *, came_in: int, went_out: int) -> None:
        """Until `at` a reader was silent: as many pieces may have passed unseen."""
        self.gap_at = max(self.gap_at, at)
        self.gap_in += came_in
        self.gap_out += went_out
        self.before_gap = sum(inside.pieces for inside in self.tags.values() if inside.entered_at <= self.gap_at)
        self.gap_out = min(self.gap_out, self.before_gap)

    def forget_gap(self, before: str) -> None:
        """What came in unseen so long ago has gone again."""
        if self.gap_at and self.gap_at < before:
            self.gap_at, self.gap_in, self.gap_out, self.before_gap = "", 0, 0, 0

    def correct(self, pieces: int, *, then: int) -> None:
        """Somebody counted `pieces` when the tags said `then`."""
        self.offset = pieces - then
        self.gap_in = self.gap_out = 0

    def estimate(self) -> Estimate:
        """Pieces in the zone by its tags."""
        pieces = max(0, self.pieces + self.offset)
        entered, entered_unread, left, left_unread = self.passages
        below = self.unbound + min(self.gap_out, self.before_gap) + _part(left_unread, left, pieces)
        above = self.unbound * max(1, self.fullest - 1) + self.gap_in + _part(entered_unread, entered, pieces)
        return Estimate(pieces, pieces, pieces).widened(below=below, above=above)

    def saved(self) -> dict[str, Any]:
        """What is saved with the zone; each tag is saved by itself."""
        return {
            "offset": self.offset,
            "fullest": self.fullest,
            "gap_at": self.gap_at,
            "gap_in": self.gap_in,
            "gap_out": self.gap_out,
            "passages": list(self.passages),
        }

    def _add(self, inside: Inside, sign: int) -> None:
        self.pieces += sign * inside.pieces
        self.unbound += sign * (inside.work_order is None)
        if self.gap_at and inside.entered_at <= self.gap_at:
            self.before_gap += sign * inside.pieces


def load_tags(saved: Mapping[str, Any], tags: Mapping[str, Inside]) -> TagsInside:
    """The tags of a zone from what was saved of it; older versions saved fewer fields."""
    known = {name: saved[name] for name in ("offset", "fullest", "gap_at", "gap_in", "gap_out") if name in saved}
    loaded = TagsInside(**known)
    loaded.passages = list(saved.get("passages", loaded.passages))
    for tag, inside in tags.items():
        loaded.put(tag, inside)
    return loaded


def _part(unread: int, passages: int, pieces: int) -> int:
    return math.ceil(pieces * unread / passages) if unread else 0
