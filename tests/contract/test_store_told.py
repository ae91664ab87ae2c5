"""What was told of problems, stock and orders reads alike on every database; what waits for its event finds it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genba_cloud.core.facts import Aggregate, ProblemFacts, ViewKey
from genba_cloud.ledger import verify
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.store import Store
from genba_cloud.store.read import UnknownCursorError
from genba_cloud.store.told import ResponseFilter, ResponseKind
from genba_shared.events import (
    AlertClosed,
    AlertOpened,
    Event,
    EventVoided,
    MaterialReceived,
    NodeConfirmed,
    OrderHeld,
    ProblemReported,
    ProblemResolved,
    Source,
    SourceType,
    TaskOpened,
)

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
API = Source(type=SourceType.API, ref="mes")
STAMP = Stamp(now=START + timedelta(hours=1), next_id=str)


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def said(kind: type[Event], number: int, **more: Any) -> Any:
    more = {"at": minute(number), **more}
    return kind(id=f"0190a000-0000-7000-8000-{number:012x}", source=API, **more)


def append(store: Store, *events: Event) -> None:
    with store.transaction() as transaction:
        append_own(transaction, events, STAMP)


def listed(store: Store, where: ResponseFilter, **page: Any) -> Sequence[str]:
    with store.reads().told() as told:
        return [one.id for one in told.responses(where=where, **page).items]


def test_problems_are_listed_by_where_they_stand_the_newest_first(store: Store) -> None:
    problems = [said(ProblemReported, number, category="material", order="A-1", node="CUT") for number in (1, 2, 3)]
    append(store, *problems, said(ProblemResolved, 9, target=problems[1].id))
    is_open = ResponseFilter(is_open=True, order="A-1")
    assert listed(store, is_open, limit=1) == [problems[2].id]
    assert listed(store, is_open, cursor=problems[2].id) == [problems[0].id]
    assert listed(store, ResponseFilter(order="A-2")) == []
    with store.reads().told() as told:
        assert told.responses(where=is_open, limit=1).next == problems[2].id
        (closed,) = told.responses(where=ResponseFilter(is_open=False)).items
        assert isinstance(closed.facts, ProblemFacts)
        assert (closed.facts.resolved_at, closed.facts.node) == (minute(9), "CUT")
        with pytest.raises(UnknownCursorError):
            told.responses(cursor="nobody gave it out")


def test_alerts_and_tasks_are_found_by_what_they_are_about(store: Store) -> None:
    alert = said(AlertOpened, 1, alert="wip_limit", subject="zone:hall", recipient="line")
    task = said(TaskOpened, 2, target=alert.id, recipient="planner")
    append(store, alert, task)
    assert listed(store, ResponseFilter(kind=ResponseKind.ALERT, rule="wip_limit", is_open=True)) == [alert.id]
    assert listed(store, ResponseFilter(subject="zone:hall")) == [alert.id]
    assert listed(store, ResponseFilter(kind=ResponseKind.TASK, subject=alert.id)) == [task.id]
    append(store, said(AlertClosed, 3, target=alert.id))
    assert listed(store, ResponseFilter(kind=ResponseKind.ALERT, is_open=True)) == []


def test_what_was_taken_back_before_it_came_is_not_listed(store: Store) -> None:
    problem = said(ProblemReported, 1, category="material")
    append(store, said(EventVoided, 2, target=problem.id, reason=""))
    with store.transaction() as transaction:
        assert transaction.waiting_answers() == {problem.id}
    append(store, problem)
    assert listed(store, ResponseFilter()) == []
    with store.transaction() as transaction:
        assert transaction.waiting_answers() == frozenset()
    assert verify(store).differences == ()


def test_a_confirmation_that_is_taken_back_later_is_found_in_the_log(store: Store) -> None:
    confirmed = said(NodeConfirmed, 1, work_order="WO-1", node="CUT")
    append(store, confirmed)
    append(store, said(EventVoided, 2, target=confirmed.id, reason=""))
    key = ViewKey(Aggregate.WORK_ORDER, "WO-1")
    with store.transaction() as transaction:
        assert transaction.views([key])[key].state["voided"] == [confirmed.id]
        assert transaction.waiting_answers() == frozenset()
    assert verify(store).differences == ()


def test_stock_is_read_over_the_months_of_an_item_and_of_no_other(store: Store) -> None:
    february = datetime(2026, 2, 3, tzinfo=UTC)
    for number, item, at in ((1, "cloth", START), (2, "cloth", february), (3, "cloth@2", START), (4, "Cloth", START)):
        append(store, said(MaterialReceived, number, item=item, amount=10.0, uom="m", at=at))
    with store.reads().told() as told:
        assert [(one.item, one.on_hand) for one in told.stock(["cloth"])] == [("cloth", 20.0)]
        every = {one.item: one.on_hand for one in told.stock()}
    assert every == {"Cloth": 10.0, "cloth": 20.0, "cloth@2": 10.0}


def test_an_order_of_which_nothing_was_said_is_neither_held_nor_cancelled(store: Store) -> None:
    append(store, said(OrderHeld, 1, order="A-1", reason="credit"))
    with store.reads().told() as told:
        orders = told.orders(["A-1", "A-2"])
    assert [(name, one.on_hold, one.is_cancelled) for name, one in orders.items()] == [
        ("A-1", True, False),
        ("A-2", False, False),
    ]
