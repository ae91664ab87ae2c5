"""Events into views, inside a transaction: folds what the events touch, and works out what changed for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from genba_cloud.core.facts import (
    FOLDS,
    Aggregate,
    Attribution,
    Lifecycle,
    StationFold,
    ViewKey,
    WorkOrderPlan,
    changed_owners,
    fold_and_attribute,
    members_of,
    owned_by,
    stock_take,
)
from genba_cloud.core.facts.material import item_of
from genba_cloud.core.facts.order import order_facts
from genba_cloud.core.facts.progress import Weighed
from genba_cloud.ledger.answers import Views, attribute, missing_targets, settle
from genba_cloud.ledger.batches import Changed
from genba_cloud.ledger.sayings import carried
from genba_cloud.store.port import PlannedWork, StoredView, Transaction
from genba_cloud.store.work import assigned_with, state_of, weighed_of
from genba_shared.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Views to be written, and what changed; positions are stamped by the caller."""

    views: Mapping[ViewKey, StoredView]
    changed: Changed


def fold_events(transaction: Transaction, events: Sequence[Event]) -> Folded:
    """Fold events that are not in the log yet into the views they touch. An event that comes late refolds its view."""
    views = Views(transaction=transaction)
    waiting = transaction.waiting_answers()
    members = members_of(events, answered=waiting)
    for key, event in missing_targets(transaction, views, events).items():
        members[key].append(event)
    for key, heard in carried(transaction, views, events, waiting).items():
        members.setdefault(key, []).extend(heard)
    views.load(members)
    given: dict[str, dict[str, StationFold]] = {}
    told: dict[str, Attribution] = {}
    for key in sorted(members):
        folding = _fold_one(views, key, members[key])
        state = FOLDS[key.aggregate].to_json(folding.new)
        views.after[key] = views.get(key).with_state(state, folding.new)
        if key.aggregate is Aggregate.STATION:
            told |= folding.told
            for work_order in changed_owners(folding.old, folding.new):
                given.setdefault(work_order, {})[key.id] = folding.new
    _assign(views, given)
    attributed = attribute(views, told)
    settle(views, {*attributed, *(key for key in members if key.aggregate is Aggregate.QUESTION)})
    return Folded(views=views.after, changed=_changed(transaction, events, before=views.before, after=views.after))


class _Folding(NamedTuple):
    """A view's state before and after, and of a station whose the counts without a name on them are now."""

    old: Any
    new: Any
    told: Mapping[str, Attribution]


def _fold_one(views: Views, key: ViewKey, events: Sequence[Event]) -> _Folding:
    fold = FOLDS[key.aggregate]
    stored = views.before.get(key)
    old = fold.empty if stored is None else state_of(key.aggregate, stored)
    if key.aggregate is not Aggregate.STATION:
        return _Folding(old, fold.fold(old, events), {})
    if all(fold.is_applicable(old, event) for event in events):
        return _Folding(old, *fold_and_attribute(old, events))
    again = (*views.transaction.attributing_events(key.id), *events)
    return _Folding(old, *fold_and_attribute(fold.from_the_start(old), again))


def _assign(views: Views, given: Mapping[str, Mapping[str, StationFold]]) -> None:
    """Write into the work orders' views what stations' dispatch now gives to them."""
    keys = {work_order: ViewKey(Aggregate.WORK_ORDER, work_order) for work_order in given}
    views.load(keys.values())
    for work_order, stations in given.items():
        view = views.get(keys[work_order])
        for station, fold in sorted(stations.items()):
            view = replace(view, assigned=assigned_with(view.assigned, station, owned_by(fold, work_order)))
        views.after[keys[work_order]] = view


