"""An order alone: when its open nodes end if each finds its machine free, or only at the instants given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from genba_cloud.core.facts.views import NodeFacts
from genba_cloud.core.forecast.orders import (
    CalendarOf,
    NodeKey,
    OpenOrder,
    PlannedNode,
    Times,
    arrives_at,
    finish_of,
    in_sequence,
    lagged,
    planned_nodes,
    there_at,
    work_from,
)


def walk(
    order: OpenOrder, now: datetime, calendar_of: CalendarOf, begins: Mapping[NodeKey, datetime] | None = None
) -> dict[NodeKey, Times]:
    """When each planned node of an order begins and ends, or did.

    An open node begins at the latest of now, its planned start, what it needs of others, and where the shop's forecast
    names one, the instant at which its machine takes it (`begins`). Nodes of other orders are not seen from here.
    """
    nodes = planned_nodes(order, now, calendar_of)
    found: dict[NodeKey, Times] = {}
    for node in in_sequence(nodes):
        found[node.key] = _times(node, nodes, found, now, (begins or {}).get(node.key))
    return {key: found[key] for key in nodes}


def _times(
    node: PlannedNode,
    nodes: Mapping[NodeKey, PlannedNode],
    found: Mapping[NodeKey, Times],
    now: datetime,
    machine_at: datetime | None,
) -> Times:
    if node.left is None:
        return Times(begin=began_at(node.facts, now), finish=node.over_at(now))
    begin = node.released_at(now)
    overlapped = []
    for key, need in node.needs:
        source = nodes.get(key)
        if source is None or key not in found:
            continue  # another order's, or a circle
        there = there_at(need, source, now)
        if there is None:
            there = arrives_at(need, source, found[key])
        begin = max(begin, lagged(need, there, node.calendar))
        if source.left is not None:
            overlapped.append((need, found[key].finish))
    if machine_at is not None:
        begin = max(begin, machine_at)
    begin = work_from(node.calendar, begin, node.left.seconds)
    return Times(begin=begin, finish=finish_of(node, begin, overlapped))


def began_at(facts: NodeFacts, now: datetime) -> datetime:
    """When a node that is over began, as far as anybody knows."""
    return facts.started_at or facts.completed_at or facts.claimed_at or now
