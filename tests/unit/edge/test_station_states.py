"""Station states beyond the golden histories: where a state is saved, shared between devices, or must not be told."""

from __future__ import annotations

import json
from pathlib import Path

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.observations import Observation, Quality, Sample
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.events import Event, StationChangedOver, StationState, StationStateChanged
from tests.unit.edge.gateway_world import World, alive, at, back, document, lost, sample

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: press
    protocol: opcua
    url: opc.tcp://127.0.0.1:4840
    points:
      good: {node: "ns=2;s=Good", type: uint32, counter: {max_rate: 600/min}}
      scrap: {node: "ns=2;s=Scrap", type: uint32, counter: {max_rate: 600/min}}
      strokes: {node: "ns=2;s=Strokes", type: uint32, counter: {}}
      word: {node: "ns=2;s=State", type: int32, labels: {0: idle, 1: running}}
  - id: lamp
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 10s}
    points:
      fed: {at: 40001, type: uint16, group: fast, counter: {max_rate: 600/min}}
      spoilt: {at: 40002, type: uint16, group: fast, counter: {max_rate: 600/min}}
      alarm: {at: 40004, bit: 0, group: fast, labels: {1: down}}
  - id: oven
    protocol: modbus
    host: 127.0.0.1:5021
    points:
      baked: {at: 40001, type: uint16, counter: {max_rate: 600/min}}
stations:
  RHYTHM:
    device: press
    counts: {good: good, scrap: scrap, rework: lamp/spoilt}
    state: {from: good, idle_after: 60s, down_after: 2min}
  STROKES: {device: press, state: {from: strokes, idle_after: 60s}}
  BOTH: {device: press, state: [lamp/alarm, word]}
  NEXT: {device: lamp, counts: {good: fed}}
  OVEN: {device: oven, counts: {good: baked}}
  BELT: {device: oven, state: {from: baked, idle_after: 60s}}
zones:
  before: {in: NEXT/good, out: RHYTHM/good}
nodes:
  PRESS: {stations: [RHYTHM], work_order: {from: dispatch}, done_when: {good: node.quantity}}
"""
PRESS_AND_LAMP = load_device_map(Path("plant.yaml"), text=MAP)


class Line:
    """A gateway with the map above, which keeps its commits."""

    def __init__(self, saved: dict[str, str] | None = None) -> None:
        self.commits: list[Commit] = []
        self.now = at(0)
        self.deriver = Deriver(
            PRESS_AND_LAMP,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=1,
            saved=saved or {},
            pace=Pace(poll_s={"lamp": 10.0}),
            moment=self._moment(),
        )

    def _moment(self) -> Moment:
        return Moment(now=self.now, mono_ms=0)

    def see(self, second: float, *observations: Observation) -> list[tuple[str, StationState, float, float]]:
        self.now = at(second)
        self.deriver.observe(observations, self._moment())
        return self._told()

    def wait_until(self, second: float) -> list[tuple[str, StationState, float, float]]:
        self.now = at(second)
        self.deriver.pass_time(self._moment())
        return self._told()

    def dispatch(self, wanted: DispatchDocument) -> None:
        self.deriver.take_dispatch(wanted, self._moment())
        self._told()

    @property
    def events(self) -> list[Event]:
        return [event for commit in self.commits for event in commit.events]

    def _told(self) -> list[tuple[str, StationState, float, float]]:
        """The states that are new: station, state, second at which it was told, second since which it holds."""
        for failure in self.deriver.take_failures():
            raise failure.error
        self.commits.append(self.deriver.take_checkpoint())
        states = [event for event in self.commits[-1].events if isinstance(event, StationStateChanged)]
        return [(each.station or "", each.state, _second(each.at), _second(each.since)) for each in states]


def _second(instant: object) -> float:
    return (instant - at(0)).total_seconds()  # type: ignore[operator, no-any-return]  # an instant of an event


def test_scrap_shows_that_a_station_runs() -> None:
    line = Line()
    line.see(0, back("press", 0), sample("press", "good", 5, 0), sample("press", "scrap", 2, 0))
    assert line.see(10, sample("press", "scrap", 3, 10)) == [("RHYTHM", StationState.RUNNING, 10, 10)]


def test_a_station_may_follow_the_counter_of_another_one() -> None:
    line = Line()
    line.see(0, back("oven", 0), sample("oven", "baked", 5, 0), alive("oven", 0))
    assert line.see(10, sample("oven", "baked", 6, 10)) == [("BELT", StationState.RUNNING, 10, 10)]


def test_a_counter_that_counts_no_pieces_tells_by_its_strokes_and_a_reset_is_none() -> None:
    line = Line()
    line.see(0, back("press", 0), sample("press", "strokes", 5, 0))
    assert line.see(10, sample("press", "strokes", 0, 10)) == []
    assert line.see(20, sample("press", "strokes", 1, 20)) == [("STROKES", StationState.RUNNING, 20, 20)]
    line.see(30, sample("press", "strokes", 2, 30), alive("press", 30))
    assert line.wait_until(95) == [("STROKES", StationState.IDLE, 90, 30)]


def test_a_reading_with_an_old_stamp_shows_nothing_of_the_time_before_the_connection() -> None:
    """The counter has stood still for an hour by the PLC's own stamp, and nobody was there to see it."""
    line = Line()
    line.see(3600, back("press", 3600), Sample("press", "good", 5, at(0), at(3600)))
    assert line.wait_until(3650) == []
    assert line.wait_until(3660) == [("RHYTHM", StationState.IDLE, 3660, 3600)]


