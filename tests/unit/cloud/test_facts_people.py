"""What people say of a node: confirmed, turned down, left out, opened again, reported, inspected, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from zlib import crc32

import pytest

from genba_cloud.core.facts import WORK_ORDER, Lifecycle, Mark, NodeFacts, NodePlan, WorkOrderPlan, work_order_facts
from genba_cloud.core.facts.plan import Confirm, Criterion, Dependency, Evidence, Step
from genba_shared.events import (
    Basis,
    Confidence,
    Event,
    EventCorrected,
    EventVoided,
    MaterialConsumed,
    MaterialIssued,
    NodeCompleted,
    NodeConfirmed,
    NodeHeld,
    NodeRejected,
    NodeReopened,
    NodeResumed,
    NodeSkipped,
    NodeStarted,
    PiecesCounted,
    ProgressReported,
    QualityRecorded,
    QualityResult,
    Result,
    ReworkOrdered,
    ShipmentMoved,
    ShipmentStatus,
    Source,
    SourceType,
    StepCompleted,
    WorkOrderCancelled,
)

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
GATEWAY = Source(type=SourceType.SYSTEM, ref="line-1")
DONE, AWAITING, RUNNING, PENDING = (
    Lifecycle.DONE,
    Lifecycle.AWAITING_CONFIRMATION,
    Lifecycle.IN_PROGRESS,
    Lifecycle.PENDING,
)


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def plan(code: str = "CUT", *predecessors: str, **more: Any) -> NodePlan:
    return NodePlan(
        node=code,
        quantity=10,
        planned_start=START,
        planned_finish=minute(60),
        predecessors=predecessors,
        label={"en": code},
        **more,
    )


def said(kind: type[Event], at: int, *, by: str = "op-1", node: str = "CUT", name: str = "", **more: Any) -> Any:
    """Something that a person says at that minute; its id is made of the minute and the name."""
    return kind(
        id=f"0190a000-0000-7000-8000-{at:08x}{sum(map(ord, name + by + node)):04x}",
        at=minute(at),
        source=Source(type=SourceType.PERSON, ref=by),
        work_order="WO-1",
        node=node,
        **more,
    )


def counted(seq: int, total: int, *, node: str = "CUT", result: Result = Result.GOOD) -> Event:
    return PiecesCounted(
        id=f"line-1:{EPOCH}:{seq}",
        at=minute(seq),
        source=Source(type=SourceType.PLC, ref="cutter1/good"),
        station="CUT-1",
        work_order="WO-1",
        node=node,
        point=f"cutter1/{node}/{result}",
        result=result,
        delta=total,
        total=total,
        counter_epoch=seq,
        since=START,
    )


def claimed(seq: int, pieces: int = 10, *, node: str = "CUT", basis: Basis = Basis.COUNT) -> Any:
    return NodeCompleted(
        id=f"line-1:{EPOCH}:{seq}",
        at=minute(seq),
        source=GATEWAY,
        work_order="WO-1",
        node=node,
        pieces=pieces,
        basis=basis,
    )


def facts(*events: Event, nodes: Sequence[NodePlan] | None = None, of: str = "CUT") -> NodeFacts:
    """The node's facts; with few events, every order of arrival and a repeat must say the same."""
    work = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=10, nodes=tuple(nodes or [plan()]))
    arrivals = list(permutations(events)) if len(events) < 5 else [events, events[::-1]]
    found = []
    for arrival in arrivals:
        state = WORK_ORDER.empty
        for event in (*arrival, *arrival[:1]):
            state = WORK_ORDER.from_json(WORK_ORDER.to_json(WORK_ORDER.fold(state, [event])))
        found.append(work_order_facts("WO-1", work, state, {}).node(of))
    assert all(one == found[0] for one in found)
    assert found[0] is not None
    return found[0]


def standing(node: NodeFacts) -> tuple[Lifecycle, tuple[Mark, ...]]:
    return node.lifecycle, node.marks


# --- confirmation -----------------------------------------------------------------------------------------------------


@pytest.mark.trap("shortfall as loss")
def test_a_confirmation_settles_a_claim_below_the_quantity_and_keeps_its_time() -> None:
    node = facts(counted(1, 8), claimed(2, 8), said(NodeConfirmed, 9))
    assert standing(node) == (DONE, (Mark.BELOW_QUANTITY, Mark.CONFIRMED))
    assert (node.completed_at, node.confirmed_at, node.confirmed_by) == (minute(2), minute(9), ("op-1",))
    assert (node.good, node.short) == (8, 2)


