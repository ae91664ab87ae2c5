"""Why an event was told: inputs, sum, rule and trail, in words that are written out here."""

from __future__ import annotations

from dataclasses import replace

from genba_edge.core.explaining import every_id, explain, explain_work
from genba_edge.core.explanation_text import inputs_lines, lines_of, to_json
from genba_shared.events import (
    Basis,
    Confidence,
    CountMethod,
    DataGapSeen,
    DataQuestioned,
    Direction,
    DispatchClosed,
    DispatchOpened,
    EnvironmentSummarised,
    Event,
    GapCause,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    QuestionCause,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
    TagBound,
    TagPassed,
)
from tests.unit.edge.explained import PLC, known_of, named
from tests.unit.edge.gateway_world import World, alive, at, back, document, lost, sample, tag_read


def sewn() -> World:
    """Twelve pieces in steps of four, with an outage before the last of them."""
    world = World()
    world.see(back("sewing", 0), sample("sewing", "good1", 100, 0), alive("sewing", 0))
    world.dispatch(document(lists={"SEW-1": [("WO-1", "SEW", 12)]}, wanted={"WO-1": {"SEW": 12}}))
    for second in range(1, 41):
        made = (second >= 20) * 4 + (second >= 27) * 4
        world.see(sample("sewing", "good1", 100 + made, second), alive("sewing", second))
        world.wait_until(second)
    world.see(lost("sewing", 41))
    world.see(back("sewing", 80), sample("sewing", "good1", 112, 80), alive("sewing", 80))
    world.stop()
    return world


def claim_of(world: World) -> NodeCompleted:
    (claim,) = (event for event in world.events if isinstance(event, NodeCompleted))
    return claim


def test_a_completion_is_explained_from_every_input_to_the_rule() -> None:
    world = sewn()
    told = "\n".join(lines_of(explain(claim_of(world), known_of(world.events)), known_of(world.events)))
    assert (
        told
        == f"""\
node_completed #8  (gw-1:{"e" * 32}:8)
2026-01-05 15:01:20: WO-1 / SEW was completed at SEW-1 with 12 pieces: its good pieces were counted

inputs (6)
  work
    #1  2026-01-05 15:00:00    SEW-1 works on WO-1 / SEW from now on, 12 pieces wanted
    #3  2026-01-05 15:00:20    WO-1 / SEW was started at SEW-1
  pieces
    event  at                   station  counter       pieces  result  total  good so far
    #2     2026-01-05 15:00:20  SEW-1    sewing/good1      +4  good        4            4
    #4     2026-01-05 15:00:27  SEW-1    sewing/good1      +4  good        8            8
    #7     2026-01-05 15:01:20  SEW-1    sewing/good1      +4  good       12           12
  doubts
    #6  2026-01-05 15:01:20    nothing was observed of sewing from 2026-01-05 15:00:40 to 2026-01-05 15:01:20 (40 s): \
the connection was lost

sum
  4 + 4 + 4 = 12 good pieces: adds up to the 12 claimed

rule in force
  done when its good pieces (sewing/good1, sewing/good2) reach the quantity of the work order
  starts with its first piece
  node SEW is worked on at SEW-1, SEW-2
  its work order: the next row of the dispatch list of each station, or what somebody opened there
  device map 5e5e5e5e5e5e

decision trail
  none was needed: the event itself says what it was decided by

because of
  #7  2026-01-05 15:01:20: SEW-1 counted 4 good pieces for WO-1 / SEW; counter sewing/good1 went from a total \
of 8 pieces, last seen 2026-01-05 15:00:40, to 12
    total 8 → 12 (counter epoch 0)
    elapsed: 40 s
    reach: at most 62 counts in that time by max_rate
    explanations: the counter rose within its reach; nothing else had to be considered"""
    )


def test_every_input_that_an_independent_list_holds_is_named() -> None:
    world = sewn()
    claim = claim_of(world)
    of_the_node = {named(1), named(2), named(3), named(4), named(7)}
    gap = {named(6)}
    assert set(every_id(explain(claim, known_of(world.events)))) == of_the_node | gap | {claim.id}


