"""The ledger's own folding on a store that lives in memory: fast enough for tens of thousands of deliveries.

Everything that decides is the product's (`touch`, `fold`, `fold_log`); only rows and locks are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from genba_cloud.core.facts import FOLDS, Aggregate, ViewKey, WorkOrderPlan
from genba_cloud.ledger.folding import fold, touch
from genba_cloud.ledger.refold import fold_log
from genba_cloud.store.port import LogRow, PlannedWork, StoredView, Transaction
from genba_cloud.store.work import state_of
from genba_shared.events import DispatchClosed, DispatchOpened, Event, PiecesCounted

Content = dict[ViewKey, tuple[Any, Any]]
_ATTRIBUTING = (DispatchOpened, DispatchClosed, PiecesCounted)
_NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class _NoArchives:
    def archives(self) -> tuple[()]:
        return ()


class MemoryLedger:
    """Takes events in batches, each event once, and keeps log and views."""

    proofs = _NoArchives()

    def __init__(self, plans: Iterable[WorkOrderPlan]) -> None:
        self._plans = {plan.work_order: PlannedWork(order="A-1", plan=plan) for plan in plans}
        self._views: dict[ViewKey, StoredView] = {}
        self._events: dict[str, Event] = {}
        self._attributing: dict[str, list[Event]] = {}
        self._waiting: set[str] = set()

    def append(self, events: Sequence[Event]) -> None:
        """Take those of the events that are new, as one commit."""
        new = list({event.id: event for event in events if event.id not in self._events}.values())
        if not new:
            return
        folded = fold(touch(cast("Transaction", self), new), first=len(self._events) + 1)
        for event in new:
            self._events[event.id] = event
            if event.station is not None and isinstance(event, _ATTRIBUTING):
                self._attributing.setdefault(event.station, []).append(event)
        for key, view in folded.views.items():
            self._views[key] = view.at(len(self._events))
            if key.aggregate is Aggregate.QUESTION:
                is_met = state_of(key.aggregate, view).has_met(key.id)
                (self._waiting.discard if is_met else self._waiting.add)(key.id)

    def content(self) -> Content:
        """What every view holds that holds anything."""
        return _content(self._views)

    def rebuilt(self) -> Content:
        """The same, folded anew from the log."""
        return _content(fold_log(cast("Transaction", self)))

    def kept(self) -> Mapping[ViewKey, StoredView]:
        """The views themselves."""
        return self._views

    # --- what folding asks of a transaction ---------------------------------------------------------------------------

    def views(self, keys: Iterable[ViewKey]) -> Mapping[ViewKey, StoredView]:
        return {key: self._views[key] for key in keys if key in self._views}

    def waiting_answers(self) -> frozenset[str]:
        return frozenset(self._waiting)

    def attributing_events(self, station: str, *, before: int | None = None) -> Sequence[Event]:
        """All that there are: what is folded is put in after it was folded."""
        assert before in {None, len(self._events) + 1}
        return self._attributing.get(station, ())

    def events_by_id(self, ids: Iterable[str]) -> Mapping[str, Event]:
        return {name: self._events[name] for name in ids if name in self._events}

    def planned(self, work_orders: Iterable[str]) -> Mapping[str, PlannedWork]:
        return {name: self._plans[name] for name in work_orders if name in self._plans}

    def log(self) -> Iterator[LogRow]:
        for position, event in enumerate(self._events.values(), start=1):
            yield LogRow(position=position, received_at=_NOW, event=event, body=b"", leaf=b"")


def _content(views: Mapping[ViewKey, StoredView]) -> Content:
    found: Content = {}
    for key, view in views.items():
        fold = FOLDS[key.aggregate]
        if (view.state, view.assigned) != (fold.to_json(fold.empty), {}):
            found[key] = (view.state, view.assigned)
    return found