def test_a_confirmation_of_more_pieces_than_were_claimed_is_when_they_were_there() -> None:
    node = facts(counted(1, 8), claimed(2, 8), said(NodeConfirmed, 9, pieces=10))
    assert (node.lifecycle, node.completed_at, node.good, node.short) == (DONE, minute(9), 10, 0)


def test_a_confirmation_alone_completes_a_node_of_which_nothing_was_seen() -> None:
    node = facts(said(NodeConfirmed, 9))
    assert (standing(node), node.good, node.completed_at) == ((DONE, (Mark.CONFIRMED,)), 10, minute(9))


def test_a_confirmation_without_a_number_leaves_the_pieces_that_are_known() -> None:
    assert facts(counted(1, 7), said(NodeConfirmed, 9)).good == 7


def test_a_node_that_must_be_confirmed_waits_although_it_is_complete() -> None:
    nodes = [plan(confirm=Confirm.REQUIRED)]
    assert standing(facts(counted(1, 10), claimed(2), nodes=nodes)) == (AWAITING, (Mark.CONFIRMATION_OPEN,))
    assert facts(counted(1, 10), claimed(2), said(NodeConfirmed, 3), nodes=nodes).lifecycle is DONE


FOUR_EYES = [plan(confirm=Confirm.FOUR_EYES)]


def test_four_eyes_need_somebody_else_than_who_reported() -> None:
    report = said(ProgressReported, 2, by="op-1", pieces=10)
    assert facts(report, nodes=FOUR_EYES).lifecycle is AWAITING
    assert facts(report, said(NodeConfirmed, 3, by="op-1"), nodes=FOUR_EYES).lifecycle is AWAITING
    assert facts(report, said(NodeConfirmed, 3, by="op-2"), nodes=FOUR_EYES).lifecycle is DONE


def test_four_eyes_need_two_where_nobody_reported() -> None:
    first, second = said(NodeConfirmed, 2, by="op-1"), said(NodeConfirmed, 3, by="op-2")
    assert standing(facts(first, nodes=FOUR_EYES)) == (AWAITING, (Mark.CONFIRMATION_OPEN,))
    assert facts(first, said(NodeConfirmed, 4, by="op-1"), nodes=FOUR_EYES).lifecycle is AWAITING
    assert facts(first, second, nodes=FOUR_EYES).lifecycle is DONE


def test_four_eyes_know_one_person_by_the_key_of_sealed_names() -> None:
    report = said(ProgressReported, 2, by="~1:aaaa:cipher-one", pieces=10)
    assert facts(report, said(NodeConfirmed, 3, by="~1:aaaa:cipher-two"), nodes=FOUR_EYES).lifecycle is AWAITING
    assert facts(report, said(NodeConfirmed, 3, by="~1:bbbb:cipher-two"), nodes=FOUR_EYES).lifecycle is DONE


# --- evidence ---------------------------------------------------------------------------------------------------------

MACHINE_CLAIM, MACHINE_SHORT = claimed(2), claimed(2, 8)
PERSON_CLAIM = said(NodeCompleted, 3, pieces=10)


@pytest.mark.parametrize(
    ("evidence", "events", "lifecycle"),
    [
        (Evidence.ANY, [MACHINE_CLAIM], DONE),
        (Evidence.ANY, [PERSON_CLAIM], DONE),
        (Evidence.MACHINE, [MACHINE_CLAIM], DONE),
        (Evidence.MACHINE, [PERSON_CLAIM], AWAITING),
        (Evidence.MACHINE, [PERSON_CLAIM, counted(1, 10)], DONE),
        (Evidence.PERSON, [MACHINE_CLAIM], AWAITING),
        (Evidence.PERSON, [PERSON_CLAIM], DONE),
        (Evidence.PERSON, [said(ProgressReported, 3, pieces=10)], DONE),
        (Evidence.BOTH, [MACHINE_CLAIM], AWAITING),
        (Evidence.BOTH, [PERSON_CLAIM], AWAITING),
        (Evidence.BOTH, [MACHINE_CLAIM, PERSON_CLAIM], DONE),
        (Evidence.BOTH, [MACHINE_SHORT, PERSON_CLAIM], AWAITING),
    ],
)
def test_evidence_that_the_plan_asks_for(evidence: Evidence, events: list[Event], lifecycle: Lifecycle) -> None:
    node = facts(*events, nodes=[plan(evidence=evidence)])
    assert node.lifecycle is lifecycle
    assert (Mark.EVIDENCE_OPEN in node.marks) == (lifecycle is AWAITING)
    confirmed = facts(*events, said(NodeConfirmed, 9, by="lead-1"), nodes=[plan(evidence=evidence)])
    assert confirmed.lifecycle is DONE


