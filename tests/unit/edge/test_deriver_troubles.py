"""The derivation when things go wrong: late documents, reused tags, bad points, kills between two words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genba_edge.core.counting import Counting
from genba_edge.core.observations import Quality, ReadingsLost
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.events import (
    Confidence,
    CountMethod,
    DataGapSeen,
    DataQuestioned,
    DispatchOpened,
    GapCause,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    TagPassed,
    WipChanged,
)
from tests.unit.edge.gateway_world import MAP, World, alive, at, back, document, lost, sample, tag_read
from tests.unit.edge.test_deriver import gate_world, of, passes, sewing, sewing_world


def cutter_world(order: str = "WO-1") -> World:
    world = World()
    world.see(back("cutter1", 0))
    world.see(sample("cutter1", "order", order, 0), sample("cutter1", "parts", 0, 0), alive("cutter1", 0))
    return world


# Dispatch.


def test_quantity_that_arrives_while_pieces_are_joined_completes_at_the_last_of_them() -> None:
    world = cutter_world()
    world.see(sample("cutter1", "parts", 1, 1))
    world.see(sample("cutter1", "parts", 2, 3))  # joined, not yet emitted
    (completed,) = of(NodeCompleted, world.dispatch(document(wanted={"WO-1": {"CUT": 2}})))
    assert (completed.at, completed.pieces, completed.confidence) == (at(3), 2, Confidence.CERTAIN)


def test_completion_moves_every_station_of_the_node_to_its_next_row() -> None:
    world = World()
    world.see(back("sewing", 0))
    sewing(world, 0)
    rows = [("WO-1", "SEW", 2), ("WO-2", "SEW", 9)]
    world.dispatch(document(lists={"SEW-1": rows, "SEW-2": rows}, wanted={"WO-1": {"SEW": 2}, "WO-2": {"SEW": 9}}))
    sewing(world, 1, good1=1, good2=1)
    events = sewing(world, 2, good1=1, good2=1) + sewing(world, 3, good1=2, good2=2) + world.stop()
    counted = [(event.station, event.work_order, event.confidence) for event in of(PiecesCounted, events)]
    assert sorted(counted) == [("SEW-1", "WO-2", Confidence.CERTAIN), ("SEW-2", "WO-2", Confidence.CERTAIN)]


def test_new_document_survives_a_kill_before_the_next_event() -> None:
    world = sewing_world(("WO-1", "SEW", 1))
    world.dispatch(
        document(version=2, lists={"SEW-1": [("WO-1", "SEW", 1), ("WO-2", "SEW", 5)]}, wanted={"WO-1": {"SEW": 1}})
    )
    world.kill_and_restart()
    events = world.see(back("sewing", 3)) + sewing(world, 3, good1=1)
    assert [event.work_order for event in of(DispatchOpened, events)] == ["WO-2"]


def test_first_reading_survives_a_kill_before_the_first_piece() -> None:
    world = World()
    world.see(back("sewing", 0))
    sewing(world, 0, good1=5)
    world.kill_and_restart()
    events = world.see(back("sewing", 4)) + sewing(world, 4, good1=7) + world.stop()
    assert [event.delta for event in of(PiecesCounted, events) if event.station == "SEW-1"] == [2]


@pytest.mark.parametrize("first", ["order", "parts"])
def test_piece_of_the_very_moment_of_a_change_of_job_belongs_to_the_job_before(first: str) -> None:
    world = cutter_world()
    together = [sample("cutter1", "parts", 1, 20), sample("cutter1", "order", "WO-2", 20)]
    events = world.see(*sorted(together, key=lambda one: one.point != first))
    (counted,) = of(PiecesCounted, events)
    assert counted.work_order == "WO-1"


def test_piece_after_a_restart_is_certain_though_the_job_changed_before_it() -> None:
    world = cutter_world()
    world.see(sample("cutter1", "parts", 1, 5))
    world.see(sample("cutter1", "order", "WO-2", 100))
    world.wait_until(103)
    world.kill_and_restart()
    world.see(back("cutter1", 110))
    (counted,) = of(PiecesCounted, world.see(sample("cutter1", "parts", 2, 120)))
    assert (counted.work_order, counted.since, counted.confidence) == ("WO-2", at(100), Confidence.CERTAIN)


# Counters.


def test_reset_while_nobody_looked_starts_no_work() -> None:
    world = cutter_world()
    world.see(sample("cutter1", "parts", 3, 5))
    world.see(lost("cutter1", 10))
    world.see(back("cutter1", 60), sample("cutter1", "order", "WO-2", 30), sample("cutter1", "parts", 0, 50))
    world.see(alive("cutter1", 61))
    assert [event.work_order for event in of(NodeStarted, world.events)] == ["WO-1"]
    assert [event.delta for event in of(PiecesCounted, world.events)] == [3, 0]


def test_first_reading_beyond_the_limit_is_questioned_when_it_stays() -> None:
    world = World()
    world.see(back("sewing", 0))
    events = [event for second in range(5) for event in sewing(world, second, good1=2**32)]
    (questioned,) = of(DataQuestioned, events)
    assert (questioned.at, questioned.point) == (at(3), "sewing/good1")


def test_pieces_after_a_fall_that_waited_survive_a_kill_before_they_are_told() -> None:
    world = sewing_world()
    sewing(world, 5, good1=3)
    for second, value in ((6, 3), (7, 0), (8, 1), (9, 1)):
        sewing(world, second, good1=value)
    world.kill_and_restart()
    world.see(back("sewing", 10))
    sewing(world, 10, good1=1)
    world.stop()
    assert sum(event.delta for event in of(PiecesCounted, world.events) if event.station == "SEW-1") == 4


def test_point_that_was_bad_is_not_taken_as_watched_meanwhile() -> None:
    world = cutter_world()
    bad = replace(sample("cutter1", "parts", None, 10), quality=Quality.BAD)
    world.see(bad, alive("cutter1", 20))
    world.see(sample("cutter1", "order", "WO-2", 30), alive("cutter1", 35))
    (counted,) = of(PiecesCounted, world.see(sample("cutter1", "parts", 2, 40)))
    assert (counted.since, counted.confidence) == (at(0), Confidence.AMBIGUOUS)


def test_point_of_a_slow_group_is_not_known_through_the_polls_of_a_fast_one() -> None:
    world = sewing_world(("WO-1", "SEW", 5))
    for second in range(1, 6):
        world.see(sample("sewing", "state", 1, second), alive("sewing", second))
    (counted,) = of(PiecesCounted, sewing(world, 6, good1=1))
    assert counted.since == at(0)


def test_doubt_of_a_polled_counter_needs_three_polls() -> None:
    world = sewing_world(("WO-1", "SEW", 5))
    assert of(DataQuestioned, sewing(world, 1, good1=5000) + sewing(world, 2, good1=5000)) == []
    assert len(of(DataQuestioned, sewing(world, 3, good1=5000))) == 1


def test_doubted_reading_of_a_counter_that_counts_down_is_confirmed_as_it_was_read() -> None:
    world = World(replace_in_map=("max_rate: 60/min, reset_by", "max_rate: 60/min, direction: down, reset_by"))
    world.see(back("cutter1", 0))
    world.see(sample("cutter1", "parts", 5000, 0))
    world.see(sample("cutter1", "parts", 1000, 1), alive("cutter1", 1))
    world.see(alive("cutter1", 1.5))
    (questioned,) = of(DataQuestioned, world.see(alive("cutter1", 2)))
    assert "1000" in (questioned.note or "")
    (counted,) = of(PiecesCounted, world.see(sample("cutter1", "parts", 999, 4)))
    assert counted.delta == 1


def test_uptime_that_falls_in_the_same_poll_tells_a_reset_from_a_wrap() -> None:
    map_of_a_small_counter = (
        "{at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min}}",
        "{at: 40001, type: uint16, group: fast, counter: {limit: 99, max_rate: 600/min, reset_by: {falls: state}}}",
    )
    world = World(replace_in_map=map_of_a_small_counter)
    world.see(back("sewing", 0))
    world.see(sample("sewing", "good1", 98, 0), sample("sewing", "state", 5000, 0), alive("sewing", 0))
    world.see(sample("sewing", "good1", 2, 1), sample("sewing", "state", 1, 1), alive("sewing", 1))
    (counted,) = of(PiecesCounted, world.events)
    assert (counted.delta, counted.method, counted.confidence) == (2, CountMethod.RESET, Confidence.CERTAIN)


@pytest.mark.parametrize(("boot", "pieces"), [(7, 4), (8, 2)])
def test_time_of_boot_that_changes_is_evidence_of_a_reset(boot: int, pieces: int) -> None:
    world = World(
        replace_in_map=(
            "{at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min}}",
            "{at: 40001, type: uint16, group: fast, counter: {limit: 99, max_rate: 10/s, reset_by: {changes: state}}}",
        )
    )
    world.see(back("sewing", 0))
    world.see(sample("sewing", "good1", 98, 0), sample("sewing", "state", 7, 0), alive("sewing", 0))
    world.see(sample("sewing", "good1", 2, 1), sample("sewing", "state", boot, 1), alive("sewing", 1))
    world.see(sample("sewing", "good1", 2, 2), sample("sewing", "state", boot, 2), alive("sewing", 2))
    assert [event.delta for event in of(PiecesCounted, world.events)] == [pieces]


def test_readings_beyond_the_limit_are_questioned_once_and_never_counted() -> None:
    world = World(replace_in_map=("max_rate: 60/min, reset_by", "limit: 999, reset_by"))
    world.see(back("cutter1", 0))
    world.see(sample("cutter1", "parts", 990, 0))
    for second in range(1, 20):
        world.see(sample("cutter1", "parts", 1000 + second, second), alive("cutter1", second))
    world.see(sample("cutter1", "parts", 995, 30))
    assert len(of(DataQuestioned, world.events)) == 1
    assert [event.delta for event in of(PiecesCounted, world.events)] == [5]


def test_counter_that_left_the_map_is_left_alone() -> None:
    world = sewing_world(("WO-1", "SEW", 5))
    sewing(world, 1, good1=1)
    sewing(world, 2, good1=2)
    sewing(world, 3, good1=5000)
    world.wait_until(12)  # saved while in doubt
    world.restart_with_map(("good1", "good3"))
    assert of(DataQuestioned, world.see(back("sewing", 20)) + world.see(alive("sewing", 21))) == []


def test_count_in_doubt_that_is_split_keeps_what_it_may_be_at_most() -> None:
    world = sewing_world(("WO-1", "SEW", 5), ("WO-2", "SEW", 9))
    sewing(world, 4, good1=4)
    world.see(lost("sewing", 5))
    events = (
        world.see(back("sewing", 24)) + sewing(world, 24, good1=3) + sewing(world, 25, good1=3)
    )  # reset by somebody; up to 31 were possible
    told = [event for event in of(PiecesCounted, events) if event.station == "SEW-1"]
    counted = [(event.work_order, event.delta, event.least, event.most) for event in told]
    assert counted == [("WO-1", 1, 0, 31), ("WO-2", 2, 0, 31)]


# Tags.


def test_reuse_of_a_tag_after_it_left_does_not_take_its_pieces_from_the_completion() -> None:
    world = gate_world()
    passes(world, "3034a1", 1, 10)
    passes(world, "3034a2", 1, 100)
    passes(world, "3034a1", 2, 200)
    world.dispatch(
        document(version=2, wanted={"WO-1": {"PACK": 8}}, tags=[("3034a1", "WO-2", 4), ("3034a2", "WO-1", 3)])
    )
    (completed,) = of(NodeCompleted, passes(world, "3034a2", 2, 300))
    assert (completed.work_order, completed.pieces, completed.at) == ("WO-1", 8, at(303))


def test_passage_that_arrives_late_belongs_to_what_the_tag_stood_for_then() -> None:
    world = gate_world()
    world.see(lost("gate", 50))
    newer = document(version=2, wanted={"WO-1": {"PACK": 8}}, tags=[("3034a1", "WO-2", 4)])
    world.now = at(500)
    world.dispatch(replace(newer, tags=tuple(replace(tag, since=at(500)) for tag in newer.tags)))
    world.kill_and_restart()
    world.see(tag_read("3034a1", 1, 100, 103))  # the reader held it
    events = world.see(back("gate", 600)) + world.see(alive("gate", 601))
    (passed,) = of(TagPassed, events)
    assert (passed.work_order, passed.pieces) == ("WO-1", 5)


@pytest.mark.parametrize("after", [(), (("3034a1", "WO-2", 4),)], ids=["unbound", "bound anew"])
@pytest.mark.parametrize("kills", [0, 1])
def test_tag_that_left_just_before_it_was_taken_for_other_work_has_left(
    after: tuple[tuple[str, str, int], ...], kills: int
) -> None:
    world = World()
    world.see(back("gate", 0))
    wanted = {"WO-1": {"PACK": 5}, "WO-2": {"PACK": 4}}
    world.dispatch(document(wanted=wanted, tags=[("3034a1", "WO-1", 5)]))
    passes(world, "3034a1", 1, 10)
    world.see(tag_read("3034a1", 2, 100, 104))
    world.now = at(120)  # its passage is told after 30 s of silence
    newer = document(version=2, wanted=wanted, tags=after)
    world.dispatch(replace(newer, tags=tuple(replace(tag, since=at(118)) for tag in newer.tags)))
    world.commit_all()
    for _ in range(kills):
        world.kill_and_restart()
        world.see(back("gate", 121))
    events = world.see(alive("gate", 200))
    assert [(event.work_order, event.direction, event.at, event.node) for event in of(TagPassed, events)] == [
        ("WO-1", "leave", at(104), "PACK")
    ]
    assert [(event.work_order, event.pieces) for event in of(NodeCompleted, events)] == [("WO-1", 5)]
    assert of(WipChanged, events) == []
    assert [event.node for event in of(TagPassed, passes(world, "3034a1", 2, 300))] == (
        [None, "PACK"] if after else [None, None]
    )


def test_reused_tag_takes_its_old_pieces_out_and_brings_its_new_ones_in() -> None:
    world = gate_world()
    passes(world, "3034a1", 1, 10)
    closed = world.dispatch(document(version=2, wanted={"WO-2": {"PACK": 4}}, tags=[("3034a1", "WO-2", 4)]))
    assert [(event.count, event.by) for event in of(WipChanged, closed)] == [(0, -5)]
    assert [(event.work_order, event.pieces, event.direction) for event in of(TagPassed, closed)] == [
        ("WO-1", 5, "leave")
    ]
    events = passes(world, "3034a1", 1, 200)
    assert [(event.count, event.by) for event in of(WipChanged, events)] == [(4, 4)]
    assert [event.work_order for event in of(NodeStarted, events)] == ["WO-2"]


def test_a_zone_is_not_surer_after_a_restart_while_its_counter_is_still_silent() -> None:
    world = World()
    world.see(back("cutter1", 0), sample("cutter1", "parts", 0, 0), alive("cutter1", 0))
    world.see(back("sewing", 0), sample("sewing", "good1", 0, 0), sample("sewing", "good2", 0, 0), alive("sewing", 0))
    world.see(sample("cutter1", "parts", 10, 20), alive("cutter1", 20))
    world.see(lost("cutter1", 100))
    world.wait_until(3600)
    before = of(WipChanged, world.events)[-1]
    world.commit_all()
    world.kill_and_restart()
    told = world.wait_until(3620) + world.see(back("sewing", 3621)) + world.see(lost("cutter1", 3625))
    told += world.wait_until(3640)
    assert before.error_estimate > 60 * 60  # 60 pieces a minute
    assert [
        event.error_estimate for event in of(WipChanged, told) if event.error_estimate < before.error_estimate
    ] == []


def rebound_to_other_work(since: float) -> DispatchDocument:
    newer = document(version=2, wanted={"WO-1": {"PACK": 8}, "WO-2": {"PACK": 4}}, tags=[("3034a1", "WO-2", 4)])
    return replace(newer, tags=tuple(replace(tag, since=at(since)) for tag in newer.tags))


def test_tag_that_came_in_after_it_was_bound_anew_is_there_when_the_document_arrives_late() -> None:
    world = gate_world()
    passes(world, "3034a1", 1, 100)
    world.now = at(500)
    told = world.dispatch(rebound_to_other_work(since=50))
    assert [(event.count, event.by) for event in of(WipChanged, told)] == [(4, -1)]
    assert of(TagPassed, told) == []
    (completed,) = of(NodeCompleted, passes(world, "3034a1", 2, 600))
    assert (completed.work_order, completed.pieces) == ("WO-2", 4)


def test_tag_that_was_bound_anew_by_a_clock_that_is_ahead_comes_in_with_its_new_work() -> None:
    world = gate_world()
    passes(world, "3034a1", 1, 10)
    world.dispatch(rebound_to_other_work(since=600))
    events = passes(world, "3034a1", 1, 200)
    assert [(event.work_order, event.direction) for event in of(TagPassed, events)] == [("WO-2", "enter")]


def test_nothing_is_remembered_of_a_reader_and_a_zone_that_left_the_map() -> None:
    world = gate_world()
    world.commit_all()
    passes(world, "3034a1", 1, 10)
    world.commit_all()
    assert {"reader-clock/gate", "usual/gate/in", "tag/3034a1", "zone-inside/packing/3034a1"} <= world.saved.keys()
    packing = (
        "  packing: {enter: [gate/in], leave: [gate/out]}\n",
        "  PACK: {work_order: {from: tags}, done_when: {all_left: packing}}\n",
    )
    without = MAP[: MAP.index("  - id: gate")] + MAP[MAP.index("stations:") :]
    for line in packing:
        without = without.replace(line, "")
    world.restart_with_map((MAP, without))
    world.wait_until(100)
    world.wait_until(3 * 86_400)
    world.commit_all()
    assert [key for key in world.saved if "gate" in key or "3034a1" in key or "packing" in key] == []


def test_reads_that_a_reader_had_not_reported_yet_lie_in_the_declared_gap() -> None:
    world = gate_world()
    world.see(alive("gate", 20))
    world.commit_all()
    world.kill_and_restart()
    (gap,) = of(DataGapSeen, world.see(back("gate", 30)))
    assert gap.begin == at(19)  # the report delay of the gate is 1 s


@pytest.mark.parametrize(
    "protocol",
    [
        "protocol: impinj_http\n    url: https://127.0.0.1",
        "protocol: mqtt_in\n    broker: mqtt://127.0.0.1\n    topics: tags\n    tags_from: {format: zebra}",
    ],
)
def test_passages_are_the_same_whatever_the_reader_speaks(protocol: str) -> None:
    world = World(replace_in_map=("protocol: llrp\n    host: 127.0.0.1:5084", protocol))
    world.see(back("gate", 0))
    world.dispatch(document(wanted={"WO-1": {"PACK": 5}}, tags=[("3034a1", "WO-1", 5)]))
    events = passes(world, "3034a1", 1, 10) + passes(world, "3034a1", 2, 200)
    assert [event.direction for event in of(TagPassed, events)] == ["enter", "leave"]
    assert [(event.node, event.at) for event in of(NodeCompleted, events)] == [("PACK", at(203))]


def test_readings_that_a_device_lost_are_declared_since_it_was_last_heard_of() -> None:
    world = gate_world()
    world.see(alive("gate", 20))
    (gap,) = of(DataGapSeen, world.see(ReadingsLost(device="gate", at=at(25), reason="buffer ran over")))
    assert (gap.begin, gap.end, gap.subject, gap.cause) == (at(19), at(25), "gate", GapCause.DEVICE)


def test_losses_of_a_device_that_was_never_heard_of_lie_in_no_interval() -> None:
    world = World()
    assert world.see(ReadingsLost(device="gate", at=at(25), reason="buffer ran over")) == []


def test_a_counter_whose_readings_were_lost_starts_anew_from_its_next_reading() -> None:
    """What it counted meanwhile is there; when it counted is not known."""
    world = cutter_world()
    world.see(sample("cutter1", "parts", 1, 5), alive("cutter1", 5))
    world.see(ReadingsLost(device="cutter1", at=at(100), reason="queue ran over"))
    events = [*world.see(sample("cutter1", "parts", 9, 100), alive("cutter1", 100)), *world.stop()]
    assert sum(event.delta for event in of(PiecesCounted, events)) == 8


# Bugs of our own.


def test_point_that_breaks_the_derivation_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = sewing_world(("WO-1", "SEW", 5))
    rightly = Counting.read

    def breaks_for_good2(self: Counting, ref: Any, raw: int, **rest: Any) -> None:
        if str(ref) == "sewing/good2":
            raise ZeroDivisionError("a bug")
        rightly(self, ref, raw, **rest)

    monkeypatch.setattr(Counting, "read", breaks_for_good2)
    events = [event for second in (1, 2, 3) for event in sewing(world, second, good1=1, good2=second)]
    assert [event.delta for event in of(PiecesCounted, events)] == [1]
    (questioned,) = of(DataQuestioned, events)
    assert questioned.point == "sewing/good2"
    assert [failure.what for failure in world.failures] == ["sewing/good2"]
