"""What people may do with a node in each of its states, and what is written when they do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from genba_cloud.core.actions import ActionRefused, Already, Decided, Lack, Missing, NodeAction, State, Why
from genba_cloud.core.facts.plan import Confirm, Criterion, Evidence
from genba_shared.events import (
    NodeCompleted,
    NodeConfirmed,
    NodeReopened,
    OrderCancelled,
    OrderHeld,
    ProgressReported,
    QualityResult,
    ReworkOrdered,
)
from tests.unit.cloud.floor_support import ANN, BOB, ERP, NOW, PLC, STEPS, SUE, Shop

A = NodeAction
WISHES: dict[NodeAction, dict[str, Any]] = {
    A.REPORT: {"pieces": 5},
    A.REJECT: {"reason": "count_wrong"},
    A.HOLD: {"reason": "no_material"},
    A.SKIP: {"reason": "not_needed"},
    A.REOPEN: {"reason": "quality_fault"},
    A.QUALITY: {"result": QualityResult.PASSED, "pieces": 2},
    A.REWORK: {"pieces": 1, "reason": "wrong_size"},
    A.STEP: {"step": "lay"},
}


def pending() -> Shop:
    return Shop(STEPS)


def in_progress() -> Shop:
    shop = Shop(STEPS)
    shop.do(A.START)
    return shop


def awaiting() -> Shop:
    shop = in_progress()
    shop.do(A.COMPLETE, pieces=6, reason="scrap")
    return shop


def done() -> Shop:
    shop = in_progress()
    shop.do(A.COMPLETE)
    return shop


def skipped() -> Shop:
    shop = pending()
    shop.do(A.SKIP, reason="not_needed", by=SUE)
    return shop


def held() -> Shop:
    shop = in_progress()
    shop.do(A.HOLD, reason="no_material")
    return shop


# Written by hand: what each action does in each state. A state: it is written and leads there. "already": it is so.
# Else the reason of the refusal.
TABLE = {
    pending: "in_progress in_progress in_progress done not_started not_started pending not_on_hold skipped is_open "
    "in_progress not_started",
    in_progress: "already in_progress in_progress done not_complete not_complete in_progress not_on_hold skipped "
    "is_open in_progress in_progress",
    awaiting: "is_complete is_complete awaiting_confirmation already done in_progress awaiting_confirmation "
    "not_on_hold skipped is_complete awaiting_confirmation in_progress",
    done: "is_done is_done is_done already already is_done is_done not_on_hold is_done in_progress done in_progress",
    skipped: "is_skipped is_skipped is_skipped is_skipped is_skipped is_skipped is_skipped not_on_hold already pending "
    "is_skipped is_skipped",
    held: "on_hold on_hold on_hold on_hold on_hold not_complete already in_progress skipped is_open in_progress "
    "in_progress",
}
ORDER = (
    A.START,
    A.REPORT,
    A.STEP,
    A.COMPLETE,
    A.CONFIRM,
    A.REJECT,
    A.HOLD,
    A.RESUME,
    A.SKIP,
    A.REOPEN,
    A.QUALITY,
    A.REWORK,
)


@pytest.mark.parametrize("state", TABLE, ids=lambda state: state.__name__)
@pytest.mark.parametrize("action", NodeAction)
def test_each_action_in_each_state(state: Any, action: NodeAction) -> None:
    assert set(ORDER) == set(NodeAction)
    wanted = TABLE[state].split()[ORDER.index(action)]
    shop = state()
    decided = shop.ask(action, by=SUE, **WISHES.get(action, {}))
    match decided:
        case ActionRefused(why=why):
            got = str(why)
        case Already():
            got = "already"
        case Decided(events=events):
            shop.events.extend(events)
            got = str(shop.place().state)
            assert all(event.source == SUE.source and event.entered_at == shop.now for event in events)
            assert all((event.work_order, event.node, event.site) == ("WO-1", "CUT", "s1") for event in events)
    assert got == wanted


def test_a_skipped_node_that_is_opened_again_was_never_begun() -> None:
    shop = skipped()
    shop.do(A.REOPEN, by=SUE, reason="wrong_scan")
    assert (shop.place().said.skipped_at, shop.place().said.started_at) == (None, None)


@pytest.mark.trap("partial reports summed")
def test_reports_are_totals_and_never_added_up() -> None:
    shop = pending()
    shop.do(A.REPORT, pieces=8 - 3)
    (event,) = shop.do(A.REPORT, pieces=7, by=BOB)
    assert isinstance(event, ProgressReported)
    assert (event.pieces, event.quantity, shop.place().good) == (7, 8, 7)
    assert isinstance(shop.ask(A.REPORT, pieces=7), Already)
    refused = shop.ask(A.REPORT, pieces=3)
    assert isinstance(refused, ActionRefused)
    assert (refused.why, refused.conflict) == (Why.FEWER_THAN_BEFORE, True)
    assert "7 or more" in refused.accepted


@pytest.mark.parametrize(
    ("action", "wish", "why"),
    [
        (A.REPORT, {}, Why.PIECES_MISSING),
        (A.REPORT, {"pieces": -1}, Why.PIECES_IMPOSSIBLE),
        (A.REPORT, {"pieces": 9}, Why.PIECES_IMPOSSIBLE),
        (A.COMPLETE, {"pieces": 7}, Why.PIECES_IMPOSSIBLE),
        (A.COMPLETE, {"pieces": 9}, Why.PIECES_IMPOSSIBLE),
        (A.HOLD, {}, Why.REASON_MISSING),
        (A.SKIP, {}, Why.REASON_MISSING),
        (A.REWORK, {"pieces": 1}, Why.REASON_MISSING),
        (A.REWORK, {"pieces": 9, "reason": "wrong_size"}, Why.PIECES_IMPOSSIBLE),
        (A.REWORK, {"reason": "wrong_size"}, Why.PIECES_IMPOSSIBLE),
        (A.REWORK, {"pieces": 1, "reason": "wrong_size", "found_at": "X"}, Why.NODE_UNKNOWN),
        (A.STEP, {"step": "sew"}, Why.STEP_UNKNOWN),
        (A.STEP, {}, Why.STEP_UNKNOWN),
        (A.QUALITY, {"pieces": 1}, Why.RESULT_MISSING),
        (A.QUALITY, {"result": QualityResult.FAILED}, Why.PIECES_MISSING),
        (A.COMPLETE, {"at": NOW + timedelta(hours=1)}, Why.TIME_IMPOSSIBLE),
        (A.COMPLETE, {"at": NOW - timedelta(days=8)}, Why.TIME_IMPOSSIBLE),
        (A.COMPLETE, {"at": NOW - timedelta(minutes=1)}, Why.TIME_IMPOSSIBLE),
    ],
)
def test_what_is_missing_or_impossible_is_malformed(action: NodeAction, wish: dict[str, Any], why: Why) -> None:
    shop = in_progress()
    refused = shop.ask(action, **wish)
    assert isinstance(refused, ActionRefused)
    assert (refused.why, refused.conflict, bool(refused.accepted)) == (why, False, True)


def test_more_pieces_than_planned_need_a_reason() -> None:
    shop = in_progress()
    (event,) = shop.do(A.COMPLETE, pieces=9, reason="counted_more")
    assert isinstance(event, NodeCompleted)
    assert (event.pieces, event.reason, shop.place().state) == (9, "counted_more", State.DONE)


def test_what_happened_before_it_was_entered_keeps_its_time() -> None:
    shop = Shop()
    shop.now = NOW + timedelta(hours=3)
    (event,) = shop.do(A.COMPLETE, at=NOW + timedelta(hours=1))
    assert (event.at, event.entered_at) == (NOW + timedelta(hours=1), NOW + timedelta(hours=3))


def test_two_entries_at_one_instant_keep_their_order() -> None:
    shop = Shop()
    shop.do(A.HOLD, reason="no_material")
    shop.now = NOW
    (resumed,) = shop.do(A.RESUME)
    assert resumed.at == NOW + timedelta(milliseconds=1)
    assert shop.place().said.held_since is None


def test_work_out_of_sequence_is_taken_and_waits_for_confirmation() -> None:
    shop = Shop()
    shop.do(A.REPORT, pieces=3)
    assert shop.place("SEW").lacking == (Missing(lack=Lack.PREDECESSOR, subject="CUT", done=3, needed=8),)
    shop.do(A.START, node="SEW")
    shop.do(A.COMPLETE, node="SEW")
    assert shop.place("SEW").state is State.AWAITING_CONFIRMATION


def test_a_skipped_predecessor_holds_nobody_up() -> None:
    shop = Shop()
    shop.do(A.SKIP, by=SUE, reason="not_needed")
    assert shop.place("SEW").lacking == ()


def test_a_machine_is_corroborated_by_a_person_and_completed_once() -> None:
    shop = Shop()
    shop.tell(NodeCompleted(id="gw:e:1", at=NOW, source=PLC, work_order="WO-1", node="CUT", pieces=8))
    shop.now += timedelta(minutes=5)
    assert shop.ask(A.COMPLETE) == Already(at=NOW)


def test_steps_and_inspection_are_missing_until_they_are_done() -> None:
    shop = Shop(STEPS | {"criterion": Criterion.STEPS}, {"criterion": Criterion.INSPECTION})
    shop.do(A.STEP, step="lay")
    shop.do(A.COMPLETE)
    assert shop.place().state is State.AWAITING_CONFIRMATION
    assert shop.place().missing_at_end() == (Missing(lack=Lack.STEPS, subject="cut", needed=1),)
    shop.do(A.STEP, step="cut")
    assert shop.place().state is State.DONE
    shop.do(A.COMPLETE, node="SEW")
    shop.do(A.QUALITY, node="SEW", result=QualityResult.FAILED, pieces=8)
    shop.do(A.QUALITY, node="SEW", result=QualityResult.PASSED, pieces=5)
    assert shop.place("SEW").missing_at_end() == (Missing(lack=Lack.INSPECTION, subject="SEW", done=5, needed=8),)
    shop.do(A.QUALITY, node="SEW", result=QualityResult.CONDITIONAL, pieces=3)
    assert shop.place("SEW").state is State.DONE


@pytest.mark.parametrize(
    ("evidence", "by_person", "by_machine"),
    [
        (Evidence.ANY, State.DONE, State.DONE),
        (Evidence.PERSON, State.DONE, State.AWAITING_CONFIRMATION),
        (Evidence.MACHINE, State.AWAITING_CONFIRMATION, State.DONE),
        (Evidence.BOTH, State.AWAITING_CONFIRMATION, State.AWAITING_CONFIRMATION),
    ],
)
def test_a_node_wants_the_evidence_that_its_routing_names(
    evidence: Evidence, by_person: State, by_machine: State
) -> None:
    shop, other = Shop({"evidence": evidence}), Shop({"evidence": evidence})
    shop.do(A.COMPLETE)
    other.tell(NodeCompleted(id="gw:e:1", at=NOW, source=PLC, work_order="WO-1", node="CUT", pieces=8))
    assert (shop.place().state, other.place().state) == (by_person, by_machine)
    shop.tell(NodeCompleted(id="gw:e:1", at=NOW, source=PLC, work_order="WO-1", node="CUT", pieces=8))
    assert shop.place().state is State.DONE


def test_four_eyes_are_two_persons() -> None:
    shop = Shop({"confirm": Confirm.FOUR_EYES})
    shop.do(A.COMPLETE, by=ANN)
    assert shop.place().state is State.AWAITING_CONFIRMATION
    refused = shop.ask(A.CONFIRM, by=ANN)
    assert isinstance(refused, ActionRefused)
    assert (refused.why, refused.conflict) == (Why.SECOND_PERSON, True)
    (event,) = shop.do(A.CONFIRM, by=BOB)
    assert isinstance(event, NodeConfirmed)
    assert shop.place().state is State.DONE


def test_after_a_rejection_whoever_confirms_must_again_be_another() -> None:
    shop = Shop({"confirm": Confirm.FOUR_EYES})
    shop.do(A.COMPLETE, by=ANN)
    shop.do(A.REJECT, by=SUE, reason="count_wrong")
    shop.do(A.COMPLETE, by=BOB)
    assert isinstance(shop.ask(A.CONFIRM, by=BOB), ActionRefused)
    shop.do(A.CONFIRM, by=ANN)
    assert shop.place().state is State.DONE


def test_a_required_confirmation_is_a_persons() -> None:
    shop = Shop({"confirm": Confirm.REQUIRED})
    shop.do(A.COMPLETE, by=ERP)
    refused = shop.ask(A.CONFIRM, by=ERP)
    assert isinstance(refused, ActionRefused)
    assert refused.why is Why.PERSON_NEEDED
    shop.do(A.CONFIRM, by=ANN)
    assert shop.place().state is State.DONE


def test_rework_of_a_done_node_opens_it_and_is_for_a_supervisor() -> None:
    shop = done()
    refused = shop.ask(A.REWORK, by=ANN, pieces=2, reason="wrong_size")
    assert isinstance(refused, ActionRefused)
    assert refused.is_of_rank
    opened, rework = shop.do(A.REWORK, by=SUE, pieces=2, reason="wrong_size", found_at="SEW")
    assert isinstance(opened, NodeReopened)
    assert isinstance(rework, ReworkOrdered)
    assert (rework.pieces, rework.found_at, rework.at > opened.at) == (2, "SEW", True)


def test_a_held_order_holds_its_nodes_and_a_cancelled_one_ends_them() -> None:
    shop = in_progress()
    shop.order_events.append(OrderHeld(id="h", at=NOW, source=SUE.source, order="A-1", reason="customer"))
    refused = shop.ask(A.COMPLETE)
    assert isinstance(refused, ActionRefused)
    assert refused.why is Why.ORDER_ON_HOLD
    shop.order_events.append(OrderCancelled(id="c", at=NOW, source=SUE.source, order="A-1", reason="customer"))
    for action in (A.COMPLETE, A.HOLD, A.SKIP):
        refused = shop.ask(action, by=SUE, **WISHES.get(action, {}))
        assert isinstance(refused, ActionRefused)
        assert refused.why is Why.ORDER_CANCELLED
    assert isinstance(shop.ask(A.QUALITY, **WISHES[A.QUALITY]), Decided)
