"""Where the bottleneck is now: hours of standard work that wait in front of each machine.

Nothing here looks ahead, and utilisation takes no part in the ranking: a machine that runs all day and has no queue
holds nobody up. Methods for lines (active period, Roser 2001; turning point, Li 2009) look for machines that starve and
block one another, and have no signal where buffers have no limit, as in a job shop.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_cloud.core.forecast.port import NodeForecast, Shop, ShopForecast
from genba_cloud.core.forecast.resources import CentreKey


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePolicy:
    """From when on a work centre is called a bottleneck; a policy of the site.

    It must have `least_s` of work waiting per machine, and `open_percent` of what the others of its site have on
    average; it stays one until it is below `calm_s`, or below `close_percent` of the others. Where all have about the
    same, or there is no other, none is.
    """

    least_s: int = 8 * 3600
    calm_s: int = 6 * 3600
    open_percent: int = 200
    close_percent: int = 150

    def opens(self, own_s: int, others_s: int, others: int) -> bool:
        """Whether `own_s` stands out among `others` work centres that have `others_s` together."""
        return own_s >= self.least_s and 100 * own_s * others >= self.open_percent * others_s

    def stays(self, own_s: int, others_s: int, others: int) -> bool:
        """Whether one that stood out still does."""
        return own_s >= self.calm_s and 100 * own_s * others >= self.close_percent * others_s


QUEUE_POLICY: Final = QueuePolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCentreQueue:
    """The work of one work centre, in working seconds of one machine.

    `waiting`: everything it needs is there and nobody works on it. `running`: what is left of started nodes. `coming`:
    open work that has not come yet. `machines` is None where nobody knows how many there are.
    """

    centre: CentreKey
    machines: int | None
    stations: tuple[str, ...]
    waiting_s: int = 0
    waiting_nodes: int = 0
    running_s: int = 0
    running_nodes: int = 0
    coming_s: int = 0
    coming_nodes: int = 0

    @property
    def waiting_per_machine_s(self) -> int | None:
        """The figure that ranks; None: it cannot be ranked."""
        return self.waiting_s // self.machines if self.machines else None


def queues_now(shop: Shop, forecast: ShopForecast) -> tuple[WorkCentreQueue, ...]:
    """Every work centre, that with the most work waiting per machine first; those without a number come last."""
    nodes: dict[CentreKey, list[NodeForecast]] = {key: [] for key in shop.resources.centres}
    for node in forecast.nodes.values():
        if node.centre is not None:
            nodes.setdefault(node.centre, []).append(node)
    queues = [_queue(key, shop, found, forecast.made_at) for key, found in nodes.items()]
    return tuple(sorted(queues, key=_place))


def stands_out(
    queues: Sequence[WorkCentreQueue], *, was: Collection[CentreKey] = (), policy: QueuePolicy = QUEUE_POLICY
) -> tuple[WorkCentreQueue, ...]:
    """The bottlenecks that people should be told of, the worst first; none on a flat load.

    Args:
        queues: as `queues_now` ranks them.
        was: work centres that stood out until now. Each goes on until it clearly does no more, so that one on the edge
            does not ring every minute.
        policy: thresholds.
    """
    sites: dict[str, list[int]] = {}
    for queue in queues:
        if queue.waiting_per_machine_s is not None:
            sites.setdefault(queue.centre.site, []).append(queue.waiting_per_machine_s)
    found: list[WorkCentreQueue] = []
    for queue in queues:
        own = queue.waiting_per_machine_s
        if own is None:
            continue
        at_site = sites[queue.centre.site]
        rule = policy.stays if queue.centre in was else policy.opens
        if len(at_site) > 1 and rule(own, sum(at_site) - own, len(at_site) - 1):
            found.append(queue)
    return tuple(found)


def _place(queue: WorkCentreQueue) -> tuple[bool, int, int, CentreKey]:
    per_machine = queue.waiting_per_machine_s
    return (per_machine is None, -(per_machine or 0), -queue.waiting_s, queue.centre)


def _queue(key: CentreKey, shop: Shop, nodes: Iterable[NodeForecast], now: datetime) -> WorkCentreQueue:
    waiting: list[int] = []
    running: list[int] = []
    coming: list[int] = []
    known = shop.resources.centres.get(key)
    machines = set(shop.resources.machines_of(known.stations)) if known else set()
    for node in nodes:
        group = running if node.is_started else waiting if node.came <= now else coming
        group.append(node.work_s)
        machines.update(node.machines)
    return WorkCentreQueue(
        centre=key,
        machines=len(machines) or None,
        stations=tuple(sorted({machine.station for machine in machines})),
        waiting_s=sum(waiting),
        waiting_nodes=len(waiting),
        running_s=sum(running),
        running_nodes=len(running),
        coming_s=sum(coming),
        coming_nodes=len(coming),
    )
