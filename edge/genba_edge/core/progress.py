"""What is remembered of one node of one work order: pieces, tags, what was seen, and what was claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from genba_shared.clock import format_time
from genba_shared.device_map.model import Counted
from genba_shared.events import Result

MOST_DOUBTS = 4  # texts kept for people; the node is ambiguous after the first


class WorkKey(NamedTuple):
    """One node of one work order; a tuple, since it is looked up several times for every step of a counter."""

    work_order: str
    node: str

    def __str__(self) -> str:
        return f"{self.node}/{self.work_order}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StationPart:
    """What one station did for the node: since when, until when (empty: it still works on it), good pieces.

    `because` is the latest event of its good pieces.
    """

    since: str = ""
    left_at: str = ""
    good: int = 0
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The pieces reached `quantity` at `at`, with the event `because`."""

    quantity: int
    at: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Evidence of a node so far. Times are texts as in events: they are compared and saved as they are.

    `good` and `scrap` are pieces that were counted, `last_at` and `because` the latest good one, `scrap_at` and
    `scrap_because` the latest scrap. `tags`: tag → pieces,
    left at, event; `left_before` are pieces of tags that are no longer remembered one by one. `seen`: bits that rose or
    fell, or were true when the last station left, by condition. `released`: the stations have done their part, tags are
    awaited. `claimed_for` is the quantity of the latest claim, `reported` what the latest progress report said.
    `answered`: good pieces that people's answers add to the counted ones (below 0: take away), as a whole.
    """

    good: int = 0
    last_at: str = ""
    because: str = ""
    ambiguous: bool = False
    started: bool = False
    completed: bool = False
    tags: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)
    scrap: int = 0
    scrap_at: str = ""
    scrap_because: str = ""
    started_at: str = ""
    stations: Mapping[str, StationPart] = field(default_factory=dict)
    reached: Mapping[str, Reached] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    released: bool = False
    claimed_for: int = 0
    reported: int = 0
    left_before: int = 0
    doubts: tuple[str, ...] = ()
    answered: int = 0

    @property
    def settled(self) -> int:
        """Good pieces that were counted, as people's answers have corrected them."""
        return self.good + self.answered

    @property
    def told_good(self) -> int:
        """As `settled`, for events: answers may also take away what another gateway counted."""
        return max(0, self.settled)

    def counted(self, counted: Counted) -> int:
        """Pieces that count as `counted` says."""
        return self.settled if counted is Counted.GOOD else self.settled + self.scrap

    @property
    def left(self) -> int:
        """Pieces whose tags have left."""
        return self.left_before + sum(pieces for pieces, _, _ in self.tags.values())

    @property
    def is_worked_on(self) -> bool:
        """Whether a station works on the node now."""
        return any(not part.left_at for part in self.stations.values())

    @property
    def touched_at(self) -> str:
        """When anything was last seen of it."""
        return max((self.last_at, self.started_at, *(max(part.since, part.left_at) for part in self.stations.values())))


NOTHING = Progress()


def with_pieces(
    progress: Progress,
    result: Result,
    pieces: int,
    *,
    at: datetime,
    because: str,
    station: str | None,
    quantity: int | None,
) -> Progress:
    """The progress after `pieces` pieces were counted, the last of them at `at`."""
    moment = format_time(at)
    if result is Result.GOOD:
        part = progress.stations.get(station or "", StationPart())
        part = replace(part, good=part.good + pieces, because=because)
        progress = replace(
            progress,
            good=progress.good + pieces,
            last_at=max(progress.last_at, moment),
            because=because if moment >= progress.last_at else progress.because,
            stations=progress.stations if station is None else {**progress.stations, station: part},
        )
    elif result is Result.SCRAP:
        progress = replace(
            progress, scrap=progress.scrap + pieces, scrap_at=max(progress.scrap_at, moment), scrap_because=because
        )
    else:
        return progress
    if quantity is None:
        return progress
    return _note_reached(progress, quantity)


