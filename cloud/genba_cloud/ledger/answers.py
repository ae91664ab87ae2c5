"""What questions need beyond their own fold: their events found in the log, their owners by dispatch, their effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from genba_cloud.core.facts import (
    FOLDS,
    NOBODYS,
    Aggregate,
    Attribution,
    QuestionFold,
    Settlement,
    ViewKey,
    settled_without_owner,
    settlements_of,
    target_of,
)
from genba_cloud.ledger.archive import find_events
from genba_cloud.store.port import StoredView, Transaction
from genba_cloud.store.work import answered_with, attribution_of, attribution_to_json, dealt_with, state_of
from genba_shared.events import Event, Result


@dataclass(slots=True, kw_only=True)
class Views:
    """Views as they are in the store and as they are to be written; what was never stored is empty."""

    transaction: Transaction
    before: dict[ViewKey, StoredView] = field(default_factory=dict)
    after: dict[ViewKey, StoredView] = field(default_factory=dict)

    def load(self, keys: Iterable[ViewKey]) -> None:
        """Read those that were not read yet, all at once."""
        self.before.update(self.transaction.views(key for key in keys if key not in self.before))

    def get(self, key: ViewKey) -> StoredView:
        """The view as it is now."""
        return self.after.get(key) or self.before.get(key) or empty_view(key.aggregate)


def empty_view(aggregate: Aggregate) -> StoredView:
    """The view of something that nothing was seen of."""
    fold = FOLDS[aggregate]
    return StoredView(state=fold.to_json(fold.empty), position=0, folded=fold.empty)


def missing_targets(transaction: Transaction, views: Views, events: Iterable[Event]) -> dict[ViewKey, Event]:
    """By question, the event of which `events` say something and that the question has not seen: it is in the log.

    It asked nothing when it came (a count of one certain number), so that no question was kept for it.
    """
    named = {target for event in events if (target := target_of(event)) is not None}
    keys = {ViewKey(Aggregate.QUESTION, target) for target in named}
    views.load(keys)
    unknown = [key.id for key in sorted(keys) if not state_of(key.aggregate, views.get(key)).has_met(key.id)]
    if not unknown:
        return {}
    return {ViewKey(Aggregate.QUESTION, name): event for name, event in find_events(transaction, unknown).items()}


def attribute(views: Views, told: Mapping[str, Attribution]) -> set[ViewKey]:
    """Write into questions to whom dispatch now gives their pieces; the questions for which that is news."""
    keys = [ViewKey(Aggregate.QUESTION, name) for name in told]
    views.load(keys)
    changed: set[ViewKey] = set()
    for key in keys:
        view = views.get(key)
        if view.assigned != (now := attribution_to_json(told[key.id])) and (key in views.after or key in views.before):
            views.after[key] = replace(view, assigned=now)
            changed.add(key)
    return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one question changes elsewhere: by work order and node, and at its station (pieces without an owner)."""

    works: Mapping[str, Mapping[str, Settlement]]
    station: str | None
    result: Result
    dealt_with: int


def effect_of(state: QuestionFold, attribution: Attribution = NOBODYS) -> Effect:
    """The effect of a question as it stands."""
    works: dict[str, dict[str, Settlement]] = {}
    for (work_order, node), settlement in settlements_of(state, attribution).items():
        works.setdefault(work_order, {})[node] = settlement
    result, pieces = settled_without_owner(state, attribution)
    station = state.target.station if state.target else None
    return Effect(works=works, station=station, result=result, dealt_with=pieces)


NO_EFFECT: Final = effect_of(QuestionFold())


def settle(views: Views, questions: Iterable[ViewKey]) -> None:
    """Carry what these questions' answers changed into the views of work orders and stations."""
    moves = [(key.id, _effect(views.before.get(key)), _effect(views.get(key))) for key in sorted(questions)]
    moves = [move for move in moves if move[1] != move[2]]
    works = {work_order for _, old, new in moves for work_order in (*old.works, *new.works)}
    views.load(ViewKey(Aggregate.WORK_ORDER, work_order) for work_order in works)
    views.load(ViewKey(Aggregate.STATION, new.station) for _, _, new in moves if new.station is not None)
    for target, old, new in moves:
        for work_order in {*old.works, *new.works}:
            _settle_work(views, work_order, target, new.works.get(work_order, {}))
        _settle_station(views, old, sign=-1)
        _settle_station(views, new, sign=1)


def _settle_work(views: Views, work_order: str, target: str, changes: Mapping[str, Settlement]) -> None:
    key = ViewKey(Aggregate.WORK_ORDER, work_order)
    view = views.get(key)
    views.after[key] = replace(view, assigned=answered_with(view.assigned, target, changes))


def _settle_station(views: Views, effect: Effect, *, sign: int) -> None:
    if effect.station is None or not effect.dealt_with:
        return
    key = ViewKey(Aggregate.STATION, effect.station)
    view = views.get(key)
    views.after[key] = replace(view, assigned=dealt_with(view.assigned, effect.result, sign * effect.dealt_with))


def _effect(view: StoredView | None) -> Effect:
    if view is None or not (view.state["answers"] or "voids" in view.state):  # nearly all of them: not worth reading
        return NO_EFFECT
    return effect_of(state_of(Aggregate.QUESTION, view), attribution_of(view))
