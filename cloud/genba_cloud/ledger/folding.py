"""Events into views, inside a transaction: folds what the events touch, and works out what changed for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from genba_cloud.core.facts import (
    FOLDS,
    STATION,
    ZONE,
    Aggregate,
    Lifecycle,
    StationFold,
    ViewKey,
    WorkOrderFacts,
    changed_owners,
    owned_by,
    views_of,
)
from genba_cloud.ledger.batches import Changed
from genba_cloud.store.port import PlannedWork, StoredView, Transaction
from genba_cloud.store.work import assigned_with, facts_of
from genba_shared.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Views to be written, and what changed; positions are stamped by the caller."""

    views: Mapping[ViewKey, StoredView]
    changed: Changed


def fold_events(transaction: Transaction, events: Sequence[Event]) -> Folded:
    """Fold events that are not in the log yet into the views they touch. An event that comes late refolds its view."""
    members: dict[ViewKey, list[Event]] = {}
    for event in events:
        for key in views_of(event):
            members.setdefault(key, []).append(event)
    before = dict(transaction.views(members))
    after: dict[ViewKey, StoredView] = {}
    given: dict[str, dict[str, StationFold]] = {}
    for key in sorted(members):
        old, new = _fold_one(transaction, key, before.get(key), members[key])
        after[key] = _view(FOLDS[key.aggregate].to_json(new), before.get(key))
        if key.aggregate is Aggregate.STATION:
            for work_order in changed_owners(old, new):
                given.setdefault(work_order, {})[key.id] = new
    _assign(transaction, given, before=before, after=after)
    return Folded(views=after, changed=_changed(transaction, events, before=before, after=after))


def _fold_one(
    transaction: Transaction, key: ViewKey, stored: StoredView | None, events: Sequence[Event]
) -> tuple[Any, Any]:
    fold = FOLDS[key.aggregate]
    old = fold.empty if stored is None else fold.from_json(stored.state)
    if all(fold.is_applicable(old, event) for event in events):
        return old, fold.fold(old, events)
    # Only a station's fold ever says no.
    return old, fold.fold(fold.from_the_start(old), (*transaction.attributing_events(key.id), *events))


def _assign(
    transaction: Transaction,
    given: Mapping[str, Mapping[str, StationFold]],
    *,
    before: dict[ViewKey, StoredView],
    after: dict[ViewKey, StoredView],
) -> None:
    """Write into the work orders' views what stations' dispatch now gives to them."""
    keys = {work_order: ViewKey(Aggregate.WORK_ORDER, work_order) for work_order in given}
    before.update(transaction.views(key for key in keys.values() if key not in after))
    for work_order, stations in given.items():
        key = keys[work_order]
        view = after.get(key) or before.get(key) or empty_view(Aggregate.WORK_ORDER)
        for station, fold in sorted(stations.items()):
            view = replace(view, assigned=assigned_with(view.assigned, station, owned_by(fold, work_order)))
        after[key] = view


def empty_view(aggregate: Aggregate) -> StoredView:
    """The view of something that nothing was seen of."""
    fold = FOLDS[aggregate]
    return StoredView(state=fold.to_json(fold.empty), position=0)


def _view(state: Mapping[str, Any], stored: StoredView | None) -> StoredView:
    return StoredView(state=state, assigned=stored.assigned if stored else {}, position=0)


def _changed(
    transaction: Transaction,
    events: Iterable[Event],
    *,
    before: Mapping[ViewKey, StoredView],
    after: Mapping[ViewKey, StoredView],
) -> Changed:
    ids: dict[Aggregate, frozenset[str]] = {
        aggregate: frozenset(key.id for key in after if key.aggregate is aggregate) for aggregate in Aggregate
    }
    works = ids[Aggregate.WORK_ORDER]
    planned = transaction.planned(works | {event.work_order for event in events if event.work_order is not None})
    named = {order for event in events if (order := getattr(event, "order", None)) is not None}
    moved = any(_moved(key, planned, before.get(key), after[key]) for key in after)
    return Changed(
        work_orders=works,
        orders=frozenset(named | {work.order for work in planned.values()}),
        zones=ids[Aggregate.ZONE],
        stations=ids[Aggregate.STATION],
        dispatch=moved,
    )


def _moved(key: ViewKey, planned: Mapping[str, PlannedWork], old: StoredView | None, new: StoredView) -> bool:
    """Whether the change may show in a dispatch document: a lifecycle, a tag, a stock-take, or a station's work."""
    match key.aggregate:
        case Aggregate.TAG:
            return True
        case Aggregate.STATION:
            was = STATION.from_json(old.state).dispatch if old else None
            return was != STATION.from_json(new.state).dispatch
        case Aggregate.WORK_ORDER:
            plan = planned[key.id].plan if key.id in planned else None
            return _lifecycles(facts_of(key.id, plan, old)) != _lifecycles(facts_of(key.id, plan, new))
        case Aggregate.ZONE:
            was_seen = ZONE.from_json(old.state).stock_seen if old else None
            return was_seen != ZONE.from_json(new.state).stock_seen


def _lifecycles(facts: WorkOrderFacts) -> dict[str, Lifecycle]:
    return {node.node: node.lifecycle for node in facts.nodes}
