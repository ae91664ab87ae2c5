"""Work that waits at each work centre, as the alerts are asked about it."""

from __future__ import annotations

from dataclasses import replace

from genba_cloud.api import Desk
from genba_cloud.core.alerts import CentreLoad
from genba_cloud.core.forecast import queues_now, stands_out


def loads_of(desk: Desk) -> tuple[CentreLoad, ...]:
    """Of every work centre whose machines are known, by the newest look at the shop; none where no order is open."""
    if not desk.index.numbers()[0]:
        return ()
    look = desk.outlook.look(desk.now())
    queues = queues_now(look.shop, look.forecast)
    by_share = replace(desk.policy.queues, least_s=0)  # how much is much, the site's own policy says to the alerts
    worst = {queue.centre for queue in stands_out(queues, policy=by_share)}
    return tuple(
        CentreLoad(
            work_centre=queue.centre.work_centre,
            waiting_s=queue.waiting_per_machine_s,
            site=queue.centre.site,
            stands_out=queue.centre in worst,
        )
        for queue in queues
        if queue.waiting_per_machine_s is not None
    )
