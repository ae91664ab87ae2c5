"""How long to wait before the next try, so that a plant that comes back is not stormed by its gateways."""

from __future__ import annotations

import random

FIRST_WAIT_S = 0.25
"""Wait after the first failure, before jitter."""


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
