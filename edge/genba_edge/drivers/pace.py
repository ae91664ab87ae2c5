"""Whether a device's polls keep their rate: counts late ones, says once that a device is overloaded, once that not."""

from __future__ import annotations

import logging

from genba_edge.ports import Failure, Meter

logger = logging.getLogger(__name__)

LATE_UNTIL_SAID = 3
"""Late polls in a row that make a device overloaded: one alone is a hiccup."""
ON_TIME_UNTIL_SAID = 10
"""Polls in time in a row after which it is well again."""


class PollPace:
    """The pace of one poll group."""

    def __init__(self, meter: Meter, *, group: str, period_s: float) -> None:
        self._meter = meter
        self._group = group
        self._period_s = period_s
        self._late = self._on_time = 0
        self._is_overloaded = False

    def note(self, *, took_s: float, late_s: float) -> None:
        """A poll ended: how long it took, and how much more than a period after its time it was done."""
        meter = self._meter
        meter.polls += 1
        meter.last_poll_s, meter.late_s = took_s, late_s
        if late_s > 0:
            meter.late_polls += 1
            meter.failures[Failure.OVERLOAD] += 1
            self._late, self._on_time = self._late + 1, 0
            if self._late >= LATE_UNTIL_SAID and not self._is_overloaded:
                self._is_overloaded = True
                logger.warning(
                    "device overloaded device=%s group=%s period_s=%g poll_s=%.2f late_s=%.2f",
                    *(meter.device, self._group, self._period_s, took_s, late_s),
                )
            return
        self._late, self._on_time = 0, self._on_time + 1
        if self._is_overloaded and self._on_time >= ON_TIME_UNTIL_SAID:
            self._is_overloaded = False
            logger.info(
                "device in time again device=%s group=%s period_s=%g", meter.device, self._group, self._period_s
            )