def test_a_persons_claim_of_more_than_the_machine_counted_is_a_conflict() -> None:
    assert standing(facts(counted(1, 8), PERSON_CLAIM)) == (AWAITING, (Mark.CONFLICTING,))


# --- reports ----------------------------------------------------------------------------------------------------------


@pytest.mark.trap("partial reports summed")
def test_a_report_is_the_total_so_far_8_then_10_of_10_is_10() -> None:
    node = facts(said(ProgressReported, 1, pieces=8), said(ProgressReported, 2, pieces=10))
    assert (node.good, node.reported, node.lifecycle, node.completed_at) == (10, 10, DONE, minute(2))


def test_a_report_of_a_part_is_progress() -> None:
    node = facts(said(ProgressReported, 1, pieces=8))
    assert (node.good, node.lifecycle, node.started_at) == (8, RUNNING, minute(1))


def test_a_source_that_says_less_later_corrects_itself() -> None:
    node = facts(said(ProgressReported, 1, pieces=8), said(ProgressReported, 2, pieces=6))
    assert (node.good, node.lifecycle) == (6, RUNNING)


def test_two_people_at_one_node_are_compared_not_added() -> None:
    node = facts(said(ProgressReported, 1, pieces=6), said(ProgressReported, 2, by="op-2", pieces=7))
    assert (node.good, node.lifecycle) == (7, RUNNING)


def test_somebody_who_says_less_than_another_said_before_is_a_conflict() -> None:
    node = facts(said(ProgressReported, 1, pieces=10), said(ProgressReported, 2, by="op-2", pieces=7))
    assert standing(node) == (AWAITING, (Mark.CONFLICTING,))


@pytest.mark.requirement("R25", part="a lot of one and a lot of 50 are followed piece by piece; lots may be named")
def test_lots_and_parallel_stations_add_up() -> None:
    by_lot = facts(said(ProgressReported, 1, pieces=4, lot="A"), said(ProgressReported, 2, pieces=6, lot="B"))
    assert (by_lot.good, by_lot.lifecycle) == (10, DONE)
    first = said(ProgressReported, 1, pieces=4, station="SEW-1")
    second = said(ProgressReported, 2, by="op-2", pieces=6, station="SEW-2")
    assert facts(first, second, nodes=[plan(stations=("SEW-1", "SEW-2"))]).good == 10
    assert facts(first, second).good == 6  # nobody declared these two to be side by side


def test_who_completes_a_node_by_hand_says_how_many_pieces_there_are() -> None:
    part, whole = said(ProgressReported, 1, pieces=8), said(NodeCompleted, 2, pieces=10)
    assert (facts(part, whole).good, facts(part, whole).short, facts(part, whole).lifecycle) == (10, 0, DONE)
    rejected = said(NodeRejected, 3, reason="two-missing")
    assert facts(part, whole, rejected).good == 8
    assert facts(part, whole, rejected, said(ProgressReported, 4, pieces=9)).good == 9


def test_reports_do_not_hide_that_the_machine_counted_less() -> None:
    node = facts(counted(1, 8), said(ProgressReported, 2, pieces=10))
    assert (standing(node), node.good, node.reported) == ((AWAITING, (Mark.CONFLICTING,)), 8, 10)


def test_a_plan_that_believes_people_takes_their_number() -> None:
    nodes = [plan(evidence=Evidence.PERSON)]
    assert facts(counted(1, 4), said(ProgressReported, 2, pieces=5), nodes=nodes).good == 5


