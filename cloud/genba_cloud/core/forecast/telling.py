"""When an expected finish is worth telling, and what is said of a promise that it would break."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from genba_cloud.core.working_time import Calendar, working_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastPolicy:
    """A policy of the site."""

    tell_again_s: int = 4 * 3600
    """An expected finish is told again when it moved by more than half a working day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseOutlook:
    """What is expected of a promise. A forecast of one instant has no range and no probability: both are unknown.

    `late_s`: working seconds that the expected finish lies after the promise (negative: before it).
    """

    expected: datetime
    promised: datetime
    late_s: int

    @property
    def expected_late(self) -> bool:
        """Whether the promise would be broken if the forecast came true; an early notice is due at once."""
        return self.expected > self.promised


def is_news(told: datetime, expected: datetime, calendar: Calendar, policy: ForecastPolicy) -> bool:
    """Whether an expected finish is so far from what was told last (the baseline, at first) that it is told again."""
    return abs(working_seconds(calendar, told, expected)) > policy.tell_again_s


def promise_outlook(*, expected: datetime, promised: datetime, calendar: Calendar) -> PromiseOutlook:
    """How an expected finish stands to the promise."""
    return PromiseOutlook(expected=expected, promised=promised, late_s=working_seconds(calendar, promised, expected))
