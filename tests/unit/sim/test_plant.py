"""The simulated line: what it says happened must be possible, complete and repeatable."""

from __future__ import annotations

import doctest
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

import pytest

from genba_sim import orders
from genba_sim.happenings import (
    Announced,
    CountersReset,
    Happening,
    NodeCompleted,
    PieceMade,
    PlantStopped,
    ResetPressed,
    ResetReleased,
    Result,
    SetUpBegan,
    State,
    StateChanged,
    TagPassed,
    TagSeen,
)
from genba_sim.orders import Planned, WorkOrder, bundle_sizes
from genba_sim.planner import Progress, office_plan, realistic_plan
from genba_sim.plant import Plant
from genba_sim.settings import Node, Pace, PlanSettings, PlantSettings, ReadPoint, Station, Zone

ORIGIN = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
TWO_HOURS = timedelta(hours=2)
NODES = ["CUT", "SEW", "INS", "PACK"]
Kind = TypeVar("Kind")


def run(*, seed: int = 1, hours: float = 2.0, stop: bool = True, step: timedelta = TWO_HOURS) -> list[Happening]:
    told: list[Happening] = []
    end = ORIGIN + timedelta(hours=hours)
    plant = Plant(
        PlantSettings(),
        told.append,
        origin=ORIGIN,
        seed=seed,
        pace=Pace.at_speed(60),
        stop_at=end if stop else None,
    )
    at = ORIGIN
    while at < end + timedelta(minutes=1):
        at += step
        plant.run_until(at)
    return told


def those(told: Iterable[Happening], kind: type[Kind]) -> list[Kind]:
    return [happening for happening in told if isinstance(happening, kind)]


@pytest.fixture(scope="module")
def told() -> Sequence[Happening]:
    """Two hours of plant time, then the stop."""
    return run()


def test_two_hours_complete_well_over_sixty_nodes(told: Sequence[Happening]) -> None:
    assert len(those(told, NodeCompleted)) >= 75


def test_two_hours_announce_over_twenty_orders(told: Sequence[Happening]) -> None:
    assert len(those(told, Announced)) >= 22


@pytest.mark.parametrize("node", ["CUT", "SEW", "INS"])
def test_a_completed_node_has_as_many_good_pieces_as_were_ordered(told: Sequence[Happening], node: str) -> None:
    ordered = {each.order.work_order.number: each.order.work_order.quantity for each in those(told, Announced)}
    good = Counter(
        each.work_order for each in those(told, PieceMade) if each.node == node and each.result is Result.GOOD
    )
    completed = [each for each in those(told, NodeCompleted) if each.node == node]
    assert completed
    for each in completed:
        assert each.pieces == ordered[each.work_order] == good[each.work_order]


def test_packing_is_completed_when_the_last_bundle_has_left(told: Sequence[Happening]) -> None:
    left: dict[str, list[TagPassed]] = defaultdict(list)
    for passage in those(told, TagPassed):
        if passage.read_point is ReadPoint.PACKING_OUT:
            left[passage.work_order].append(passage)
    packed = [each for each in those(told, NodeCompleted) if each.node is Node.PACK]
    assert packed
    for each in packed:
        assert each.at == left[each.work_order][-1].at
        assert each.pieces == sum(passage.pieces for passage in left[each.work_order])


def test_no_piece_is_made_at_a_node_before_the_node_before_it_is_completed(told: Sequence[Happening]) -> None:
    completed: set[tuple[str, str]] = set()
    for happening in told:
        if isinstance(happening, NodeCompleted):
            completed.add((happening.work_order, happening.node))
        elif isinstance(happening, PieceMade) and happening.node is not Node.CUT:
            assert (happening.work_order, NODES[NODES.index(happening.node) - 1]) in completed


def test_each_station_works_in_the_order_of_announcement(told: Sequence[Happening]) -> None:
    for station in Station:
        worked = [each.work_order for each in those(told, SetUpBegan) if each.station is station]
        assert worked == sorted(worked)


def test_shirts_are_sewn_at_one_station_and_trousers_at_the_other(told: Sequence[Happening]) -> None:
    items = {each.order.work_order.number: each.order.work_order.family.item for each in those(told, Announced)}
    sewn = {(items[each.work_order], each.station) for each in those(told, PieceMade) if each.node is Node.SEW}
    assert sewn == {("shirt", Station.SEW_1), ("trousers", Station.SEW_2)}


def test_between_two_work_orders_a_station_is_unloaded_and_set_up_for_a_minute(told: Sequence[Happening]) -> None:
    last: dict[Station, PieceMade] = {}
    began: dict[Station, datetime] = {}
    for happening in told:
        match happening:
            case SetUpBegan(station=station, at=at):
                began[station] = at
                if station in last:
                    assert at - last[station].at >= timedelta(seconds=15)
            case PieceMade(station=station, work_order=work_order, at=at):
                if station not in last or last[station].work_order != work_order:
                    assert at - began[station] >= timedelta(seconds=60)
                last[station] = happening
            case _:
                pass