def test_a_gateway_that_sets_work_aside_reports_nothing_new() -> None:
    aside = ProgressReported(
        id=f"line-1:{EPOCH}:7", at=minute(7), source=GATEWAY, work_order="WO-1", node="CUT", pieces=10
    )
    node = facts(counted(1, 3), aside)
    assert (node.good, node.reported, node.lifecycle) == (3, None, RUNNING)


# --- criteria ---------------------------------------------------------------------------------------------------------

STEPS = plan(criterion=Criterion.STEPS, steps=(Step(step="cut"), Step(step="fold")))


def test_the_last_step_completes_a_node_of_steps() -> None:
    cut, fold = said(StepCompleted, 1, step="cut"), said(StepCompleted, 2, step="fold")
    assert (facts(cut, nodes=[STEPS]).lifecycle, facts(cut, nodes=[STEPS]).steps_done) == (RUNNING, ("cut",))
    node = facts(fold, cut, nodes=[STEPS])
    assert (node.lifecycle, node.completed_at, node.steps_done, node.good) == (DONE, minute(2), ("cut", "fold"), 10)


@pytest.mark.requirement("R3")
def test_a_claim_while_steps_are_missing_waits_and_the_last_step_settles_it() -> None:
    cut, claim = said(StepCompleted, 1, step="cut"), claimed(2, basis=Basis.STATE)
    assert standing(facts(cut, claim, nodes=[STEPS])) == (AWAITING, (Mark.CRITERION_OPEN,))
    node = facts(cut, claim, said(StepCompleted, 5, step="fold"), nodes=[STEPS])
    assert (standing(node), node.completed_at) == ((DONE, (Mark.CORROBORATED,)), minute(5))


@pytest.mark.requirement("R3")
def test_a_node_that_people_report_is_not_completed_by_a_machine() -> None:
    nodes = [plan(criterion=Criterion.REPORT)]
    assert standing(facts(claimed(2), nodes=nodes)) == (AWAITING, (Mark.CRITERION_OPEN,))
    assert facts(claimed(2), said(NodeCompleted, 3, pieces=10), nodes=nodes).lifecycle is DONE


@pytest.mark.requirement("R3")
def test_what_must_have_left_the_zone_is_not_completed_by_a_count() -> None:
    nodes = [plan(criterion=Criterion.ALL_LEFT)]
    assert standing(facts(claimed(2), nodes=nodes)) == (AWAITING, (Mark.CRITERION_OPEN,))
    assert facts(claimed(2, basis=Basis.TAGS), nodes=nodes).lifecycle is DONE


INSPECTED = plan(criterion=Criterion.INSPECTION)


def inspection(at: int, result: QualityResult, pieces: int, **more: Any) -> Any:
    return said(QualityRecorded, at, result=result, pieces=pieces, **more)


def test_an_inspected_node_is_complete_when_the_whole_quantity_has_passed() -> None:
    first = inspection(1, QualityResult.PASSED, 6)
    second = inspection(2, QualityResult.CONDITIONAL, 4)
    assert (facts(first, nodes=[INSPECTED]).good, facts(first, nodes=[INSPECTED]).lifecycle) == (6, RUNNING)
    node = facts(first, second, nodes=[INSPECTED])
    assert (node.good, node.passed, node.lifecycle, node.completed_at) == (10, 10, DONE, minute(2))


@pytest.mark.requirement("R3")
def test_a_claim_before_the_inspection_waits() -> None:
    node = facts(counted(1, 10), claimed(2), nodes=[INSPECTED])
    assert standing(node) == (AWAITING, (Mark.CRITERION_OPEN,))


def test_pieces_that_failed_are_rework_until_another_inspection_of_them_passes() -> None:
    failed = inspection(1, QualityResult.FAILED, 2)
    passed = inspection(2, QualityResult.PASSED, 8)
    node = facts(failed, passed, nodes=[INSPECTED])
    assert (node.good, node.rework, node.failed, node.lifecycle) == (8, 2, 2, RUNNING)
    again = inspection(3, QualityResult.PASSED, 2, because=(failed.id,))
    node = facts(failed, passed, again, nodes=[INSPECTED])
    assert (node.good, node.rework, node.failed, node.lifecycle) == (10, 0, 0, DONE)


def test_pieces_that_failed_for_good_are_scrap() -> None:
    node = facts(inspection(1, QualityResult.FAILED, 2, disposition=Result.SCRAP), nodes=[INSPECTED])
    assert (node.scrap, node.rework) == (2, 0)


