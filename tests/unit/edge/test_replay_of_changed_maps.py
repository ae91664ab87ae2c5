"""What a changed map makes of a recorded shift: for each change the whole difference is written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from genba_edge.app.pace import pace_of
from genba_edge.core.journal import Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation, Sample, TagRead
from genba_edge.core.raw_log import RawBatch, RawDispatch, RawEntry, RawHeader, RawMap
from genba_edge.core.replay import Outcome, Replay
from genba_edge.core.replay_difference import Causes, Change, Completion, Difference, compare_outcomes
from genba_edge.core.rereading import Rereading
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.events import Confidence, Result
from tests.unit.edge.gateway_world import at, document

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: cell
    protocol: modbus
    host: 127.0.0.1:5020
    byte_order: CDAB
    poll: {fast: 1s}
    points:
      cut: {at: 40001, type: uint32, counter: {max_rate: 60/min}}
      sewn: {at: 40003, type: uint32, counter: {max_rate: 60/min}}
      packed: {at: 40005, type: uint32, counter: {max_rate: 60/min}}
  - id: gate
    protocol: llrp
    host: 127.0.0.1:5084
    antennas: {1: {read_point: in}, 2: {read_point: out}}
    presence: {min_reads: 2, depart_after: 30s, move_margin: 6dB}
stations:
  CUT-1: {device: cell, counts: {good: cut}, state: {from: cut, idle_after: 3min}}
  SEW-1: {device: cell, counts: {good: sewn}}
  PACK-1: {device: cell, counts: {good: packed}}
zones:
  buffer: {in: CUT-1/good, out: SEW-1/good}
  packing: {enter: [gate/in], leave: [gate/out]}
nodes:
  CUT: {stations: [CUT-1], work_order: {from: dispatch}, done_when: {good: node.quantity}}
  SEW: {stations: [SEW-1], work_order: {from: dispatch}, done_when: {good: node.quantity}}
  PACK: {work_order: {from: tags}, done_when: {all_left: packing}}
"""
END_S = 600
ORDERS = document(
    lists={"CUT-1": [("WO-1", "CUT", 40), ("WO-2", "CUT", 30), ("WO-3", "CUT", 500)], "SEW-1": [("WO-1", "SEW", 20)]},
    wanted={"WO-1": {"CUT": 40, "SEW": 20, "PACK": 5}, "WO-2": {"CUT": 30}, "WO-3": {"CUT": 500}},
    tags=[("3034a1", "WO-1", 5)],
)


