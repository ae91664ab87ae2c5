"""What a probe makes of what a driver emitted."""

from __future__ import annotations

from datetime import UTC, datetime

from genba_edge.core.probing import Probe, hints, with_neighbours
from genba_edge.ports import DeviceBack, DeviceLost, Quality, Sample, TagRead, Unchanged, Value
from genba_shared.device_map.model import (
    ByteOrder,
    CounterSettings,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    Point,
    PointType,
)

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)


def sample(point: str, value: Value, quality: Quality = Quality.GOOD) -> Sample:
    return Sample(device="cell", point=point, value=value, at=AT, seen_at=AT, quality=quality)


def test_a_probe_is_complete_when_every_point_was_answered_well_or_badly() -> None:
    probe = Probe("cell", ["good", "missing"])
    probe.take([DeviceBack(device="cell", at=AT), sample("good", 1)])
    assert not probe.is_complete
    probe.take([sample("missing", None, Quality.BAD)])
    assert probe.is_complete


def test_readings_without_a_change_count() -> None:
    probe = Probe("cell", ["good"])
    probe.take([sample("good", 7)])
    probe.take([Unchanged(device="cell", points=("good",), at=AT)])
    assert (probe.points["good"].readings, probe.points["good"].values) == (2, [7])


def test_the_reason_of_a_lost_device_is_kept() -> None:
    probe = Probe("cell", ["good"])
    probe.take([DeviceLost(device="cell", at=AT, reason="connection refused by 10.1.2.3:502")])
    assert (probe.is_up, probe.reason) == (False, "connection refused by 10.1.2.3:502")


def test_tags_are_told_by_antenna_with_their_best_strength() -> None:
    probe = Probe("gate", [])
    for rssi in (-60.0, -52.0, -58.0):
        read = TagRead(device="gate", antenna=1, tag="3034aa", first_seen=AT, last_seen=AT, seen_at=AT, rssi_dbm=rssi)
        probe.take([read])
    (look,) = probe.tags.values()
    assert (look.antenna, look.reads, look.best_rssi_dbm) == (1, 3, -52.0)


def test_hints_name_swapped_words_a_value_beyond_the_limit_and_a_value_without_label() -> None:
    probe = Probe("cell", ["swapped", "beyond", "state"])
    for value in (131072, 196608):
        probe.take([sample("swapped", value)])
    probe.take([sample("beyond", 70000), sample("state", 4)])
    points = {
        "beyond": Point(name="beyond", type=PointType.UINT32, counter=CounterSettings(limit=65535)),
        "state": Point(name="state", type=PointType.UINT16, labels={0: "idle", 1: "running"}),
    }
    assert hints(probe.points, points) == [
        (
            "swapped moves by multiples of 65536 (131072 … 196608): its words are swapped. "
            "Try another byte_order, such as CDAB instead of ABCD."
        ),
        "beyond reads 70000, beyond its limit of 65535: type or limit is wrong.",
        "state reads 4, which has no label (labels are for 0, 1).",
    ]


def register(name: str, kind: PointType, address: int, **more: object) -> ModbusPoint:
    return ModbusPoint(name=name, type=kind, table=ModbusTable.HOLDING, address=address, **more)  # type: ignore[arg-type]  # fields of a point


def test_hints_name_the_order_that_was_meant() -> None:
    probe = Probe("cell", ["good", "temp"])
    for value in (131072, 196608):
        probe.take([sample("good", value)])
    probe.take([sample("temp", 2.71838894803949e23)])
    counter = CounterSettings(limit=2**32 - 1)
    points = {
        "good": register("good", PointType.UINT32, 0, counter=counter, byte_order=ByteOrder.CDAB),
        "temp": register("temp", PointType.FLOAT32, 2),
    }
    assert hints(probe.points, points) == [
        (
            "good moves by multiples of 65536 (131072 … 196608): its words are swapped. "
            "Write byte_order: ABCD, unless the machine shows another number then."
        ),
        "temp reads 2.71839e+23; in another order that makes sense. Write byte_order: CDAB.",
    ]


def test_the_addresses_beside_a_counter_are_read_unless_they_are_points_or_beyond_the_table() -> None:
    counter = CounterSettings(limit=65535)
    points = {
        "first": register("first", PointType.UINT16, 0, counter=counter),
        "next": register("next", PointType.UINT16, 1, counter=counter),
        "temp": register("temp", PointType.UINT16, 5),
        "last": register("last", PointType.UINT32, 65534, counter=counter),
    }
    device = ModbusDevice(id="cell", host="10.1.2.3", points=points)
    more = {name: point.address for name, point in with_neighbours(device).points.items() if name not in points}
    assert more == {"next +1": 2, "last -1": 65533}


def test_a_counter_that_stands_still_beside_something_that_counts_is_hinted_at() -> None:
    probe = Probe("cell", ["good", "good -1", "good +1"])
    for beside in (7, 8, 10):
        probe.take([sample("good", 0), sample("good -1", 0), sample("good +1", beside)])
    points = {"good": register("good", PointType.UINT16, 4, counter=CounterSettings(limit=65535))}
    assert hints(probe.points, points) == [
        "good stands still, and one address further something counts (7 … 10). If it is that, write at: {holding: 5}."
    ]
