"""Evidence of resets: it rules a reset out only where it was read, and not where nobody looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from genba_edge.core.observations import Observation, Quality, Sample
from genba_shared.events import Confidence, CountMethod, PiecesCounted
from tests.unit.edge.gateway_world import World, alive, back, lost, sample
from tests.unit.edge.test_deriver import of
from tests.unit.edge.test_succession import OTHER_SEWING, Line

GOOD1 = "good1: {at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min}}"
SMALL = "good1: {{at: 40001, type: uint16, group: fast, counter: {{limit: 99, max_rate: 10/s, reset_by: {}}}}}"
CERTAIN_WRAP = [(4, CountMethod.WRAP, Confidence.CERTAIN)]
DOUBTFUL_WRAP = [(4, CountMethod.WRAP, Confidence.AMBIGUOUS)]
CERTAIN_RESET = [(2, CountMethod.RESET, Confidence.CERTAIN)]


def polled_world(reset_by: str = "{falls: state}") -> World:
    """A counter up to 99 that stands at 98, and a number that falls when it is reset."""
    world = World(replace_in_map=(GOOD1, SMALL.format(reset_by)))
    world.see(back("sewing", 0), back("cutter1", 0))
    world.see(sample("cutter1", "reset", False, 0), alive("cutter1", 0))
    world.see(sample("sewing", "good1", 98, 0), sample("sewing", "state", 500, 0), alive("sewing", 0))
    return world


def bad(reading: Sample) -> Sample:
    return replace(reading, value=None, quality=Quality.BAD)


def confirm(world: World, second: float = 2, **state: int) -> None:
    """The counter is read once more; with `state` also the number that falls when it is reset."""
    read = [sample("sewing", name, value, second) for name, value in {"good1": 2, **state}.items()]
    world.see(*read, alive("sewing", second))


def told(world: World) -> list[tuple[int, CountMethod, Confidence]]:
    return [(event.delta, event.method, event.confidence) for event in of(PiecesCounted, world.events)]


def test_decrease_in_a_poll_that_read_the_evidence_is_a_wrap() -> None:
    world = polled_world()
    world.see(sample("sewing", "good1", 2, 1), sample("sewing", "state", 501, 1), alive("sewing", 1))
    confirm(world)
    assert told(world) == CERTAIN_WRAP


@pytest.mark.parametrize(
    ("reset_by", "poll"),
    [
        ("{falls: state}", [sample("sewing", "good1", 2, 1), bad(sample("sewing", "state", 501, 1))]),
        ("{point: cutter1/reset}", [sample("sewing", "good1", 2, 1)]),
    ],
)
def test_decrease_whose_evidence_nobody_can_read_is_in_doubt(reset_by: str, poll: Sequence[Observation]) -> None:
    world = polled_world(reset_by)
    world.see(lost("cutter1", 0.5))
    world.see(*poll, alive("sewing", 1))
    confirm(world)
    assert told(world) == DOUBTFUL_WRAP


@pytest.mark.parametrize(("state", "expected"), [(510, CERTAIN_WRAP), (1, CERTAIN_RESET)])
def test_decrease_waits_for_evidence_in_a_slower_group(
    state: int, expected: list[tuple[int, CountMethod, Confidence]]
) -> None:
    world = polled_world()
    for second in range(1, 9):
        confirm(world, second)
    assert told(world) == []
    confirm(world, 9, state=state)
    assert told(world) == expected


def test_decrease_waits_no_longer_than_half_a_minute_for_evidence() -> None:
    world = polled_world()
    for second in range(1, 32):
        confirm(world, second)
    assert told(world) == DOUBTFUL_WRAP


@pytest.mark.parametrize(("state", "expected"), [(501, CERTAIN_WRAP), (1, CERTAIN_RESET)])
def test_evidence_in_a_later_answer_of_the_same_poll_explains_the_counter(
    state: int, expected: list[tuple[int, CountMethod, Confidence]]
) -> None:
    world = polled_world()
    world.see(sample("sewing", "good1", 2, 1), sample("sewing", "state", state, 1.02), alive("sewing", 1.02))
    confirm(world, 2, state=state + 1)
    assert told(world) == expected


def test_evidence_on_a_device_that_is_lost_rules_nothing_out() -> None:
    world = polled_world("{point: cutter1/reset}")
    world.see(lost("cutter1", 0.5))
    world.see(sample("sewing", "good1", 2, 1), alive("sewing", 1))
    confirm(world)
    assert told(world) == DOUBTFUL_WRAP


def test_decrease_waits_until_the_other_device_with_the_evidence_was_heard_of_since() -> None:
    world = polled_world("{point: cutter1/reset}")
    world.see(alive("cutter1", 0.5))
    confirm(world, 1)
    confirm(world, 2)
    assert told(world) == []
    world.see(alive("cutter1", 2.5))
    confirm(world, 3)
    assert told(world) == CERTAIN_WRAP


def test_evidence_of_the_counters_own_device_that_is_bad_rules_nothing_out() -> None:
    world = World(replace_in_map=("type: uint16, counter: {max_rate: 60/min", "type: uint16, counter: {limit: 99"))
    world.see(back("cutter1", 0), sample("cutter1", "parts", 98, 0), sample("cutter1", "reset", False, 0))
    world.see(bad(sample("cutter1", "reset", False, 1)), alive("cutter1", 1))
    world.see(sample("cutter1", "parts", 2, 2), alive("cutter1", 2))
    world.see(alive("cutter1", 3))
    assert told(world) == DOUBTFUL_WRAP


def test_button_that_was_pressed_before_a_reload_explains_the_counter_after_it() -> None:
    line = Line()
    line.see(back("cutter1", 0), sample("cutter1", "parts", 500, 0), sample("cutter1", "reset", False, 0))
    line.see(sample("cutter1", "reset", True, 2), alive("cutter1", 2))
    line.see(sample("cutter1", "reset", False, 3), alive("cutter1", 3))
    line.switch(OTHER_SEWING)
    line.see(sample("cutter1", "parts", 2, 5), alive("cutter1", 5))
    assert told(line) == CERTAIN_RESET


def test_wrong_reading_long_after_a_boot_that_left_the_counter_alone_is_no_reset() -> None:
    world = polled_world("{changes: state}")
    for second, parts in ((1, 98), (2, 98), (3, 2), (4, 98), (5, 98)):  # the time of boot changes at once
        world.see(sample("sewing", "good1", parts, second), sample("sewing", "state", 501, second))
        world.see(alive("sewing", second))
    assert sum(event.delta for event in of(PiecesCounted, world.events)) == 0
    assert all(event.least in {0, None} for event in of(PiecesCounted, world.events))


def test_reset_that_was_shown_a_poll_before_the_counter_fell_is_believed_when_it_is_read_twice() -> None:
    world = polled_world("{changes: state}")
    for second, parts in ((1, 98), (2, 98), (3, 2), (4, 2)):
        world.see(sample("sewing", "good1", parts, second), sample("sewing", "state", 501, second))
        world.see(alive("sewing", second))
    assert told(world) == CERTAIN_RESET
