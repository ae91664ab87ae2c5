"""What is said of single events: their sentences, facts, rules and trails, whatever a trail holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from genba_edge.core.explaining import every_id, explain
from genba_edge.core.explanation_text import lines_of, trail_lines
from genba_edge.core.sentences import said_of, sentence_of, span_text
from genba_shared.events import (
    Confidence,
    CountMethod,
    CountOption,
    DataGapSeen,
    DataQuestioned,
    Direction,
    DispatchClosed,
    GapCause,
    PiecesCounted,
    QuestionCause,
    Result,
    StationChangedOver,
    StationState,
    StationStateChanged,
    TagPassed,
    WipChanged,
)
from tests.unit.edge.explained import PLC, SHANGHAI, known_of, named
from tests.unit.edge.gateway_world import at


def wrapped() -> PiecesCounted:
    return PiecesCounted(
        id=named(7), at=at(60), source=PLC, station="CUT-1", point="cutter1/parts", result=Result.GOOD, delta=5,
        total=45, counter_epoch=2, since=at(30), method=CountMethod.WRAP, confidence=Confidence.AMBIGUOUS, least=3,
        most=5, options=(str(CountOption(CountMethod.WRAP, 5)), str(CountOption(CountMethod.RESET, 3))),
    )  # fmt: skip


TRAIL = {
    "last": 65533,
    "raw": 2,
    "elapsed_s": 30.0,
    "reach": 47,
    "possible": ["wrap:5", "reset:3"],
    "not_possible": {"restore": "no value from before a reset is remembered"},
    "chosen": "wrap",
    "rule": "on_decrease auto",
}


def test_an_ambiguous_count_shows_what_was_possible_and_why() -> None:
    event = wrapped()
    before = PiecesCounted(
        id=named(5), at=at(20), source=PLC, station="CUT-1", point="cutter1/parts", result=Result.GOOD, delta=1,
        total=38, counter_epoch=2, since=at(19),
    )  # fmt: skip
    known = known_of([event], trails={event.id: TRAIL}, before={event.id: before})
    assert list(lines_of(explain(event, known), known)) == [
        f"pieces_counted #7  ({named(7)})",
        (
            "2026-01-05 15:01:00: CUT-1 counted 5 good pieces for no work order (unassigned); counter cutter1/parts "
            "went from a total of 40 pieces, last seen 2026-01-05 15:00:30, to 45; it passed its limit and began again "
            "at 0; not certain: at least 3, at most 5"
        ),
        "  total 40 → 45 (counter epoch 2)",
        "  the count before: #5 at 2026-01-05 15:00:20, total 38",
        "  the totals leave 2 pieces between the two that no event kept here tells",
        "  possible: it passed its limit and began again at 0: 5 pieces",
        "  possible: it was reset: 3 pieces",
        "",
        "rule in force",
        "  counter cutter1/parts counts up to 65535 and begins again at 0",
        "  at most 60 counts a minute, half as many again for a moment, and 2 at once",
        "  where it falls: rule auto; cutter1/reset shows a reset (point)",
        "  device map 5e5e5e5e5e5e",
        "",
        "decision trail",
        "  value before: 65533",
        "  value now: 2",
        "  elapsed: 30 s",
        "  most counts possible in that time: 47",
        "  possible: it passed its limit and began again at 0: 5 pieces, it was reset: 3 pieces",
        "  not possible:",
        "    restore: no value from before a reset is remembered",
        "  chosen: wrap",
        "  rule: on_decrease auto",
    ]


def test_any_trail_can_be_read_whatever_its_names() -> None:
    trail = {
        "mean_rssi_dbm": -51.25,
        "is_cross_read": False,
        "nobody": None,
        "empty": [],
        "hollow": {},
        "competing": [{"read_point": "gate/in", "reads": 4}, {"read_point": "gate/out", "reads": 12, "why": "weaker"}],
        "deep": {"a": {"b": [1, 2]}},
    }
    assert trail_lines(trail, SHANGHAI) == [
        "mean rssi: -51.25 dBm",
        "is cross read: no",
        "nobody: nothing",
        "empty: nothing",
        "hollow: nothing",
        "competing:",
        "  read point  reads  why",
        "  gate/in         4  nothing",
        "  gate/out       12  weaker",
        "deep:",
        "  a:",
        "    b: 1, 2",
    ]


def test_times_and_events_in_a_trail_are_told_as_everywhere_else() -> None:
    trail = {
        "parts": [{"saw": "true since 2026-01-05T07:00:21.500Z", "because": [named(2), named(4)]}],
        "last_piece": "2026-01-05T07:00:28Z",
        "idle_after_s": 180.0,
        "elsewhere": "order:2026:1",
        "read": "2026-99-99T07:00:28Z",
    }
    assert trail_lines(trail, SHANGHAI) == [
        "parts:",
        "  saw                             because",
        "  true since 2026-01-05 15:00:21  #2, #4",
        "last piece: 2026-01-05 15:00:28",
        "idle after: 180 s",
        "elsewhere: order:2026:1",
        "read: 2026-99-99T07:00:28Z",
    ]


def gap(cause: GapCause, *, subject: str = "gw-1", dropped: tuple[str, ...] = ()) -> str:
    event = DataGapSeen(
        id=named(4), at=at(9), source=PLC, begin=at(0), end=at(9), cause=cause, subject=subject, dropped=dropped
    )
    return sentence_of(event, SHANGHAI).partition(": ")[2]


def test_a_gap_says_what_it_was() -> None:
    span = "from 2026-01-05 15:00:00 to 2026-01-05 15:00:09"
    assert gap(GapCause.CLOCK) == (
        f"nothing was observed of gw-1 {span} (9 s): the gateway's clock was set, and these times were told twice or "
        "never"
    )
    assert gap(GapCause.RESTORE) == (
        f"nothing was observed of gw-1 {span} (9 s): the gateway's store was lost, put back or copied, and it began "
        "anew"
    )
    assert gap(GapCause.FULL, subject="(store)", dropped=("pieces_counted:3-17:12", "wip_changed:4-9:2")) == (
        f"the store was full, and events {span} went before the collector had them (kind:first-last:how many): "
        "pieces_counted:3-17:12, wip_changed:4-9:2"
    )


def test_every_kind_says_itself_in_a_sentence() -> None:
    told = [
        sentence_of(event, SHANGHAI)
        for event in (
            WipChanged(id=named(1), at=at(1), source=PLC, zone="buffer", count=7, by=-2, error_estimate=1),
            StationStateChanged(
                id=named(2), at=at(2), source=PLC, station="CUT-1", state=StationState.IDLE, since=at(2)
            ),
            DispatchClosed(id=named(3), at=at(3), source=PLC, station="CUT-1", work_order="WO-1", node="CUT"),
            DataGapSeen(
                id=named(4), at=at(4), source=PLC, begin=at(0), end=at(3700), cause=GapCause.GATEWAY, subject="cutter1"
            ),
            wrapped().__class__(
                id=named(5), at=at(5), source=PLC, station="CUT-1", point="cutter1/parts", result=Result.SCRAP,
                delta=1, total=1, counter_epoch=0, since=at(4), work_order="WO-1", node="CUT",
            ),
        )
    ]  # fmt: skip
    assert told == [
        "2026-01-05 15:00:01: zone buffer holds 7 pieces (-2), give or take 1",
        "2026-01-05 15:00:02: CUT-1 is idle",
        "2026-01-05 15:00:03: CUT-1 no longer works on WO-1 / CUT",
        (
            "2026-01-05 15:00:04: nothing was observed of cutter1 from 2026-01-05 15:00:00 to 2026-01-05 16:01:40 "
            "(1 h 1 min): the gateway was not running"
        ),
        (
            "2026-01-05 15:00:05: CUT-1 counted 1 scrap piece for WO-1 / CUT; counter cutter1/parts went from a total "
            "of 0 pieces, last seen 2026-01-05 15:00:04, to 1"
        ),
    ]


def test_a_plain_count_is_within_what_was_possible_since_its_last_reading_and_not_since_the_count_before() -> None:
    before = replace(wrapped(), id=named(5), at=at(0), total=40)
    event = replace(
        wrapped(), method=CountMethod.NORMAL, confidence=Confidence.CERTAIN, least=None, most=None, options=()
    )
    known = known_of([event], before={event.id: before})
    assert explain(event, known).facts == (
        "total 40 → 45 (counter epoch 2)",
        "the count before: #5 at 2026-01-05 15:00:00, total 40",
        "elapsed: 30 s",
        "reach: at most 47 counts in that time by max_rate",
        "explanations: the counter rose within its reach; nothing else had to be considered",
    )


def test_pieces_that_may_belong_to_other_work_are_said_to_be_made() -> None:
    event = replace(wrapped(), method=CountMethod.NORMAL, least=0, most=5, options=())
    assert explain(event, known_of([event])).facts[-1] == (
        "the pieces were made, and whose they are is in doubt: more than was wanted, or work changed meanwhile"
    )


def test_a_question_says_what_it_is_about_and_by_which_rule() -> None:
    def asked(cause: QuestionCause, point: str, zone: str | None = None) -> tuple[str, tuple[str, ...]]:
        event = DataQuestioned(id=named(1), at=at(1), source=PLC, point=point, note="why", cause=cause, zone=zone)
        explanation = explain(event, known_of([event]))
        return said_of(event, SHANGHAI), explanation.rule

    assert asked(QuestionCause.WIP, "zone packing", "packing") == (
        "what is in zone packing does not fit what came and went: why",
        ("zone packing: in at gate/in, out at gate/out",),
    )
    assert asked(QuestionCause.SATURATED, "cutter1/parts")[0] == (
        "counter cutter1/parts stands at its limit, where pieces vanish: why"
    )
    assert asked(QuestionCause.MAP, "cutter1/job") == (
        "the readings of cutter1/job do not fit what the device map says of it: why",
        ("genba compares what it reads with the map while it runs",),
    )


def test_a_change_over_says_from_what_to_what_and_how_long_it_took() -> None:
    event = StationChangedOver(
        id=named(1), at=at(95), source=PLC, station="CUT-1", work_order="WO-2", node="CUT", begin=at(5), end=at(95),
        before_work_order="WO-1", before_node="CUT",
    )  # fmt: skip
    explanation = explain(event, known_of([event]))
    assert explanation.sentence == (
        "2026-01-05 15:01:35: CUT-1 changed over from WO-1 / CUT to WO-2 / CUT in 1 min 30 s: its last good piece of "
        "the one was at 2026-01-05 15:00:05, its first of the other at 2026-01-05 15:01:35"
    )
    assert explanation.rule == (
        "a change-over of CUT-1 is from its last good piece of one work to its first of the next",
    )


def test_a_reset_that_shows_no_piece_says_what_the_counter_cannot_show() -> None:
    event = replace(
        wrapped(), delta=0, total=40, method=CountMethod.RESET, confidence=Confidence.CERTAIN, least=0, most=1,
        options=(), work_order="WO-1", node="CUT",
    )  # fmt: skip
    assert said_of(event, SHANGHAI) == (
        "CUT-1 counted nothing for WO-1 / CUT; counter cutter1/parts shows no piece since 2026-01-05 15:00:30, its "
        "total stays at 40 pieces; it was reset; the counter cannot show all of it: 0 to 1 piece can have been made"
    )


def test_pieces_that_only_cross_the_bound_of_a_zone_are_of_no_station() -> None:
    event = replace(
        wrapped(), station=None, method=CountMethod.NORMAL, confidence=Confidence.CERTAIN, least=None, most=None,
        options=(),
    )  # fmt: skip
    assert said_of(event, SHANGHAI) == (
        "what crosses a zone's bound: 5 good pieces; counter cutter1/parts went from a total of 40 pieces, last seen "
        "2026-01-05 15:00:30, to 45"
    )


def test_a_passage_says_whether_it_was_seen_and_whether_it_moved_the_tag() -> None:
    seen = TagPassed(
        id=named(1), at=at(9), source=PLC, work_order="WO-1", reader="gate", read_point="out", tag="3034a1",
        direction=Direction.PASS, first_seen=at(5), last_seen=at(9), reads=1, zone="packing", pieces=5, antenna=2,
    )  # fmt: skip
    concluded = replace(seen, direction=Direction.LEAVE, reads=0, implied=True, antenna=None)
    nowhere = replace(seen, zone=None, pieces=None, reads=3)
    assert [said_of(event, SHANGHAI) for event in (seen, concluded, nowhere)] == [
        "tag 3034a1 with 5 pieces of WO-1 was seen, and stays in zone packing, at read point gate/out (1 read)",
        "tag 3034a1 with 5 pieces of WO-1 left zone packing at read point gate/out (no read there: concluded)",
        "tag 3034a1 that stands for nothing known passed by, in no zone, at read point gate/out (3 reads)",
    ]
    assert [explain(event, known_of([event])).facts for event in (seen, concluded)] == [
        ("seen from 2026-01-05 15:00:05 for 4 s, antenna 2",),
        ("nobody saw it: some time between 2026-01-05 15:00:05 and 2026-01-05 15:00:09",),
    ]


def test_a_change_of_state_says_how_long_the_state_before_lasted() -> None:
    before = StationStateChanged(
        id=named(1), at=at(0), source=PLC, station="CUT-1", state=StationState.RUNNING, since=at(0)
    )
    event = StationStateChanged(
        id=named(2), at=at(300), source=PLC, station="CUT-1", state=StationState.IDLE, since=at(300)
    )
    known = known_of([before, event], before={event.id: before})
    explanation = explain(event, known)
    assert explanation.facts == ("before: running for 5 min 0 s (#1)",)
    assert explanation.rule == (
        "state of CUT-1: runs while cutter1/parts counts, idle after 3 min 0 s without a piece",
        "unknown while its device is silent or its point cannot be read",
    )


def test_what_an_event_follows_from_and_is_no_longer_kept_is_named() -> None:
    made_elsewhere = "3b1f6a52-6f6e-4c43-9f2a-d7a6a4a6d1f0"
    event = WipChanged(
        id=named(20), at=at(20), source=PLC, zone="buffer", count=1, by=1, because=(named(3), named(19), made_elsewhere)
    )
    known = known_of([event], since=20)
    told = list(lines_of(explain(event, known), known))
    assert told[told.index("because of") + 1 :] == [
        "  #3  is older than what is kept (since 2026-01-05 15:00:20)",
        "  #19  is older than what is kept (since 2026-01-05 15:00:20)",
        f"  {made_elsewhere}  was made elsewhere: it is not in this gateway's history",
    ]


def test_events_that_name_each_other_end() -> None:
    one = WipChanged(id=named(1), at=at(1), source=PLC, zone="buffer", count=1, by=1, because=(named(2),))
    two = WipChanged(id=named(2), at=at(1), source=PLC, zone="buffer", count=2, by=1, because=(named(1),))
    assert list(every_id(explain(one, known_of([one, two])))) == [named(1), named(2)]


def test_spans_are_told_in_their_two_largest_units() -> None:
    spans = [timedelta(seconds=0), timedelta(seconds=59.6), timedelta(minutes=4, seconds=10), timedelta(hours=50)]
    assert [span_text(span) for span in spans] == ["0 s", "1 min 0 s", "4 min 10 s", "2 d 2 h"]