def _changed(
    transaction: Transaction,
    events: Iterable[Event],
    *,
    before: Mapping[ViewKey, StoredView],
    after: Mapping[ViewKey, StoredView],
) -> Changed:
    ids: dict[Aggregate, set[str]] = {aggregate: set() for aggregate in Aggregate}
    for key in after:
        ids[key.aggregate].add(key.id)
    works, named = set(ids[Aggregate.WORK_ORDER]), set()
    for event in events:
        if event.work_order is not None:
            works.add(event.work_order)
        if (order := getattr(event, "order", None)) is not None:
            named.add(order)
    planned = transaction.planned(works)
    by_effort = sorted(after, key=_is_work_order)
    return Changed(
        work_orders=frozenset(ids[Aggregate.WORK_ORDER]),
        orders=frozenset(named | ids[Aggregate.ORDER] | {work.order for work in planned.values()}),
        zones=frozenset(ids[Aggregate.ZONE]),
        stations=frozenset(ids[Aggregate.STATION]),
        questions=frozenset(ids[Aggregate.QUESTION]),
        responses=frozenset(ids[Aggregate.RESPONSE]),
        items=frozenset(item_of(shelf) for shelf in ids[Aggregate.MATERIAL]),
        dispatch=any(_moved(key, planned, before.get(key), after[key]) for key in by_effort),
    )


def _is_work_order(key: ViewKey) -> bool:
    """Whether it takes longer to say of this view if it moved: one that did is enough, so these come last."""
    return key.aggregate is Aggregate.WORK_ORDER


def _moved(key: ViewKey, planned: Mapping[str, PlannedWork], old: StoredView | None, new: StoredView) -> bool:
    """Whether it may show in a dispatch document: a lifecycle, an answer, a tag, a stock-take, or a station's work."""
    match key.aggregate:
        case Aggregate.TAG:
            return True
        case Aggregate.STATION:
            was = state_of(key.aggregate, old).dispatch if old else None
            return bool(was != state_of(key.aggregate, new).dispatch)
        case Aggregate.WORK_ORDER:
            plan = planned[key.id].plan if key.id in planned else None
            was_weighed = _weighed(plan, old, {})
            is_moved = _sent(was_weighed) != _sent(_weighed(plan, new, was_weighed))
            return is_moved or (old.state if old else {}).get("said") != new.state.get("said")
        case Aggregate.ZONE:
            was_taken = stock_take(state_of(key.aggregate, old)) if old else None
            return was_taken != stock_take(state_of(key.aggregate, new))
        case Aggregate.ORDER:
            return _withdrawn(key.id, old) != _withdrawn(key.id, new)
        case Aggregate.QUESTION | Aggregate.RESPONSE | Aggregate.MATERIAL:
            return False


def _withdrawn(order: str, view: StoredView | None) -> tuple[bool, bool]:
    """Whether nothing more is to be done for the order: it is held, or it is cancelled."""
    if view is None:
        return False, False
    facts = order_facts(order, state_of(Aggregate.ORDER, view))
    return facts.on_hold, facts.is_cancelled


class _Summary(NamedTuple):
    """What a work order's view came to with a plan; the nodes of an older view spare weighing what did not change."""

    plan: WorkOrderPlan | None
    state: Mapping[str, Any]
    assigned: Mapping[str, Any]
    nodes: Mapping[str, Weighed]


def _weighed(
    plan: WorkOrderPlan | None, view: StoredView | None, known: Mapping[str, Weighed]
) -> Mapping[str, Weighed]:
    summary = None if view is None else view.summary
    if isinstance(summary, _Summary) and summary.plan is plan:
        if view is not None and summary.state is view.state and summary.assigned is view.assigned:
            return summary.nodes
        known = summary.nodes
    nodes = weighed_of(plan, view, known)
    if view is not None:
        view.summarise(_Summary(plan, view.state, view.assigned, nodes))
    return nodes


def _sent(nodes: Mapping[str, Weighed]) -> dict[str, tuple[Lifecycle, int, bool]]:
    """By node, what a dispatch document shows of it."""
    return {code: (one.facts.lifecycle, one.facts.answered, one.facts.on_hold) for code, one in nodes.items()}
