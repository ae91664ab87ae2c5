"""Where the time comes from: one clock for everything that production rules see.

A production clock normally is the system clock. `genba demo` hands every process the same scaled clock (origin, wall
second of that origin, speed), so that a process that is restarted continues in the same plant time. Polls, resends,
back-off and library timers stay in wall time and do not use this module.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from genba_shared.errors import UsageError

CLOCK_VARIABLE = "GENBA_CLOCK"
_SECONDS: Final = tuple(f"{minute:02}:{second:02}." for minute in range(60) for second in range(60))
_MILLISECONDS: Final = tuple(f"{millisecond:03}Z" for millisecond in range(1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionClock:
    """Plant time = `origin` + (wall time - `wall_origin_s`) × `speed`; the default is the system clock itself."""

    origin: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    wall_origin_s: float = 0.0
    speed: float = 1.0

    def now(self) -> datetime:
        """Plant time, aware UTC."""
        return self.at_wall(time.time())

    def at_wall(self, wall_s: float) -> datetime:
        """Plant time at a wall second (seconds since 1970-01-01 UTC)."""
        return self.origin + timedelta(seconds=(wall_s - self.wall_origin_s) * self.speed)

    def wall_at(self, at: datetime) -> float:
        """Wall second at which it is `at` in plant time."""
        return self.wall_origin_s + (at - self.origin).total_seconds() / self.speed

    def mono_ms(self) -> int:
        """Milliseconds of plant time on the monotonic clock of this boot; only differences mean something."""
        return int(time.monotonic() * 1000 * self.speed)

    def wall_seconds(self, plant_s: float) -> float:
        """How long `plant_s` seconds of plant time last on the wall."""
        return plant_s / self.speed

    def to_variable(self) -> str:
        """Text form for the environment variable ``GENBA_CLOCK``: ``origin@wall_origin_s*speed``."""
        return f"{self.origin.isoformat()}@{self.wall_origin_s!r}*{self.speed!r}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> ProductionClock:
        """The clock that the parent process handed over, else the system clock.

        Raises:
            UsageError: the variable is set and not of the form ``origin@wall_origin_s*speed``, or speed is not above 0.
        """
        text = (os.environ if environment is None else environment).get(CLOCK_VARIABLE, "")
        if not text:
            return cls()
        try:
            origin_text, rest = text.split("@")
            wall_text, speed_text = rest.split("*")
            clock = cls(
                origin=datetime.fromisoformat(origin_text), wall_origin_s=float(wall_text), speed=float(speed_text)
            )
        except ValueError as exc:
            raise UsageError(f"{CLOCK_VARIABLE}={text!r} is not ORIGIN@WALL_SECOND*SPEED") from exc
        if clock.speed <= 0 or clock.origin.tzinfo is None:
            raise UsageError(f"{CLOCK_VARIABLE}={text!r}: speed must be above 0 and the origin must carry a time zone")
        return clock


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds (truncated), e.g. ``2026-01-05T07:00:00.250Z``."""
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    hour = _hour(at.year, at.month, at.day, at.hour)
    return hour + _SECONDS[60 * at.minute + at.second] + _MILLISECONDS[at.microsecond // 1000]


@lru_cache(maxsize=1024)
def _hour(year: int, month: int, day: int, hour: int) -> str:
    """The part of a written time that changes rarely: ledgers write millions of them."""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:"


def to_milliseconds(at: datetime) -> datetime:
    """The same instant with everything below a millisecond cut off: what survives being written and read."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time; a time zone is required.

    Raises:
        ValueError: not a time, or without a time zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write 2026-01-05T07:00:00Z or an offset such as +08:00")
    return at.astimezone(UTC)
