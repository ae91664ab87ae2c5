"""What is found to be wrong in a map is told once, survives restarts and new maps, and never disturbs counting."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from genba_edge.app.map_watch import MapWatch
from genba_edge.core.diagnosis import Finding, FindingCode, MapDoubts, Sign, Sureness, ToldDoubts
from genba_edge.core.diagnosis.orders import better_order, plausible_order
from genba_edge.core.journal import Identity, Journal, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Observation, Sample, Value
from genba_edge.core.present import Present
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.device_map.model import ByteOrder, ModbusPoint, ModbusTable, PointRef, PointType
from genba_shared.events import DataQuestioned, QuestionCause
from genba_shared.texts import Language, Text, render
from tests.unit.edge.gateway_world import T0, World, at

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: cell
    protocol: modbus
    host: 10.1.2.3
    poll: {fast: 1s}
    points:
      good: {at: 40001, type: uint32, counter: {max_rate: 60/min}}
      scrap: {at: 40003, type: uint32, counter: {max_rate: 60/min}}
      state: {at: 40005, type: uint16, labels: {0: idle, 1: running}}
  - id: oven
    protocol: modbus
    host: 10.1.2.4
    points:
      baked: {at: 40001, type: uint16, counter: {max_rate: 60/min}}
stations:
  CELL: {device: cell, counts: {good: good, scrap: scrap}, state: state}
  OVEN: {device: oven, counts: {good: baked}}
"""
TURNED = tuple(count << 16 for count in range(1, 30))


def map_of(text: str = MAP) -> DeviceMap:
    return load_device_map(Path("plant.yaml"), text=text)


def sample(point: str, value: Value, second: float) -> Sample:
    return Sample("cell", point, value, at(second), at(second))


def watch(doubts: MapDoubts, point: str, values: tuple[Value, ...], *, begin: int = 0, every: int = 2) -> datetime:
    """One reading after the other; when the last one was looked at."""
    for place, value in enumerate(values):
        second = begin + every * place
        doubts.take([sample(point, value, second), DeviceAlive(device="cell", at=at(second))])
        doubts.look(at(second))
    end = at(begin + every * len(values) + 20)
    doubts.look(end)
    return end


def told_by(journal: Journal) -> list[DataQuestioned]:
    return [event for event in journal.take().events if isinstance(event, DataQuestioned)]


def a_journal(now: datetime = T0) -> Journal:
    identity = Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b")
    return Journal(identity=identity, next_seq=1, moment=Moment(now=now, mono_ms=0))


def a_finding(point: str = "good") -> Finding:
    sign = Sign(
        code=FindingCode.BYTE_ORDER,
        ref=PointRef("cell", point),
        what="it jumps.",
        fix="Write the order:",
        path=f"devices.cell.points.{point}",
        write="byte_order: CDAB",
        sureness=Sureness.CERTAIN,
        seen_at=T0,
    )
    return Finding(sign=sign, station="CELL", first_seen=T0, last_seen=T0)


def test_a_finding_is_told_once_with_its_evidence_and_the_line_to_write() -> None:
    journal = a_journal()
    told = ToldDoubts(map_of(), journal, {})
    told.tell([a_finding()])
    told.tell([a_finding()])
    commit = journal.take()
    (event,) = commit.events
    assert isinstance(event, DataQuestioned)
    assert (event.cause, event.station, event.point) == (QuestionCause.MAP, "CELL", "cell/good")
    assert event.note == ("[byte-order] it jumps. Write the order: devices.cell.points.good: byte_order: CDAB")
    assert '"write":"byte_order: CDAB"' in commit.trails[event.id]


def test_a_finding_is_told_again_only_after_it_was_gone() -> None:
    journal = a_journal()
    told = ToldDoubts(map_of(), journal, {})
    told.tell([a_finding()])
    told.tell([])
    told.tell([a_finding()])
    assert len(told_by(journal)) == 2


def test_a_restart_does_not_tell_again_what_is_known_and_a_corrected_point_is_told_anew() -> None:
    journal = a_journal()
    ToldDoubts(map_of(), journal, {}).tell([a_finding()])
    saved = {key: text for key, text in journal.take().state.items() if text is not None}
    again = a_journal()
    ToldDoubts(map_of(), again, saved).tell([a_finding()])
    assert told_by(again) == []
    corrected = map_of(MAP.replace("good: {at: 40001", "good: {at: 40011"))
    ToldDoubts(corrected, again, saved).tell([a_finding()])
    assert len(told_by(again)) == 1


