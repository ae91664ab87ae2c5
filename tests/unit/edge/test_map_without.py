"""Stations and zones that leave the map: what was said of them last does not stand for ever."""

from __future__ import annotations

from genba_shared.events import SourceType, StationState, StationStateChanged, WipChanged
from tests.unit.edge.gateway_world import alive, at, back, sample
from tests.unit.edge.test_deriver import of
from tests.unit.edge.test_succession import MORE_ANTENNAS, Line

WITHOUT_STATE = ("counts: {good: good1}, state: state}", "counts: {good: good1}}")
ANOTHER_BUFFER = ("  buffer: {", "  rack: {")


def full_line() -> Line:
    """Two pieces were cut and wait in the buffer; `SEW-1` runs."""
    line = Line()
    line.see(back("sewing", 0), back("cutter1", 0))
    line.see(sample("cutter1", "parts", 100, 0), sample("sewing", "state", 1, 0), alive("sewing", 0))
    line.see(sample("cutter1", "parts", 102, 5), alive("cutter1", 5))
    line.now = at(100)
    return line


def test_station_without_a_state_in_the_map_is_unknown_from_then_on() -> None:
    line = full_line()
    (changed,) = of(StationStateChanged, [*line.switch(WITHOUT_STATE)])
    assert (changed.station, changed.state, changed.since) == ("SEW-1", StationState.UNKNOWN, at(100))
    assert changed.source.type is SourceType.SYSTEM
    assert "state/SEW-1" not in line.saved


def test_zone_that_left_the_map_holds_nothing_from_then_on() -> None:
    line = full_line()
    (changed,) = of(WipChanged, [*line.switch(ANOTHER_BUFFER)])
    assert (changed.zone, changed.count, changed.by, changed.at) == ("buffer", 0, -2, at(100))
    assert changed.source.type is SourceType.SYSTEM
    assert [key for key in line.saved if key.startswith("zone/")] == []


def test_stations_and_zones_that_stay_are_not_told_again() -> None:
    assert list(full_line().switch(MORE_ANTENNAS)) == []


def test_what_left_the_map_is_told_once() -> None:
    line = full_line()
    line.switch(WITHOUT_STATE, ANOTHER_BUFFER)
    assert list(line.switch(WITHOUT_STATE, ANOTHER_BUFFER)) == []
