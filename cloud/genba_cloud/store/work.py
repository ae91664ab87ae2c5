"""What one view says about another: which counts and answers a work order has, and what stands behind a question.

A station gives counts to work orders by its dispatch; an answered question gives and takes pieces at work orders, and
takes them off what is without an owner at its station. All of it is kept in the receiving view, under `assigned`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from genba_cloud.core.facts import (
    FOLDS,
    NOBODYS,
    WORK_ORDER,
    Aggregate,
    Attribution,
    Question,
    Settlement,
    StationFacts,
    WorkOrderFacts,
    WorkOrderPlan,
    WorkOrderState,
    question_facts,
    station_facts,
    work_order_facts,
)
from genba_cloud.core.facts.counts import Counts
from genba_cloud.core.facts.progress import Assigned, Settled, Weighed, weigh
from genba_cloud.store.port import StoredView
from genba_shared.events import Event, Result

ANSWERS: Final = ""
"""Stands among the stations of a work order's `assigned` for people's answers: no station has an empty name."""


def state_of(aggregate: Aggregate, view: StoredView) -> Any:
    """The folded state of a stored view; what was just folded or is remembered need not be read again."""
    return FOLDS[aggregate].from_json(view.state) if view.folded is None else view.folded


def facts_of(work_order: str, plan: WorkOrderPlan | None, view: StoredView | None) -> WorkOrderFacts:
    """The facts of a work order from its stored view (None: nothing was seen of it)."""
    if view is None:
        return work_order_facts(work_order, plan, WorkOrderState(), {})
    state, assigned = state_of(Aggregate.WORK_ORDER, view), assigned_from_json(view.assigned)
    return work_order_facts(work_order, plan, state, assigned, settled_from_json(view.assigned))


def facts_with(
    work_order: str, plan: WorkOrderPlan | None, view: StoredView | None, more: Sequence[Event]
) -> WorkOrderFacts:
    """The facts as they would be with more events of the work order; nothing is changed."""
    state = WorkOrderState() if view is None else state_of(Aggregate.WORK_ORDER, view)
    assigned = {} if view is None else assigned_from_json(view.assigned)
    settled = {} if view is None else settled_from_json(view.assigned)
    return work_order_facts(work_order, plan, WORK_ORDER.fold(state, more), assigned, settled)


def weighed_of(plan: WorkOrderPlan | None, view: StoredView | None, known: Mapping[str, Weighed]) -> dict[str, Weighed]:
    """By node, the facts of a work order from its stored view, given those that are `known` for the same plan."""
    if view is None:
        return weigh(plan, WorkOrderState(), {}, {}, known)
    assigned, settled = assigned_from_json(view.assigned), settled_from_json(view.assigned)
    return weigh(plan, state_of(Aggregate.WORK_ORDER, view), assigned, settled, known)


def station_of(station: str, view: StoredView) -> StationFacts:
    """The facts of a station from its stored view."""
    settled = {Result(result): pieces for result, pieces in view.assigned.items()}
    return station_facts(station, state_of(Aggregate.STATION, view), settled)


def question_of(question: str, view: StoredView) -> Question | None:
    """The question of a stored view; None where it asks nothing."""
    return question_facts(question, state_of(Aggregate.QUESTION, view), attribution_of(view))


def attribution_of(view: StoredView) -> Attribution:
    """To whom dispatch gave the pieces that a question is about."""
    if not view.assigned:
        return NOBODYS
    work_order, node = view.assigned["owner"]
    return Attribution(owner=(work_order, node), doubtful=view.assigned["doubtful"])


def attribution_to_json(attribution: Attribution) -> dict[str, Any]:
    """The form in which a question's view keeps it; empty: nobody's."""
    return {"owner": list(attribution.owner), "doubtful": attribution.doubtful} if attribution.owner else {}


def assigned_from_json(obj: Mapping[str, Mapping[str, Any]]) -> Assigned:
    """By station and node, the counts that a view carries as `assigned`."""
    return {
        station: {node: Counts.from_json(counts) for node, counts in nodes.items()}
        for station, nodes in obj.items()
        if station != ANSWERS
    }


def settled_from_json(obj: Mapping[str, Mapping[str, Any]]) -> dict[str, Settled]:
    """By node and answered event, what people changed in a work order."""
    settled: dict[str, dict[str, Settlement]] = {}
    for target, nodes in obj.get(ANSWERS, {}).items():
        for node, settlement in nodes.items():
            settled.setdefault(node, {})[target] = Settlement.from_json(settlement)
    return dict(settled)


def assigned_with(
    assigned: Mapping[str, Mapping[str, Any]], station: str, given: Mapping[str, Counts]
) -> dict[str, Mapping[str, Any]]:
    """`assigned` after the station now gives `given` (by node); a station that gives nothing is left out."""
    others = {name: nodes for name, nodes in assigned.items() if name != station}
    if given:
        others[station] = {node: counts.to_json() for node, counts in sorted(given.items())}
    return dict(sorted(others.items()))


def answered_with(
    assigned: Mapping[str, Mapping[str, Any]], target: str, changes: Mapping[str, Settlement]
) -> dict[str, Mapping[str, Any]]:
    """`assigned` after the answer to `target` now changes these nodes; one that changes nothing is left out."""
    answers = {name: nodes for name, nodes in assigned.get(ANSWERS, {}).items() if name != target}
    if changes:
        answers[target] = {node: settlement.to_json() for node, settlement in sorted(changes.items())}
    others = {name: nodes for name, nodes in assigned.items() if name != ANSWERS}
    if answers:
        others[ANSWERS] = dict(sorted(answers.items()))
    return dict(sorted(others.items()))


def dealt_with(assigned: Mapping[str, int], result: Result, pieces: int) -> dict[str, int]:
    """A station's `assigned` after people dealt with `pieces` more of this result (below 0: with fewer)."""
    sums = {**assigned, str(result): assigned.get(str(result), 0) + pieces}
    return {name: number for name, number in sorted(sums.items()) if number}
