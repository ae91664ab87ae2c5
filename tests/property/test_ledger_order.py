"""On a real store: any order of arrival, cut into any batches, gives the same views, and they follow from the log."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.facts import FOLDS, ViewKey
from genba_cloud.ledger import verify
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.ledger.sealing import Seals
from genba_cloud.store import SqliteStore
from genba_cloud.store.proofs import Proofs
from genba_shared.events import Event
from tests.property.histories_of_all_kinds import history
from tests.property.test_facts_order import HISTORIES


class OpenWords(Seals):
    """Keeps personal words as they are: a sealed text is another one each time."""

    def seal(self, proofs: Proofs, events: Sequence[Event], now: datetime) -> Sequence[Event]:
        del proofs, now
        return events


STAMP = Stamp(now=datetime(2026, 1, 5, 9, 0, tzinfo=UTC), next_id=str, seals=OpenWords())
Content = Mapping[ViewKey, tuple[Any, Any]]


def views_after(batches: Sequence[Sequence[Event]]) -> tuple[Content, tuple[str, ...]]:
    """The content of every view that holds anything, and what `verify` finds."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        for batch in batches:
            with store.transaction() as transaction:
                append_own(transaction, batch, STAMP)
        with store.transaction() as transaction:
            views = {key: (view.state, view.assigned) for key, view in transaction.all_views().items()}
        found = verify(store).differences
        store.close()
    return views, found


def cut(events: Sequence[Event], at: set[int]) -> list[Sequence[Event]]:
    borders = [0, *sorted(at), len(events)]
    return [events[low:high] for low, high in pairwise(borders) if low < high]


@pytest.mark.law("views")
@settings(max_examples=40, deadline=None)
@given(st.data(), HISTORIES)
def test_views_on_a_store_do_not_depend_on_arrival(data: st.DataObject, history: tuple[Event, ...]) -> None:
    arrival = data.draw(st.permutations(history))
    at = data.draw(st.sets(st.integers(1, len(history))))
    at_once, _ = views_after([history])
    as_it_came, differences = views_after(cut(arrival, at))
    assert differences == ()
    for key in {*at_once, *as_it_came}:
        nothing: tuple[Any, Any] = (FOLDS[key.aggregate].to_json(FOLDS[key.aggregate].empty), {})
        assert as_it_came.get(key, nothing) == at_once.get(key, nothing)


@pytest.mark.law("rebuild")
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_views_of_every_kind_of_event_follow_from_the_log_of_a_store(seed: int, data: st.DataObject) -> None:
    events = history(Random(seed), 16)
    arrival = data.draw(st.permutations(events))
    at = data.draw(st.sets(st.integers(1, len(events))))
    at_once, _ = views_after([events])
    as_it_came, differences = views_after(cut(arrival, at))
    assert differences == ()
    for key in {*at_once, *as_it_came}:
        nothing: tuple[Any, Any] = (FOLDS[key.aggregate].to_json(FOLDS[key.aggregate].empty), {})
        assert as_it_came.get(key, nothing) == at_once.get(key, nothing)
