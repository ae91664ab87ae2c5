"""Who may take what back, until when, and with or without a reason."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from genba_cloud.core.actions import (
    ActionRefused,
    Actor,
    Already,
    Decided,
    NodeAction,
    Rank,
    State,
    Why,
    decide_undo,
    right_to_undo,
)
from genba_shared.events import (
    DispatchOpened,
    Event,
    EventVoided,
    NodeCompleted,
    NodeStarted,
    OrderHeld,
    PiecesCounted,
    Result,
)
from tests.unit.cloud.floor_support import ANN, BOB, MAX, NOW, PLC, SUE, Shop

S, M = timedelta(seconds=1), timedelta(minutes=1)


def undo(
    shop: Shop,
    target: Event,
    by: Actor,
    after: timedelta,
    *,
    reason: str | None = None,
    shipped: datetime | None = None,
    voids: dict[str, datetime] | None = None,
) -> str:
    shop.now = (target.entered_at or target.at) + after
    decided = decide_undo([target], voids or {}, by, shop.entry(), reason=reason, shipped=shipped)
    match decided:
        case ActionRefused(why=why):
            return str(why)
        case Already():
            return "already"
        case Decided(events=events):
            shop.tell(*events)
            return "done"


# by, seconds after, reason given, shipped -> outcome
@pytest.mark.parametrize(
    ("by", "after", "reason", "shipped", "outcome"),
    [
        (ANN, 0 * S, None, False, "done"),
        (ANN, 10 * S, None, False, "done"),
        (ANN, 10 * S + timedelta(milliseconds=1), None, False, "reason_missing"),
        (ANN, 11 * S, "wrong_scan", False, "done"),
        (ANN, 10 * M, "wrong_scan", False, "done"),
        (ANN, 10 * M + timedelta(milliseconds=1), "wrong_scan", False, "higher_rank"),
        (BOB, 1 * S, "wrong_scan", False, "higher_rank"),
        (SUE, 1 * S, None, False, "reason_missing"),
        (SUE, 1 * S, "wrong_scan", False, "done"),
        (SUE, 30 * 24 * 60 * M, "wrong_scan", False, "done"),
        (ANN, 1 * S, "wrong_scan", True, "higher_rank"),
        (SUE, 1 * S, "wrong_scan", True, "higher_rank"),
        (MAX, 1 * S, None, True, "reason_missing"),
        (MAX, 60 * M, "wrong_scan", True, "done"),
    ],
)
def test_what_a_person_entered(by: Actor, after: timedelta, reason: str | None, shipped: bool, outcome: str) -> None:
    shop = Shop()
    (started,) = shop.do(NodeAction.START, by=ANN)
    assert undo(shop, started, by, after, reason=reason, shipped=NOW if shipped else None) == outcome
    assert shop.place().state is (State.PENDING if outcome == "done" else State.IN_PROGRESS)


def test_the_time_counts_from_the_entry_and_not_from_what_was_entered() -> None:
    shop = Shop()
    shop.now = NOW + 60 * M
    (completed,) = shop.do(NodeAction.COMPLETE, at=NOW)
    assert undo(shop, completed, ANN, 5 * S) == "done"


def test_what_a_machine_said_is_for_a_supervisor() -> None:
    count = PiecesCounted(
        id="gw:e:1",
        at=NOW,
        source=PLC,
        station="CUT-1",
        work_order="WO-1",
        node="CUT",
        point="good",
        result=Result.GOOD,
        delta=1,
        total=1,
        counter_epoch=1,
        since=NOW,
    )
    right = right_to_undo(count, ANN, NOW, shipped=None)
    assert (right.rank, right.reason) == (Rank.SUPERVISOR, True)
    assert undo(Shop(), count, ANN, 0 * S, reason="count_wrong") == "higher_rank"
    assert undo(Shop(), count, SUE, 0 * S, reason="count_wrong") == "done"


def test_taking_back_twice_changes_nothing() -> None:
    shop = Shop()
    (started,) = shop.do(NodeAction.START)
    assert undo(shop, started, ANN, 1 * S) == "done"
    assert undo(shop, started, ANN, 2 * S, voids={started.id: NOW}) == "already"


def test_a_void_names_its_target_and_where_that_is() -> None:
    shop = Shop()
    (started,) = shop.do(NodeAction.START)
    assert undo(shop, started, ANN, 1 * S) == "done"
    void = shop.events[-1]
    assert isinstance(void, EventVoided)
    assert (void.target, void.because, void.work_order, void.node) == (started.id, (started.id,), "WO-1", "CUT")
    assert (void.reason, void.source) == ("undone_at_once", ANN.source)


def test_a_void_of_an_orders_event_is_found_with_the_order() -> None:
    shop = Shop()
    held = OrderHeld(id="h", at=NOW, entered_at=NOW, source=ANN.source, order="A-1", reason="customer")
    assert undo(shop, held, ANN, 1 * S) == "done"
    void = shop.events[-1]
    assert isinstance(void, EventVoided)
    assert void.order == "A-1"


@pytest.mark.trap("no honest undo")
def test_undo_never_cascades() -> None:
    shop = Shop()
    cut = shop.do(NodeAction.COMPLETE)[0]
    shop.do(NodeAction.START, node="SEW")
    assert undo(shop, cut, SUE, 60 * M, reason="count_wrong") == "done"
    assert (shop.place("CUT").state, shop.place("SEW").state) == (State.PENDING, State.IN_PROGRESS)
    assert [one.subject for one in shop.place("SEW").lacking] == ["CUT"]


def test_a_void_may_come_before_its_target_and_events_in_any_order() -> None:
    shop = Shop()
    completed = NodeCompleted(id="gw:e:1", at=NOW, source=PLC, work_order="WO-1", node="CUT", pieces=8)
    started = NodeStarted(id="gw:e:2", at=NOW, source=PLC, work_order="WO-1", node="CUT")
    void = EventVoided(id="v", at=NOW, source=SUE.source, work_order="WO-1", node="CUT", target="gw:e:1", reason="x")
    shop.tell(void, completed, started)
    assert shop.place().said.claims == ()
    assert shop.place().state is State.IN_PROGRESS


def test_a_dispatch_is_ended_by_another_and_not_taken_back() -> None:
    opened = DispatchOpened(id="d", at=NOW, source=MAX.source, station="CUT-1", work_order="WO-1", node="CUT")
    assert undo(Shop(), opened, MAX, 1 * S, reason="wrong_scan") == str(Why.NOT_TO_BE_UNDONE)
