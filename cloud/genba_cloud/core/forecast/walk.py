"""An order alone: when its open nodes end if each finds its machine free, or only at the instants given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from genba_cloud.core.facts.views import NodeFacts
from genba_cloud.core.forecast.orders import (
    CalendarOf,
    NodeKey,
    OpenOrder,
    PlannedNode,
    Times,
    arrives_at,
    finish_of,
    goes_on_with,
    in_sequence,
    lagged,
    planned_nodes,
    there_at,
    work_from,
)

NO_FLOORS: Final[Mapping[NodeKey, Times]] = {}
"""Of a shop of which nobody made a forecast: each order is looked at alone."""


def walk(
    order: OpenOrder, now: datetime, calendar_of: CalendarOf, floors: Mapping[NodeKey, Times] = NO_FLOORS
) -> dict[NodeKey, Times]:
    """When each planned node of an order begins and ends, or did.

    An open node begins at the latest of now, its planned start and what it needs of others. Machines and nodes of other
    orders are not seen from here: where they matter, the forecast of the shop says before when it does not begin and
    does not end (`floors`).
    """
    nodes = planned_nodes(order, now, calendar_of)
    found: dict[NodeKey, Times] = {}
    nothing = Times(begin=now, finish=now.replace(microsecond=0))
    for node in in_sequence(nodes):
        found[node.key] = _times(node, nodes, found, now, floors.get(node.key, nothing))
    return {key: found[key] for key in nodes}


def _times(
    node: PlannedNode,
    nodes: Mapping[NodeKey, PlannedNode],
    found: Mapping[NodeKey, Times],
    now: datetime,
    floor: Times,
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
        if goes_on_with(node, need, source):
            begin = max(begin, found[key].begin)
            overlapped.append((need, found[key].finish))
    begin = work_from(node.calendar, max(begin, floor.begin), node.left.seconds)
    return Times(begin=begin, finish=max(finish_of(node, begin, overlapped), floor.finish))


def began_at(facts: NodeFacts, now: datetime) -> datetime:
    """When a node that is over began, as far as anybody knows."""
    return facts.started_at or facts.completed_at or facts.claimed_at or now
