"""Two estimates of what is in a zone, by its tags and by its counters: compared, never added.

Each says between which numbers the truth lies. Where the two overlap, the truth lies in the overlap. The number itself
is that of the source with the smaller error (counters, where both err alike: they see each piece, and tags stand for
several), moved into the overlap where it lies outside. Where they do not overlap, one of them is wrong: the number
stays with the one that leads, and the error reaches to the far end of the other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Leads(StrEnum):
    """Which source the number is from."""

    COUNTERS = "counters"
    TAGS = "tags"


class Estimate(NamedTuple):
    """Pieces in a zone: likely `pieces`, between `least` and `most`."""

    pieces: int
    least: int
    most: int

    @property
    def error(self) -> int:
        """How far the truth can be from `pieces`."""
        return max(self.pieces - self.least, self.most - self.pieces)

    def widened(self, *, below: int, above: int) -> Estimate:
        """The same, less certain; never below no pieces."""
        return Estimate(self.pieces, max(0, self.least - below), self.most + above)


class Joined(NamedTuple):
    """What the sources say together; `apart`: pieces between the two where they contradict each other."""

    estimate: Estimate
    leads: Leads
    apart: int = 0
    counters: Estimate | None = None
    tags: Estimate | None = None


def join(counters: Estimate | None, tags: Estimate | None) -> Joined:
    """What a zone holds, from either source or from both."""
    if counters is None:
        return Joined(tags or Estimate(0, 0, 0), Leads.TAGS, tags=tags)
    if tags is None:
        return Joined(counters, Leads.COUNTERS, counters=counters)
    leads = Leads.TAGS if tags.error < counters.error else Leads.COUNTERS
    pieces = tags.pieces if leads is Leads.TAGS else counters.pieces
    least, most = max(counters.least, tags.least), min(counters.most, tags.most)
    if least <= most:
        return Joined(Estimate(min(max(pieces, least), most), least, most), leads, 0, counters, tags)
    far = Estimate(pieces, min(counters.least, tags.least), max(counters.most, tags.most))
    return Joined(far, leads, least - most, counters, tags)
