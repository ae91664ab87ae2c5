"""Whether the gateway's clock was set: its time and the monotonic clock of its boot must go on together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from genba_edge.core.journal import Moment

LEAST_S: Final = 5.0  # wall: what a network time service corrects without a step, and a busy machine, stay below this


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """Times between these two are not what they say: they were told twice, or never."""

    begin: datetime
    end: datetime


class ClockWatch:
    """Looks at every moment; steps are seen between one look and the next. `speed`: plant seconds in one of the wall.

    A machine that slept counts as one whose clock was set: its monotonic clock stood still, and nobody looked.
    """

    def __init__(self, moment: Moment, *, speed: float) -> None:
        self._last = moment
        self._least = timedelta(seconds=LEAST_S * speed)

    def look(self, moment: Moment) -> ClockStep | None:
        """How the clock was set since the last look; None: it was not."""
        last, self._last = self._last, moment
        expected = last.now + timedelta(milliseconds=moment.mono_ms - last.mono_ms)
        if abs(moment.now - expected) < self._least:
            return None
        return ClockStep(begin=min(expected, moment.now), end=max(expected, moment.now))
