"""Where a node stands follows from the set of its events: counts, tags, claims and the plan."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.core.facts import (
    WORK_ORDER,
    Lifecycle,
    Mark,
    NodeFacts,
    NodePlan,
    OrderPlan,
    Refused,
    WorkOrderPlan,
    check_order,
    work_order_facts,
)
from genba_shared.events import (
    Basis,
    Confidence,
    Direction,
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    TagPassed,
)

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")
NO_DATE = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # how other systems write that there is none


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def plan(code: str, *predecessors: str, quantity: int = 8) -> NodePlan:
    return NodePlan(
        node=code,
        quantity=quantity,
        planned_start=START,
        planned_finish=minute(60),
        predecessors=predecessors,
        label={"en": code},
    )


WORK = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=8, nodes=(plan("CUT"), plan("SEW", "CUT")))


def counted(seq: int, total: int, delta: int, *, node: str = "CUT", result: Result = Result.GOOD, at: int = 0) -> Event:
    return PiecesCounted(
        id=f"gw:{EPOCH}:{seq}",
        at=minute(at or seq),
        source=PLC,
        station="CUT-1",
        work_order="WO-1",
        node=node,
        point=f"cutter1/{result}",
        result=result,
        delta=delta,
        total=total,
        counter_epoch=1,
        since=minute(0),
    )


def passed(seq: int, tag: str, pieces: int, *, direction: Direction = Direction.LEAVE) -> Event:
    return TagPassed(
        id=f"gw:{EPOCH}:{seq}",
        at=minute(seq),
        source=PLC,
        work_order="WO-1",
        node="CUT",
        zone="packing",
        read_point="gate/packing-out",
        reader="gate",
        tag=tag,
        direction=direction,
        first_seen=minute(seq),
        last_seen=minute(seq),
        reads=3,
        pieces=pieces,
    )


def completed(
    seq: int,
    pieces: int,
    *,
    node: str = "CUT",
    confidence: Confidence = Confidence.CERTAIN,
    basis: Basis = Basis.COUNT,
) -> Event:
    return NodeCompleted(
        id=f"gw:{EPOCH}:{seq}",
        at=minute(seq),
        source=PLC,
        work_order="WO-1",
        node=node,
        pieces=pieces,
        confidence=confidence,
        basis=basis,
    )


def facts(code: str, *events: Event) -> NodeFacts:
    state = WORK_ORDER.fold(WORK_ORDER.empty, events)
    found = work_order_facts("WO-1", WORK, state, {}).node(code)
    assert found is not None
    return found


def test_a_node_without_events_is_pending() -> None:
    node = facts("CUT")
    assert (node.lifecycle, node.good, node.started_at) == (Lifecycle.PENDING, 0, None)


def test_pieces_are_the_union_of_counter_intervals_by_result() -> None:
    node = facts(
        "CUT",
        counted(1, 3, 3),
        counted(2, 5, 2),
        counted(3, 5, 5),
        counted(4, 2, 1, result=Result.SCRAP),
        counted(5, 1, 1, result=Result.REWORK),
    )
    assert (node.good, node.scrap, node.rework) == (5, 1, 1)


def test_the_first_piece_starts_the_node() -> None:
    node = facts("CUT", counted(4, 4, 1), counted(2, 3, 3))
    assert (node.lifecycle, node.started_at) == (Lifecycle.IN_PROGRESS, minute(2))


def test_a_reset_of_no_pieces_starts_nothing() -> None:
    node = facts("CUT", counted(1, 0, 0))
    assert (node.lifecycle, node.started_at) == (Lifecycle.PENDING, None)


def test_node_started_before_the_first_piece_starts_the_node() -> None:
    started = NodeStarted(id=f"gw:{EPOCH}:1", at=minute(1), source=PLC, work_order="WO-1", node="CUT")
    assert facts("CUT", counted(2, 3, 3), started).started_at == minute(1)


def test_a_certain_claim_of_the_whole_quantity_is_done() -> None:
    node = facts("CUT", counted(1, 8, 8), completed(2, 8))
    assert (node.lifecycle, node.completed_at, node.claimed_pieces) == (Lifecycle.DONE, minute(2), 8)


def test_a_claim_below_the_quantity_awaits_confirmation() -> None:
    node = facts("CUT", counted(1, 7, 7), completed(2, 7))
    assert node.lifecycle is Lifecycle.AWAITING_CONFIRMATION
    assert node.marks == (Mark.BELOW_QUANTITY,)
    assert (node.claimed_at, node.completed_at) == (minute(2), None)


def test_an_ambiguous_claim_awaits_confirmation() -> None:
    node = facts("CUT", counted(1, 8, 8), completed(2, 8, confidence=Confidence.AMBIGUOUS))
    assert node.lifecycle is Lifecycle.AWAITING_CONFIRMATION
    assert node.marks == (Mark.AMBIGUOUS,)


@pytest.mark.trap("lax sequence")
def test_a_claim_before_the_predecessor_is_done_awaits_until_it_is() -> None:
    early = [counted(1, 8, 8, node="SEW"), completed(2, 8, node="SEW")]
    assert facts("SEW", *early).marks == (Mark.PREDECESSOR_OPEN,)
    assert facts("SEW", *early).lifecycle is Lifecycle.AWAITING_CONFIRMATION
    assert facts("SEW", *early, counted(3, 16, 8), completed(4, 8)).lifecycle is Lifecycle.DONE


def test_a_second_claim_corroborates_and_the_earliest_certain_one_counts() -> None:
    node = facts("CUT", completed(9, 8), completed(5, 8, confidence=Confidence.AMBIGUOUS), completed(7, 8))
    assert (node.lifecycle, node.completed_at) == (Lifecycle.DONE, minute(7))
    assert node.marks == (Mark.CORROBORATED,)


def test_a_claim_of_more_than_was_counted_is_conflicting() -> None:
    node = facts("CUT", counted(1, 6, 6), completed(2, 8))
    assert (node.lifecycle, node.marks) == (Lifecycle.AWAITING_CONFIRMATION, (Mark.CONFLICTING,))


def test_tags_that_left_are_a_set() -> None:
    node = facts("CUT", passed(1, "aa", 3), passed(2, "bb", 5), passed(3, "aa", 3), completed(4, 8, basis=Basis.TAGS))
    assert (node.good, node.lifecycle) == (8, Lifecycle.DONE)


def test_a_tag_that_enters_is_no_piece() -> None:
    assert facts("CUT", passed(1, "aa", 3, direction=Direction.ENTER)).good == 0


def test_scrap_from_a_counter_does_not_hide_the_pieces_whose_tags_have_left() -> None:
    node = facts("CUT", passed(1, "aa", 5), counted(2, 1, 1, result=Result.SCRAP))
    assert (node.good, node.scrap) == (5, 1)


def test_counters_of_two_stations_are_two_counters_also_where_a_client_names_them_alike() -> None:
    def by_hand(number: int, station: str) -> Event:
        return PiecesCounted(
            id=f"0190a000-0000-7000-8000-00000000000{number}",
            at=minute(number),
            source=Source(type=SourceType.API, ref="mes"),
            station=station,
            work_order="WO-1",
            node="CUT",
            point="good",
            result=Result.GOOD,
            delta=5,
            total=5,
            counter_epoch=1,
            since=START,
        )

    assert facts("CUT", by_hand(1, "CUT-1"), by_hand(2, "CUT-2")).good == 10


def test_tags_and_counters_are_compared_not_added() -> None:
    assert facts("CUT", counted(1, 3, 3), passed(2, "aa", 3)).good == 3


def test_a_claim_for_an_unknown_work_order_is_never_done() -> None:
    state = WORK_ORDER.fold(WORK_ORDER.empty, [counted(1, 8, 8), completed(2, 8)])
    node = work_order_facts("WO-1", None, state, {}).nodes[0]
    assert (node.lifecycle, node.marks, node.good) == (Lifecycle.AWAITING_CONFIRMATION, (Mark.NOT_PLANNED,), 8)


@pytest.mark.trap("delta counters without epoch")
def test_a_counter_is_another_one_after_its_epoch_changed() -> None:
    again = PiecesCounted(
        id=f"gw:{EPOCH}:9",
        at=minute(9),
        source=PLC,
        station="CUT-1",
        work_order="WO-1",
        node="CUT",
        point="cutter1/good",
        result=Result.GOOD,
        delta=2,
        total=2,
        counter_epoch=2,
        since=minute(8),
    )
    assert facts("CUT", counted(1, 3, 3), again).good == 5


def order(*nodes: NodePlan) -> OrderPlan:
    work = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=8, nodes=nodes)
    return OrderPlan(
        order="A-1", system="demo", external_id="A-1", customer="Blue", promised=minute(90), work_orders=(work,)
    )


def test_an_order_that_is_promised_for_no_real_date_is_refused() -> None:
    refused = check_order(replace(order(plan("CUT")), promised=NO_DATE))
    assert isinstance(refused, Refused)
    assert "promised for no real date" in refused.reason


def test_a_sound_order_is_not_refused() -> None:
    assert check_order(order(plan("CUT"), plan("SEW", "CUT"))) is None


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((), "has no node"),
        ((plan("CUT"), plan("CUT")), "CUT is there twice"),
        ((plan("CUT", quantity=0),), "below 1"),
        ((plan("SEW", "CUT"),), "follows CUT"),
        ((plan("CUT", "SEW"), plan("SEW", "CUT")), "circle"),
        ((replace(plan("CUT"), planned_finish=NO_DATE),), "no real date"),
        ((replace(plan("CUT"), planned_start=datetime(1, 1, 1, tzinfo=UTC)),), "no real date"),
    ],
)
def test_an_order_that_cannot_be_made_is_refused_with_the_reason(nodes: tuple[NodePlan, ...], words: str) -> None:
    refused = check_order(order(*nodes))
    assert isinstance(refused, Refused)
    assert words in refused.reason
