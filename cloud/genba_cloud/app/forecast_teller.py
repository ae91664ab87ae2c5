"""Writes down which expected finish was told of an order: only when it moved by more than the tolerance.

What is shown moves with every minute and is never stored; what was told is a decision, so that it can later be held
against what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from genba_cloud.core.assess import AssessedOrder, Policy, site_of_last_node
from genba_cloud.core.forecast import METHOD, is_news
from genba_cloud.store.read import Reads
from genba_shared.clock import to_milliseconds
from genba_shared.events import ForecastIssued, Source, SourceType

SOURCE: Final = Source(type=SourceType.SYSTEM, ref="forecast")


class ForecastTeller:
    """Remembers what was told of each open order. `forget` when another process decides."""

    def __init__(self, *, reads: Reads, policy: Callable[[], Policy], new_id: Callable[[], str]) -> None:
        self._reads = reads
        self._policy = policy
        self._new_id = new_id
        self._told: dict[str, datetime] = {}

    def forget(self) -> None:
        """Others may have told something since: read it again."""
        self._told.clear()

    def recall(self, orders: Iterable[AssessedOrder]) -> None:
        """Read what was told of open orders; until something was, the baseline is what people know. Blocking."""
        unknown = {order.plan.order: order for order in orders if order.plan.order not in self._told}
        if not unknown:
            return
        told = self._reads.told_forecasts(sorted(unknown))
        for number, order in unknown.items():
            event = told[number].event if number in told else None
            self._told[number] = event.p50 if isinstance(event, ForecastIssued) else order.baseline[1]

    def news(self, orders: Sequence[AssessedOrder], now: datetime) -> list[ForecastIssued]:
        """What is to be told now of orders that were recalled."""
        found: list[ForecastIssued] = []
        policy = self._policy()
        for order in orders:
            number, expected = order.plan.order, order.assessment.expected_finish
            calendar = policy.calendar_of(site_of_last_node(order.plan))
            told = self._told.get(number)
            if order.assessment.finished or told is None or not is_news(told, expected, calendar, policy.forecast):
                continue
            found.append(
                ForecastIssued(
                    id=self._new_id(),
                    at=to_milliseconds(now),
                    source=SOURCE,
                    order=number,
                    method=METHOD,
                    p50=to_milliseconds(expected),
                )
            )
        return found

    def note(self, told: Iterable[ForecastIssued], orders: Iterable[AssessedOrder]) -> None:
        """Remember what was written down; nothing more is told of orders that are finished."""
        self._told.update((event.order, event.p50) for event in told)
        for order in orders:
            if order.assessment.finished:
                self._told.pop(order.plan.order, None)
