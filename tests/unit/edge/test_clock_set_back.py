"""A clock that was set back: what waits for time to pass does not wait for the length of the step."""

from __future__ import annotations

from genba_shared.events import PiecesCounted, StationState, StationStateChanged
from tests.unit.edge.gateway_world import World, alive, at, back, sample
from tests.unit.edge.test_deriver import of, poll_until, sewing_world


def test_counts_that_are_joined_are_told_when_the_clock_was_set_back() -> None:
    world = sewing_world(("WO-1", "SEW", 50))
    poll_until(world, 4, {1: 1, 3: 2, 4: 3})
    told = of(PiecesCounted, world.wait_until(-3600))
    assert [(event.delta, event.total) for event in told] == [(2, 3)]


def test_count_after_the_clock_was_set_back_is_joined_no_longer_than_others() -> None:
    world = sewing_world(("WO-1", "SEW", 50))
    poll_until(world, 4, {1: 1})
    world.now = at(-3600)
    world.deriver.observe([sample("sewing", "good1", 2, 5)], world._moment())
    assert [event.total for event in of(PiecesCounted, world.commit())] == [2]


def test_joined_counts_still_wait_when_the_clock_was_not_set_back() -> None:
    world = sewing_world(("WO-1", "SEW", 50))
    poll_until(world, 4, {1: 1, 3: 2, 4: 3})
    assert world.wait_until(9) == []


def standing_world() -> World:
    """A table whose last piece is of 07:00:10 and which counts as idle three minutes later."""
    world = World()
    world.see(back("cutter1", 0), sample("cutter1", "parts", 1, 0), alive("cutter1", 0))
    world.see(sample("cutter1", "parts", 2, 10), alive("cutter1", 10))
    world.wait_until(20)
    return world


def test_station_is_idle_no_later_than_its_time_after_the_clock_was_set_back() -> None:
    world = standing_world()
    assert world.wait_until(-3600) == []
    assert world.wait_until(-3600 + 179) == []
    (changed,) = of(StationStateChanged, world.wait_until(-3600 + 180))
    assert changed.state is StationState.IDLE


def test_piece_that_is_stamped_ahead_of_the_gateway_makes_no_station_idle() -> None:
    world = standing_world()
    world.deriver.observe([sample("cutter1", "parts", 3, 30)], world._moment())
    assert of(StationStateChanged, world.wait_until(21)) == []
