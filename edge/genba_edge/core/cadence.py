"""What a station does, from the rhythm of its pieces alone: what such a rhythm can tell, and what it cannot.

A counter says when pieces came. So a station *runs* while they come, and when they stay away for `idle_after` it has
stood still *since the last one*. Why it stands is told only where something else is known: *set-up* when its work
changed and no piece of the new work has come yet, *blocked* when the zone that it feeds is full, idle for want of
pieces (reason ``starved``) when a zone that it takes from is empty, *down* when the map says after how long a
standstill within dispatched work is one. Off, a break, and a machine that waits for a person look like idle from here:
they need a state point. While the counter is not watched, nothing is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final, Protocol

from genba_edge.core.nodes import WorkKey
from genba_shared.clock import format_time
from genba_shared.device_map.model import CountedEnd, PointRef, StateRule, Zone
from genba_shared.events import Result, StationState

STARVED: Final = "starved"  # the reason of a station that is idle because the zone it takes from is empty
CYCLES_KEPT: Final = 15  # times between two pieces: few enough to follow the work, enough for a middle that holds
FOREVER: Final = datetime.max.replace(tzinfo=UTC)
_NO_TIME: Final = timedelta(0)
CYCLES_NEEDED: Final = 5  # before that many nothing is said about the usual pace


class WorkAtStations(Protocol):
    """What the dispatch says about a station."""

    def owner(self, station: str) -> WorkKey | None:
        """What the station works on now."""

    def opened_at(self, station: str) -> datetime | None:
        """Since when it works on that."""


class NodeProgress(Protocol):
    """Whether a node still wants pieces."""

    def quantity(self, key: WorkKey) -> int | None:
        """Pieces wanted; None where nobody said it."""

    def is_completed(self, key: WorkKey) -> bool:
        """Whether they are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneLevel:
    """How many pieces are in a zone since `since` (None: none was ever seen), give or take `error`."""

    pieces: int
    error: int
    since: datetime | None


class ZoneLevels(Protocol):
    """What is in the zones."""

    def level(self, zone: str) -> ZoneLevel:
        """What is in the zone now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The zones beside a station, by id: those that it feeds with their `wip_limit`, and those that it takes from."""

    feeds: Mapping[str, int] = field(default_factory=dict)
    takes_from: tuple[str, ...] = ()

    @classmethod
    def of(cls, station: str, zones: Mapping[str, Zone]) -> Around:
        """Only a zone between counters says which stations stand at its ends, and only a limit says when it is full."""
        feeds = {
            zone.id: zone.wip_limit
            for zone in zones.values()
            if zone.wip_limit is not None and any(end.result is Result.GOOD for end in _at(station, zone.pieces_in))
        }
        takes = (zone.id for zone in zones.values() if any(_at(station, zone.pieces_out)))
        return cls(feeds=feeds, takes_from=tuple(takes))


