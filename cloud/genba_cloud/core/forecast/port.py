"""What a forecaster is given and what it answers: the port behind which one method replaces another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from genba_cloud.core.forecast.orders import CalendarOf, NodeKey, OpenOrder, Times
from genba_cloud.core.forecast.resources import NO_RESOURCES, CentreKey, Machine, Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """Everything a forecast is worked out from, beside the time: open orders, machines, calendars."""

    orders: tuple[OpenOrder, ...]
    resources: Resources = NO_RESOURCES
    calendar_of: CalendarOf


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeForecast:
    """When an open node is expected to run.

    `came`: since when what it needs is there (or will be); a node that needs nothing came at its planned start.
    `machines` may take it, `station` is the one that does; None where it has no limit. `ready`: when it could begin if
    one were free. `work_s`: working seconds that are left of it. `others`: it needs something of another order.
    """

    key: NodeKey
    order: str
    centre: CentreKey | None
    machines: tuple[Machine, ...] = ()
    station: str | None
    is_started: bool
    came: datetime
    ready: datetime
    begin: datetime
    finish: datetime
    work_s: int
    others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopForecast:
    """A forecast of all open nodes together: what `method` says at `made_at`. It is no fact and no promise."""

    method: str
    made_at: datetime
    nodes: Mapping[NodeKey, NodeForecast] = field(default_factory=dict)

    def floors(self) -> dict[NodeKey, Times]:
        """Before when nodes neither begin nor end for reasons that their order by itself does not show.

        They wait for a machine, or for another order.
        """
        return {
            key: Times(begin=node.begin, finish=node.finish if node.others else node.begin)
            for key, node in self.nodes.items()
            if node.begin > node.ready or node.others
        }


class Forecaster(Protocol):
    """A way of working out when open nodes run. Pure: the same shop at the same instant gives the same answer."""

    def __call__(self, shop: Shop, now: datetime) -> ShopForecast:
        """The forecast of the shop at `now`; nothing in it lies before `now` (cut to a whole second)."""
