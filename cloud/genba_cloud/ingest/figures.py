"""How ingest is doing, in numbers that somebody watches: what waits, what was left out, how long it took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

BOUNDS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Figures:
    """Counters of one process; written on the event loop, read from any thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lag_buckets = [0] * (len(BOUNDS_S) + 1)
        self._lag_sum_s = 0.0

    def count(self, what: str, amount: int = 1) -> None:
        """Add to ``genba_ingest_WHAT_total``."""
        self._counts[what] += amount

    def took(self, lag_s: float) -> None:
        """An envelope is answered so many seconds after it arrived."""
        self._lag_buckets[bisect_left(BOUNDS_S, lag_s)] += 1
        self._lag_sum_s += lag_s

    def read(self, *, waiting: int, waiting_bytes: int) -> dict[str, float]:
        """Every number by its Prometheus name; the lag as a cumulative histogram."""
        numbers: dict[str, float] = {
            "genba_ingest_waiting_messages": waiting,
            "genba_ingest_waiting_bytes": waiting_bytes,
            **{f"genba_ingest_{what}_total": amount for what, amount in sorted(self._counts.items())},
        }
        total = 0
        for bound, amount in zip((*(f"{one:g}" for one in BOUNDS_S), "+Inf"), self._lag_buckets, strict=True):
            total += amount
            numbers[f'genba_ingest_lag_seconds_bucket{{le="{bound}"}}'] = total
        numbers["genba_ingest_lag_seconds_count"] = total
        numbers["genba_ingest_lag_seconds_sum"] = round(self._lag_sum_s, 6)
        return numbers
