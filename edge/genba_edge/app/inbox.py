"""What drivers emitted and the core has not yet seen; bounded, because a full disk may hold the core up for days."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from genba_edge.ports import DeviceBack, DeviceLost, Observation, Sample

logger = logging.getLogger(__name__)

MOST_WAITING = 200_000  # observations, about 60 MB
_TURNS: Final = frozenset[type[Observation]]((DeviceBack, DeviceLost))
"""What says that a device came or went; most batches hold none."""


class Inbox:
    """Batches in the order of their arrival. `now` gives plant time.

    Beyond `limit` observations readings are let go, and the core is told that every device came back just now: it then
    declares the interval that it did not see. Counters tell the pieces made meanwhile by themselves. The last sample of
    each point is kept, since a driver does not say again what did not change.
    """

    def __init__(self, now: Callable[[], datetime], *, limit: int = MOST_WAITING) -> None:
        self._now = now
        self._limit = limit
        self._waiting: list[Sequence[Observation]] = []
        self._count = 0
        self._up: set[str] = set()

    def put(self, batch: Sequence[Observation]) -> None:
        """A driver emitted these together."""
        if not _TURNS.isdisjoint(map(type, batch)):
            self._note_turns(batch)
        self._waiting.append(batch)
        self._count += len(batch)
        if self._count > self._limit:
            self._let_go()

    def take(self) -> list[Sequence[Observation]]:
        """Everything that waits."""
        waiting, self._waiting, self._count = self._waiting, [], 0
        return waiting

    def _note_turns(self, batch: Sequence[Observation]) -> None:
        for observation in batch:
            match observation:
                case DeviceBack():
                    self._up.add(observation.device)
                case DeviceLost():
                    self._up.discard(observation.device)
                case _:
                    pass

    def _let_go(self) -> None:
        turns = [[one] for batch in self._waiting for one in batch if type(one) in _TURNS]
        last = {
            (one.device, one.point): one
            for batch in self._waiting
            for one in batch
            if isinstance(one, Sample) and one.device in self._up
        }
        dropped = self._count - len(turns) - len(last)
        now = self._now()
        backs = ([DeviceBack(device=device, at=now)] for device in sorted(self._up))
        self._waiting = [*turns, *backs, list(last.values())]
        self._count = 0  # counts readings from here on
        logger.error("readings let go observations=%d: the core did not take them in time", dropped)