def test_pieces_of_a_counted_node_that_fail_are_not_good_any_more() -> None:
    node = facts(counted(1, 10), claimed(2), inspection(3, QualityResult.FAILED, 2))
    assert (node.good, node.rework, standing(node)) == (8, 2, (AWAITING, (Mark.BELOW_QUANTITY,)))


def test_rework_that_was_ordered_is_not_good_until_somebody_says_so() -> None:
    ordered = said(ReworkOrdered, 3, pieces=2, reason="seam")
    node = facts(counted(1, 10), claimed(2), ordered)
    assert (node.good, node.rework, node.lifecycle) == (8, 2, AWAITING)
    assert facts(counted(1, 10), ordered, claimed(5)).good == 10
    assert facts(counted(1, 10), claimed(2), ordered, said(NodeConfirmed, 6)).lifecycle is DONE


# --- turned down, opened again, left out, held ------------------------------------------------------------------------


def test_a_claim_that_is_turned_down_does_not_hold_and_the_next_one_does() -> None:
    rejected = said(NodeRejected, 3, reason="seam-open")
    node = facts(counted(1, 10), claimed(2), rejected)
    assert (standing(node), node.completed_at, node.good) == ((RUNNING, (Mark.REJECTED,)), None, 10)
    again = facts(counted(1, 10), claimed(2), rejected, claimed(5))
    assert (again.lifecycle, again.completed_at, again.marks) == (DONE, minute(5), ())


def test_a_rejection_turns_down_a_confirmation_before_it() -> None:
    assert facts(said(NodeConfirmed, 1), said(NodeRejected, 2, reason="no")).lifecycle is PENDING


def test_a_reopened_node_is_open_from_then_on() -> None:
    reopened = said(NodeReopened, 5, reason="missing-button")
    node = facts(counted(1, 10), claimed(2), reopened)
    assert (standing(node), node.reopened_at, node.completed_at) == ((RUNNING, (Mark.REOPENED,)), minute(5), None)
    done = facts(counted(1, 10), claimed(2), reopened, said(NodeConfirmed, 8))
    assert (standing(done), done.completed_at, done.reopened_at) == ((DONE, (Mark.CONFIRMED,)), minute(8), None)


def test_what_was_never_over_is_not_reopened() -> None:
    assert standing(facts(said(NodeReopened, 5, reason="x"))) == (PENDING, ())


def test_a_report_of_everything_before_a_reopening_has_to_be_said_again() -> None:
    full, reopened = said(ProgressReported, 2, pieces=10), said(NodeReopened, 5, reason="x")
    assert (facts(full, reopened).lifecycle, facts(full, reopened).good) == (RUNNING, 10)
    again = facts(full, reopened, said(ProgressReported, 7, pieces=10))
    assert (again.lifecycle, again.completed_at) == (DONE, minute(7))


def test_a_skipped_node_counts_as_done_with_a_mark_until_it_is_reopened() -> None:
    skipped = said(NodeSkipped, 3, reason="no-print")
    node = facts(skipped)
    assert (standing(node), node.is_skipped, node.completed_at) == ((DONE, (Mark.SKIPPED,)), True, minute(3))
    assert (node.good, node.short) == (0, 0)
    assert facts(skipped, said(NodeReopened, 4, reason="after-all")).lifecycle is PENDING
    assert facts(skipped, said(NodeReopened, 2, reason="before")).lifecycle is DONE


def test_a_node_that_was_made_although_it_was_skipped_is_done_by_its_work() -> None:
    node = facts(said(NodeSkipped, 3, reason="no-print"), counted(4, 10), claimed(5))
    assert (node.marks, node.completed_at) == ((), minute(5))


def test_a_hold_lies_over_the_lifecycle_and_the_last_word_counts() -> None:
    held = said(NodeHeld, 3, reason="colour")
    node = facts(counted(1, 4), held)
    assert (node.lifecycle, node.on_hold, node.held_at, node.hold_reason) == (RUNNING, True, minute(3), "colour")
    assert not facts(counted(1, 4), held, said(NodeResumed, 4)).on_hold
    assert not facts(counted(1, 10), held, claimed(5)).on_hold