def test_orders_are_announced_ten_minutes_or_more_before_they_are_cut(told: Sequence[Happening]) -> None:
    announced = {each.order.work_order.number: each.at for each in those(told, Announced)}
    cut = [each for each in those(told, SetUpBegan) if each.station is Station.CUT]
    assert min(each.at - announced[each.work_order] for each in cut) >= timedelta(minutes=10)


def test_the_first_cut_leaves_twelve_wall_seconds_to_connect(told: Sequence[Happening]) -> None:
    assert those(told, SetUpBegan)[0].at == ORIGIN + timedelta(seconds=12 * 60)


def test_no_more_orders_are_open_than_allowed(told: Sequence[Happening]) -> None:
    open_now = 0
    for happening in told:
        if isinstance(happening, Announced):
            open_now += 1
        elif isinstance(happening, NodeCompleted) and happening.node is Node.PACK:
            open_now -= 1
        assert open_now <= 9


def test_reworked_pieces_are_inspected_again_and_then_good(told: Sequence[Happening]) -> None:
    inspected = [each for each in those(told, PieceMade) if each.node is Node.INS]
    reworked = [place for place, each in enumerate(inspected) if each.result is Result.REWORK]
    assert reworked
    for place in reworked:
        again = inspected[place + 1]
        assert again.result is Result.GOOD
        assert again.work_order == inspected[place].work_order


def test_counters_are_reset_under_the_held_button_between_two_work_orders(told: Sequence[Happening]) -> None:
    pressed = those(told, ResetPressed)
    reset = those(told, CountersReset)
    released = those(told, ResetReleased)
    pieces = [each.at for each in those(told, PieceMade) if each.station is Station.INS]
    assert len(reset) >= 2
    for began, zeroed, ended in zip(pressed, reset, released, strict=False):
        assert zeroed.at - began.at == timedelta(seconds=120)  # 2 wall seconds at speed 60
        assert ended.at - zeroed.at == timedelta(seconds=90)
        assert not any(began.at <= at <= ended.at for at in pieces)


def test_a_machine_says_when_it_is_down_and_makes_nothing_then(told: Sequence[Happening]) -> None:
    states: dict[Station, State] = {}
    for happening in told:
        if isinstance(happening, StateChanged):
            states[happening.station] = happening.state
        elif isinstance(happening, PieceMade):
            assert states[happening.station] is State.RUNNING
    assert State.DOWN in {each.state for each in those(told, StateChanged)}


def test_tags_are_unique_and_of_the_plants_own_range(told: Sequence[Happening]) -> None:
    tags = [bundle.tag for each in those(told, Announced) for bundle in each.order.work_order.bundles]
    assert len(tags) == len(set(tags))
    assert all(len(tag) == 24 and tag.startswith("3034") and int(tag, 16) and tag == tag.lower() for tag in tags)


def test_every_bundle_passes_the_read_points_in_order_and_well_apart(told: Sequence[Happening]) -> None:
    way = ["sewing-in", "sewing-out", "packing-in", "packing-out"]
    passages: dict[str, list[TagPassed]] = defaultdict(list)
    for passage in those(told, TagPassed):
        passages[passage.tag].append(passage)
    for of_tag in passages.values():
        assert [each.read_point for each in of_tag] == way[: len(of_tag)]
        for before, after in pairwise(of_tag):
            assert after.at - before.at >= timedelta(seconds=90)


def test_a_passage_is_a_burst_of_strong_reads_that_ends_when_the_passage_does(told: Sequence[Happening]) -> None:
    antennas = {"sewing-in": 1, "sewing-out": 2, "packing-in": 3, "packing-out": 4}
    seen: dict[tuple[str, int], list[TagSeen]] = defaultdict(list)
    for read in those(told, TagSeen):
        if read.rssi_dbm > -65:
            seen[read.epc, read.antenna].append(read)
    for passage in those(told, TagPassed):
        reads = seen[passage.tag, antennas[passage.read_point]]
        assert 6 <= len(reads) <= 10
        assert timedelta(seconds=3) <= reads[-1].at - reads[0].at <= timedelta(seconds=4)
        assert reads[-1].at == passage.at


def test_neighbour_antennas_read_some_tags_weakly(told: Sequence[Happening]) -> None:
    weak = [read for read in those(told, TagSeen) if read.rssi_dbm <= -65]
    assert weak
    assert all(read.epc.startswith("3034") for read in weak)


def test_strange_tags_come_by(told: Sequence[Happening]) -> None:
    assert any(not read.epc.startswith("3034") for read in those(told, TagSeen))