def test_what_is_older_than_the_history_is_said_to_be_missing() -> None:
    world = sewn()
    known = known_of(world.events, since=4)
    explanation = explain(claim_of(world), known)
    told = list(lines_of(explanation, known))
    begin = told.index("sum")
    assert told[begin + 1 : begin + 4] == [
        "  4 + 4 = 8 good pieces: DOES NOT ADD UP to the 12 claimed, +4",
        "  missing: the events from the beginning of the work until 2026-01-05 15:00:27 (#4) are no longer kept",
        "  the other 4 good pieces were counted in that time",
    ]
    assert to_json(explanation, known)["sum"] == {
        "good": 8,
        "claimed": 12,
        "answered": 0,
        "adds_up": False,
        "has_beginning": False,
        "kept_since": {"seq": 4, "at": "2026-01-05T07:00:27.000Z"},
    }


def test_a_history_that_begins_before_the_work_misses_nothing_of_it() -> None:
    world = World()
    world.see(back("sewing", 0), sample("sewing", "good1", 0, 0), alive("sewing", 0))
    world.see(sample("sewing", "good1", 1, 1), alive("sewing", 1))
    world.see(sample("sewing", "good1", 1, 2), alive("sewing", 2))
    world.dispatch(document(lists={"SEW-1": [("WO-1", "SEW", 2)]}, wanted={"WO-1": {"SEW": 2}}))
    world.see(sample("sewing", "good1", 3, 3), alive("sewing", 3))
    opened = next(event for event in world.events if isinstance(event, DispatchOpened))
    known = known_of(world.events, since=int(opened.id.rpartition(":")[2]))
    inputs = explain(claim_of(world), known).inputs
    assert inputs is not None
    assert (inputs.has_beginning, inputs.sum, inputs.claimed) == (True, 2, 2)
    assert [line for line in inputs_lines(inputs, known) if "missing" in line] == []


def test_a_sum_that_does_not_add_up_is_said_so() -> None:
    world = sewn()
    events = [event for event in world.events if event.id != named(4)]  # as if its row were damaged
    told = list(lines_of(explain(claim_of(world), known_of(events)), known_of(events)))
    assert "  4 + 4 = 8 good pieces: DOES NOT ADD UP to the 12 claimed, +4" in told
    assert not any("missing" in line for line in told)


def test_work_that_is_not_complete_shows_what_it_has_so_far() -> None:
    world = sewn()
    events = world.events[:5]
    inputs = explain_work("WO-1", "SEW", known_of(events))
    assert inputs.ids == (named(1), named(2), named(3), named(4))
    assert list(inputs_lines(inputs, known_of(events)))[-1] == "  4 + 4 = 8 good pieces so far"


def counted(seq: int, delta: int, total: int) -> PiecesCounted:
    return PiecesCounted(
        id=named(seq), at=at(seq), source=PLC, station="SEW-1", work_order="WO-1", node="SEW",
        point="sewing/good1", result=Result.GOOD, delta=delta, total=total, counter_epoch=0, since=at(seq - 1),
    )  # fmt: skip


def started(seq: int) -> NodeStarted:
    return NodeStarted(id=named(seq), at=at(seq), source=PLC, work_order="WO-1", node="SEW", because=(named(seq - 1),))


def completed(seq: int, pieces: int, basis: Basis = Basis.COUNT) -> NodeCompleted:
    return NodeCompleted(
        id=named(seq), at=at(seq), source=PLC, work_order="WO-1", node="SEW", pieces=pieces, basis=basis,
        because=(named(seq - 1),),
    )  # fmt: skip


def test_a_second_completion_of_a_node_that_was_started_anew_begins_behind_the_first() -> None:
    events = [counted(1, 3, 3), started(2), completed(3, 3), counted(4, 5, 8), started(5), completed(6, 5)]
    inputs = explain(events[5], known_of(events)).inputs
    assert inputs is not None
    assert (inputs.ids, inputs.sum) == ((named(4), named(5)), 5)


def test_a_second_completion_after_the_quantity_was_raised_covers_both_parts() -> None:
    events = [counted(1, 3, 3), started(2), completed(3, 3), counted(4, 5, 8), completed(5, 8)]
    inputs = explain(events[4], known_of(events)).inputs
    assert inputs is not None
    assert (inputs.ids, inputs.sum, inputs.difference) == ((named(1), named(2), named(3), named(4)), 8, 0)