def test_a_state_with_an_old_stamp_does_not_reach_back_into_the_outage() -> None:
    """The state word changed during the outage, as its stamp says; nobody saw what it was in between."""
    line = Line()
    line.see(0, back("press", 0), back("lamp", 0), sample("press", "word", 1, 0), sample("lamp", "alarm", False, 0))
    line.see(10, alive("press", 10), alive("lamp", 10))
    line.see(20, lost("press", 20))
    line.see(30, alive("lamp", 30))
    stamped_earlier = Sample("press", "word", 0, at(15), at(40))
    assert line.see(40, back("press", 40), stamped_earlier) == [("BOTH", StationState.IDLE, 40, 40)]


def test_scrap_of_another_device_that_was_not_observed_does_not_show_that_a_station_runs() -> None:
    line = Line()
    line.see(0, back("press", 0), back("lamp", 0), sample("press", "good", 5, 0), sample("lamp", "spoilt", 2, 0))
    line.see(10, alive("press", 10), alive("lamp", 10))
    line.see(20, lost("lamp", 20))
    assert line.see(40, back("lamp", 40), sample("lamp", "spoilt", 3, 40), alive("lamp", 40)) == []
    assert line.see(50, sample("lamp", "spoilt", 4, 50)) == [("RHYTHM", StationState.RUNNING, 50, 50)]


def test_points_of_two_devices_tell_nothing_until_both_are_read() -> None:
    line = Line()
    assert line.see(0, back("press", 0), sample("press", "word", 1, 0)) == []
    assert line.see(5, back("lamp", 5), sample("lamp", "alarm", False, 5)) == [("BOTH", StationState.RUNNING, 5, 5)]


def test_a_lost_device_that_could_object_makes_the_state_unknown() -> None:
    line = Line()
    line.see(0, back("press", 0), back("lamp", 0), sample("press", "word", 1, 0), sample("lamp", "alarm", False, 0))
    assert line.see(20, lost("lamp", 20)) == [("BOTH", StationState.UNKNOWN, 20, 0)]
    assert line.see(30, sample("press", "word", 0, 30)) == []
    found = line.see(40, back("lamp", 40), sample("lamp", "alarm", True, 40))
    assert found == [("BOTH", StationState.DOWN, 40, 40)]


def test_an_alarm_stands_even_when_the_state_word_cannot_be_read() -> None:
    line = Line()
    line.see(0, back("press", 0), back("lamp", 0), sample("press", "word", 1, 0), sample("lamp", "alarm", True, 0))
    assert line.see(10, Sample("press", "word", None, at(10), at(10), Quality.BAD)) == []
    found = line.see(20, sample("lamp", "alarm", False, 20), alive("lamp", 20))
    assert found == [("BOTH", StationState.UNKNOWN, 20, 20)]


def working_line(*, fed: int) -> Line:
    """RHYTHM works on 50 pieces and has made two; `fed` pieces came into the zone before it."""
    line = Line()
    rows = document(lists={"RHYTHM": [("WO-1", "PRESS", 50)]}, wanted={"WO-1": {"PRESS": 50}})
    line.dispatch(rows)
    line.see(0, back("press", 0), back("lamp", 0), sample("press", "good", 0, 0), sample("lamp", "fed", 0, 0))
    line.see(10, sample("lamp", "fed", fed, 10), alive("lamp", 10))
    line.see(20, sample("press", "good", 1, 20))
    line.see(30, sample("press", "good", 2, 30))
    return line


