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
from typing import Any, Final, NamedTuple

from genba_edge.core.zone_estimate import Estimate

_LATEST: Final = 200  # passages by which the share of unread ones is measured; older ones fade
_HOUR: Final = len("2026-01-05T07")


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


class Gap(NamedTuple):
    """A reader was silent until `at`: what may have passed unseen. Gaps of one hour are one."""

    at: str
    came_in: int
    went_out: int


@dataclass(slots=True, kw_only=True)
class TagsInside:
    """The tags of one zone. `before_gap`: pieces that were here at the end of the latest gap and not read since."""

    tags: dict[str, Inside] = field(default_factory=dict)
    pieces: int = 0
    unbound: int = 0
    offset: int = 0
    fullest: int = 1
    gaps: list[Gap] = field(default_factory=list)
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
        left, kept = pieces, []
        for gap in self.gaps:
            seen = min(left, gap.came_in)
            left -= seen
            kept.append(gap._replace(came_in=gap.came_in - seen))
        self.gaps = kept
        self.offset -= min(max(0, self.offset), pieces)

    def give_up(self, inside: Inside, counted_at: str) -> None:
        """A tag left unread, who knows when: a stock-take at `counted_at` that missed its pieces has counted that."""
        if self.offset < 0 and inside.entered_at <= counted_at:
            self.offset = min(0, self.offset + inside.pieces)

    @property
    def gap_at(self) -> str:
        """The end of the latest gap that is remembered."""
        return max((gap.at for gap in self.gaps), default="")

    def note_gap(self, at: str, *, came_in: int, went_out: int) -> None:
        """Until `at` a reader was silent: as many pieces may have passed unseen."""
        last = self.gaps[-1] if self.gaps else None
        if last is not None and last.at[:_HOUR] == at[:_HOUR]:
            self.gaps[-1] = Gap(max(at, last.at), last.came_in + came_in, last.went_out + went_out)
        else:
            self.gaps.append(Gap(at, came_in, went_out))
        self.before_gap = self._pieces_before(self.gap_at)

    def forget_gaps(self, before: str) -> None:
        """What came in unseen so long ago has gone again."""
        kept = [gap for gap in self.gaps if gap.at >= before]
        if len(kept) != len(self.gaps):
            self.gaps = kept
            self.before_gap = self._pieces_before(self.gap_at)

    def _pieces_before(self, at: str) -> int:
        return sum(inside.pieces for inside in self.tags.values() if inside.entered_at <= at)

    def correct(self, pieces: int, *, then: int) -> None:
        """Somebody counted `pieces` when the tags said `then`."""
        self.offset = pieces - then
        self.gaps = [gap._replace(came_in=0, went_out=0) for gap in self.gaps]

    def estimate(self) -> Estimate:
        """Pieces in the zone by its tags."""
        pieces = max(0, self.pieces + self.offset)
        entered, entered_unread, left, left_unread = self.passages
        may_be_gone, may_be_here = sum(gap.went_out for gap in self.gaps), sum(gap.came_in for gap in self.gaps)
        below = self.unbound + min(may_be_gone, self.before_gap) + _part(left_unread, left, pieces)
        above = self.unbound * max(1, self.fullest - 1) + may_be_here + _part(entered_unread, entered, pieces)
        return Estimate(pieces, pieces, pieces).widened(below=below, above=above)

    def saved(self) -> dict[str, Any]:
        """What is saved with the zone; each tag is saved by itself."""
        return {
            "offset": self.offset,
            "fullest": self.fullest,
            "gaps": [list(gap) for gap in self.gaps],
            "passages": list(self.passages),
        }

    def _add(self, inside: Inside, sign: int) -> None:
        self.pieces += sign * inside.pieces
        self.unbound += sign * (inside.work_order is None)
        if self.gaps and inside.entered_at <= self.gap_at:
            self.before_gap += sign * inside.pieces


def load_tags(saved: Mapping[str, Any], tags: Mapping[str, Inside]) -> TagsInside:
    """The tags of a zone from what was saved of it; older versions saved fewer fields."""
    loaded = TagsInside(**{name: saved[name] for name in ("offset", "fullest") if name in saved})
    loaded.gaps = [Gap(*gap) for gap in saved.get("gaps", ())]
    loaded.passages = list(saved.get("passages", loaded.passages))
    for tag, inside in tags.items():
        loaded.put(tag, inside)
    return loaded


def _part(unread: int, passages: int, pieces: int) -> int:
    return math.ceil(pieces * unread / passages) if unread else 0
