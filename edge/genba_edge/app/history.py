"""The last minutes of every device, for the lines that people look at: one value each few seconds, nothing on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from genba_edge.ports import Meter

EVERY_S: Final = 5.0
KEPT: Final = 120  # ten minutes


class History:
    """How long polls took, by device, oldest first; None where no poll ended in that time."""

    def __init__(self) -> None:
        self._poll_s: dict[str, deque[float | None]] = {}
        self._polls: dict[str, int] = {}
        self._due_s = 0.0

    def note(self, meters: Mapping[str, Meter], *, now_s: float) -> None:
        """Take a value of each device if it is time; `now_s` is monotonic."""
        if now_s < self._due_s:
            return
        self._due_s = now_s + EVERY_S
        for device in self._poll_s.keys() - meters.keys():
            del self._poll_s[device]
        for device, meter in meters.items():
            polled = meter.polls != self._polls.get(device, 0)
            self._polls[device] = meter.polls
            self._poll_s.setdefault(device, deque(maxlen=KEPT)).append(meter.last_poll_s if polled else None)

    def of(self, device: str) -> tuple[float | None, ...]:
        """The device's values."""
        return tuple(self._poll_s.get(device, ()))