def test_a_station_with_input_is_down_since_its_last_piece() -> None:
    line = working_line(fed=5)
    assert line.wait_until(100) == [("RHYTHM", StationState.IDLE, 90, 30)]
    assert line.wait_until(160) == [("RHYTHM", StationState.DOWN, 150, 30)]


def test_a_station_that_was_down_is_idle_from_the_moment_when_its_work_is_taken_back() -> None:
    line = working_line(fed=5)
    line.wait_until(160)
    line.dispatch(document(version=2, lists={"RHYTHM": []}))
    assert line.wait_until(200) == [("RHYTHM", StationState.IDLE, 200, 200)]


def test_the_first_work_that_is_heard_of_is_no_change_of_work() -> None:
    """The gateway has just begun: what the station works on may have been begun long ago."""
    line = Line()
    line.see(0, back("press", 0), sample("press", "good", 0, 0))
    line.wait_until(1)
    line.dispatch(document(lists={"RHYTHM": [("WO-1", "PRESS", 50)]}, wanted={"WO-1": {"PRESS": 50}}))
    assert line.wait_until(20) == []


def test_a_station_whose_input_nobody_saw_is_not_called_down() -> None:
    line = working_line(fed=1)  # two pieces were taken out of one: what lies there is not known
    assert line.wait_until(100) == [("RHYTHM", StationState.IDLE, 90, 30)]
    assert line.wait_until(1000) == []


def test_a_trail_says_what_a_state_rests_on() -> None:
    line = working_line(fed=5)
    line.wait_until(100)
    line.wait_until(160)
    trails = {event.id: event for event in line.events if isinstance(event, StationStateChanged)}
    found = [json.loads(text) for commit in line.commits for key, text in commit.trails.items() if key in trails]
    assert [trail["rule"] for trail in found] == ["a piece came", "no piece came", "stopped within its work"]
    assert found[-1]["down_after_s"] == 120
    assert found[-1]["last_piece"] == "2026-01-05T07:00:30.000Z"


def test_work_that_is_taken_back_leaves_the_set_up_as_it_was() -> None:
    line = Line()
    rows = document(
        lists={"RHYTHM": [("WO-1", "PRESS", 1), ("WO-2", "PRESS", 50)]},
        wanted={"WO-1": {"PRESS": 1}, "WO-2": {"PRESS": 50}},
    )
    line.dispatch(rows)
    line.see(0, back("press", 0), sample("press", "good", 0, 0))
    line.wait_until(1)
    line.see(10, sample("press", "good", 1, 10))
    assert line.wait_until(20) == [("RHYTHM", StationState.SETUP, 10, 10)]
    line.dispatch(document(version=2, lists={"RHYTHM": []}))
    assert line.wait_until(21) == []
    assert line.wait_until(80) == [("RHYTHM", StationState.IDLE, 70, 21)]


def test_pieces_that_may_belong_to_either_work_end_no_change_over() -> None:
    line = Line()
    rows = document(
        lists={"RHYTHM": [("WO-1", "PRESS", 2), ("WO-2", "PRESS", 50)]},
        wanted={"WO-1": {"PRESS": 2}, "WO-2": {"PRESS": 50}},
    )
    line.dispatch(rows)
    line.see(0, back("press", 0), sample("press", "good", 0, 0))
    line.see(10, sample("press", "good", 1, 10))
    line.see(20, sample("press", "good", 3, 20))  # one of WO-1, and one more than was wanted
    line.see(30, sample("press", "good", 4, 30))
    assert not [event for event in line.events if isinstance(event, StationChangedOver)]


def test_a_state_that_an_older_version_saved_is_known_again() -> None:
    world = World()
    saved = json.dumps({"state": "running", "since": "2026-01-05T07:00:00.000Z"})
    world.saved = {"state/SEW-1": saved}
    world.kill_and_restart()
    assert world.see(back("sewing", 5), sample("sewing", "state", 1, 5)) == []
    (idle,) = world.see(sample("sewing", "state", 0, 6), alive("sewing", 6))
    assert isinstance(idle, StationStateChanged)
    assert (idle.state, idle.since) == (StationState.IDLE, at(6))