def test_the_words_of_people_are_told_in_the_order_of_facts() -> None:
    node = facts(said(NodeHeld, 3, reason="colour"), said(NodeResumed, 4, by="lead-1"))
    assert [(word.kind, word.at, word.by, word.reason) for word in node.words] == [
        ("node_held", minute(3), "op-1", "colour"),
        ("node_resumed", minute(4), "lead-1", None),
    ]


# --- sequence ---------------------------------------------------------------------------------------------------------

LINE = [plan("CUT"), plan("SEW", "CUT")]
OVERLAP = [plan("CUT"), plan("SEW", dependencies=(Dependency(node="CUT", transfer_quantity=4),))]


def test_successors_of_a_reopened_node_keep_their_facts_and_get_a_mark() -> None:
    cut = [counted(1, 10), claimed(2)]
    sew = [counted(3, 10, node="SEW"), claimed(4, node="SEW")]
    reopened = said(NodeReopened, 6, reason="x")
    assert standing(facts(*cut, *sew, nodes=LINE, of="SEW")) == (DONE, ())
    assert standing(facts(*cut, *sew, reopened, nodes=LINE, of="SEW")) == (DONE, (Mark.PREDECESSOR_REOPENED,))
    closed = said(NodeConfirmed, 8)
    assert standing(facts(*cut, *sew, reopened, closed, nodes=LINE, of="SEW")) == (DONE, ())


def test_a_claim_after_the_predecessor_was_reopened_waits() -> None:
    cut, reopened = [counted(1, 10), claimed(2)], said(NodeReopened, 6, reason="x")
    node = facts(*cut, reopened, counted(7, 10, node="SEW"), claimed(8, node="SEW"), nodes=LINE, of="SEW")
    assert standing(node) == (AWAITING, (Mark.PREDECESSOR_OPEN, Mark.PREDECESSOR_REOPENED))


def test_a_pending_successor_of_a_reopened_node_has_nothing_to_mark() -> None:
    events = [counted(1, 10), claimed(2), said(NodeReopened, 6, reason="x")]
    assert standing(facts(*events, nodes=LINE, of="SEW")) == (PENDING, ())


@pytest.mark.trap("strict sequence")
def test_work_may_begin_with_the_transfer_quantity_and_not_before() -> None:
    begun = counted(5, 1, node="SEW")
    assert standing(facts(counted(1, 3), begun, nodes=OVERLAP, of="SEW")) == (RUNNING, (Mark.STARTED_EARLY,))
    assert standing(facts(counted(1, 4), begun, nodes=OVERLAP, of="SEW")) == (RUNNING, ())
    assert standing(facts(counted(1, 4), begun, nodes=LINE, of="SEW")) == (RUNNING, (Mark.STARTED_EARLY,))


@pytest.mark.trap("lax sequence")
def test_overlap_does_not_let_a_node_complete_before_its_predecessor() -> None:
    sew = [counted(5, 10, node="SEW"), claimed(6, node="SEW")]
    assert standing(facts(counted(1, 4), *sew, nodes=OVERLAP, of="SEW")) == (AWAITING, (Mark.PREDECESSOR_OPEN,))
    assert facts(counted(1, 10), *sew, nodes=OVERLAP, of="SEW").lifecycle is DONE


def test_a_skipped_predecessor_holds_nothing_up() -> None:
    sew = [counted(5, 10, node="SEW"), claimed(6, node="SEW")]
    assert facts(said(NodeSkipped, 1, reason="x"), *sew, nodes=LINE, of="SEW").lifecycle is DONE


# --- taken back, corrected --------------------------------------------------------------------------------------------


def voided(target: Event) -> Event:
    return EventVoided(
        id=f"0190a000-0000-7000-8001-{crc32(target.id.encode()):012x}",
        at=minute(50),
        source=Source(type=SourceType.PERSON, ref="lead-1"),
        target=target.id,
        reason="wrong",
    )


@pytest.mark.trap("no honest undo")
@pytest.mark.parametrize(
    "event",
    [
        claimed(5),
        said(NodeConfirmed, 5),
        said(NodeSkipped, 5, reason="x"),
        said(NodeHeld, 5, reason="x"),
        said(ProgressReported, 5, pieces=10),
        said(StepCompleted, 5, step="cut"),
        said(QualityRecorded, 5, result=QualityResult.FAILED, pieces=2),
        said(ReworkOrdered, 5, pieces=2, reason="x"),
        said(NodeStarted, 5),
    ],
)
def test_what_was_taken_back_leaves_no_trace_but_its_time(event: Event) -> None:
    node = facts(event, voided(event))
    assert replace(node, data_at=None) == replace(facts(), data_at=None)


