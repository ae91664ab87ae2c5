"""Orders, problems, material and scans: what is decided, and what is refused with what would be accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from genba_cloud.core.actions import (
    ActionRefused,
    Aim,
    Already,
    Category,
    Decided,
    MaterialWish,
    Movement,
    NodeAction,
    OrderAction,
    OrderSaid,
    OrderWish,
    ProblemWish,
    State,
    Why,
    aim,
    causes_of,
    decide_explain,
    decide_material,
    decide_order,
    decide_report,
    decide_resolve,
    problem_of,
    usual_action,
)
from genba_cloud.core.actions.preview import previews
from genba_cloud.core.facts import OrderPlan
from genba_cloud.core.facts.plan import MaterialNeed
from genba_shared.events import MaterialIssued, OrderChanged, ProblemReported
from tests.unit.cloud.floor_support import ANN, BOB, MAX, NOW, SUE, Shop, plan

A = NodeAction
O_ = OrderAction
NOTHING_SAID = OrderSaid()


def order(**changes: Any) -> OrderPlan:
    return OrderPlan(
        order="A-1",
        system="erp",
        external_id="1",
        customer="",
        promised=NOW,
        work_orders=(plan(),),
        **changes,
    )


def asked(said: OrderSaid = NOTHING_SAID, plan: OrderPlan | None = None, **wish: Any) -> str:
    decided = decide_order(plan or order(), said, OrderWish(**wish), MAX, Shop().entry())
    match decided:
        case ActionRefused(why=why):
            return str(why)
        case Already():
            return "already"
        case Decided(events=events):
            return " ".join(event.kind for event in events)


def test_orders_are_held_resumed_cancelled_and_prioritised() -> None:
    held, cancelled = OrderSaid(held_since=NOW), OrderSaid(cancelled_at=NOW)
    assert asked(action=O_.HOLD, reason="customer") == "order_held"
    assert asked(action=O_.HOLD) == "reason_missing"
    assert asked(held, action=O_.HOLD, reason="customer") == "already"
    assert asked(held, action=O_.RESUME) == "order_resumed"
    assert asked(action=O_.RESUME) == "not_on_hold"
    assert asked(action=O_.CANCEL, reason="customer") == "order_cancelled work_order_cancelled"
    assert asked(action=O_.CANCEL) == "reason_missing"
    assert asked(OrderSaid(shipped_at=NOW), action=O_.CANCEL, reason="customer") == "shipped"
    assert asked(cancelled, action=O_.CANCEL, reason="customer") == "already"
    assert asked(cancelled, action=O_.HOLD, reason="customer") == "order_cancelled"
    assert asked(action=O_.PRIORITISE, priority=5) == "order_changed"
    assert asked(action=O_.PRIORITISE) == "pieces_impossible"
    assert asked(action=O_.PRIORITISE, priority=101) == "pieces_impossible"
    assert asked(plan=order(priority=5), action=O_.PRIORITISE, priority=5) == "already"


def test_a_change_of_priority_says_from_what_to_what() -> None:
    wish = OrderWish(action=OrderAction.PRIORITISE, priority=7, note="fair on Friday")
    decided = decide_order(order(priority=2), OrderSaid(), wish, MAX, Shop().entry())
    assert isinstance(decided, Decided)
    (event,) = decided.events
    assert isinstance(event, OrderChanged)
    assert (event.fields, event.note) == (("priority",), "priority 2 -> 7: fair on Friday")


def problem(**wish: Any) -> ProblemReported:
    decided = decide_report(ProblemWish(**wish), ANN, Shop().entry())
    assert isinstance(decided, Decided)
    (event,) = decided.events
    assert isinstance(event, ProblemReported)
    return event


@pytest.mark.requirement("R13")
def test_a_problem_is_taken_at_once_and_resolved_when_its_cause_is_known() -> None:
    shop = Shop()
    reported = problem(category="material", work_order="WO-1", node="CUT")
    state = problem_of(reported, ())
    refused = decide_resolve(state, None, ANN, shop.entry())
    assert isinstance(refused, ActionRefused)
    assert (refused.why, refused.conflict) == (Why.CAUSE_MISSING, True)
    explained = decide_explain(state, "too_little", None, ANN, shop.entry())
    assert isinstance(explained, Decided)
    assert (explained.events[0].work_order, explained.events[0].because) == ("WO-1", (reported.id,))
    state = problem_of(reported, explained.events)
    assert (state.cause, state.resolved_at) == ("too_little", None)
    assert isinstance(decide_explain(state, "too_little", None, BOB, shop.entry()), Already)
    resolved = decide_resolve(state, None, ANN, shop.entry())
    assert isinstance(resolved, Decided)
    state = problem_of(reported, [*explained.events, *resolved.events])
    assert isinstance(decide_resolve(state, None, ANN, shop.entry()), Already)


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"category": "weather", "station": "CUT-1"}, Why.UNKNOWN_WORD),
        ({"category": "machine"}, Why.NODE_UNKNOWN),
        ({"category": "machine", "station": "CUT-1", "cause": "too_little"}, Why.UNKNOWN_WORD),
        ({"category": "machine", "station": "CUT-1", "cause": "other"}, Why.REASON_MISSING),
        ({"category": "machine", "station": "CUT-1", "cause": "other", "note": " x "}, Why.REASON_MISSING),
    ],
)
def test_a_problem_that_says_nothing_is_refused(wish: dict[str, Any], why: Why) -> None:
    refused = decide_report(ProblemWish(**wish), ANN, Shop().entry())
    assert isinstance(refused, ActionRefused)
    assert (refused.why, bool(refused.accepted)) == (why, True)


def test_every_kind_of_problem_has_causes_and_another_one() -> None:
    assert all(causes_of(category)[-1] == "other" for category in Category)
    assert causes_of("other") == ("other",)


NEEDS = (MaterialNeed(item="cloth", amount=20.0, uom="m"),)


@pytest.mark.parametrize(
    ("movement", "amount", "more", "outcome"),
    [
        ("received", 5.0, {}, "material_received"),
        ("received", 0.0, {}, "amount_impossible"),
        ("received", float("nan"), {}, "amount_impossible"),
        ("received", 2e9, {}, "amount_impossible"),
        ("issued", 5.0, {"work_order": "WO-1"}, "material_issued"),
        ("issued", -5.0, {"work_order": "WO-1"}, "material_issued"),
        ("issued", 0.0, {"work_order": "WO-1"}, "amount_impossible"),
        ("issued", 5.0, {}, "node_unknown"),
        ("issued", 5.0, {"work_order": "WO-1", "node": "GLUE"}, "node_unknown"),
        ("issued", 5.0, {"work_order": "WO-1", "uom": "kg"}, "amount_impossible"),
        ("issued", 5.0, {"work_order": "WO-1", "item": "silk"}, "reason_missing"),
        ("issued", 5.0, {"work_order": "WO-1", "item": "silk", "reason": "substitute"}, "material_issued"),
        ("counted", 0.0, {}, "material_counted"),
        ("counted", -1.0, {}, "amount_impossible"),
        ("counted", 1.0, {"at": NOW + timedelta(minutes=1)}, "time_impossible"),
        ("counted", 1.0, {"at": NOW - timedelta(days=367)}, "time_impossible"),
    ],
)
def test_material_comes_goes_and_is_counted(movement: str, amount: float, more: dict[str, Any], outcome: str) -> None:
    wish = MaterialWish(**{"movement": Movement(movement), "item": "cloth", "amount": amount} | more)
    work = replace(plan(), materials=NEEDS) if wish.work_order else None
    decided = decide_material(wish, work, ANN, Shop().entry())
    match decided:
        case ActionRefused(why=why):
            assert str(why) == outcome
        case Decided(events=(event,)):
            assert event.kind == outcome
            assert not isinstance(event, MaterialIssued) or event.uom == ("m" if event.item == "cloth" else "pcs")


def test_the_usual_action_follows_the_state() -> None:
    shop = Shop()
    assert usual_action(shop.place()) is A.START
    assert usual_action(shop.place(), 3) is A.REPORT
    shop.do(A.START)
    assert usual_action(shop.place()) is A.COMPLETE
    assert usual_action(shop.place(), 3) is A.REPORT
    assert usual_action(shop.place(), 8) is A.COMPLETE
    shop.do(A.HOLD, reason="no_material")
    assert usual_action(shop.place()) is A.RESUME
    shop.do(A.RESUME)
    shop.do(A.COMPLETE, pieces=7, reason="scrap")
    assert usual_action(shop.place()) is A.CONFIRM
    shop.do(A.CONFIRM)
    assert usual_action(shop.place()) is None


def aimed(shop: Shop, action: NodeAction | None = None, pieces: int | None = None) -> str:
    """What the order's label means now, for Bob."""
    meant = aim([shop.place("CUT"), shop.place("SEW")], action, pieces, BOB, shop.now, is_named=False)
    match meant:
        case Aim(place=place, action=found):
            return f"{place.plan.node} {found}"
        case Already():
            return "already"
        case ActionRefused(why=why):
            return str(why)


