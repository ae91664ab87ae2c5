"""What the rule of bottlenecks looks at: work centres that stand out in the forecast of the shop."""

from __future__ import annotations

from collections.abc import Iterable

from genba_cloud.api.outlook import Look
from genba_cloud.core.alerts import CentreLoad, Rule
from genba_cloud.core.alerts.floor import centre_subject
from genba_cloud.core.facts.response import AlertFacts
from genba_cloud.core.forecast import QueuePolicy, queues_now, stands_out


def waiting_loads(look: Look | None, policy: QueuePolicy, alerts: Iterable[AlertFacts]) -> tuple[CentreLoad, ...]:
    """Standard work that waits at each work centre that stands out, for each of its machines.

    Args:
        look: the newest look at the shop; None: nobody has looked yet.
        policy: when a work centre stands out.
        alerts: those that are open. A work centre with one goes on standing out until it clearly does no more.
    """
    if look is None or not look.shop.resources.centres:
        return ()
    queues = queues_now(look.shop, look.forecast)
    told = {alert.subject for alert in alerts if alert.rule == Rule.BOTTLENECK}
    was = {queue.centre for queue in queues if centre_subject(queue.centre.site, queue.centre.work_centre) in told}
    return tuple(
        CentreLoad(
            work_centre=queue.centre.work_centre,
            waiting_s=queue.waiting_per_machine_s or 0,
            site=queue.centre.site,
        )
        for queue in stands_out(queues, was=was, policy=policy)
    )
