"""A clock that is set while the gateway runs: the doubtful time is declared, and what stations do holds behind it."""

from __future__ import annotations

import pytest

from genba_cloud.core.facts.timeline import timeline
from genba_edge.core.clock_watch import ClockStep, ClockWatch
from genba_edge.core.journal import Moment
from genba_shared.events import DataGapSeen, Event, GapCause, StationState, StationStateChanged
from tests.unit.edge.gateway_world import World, alive, at, back, sample
from tests.unit.edge.test_deriver import of

HOUR = 3600


def moment(second: float, mono_s: float) -> Moment:
    return Moment(now=at(second), mono_ms=int(mono_s * 1000))


@pytest.mark.parametrize(
    ("second", "mono_s", "step"),
    [
        (1, 101, None),
        (4.9, 100, None),
        (-4.9, 100, None),
        (HOUR + 1, 101, ClockStep(begin=at(1), end=at(HOUR + 1))),
        (1 - HOUR, 101, ClockStep(begin=at(1 - HOUR), end=at(1))),
        (HOUR, 100 + HOUR, None),
    ],
)
def test_a_step_is_what_the_clock_goes_on_otherwise_than_the_monotonic_one(
    second: float, mono_s: float, step: ClockStep | None
) -> None:
    watch = ClockWatch(moment(0, 100), speed=1.0)
    assert watch.look(moment(second, mono_s)) == step
    assert watch.look(moment(second + 1, mono_s + 1)) is None, "it is said once"


def test_a_clock_that_drifts_is_not_set() -> None:
    watch = ClockWatch(moment(0, 0), speed=1.0)
    assert [watch.look(moment(1.01 * second, second)) for second in range(HOUR)] == [None] * HOUR


def test_where_plant_time_is_faster_a_step_is_larger() -> None:
    watch = ClockWatch(moment(0, 0), speed=60.0)
    assert watch.look(moment(299, 0)) is None
    assert watch.look(moment(299 + 300, 0)) == ClockStep(begin=at(299), end=at(599))


def working_world() -> World:
    """A table that makes a piece every 10 seconds since 07:00:10."""
    world = World()
    world.see(back("cutter1", 0), sample("cutter1", "parts", 1, 0), alive("cutter1", 0))
    for piece in range(1, 4):
        world.see(sample("cutter1", "parts", 1 + piece, 10 * piece), alive("cutter1", 10 * piece))
    return world


def set_clock(world: World, second: float) -> list[Event]:
    """As the gateway does, which lets time pass at least every second."""
    before = world.now
    world.deriver.pass_time(world._moment())
    world.now = at(second)
    step = ClockStep(begin=min(before, world.now), end=max(before, world.now))
    world.deriver.declare_clock_step(step, world._moment())
    world.deriver.pass_time(world._moment())
    return world.commit()


def states(world: World, *, begin: float, end: float) -> list[tuple[StationState, float, float]]:
    """What the collector makes of it, in seconds since the start."""
    own = [event for event in world.events if isinstance(event, DataGapSeen) or event.station == "CUT-1"]
    found = timeline(own, begin=at(begin), end=at(end))
    return [(each.state, (each.since - at(0)).total_seconds(), (each.until - at(0)).total_seconds()) for each in found]


def test_the_time_between_is_declared() -> None:
    world = working_world()
    (gap,) = of(DataGapSeen, set_clock(world, 30 - HOUR))
    assert (gap.cause, gap.subject, gap.begin, gap.end) == (GapCause.CLOCK, "gw-1", at(30 - HOUR), at(30))
    assert gap.at == at(30 - HOUR)


def test_after_a_clock_was_set_back_nothing_is_known_of_the_hour_that_is_told_twice() -> None:
    world = working_world()
    running = states(world, begin=-HOUR - 60, end=20)
    assert running[-1][0] is StationState.RUNNING
    set_clock(world, 30 - HOUR)
    world.see(sample("cutter1", "parts", 5, 40 - HOUR), alive("cutter1", 40 - HOUR))
    assert states(world, begin=30 - HOUR, end=60) == [
        (StationState.UNKNOWN, 30 - HOUR, 30),
        (StationState.RUNNING, 30, 60),
    ]


def test_what_a_station_does_after_that_hour_is_what_it_did_last_in_it() -> None:
    world = working_world()
    set_clock(world, 30 - HOUR)
    world.see(sample("cutter1", "parts", 5, 40 - HOUR), alive("cutter1", 40 - HOUR))
    idle = of(StationStateChanged, world.wait_until(40 - HOUR + 600))
    assert [event.state for event in idle] == [StationState.IDLE]
    assert states(world, begin=30 - HOUR, end=60) == [
        (StationState.UNKNOWN, 30 - HOUR, 30),
        (StationState.IDLE, 30, 60),
    ]


def test_after_a_clock_was_set_forward_what_holds_is_said_again() -> None:
    world = working_world()
    told = of(StationStateChanged, set_clock(world, 30 + HOUR))
    assert [(event.state, event.since, event.source.ref) for event in told] == [
        (StationState.RUNNING, at(30 + HOUR), "cutter1/parts")
    ]
    assert states(world, begin=30, end=60 + HOUR) == [
        (StationState.UNKNOWN, 30, 30 + HOUR),
        (StationState.RUNNING, 30 + HOUR, 60 + HOUR),
    ]


def test_what_was_unknown_stays_so() -> None:
    world = World()
    assert of(StationStateChanged, set_clock(world, HOUR)) == []