def cut(second: int) -> int:
    """One piece every four seconds, a hundred in all."""
    return min(second // 4, 100)


def sewn(second: int) -> int:
    """One piece every ten seconds, thirty in all; twenty of them at second 200."""
    return min(second // 10, 30)


def packed(second: int) -> int:
    """Twenty pieces at once every fifty seconds, two hundred in all."""
    return 20 * min(second // 50, 10)


def swapped(made: int) -> int:
    """What is read of the same registers with the words the wrong way round."""
    return made << 16


Truth = Mapping[str, Callable[[int], int]]
PLANT: Truth = {"cut": cut, "sewn": sewn, "packed": packed}


def shift(device_map: DeviceMap, truth: Truth) -> Iterator[RawEntry]:
    """Ten minutes as the gateway recorded them with `device_map`, which read the counters as `truth` says."""
    yield RawHeader(gateway="gw-1", map_sha256="", version="1", boot="b" * 32, speed=1.0, state={})
    yield RawDispatch(moment=Moment(now=at(0), mono_ms=0), document=ORDERS)
    for second in range(END_S + 1):
        told: list[Observation] = [] if second else [DeviceBack(device="cell", at=at(0))]
        told += [Sample("cell", name, count(second), at(second), at(second)) for name, count in truth.items()]
        yield batch(second, *told, DeviceAlive(device="cell", at=at(second)))
        told = [] if second else [DeviceBack(device="gate", at=at(0))]
        for antenna, seen in ((1, 100), (2, 220)):  # two minutes in the zone
            if second == seen + 1:
                told.append(
                    TagRead(
                        device="gate",
                        antenna=antenna,
                        tag="3034a1",
                        reads=4,
                        first_seen=at(seen - 1),
                        last_seen=at(seen),
                        seen_at=at(second),
                    )
                )
        yield batch(second, *told, DeviceAlive(device="gate", at=at(second)))


def batch(second: float, *told: Observation) -> RawBatch:
    return RawBatch(moment=Moment(now=at(second), mono_ms=round(second * 1000)), observations=told)


def changed(*changes: tuple[str, str]) -> DeviceMap:
    text = MAP
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return load_device_map(Path("plant.yaml"), text=text)


def replayed(device_map: DeviceMap, recorded: DeviceMap, truth: Truth = PLANT) -> tuple[Outcome, list[str]]:
    entries = shift(recorded, truth)
    header = next(entries)
    assert isinstance(header, RawHeader)
    rereading = Rereading(recorded, device_map)
    again = Replay(device_map, header, pace_of(recorded, 1.0), rereading=rereading)
    for entry in entries:
        again.take(entry)
    outcome = again.finish()
    assert outcome.failures == []
    return outcome, rereading.notes


def difference(new: DeviceMap, recorded: DeviceMap | None = None, truth: Truth = PLANT) -> Difference:
    was = as_recorded() if recorded is None else replayed(recorded, recorded, truth)[0]
    after, notes = replayed(new, recorded or changed(), truth)
    assert notes == []
    return compare_outcomes(after, was)


@cache
def as_recorded() -> Outcome:
    return replayed(changed(), changed())[0]


def done(work_order: str, node: str, second: float, pieces: int) -> Completion:
    return Completion(
        work_order=work_order, node=node, place=0, at=at(second), pieces=pieces, confidence=Confidence.CERTAIN
    )


def why(new: DeviceMap, recorded: DeviceMap | None = None) -> list[str]:
    return [str(change) for change in Causes.between([recorded or changed()], new).changes]


def test_the_same_map_makes_no_difference_and_all_completions() -> None:
    assert difference(changed()).is_none
    outcome = as_recorded()
    assert [(claim.work_order, claim.node, claim.at, claim.pieces) for claim in outcome.completions()] == [
        ("WO-1", "CUT", at(160), 40),
        ("WO-1", "SEW", at(200), 20),
        ("WO-1", "PACK", at(220), 5),
        ("WO-2", "CUT", at(280), 30),
    ]
    assert outcome.counts() == {
        ("CUT-1", Result.GOOD): 100, ("SEW-1", Result.GOOD): 30, ("PACK-1", Result.GOOD): 200
    }  # fmt: skip


def test_two_pieces_a_count_complete_in_half_the_time() -> None:
    new = changed(("cut: {at: 40001, type: uint32, counter: {max_rate: 60/min}}",
                   "cut: {at: 40001, type: uint32, counter: {max_rate: 60/min, pieces_per_count: 2}}"))  # fmt: skip
    assert without_events(difference(new)) == Difference(
        changed=(
            (done("WO-1", "CUT", 160, 40), done("WO-1", "CUT", 80, 40)),
            (done("WO-2", "CUT", 280, 30), done("WO-2", "CUT", 140, 30)),
        ),
        counts=(("CUT-1", Result.GOOD, 200, 100),),
        work=(Change(what=("WO-3", "CUT", "good"), new=130, old=30),),
        wip=(Change(what=("buffer",), new=170, old=70),),
    )
    assert why(new) == ["devices.cell.points.cut.counter.pieces_per_count: 2 instead of 1"]


def test_words_that_were_read_the_wrong_way_round_are_turned_and_counted() -> None:
    wrong = changed(("byte_order: CDAB", "byte_order: ABCD"))
    truth: Truth = {
        "cut": lambda second: swapped(cut(second)),
        "sewn": lambda second: swapped(sewn(second)),
        "packed": lambda second: swapped(packed(second)),
    }
    found = difference(changed(), wrong, truth)
    assert found.added == (done("WO-1", "CUT", 160, 40), done("WO-1", "SEW", 200, 20), done("WO-2", "CUT", 280, 30))
    assert found.counts == (
        ("CUT-1", Result.GOOD, 100, 0), ("PACK-1", Result.GOOD, 200, 0), ("SEW-1", Result.GOOD, 30, 0)
    )  # fmt: skip
    assert (found.lost, found.changed) == ((), ())
    assert found.wip == (Change(what=("buffer",), new=70, old=0),)
    assert [(change.what[0], change.new) for change in found.questions] == [
        ("cell/cut", 0), ("cell/packed", 0), ("cell/sewn", 0)
    ]  # fmt: skip
    assert why(changed(), wrong) == [
        "devices.cell.points.cut.byte_order: CDAB instead of ABCD",
        "devices.cell.points.sewn.byte_order: CDAB instead of ABCD",
        "devices.cell.points.packed.byte_order: CDAB instead of ABCD",
    ]


def test_a_greater_max_rate_believes_what_was_questioned() -> None:
    slow = changed(("packed: {at: 40005, type: uint32, counter: {max_rate: 60/min}}",
                    "packed: {at: 40005, type: uint32, counter: {max_rate: 6/min}}"))  # fmt: skip
    found = without_events(difference(changed(), slow))
    assert found == Difference(
        counts=(("PACK-1", Result.GOOD, 200, 0),),
        work=(Change(what=("", "", "good"), new=210, old=10),),  # ten more were sewn than the order wanted
        questions=found.questions,
    )
    assert [(change.what[0], change.new) for change in found.questions] == [("cell/packed", 0)]
    assert why(changed(), slow) == ["devices.cell.points.packed.counter.max_rate: 1 instead of 0.1"]


def test_a_tag_that_stayed_too_short_completes_nothing() -> None:
    new = changed(("all_left: packing", "all_left: packing, min_dwell: 3min"))
    assert without_events(difference(new)) == Difference(lost=(done("WO-1", "PACK", 220, 5),))
    assert why(new) == ["nodes.PACK.done_when.condition.min_dwell_s: 180 instead of 0"]


def test_a_station_that_moves_to_another_node_leaves_its_pieces_to_nobody() -> None:
    new = changed(("SEW: {stations: [SEW-1]", "SEW: {stations: [PACK-1]"))
    assert without_events(difference(new)) == Difference(
        lost=(done("WO-1", "SEW", 200, 20),),
        work=(
            Change(what=("", "", "good"), new=230, old=210),
            Change(what=("WO-1", "SEW", "good"), new=0, old=20),
        ),
    )
    assert why(new) == ["nodes.SEW.stations: PACK-1 instead of SEW-1"]


def test_other_bounds_of_a_zone_change_only_what_it_holds() -> None:
    new = changed(("buffer: {in: CUT-1/good, out: SEW-1/good}", "buffer: {in: CUT-1/good, out: PACK-1/good}"))
    found = difference(new)
    assert without_events(found) == Difference(
        wip=(Change(what=("buffer",), new=0, old=70),),
        questions=(Change(what=("zone buffer", "wip"), new=1, old=0),),  # more went out than came in
    )
    assert why(new) == ["zones.buffer.pieces_out: PACK-1/good instead of SEW-1/good"]
    assert [str(Causes.between([changed()], new).changes[number - 1]) for number in
            Causes.between([changed()], new).of_zone("buffer")] == why(new)  # fmt: skip
    assert Causes.between([changed()], new).of_subject("zone buffer") == [1]


def test_a_longer_idle_time_moves_time_from_idle_to_running() -> None:
    new = changed(("idle_after: 3min", "idle_after: 1h"))
    assert difference(new) == Difference(
        states_s=(
            Change(what=("CUT-1", "idle"), new=0, old=200),
            Change(what=("CUT-1", "running"), new=596, old=396),
        )
    )
    assert why(new) == ["stations.CUT-1.state.idle_after_s: 3600 instead of 180"]


def test_a_point_that_nobody_read_is_named_and_counts_nothing() -> None:
    new = changed(("sewn: {at: 40003,", "sewn: {at: 40103,"))
    outcome, notes = replayed(new, changed())
    assert notes == ["point cell/sewn reads what was not recorded: nothing is known of it"]
    assert outcome.counts()["SEW-1", Result.GOOD] == 0
    assert outcome.counts()["CUT-1", Result.GOOD] == 100


def test_an_address_that_was_off_by_one_is_read_from_the_registers_that_were_recorded() -> None:
    """The two words of a counter were recorded as two points of 16 bits; the new map reads them as one of 32."""
    old = """
  - id: cell
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 1s}
    points: {low: {at: 40001, type: uint16}, high: {at: 40002, type: uint16}}
"""
    head = "version: 1\ngateway: {id: gw-1, site: a, timezone: UTC}\ndevices:"
    recorded = load_device_map(Path("old.yaml"), text=head + old)
    points = "points: {good: {at: 40001, type: uint32, byte_order: CDAB, counter: {max_rate: 60/min}}}"
    text = head + old[: old.index("points:")] + points + "\nstations: {S: {device: cell, counts: {good: good}}}\n"
    new = load_device_map(Path("new.yaml"), text=text)
    truth: Truth = {
        "low": lambda second: (65_500 + cut(second)) % 65_536,
        "high": lambda second: (65_500 + cut(second)) // 65_536,
    }
    outcome, notes = replayed(new, recorded, truth)
    assert (notes, outcome.counts()) == ([], {("S", Result.GOOD): 100})


def test_another_word_order_of_a_device_changes_nothing_of_its_bits_and_single_registers() -> None:
    points = [
        'reset: {at: "00001", type: bool}',
        "state: {at: 40011, type: uint16}",
        "ready: {at: 40012, type: bool, bit: 3}",
        "cut: {at:",
    ]
    bits = ("cut: {at:", "\n      ".join(points))
    recorded, new = changed(bits), changed(bits, ("byte_order: CDAB", "byte_order: ABCD"))
    samples = [
        Sample("cell", name, value, at(1), at(1)) for name, value in (("reset", True), ("state", 2), ("ready", True))
    ]
    rereading = Rereading(recorded, new)
    assert list(rereading.reread(samples)) == samples
    assert rereading.notes == []


def test_readings_are_those_of_the_map_that_was_in_force_when_they_were_taken() -> None:
    wrong, right = changed(("byte_order: CDAB", "byte_order: ABCD")), changed()
    half = END_S // 2

    def swapped_until_half(count: Callable[[int], int]) -> Callable[[int], int]:
        return lambda second: swapped(count(second)) if second < half else count(second)

    truth: Truth = {name: swapped_until_half(count) for name, count in PLANT.items()}
    header, *entries = shift(wrong, truth)
    assert isinstance(header, RawHeader)
    later = next(place for place, entry in enumerate(entries)
                 if isinstance(entry, RawBatch) and entry.moment.now >= at(half))  # fmt: skip
    entries.insert(later, RawMap(map_sha256="later"))
    pace = pace_of(wrong, 1.0)
    again = Replay(right, header, pace, rereading=Rereading(wrong, right), maps=lambda _entry: (right, pace))
    for entry in entries:
        again.take(entry)
    assert again.finish().counts() == as_recorded().counts()


def without_events(found: Difference) -> Difference:
    """Without how many events of other kinds there are: joins and dispatch follow from what is compared by itself."""
    return Difference(
        added=found.added,
        lost=found.lost,
        changed=found.changed,
        counts=found.counts,
        work=found.work,
        wip=found.wip,
        states_s=found.states_s,
        questions=found.questions,
        gaps_s=found.gaps_s,
    )
