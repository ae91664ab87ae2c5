"""What is asked, which answer counts, and what it changes: at nodes, and where pieces had no owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genba_cloud.core.facts import (
    NOBODYS,
    QUESTION,
    WORK_ORDER,
    Attribution,
    Lifecycle,
    Mark,
    NodeFacts,
    NodePlan,
    Question,
    QuestionFold,
    QuestionKind,
    WorkOrderPlan,
    members_of,
    question_facts,
    settled_without_owner,
    settlements_of,
    work_order_facts,
)
from genba_cloud.core.facts.aggregates import Aggregate, ViewKey
from genba_shared.events import (
    Basis,
    Confidence,
    CountsAssigned,
    DataQuestioned,
    Event,
    EventCorrected,
    NodeCompleted,
    PiecesCounted,
    QuestionCause,
    Result,
    Source,
    SourceType,
)

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")
PERSON = Source(type=SourceType.PERSON, ref="lead-7")
CUT, SEW = ("WO-1", "CUT"), ("WO-1", "SEW")


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def name(seq: int) -> str:
    return f"gw:{EPOCH}:{seq}"


def counted(
    seq: int, pieces: int, *, owner: tuple[str, str] | None = CUT, possible: tuple[int, int] | None = None
) -> PiecesCounted:
    """The first pieces of a counter epoch of their own; `possible`: the least and the most they may be."""
    return PiecesCounted(
        id=name(seq),
        at=minute(seq),
        source=PLC,
        station="CUT-1",
        work_order=owner[0] if owner else None,
        node=owner[1] if owner else None,
        point="cutter1/good",
        result=Result.GOOD,
        delta=pieces,
        total=pieces,
        counter_epoch=seq,
        since=minute(seq - 1),
        confidence=Confidence.AMBIGUOUS if possible else Confidence.CERTAIN,
        least=possible[0] if possible else None,
        most=possible[1] if possible else None,
    )


def questioned(seq: int, *, owner: tuple[str, str] | None = CUT, **fields: Any) -> DataQuestioned:
    return DataQuestioned(
        id=name(seq),
        at=minute(seq),
        source=PLC,
        station="CUT-1",
        work_order=owner[0] if owner else None,
        node=owner[1] if owner else None,
        point="cutter1/good",
        note="read 7 after 65531",
        cause=QuestionCause.STEP,
        **{"result": Result.GOOD, "options": ("wrap:12", "reset:7"), **fields},
    )


def corrected(number: int, target: int, pieces: int, *, at: int = 50) -> EventCorrected:
    identity = f"0190a000-0000-7000-8000-00000000000{number}"
    return EventCorrected(id=identity, at=minute(at), source=PERSON, target=name(target), pieces=pieces)


def assigned(
    number: int, target: int, pieces: int, *, owner: tuple[str, str] = CUT, at: int = 50, result: Result = Result.GOOD
) -> CountsAssigned:
    return CountsAssigned(
        id=f"0190a000-0000-7000-8000-00000000000{number}",
        at=minute(at),
        source=PERSON,
        station="CUT-1",
        work_order=owner[0],
        node=owner[1],
        target=name(target),
        pieces=pieces,
        result=result,
    )


def folded(*events: Event) -> QuestionFold:
    return QUESTION.fold(QUESTION.empty, events)


def asked(*events: Event, attribution: Attribution = NOBODYS) -> Question | None:
    return question_facts(name(1), folded(*events), attribution)


def kind(*events: Event, attribution: Attribution = NOBODYS) -> QuestionKind | None:
    found = asked(*events, attribution=attribution)
    return found.kind if found else None


def test_a_certain_count_with_an_owner_asks_nothing() -> None:
    assert kind(counted(1, 5)) is None
    assert kind(counted(1, 5, owner=None), attribution=Attribution(owner=CUT)) is None


def test_three_kinds_of_events_ask() -> None:
    assert kind(questioned(1)) is QuestionKind.QUESTIONED
    assert kind(counted(1, 5, possible=(2, 5))) is QuestionKind.AMBIGUOUS
    assert kind(counted(1, 5, owner=None)) is QuestionKind.UNASSIGNED


def test_a_count_that_dispatch_gave_to_an_owner_in_doubt_asks_whose_it_is() -> None:
    found = asked(counted(1, 5, owner=None), attribution=Attribution(owner=CUT, doubtful=True))
    assert found is not None
    assert (found.kind, found.work_order, found.least, found.most) == (QuestionKind.AMBIGUOUS, "WO-1", 5, 5)
    bounded = replace(counted(1, 5, owner=None), least=5, most=6)  # certain, and one piece more may be on no counter
    found = asked(bounded, attribution=Attribution(owner=CUT, doubtful=True))
    assert found is not None
    assert (found.counted, found.least, found.most) == (5, 5, 5)


def test_a_reading_without_pieces_in_question_belongs_to_no_list() -> None:
    assert members_of([questioned(1, options=(), result=None)]) == {
        ViewKey(Aggregate.STATION, "CUT-1"): [questioned(1, options=(), result=None)],
        ViewKey(Aggregate.WORK_ORDER, "WO-1"): [questioned(1, options=(), result=None)],
    }


def test_what_only_crossed_the_bound_of_a_zone_asks_nobody() -> None:
    """No station counted these pieces: no work order can have them, and the zone's stock-take settles them."""
    for seen in (
        counted(1, 5, owner=None),
        counted(1, 5, owner=None, possible=(2, 5)),
        counted(1, 0, owner=None, possible=(0, 5)),
        questioned(1, owner=None),
    ):
        crossed = replace(seen, station=None)
        assert members_of([crossed]) == {}
        assert kind(crossed) is None
    assert kind(replace(counted(1, 5, possible=(2, 5)), station=None)) is QuestionKind.AMBIGUOUS  # it has an owner


