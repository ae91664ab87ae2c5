"""The derivation as a whole: what a gateway says when its devices say this and that."""

from __future__ import annotations

from typing import TypeVar

from genba_shared.events import (
    Basis,
    Confidence,
    DataGapSeen,
    DispatchClosed,
    DispatchOpened,
    Event,
    GapCause,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    StationState,
    StationStateChanged,
    TagPassed,
    WipChanged,
)
from tests.unit.edge.gateway_world import World, alive, at, back, document, lost, sample, tag_read

E = TypeVar("E", bound=Event)


def of(kind: type[E], events: list[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def sewing(world: World, second: float, *, good1: int = 0, good2: int = 0) -> list[Event]:
    """One poll of the Modbus PLC."""
    return world.see(
        sample("sewing", "good1", good1, second), sample("sewing", "good2", good2, second), alive("sewing", second)
    )


def sewing_world(*rows: tuple[str, str, int]) -> World:
    world = World()
    world.see(back("sewing", 0))
    sewing(world, 0)
    world.dispatch(document(lists={"SEW-1": rows}, wanted={row[0]: {"SEW": row[2]} for row in rows}))
    return world


def poll_until(world: World, last: int, counts: dict[int, int]) -> list[Event]:
    """Poll every second up to `last`; `counts`: second → value of good1 from then on."""
    events, value = [], 0
    start = int((world.now - at(0)).total_seconds()) + 1
    for second in range(start, last + 1):
        value = max((count for since, count in counts.items() if since <= second), default=value)
        events += sewing(world, second, good1=value)
    return events


def test_first_piece_is_sent_at_once_and_starts_the_node() -> None:
    world = sewing_world(("WO-1", "SEW", 5))
    events = sewing(world, 1, good1=1)
    (counted,) = of(PiecesCounted, events)
    assert (counted.delta, counted.total, counted.work_order, counted.node) == (1, 1, "WO-1", "SEW")
    (started,) = of(NodeStarted, events)
    assert (started.at, started.because) == (at(1), (counted.id,))


def test_pieces_within_ten_seconds_are_joined_to_one_event() -> None:
    world = sewing_world(("WO-1", "SEW", 50))
    events = poll_until(world, 9, {1: 1, 3: 2, 5: 3, 7: 4})
    assert [event.delta for event in of(PiecesCounted, events)] == [1]
    (joined,) = of(PiecesCounted, world.wait_until(11))
    assert (joined.delta, joined.total, joined.at) == (3, 4, at(7))


def test_reaching_the_quantity_claims_completion_at_the_last_piece_and_takes_the_next_row() -> None:
    world = sewing_world(("WO-1", "SEW", 3), ("WO-2", "SEW", 2))
    events = poll_until(world, 6, {2: 1, 4: 2, 6: 3})
    (completed,) = of(NodeCompleted, events)
    assert (completed.work_order, completed.at, completed.pieces) == ("WO-1", at(6), 3)
    assert (completed.basis, completed.confidence) == (Basis.COUNT, Confidence.CERTAIN)
    assert [event.work_order for event in of(DispatchClosed, events)] == ["WO-1"]
    assert [event.work_order for event in of(DispatchOpened, events)] == ["WO-2"]
    following = of(PiecesCounted, sewing(world, 7, good1=4))
    assert [(event.work_order, event.confidence) for event in following] == [("WO-2", Confidence.CERTAIN)]


def test_events_are_numbered_without_gaps() -> None:
    world = sewing_world(("WO-1", "SEW", 3), ("WO-2", "SEW", 2))
    poll_until(world, 6, {2: 1, 4: 2, 6: 3})
    assert [event.id for event in world.events] == [f"gw-1:{'e' * 32}:{seq}" for seq in range(1, len(world.events) + 1)]


def test_count_that_crosses_a_quantity_gives_the_rest_to_the_next_row_in_doubt() -> None:
    world = sewing_world(("WO-1", "SEW", 3), ("WO-2", "SEW", 9))
    events = sewing(world, 1, good1=2) + sewing(world, 3, good1=5)
    counted = [(event.work_order, event.delta, event.confidence) for event in of(PiecesCounted, events)]
    assert counted == [
        ("WO-1", 2, Confidence.CERTAIN),
        ("WO-1", 1, Confidence.CERTAIN),
        ("WO-2", 2, Confidence.AMBIGUOUS),
    ]
    assert [event.total for event in of(PiecesCounted, events)] == [2, 3, 5]


def test_pieces_without_dispatch_are_unassigned_and_complete_nothing() -> None:
    world = World()
    world.see(back("sewing", 0))
    sewing(world, 0)
    (counted,) = of(PiecesCounted, sewing(world, 1, good1=2))
    assert (counted.work_order, counted.node, counted.delta) == (None, None, 2)


def test_parallel_stations_add_up_to_one_completion() -> None:
    world = World()
    world.see(back("sewing", 0))
    sewing(world, 0)
    rows = [("WO-1", "SEW", 4)]
    world.dispatch(document(lists={"SEW-1": rows, "SEW-2": rows}, wanted={"WO-1": {"SEW": 4}}))
    events = sewing(world, 1, good1=1, good2=1) + sewing(world, 2, good1=2, good2=2)
    (completed,) = of(NodeCompleted, events)
    assert completed.pieces == 4
    assert sum(event.delta for event in of(PiecesCounted, events)) == 4


def test_killed_gateway_counts_what_it_had_not_committed_exactly_once() -> None:
    world = sewing_world(("WO-1", "SEW", 50))
    poll_until(world, 4, {1: 1, 3: 2, 4: 3})
    world.kill_and_restart()
    events = world.see(back("sewing", 9)) + sewing(world, 9, good1=6) + world.stop()
    assert sum(event.delta for event in of(PiecesCounted, world.events)) == 6
    (gap,) = of(DataGapSeen, events)
    assert (gap.cause, gap.subject, gap.end) == (GapCause.GATEWAY, "sewing", at(9))
    assert gap.begin <= at(4)


def test_killed_gateway_goes_on_with_its_row_without_a_collector() -> None:
    world = sewing_world(("WO-1", "SEW", 2), ("WO-2", "SEW", 2))
    poll_until(world, 2, {1: 1, 2: 2})
    world.kill_and_restart()
    events = world.see(back("sewing", 3)) + poll_until(world, 5, {4: 3, 5: 4})
    assert [event.work_order for event in of(NodeCompleted, events)] == ["WO-2"]


def test_late_poll_is_declared_as_a_gap() -> None:
    world = sewing_world(("WO-1", "SEW", 5))
    sewing(world, 1)
    (gap,) = of(DataGapSeen, sewing(world, 5))
    assert (gap.begin, gap.end, gap.cause) == (at(1), at(5), GapCause.DEVICE)


def test_lost_device_makes_its_stations_unknown_and_declares_the_gap_when_it_is_back() -> None:
    world = World()
    world.see(back("sewing", 0))
    world.see(sample("sewing", "state", 1, 1), alive("sewing", 1))
    (unknown,) = of(StationStateChanged, world.see(lost("sewing", 3)))
    assert (unknown.station, unknown.state) == ("SEW-1", StationState.UNKNOWN)
    events = world.see(back("sewing", 60)) + world.see(sample("sewing", "state", 1, 60), alive("sewing", 60))
    (gap,) = of(DataGapSeen, events)
    assert (gap.begin, gap.end, gap.cause) == (at(1), at(60), GapCause.CONNECTIVITY)
    assert [event.state for event in of(StationStateChanged, events)] == [StationState.RUNNING]


def test_one_work_per_job_number_and_pieces_go_to_the_job_that_runs() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.dispatch(document(wanted={"WO-1": {"CUT": 2}, "WO-2": {"CUT": 5}}))
    events = world.see(sample("cutter1", "order", "WO-1", 1), sample("cutter1", "parts", 65534, 1))
    events += world.see(sample("cutter1", "parts", 65535, 5)) + world.see(sample("cutter1", "parts", 0, 9))
    events += world.see(sample("cutter1", "order", "WO-2", 20)) + world.see(sample("cutter1", "parts", 1, 25))
    counted = [(event.work_order, event.delta, str(event.method)) for event in of(PiecesCounted, events)]
    assert counted == [("WO-1", 1, "normal"), ("WO-1", 1, "wrap"), ("WO-2", 1, "normal")]
    (completed,) = of(NodeCompleted, events)
    assert (completed.work_order, completed.at) == ("WO-1", at(9))


def test_samples_of_one_notification_are_taken_in_the_order_in_which_they_happened() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.see(sample("cutter1", "parts", 0, 1), sample("cutter1", "order", "WO-1", 1))
    events = world.see(
        sample("cutter1", "parts", 1, 5), sample("cutter1", "parts", 2, 30), sample("cutter1", "order", "WO-2", 20)
    )
    assert [(event.work_order, event.delta) for event in of(PiecesCounted, events)] == [("WO-1", 1), ("WO-2", 1)]


def test_count_over_a_change_of_job_in_an_outage_is_in_doubt() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.dispatch(document(wanted={"WO-1": {"CUT": 9}, "WO-2": {"CUT": 9}}))
    world.see(sample("cutter1", "order", "WO-1", 1), sample("cutter1", "parts", 0, 1))
    world.see(lost("cutter1", 10))
    world.see(back("cutter1", 40))
    events = world.see(sample("cutter1", "order", "WO-2", 20), sample("cutter1", "parts", 3, 30))
    (counted,) = of(PiecesCounted, events)
    assert (counted.confidence, counted.delta, counted.least, counted.most) == (Confidence.AMBIGUOUS, 3, 0, 3)


def test_quantity_that_arrives_after_the_pieces_completes_at_the_last_piece() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.see(sample("cutter1", "order", "WO-1", 1), sample("cutter1", "parts", 0, 1))
    assert of(NodeCompleted, world.see(sample("cutter1", "parts", 2, 5))) == []
    (completed,) = of(NodeCompleted, world.dispatch(document(wanted={"WO-1": {"CUT": 2}})))
    assert completed.at == at(5)


def test_station_is_idle_since_its_last_piece_and_the_idle_time() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.see(sample("cutter1", "parts", 0, 1))
    (running,) = of(StationStateChanged, world.see(sample("cutter1", "parts", 1, 5)))
    assert running.state is StationState.RUNNING
    (idle,) = of(StationStateChanged, world.wait_until(400))
    assert (idle.state, idle.at) == (StationState.IDLE, at(185))


def gate_world() -> World:
    world = World()
    world.see(back("gate", 0))
    world.dispatch(document(wanted={"WO-1": {"PACK": 8}}, tags=[("3034a1", "WO-1", 5), ("3034a2", "WO-1", 3)]))
    return world


def passes(world: World, tag: str, antenna: int, second: float) -> list[Event]:
    return world.see(tag_read(tag, antenna, second, second + 3), alive("gate", second + 3)) + world.see(
        alive("gate", second + 40)
    )


def test_node_is_complete_when_the_last_of_its_tags_has_left() -> None:
    world = gate_world()
    events = passes(world, "3034a1", 1, 10) + passes(world, "3034a2", 1, 100) + passes(world, "3034a1", 2, 200)
    assert of(NodeCompleted, events) == []
    assert [event.at for event in of(NodeStarted, events)] == [at(13)]
    last = passes(world, "3034a2", 2, 300)
    (completed,) = of(NodeCompleted, last)
    assert (completed.work_order, completed.node, completed.pieces) == ("WO-1", "PACK", 8)
    assert (completed.at, completed.basis) == (at(303), Basis.TAGS)


def test_wip_is_the_pieces_of_the_tags_inside() -> None:
    world = gate_world()
    events = passes(world, "3034a1", 1, 10) + passes(world, "3034a2", 1, 100) + passes(world, "3034a1", 2, 200)
    assert [(event.zone, event.count, event.by) for event in of(WipChanged, events)] == [
        ("packing", 5, 5),
        ("packing", 8, 3),
        ("packing", 3, -5),
    ]


def test_tag_that_leaves_without_having_entered_is_implied_to_have_entered() -> None:
    world = gate_world()
    events = of(TagPassed, passes(world, "3034a1", 2, 10))
    assert [(event.direction, event.implied) for event in events] == [("enter", True), ("leave", False)]


def test_stray_tag_is_passed_over() -> None:
    world = gate_world()
    assert passes(world, "e28011", 1, 10) == []


def test_unbound_tag_is_counted_without_a_work_order() -> None:
    world = gate_world()
    events = passes(world, "3034ff", 1, 10)
    (passed,) = of(TagPassed, events)
    assert (passed.work_order, passed.pieces) == (None, None)
    assert [event.count for event in of(WipChanged, events)] == [1]


def test_counter_pair_zone_holds_what_was_made_before_and_not_yet_after() -> None:
    world = World()
    world.see(back("cutter1", 0), back("sewing", 0))
    world.see(sample("cutter1", "parts", 0, 0))
    sewing(world, 0)
    events = (
        world.see(sample("cutter1", "parts", 3, 5)) + sewing(world, 6, good1=1) + sewing(world, 7, good1=1, good2=1)
    )
    assert [(event.zone, event.count) for event in of(WipChanged, events)] == [
        ("buffer", 3),
        ("buffer", 2),
        ("buffer", 1),
    ]


def test_piece_after_a_change_of_job_is_not_in_doubt_though_the_device_was_heard_of_before_it() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.see(sample("cutter1", "order", "WO-1", 1), sample("cutter1", "parts", 0, 1), alive("cutter1", 5))
    world.see(sample("cutter1", "order", "WO-2", 20))
    world.see(alive("cutter1", 61))  # heard of after the piece was made, and before it arrived
    (counted,) = of(PiecesCounted, world.see(sample("cutter1", "parts", 1, 60)))
    assert (counted.work_order, counted.since, counted.confidence) == ("WO-2", at(20), Confidence.CERTAIN)


def test_piece_that_arrives_after_a_change_of_job_belongs_to_the_job_before() -> None:
    world = World()
    world.see(back("cutter1", 0))
    world.see(sample("cutter1", "order", "WO-1", 1), sample("cutter1", "parts", 0, 1))
    world.see(sample("cutter1", "order", "WO-2", 20))
    (counted,) = of(PiecesCounted, world.see(sample("cutter1", "parts", 1, 19)))
    assert (counted.work_order, counted.confidence) == ("WO-1", Confidence.CERTAIN)


def test_newest_count_of_a_zone_never_stands_before_an_older_one() -> None:
    world = World()
    world.see(back("cutter1", 0), back("sewing", 0))
    world.see(sample("cutter1", "parts", 0, 0))
    sewing(world, 0)
    world.see(sample("cutter1", "parts", 2, 4))
    events = sewing(world, 9, good1=1) + world.see(sample("cutter1", "parts", 3, 8)) + world.stop()
    assert [(event.count, event.at) for event in of(WipChanged, events)] == [(1, at(9)), (2, at(9))]
