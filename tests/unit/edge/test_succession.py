"""Another map takes over in a running gateway: nothing is lost, counted twice, or declared unobserved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from genba_edge.core.map_change import compare
from genba_edge.core.observations import DeviceBack, Observation, Quality, Unchanged
from genba_edge.core.present import Present
from genba_edge.core.succession import succeed
from genba_shared.device_map import PointRef, load_device_map
from genba_shared.events import (
    DataGapSeen,
    Event,
    GapCause,
    PiecesCounted,
    StationState,
    StationStateChanged,
    TagPassed,
    WipChanged,
)
from tests.unit.edge.gateway_world import MAP, T0, World, alive, at, back, document, lost, sample, tag_read
from tests.unit.edge.test_deriver import of

MORE_ANTENNAS = ("2: {read_point: out}", "2: {read_point: out}, 3: {read_point: side}")
OTHER_SEWING = ("host: 127.0.0.1:5020", "host: 127.0.0.1:5021")


class Line(World):
    """A gateway that keeps what devices last said, as the real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.present = Present(self.map.devices, now=T0)

    def see(self, *observations: Observation) -> list[Event]:
        for observation in observations:
            self.present.take(observation)
        return super().see(*observations)

    def switch(self, *changes: tuple[str, str]) -> Sequence[Event]:
        """Change the map while the gateway runs; the events that the switch itself made."""
        before = len(self.events)
        self.stop()
        self.commit_all()
        text = MAP
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        new_map = load_device_map(Path("plant.yaml"), text=text)
        change = compare(self.map, new_map)
        assert not change.refusals
        self.deriver = succeed(
            new_map,
            change,
            self.present,
            identity=self.deriver._journal.identity,
            next_seq=len(self.events) + 1,
            saved=self.saved,
            pace=self.deriver._pace,
            moment=self._moment(),
        )
        for device in (*change.devices.changed, *change.devices.added):
            self.present.expect(device, self.now)
        self.map = new_map
        self.commit()
        return self.events[before:]


def sewing(second: float, count: int) -> tuple[Observation, ...]:
    return sample("sewing", "good1", count, second), alive("sewing", second)


def running_line() -> Line:
    line = Line()
    line.see(back("sewing", 0), back("gate", 0), back("cutter1", 0))
    line.see(sample("cutter1", "parts", 100, 0), alive("cutter1", 0), alive("gate", 0))
    for second in range(1, 5):
        line.see(*sewing(second, second), sample("sewing", "state", 1, second))
    return line


def test_counts_go_on_across_the_switch_with_every_piece_once_and_certain() -> None:
    line = running_line()
    line.switch(MORE_ANTENNAS)
    for second in range(5, 8):
        line.see(*sewing(second, second))
    line.stop()
    counted = of(PiecesCounted, line.events)
    assert sum(event.delta for event in counted) == 6
    assert [event.total for event in counted][-1] == 6
    assert {event.counter_epoch for event in counted} == {0}
    assert {str(event.confidence) for event in counted} == {"certain"}


def test_pieces_that_were_joined_are_told_with_the_switch() -> None:
    line = running_line()
    assert [event.total for event in of(PiecesCounted, line.events)] == [1]
    told = line.switch(MORE_ANTENNAS)
    assert [(event.delta, event.total) for event in of(PiecesCounted, told)] == [(2, 3)]


def test_a_device_that_the_map_does_not_change_has_no_gap() -> None:
    line = running_line()
    line.switch(MORE_ANTENNAS)
    line.see(*sewing(5, 5))
    line.see(sample("cutter1", "parts", 101, 5.5), alive("cutter1", 5.5))
    assert not [event for event in of(DataGapSeen, line.events) if event.subject in {"sewing", "cutter1"}]


def test_a_device_that_connects_anew_declares_what_was_not_seen_meanwhile() -> None:
    line = running_line()
    line.switch(OTHER_SEWING)
    line.see(back("sewing", 6), *sewing(6, 5))
    (gap,) = of(DataGapSeen, line.events)
    assert (gap.subject, gap.begin, gap.end) == ("sewing", at(4), at(6))
    line.stop()
    assert sum(event.delta for event in of(PiecesCounted, line.events)) == 4


def test_readings_that_stay_unchanged_are_known_to_the_new_derivation() -> None:
    line = running_line()
    line.switch(MORE_ANTENNAS)
    line.see(Unchanged(device="sewing", points=("good1", "state"), at=at(5)), alive("sewing", 5))
    line.see(*sewing(6, 5))
    line.stop()
    last = of(PiecesCounted, line.events)[-1]
    assert (last.delta, last.total, str(last.confidence)) == (1, 4, "certain")


def test_a_passage_that_was_open_goes_on_as_one() -> None:
    line = running_line()
    line.see(tag_read("3034aa", 1, 3, 4), alive("gate", 4))
    line.switch(OTHER_SEWING)
    line.see(tag_read("3034aa", 1, 5, 6), alive("gate", 6))
    for second in range(7, 60):
        line.see(alive("gate", second))
    (passed,) = of(TagPassed, line.events)
    assert (passed.first_seen, passed.last_seen) == (at(3), at(6))