def test_a_completion_that_nothing_counts_is_the_quantity_that_was_wanted() -> None:
    claim = completed(3, 40, Basis.STATE)
    uncounted = replace(World().map, nodes={})  # its stations are those of another gateway
    known = replace(known_of([started(2), claim]), device_map=uncounted)
    told = list(lines_of(explain(claim, known), known))
    assert told[told.index("sum") + 1] == (
        "  nothing counts the pieces of this node: the 40 claimed are those that were wanted"
    )


def test_a_completion_of_a_counted_node_whose_counts_are_no_longer_kept_is_no_wanted_quantity() -> None:
    claim = completed(9, 40, Basis.STATE)
    inputs = explain(claim, replace(known_of([claim]), device_map=World().map)).inputs
    assert inputs is not None
    assert (inputs.is_quantity, inputs.difference) == (False, 40)


def test_what_the_counters_cannot_show_is_said_beside_the_sum() -> None:
    reset = replace(counted(3, 0, 4), method=CountMethod.RESET, least=0, most=2)
    doubtful = replace(counted(4, 4, 8), confidence=Confidence.AMBIGUOUS, least=0, most=4)
    events: list[Event] = [counted(1, 4, 4), started(2), reset, doubtful, completed(5, 8)]
    inputs = explain(events[4], known_of(events)).inputs
    assert inputs is not None
    told = list(inputs_lines(inputs, known_of(events)))
    assert told[told.index("sum") + 1 :][:2] == [
        "  4 + 4 = 8 good pieces: adds up to the 8 claimed",
        "  by what the counters cannot show or do not say for certain: 4 to 10 good pieces",
    ]
    assert [" ".join(line.split()[8:]) for line in told if "sewing/good1" in line] == [
        "4",
        "4 reset 0 to 2 possible",
        "8 ambiguous: 0 to 4 possible",
    ]


def test_pieces_that_answers_added_are_part_of_the_sum_of_a_claim_by_counts() -> None:
    events: list[Event] = [counted(1, 8, 8), started(2), completed(3, 10)]
    known = known_of(events, trails={named(3): {"answered": 2}})
    inputs = explain(events[2], known).inputs
    assert inputs is not None
    told = list(inputs_lines(inputs, known))
    assert told[told.index("sum") + 1] == (
        "  1 input with pieces: 8 good pieces, +2 by people's answers in the collector: adds up to the 10 claimed"
    )
    by_tags = completed(3, 10, Basis.TAGS)
    inputs = explain(by_tags, known_of([by_tags], trails={named(3): {"answered": 2}})).inputs
    assert inputs is not None
    assert (inputs.answered, inputs.difference) == (0, 10)


def test_the_state_that_started_the_work_is_an_input_and_begins_it() -> None:
    running = StationStateChanged(
        id=named(11), at=at(11), source=PLC, station="SEW-1", state=StationState.RUNNING, since=at(11)
    )
    events: list[Event] = [
        DispatchOpened(id=named(10), at=at(10), source=PLC, station="SEW-1", work_order="WO-1", node="SEW"),
        running, started(12), counted(13, 4, 4), completed(14, 4),
    ]  # fmt: skip
    inputs = explain(events[4], known_of(events, since=10)).inputs
    assert inputs is not None
    assert inputs.ids == (named(10), named(11), named(12), named(13))
    assert (inputs.has_beginning, inputs.sum) == (True, 4)


def test_an_outage_of_the_reader_is_named_beside_a_completion_by_tags() -> None:
    def passed(seq: int, direction: Direction) -> TagPassed:
        return TagPassed(
            id=named(seq), at=at(seq), source=PLC, work_order="WO-1", node="PACK", reader="gate", read_point="out",
            tag="3034a1", direction=direction, first_seen=at(seq), last_seen=at(seq), reads=4, pieces=5,
        )  # fmt: skip

    events: list[Event] = [
        passed(1, Direction.ENTER),
        DataGapSeen(
            id=named(2), at=at(2), source=PLC, begin=at(1), end=at(2), cause=GapCause.CONNECTIVITY, subject="gate"
        ),
        passed(3, Direction.LEAVE),
        NodeCompleted(
            id=named(4), at=at(3), source=PLC, work_order="WO-1", node="PACK", pieces=5, basis=Basis.TAGS,
            because=(named(3),),
        ),
    ]  # fmt: skip
    inputs = explain(events[3], known_of(events)).inputs
    assert inputs is not None
    assert inputs.ids == (named(1), named(2), named(3))


