"""What a probe makes of what a driver emitted."""

from __future__ import annotations

from datetime import UTC, datetime

from genba_edge.core.probing import Probe, hints
from genba_edge.ports import DeviceBack, DeviceLost, Quality, Sample, TagRead, Unchanged, Value
from genba_shared.device_map.model import CounterSettings, Point, PointType

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
