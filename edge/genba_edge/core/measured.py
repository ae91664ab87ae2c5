"""What a measured value was over a time: least, mean and most, weighted by how long each value held.

A value holds from its reading until the next one, or until the point could not be read any more. Time in which nobody
knows the value is left out: it is not averaged over. Over a window of one instant the value of that instant stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

KEPT: Final = 600  # readings: a completion may be known as much later than it happened (10 min at one reading a second)


class Reading(NamedTuple):
    """The value of a point from `at` on; None: it is not known."""

    at: datetime
    value: float | None


class Summary(NamedTuple):
    """Values over `seconds`: their integral, least and most; `samples` readings were taken from begin to before end."""

    seconds: float = 0.0
    integral: float = 0.0
    least: float | None = None
    most: float | None = None
    samples: int = 0

    @property
    def mean(self) -> float | None:
        """The time-weighted mean; None where no value is known."""
        if self.seconds:
            return self.integral / self.seconds
        return self.least if self.least == self.most else None

    def holding(self, value: float, seconds: float) -> Summary:
        """And the value held for so long."""
        if seconds <= 0:
            return self
        least = value if self.least is None else min(self.least, value)
        most = value if self.most is None else max(self.most, value)
        return Summary(self.seconds + seconds, self.integral + value * seconds, least, most, self.samples)


class Measured:
    """The latest readings of one point, in the order of their times."""

    def __init__(self) -> None:
        self._readings: deque[Reading] = deque()

    def take(self, at: datetime, value: float | None) -> None:
        """One reading, or the moment since when the value is not known; what is older than the last one is late."""
        if not self._readings or at >= self._readings[-1].at:
            self._readings.append(Reading(at, value))

    def hold(self, at: datetime) -> None:
        """One more reading of the same value."""
        if self._readings and at >= self._readings[-1].at:
            self._readings.append(Reading(at, self._readings[-1].value))

    def cut(self, begin: datetime, end: datetime | None = None) -> None:
        """Since `begin` the value is not known, until it is read again; at `end` it may have been already."""
        again: list[Reading] = []
        while end is not None and self._readings and self._readings[-1].at >= end:
            again.append(self._readings.pop())
        if self._readings and self._readings[-1].value is not None:
            self._readings.append(Reading(max(begin, self._readings[-1].at), None))
        self._readings.extend(reversed(again))

    @property
    def is_full(self) -> bool:
        """Whether twice as many readings are here as must be kept."""
        return len(self._readings) >= 2 * KEPT

    def outgrown(self) -> Iterator[tuple[Reading, datetime]]:
        """Readings that are not kept any more, each with when the next one came."""
        while len(self._readings) > KEPT:
            yield self._readings.popleft(), self._readings[0].at

    def over(self, begin: datetime, end: datetime, before: Summary) -> Summary:
        """What was measured from `begin` to `end`, after `before`, which is of readings that are not kept any more."""
        summary, held = before, None
        following = iter(self._readings)
        reading = next(following, None)
        while reading is not None and reading.at <= end:
            after = next(following, None)
            until = end if after is None else min(after.at, end)
            summary = with_reading(summary, reading, begin=begin, until=until, end=end)
            held, reading = reading.value, after
        if end <= begin and not summary.seconds and held is not None:
            return summary._replace(least=held, most=held)
        return summary


def with_reading(summary: Summary, reading: Reading, *, begin: datetime, until: datetime, end: datetime) -> Summary:
    """And one reading that held until `until`, as far as it lies after `begin`; taken at `end` it does not count."""
    if reading.value is None:
        return summary
    if begin <= reading.at < end:
        summary = summary._replace(samples=summary.samples + 1)
    return summary.holding(reading.value, (until - max(begin, reading.at)).total_seconds())