def test_the_bounds_of_a_question_come_from_its_options_where_it_names_none() -> None:
    found = asked(questioned(1))
    assert found is not None
    assert (found.least, found.most, [str(option) for option in found.options]) == (7, 12, ["wrap:12", "reset:7"])


def test_an_answer_belongs_to_its_question_alone() -> None:
    assert members_of([assigned(1, 9, 5)]) == {ViewKey(Aggregate.QUESTION, name(9)): [assigned(1, 9, 5)]}


def test_a_count_that_asks_nothing_joins_the_question_once_an_answer_names_it() -> None:
    key = ViewKey(Aggregate.QUESTION, name(1))
    assert key not in members_of([counted(1, 5)])
    assert members_of([counted(1, 5), corrected(1, 1, 4)])[key] == [counted(1, 5), corrected(1, 1, 4)]
    assert members_of([counted(1, 5)], answered=[name(1)])[key] == [counted(1, 5)]


@pytest.mark.parametrize(
    ("answers", "pieces"),
    [
        ([corrected(1, 1, 3, at=51), corrected(2, 1, 4, at=50)], 3),
        ([corrected(1, 1, 3), corrected(2, 1, 4)], 4),
        ([corrected(2, 1, 3), assigned(1, 1, 4)], 3),
        ([assigned(2, 1, 4), corrected(1, 1, 3)], 4),
    ],
    ids=["later at", "same at, greater id", "correction last", "assignment last"],
)
def test_of_several_answers_the_one_with_the_greatest_at_and_id_counts(answers: list[Event], pieces: int) -> None:
    for history in ([counted(1, 5, possible=(2, 5)), *answers], [*reversed(answers), counted(1, 5, possible=(2, 5))]):
        found = asked(*history)
        assert found is not None
        assert found.answer is not None
        assert found.answer.pieces == pieces


def test_a_correction_changes_the_pieces_of_the_node_that_has_them() -> None:
    changes = settlements_of(folded(counted(1, 5, possible=(2, 5)), corrected(1, 1, 2)), NOBODYS)
    assert {owner: change.change for owner, change in changes.items()} == {CUT: {Result.GOOD: -3}}


def test_an_assignment_takes_pieces_from_one_node_and_gives_them_to_another() -> None:
    changes = settlements_of(folded(counted(1, 5), assigned(1, 1, 4, owner=SEW, result=Result.SCRAP)), NOBODYS)
    assert {owner: change.change for owner, change in changes.items()} == {
        CUT: {Result.GOOD: -5},
        SEW: {Result.SCRAP: 4},
    }


def test_pieces_that_dispatch_gave_away_are_taken_from_where_dispatch_gave_them() -> None:
    changes = settlements_of(folded(counted(1, 5, owner=None), assigned(1, 1, 5, owner=SEW)), Attribution(owner=CUT))
    assert {owner: change.change for owner, change in changes.items()} == {
        CUT: {Result.GOOD: -5},
        SEW: {Result.GOOD: 5},
    }


@pytest.mark.parametrize(
    ("count", "answer", "left"),
    [
        (counted(1, 6, owner=None), assigned(1, 1, 6), 0),
        (counted(1, 6, owner=None), assigned(1, 1, 4), 2),
        (counted(1, 6, owner=None), assigned(1, 1, 9), 0),
        (counted(1, 6, owner=None, possible=(2, 6)), assigned(1, 1, 2), 0),
        (counted(1, 6, owner=None), corrected(1, 1, 2), 2),
        (counted(1, 6, owner=None), corrected(1, 1, 8), 8),
        (counted(1, 6), assigned(1, 1, 4), 6),
    ],
    ids=["all", "a part", "more than counted", "ambiguous", "fewer were made", "more were made", "it had an owner"],
)
def test_what_stays_without_an_owner_of_six_pieces(count: Event, answer: Event, left: int) -> None:
    assert 6 - settled_without_owner(folded(count, answer), NOBODYS)[1] == left


