"""How far an order is behind its baseline, and the episodes in which that needs an answer.

Deviation is lateness ÷ lead time, both in working seconds, and stays the integer pair (L, T): exactly 10 % and exactly
20 % are decided by whole numbers. Levels are a function of the deviation; episodes are decisions with a memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from genba_cloud.core.working_time import Calendar, working_day_seconds, working_seconds

TOLERANCE_S: Final = 900


class Level(StrEnum):
    """How loudly an order's lateness must be answered, in rising order."""

    NONE = "none"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"

    @property
    def rank(self) -> int:
        """0 for none to 3 for red."""
        return _RANK[self]


_RANK: Final = {level: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPolicy:
    """Thresholds of one site; the defaults are the product's."""

    tolerance_s: int = TOLERANCE_S
    """Up to 15 working minutes late is on time."""
    calm_s: int = 1800
    """A level falls after the deviation stayed below its bound for 30 working minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """Late by `late_s` working seconds (negative: early) on a lead of `lead_s` working seconds (above 0)."""

    late_s: int
    lead_s: int

    @property
    def percent(self) -> str:
        """Lateness in percent of the lead, cut off after one decimal: ``"12.3"``, ``"-4.0"``, ``"0.0"``."""
        tenths = 1000 * abs(self.late_s) // self.lead_s
        sign = "-" if self.late_s < 0 and tenths else ""
        return f"{sign}{tenths // 10}.{tenths % 10}"


def deviation_of(*, start: datetime, finish: datetime, expected: datetime, calendar: Calendar) -> Deviation:
    """Deviation of something planned from `start` to `finish` that is expected (or was finished) at `expected`.

    The lead is never below one working day, so that an hour on a rush order is no catastrophe.
    """
    lead = max(working_seconds(calendar, start, finish), working_day_seconds(calendar, start))
    return Deviation(late_s=working_seconds(calendar, finish, expected), lead_s=lead)


def level_of(deviation: Deviation, *, tolerance_s: int = TOLERANCE_S) -> Level:
    """Level of a deviation: up to `tolerance_s` none, under 10 % yellow, 10 to 20 % orange (both ends), above red."""
    late, lead = deviation.late_s, deviation.lead_s
    if late <= tolerance_s:
        return Level.NONE
    if 10 * late < lead:
        return Level.YELLOW
    return Level.ORANGE if 5 * late <= lead else Level.RED


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What is remembered of one order: the level announced, and since when each level's way down is open.

    `level` none means that no episode is open. `calm_*` is the instant since which the deviation has been below that
    level's exit bound without a break; None while it is not. After a restart they are None: a level then falls later
    than it might, never earlier.
    """

    level: Level = Level.NONE
    calm_yellow: datetime | None = None
    calm_orange: datetime | None = None
    calm_red: datetime | None = None

    def calm_since(self, level: Level) -> datetime | None:
        """Since when the deviation has been below the exit bound of `level`."""
        match level:
            case Level.YELLOW:
                return self.calm_yellow
            case Level.ORANGE:
                return self.calm_orange
            case Level.RED:
                return self.calm_red
            case Level.NONE:
                return None
            case _:
                assert_never(level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The order now needs an answer, at `level`."""

    level: Level
    deviation: Deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChanged:
    """The open episode's level rose or fell to `level`."""

    level: Level
    deviation: Deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The episode is over: the order caught up, or it is finished (`reason`)."""

    reason: str


Decision = Opened | LevelChanged | Closed


def decide(
    episode: Episode, deviation: Deviation, now: datetime, *, calendar: Calendar, policy: LevelPolicy = LevelPolicy()
) -> tuple[Episode, tuple[Decision, ...]]:
    """What a deviation seen at `now` does to an order's episode: it rises at once and falls after a calm time.

    The way down from red is at most 19 %, from orange at most 9 %, from yellow at most the tolerance, held for
    `calm_s` working seconds; several levels may fall at once where each was calm for long enough.
    """
    seen = Episode(
        level=episode.level,
        calm_yellow=_calm(episode.calm_yellow, now, open_=_is_calm(Level.YELLOW, deviation, policy)),
        calm_orange=_calm(episode.calm_orange, now, open_=_is_calm(Level.ORANGE, deviation, policy)),
        calm_red=_calm(episode.calm_red, now, open_=_is_calm(Level.RED, deviation, policy)),
    )
    target = level_of(deviation, tolerance_s=policy.tolerance_s)
    if target.rank < episode.level.rank:
        target = _fallen(seen, now, calendar, policy)
    if target is episode.level:
        return seen, ()
    after = Episode(level=target, calm_yellow=seen.calm_yellow, calm_orange=seen.calm_orange, calm_red=seen.calm_red)
    if target is Level.NONE:
        return after, (Closed(reason="caught up"),)
    if episode.level is Level.NONE:
        return after, (Opened(level=target, deviation=deviation),)
    return after, (LevelChanged(level=target, deviation=deviation),)


def finish(episode: Episode) -> tuple[Episode, tuple[Decision, ...]]:
    """End the episode of an order that is finished: nothing is left to answer, its level stays in the record."""
    return Episode(), () if episode.level is Level.NONE else (Closed(reason="finished"),)


def _is_calm(level: Level, deviation: Deviation, policy: LevelPolicy) -> bool:
    late, lead = deviation.late_s, deviation.lead_s
    if late <= policy.tolerance_s:
        return True
    match level:
        case Level.RED:
            return 100 * late <= 19 * lead
        case Level.ORANGE:
            return 100 * late <= 9 * lead
        case _:
            return False


def _calm(since: datetime | None, now: datetime, *, open_: bool) -> datetime | None:
    return (since or now) if open_ else None


def _fallen(episode: Episode, now: datetime, calendar: Calendar, policy: LevelPolicy) -> Level:
    level = episode.level
    while level is not Level.NONE:
        since = episode.calm_since(level)
        if since is None or working_seconds(calendar, since, now) < policy.calm_s:
            break
        level = tuple(Level)[level.rank - 1]
    return level
