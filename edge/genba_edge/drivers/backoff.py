"""How long to wait before the next try, so that a plant that comes back is not stormed by its gateways."""

from __future__ import annotations

import random

FIRST_WAIT_S = 0.25
"""Wait after the first failure, before jitter."""
POINT_FIRST_S = 1.0
POINT_MAX_S = 30.0
"""A point that the device refuses is tried again after 1 s, 2 s, … 30 s: booting devices refuse for a short time."""


class Backoff:
    """Waits that double from `first_s` up to `max_s`, each shortened at random by up to half (wall time).

    The jitter keeps devices behind one switch from being called in step. No wait is longer than `max_s`.
    """

    def __init__(self, *, max_s: float, first_s: float = FIRST_WAIT_S) -> None:
        self._first_s = min(first_s, max_s)
        self._max_s = max_s
        self._next_s = self._first_s

    def next_s(self) -> float:
        """Seconds to wait before the next try; each call is one more failure."""
        wait_s = self._next_s
        self._next_s = min(self._max_s, wait_s * 2)
        return wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret

    def reset(self) -> None:
        """The last try worked: start small again."""
        self._next_s = self._first_s


def backoff_of_point() -> Backoff:
    """Waits between the tries to read a point that the device refuses."""
    return Backoff(first_s=POINT_FIRST_S, max_s=POINT_MAX_S)
