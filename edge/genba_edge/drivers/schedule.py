"""When to poll: fixed rates that do not drift, spread over the devices of a gateway and the groups of a device."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(slots=True)
class _Times:
    """`origin` + k × `period` are the times of a group; `due` is its next poll, `retry` an extra one before it."""

    period: float
    origin: float
    due: float
    retry: float = math.inf


class Schedule:
    """Due times of a device's poll groups, in seconds of the event loop's clock.

    Due times are origin + k × period for whole k, whatever a poll took; a poll that overran skips the times it missed
    instead of catching up. The origin follows from the device's id, so that the devices of a gateway do not all poll in
    the same instant, and the groups of a device lie between one another. Every group is due once at `start` itself.
    """

    def __init__(self, periods: Mapping[str, float], *, device: str, start: float) -> None:
        shortest = min(periods.values(), default=0.0)
        first = start + phase_of(device) * shortest
        by_rate = sorted(periods, key=lambda group: periods[group])
        self._times = {
            group: _Times(
                period=periods[group],
                origin=first
                + math.floor(phase_of(device) * periods[group] / shortest) * shortest
                + shortest * number / len(by_rate),
                due=start,
            )
            for number, group in enumerate(by_rate)
        }

    def next(self) -> tuple[str, float]:
        """The group that is due first, and when. The faster one goes first when two are due at once."""
        group = min(self._times, key=self._rank)
        return group, min(self._times[group].due, self._times[group].retry)

    def due_before(self, group: str, *, now: float) -> str | None:
        """A faster group than this one that is due by now, so that a long poll lets it pass."""
        period = self._times[group].period
        waiting = [name for name, times in self._times.items() if times.period < period and times.due <= now]
        return min(waiting, key=self._rank, default=None)

    def due_of(self, group: str) -> float:
        """When the group's next poll is due."""
        return self._times[group].due

    def is_retry(self, group: str, *, now: float) -> bool:
        """Whether the group's next poll is an extra one, for what the device put off."""
        times = self._times[group]
        return times.retry < times.due and times.due > now

    def retry(self, group: str, *, at: float) -> None:
        """Poll the group once more at `at`, if that is before its next time."""
        self._times[group].retry = at

    def retried(self, group: str) -> None:
        """The group was polled once more."""
        self._times[group].retry = math.inf

    def done(self, group: str, *, now: float) -> None:
        """The group was polled; its next time is the first one after `now`."""
        times = self._times[group]
        due = times.origin + math.floor((now - times.origin) / times.period + 1) * times.period
        times.due = due if due > now else due + times.period

    def late_s(self, group: str, *, due: float, now: float) -> float:
        """How much later than a whole period after its time `due` a poll of the group ended; 0 if it is on time."""
        return max(0.0, now - due - self._times[group].period)

    def _rank(self, group: str) -> tuple[float, float]:
        times = self._times[group]
        return min(times.due, times.retry), times.period


def phase_of(device: str) -> float:
    """Where in its period a device polls, 0 ≤ phase < 1; the same in every run."""
    return zlib.crc32(device.encode()) % 1000 / 1000
