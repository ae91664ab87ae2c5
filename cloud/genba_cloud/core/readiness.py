"""Whether a node may begin now: what it needs of others is there, and as long as it must lie has passed.

The nodes that it needs may belong to other work orders and sites. Readiness changes with the clock alone (a lag runs
out), so it is worked out when it is asked for and never kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from genba_cloud.core.facts.plan import Dependency, NodePlan
from genba_cloud.core.facts.progress import has_handed_over
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, WorkOrderFacts
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, add


def is_ready(
    node: NodePlan,
    work_order: str,
    facts: Mapping[str, WorkOrderFacts],
    now: datetime,
    *,
    calendar: Calendar = ALWAYS_WORKING,
) -> bool:
    """Whether everything that the node needs has been handed over.

    Args:
        node: the plan of the node.
        work_order: the work order that it belongs to.
        facts: by work order. One that is missing has not begun, so that nothing of it is there.
        now: plant time, against which lags run.
        calendar: working time of the node's site, in which lags count.
    """
    return all(_is_there(need, facts.get(need.work_order or work_order), now, calendar) for need in node.needs())


def _is_there(need: Dependency, work: WorkOrderFacts | None, now: datetime, calendar: Calendar) -> bool:
    source = work.node(need.node) if work is not None else None
    if source is None or not has_handed_over(source, need.transfer_quantity):
        return False
    return need.lag_s == 0 or add(calendar, handed_over_at(need, source, now), need.lag_s) <= now


def handed_over_at(need: Dependency, source: NodeFacts, now: datetime) -> datetime:
    """When what is needed was there, of a node that has handed it over.

    Of a node that still runs nobody noted it: its pieces are taken to have come evenly, from its start to its newest
    fact.
    """
    if source.lifecycle is Lifecycle.DONE:
        return source.completed_at or now
    newest = source.data_at or now
    begun = source.started_at or newest
    wanted = source.quantity or source.good
    if need.transfer_quantity is not None:
        wanted = min(need.transfer_quantity, wanted)
    return begun + (newest - begun) * wanted / max(1, source.good, wanted)