def test_a_completion_by_tags_names_every_passage_and_adds_those_that_left() -> None:
    world = World()
    tags = [("3034a1", "WO-1", 5), ("3034a2", "WO-1", 3)]
    world.see(back("gate", 0))
    world.dispatch(document(wanted={"WO-1": {"PACK": 8}}, tags=tags))
    for antenna, begin in ((1, 10), (2, 100)):
        for number, (tag, _, _) in enumerate(tags):
            world.see(tag_read(tag, antenna, begin + number, begin + number + 0.5), alive("gate", begin + number + 1))
        world.see(alive("gate", begin + 60))
    claim = claim_of(world)
    passages = [event.id for event in world.events if isinstance(event, TagPassed)]
    explanation = explain(claim, known_of(world.events))
    assert (claim.basis, len(passages)) == (Basis.TAGS, 4)
    assert explanation.inputs is not None
    assert [each.event.id for each in explanation.inputs.inputs if each.group == "passages"] == passages
    assert [each.adds for each in explanation.inputs.inputs if each.group == "passages"] == [0, 0, 5, 3]
    told = list(lines_of(explanation, known_of(world.events)))
    assert "  5 + 3 = 8 good pieces: adds up to the 8 claimed" in told
    assert "  done when all tags of the work order have left zone packing" in told
    assert [each.event.id for each in explanation.because] == passages[2:]


def test_bindings_questions_and_summaries_of_the_work_are_inputs() -> None:
    system = Source(type=SourceType.SYSTEM, ref="gw-1")
    events: list[Event] = [
        DispatchOpened(id=named(1), at=at(1), source=system, station="SEW-1", work_order="WO-1", node="SEW"),
        TagBound(id=named(2), at=at(2), source=system, work_order="WO-1", tag="3034a1", pieces=2),
        PiecesCounted(
            id=named(3), at=at(3), source=PLC, station="SEW-1", work_order="WO-1", node="SEW", point="sewing/good1",
            result=Result.GOOD, delta=2, total=2, counter_epoch=0, since=at(2),
        ),
        NodeStarted(
            id=named(4), at=at(3), source=PLC, work_order="WO-1", node="SEW", station="SEW-1", because=(named(3),)
        ),
        DataQuestioned(
            id=named(5), at=at(4), source=PLC, station="SEW-1", point="sewing/good1", note="read 9 after 2",
            cause=QuestionCause.STEP, result=Result.GOOD, least=0, most=7, options=("wrap:7",),
        ),
        DataQuestioned(id=named(6), at=at(4), source=PLC, station="CUT-1", point="cutter1/parts", note="elsewhere"),
        DispatchClosed(id=named(7), at=at(5), source=system, station="SEW-1", work_order="WO-1", node="SEW"),
        NodeCompleted(
            id=named(8), at=at(3), source=PLC, work_order="WO-1", node="SEW", pieces=2, because=(named(3),)
        ),
        EnvironmentSummarised(
            id=named(9), at=at(3), source=system, work_order="WO-1", node="SEW", point="env/temp", begin=at(1),
            end=at(3), least=20.5, mean=21.25, most=22, samples=3, uom="°C", because=(named(8),),
        ),
        EnvironmentSummarised(
            id=named(10), at=at(9), source=system, work_order="WO-1", node="SEW", point="env/temp", begin=at(3),
            end=at(9), least=20, mean=20, most=20, samples=3,
        ),
    ]  # fmt: skip
    inputs = explain(events[7], known_of(events)).inputs
    assert inputs is not None
    assert [(each.event.id, each.group) for each in inputs.inputs] == [
        (named(1), "work"),
        (named(2), "bindings"),
        (named(3), "pieces"),
        (named(4), "work"),
        (named(5), "doubts"),
        (named(7), "work"),
        (named(9), "environment"),
    ]
    assert inputs.has_beginning
