"""Where the bottleneck is now: hours of standard work that wait in front of each machine.

Nothing here looks ahead, and utilisation takes no part in the ranking: a machine that runs all day and has no queue
holds nobody up. Measured against other signs on simulated job shops, waiting work per machine named the work centre
that really held orders up most often (Roser 2001 and Li 2009 are the rivals that lose their signal without full
buffers).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from genba_cloud.core.forecast.port import NodeForecast, Shop, ShopForecast
from genba_cloud.core.forecast.resources import CentreKey


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePolicy:
    """From when on a work centre is called a bottleneck; a policy of the site.

    It must have `least_s` of work waiting per machine, and `open_percent` of what the others have on average; it stays
    one until it is below `calm_s`, or below `close_percent` of the others. Where all have about the same, none is.
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

    def replaces(self, new_s: int, old_s: int) -> bool:
        """Whether one that stands out is so far ahead of one that still does that it takes its place."""
        return 100 * new_s >= self.close_percent * old_s


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
    queues: Sequence[WorkCentreQueue], *, was: CentreKey | None = None, policy: QueuePolicy = QueuePolicy()
) -> WorkCentreQueue | None:
    """The bottleneck that people should be told of, None where no work centre stands out.

    Args:
        queues: as `queues_now` ranks them.
        was: the work centre that is called a bottleneck already: it goes on until it is clearly none any more, so that
            two that take turns do not ring every minute. Another takes its place only when it stands out itself, and
            has `close_percent` of the old one's work.
        policy: thresholds.
    """
    ranked = [queue for queue in queues if queue.waiting_per_machine_s is not None]
    old = next((queue for queue in ranked if queue.centre == was and policy.stays(*_against(queue, ranked))), None)
    for first in ranked[:1]:
        if first.centre != was and policy.opens(*_against(first, ranked)):
            return first if old is None or policy.replaces(_waiting(first), _waiting(old)) else old
    return old


def _against(own: WorkCentreQueue, ranked: Sequence[WorkCentreQueue]) -> tuple[int, int, int]:
    others = [_waiting(queue) for queue in ranked if queue.centre != own.centre]
    mine = _waiting(own)
    # alone it stands out from nothing: as if there were another with the same queue
    return (mine, sum(others), len(others)) if others else (mine, mine, 1)


def _waiting(queue: WorkCentreQueue) -> int:
    return queue.waiting_per_machine_s or 0


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