def test_nothing_is_told_again_by_the_switch() -> None:
    line = running_line()
    line.dispatch(document(lists={"SEW-1": [("WO-1", "SEW", 50)]}, wanted={"WO-1": {"SEW": 50}}))
    line.see(sample("cutter1", "order", "WO-7", 4.5), alive("cutter1", 4.5))
    line.stop()
    line.commit_all()
    assert list(line.switch(MORE_ANTENNAS)) == []


def test_the_open_work_gets_the_pieces_after_the_switch() -> None:
    line = running_line()
    line.dispatch(document(lists={"SEW-1": [("WO-1", "SEW", 50)]}, wanted={"WO-1": {"SEW": 50}}))
    line.switch(MORE_ANTENNAS)
    line.see(*sewing(5, 5))
    line.stop()
    assert of(PiecesCounted, line.events)[-1].work_order == "WO-1"


def test_a_station_is_idle_from_its_last_piece_on_and_not_from_the_switch() -> None:
    line = running_line()
    line.see(sample("cutter1", "parts", 101, 10), alive("cutter1", 10))
    line.see(sample("cutter1", "parts", 101, 100), alive("cutter1", 100))
    line.switch(MORE_ANTENNAS)
    line.wait_until(195)
    state = of(StationStateChanged, line.events)[-1]
    assert (state.station, state.state, state.at) == ("CUT-1", StationState.IDLE, at(190))


def test_a_device_that_is_lost_stays_lost_and_its_gap_is_of_its_connection() -> None:
    line = running_line()
    line.see(lost("sewing", 5))
    told = line.switch(MORE_ANTENNAS)
    assert not of(StationStateChanged, list(told))
    line.see(back("sewing", 9), *sewing(9, 6))
    (gap,) = of(DataGapSeen, line.events)
    assert (gap.begin, gap.end, gap.cause) == (at(4), at(9), GapCause.CONNECTIVITY)


def test_a_zone_is_not_surer_after_the_switch_while_its_counter_is_silent() -> None:
    line = running_line()
    line.see(sample("cutter1", "parts", 150, 60), alive("cutter1", 60), *sewing(60, 5))
    line.wait_until(75)
    line.see(lost("cutter1", 80))
    line.wait_until(3600)
    before = [event for event in of(WipChanged, line.events) if event.zone == "buffer"][-1]
    assert before.error_estimate > 60 * 60  # 60 pieces a minute
    told = [*line.switch(MORE_ANTENNAS), *line.wait_until(3620)]
    assert [
        event.error_estimate for event in of(WipChanged, told) if event.error_estimate < before.error_estimate
    ] == []


def test_a_device_that_was_lost_during_the_switch_may_say_that_its_points_are_unchanged() -> None:
    line = running_line()
    line.see(lost("sewing", 5))
    line.switch(MORE_ANTENNAS)
    line.see(back("sewing", 9), Unchanged(device="sewing", points=("good1", "state"), at=at(9)), alive("sewing", 9))
    state = of(StationStateChanged, line.events)[-1]
    assert (state.station, state.state, state.at) == ("SEW-1", StationState.RUNNING, at(9))


def test_a_bad_point_is_still_bad_after_the_switch() -> None:
    line = running_line()
    bad = replace(sample("sewing", "good1", None, 5), quality=Quality.BAD)
    line.see(bad, alive("sewing", 5))
    line.switch(MORE_ANTENNAS)
    assert not line.deriver._watch.is_watched(PointRef("sewing", "good1"), at(6))


def test_a_device_that_never_answered_is_not_said_to_be_back() -> None:
    line = Line()
    assert line.present.retell("sewing") == ()
    line.see(back("sewing", 1))
    assert line.present.retell("sewing") == (DeviceBack(device="sewing", at=at(1)),)


def test_a_map_of_another_gateway_is_refused() -> None:
    old = load_device_map(Path("plant.yaml"), text=MAP)
    other = load_device_map(Path("plant.yaml"), text=MAP.replace("id: gw-1", "id: gw-2"))
    (refusal,) = compare(old, other).refusals
    assert refusal.startswith("gateway.id is 'gw-2' and the running gateway is 'gw-1'")


def test_what_changes_is_said_by_device_station_zone_and_node() -> None:
    old = load_device_map(Path("plant.yaml"), text=MAP)
    text = MAP.replace(*OTHER_SEWING).replace("SEW-2: {device: sewing", "SEW-3: {device: sewing")
    text = (
        text.replace("SEW-2/good", "SEW-3/good")
        .replace("SEW-1, SEW-2", "SEW-1, SEW-3")
        .replace("  packing: {", "  packing2: {")
    )
    text = text.replace("all_left: packing", "all_left: packing2")
    assert list(compare(old, load_device_map(Path("plant.yaml"), text=text)).lines()) == [
        "device sewing: changed, connects anew",
        "station SEW-3: new",
        "station SEW-2: removed",
        "zone packing2: new",
        "zone buffer: changed",
        "zone packing: removed",
        "node SEW: changed",
        "node PACK: changed",
    ]
