"""Rebuild all views from the log: folded anew, as they would be had every event come at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from genba_cloud.core.facts import (
    FOLDS,
    NOBODYS,
    QUESTION,
    STATION,
    Aggregate,
    Attribution,
    ViewKey,
    fold_and_attribute,
    members_of,
    owned_by,
)
from genba_cloud.ledger.answers import effect_of, empty_view
from genba_cloud.ledger.archive import whole_log
from genba_cloud.store.port import StoredView, Transaction
from genba_cloud.store.work import answered_with, assigned_with, attribution_to_json, dealt_with
from genba_shared.events import Event


def fold_log(transaction: Transaction) -> dict[ViewKey, StoredView]:
    """Every view, folded from the whole log. `position` is that of the newest event folded into it."""
    positions: dict[str, int] = {}
    events: list[Event] = []
    for row in whole_log(transaction):
        positions[row.event.id] = row.position
        events.append(row.event)
    views: dict[ViewKey, StoredView] = {}
    told: dict[str, Attribution] = {}
    for key, members in members_of(events).items():
        fold = FOLDS[key.aggregate]
        if key.aggregate is Aggregate.STATION:
            state, attributed = fold_and_attribute(fold.empty, members)
            told |= attributed
        else:
            state = fold.fold(fold.empty, members)
        newest = max(positions[event.id] for event in members)
        views[key] = StoredView(state=fold.to_json(state), position=newest)
    return _with_answers(_with_assigned(views), told)


def _with_assigned(views: dict[ViewKey, StoredView]) -> dict[ViewKey, StoredView]:
    out = dict(views)
    for key in sorted(views):
        if key.aggregate is not Aggregate.STATION:
            continue
        station = STATION.from_json(views[key].state)
        for work_order in sorted({owner for owner, _ in station.owned}):
            work = ViewKey(Aggregate.WORK_ORDER, work_order)
            view = out.get(work, empty_view(Aggregate.WORK_ORDER))
            assigned = assigned_with(view.assigned, key.id, owned_by(station, work_order))
            position = max(view.position, views[key].position)
            out[work] = StoredView(state=view.state, assigned=assigned, position=position)
    return out


def _with_answers(views: dict[ViewKey, StoredView], told: Mapping[str, Attribution]) -> dict[ViewKey, StoredView]:
    out = dict(views)
    for key in sorted(key for key in views if key.aggregate is Aggregate.QUESTION):
        view = views[key]
        attribution = told.get(key.id, NOBODYS)
        out[key] = replace(view, assigned=attribution_to_json(attribution))
        effect = effect_of(QUESTION.from_json(view.state), attribution)
        for work_order, changes in effect.works.items():
            work = ViewKey(Aggregate.WORK_ORDER, work_order)
            there = out.get(work, empty_view(Aggregate.WORK_ORDER))
            assigned = answered_with(there.assigned, key.id, changes)
            out[work] = replace(there, assigned=assigned, position=max(there.position, view.position))
        if effect.station is not None and effect.dealt_with:
            station = ViewKey(Aggregate.STATION, effect.station)
            there = out[station]
            settled = dealt_with(there.assigned, effect.result, effect.dealt_with)
            out[station] = replace(there, assigned=settled, position=max(there.position, view.position))
    return out


def rebuild(transaction: Transaction) -> int:
    """Fold every view again from the log; the number of views. Decisions are events: none is taken again."""
    views = fold_log(transaction)
    transaction.clear_views()
    transaction.put_views(views)
    transaction.note_views_current()
    return len(views)


def rebuild_old(transaction: Transaction) -> bool:
    """Fold every view again where an older version wrote them in another form; whether it had to."""
    if transaction.views_are_current():
        return False
    rebuild(transaction)
    return True