def _at(station: str, ends: Iterable[CountedEnd | PointRef]) -> Iterator[CountedEnd]:
    """The bounds that this station counts; a count without a station is nobody's."""
    return (end for end in ends if isinstance(end, CountedEnd) and end.station == station)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a station does: `since` when it holds, `at` when enough was known to say so, `trail` what it rests on."""

    state: StationState
    since: datetime
    at: datetime
    reason: str | None = None
    trail: Mapping[str, Any] = field(default_factory=dict)


_TIMES: Final = ("watched_since", "last_at", "work_since", "floor")
"""What a cadence measures the present time from."""


@dataclass(slots=True, kw_only=True)
class Cadence:
    """The rhythm of one station.

    `watched_since`: from when on every piece is seen when it comes (None: not now). `last_at` and `last_key` are of the
    last piece that was seen to come. `work` is what the station works on, since `work_since` where the change was seen.
    Nothing that is found from now on holds before `floor`; before `quiet_until` nothing can be found by waiting.
    """

    station: str
    rule: StateRule
    around: Around
    idle_after: timedelta
    watched_since: datetime | None = None
    last_at: datetime | None = None
    last_key: WorkKey | None = None
    found: StationState | None = None
    work: WorkKey | None = None
    has_worked: bool = False
    work_since: datetime | None = None
    floor: datetime | None = None
    quiet_until: datetime | None = None
    cycles: deque[tuple[timedelta, int]] = field(default_factory=lambda: deque(maxlen=CYCLES_KEPT))
    _zone_since: dict[str, datetime] = field(default_factory=dict)
    _is_held: bool = False
    _released_at: datetime | None = None

    def watch_from(self, at: datetime) -> None:
        """The counter was read at `at`, and is watched from then on."""
        if self.watched_since is None:
            self.watched_since = at

    def lose_sight(self) -> None:
        """The counter is not watched any more: what comes now is not seen when it comes."""
        self.watched_since = self.last_at = self.floor = self.work_since = self.found = self.last_key = None
        self._is_held, self._released_at, self.quiet_until = False, None, None
        self._zone_since.clear()

    def note_hidden(self, key: WorkKey | None) -> None:
        """A piece came, and nobody knows when: only whose it was."""
        self.last_key = key

    def set_back(self, now: datetime) -> None:
        """The clock was set back to `now`: nobody waits for the length of the step."""
        self.quiet_until = None
        for name in _TIMES:
            value = getattr(self, name)
            if value is not None and value > now:
                setattr(self, name, now)

    def set_forward(self, by: timedelta) -> None:
        """The clock was set forward: nobody has waited for the length of the step."""
        self.quiet_until = None
        for name in _TIMES:
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, value + by)

    def usual_cycle(self) -> timedelta | None:
        """The middle of the last times between two pieces; None while there are too few."""
        if len(self.cycles) < CYCLES_NEEDED:
            return None
        return timedelta(seconds=median(wait.total_seconds() / pieces for wait, pieces in self.cycles))

    def go_on(self, at: datetime, key: WorkKey | None, pieces: int) -> bool:
        """Take a piece that only goes on with what is known; False: it is news, and `run` must take it.

        It does where the station runs, on the same work, and the piece came in time.
        """
        last = self.last_at
        if last is None or self.found is not StationState.RUNNING:
            return False
        if key is not self.last_key and key != self.last_key:
            return False
        wait = at - last
        if wait >= self.idle_after:
            return False
        if wait > _NO_TIME:
            self.cycles.append((wait, pieces))
            self.last_at = at
        return True

    def run(self, at: datetime, key: WorkKey | None, pieces: int) -> Finding | None:
        """A piece came after a pause, or of other work: the station has run for one usual cycle."""
        if self.watched_since is None:
            return None
        cycle = self.usual_cycle()
        begun_at = at if cycle is None else at - cycle * pieces
        bounds = (self.watched_since, self.last_at, self.floor, self.work_since)
        since = min(at, max([begun_at, *(bound for bound in bounds if bound is not None)]))
        self.last_at, self.last_key, self.found = max(at, self.last_at or at), key, StationState.RUNNING
        self.floor, self._is_held, self._released_at, self.quiet_until = None, False, None, None
        trail = {"rule": "a piece came", **({} if cycle is None else {"usual_cycle_s": cycle.total_seconds()})}
        return Finding(state=StationState.RUNNING, since=since, at=at, trail=trail)

    def judge(self, now: datetime, *, work: WorkAtStations, nodes: NodeProgress, zones: ZoneLevels) -> Finding | None:
        """What the station does at `now`, where the rhythm tells; None: what was found before still holds."""
        self.quiet_until = None
        self._look_at_work(work)
        if self.watched_since is None:
            return None
        found = self._set_up(now)
        if found is None and self.found is StationState.SETUP:  # the work was taken back: what was a set-up stays one
            self.floor, self.found = now, None
        found = found or self._standstill(now, nodes, zones)
        if found is not None:
            self.found = found.state
        return found

    def _look_at_work(self, work: WorkAtStations) -> None:
        key = work.owner(self.station)
        if self.has_worked and key != self.work:  # the first work that is heard of may have begun long before
            self.work_since = work.opened_at(self.station)
        self.work, self.has_worked = key, self.has_worked or key is not None

    def _set_up(self, now: datetime) -> Finding | None:
        """Set up since its work changed, until the first piece of it, and no longer than the map allows."""
        changed_at, work = self.work_since, self.work
        if changed_at is None or work is None or self.watched_since is None:
            return None
        if work == self.last_key or (self.last_at is not None and self.last_at > changed_at):
            return None
        begun_at = max(changed_at, self.watched_since)
        if begun_at > now:
            return None
        ends_at = begun_at + timedelta(seconds=self.rule.setup_at_most_s)
        if now >= ends_at:
            self.floor, self.work_since, self.found = ends_at, None, None
            return None
        trail = {"rule": "work changed", "work_order": work.work_order, "node": work.node}
        return Finding(state=StationState.SETUP, since=begun_at, at=begun_at, trail=trail)

    def _standstill(self, now: datetime, nodes: NodeProgress, zones: ZoneLevels) -> Finding | None:
        """Why no piece has come for `idle_after`; None while that time is not over."""
        last = self.last_at or self.watched_since
        if last is None:
            return None
        if now - last < self.idle_after:
            self.quiet_until = last + self.idle_after
            return None
        cause = self._full(last, zones) or self._starved(last, zones)
        if cause is None and self._is_held:
            self.floor = self._released_at or now  # what held the station up does so no more
        self._is_held = cause is not None
        found = cause or self._down(now, nodes, zones)
        if found is None:
            if self.found is StationState.DOWN:
                self.floor = now  # nobody waits for its pieces any more: until here it was down
            found = self._stands(StationState.IDLE, last, "no piece came")
            self.quiet_until = self._idle_until(now, last)
        return found

    def _idle_until(self, now: datetime, last: datetime) -> datetime | None:
        """Until when waiting alone changes nothing; None: it may at any moment."""
        if self.around.feeds or self.around.takes_from:
            return None
        limit = self._down_after()
        if limit is None:
            return FOREVER
        return last + limit if now < last + limit else None

    def _stands(self, state: StationState, since: datetime, rule: str, **facts: Any) -> Finding:
        """Standing still since the last piece; or since a later moment, when another reason for it ended or began."""
        last = self.last_at or since
        held_from = max(since, self.floor or since)
        at = max(last + self.idle_after, held_from)
        trail = {"rule": rule, "last_piece": format_time(last), "idle_after_s": self.rule.idle_after_s, **facts}
        return Finding(state=state, since=held_from, at=at, trail=trail)

    def _full(self, last: datetime, zones: ZoneLevels) -> Finding | None:
        for zone, limit in self.around.feeds.items():
            level = zones.level(zone)
            since = self._holds_since(zone, level, holds=level.pieces - level.error >= limit)
            if since is not None:
                facts = {"zone": zone, "pieces": level.pieces, "wip_limit": limit}
                return self._stands(StationState.BLOCKED, max(last, since), "the zone it feeds is full", **facts)
        return None

    def _starved(self, last: datetime, zones: ZoneLevels) -> Finding | None:
        for zone in self.around.takes_from:
            level = zones.level(zone)
            since = self._holds_since(zone, level, holds=level.pieces == 0 and level.error == 0)
            if since is not None:
                found = self._stands(StationState.IDLE, max(last, since), "a zone it takes from is empty", zone=zone)
                return replace(found, reason=STARVED)
        return None

    def _holds_since(self, zone: str, level: ZoneLevel, *, holds: bool) -> datetime | None:
        """Since when a zone has been full or empty; None where it is not, or where nothing was ever seen of it."""
        if not holds or level.since is None:
            if self._zone_since.pop(zone, None) is not None:
                self._released_at = level.since
            return None
        return self._zone_since.setdefault(zone, level.since)

    def _down(self, now: datetime, nodes: NodeProgress, zones: ZoneLevels) -> Finding | None:
        """Stopped in the middle of work that still wants pieces, for longer than the map says a pause may last."""
        limit, last, work = self._down_after(), self.last_at, self.work
        if limit is None or last is None or work is None or self.last_key != work or now - last < limit:
            return None
        if nodes.quantity(work) is None or nodes.is_completed(work):
            return None
        levels = [zones.level(zone) for zone in self.around.takes_from]
        if not all(level.pieces > level.error for level in levels):
            return None
        found = self._stands(StationState.DOWN, last, "stopped within its work", down_after_s=limit.total_seconds())
        return replace(found, at=max(found.at, last + limit))

    def _down_after(self) -> timedelta | None:
        cycle, cycles = self.usual_cycle(), self.rule.down_after_cycles
        if self.rule.down_after_s is not None:
            limit = timedelta(seconds=self.rule.down_after_s)
        elif cycle is not None and cycles is not None:
            limit = cycles * cycle
        else:
            return None
        return max(limit, self.idle_after)
