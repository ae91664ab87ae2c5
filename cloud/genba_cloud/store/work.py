"""A work order's stored view and what it says: its own fold, and what stations' dispatch gave to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genba_cloud.core.facts import WORK_ORDER, WorkOrderFacts, WorkOrderPlan, WorkOrderState, work_order_facts
from genba_cloud.core.facts.counts import Counts
from genba_cloud.core.facts.progress import Assigned
from genba_cloud.store.port import StoredView


def facts_of(work_order: str, plan: WorkOrderPlan | None, view: StoredView | None) -> WorkOrderFacts:
    """The facts of a work order from its stored view (None: nothing was seen of it)."""
    if view is None:
        return work_order_facts(work_order, plan, WorkOrderState(), {})
    return work_order_facts(work_order, plan, WORK_ORDER.from_json(view.state), assigned_from_json(view.assigned))


def assigned_from_json(obj: Mapping[str, Mapping[str, Any]]) -> Assigned:
    """By station and node, the counts that a view carries as `assigned`."""
    return {
        station: {node: Counts.from_json(counts) for node, counts in nodes.items()} for station, nodes in obj.items()
    }


def assigned_with(
    assigned: Mapping[str, Mapping[str, Any]], station: str, given: Mapping[str, Counts]
) -> dict[str, Mapping[str, Any]]:
    """`assigned` after the station now gives `given` (by node); a station that gives nothing is left out."""
    others = {name: nodes for name, nodes in assigned.items() if name != station}
    if given:
        others[station] = {node: counts.to_json() for node, counts in sorted(given.items())}
    return dict(sorted(others.items()))