def test_what_is_in_a_zone_at_the_stop_went_in_and_did_not_come_out(told: Sequence[Happening]) -> None:
    pieces = Counter((each.node, each.result) for each in those(told, PieceMade))
    passed: Counter[str] = Counter()
    for passage in those(told, TagPassed):
        passed[passage.read_point] += passage.pieces
    stopped = told[-1]
    assert isinstance(stopped, PlantStopped)
    assert stopped.wip == {
        Zone.SEWING: passed["sewing-in"] - passed["sewing-out"],
        Zone.PACKING: passed["packing-in"] - passed["packing-out"],
        Zone.CUT_BUFFER: pieces[Node.CUT, Result.GOOD] - pieces[Node.SEW, Result.GOOD],
    }
    assert any(stopped.wip.values())


def test_after_the_stop_only_passages_under_way_are_finished(told: Sequence[Happening]) -> None:
    stop = ORIGIN + TWO_HOURS
    late = [happening for happening in told if happening.at >= stop]
    assert {type(happening) for happening in late} <= {TagSeen, TagPassed, NodeCompleted, PlantStopped}
    assert late[-1].at < stop + timedelta(seconds=5)


def test_a_stop_in_the_middle_of_a_passage_waits_for_its_end() -> None:
    passage = those(run(stop=False), TagPassed)[5]
    stop_after = (passage.at - timedelta(seconds=1) - ORIGIN).total_seconds() / 3600
    told = run(hours=stop_after)
    assert those(told, TagPassed)[-1] == passage
    assert told[-1].at >= passage.at
    assert isinstance(told[-1], PlantStopped)


def test_everything_is_told_in_the_order_of_time(told: Sequence[Happening]) -> None:
    assert all(before.at <= after.at for before, after in pairwise(told))


def test_the_same_seed_gives_the_same_plant_however_it_is_stepped(told: Sequence[Happening]) -> None:
    assert run(step=timedelta(seconds=13.37)) == list(told)


def test_another_seed_gives_another_plant(told: Sequence[Happening]) -> None:
    assert run(seed=2) != list(told)


@pytest.mark.parametrize(
    ("count", "start", "finish"),
    [
        (1, "07:11", "08:06"),  # 10 % allowance on 10 and 60 minutes from now
        (5, "07:05", "07:30"),  # half the time it needs
        (2, "06:41", "07:36"),  # allowance, then 30 minutes too old
        (4, "06:06", "07:01"),  # 65 minutes
        (6, "05:16", "06:11"),  # 115 minutes
    ],
)
def test_the_office_plans_with_allowance_and_is_at_times_wrong(count: int, start: str, finish: str) -> None:
    realistic = {Node.CUT: Planned(start=ORIGIN + timedelta(minutes=10), finish=ORIGIN + timedelta(minutes=60))}
    planned = office_plan(realistic, PlanSettings(), count=count, now=ORIGIN)[Node.CUT]
    assert f"{planned.start:%H:%M}" == start
    assert f"{planned.finish:%H:%M}" == finish


def test_a_realistic_plan_waits_behind_the_orders_before_it() -> None:
    shirt = PlantSettings().families["shirt"]
    ahead = Progress(
        work_order=WorkOrder(number="WO-1001", family=shirt, quantity=10, bundles=()),
        not_before=ORIGIN,
        done={Node.CUT: 4, Node.SEW: 0, Node.INS: 0, Node.PACK: 0},
    )
    new = Progress(
        work_order=WorkOrder(number="WO-1002", family=shirt, quantity=1, bundles=()),
        not_before=ORIGIN + timedelta(minutes=1),
    )
    plan = realistic_plan(new, [ahead], PlantSettings(), now=ORIGIN)
    # six pieces of 15 s are left to cut, then 15 s to unload; then 75 s of set-up and one piece
    assert plan[Node.CUT] == Planned(start=ORIGIN + timedelta(seconds=105), finish=ORIGIN + timedelta(seconds=195))
    # ahead is sewn from 135 s (30 s of carrying) for 75 + 10 * 42 s, then 15 s to unload
    assert plan[Node.SEW].start == ORIGIN + timedelta(seconds=645)


def test_planned_nodes_follow_each_other_and_the_promise_comes_after_them(told: Sequence[Happening]) -> None:
    for each in those(told, Announced):
        plan = [each.order.plan[node] for node in Node]
        assert all(node.start < node.finish for node in plan)
        assert all(before.finish <= after.start for before, after in pairwise(plan))
        assert each.order.promised > plan[-1].finish


@pytest.mark.parametrize(("quantity", "sizes"), [(1, (1,)), (5, (5,)), (6, (5, 1)), (15, (5, 5, 5))])
def test_a_lot_is_cut_into_bundles_of_at_most_five(quantity: int, sizes: tuple[int, ...]) -> None:
    assert bundle_sizes(quantity, 5) == sizes


def test_the_examples_in_docstrings_are_true() -> None:
    failed, tried = doctest.testmod(orders)
    assert (failed, tried) == (0, 1)
