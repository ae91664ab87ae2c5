"""When to poll: fixed rates that do not drift, spread over the devices of a gateway."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping


class Schedule:
    """Due times of a device's poll groups, in seconds of the event loop's clock.

    Due times are `start` + phase + k × period for whole k, whatever a poll took; a poll that overran skips the times
    it missed instead of catching up. The phase follows from the device's id, so that the devices of a gateway do not
    all poll in the same instant. Every group is due once at `start` itself.
    """

    def __init__(self, periods: Mapping[str, float], *, device: str, start: float) -> None:
        self._periods = dict(periods)
        self._origins = {group: start + phase_of(device) * period for group, period in self._periods.items()}
        self._due = dict.fromkeys(self._periods, start)

    def next(self) -> tuple[str, float]:
        """The group that is due first, and when. The faster one goes first when two are due at once."""
        group = min(self._due, key=lambda name: (self._due[name], self._periods[name]))
        return group, self._due[group]

    def done(self, group: str, *, now: float) -> None:
        """The group was polled; its next time is the first one after `now`."""
        period, origin = self._periods[group], self._origins[group]
        due = origin + math.floor((now - origin) / period + 1) * period
        self._due[group] = due if due > now else due + period


def phase_of(device: str) -> float:
    """Where in its period a device polls, 0 ≤ phase < 1; the same in every run."""
    return zlib.crc32(device.encode()) % 1000 / 1000
