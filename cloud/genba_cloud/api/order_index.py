"""Which orders are open: an index in memory, so that board and assessor never read through years of finished orders."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.order_list import OrderLine, line_of

FINISHED_KEPT: Final = 50


class OrderIndex:
    """Numbers of the open orders and of those finished last. Thread-safe; filled at the start, kept by the assessor."""

    def __init__(
        self, *, finished_kept: int = FINISHED_KEPT, noted: Callable[[Sequence[AssessedOrder]], None] | None = None
    ) -> None:
        """Empty. `noted` is told of every look at orders, too."""
        self._noted = noted
        self._lock = threading.Lock()
        self._open: dict[str, None] = {}
        self._finished: dict[str, float] = {}
        self._lines: dict[str, OrderLine] = {}
        self._kept = finished_kept

    def note(self, orders: Iterable[AssessedOrder]) -> None:
        """Put each order where it now belongs."""
        orders = tuple(orders)
        if self._noted is not None:
            self._noted(orders)
        with self._lock:
            for order in orders:
                number = order.plan.order
                self._open.pop(number, None)
                self._finished.pop(number, None)
                self._lines.pop(number, None)
                if order.assessment.cancelled:
                    continue  # it is not drawn
                if order.assessment.finished:
                    self._finished[number] = order.assessment.expected_finish.timestamp()
                else:
                    self._open[number] = None
                self._lines[number] = line_of(order)
            while len(self._finished) > self._kept:
                oldest = min(self._finished, key=self._finished.__getitem__)
                del self._finished[oldest]
                del self._lines[oldest]

    def add(self, numbers: Iterable[str]) -> None:
        """Take orders as open until they were assessed: they are new, or something about them changed."""
        with self._lock:
            for number in numbers:
                if number not in self._finished:
                    self._open.setdefault(number)

    def numbers(self) -> tuple[list[str], list[str]]:
        """Open orders, and finished ones, the last finished first."""
        with self._lock:
            return list(self._open), sorted(self._finished, key=self._finished.__getitem__, reverse=True)

    def lines(self) -> tuple[list[OrderLine], list[str]]:
        """Lines of the orders as they were assessed last, and numbers of open orders that were not assessed yet."""
        with self._lock:
            return list(self._lines.values()), [number for number in self._open if number not in self._lines]