def test_an_orders_label_means_the_node_at_work_and_then_the_next_one() -> None:
    shop = Shop()
    assert aimed(shop) == "CUT start"
    shop.do(A.START)
    assert (aimed(shop), aimed(shop, pieces=2)) == ("CUT complete", "CUT report")
    shop.do(A.COMPLETE)
    assert aimed(shop) == "SEW start"
    assert aimed(shop, A.COMPLETE) == "already"
    shop.do(A.START, node="SEW")
    assert aimed(shop, A.COMPLETE) == "SEW complete"
    shop.do(A.COMPLETE, node="SEW")
    assert aimed(shop) == "already"


def test_an_orders_label_never_completes_what_nobody_began() -> None:
    assert aimed(Shop(), A.COMPLETE) == "nothing_to_do"


def test_an_orders_label_with_two_nodes_at_work_asks_which_one() -> None:
    shop = Shop()
    shop.do(A.START)
    shop.do(A.START, node="SEW")
    assert aimed(shop) == "several_nodes"
    assert aimed(shop, A.SKIP) == "nothing_to_do"


def test_a_preview_says_what_would_happen_and_changes_nothing() -> None:
    shop = Shop()
    shop.do(A.START)
    found = {one.action: one for one in previews(shop.place(), shop.events, SUE, shop.now)}
    assert set(found) == set(NodeAction)
    assert found[A.START].already == NOW
    assert found[A.COMPLETE].becomes is State.DONE
    assert found[A.REPORT].becomes is State.IN_PROGRESS
    assert found[A.SKIP].becomes is State.SKIPPED
    refused = found[A.CONFIRM].refused
    assert refused is not None
    assert refused.why is Why.NOT_COMPLETE
    assert len(shop.events) == 1