def test_what_an_earlier_run_told_and_this_one_does_not_find_for_a_day_is_gone() -> None:
    journal = a_journal()
    ToldDoubts(map_of(), journal, {}).tell([a_finding()])
    saved = {key: text for key, text in journal.take().state.items() if text is not None}
    later = a_journal()
    told = ToldDoubts(map_of(), later, saved)
    told.tell([])
    later.moment = Moment(now=T0 + timedelta(hours=25), mono_ms=0)
    told.tell([])
    told.tell([a_finding()])
    assert len(told_by(later)) == 1


def test_the_derivation_tells_a_finding_and_saves_that_it_did() -> None:
    world = World()
    world.deriver.tell_map_doubts([a_finding()], Moment(now=T0, mono_ms=0))
    world.commit_all()
    world.kill_and_restart()
    world.deriver.tell_map_doubts([a_finding()], Moment(now=T0, mono_ms=0))
    world.commit_all()
    assert [event.cause for event in world.events if isinstance(event, DataQuestioned)] == [QuestionCause.MAP]


def test_turned_words_are_found_and_gone_ten_minutes_after_the_plc_was_changed() -> None:
    doubts = MapDoubts(map_of())
    watch(doubts, "good", TURNED)
    assert [finding.key for finding in doubts.findings] == ["byte-order/cell/good"]
    watch(doubts, "good", tuple(range(30, 60)), begin=100)
    assert [finding.key for finding in doubts.findings] == ["byte-order/cell/good"]
    watch(doubts, "good", tuple(range(60, 400)), begin=200)
    assert doubts.findings == ()


def test_a_new_map_keeps_what_is_known_of_points_that_it_does_not_change() -> None:
    old = MapDoubts(map_of())
    watch(old, "good", TURNED)
    moved = MapDoubts(map_of(MAP.replace("40001, type: uint16", "40002, type: uint16")), former=old)
    assert [finding.key for finding in moved.findings] == ["byte-order/cell/good"]
    mended = MapDoubts(map_of(MAP.replace("uint32, counter", "uint32, byte_order: CDAB, counter", 1)), former=old)
    assert mended.findings == ()


def test_an_outage_of_the_device_is_no_running_time() -> None:
    doubts = MapDoubts(map_of())
    start: list[Observation] = [DeviceBack(device="cell", at=at(0)), sample("good", 5, 0), sample("state", 1, 0)]
    doubts.take(start)
    doubts.look(at(0))
    doubts.take([DeviceLost(device="cell", at=at(10), reason="silent")])
    for second in range(20, 40_000, 20):
        doubts.look(at(second))
    assert doubts.findings == ()
    doubts.take([DeviceBack(device="cell", at=at(40_000)), sample("good", 5, 40_000), sample("state", 1, 40_000)])
    for second in range(40_000, 40_000 + 7400, 20):
        doubts.look(at(second))
    assert [finding.key for finding in doubts.findings] == ["counter-frozen/cell/good"]


def test_the_bytes_of_one_register_are_doubted_when_the_low_one_went_through_zero() -> None:
    text = MAP.replace(
        "good: {at: 40001, type: uint32, counter: {max_rate: 60/min}}", "good: {at: 40001, type: uint16, counter: {}}"
    )
    swapped = [(count & 0xFF) << 8 | count >> 8 for count in range(200, 300)]
    doubts = MapDoubts(map_of(text))
    watch(doubts, "good", tuple(swapped[:50]))
    assert doubts.findings == ()  # a counter that counts by 256 looks the same
    watch(doubts, "good", tuple(swapped[50:]), begin=100)
    (finding,) = doubts.findings
    assert finding.sign.write == "byte_order: BADC"


def test_a_low_register_that_moves_by_itself_belongs_to_something_else() -> None:
    """Read one address too far: the own low register, and behind it the state, which goes up and down."""
    doubts = MapDoubts(map_of())
    values = [count << 16 | (1 if count % 10 < 5 else 2) for count in range(1, 40)]
    watch(doubts, "scrap", tuple(values), every=5)
    (finding,) = doubts.findings
    assert (finding.sign.code, finding.sign.sureness) == (FindingCode.ADDRESS_ONE_OFF, Sureness.CERTAIN)
    assert finding.sign.write == "at: {holding: 1}"