def test_a_rejection_or_reopening_that_is_taken_back_gives_the_completion_back() -> None:
    for word in (said(NodeRejected, 5, reason="x"), said(NodeReopened, 5, reason="x")):
        node = facts(counted(1, 10), claimed(2), word, voided(word))
        assert (standing(node), node.completed_at) == ((DONE, ()), minute(2))


def test_the_report_before_a_report_that_was_taken_back_counts_again() -> None:
    wrong = said(ProgressReported, 2, pieces=9)
    assert facts(said(ProgressReported, 1, pieces=5), wrong, voided(wrong)).good == 5


def test_corrections_name_another_number_of_pieces_and_the_last_one_counts() -> None:
    report = said(ProgressReported, 1, pieces=10)

    def corrected(at: int, pieces: int) -> Any:
        return EventCorrected(
            id=f"0190a000-0000-7000-8002-{at:012x}",
            at=minute(at),
            source=Source(type=SourceType.PERSON, ref="lead-1"),
            target=report.id,
            pieces=pieces,
        )

    first, second = corrected(8, 7), corrected(9, 6)
    assert (facts(report, second, first).good, facts(report, first).lifecycle) == (6, RUNNING)
    assert facts(report, second, first, voided(second)).good == 7
    claim = claimed(2)
    fixed = replace(first, target=claim.id)
    assert standing(facts(claim, fixed)) == (AWAITING, (Mark.BELOW_QUANTITY,))


# --- whole work orders, shipments, material ---------------------------------------------------------------------------


def test_a_shipment_that_names_a_node_starts_and_claims_it() -> None:
    def moved(at: int, status: ShipmentStatus) -> Event:
        event: Event = said(ShipmentMoved, at, shipment="S-1", status=status)
        return replace(event, source=Source(type=SourceType.CARRIER, ref="truck-9"))

    left = facts(moved(1, ShipmentStatus.PICKED_UP))
    assert (left.lifecycle, left.started_at) == (RUNNING, minute(1))
    arrived = facts(moved(1, ShipmentStatus.PICKED_UP), moved(5, ShipmentStatus.ARRIVED))
    assert (arrived.lifecycle, arrived.completed_at, arrived.good) == (DONE, minute(5), 10)


def test_a_work_order_knows_that_it_is_cancelled_and_what_it_used() -> None:
    common: dict[str, Any] = {"source": Source(type=SourceType.PERSON, ref="op-1"), "work_order": "WO-1"}
    cancelled = WorkOrderCancelled(id="c", at=minute(9), order="A-1", reason="not-wanted", **common)
    issued = MaterialIssued(id="i", at=minute(1), item="cloth", amount=12.5, uom="m", **common)
    back = MaterialIssued(id="b", at=minute(2), item="cloth", amount=-0.1, uom="m", **common)
    used = MaterialConsumed(id="u", at=minute(3), item="cloth", amount=12.2, uom="m", node="CUT", **common)
    work = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=10, nodes=(plan(),))

    def found(*events: Event) -> Any:
        return work_order_facts("WO-1", work, WORK_ORDER.fold(WORK_ORDER.empty, events), {})

    seen = found(cancelled, issued, back, used)
    assert (seen.is_cancelled, seen.cancelled_at, seen.cancel_reason) == (True, minute(9), "not-wanted")
    assert [(one.item, one.uom, one.issued, one.consumed) for one in seen.materials] == [("cloth", "m", 12.4, 12.2)]
    undone = found(cancelled, issued, back, used, voided(cancelled), voided(back))
    assert (undone.is_cancelled, undone.materials[0].issued) == (False, 12.5)


def test_an_ambiguous_claim_of_a_machine_is_settled_by_a_persons_report() -> None:
    doubtful = replace(claimed(2), confidence=Confidence.AMBIGUOUS)
    assert facts(doubtful).lifecycle is AWAITING
    node = facts(doubtful, said(ProgressReported, 3, pieces=10))
    assert (node.lifecycle, node.completed_at) == (DONE, minute(3))
