"""What flowed through a zone in the past week, hour by hour: for Little's law, and for what usually passes in a time.

Little's law (J. D. C. Little, "A Proof for the Queuing Formula L = λW", Operations Research 9, 1961): over a long time
the mean number of pieces inside, L, is the rate λ at which they pass times the mean time W that each stays. L comes
from the count of the zone, W from tags that were read at both ends; where pieces are lost or counted twice, they
disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

HOUR: Final = timedelta(hours=1)
HOURS: Final = 7 * 24
MOST_DIFFERENCE: Final = 0.1
LEAST_HOURS: Final = 24  # observed, before anything is said
LEAST_PIECES: Final = 50  # whose stay is known
LEAST_STAYS: Final = 10  # times the mean stay: what was inside at both ends of the week then hardly matters
RUSH: Final = 3  # how much busier than usual a time may be in which nobody looked
USUAL_PIECES: Final = 20  # below as many in the week nobody knows what is usual
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Hour(NamedTuple):
    """One hour: seconds observed, pieces × seconds inside, pieces in and out, pieces × seconds that pieces stayed."""

    observed_s: float = 0.0
    inside: float = 0.0
    came_in: int = 0
    went_out: int = 0
    stays: float = 0.0
    stayed: int = 0


class Balance(NamedTuple):
    """The three figures of Little's law: mean pieces inside, pieces an hour, mean hours that each stayed."""

    inside: float
    rate: float
    stay_h: float

    @property
    def difference(self) -> float:
        """How far L and λW are apart, as a share of the larger."""
        expected = self.rate * self.stay_h
        larger = max(self.inside, expected)
        return abs(self.inside - expected) / larger if larger else 0.0


class Flow:
    """The past week of one zone."""

    def __init__(self, saved: Mapping[str, list[Any]]) -> None:
        self.hours: dict[int, Hour] = {int(number): Hour(*value) for number, value in saved.items()}

    def hold(self, pieces: int, since: datetime, until: datetime) -> None:
        """As many pieces were inside between two moments."""
        while since < until:
            number = hour_of(since)
            end = min(until, _EPOCH + (number + 1) * HOUR)
            seconds = (end - since).total_seconds()
            hour = self.hours.get(number, Hour())
            self.hours[number] = hour._replace(
                observed_s=hour.observed_s + seconds, inside=hour.inside + pieces * seconds
            )
            since = end

    def pass_by(self, now: datetime, *, came_in: int = 0, went_out: int = 0) -> None:
        """Pieces came in or went out."""
        hour = self._now(now)
        self.hours[hour_of(now)] = hour._replace(came_in=hour.came_in + came_in, went_out=hour.went_out + went_out)

    def stay(self, now: datetime, pieces: int, seconds: float) -> None:
        """Pieces left after they had stayed for so long."""
        hour = self._now(now)
        self.hours[hour_of(now)] = hour._replace(
            stays=hour.stays + pieces * max(0.0, seconds), stayed=hour.stayed + pieces
        )

    def forget(self, now: datetime) -> list[int]:
        """Drop hours that are older than a week, or that a clock set back left in the future; which they were."""
        newest = hour_of(now)
        gone = [number for number in self.hours if not newest - HOURS < number <= newest]
        for number in gone:
            del self.hours[number]
        return gone

    def balance(self) -> Balance | None:
        """The figures of the week; None where there is not enough of it."""
        hours = self.hours.values()
        observed_s, stayed = sum(hour.observed_s for hour in hours), sum(hour.stayed for hour in hours)
        if observed_s < LEAST_HOURS * 3600 or stayed < LEAST_PIECES:
            return None
        stay_s = sum(hour.stays for hour in hours) / stayed
        if observed_s < LEAST_STAYS * stay_s:
            return None
        passed = sum(hour.came_in + hour.went_out for hour in hours) / 2
        inside = sum(hour.inside for hour in hours) / observed_s
        return Balance(inside, passed / observed_s * 3600, stay_s / 3600)

    def unseen(self, seconds: float) -> int | None:
        """Pieces that may have passed one bound in a time in which nobody looked; None: nobody knows what is usual."""
        hours = self.hours.values()
        passed = max(sum(hour.came_in for hour in hours), sum(hour.went_out for hour in hours))
        observed_s = sum(hour.observed_s for hour in hours)
        if passed < USUAL_PIECES or not observed_s:
            return None
        return math.ceil(RUSH * passed / observed_s * seconds)

    def _now(self, now: datetime) -> Hour:
        return self.hours.get(hour_of(now), Hour())


def hour_of(at: datetime) -> int:
    """The number of an hour, counted from 1970."""
    return (at - _EPOCH) // HOUR
