"""Events into views, inside a transaction: folds what the events touch, and works out what changed for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from genba_cloud.core.facts import (
    FOLDS,
    STATION,
    ZONE,
    Aggregate,
    Attribution,
    Lifecycle,
    StationFold,
    ViewKey,
    WorkOrderFacts,
    changed_owners,
    fold_and_attribute,
    members_of,
    owned_by,
)
from genba_cloud.ledger.answers import Views, attribute, missing_targets, settle
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
    views = Views(transaction=transaction)
    members = members_of(events, answered=transaction.waiting_answers())
    for key, event in missing_targets(transaction, views, events).items():
        members[key].append(event)
    views.load(members)
    given: dict[str, dict[str, StationFold]] = {}
    told: dict[str, Attribution] = {}
    for key in sorted(members):
        folding = _fold_one(views, key, members[key])
        views.after[key] = replace(views.get(key), state=FOLDS[key.aggregate].to_json(folding.new))
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
    old = fold.empty if stored is None else fold.from_json(stored.state)
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
        questions=ids[Aggregate.QUESTION],
        dispatch=moved,
    )


def _moved(key: ViewKey, planned: Mapping[str, PlannedWork], old: StoredView | None, new: StoredView) -> bool:
    """Whether it may show in a dispatch document: a lifecycle, an answer, a tag, a stock-take, or a station's work."""
    match key.aggregate:
        case Aggregate.TAG:
            return True
        case Aggregate.STATION:
            was = STATION.from_json(old.state).dispatch if old else None
            return was != STATION.from_json(new.state).dispatch
        case Aggregate.WORK_ORDER:
            plan = planned[key.id].plan if key.id in planned else None
            return _sent(facts_of(key.id, plan, old)) != _sent(facts_of(key.id, plan, new))
        case Aggregate.ZONE:
            was_seen = ZONE.from_json(old.state).stock_seen if old else None
            return was_seen != ZONE.from_json(new.state).stock_seen
        case Aggregate.QUESTION:
            return False


def _sent(facts: WorkOrderFacts) -> dict[str, tuple[Lifecycle, int]]:
    """By node, what a dispatch document shows of it."""
    return {node.node: (node.lifecycle, node.answered) for node in facts.nodes}
