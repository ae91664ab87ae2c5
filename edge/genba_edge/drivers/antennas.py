"""Which antennas of the map a reader says are not connected: shown as points that cannot be read."""

from __future__ import annotations

import logging
from collections.abc import Collection

from genba_edge.ports import Meter

logger = logging.getLogger(__name__)


class AntennaStates:
    """The antennas of one reader; those that its map does not use may hang in the air."""

    def __init__(self, meter: Meter, used: Collection[int]) -> None:
        self._meter = meter
        self._used = used

    def connected(self, number: int) -> None:
        """The reader says that the antenna is there."""
        if self._meter.bad_points.pop(_name(number), None) is not None:
            logger.info("antenna connected again device=%s antenna=%d", self._meter.device, number)

    def disconnected(self, number: int) -> None:
        """The reader says that nothing hangs on this port."""
        if number in self._used and _name(number) not in self._meter.bad_points:
            self._meter.bad_points[_name(number)] = "the reader says that it is not connected"
            logger.warning("antenna disconnected device=%s antenna=%d", self._meter.device, number)


def _name(number: int) -> str:
    return f"antenna {number}"
