"""Rebuild all views from the log: folded anew, as they would be had every event come at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from genba_cloud.core.facts import (
    FOLDS,
    NOBODYS,
    QUESTION,
    Aggregate,
    Attribution,
    StationFold,
    ViewKey,
    fold_and_attribute,
    members_of,
    owned_by,
)
from genba_cloud.core.facts.taken_back import SAYINGS
from genba_cloud.ledger.answers import effect_of, empty_view
from genba_cloud.ledger.archive import find_events, whole_log
from genba_cloud.ledger.chain import leaf_of
from genba_cloud.ledger.sayings import hearing
from genba_cloud.store.port import DamagedRowError, LogRow, StoredView, Transaction
from genba_cloud.store.work import answered_with, assigned_with, attribution_to_json, dealt_with, state_of
from genba_shared.events import Event

PIECE: Final = 2000
"""Events of the log that are held at a time, and views that are written at a time."""


def fold_log(transaction: Transaction, rows: Iterable[LogRow] | None = None) -> dict[ViewKey, StoredView]:
    """Every view, folded from the whole log, archives included. `position` is that of the newest event folded into it.

    The log is read piece by piece: what is held is the views, however many events they come from. `rows` are those of
    the log, should they be looked at on their way.
    """
    folding = _LogFolding(transaction)
    for part in _pieces(whole_log(transaction) if rows is None else rows):
        folding.take(part)
    states, told = folding.finish()
    views = {
        key: StoredView(state=FOLDS[key.aggregate].to_json(state), position=folding.positions[key], folded=state)
        for key, state in states.items()
    }
    return _with_answers(_with_assigned(views), told)


class _LogFolding:
    """Folds that take the log in its own order. A station whose events came late is folded once more at the end."""

    def __init__(self, transaction: Transaction) -> None:
        self.positions: dict[ViewKey, int] = {}
        self._transaction = transaction
        self._states: dict[ViewKey, Any] = {}
        self._told: dict[str, Attribution] = {}
        self._disordered: set[ViewKey] = set()
        self._without_target: set[str] = set()  # questions of which something was said, and whose event was not seen
        self._sayings: list[Event] = []

    def take(self, rows: Sequence[LogRow]) -> None:
        """The next events of the log."""
        positions = {row.event.id: row.position for row in rows}
        self._sayings += [row.event for row in rows if isinstance(row.event, SAYINGS)]
        for key, members in members_of((row.event for row in rows), answered=self._without_target).items():
            self._states[key] = self._fold(key, members)
            self.positions[key] = positions[members[-1].id]

    def _fold(self, key: ViewKey, members: Sequence[Event]) -> Any:
        fold = FOLDS[key.aggregate]
        before: Any = self._states.get(key, fold.empty)
        if key.aggregate is Aggregate.STATION:
            if not all(fold.is_applicable(before, event) for event in members):
                self._disordered.add(key)
            after, told = fold_and_attribute(before, members)
            self._told.update(told)
            return after
        state = fold.fold(before, members)
        if key.aggregate is Aggregate.QUESTION:
            (self._without_target.discard if state.has_met(key.id) else self._without_target.add)(key.id)
        return state

    def finish(self) -> tuple[Mapping[ViewKey, Any], Mapping[str, Attribution]]:
        """Every state, and to whom dispatch gave the counts without a name on them."""
        for name, event in find_events(self._transaction, sorted(self._without_target)).items():
            key = ViewKey(Aggregate.QUESTION, name)
            self._states[key] = QUESTION.fold(self._states[key], [event])
        for key, sayings in hearing(self._sayings, {}, self._transaction).items():
            self._hear(key, sayings)
        for key in sorted(self._disordered):
            again = self._transaction.attributing_events(key.id)
            start = FOLDS[key.aggregate].from_the_start(self._states[key])
            self._states[key], told = fold_and_attribute(start, again)
            self._told.update(told)
        return self._states, self._told

    def _hear(self, key: ViewKey, sayings: Sequence[Event]) -> None:
        """Tell a view what was said of events that are in it; those were seen somewhere in the log."""
        fold = FOLDS[key.aggregate]
        self._states[key] = fold.fold(self._states.get(key, fold.empty), sayings)
        self.positions.setdefault(key, 0)
        if key.aggregate is Aggregate.STATION:
            self._disordered.add(key)


def _pieces(rows: Iterable[LogRow]) -> Iterator[Sequence[LogRow]]:
    left = iter(rows)
    while part := list(islice(left, PIECE)):
        yield part


def _with_assigned(views: dict[ViewKey, StoredView]) -> dict[ViewKey, StoredView]:
    out = dict(views)
    for key in sorted(views):
        if key.aggregate is not Aggregate.STATION:
            continue
        station: StationFold = state_of(key.aggregate, views[key])
        for work_order in sorted({owner for owner, _ in station.owned}):
            work = ViewKey(Aggregate.WORK_ORDER, work_order)
            view = out.get(work, empty_view(Aggregate.WORK_ORDER))
            assigned = assigned_with(view.assigned, key.id, owned_by(station, work_order))
            position = max(view.position, views[key].position)
            out[work] = replace(view, assigned=assigned, position=position)
    return out


def _with_answers(views: dict[ViewKey, StoredView], told: Mapping[str, Attribution]) -> dict[ViewKey, StoredView]:
    out = dict(views)
    for key in sorted(key for key in views if key.aggregate is Aggregate.QUESTION):
        view = views[key]
        attribution = told.get(key.id, NOBODYS)
        out[key] = replace(view, assigned=attribution_to_json(attribution))
        effect = effect_of(state_of(key.aggregate, view), attribution)
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
    """Fold every view again from the log; the number of views. Decisions are events: none is taken again.

    Raises:
        DamagedRowError: an event is not what was committed; the views stay as they are.
    """
    transaction.alone()
    return _write(transaction, fold_log(transaction, _undamaged(whole_log(transaction))))


def rebuild_old(transaction: Transaction) -> bool:
    """Fold every view again where an older version wrote them in another form; whether it had to.

    A row that was tampered with and can still be read is folded as it stands: an upgrade is no time to refuse work,
    and `verify` names it.
    """
    if transaction.views_are_current():
        return False
    transaction.alone()
    _write(transaction, fold_log(transaction))
    return True


def _write(transaction: Transaction, views: Mapping[ViewKey, StoredView]) -> int:
    transaction.clear_views()
    left = iter(views.items())
    while part := dict(islice(left, PIECE)):
        transaction.put_views(part)
    transaction.note_views_current()
    return len(views)


def _undamaged(rows: Iterable[LogRow]) -> Iterator[LogRow]:
    for row in rows:
        if leaf_of(row.body) != row.leaf:
            raise DamagedRowError(row.position, "its hash is another one")
        yield row