def _note_reached(progress: Progress, quantity: int, *, otherwise: str = "") -> Progress:
    """The latest piece is the one that reached the quantity, unless that was reached before.

    `otherwise` is when it was reached where no piece was counted at all.
    """
    reached = dict(progress.reached)
    for counted in Counted:
        known = reached.get(counted)
        if progress.counted(counted) < quantity or (known is not None and known.quantity >= quantity):
            continue
        at, because = progress.last_at, progress.because
        if counted is Counted.PROCESSED and progress.scrap_at > at:
            at, because = progress.scrap_at, progress.scrap_because
        if at or (progress.answered and otherwise):
            reached[counted] = Reached(quantity=quantity, at=at or otherwise, because=because)
    return progress if reached == progress.reached else replace(progress, reached=reached)


def with_quantity(progress: Progress, quantity: int, *, answered: int, at: datetime) -> Progress:
    """The progress when `quantity` pieces are wanted from `at` on and people's answers add `answered` good ones.

    What was reached holds, or holds no longer.
    """
    if answered != progress.answered:
        progress = replace(progress, answered=answered)
    kept = {
        counted: reached
        for counted, reached in progress.reached.items()
        if progress.counted(Counted(counted)) >= quantity
    }
    progress = progress if kept == progress.reached else replace(progress, reached=kept)
    progress = _note_reached(progress, quantity, otherwise=format_time(at))
    if progress.completed and quantity > max(progress.claimed_for, progress.settled, progress.left):
        return replace(progress, completed=False, released=False, seen={})
    return progress


def with_doubt(progress: Progress, why: str) -> Progress:
    """The progress, of which something is in doubt."""
    if progress.ambiguous and (not why or why in progress.doubts or len(progress.doubts) >= MOST_DOUBTS):
        return progress
    doubts = (*progress.doubts, why) if why and len(progress.doubts) < MOST_DOUBTS else progress.doubts
    return replace(progress, ambiguous=True, doubts=doubts)


def as_claimed(progress: Progress) -> Progress:
    """What is kept of a claimed node that its stations have left: the evidence was told with the claim."""
    parts = {name: StationPart(since=part.since, left_at=part.left_at) for name, part in progress.stations.items()}
    return replace(progress, stations=parts, reached={}, seen={}, because="", scrap_because="", doubts=())


def as_memory(progress: Progress) -> Progress:
    """What is kept of a claimed node that nobody asks for any more: enough never to claim it a second time."""
    return Progress(
        good=progress.good,
        scrap=progress.scrap,
        last_at=progress.touched_at,
        started=True,
        completed=True,
        claimed_for=progress.claimed_for,
        left_before=progress.left,
    )


def to_json(progress: Progress) -> dict[str, Any]:
    """The progress as JSON takes it, without what was never seen."""
    values: dict[str, Any] = {
        name: value for name in _PLAIN if (value := getattr(progress, name)) != getattr(NOTHING, name)
    }
    values["tags"] = {tag: list(left) for tag, left in progress.tags.items()}
    if progress.stations:
        values["stations"] = {
            name: [part.since, part.left_at, part.good, part.because] for name, part in progress.stations.items()
        }
    if progress.reached:
        values["reached"] = {
            name: [reached.quantity, reached.at, reached.because] for name, reached in progress.reached.items()
        }
    if progress.seen:
        values["seen"] = dict(progress.seen)
    if progress.doubts:
        values["doubts"] = list(progress.doubts)
    return values


def from_json(values: Mapping[str, Any]) -> Progress:
    """Read what was saved, by this version or an older one."""
    plain = {name: values[name] for name in _PLAIN if name in values}
    return Progress(
        **plain,
        tags={tag: (int(pieces), str(at), str(event)) for tag, (pieces, at, event) in values.get("tags", {}).items()},
        stations={
            name: StationPart(since=since, left_at=left_at, good=good, because=because)
            for name, (since, left_at, good, because) in values.get("stations", {}).items()
        },
        reached={
            name: Reached(quantity=quantity, at=at, because=because)
            for name, (quantity, at, because) in values.get("reached", {}).items()
        },
        seen=values.get("seen", {}),
        doubts=tuple(values.get("doubts", ())),
    )


_MAPPED = frozenset({"tags", "stations", "reached", "seen", "doubts"})
_PLAIN = tuple(each.name for each in fields(Progress) if each.name not in _MAPPED)
