"""A map that is corrected: what was remembered under the old map is not taken for what the new one says."""

from __future__ import annotations

import json

import pytest

from genba_edge.core.counted_point import meaning_of
from genba_shared.events import DataQuestioned, PiecesCounted
from tests.unit.edge.gateway_world import World, alive, at, back, sample
from tests.unit.edge.test_deriver import of

GOOD1 = "good1: {at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min}}"


def good1(text: str) -> tuple[str, str]:
    return GOOD1, f"good1: {text}"


def counted_world(*, replace_in_map: tuple[str, str] = ("", "")) -> World:
    """`SEW-1` made five counts of `sewing/good1`, and all of them are told and saved."""
    world = World(replace_in_map=replace_in_map)
    world.see(back("sewing", 0), sample("sewing", "good1", 10, 0), alive("sewing", 0))
    for second in range(1, 6):
        world.see(sample("sewing", "good1", 10 + second, second), alive("sewing", second))
    world.stop()
    world.commit_all()
    return world


@pytest.mark.parametrize(
    "corrected",
    [
        "{at: 40005, type: uint32, group: fast, counter: {max_rate: 60/min}}",
        "{at: 40001, type: uint16, group: fast, counter: {max_rate: 60/min}}",
        "{at: 40001, type: uint32, group: fast, byte_order: CDAB, counter: {max_rate: 60/min}}",
        "{at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min, limit: 999999}}",
        "{at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min, direction: down}}",
        "{at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min, pieces_per_count: 4}}",
    ],
)
def test_counter_of_another_meaning_starts_from_its_first_reading_and_says_so(corrected: str) -> None:
    world = counted_world()
    world.restart_with_map(good1(corrected))
    first = world.see(back("sewing", 9), sample("sewing", "good1", 40, 9), alive("sewing", 9))
    (questioned,) = of(DataQuestioned, first)
    assert (questioned.point, questioned.station, questioned.at) == ("sewing/good1", "SEW-1", at(9))
    assert questioned.note == "the map gives this counter another meaning: counting goes on from 40"
    assert of(PiecesCounted, first) == []


@pytest.mark.parametrize(("before", "after", "total"), [(1, 4, 5 + 4), (4, 1, 20 + 1)])
def test_pieces_of_another_factor_go_on_from_what_was_told_in_a_new_epoch(before: int, after: int, total: int) -> None:
    text = "{{at: 40001, type: uint32, group: fast, counter: {{max_rate: 60/min, pieces_per_count: {}}}}}"
    world = counted_world(replace_in_map=good1(text.format(before)))
    world.restart_with_map(good1(text.format(after)))
    world.see(back("sewing", 9), sample("sewing", "good1", 15, 9), alive("sewing", 9))
    world.see(sample("sewing", "good1", 16, 10), alive("sewing", 10))
    last = of(PiecesCounted, world.events)[-1]
    assert (last.delta, last.total, last.counter_epoch) == (after, total, 1)


def test_another_meaning_that_is_taken_back_before_a_reading_changes_nothing() -> None:
    world = counted_world()
    world.restart_with_map(good1("{at: 40005, type: uint32, group: fast, counter: {max_rate: 60/min}}"))
    world.stop()
    world.commit_all()
    world.restart_with_map(("", ""))
    world.see(back("sewing", 9), sample("sewing", "good1", 17, 9), alive("sewing", 9))
    last = of(PiecesCounted, world.events)[-1]
    assert (last.delta, last.total, last.counter_epoch) == (2, 7, 0)
    assert of(DataQuestioned, world.events) == []


@pytest.mark.parametrize(
    "change",
    [
        ("host: 127.0.0.1:5020", "host: 127.0.0.1:5021"),
        good1("{at: 40001, type: uint32, group: slow, label: Nähte, counter: {max_rate: 90/min, on_decrease: reset}}"),
    ],
)
def test_counter_that_is_only_read_in_another_way_counts_on(change: tuple[str, str]) -> None:
    world = counted_world()
    world.restart_with_map(change)
    world.see(back("sewing", 9), sample("sewing", "good1", 17, 9), alive("sewing", 9))
    last = of(PiecesCounted, world.events)[-1]
    assert (last.delta, last.total, last.counter_epoch) == (2, 7, 0)
    assert of(DataQuestioned, world.events) == []


def test_state_of_a_version_that_saved_no_meaning_is_gone_on_from() -> None:
    world = counted_world()
    key = "counter/sewing/good1"
    kept = json.loads(world.saved[key])
    del kept["pieces"], kept["meaning"]
    world.saved[key] = json.dumps(kept)
    world.kill_and_restart()
    world.see(back("sewing", 9), sample("sewing", "good1", 17, 9), alive("sewing", 9))
    last = of(PiecesCounted, world.events)[-1]
    assert (last.delta, last.total, last.counter_epoch) == (2, 7, 0)


def test_meaning_names_the_number_in_the_device_and_what_a_count_of_it_is() -> None:
    point = World().map.devices["sewing"].points["good1"]
    assert point.counter is not None
    assert meaning_of(point, point.counter) == (
        "address=0 direction=up limit=4294967295 pieces_per_count=1 table=holding type=uint32"
    )
