"""What a full store drops: which events first, how many, and how it is declared.

The collector needs completions, starts, questions and the like to be right about an order; those are never dropped. Of
the rest what hurts least goes first: summaries of the environment thin out before a state, and states go before counts.
A count that is dropped leaves a gap in the totals of its counter, so that the collector still knows how many pieces are
missing. A tenth of the store is kept for what is never dropped, by dropping the rest earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from genba_shared.device_map.model import DeviceMap, StoredKind
from genba_shared.events import (
    DataGapSeen,
    EnvironmentSummarised,
    Event,
    GapCause,
    PiecesCounted,
    StationStateChanged,
    TagPassed,
    WipChanged,
)
from genba_shared.events.registry import KINDS_BY_CODE

KINDS_OF: Final[Mapping[StoredKind, frozenset[int]]] = {
    StoredKind.TELEMETRY: frozenset(),
    StoredKind.ENVIRONMENT: frozenset({EnvironmentSummarised.code}),
    StoredKind.STATE: frozenset({StationStateChanged.code}),
    StoredKind.COUNT: frozenset({PiecesCounted.code, TagPassed.code, WipChanged.code}),
}
"""The kinds of event that are dropped together, by their numbers."""
GAP: Final = DataGapSeen.code
_RESERVE: Final = 10  # the part of the limit that is kept for what is never dropped
_SLACK: Final = 16  # the part of the limit by which more is dropped than must be: seldom, and then many


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLimits:
    """How much may wait for the collector, and how long (None: no limit); what goes first, what is not named never."""

    most_bytes: int | None = None
    keep: timedelta | None = None
    order: tuple[StoredKind, ...] = tuple(StoredKind)

    @property
    def full_at(self) -> int | None:
        """So many bytes may be taken by what can be dropped."""
        return None if self.most_bytes is None else self.most_bytes - self.most_bytes // _RESERVE

    def surplus(self, size: int) -> int:
        """How many bytes to drop when the store holds so many; 0: none."""
        if self.full_at is None or self.most_bytes is None or size <= self.full_at:
            return 0
        return size - self.full_at + self.most_bytes // _SLACK

    def looks_again(self, looked_at: datetime | None, now: datetime) -> bool:
        """Whether it is time to look for what is too old. Clocks jump: the events' own times count."""
        if self.keep is None:
            return False
        return looked_at is None or not looked_at <= now < looked_at + self.keep / _SLACK


def store_limits(device_map: DeviceMap) -> StoreLimits:
    """The limits that a map gives its store."""
    store = device_map.store
    return StoreLimits(
        most_bytes=None if store.max_bytes is None else int(store.max_bytes),
        keep=None if store.keep_s is None else timedelta(seconds=store.keep_s),
        order=store.drop_order,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An event that waits. `group`: of those with the same, some may go so that the others stand for them."""

    seq: int
    code: int
    size: int
    at: datetime | None
    group: str = ""

    @classmethod
    def of(cls, event: Event, *, seq: int, size: int) -> Waiting:
        """As much of an event as is needed to decide."""
        group = f"{event.station} {event.point}" if isinstance(event, EnvironmentSummarised) else ""
        return cls(seq=seq, code=event.code, size=size, at=event.at, group=group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """So many events of a kind between two seqs (both among them), in JSON ``KIND:FIRST-LAST:COUNT``."""

    kind: str
    first: int
    last: int
    count: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.first}-{self.last}:{self.count}"

    @classmethod
    def parse(cls, text: str) -> Dropped | None:
        """Read ``KIND:FIRST-LAST:COUNT``; None for any other form."""
        kind, _, numbers = text.partition(":")
        span, _, count = numbers.partition(":")
        first, _, last = span.partition("-")
        if not all(each.isascii() and each.isdigit() and len(each) < 20 for each in (first, last, count)):
            return None
        return cls(kind=kind, first=int(first), last=int(last), count=int(count))

    def joined(self, other: Dropped) -> Dropped:
        """Both together."""
        first, last = min(self.first, other.first), max(self.last, other.last)
        return Dropped(kind=self.kind, first=first, last=last, count=self.count + other.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropping:
    """What is to be removed (`seqs`), and what its declaration says: ranges by kind, and when it all happened."""

    seqs: frozenset[int]
    ranges: tuple[Dropped, ...]
    begin: datetime | None
    end: datetime | None
    events: int
    """How many, earlier declarations not counted."""

    @property
    def has_states(self) -> bool:
        """Whether states of stations are among what was dropped: nobody can say then what they did."""
        return any(each.kind == StationStateChanged.kind for each in self.ranges)


def choose(rows: Sequence[Waiting], kind: StoredKind, *, surplus: int) -> tuple[Waiting, ...]:
    """Which of these rows of one class, in their order, to drop so that `surplus` bytes are free, or all of them.

    The oldest go first. Summaries of the environment go every second of each point, again and again, so that the rest
    still shows how it was; the oldest thin out most.
    """
    chosen: list[Waiting] = []
    left = list(rows)
    while left and surplus > 0:
        candidates = _every_second(left) if kind is StoredKind.ENVIRONMENT else left
        for row in candidates:
            if surplus <= 0:
                break
            chosen.append(row)
            surplus -= row.size
        gone = {row.seq for row in chosen}
        left = [row for row in left if row.seq not in gone]
    return tuple(sorted(chosen, key=lambda row: row.seq))


def _every_second(rows: Iterable[Waiting]) -> list[Waiting]:
    goes: dict[str, bool] = {}
    found = []
    for row in rows:
        goes[row.group] = not goes.get(row.group, False)
        if goes[row.group]:
            found.append(row)
    return found


def declaration(rows: Iterable[Waiting], earlier: Iterable[tuple[int, DataGapSeen]] = ()) -> Dropping | None:
    """What removing these rows has to say; None: nothing is removed.

    `earlier` declarations that wait, too, with their seqs, are taken up in it and go: declaring never fills the store.
    """
    rows = list(rows)
    if not rows:
        return None
    ranges: dict[str, Dropped] = {}
    times = [row.at for row in rows if row.at is not None]
    seqs = {row.seq for row in rows}
    for row in rows:
        _add(ranges, Dropped(kind=KINDS_BY_CODE[row.code].kind, first=row.seq, last=row.seq, count=1))
    for seq, gap in earlier:
        seqs.add(seq)
        times += [gap.begin, gap.end]
        _add(ranges, Dropped(kind=DataGapSeen.kind, first=seq, last=seq, count=1))
        for each in map(Dropped.parse, gap.dropped):
            if each is not None:
                _add(ranges, each)
    return Dropping(
        seqs=frozenset(seqs),
        ranges=tuple(ranges[kind] for kind in sorted(ranges)),
        begin=min(times, default=None),
        end=max(times, default=None),
        events=len(rows),
    )


def is_declaration(event: Event) -> bool:
    """Whether the event declares what a full store dropped."""
    return isinstance(event, DataGapSeen) and event.cause is GapCause.FULL and bool(event.dropped)


def _add(ranges: dict[str, Dropped], more: Dropped) -> None:
    known = ranges.get(more.kind)
    ranges[more.kind] = more if known is None else known.joined(more)