def test_pieces_without_an_owner_stay_asked_when_only_their_number_was_corrected() -> None:
    some, none = (
        asked(counted(1, 6, owner=None), corrected(1, 1, 2)),
        asked(questioned(1, owner=None), corrected(1, 1, 0)),
    )
    assert some is not None
    assert none is not None
    assert (some.is_open, none.is_open) == (True, False)


def plan(code: str) -> NodePlan:
    return NodePlan(node=code, quantity=8, planned_start=START, planned_finish=minute(60), label={"en": code})


WORK = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=8, nodes=(plan("CUT"), plan("SEW")))


def claimed(seq: int, pieces: int, *, basis: Basis = Basis.COUNT, certain: bool = False) -> Event:
    confidence = Confidence.CERTAIN if certain else Confidence.AMBIGUOUS
    return NodeCompleted(
        id=name(seq),
        at=minute(seq),
        source=PLC,
        work_order="WO-1",
        node="CUT",
        pieces=pieces,
        confidence=confidence,
        basis=basis,
    )


def node(*events: Event, code: str = "CUT") -> NodeFacts:
    """The node as these events leave it, answers among them."""
    members = members_of(events)
    settled: dict[str, dict[str, Any]] = {}
    for key, seen in members.items():
        if key.aggregate is Aggregate.QUESTION:
            for (_, at), change in settlements_of(QUESTION.fold(QUESTION.empty, seen), NOBODYS).items():
                settled.setdefault(at, {})[key.id] = change
    state = WORK_ORDER.fold(WORK_ORDER.empty, members.get(ViewKey(Aggregate.WORK_ORDER, "WO-1"), []))
    found = work_order_facts("WO-1", WORK, state, {}, settled).node(code)
    assert found is not None
    return found


def test_a_claim_stays_in_doubt_until_every_doubtful_count_is_answered() -> None:
    events = [counted(1, 4, possible=(1, 4)), counted(2, 4, possible=(2, 4)), claimed(3, 8)]
    half, whole = node(*events, corrected(1, 1, 4)), node(*events, corrected(1, 1, 4), corrected(2, 2, 4))
    assert (half.lifecycle, half.marks) == (Lifecycle.AWAITING_CONFIRMATION, (Mark.AMBIGUOUS,))
    assert (whole.lifecycle, whole.marks, whole.completed_at) == (Lifecycle.DONE, (), minute(3))


def test_a_claim_whose_pieces_turn_out_fewer_is_not_believed() -> None:
    found = node(counted(1, 8, possible=(6, 8)), claimed(2, 8), corrected(1, 1, 6))
    assert (found.good, found.lifecycle) == (6, Lifecycle.AWAITING_CONFIRMATION)
    assert found.marks == (Mark.BELOW_QUANTITY, Mark.CONFLICTING)


def test_a_claim_whose_pieces_turn_out_to_be_none_is_not_believed() -> None:
    found = node(counted(1, 8, possible=(0, 8)), claimed(2, 8, certain=True), corrected(1, 1, 0))
    assert (found.good, found.marks) == (0, (Mark.BELOW_QUANTITY, Mark.CONFLICTING))


def test_a_claim_by_tags_is_not_settled_by_an_answer_about_a_counter() -> None:
    found = node(counted(1, 8, possible=(6, 8)), claimed(2, 8, basis=Basis.TAGS), corrected(1, 1, 8))
    assert found.marks == (Mark.AMBIGUOUS,)


def test_a_doubtful_count_that_moved_to_another_node_is_no_doubt_any_more() -> None:
    events = [counted(1, 3, possible=(1, 3)), assigned(1, 1, 2, owner=SEW)]
    assert (node(*events).good, node(*events).marks) == (0, ())
    assert (node(*events, code="SEW").good, node(*events, code="SEW").started_at) == (2, minute(1))


def test_a_claim_below_the_quantity_is_believed_once_an_answer_brings_the_rest() -> None:
    found = node(counted(1, 6), claimed(2, 6, certain=True), questioned(3), assigned(1, 3, 2))
    assert (found.good, found.lifecycle, found.marks) == (8, Lifecycle.DONE, ())


def test_a_quantity_reached_by_an_answer_without_a_claim_waits_for_a_person() -> None:
    reached, counted_only = node(counted(1, 6), questioned(3), assigned(1, 3, 2)), node(counted(1, 8))
    assert (reached.lifecycle, reached.marks) == (Lifecycle.AWAITING_CONFIRMATION, (Mark.QUANTITY_REACHED,))
    assert (counted_only.lifecycle, counted_only.marks) == (Lifecycle.IN_PROGRESS, ())


def test_pieces_are_never_fewer_than_none() -> None:
    assert node(counted(1, 3), corrected(1, 1, -5)).good == 0
