"""The forecast of the whole shop, kept in memory: worked out again when facts changed, and as time goes on.

One order's queue depends on every other order, so that no read of one order can work it out by itself. What a read adds
is always of this moment: the order's own facts, walked from now on, with machines taken as the last look found them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.api.order_index import OrderIndex
from genba_cloud.core.assess import Policy
from genba_cloud.core.forecast import (
    NO_FLOORS,
    Forecaster,
    NodeKey,
    OpenOrder,
    Queued,
    Shop,
    ShopForecast,
    Times,
    forecast_by_due_date,
    resources_of,
)
from genba_cloud.store.read import OrderRecord, Reads

REST_PER_NODE: Final = timedelta(milliseconds=0.5)
"""How long the assessor goes without a new look, for each open node: at 7,000 nodes a look of 0.3 s each 3.5 s."""
NO_REST_UP_TO: Final = 250
"""So few open nodes are looked at after every change: it takes 10 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The shop as it was looked at, and its forecast."""

    shop: Shop
    forecast: ShopForecast
    floors: Mapping[NodeKey, Times]


class Outlook:
    """Looks at the open orders together. Thread-safe; whoever looks while somebody does waits for the same answer."""

    def __init__(
        self,
        *,
        reads: Reads,
        index: OrderIndex,
        policy: Callable[[], Policy],
        forecaster: Forecaster = forecast_by_due_date,
    ) -> None:
        self._reads = reads
        self._index = index
        self._policy = policy
        self._forecaster = forecaster
        self._looking = threading.Lock()
        self._noting = threading.Lock()
        self._records: dict[str, OrderRecord] = {}
        self._changed: set[str] = set()
        self._version = 0
        self._look: Look | None = None
        self._look_of: tuple[int, datetime] | None = None
        self._look_with: Policy | None = None
        self._looked_at: datetime | None = None

    def changed(self, orders: Iterable[str]) -> None:
        """Facts, plans or queues changed: of these orders, or of stations alone."""
        with self._noting:
            self._changed.update(orders)
            self._version += 1

    def missed(self) -> None:
        """Anything may have changed."""
        with self._noting:
            self._changed.update(self._records)
            self._version += 1

    def floors(self) -> Mapping[NodeKey, Times]:
        """When nodes that wait for machines begin, as the last look found; nothing before the first. Never waits."""
        look = self._look
        return look.floors if look else NO_FLOORS

    def refresh(self, now: datetime) -> None:
        """Look again where something changed or a minute went by, unless that was just done.

        With no open order there is nothing to look for: whoever asks for a look still gets one.
        """
        look, last = self._look, self._looked_at
        nodes = len(look.forecast.nodes) if look else 0
        if nodes > NO_REST_UP_TO and last and last <= now < last + REST_PER_NODE * nodes:
            return
        if self._look is not None and nodes == 0 and not self._index.numbers()[0]:
            return
        self.look(now)

    def look(self, now: datetime) -> Look:
        """The shop as it is: an earlier look serves again while nothing changed, for a minute at most."""
        with self._looking:
            with self._noting:
                wanted = (self._version, now.replace(second=0, microsecond=0))
                changed = frozenset(self._changed)
            policy = self._policy()  # replaced as a whole where a calendar or a machine changes
            is_same = self._look_of == wanted and self._look_with is policy
            if self._look is None or not is_same or self._look.forecast.made_at > now:
                self._look = self._look_again(changed, now, policy)
                self._look_of, self._look_with, self._looked_at = wanted, policy, now
            return self._look

    def _look_again(self, changed: frozenset[str], now: datetime, policy: Policy) -> Look:
        opened, _ = self._index.numbers()
        known = {number: self._records[number] for number in opened if number in self._records.keys() - changed}
        read = self._reads.orders([number for number in opened if number not in known])
        known.update((record.plan.order, record) for record in read)
        self._records = known
        with self._noting:
            self._changed -= changed
        orders = tuple(
            OpenOrder(plan=record.plan, facts=record.facts) for record in known.values() if _is_wanted(record)
        )
        resources = resources_of(
            orders,
            stations=self._reads.stations(),
            queued=(Queued(row.station, NodeKey(row.work_order, row.node)) for row in self._reads.queues()),
            known=policy.centres,
        )
        shop = Shop(orders=orders, resources=resources, calendar_of=policy.calendar_of)
        forecast = self._forecaster(shop, now)
        return Look(shop=shop, forecast=forecast, floors=forecast.floors())


def _is_wanted(record: OrderRecord) -> bool:
    return record.said is None or not record.said.is_cancelled
