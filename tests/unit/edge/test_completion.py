"""The algebra of node rules: when a condition is met, by what, and what of it the stations show."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from genba_edge.core.completion import Part, at_stations, is_met
from genba_shared.device_map.model import (
    AllLeft,
    AllOf,
    AnyOf,
    Condition,
    Counted,
    Leaf,
    PiecesReach,
    PointIs,
    PointRef,
    PointSign,
    StationIs,
)
from genba_shared.events import Basis, StationState

GOOD, LEFT = PiecesReach(), AllLeft(zone="hall")
THROUGH = PiecesReach(counted=Counted.PROCESSED)
ENDED = PointIs(point=PointRef("press", "end"), sign=PointSign.RISES)
IDLE = StationIs(states=(StationState.IDLE,))


def seen(times: Mapping[Leaf, str], condition: Condition) -> tuple[str, Basis] | None:
    met = is_met(condition, lambda leaf: Part(condition=leaf, at=times[leaf]) if leaf in times else None)
    return None if met is None else (met.at, met.basis)


def test_all_is_met_at_the_time_of_its_last_part() -> None:
    rule = AllOf(parts=(GOOD, LEFT))
    assert seen({GOOD: "08:00"}, rule) is None
    assert seen({GOOD: "08:00", LEFT: "09:00"}, rule) == ("09:00", Basis.COUNT)
    assert seen({GOOD: "09:30", LEFT: "09:00"}, rule) == ("09:30", Basis.COUNT)


def test_any_is_met_at_the_time_of_its_first_part_and_rests_on_it_alone() -> None:
    rule = AnyOf(parts=(GOOD, ENDED, LEFT))
    assert seen({ENDED: "08:30"}, rule) == ("08:30", Basis.STATE)
    assert seen({GOOD: "09:00", ENDED: "08:30"}, rule) == ("08:30", Basis.STATE)
    assert seen({LEFT: "08:00", ENDED: "08:30"}, rule) == ("08:00", Basis.TAGS)


def test_levels_are_met_from_within() -> None:
    rule = AllOf(parts=(IDLE, AnyOf(parts=(ENDED, AllOf(parts=(GOOD, LEFT))))))
    assert seen({IDLE: "07:00", GOOD: "08:00", LEFT: "08:10"}, rule) == ("08:10", Basis.COUNT)
    assert seen({GOOD: "08:00", LEFT: "08:10"}, rule) is None


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (GOOD, GOOD),
        (LEFT, None),
        (AllOf(parts=(GOOD, LEFT)), GOOD),
        (AllOf(parts=(GOOD, IDLE, LEFT)), AllOf(parts=(GOOD, IDLE))),
        (AnyOf(parts=(GOOD, LEFT)), GOOD),
        (AllOf(parts=(IDLE, LEFT)), None),  # a pause does not end the work of a station
        (AllOf(parts=(AnyOf(parts=(THROUGH, ENDED)), LEFT)), AnyOf(parts=(THROUGH, ENDED))),
    ],
)
def test_stations_are_done_with_what_is_left_of_a_rule_without_tags(rule: Condition, left: Condition | None) -> None:
    assert at_stations(rule) == left
