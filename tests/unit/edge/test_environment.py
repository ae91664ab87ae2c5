"""Summaries of the environment: long windows, restarts, late completions, and points that nobody could read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from genba_edge.core.environment import MOST_WINDOWS, Environment
from genba_edge.core.journal import Identity, Journal, Moment
from genba_edge.core.measured import KEPT
from genba_edge.core.observations import Quality, Sample
from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import PointRef
from genba_shared.events import (
    DataQuestioned,
    EnvironmentSummarised,
    Event,
    NodeCompleted,
    NodeStarted,
    Source,
    SourceType,
)
from tests.unit.edge.gateway_world import at

MAP = load_device_map(
    Path("plant.yaml"),
    text="""
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: press
    protocol: modbus
    host: 127.0.0.1:5020
    points:
      good: {at: 40001, type: uint16, counter: {max_rate: 60/min}}
      temp: {at: 30001, type: int16, unit: °C}
stations:
  PRS-1: {device: press, counts: {good: good}, environment: press/temp}
  PRS-2: {device: press, environment: press/temp}
nodes:
  PRESS: {stations: [PRS-1, PRS-2]}
""",
)
TEMP = PointRef("press", "temp")
PLC = Source(type=SourceType.PLC, ref="press/good")


class Hall:
    """The environment of two stations, driven directly; time is in seconds since the beginning."""

    def __init__(self) -> None:
        self.saved: dict[str, str] = {}
        self.events: list[Event] = []
        self.second = 0.0
        self.open()

    def open(self) -> None:
        identity = Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32)
        self.journal = Journal(identity=identity, next_seq=len(self.events) + 1, moment=self.moment())
        self.environment = Environment(MAP, self.journal, self.saved)
        self.journal.on_event = self.environment.note

    def moment(self) -> Moment:
        return Moment(now=at(self.second), mono_ms=0)

    def go_to(self, second: float) -> None:
        self.second = second
        self.journal.moment = self.moment()
        self.environment.save()
        self.commit()

    def commit(self) -> None:
        commit = self.journal.take()
        self.events += commit.events
        for key, value in commit.state.items():
            if value is None:
                self.saved.pop(key, None)
            else:
                self.saved[key] = value

    def measure(self, second: float, value: float | None) -> None:
        self.go_to(second)
        quality = Quality.GOOD if value is not None else Quality.BAD
        self.environment.take(TEMP, Sample("press", "temp", value, at(second), at(second), quality))
        self.commit()

    def start(self, second: float, *, work_order: str = "WO-1", station: str | None = "PRS-1") -> None:
        self.journal.emit(NodeStarted, at=at(second), source=PLC, station=station, work_order=work_order, node="PRESS")
        self.commit()

    def complete(self, second: float, *, work_order: str = "WO-1") -> None:
        self.journal.emit(NodeCompleted, at=at(second), source=PLC, work_order=work_order, node="PRESS", pieces=1)
        self.commit()

    @property
    def summaries(self) -> list[tuple[str | None, float, float, float, int]]:
        return [
            (event.station, event.least, event.mean, event.most, event.samples)
            for event in self.events
            if isinstance(event, EnvironmentSummarised)
        ]

    @property
    def questions(self) -> int:
        return sum(isinstance(event, DataQuestioned) for event in self.events)


def test_a_window_of_a_whole_shift_is_weighted_by_time_and_keeps_few_readings() -> None:
    hall = Hall()
    hall.measure(0, 20)
    hall.start(0)
    for second in range(10, 8 * 3600, 10):
        hall.measure(second, 20 if second < 4 * 3600 else 30)
    hall.go_to(8 * 3600)
    hall.complete(8 * 3600)
    assert hall.summaries == [("PRS-1", 20, 25, 30, 2880)]
    assert len(hall.environment._measured[TEMP]._readings) < 2 * KEPT


def test_what_was_measured_while_the_gateway_was_down_is_not_averaged_over() -> None:
    hall = Hall()
    hall.measure(0, 20)
    hall.start(0)
    hall.measure(100, 20)  # saved just before, as it is each minute: the reading itself is lost with the gateway
    hall.open()
    hall.measure(500, 40)
    hall.go_to(600)
    hall.complete(600)
    assert hall.summaries == [("PRS-1", 20, 30, 40, 2)]


def test_what_a_device_says_again_after_a_change_of_the_map_is_not_counted_twice() -> None:
    hall = Hall()
    hall.measure(0, 20)
    hall.start(0)
    hall.measure(50, 40)
    hall.go_to(100)
    hall.environment.save(urgently=True)
    hall.commit()
    hall.open()
    hall.environment.take(TEMP, Sample("press", "temp", 40, at(50), at(50)))  # since when the value holds
    hall.go_to(200)
    hall.complete(200)
    assert hall.summaries == [("PRS-1", 20, 35, 40, 2)]


def test_a_completion_that_is_known_late_ends_its_window_when_it_happened() -> None:
    hall = Hall()
    hall.measure(0, 20)
    hall.start(10)
    hall.measure(60, 90)
    hall.go_to(200)
    hall.complete(60)
    assert hall.summaries == [("PRS-1", 20, 20, 20, 0)]


def test_a_piece_that_starts_and_completes_its_node_is_made_at_the_value_of_that_instant() -> None:
    hall = Hall()
    hall.measure(0, 21.5)
    hall.go_to(10)
    hall.start(10)
    hall.complete(10)
    assert hall.summaries == [("PRS-1", 21.5, 21.5, 21.5, 0)]


def test_each_station_that_worked_on_the_node_has_its_own_window() -> None:
    hall = Hall()
    hall.measure(0, 20)
    hall.start(0)
    hall.measure(50, 30)
    hall.start(50, station="PRS-2")
    hall.go_to(100)
    hall.complete(100)
    assert hall.summaries == [("PRS-1", 20, 25, 30, 2), ("PRS-2", 30, 30, 30, 1)]


def test_a_point_that_cannot_be_read_gives_no_summary_and_that_is_said_once() -> None:
    hall = Hall()
    hall.measure(0, None)
    for number in range(3):
        hall.go_to(10 * number)
        hall.start(10 * number, work_order=f"WO-{number}")
        hall.complete(10 * number + 5, work_order=f"WO-{number}")
    assert (hall.summaries, hall.questions) == ([], 1)
    hall.measure(60, 20)
    hall.start(60, work_order="WO-7")
    hall.complete(70, work_order="WO-7")
    assert hall.summaries == [("PRS-1", 20, 20, 20, 1)]
    hall.measure(80, None)
    hall.start(81, work_order="WO-8")
    hall.complete(90, work_order="WO-8")
    assert hall.questions == 2


@pytest.mark.parametrize("gone", [1, MOST_WINDOWS + 3])
def test_windows_of_nodes_that_never_complete_are_dropped(gone: int) -> None:
    hall = Hall()
    for number in range(gone):
        hall.start(0, work_order=f"WO-{number}")
    assert len(hall.environment._windows["PRS-1"]) == min(gone, MOST_WINDOWS)


def test_pieces_after_the_completion_open_no_window() -> None:
    hall = Hall()
    hall.measure(0, 20)
    hall.start(0)
    hall.complete(10)
    hall.start(11)
    assert hall.environment._windows["PRS-1"] == {}
    assert "environment/PRS-1" not in hall.saved


def test_windows_of_a_station_that_left_the_map_are_not_remembered() -> None:
    hall = Hall()
    hall.measure(0, 20)
    hall.start(10)
    assert "environment/PRS-1" in hall.saved
    without = replace(MAP, stations={"PRS-2": MAP.stations["PRS-2"]}, nodes={})
    Environment(without, hall.journal, hall.saved)
    hall.commit()
    assert [key for key in hall.saved if "PRS-1" in key] == []
