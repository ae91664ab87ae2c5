"""Counted pieces of one owner: per result and counter, the union of the intervals that its events name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from genba_cloud.core.facts.intervals import Intervals, added, pieces_in, united
from genba_cloud.core.facts.views import Tally
from genba_shared.clock import format_time, parse_time
from genba_shared.events import Confidence, Event, FactKey, PiecesCounted, Result, made_by


class Counter(NamedTuple):
    """Identity of a counter's chain of totals; within one, a total never falls.

    `epoch` is the gateway's. A counter that a client reports has no gateway; its station stands there instead, because
    clients name their points as they like.
    """

    gateway: str
    epoch: str
    point: str
    counter_epoch: int


def counter_of(event: PiecesCounted) -> Counter:
    """The counter that the event reads."""
    made = made_by(event.id)
    if made is None:
        return Counter("", event.station or "", event.point, event.counter_epoch)
    return Counter(made.gateway, made.epoch, event.point, event.counter_epoch)


def is_ambiguous(event: PiecesCounted) -> bool:
    """Whether the event itself names several possible numbers."""
    return event.confidence is Confidence.AMBIGUOUS


class Seen(NamedTuple):
    """When a fact happened and which event says so; ordered as facts are."""

    at: datetime
    id: str

    def key(self) -> FactKey:
        """The sort key of the event."""
        made = made_by(self.id)
        if made is None:
            return FactKey(self.at, True, "", "", 0, self.id)
        return FactKey(self.at, False, made.gateway, made.epoch, made.seq, self.id)

    @classmethod
    def of(cls, event: Event) -> Seen:
        """The mark of an event."""
        return cls(event.at, event.id)

    def to_json(self) -> list[str]:
        """``[at, id]``."""
        return [format_time(self.at), self.id]

    @classmethod
    def from_json(cls, obj: list[str]) -> Seen:
        """Read ``[at, id]``."""
        return cls(parse_time(obj[0]), obj[1])


def latest(first: Seen | None, second: Seen) -> Seen:
    """The one that happened last."""
    if first is None or first.at < second.at:
        return second
    return first if second.at < first.at else max(first, second, key=Seen.key)


EARLIEST: Final = 4
"""How many of the first marks are kept where the very first counts, should people take back the ones before."""

Marks: TypeAlias = tuple[Seen, ...]
"""The first marks of something, in the order of facts; at most `EARLIEST`."""


def marked(marks: Marks, *more: Seen) -> Marks:
    """The first of all of them."""
    if not more:
        return marks
    return tuple(sorted({*marks, *more}, key=Seen.key)[:EARLIEST])


def first_of(marks: Marks, *, without: Collection[str] = frozenset()) -> Seen | None:
    """The first mark that was not taken back."""
    return next((mark for mark in marks if mark.id not in without), None)


def later(first: datetime | None, second: datetime) -> datetime:
    """The later of two instants."""
    return second if first is None else max(first, second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Pieces of one owner (a node of a work order, or nobody).

    `firsts` are the marks of its first pieces, `data_at` is of its newest event.
    `doubtful` are ids of the events that name several possible numbers, or were attributed across a dispatch boundary.
    """

    parts: Mapping[tuple[Result, Counter], Intervals] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    firsts: Marks = ()
    data_at: datetime | None = None

    def adding(self, event: PiecesCounted, *, ambiguous: bool = False) -> Counts:
        """These counts and the event's; adding an event twice changes nothing."""
        return self.adding_all((event,), ambiguous={event.id} if ambiguous else frozenset())

    def adding_all(self, events: Iterable[PiecesCounted], *, ambiguous: Collection[str] = frozenset()) -> Counts:
        """These counts and those of the events; `ambiguous` are ids of those that are in doubt, whatever they say."""
        parts, doubtful = dict(self.parts), [*ambiguous]
        firsts, data_at = self.firsts, self.data_at
        for event in events:
            where = (event.result, counter_of(event))
            parts[where] = added(parts.get(where, ()), event.total - event.delta, event.total)
            if event.confidence is Confidence.AMBIGUOUS:
                doubtful.append(event.id)
            if event.delta and (len(firsts) < EARLIEST or event.at <= firsts[-1].at):
                firsts = marked(firsts, Seen.of(event))
            if data_at is None or event.at > data_at:
                data_at = event.at
        return Counts(
            parts=parts,
            doubtful=self.doubtful.union(doubtful) if doubtful else self.doubtful,
            firsts=firsts,
            data_at=data_at,
        )

    def joined(self, other: Counts) -> Counts:
        """The union of both."""
        parts = dict(self.parts)
        for where, intervals in other.parts.items():
            parts[where] = united([*parts.get(where, ()), *intervals])
        return Counts(
            parts=parts,
            doubtful=self.doubtful | other.doubtful,
            firsts=marked(self.firsts, *other.firsts),
            data_at=self.data_at if other.data_at is None else later(self.data_at, other.data_at),
        )

    def tally(self) -> Tally:
        """Pieces by result."""
        sums = dict.fromkeys(Result, 0)
        for (result, _), intervals in self.parts.items():
            sums[result] += pieces_in(intervals)
        return Tally(good=sums[Result.GOOD], scrap=sums[Result.SCRAP], rework=sums[Result.REWORK])

    def to_json(self) -> dict[str, Any]:
        """Canonical form: equal counts give equal JSON."""
        rows = [[str(result), *counter, [list(part) for part in parts]] for (result, counter), parts in self._sorted()]
        return {
            "parts": rows,
            "doubtful": sorted(self.doubtful),
            "firsts": [mark.to_json() for mark in self.firsts],
            "data_at": format_time(self.data_at) if self.data_at else None,
        }

    @classmethod
    def from_json(cls, obj: Mapping[str, Any]) -> Counts:
        """Read the canonical form."""
        parts = {
            (Result(result), Counter(gateway, epoch, point, counter_epoch)): tuple((low, high) for low, high in rows)
            for result, gateway, epoch, point, counter_epoch, rows in obj["parts"]
        }
        return cls(
            parts=parts,
            doubtful=frozenset(obj["doubtful"]),
            firsts=tuple(Seen.from_json(mark) for mark in obj["firsts"]),
            data_at=parse_time(obj["data_at"]) if obj["data_at"] else None,
        )

    def _sorted(self) -> Iterable[tuple[tuple[Result, Counter], Intervals]]:
        return sorted(self.parts.items())


NOTHING_COUNTED = Counts()