def test_no_order_is_better_than_that_of_a_healthy_counter() -> None:
    point = ModbusPoint(name="good", type=PointType.UINT32, table=ModbusTable.HOLDING, address=0)
    for values in ([65_534, 65_535, 65_536, 65_537], [1000, 2000, 3000, 4000], [9, 10, 0, 1], [65_536, 131_072, 5, 6]):
        assert better_order(point, values) is None
    assert better_order(point, [131_072, 196_608, 262_144]) is ByteOrder.CDAB


def test_an_absurd_temperature_is_made_plausible_by_the_order_that_was_meant() -> None:
    point = ModbusPoint(name="temp", type=PointType.FLOAT32, table=ModbusTable.HOLDING, address=0)
    assert plausible_order(point, [2.71838894803949e23]) is ByteOrder.CDAB
    assert plausible_order(point, [21.3, -4.0, 22.9]) is None


def test_a_bug_in_the_watch_ends_the_watch_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_self: MapDoubts, _now: datetime) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(MapDoubts, "look", fail)
    watched = MapWatch(map_of(), speed=1.0, saved={})
    with caplog.at_level(logging.ERROR):
        assert watched.look(T0, {}) == ()
    assert "the map is not watched for mistakes any more" in caplog.text
    watched.take([sample("good", 1, 0)])
    watched.go_on(map_of(), Present([], now=T0), [])
    assert watched.look(T0, {}) == ()


def test_a_finding_is_logged_when_it_comes_and_when_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    watched = MapWatch(map_of(), speed=1.0, saved={})
    with caplog.at_level(logging.INFO):
        for place, value in enumerate([*TURNED, *range(1, 400)]):
            watched.take([sample("good", value, 2 * place)])
            watched.look(at(2 * place), {})
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[0].startswith("map doubtful point=cell/good finding=[byte-order] cell/good reads ")
    assert lines[1] == "map no longer doubtful finding=byte-order/cell/good"


@pytest.mark.parametrize("language", [Language.CHINESE, Language.JAPANESE])
def test_a_finding_is_said_in_other_languages(language: Language) -> None:
    doubts = MapDoubts(map_of())
    watch(doubts, "good", TURNED)
    (finding,) = doubts.findings
    for text in (finding.sign.what, finding.sign.fix):
        assert isinstance(text, Text)
        assert render(text, language) != str(text)
    assert "cell/good" in render(finding.sign.what, language)


OPCUA_MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: cell
    protocol: opcua
    url: opc.tcp://10.1.2.3:4840
    security: {policy: none}
    points:
      good: {node: "nsu=urn:plc;s=Good", type: uint32, counter: {max_rate: 60/min, reset_by: {point: reset}}}
      reset: {node: "nsu=urn:plc;s=Reset", type: bool}
stations:
  CELL: {device: cell, counts: {good: good}}
"""


def test_a_pulse_is_measured_against_the_rate_that_the_server_gives_not_the_one_asked_for() -> None:
    pulses = [(place * 20.0 + shift, shift == 0) for place in range(12) for shift in (0.0, 1.0)]
    asked, given = MapDoubts(map_of(OPCUA_MAP)), MapDoubts(map_of(OPCUA_MAP))
    given.note_sampling("cell", {"reset": 1.0})
    for doubts in (asked, given):
        for second, is_on in pulses:
            doubts.take([sample("reset", is_on, second)])
        doubts.look(at(400))
    assert asked.findings == ()  # a second is long for 200 ms
    (finding,) = given.findings
    assert finding.sign.code is FindingCode.PULSE_TOO_SHORT
    assert "with 1s from one to the next" in finding.sign.what
    assert finding.sign.write == ""  # the server was asked for more already


def test_a_counter_that_stands_still_while_more_leaves_the_zone_behind_it_than_it_holds_is_found() -> None:
    zones = "zones:\n  buffer: {in: OVEN/good, out: CELL/good, wip_limit: 50}\n"
    doubts = MapDoubts(map_of(MAP + zones))
    doubts.take([Sample("oven", "baked", 7, at(0), at(0))])
    watch(doubts, "good", tuple(range(100)))
    assert doubts.findings == ()
    watch(doubts, "good", tuple(range(100, 160)), begin=300)
    (finding,) = doubts.findings
    assert finding.key == "counter-frozen/oven/baked"
    assert "pieces left zone buffer, which holds 50 at most" in finding.sign.what
