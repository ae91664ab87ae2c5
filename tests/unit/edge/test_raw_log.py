"""The raw log gives back exactly what was written."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from genba_edge.core.journal import Moment
from genba_edge.core.observations import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Quality,
    ReadingsLost,
    Sample,
    TagRead,
    Unchanged,
)
from genba_edge.core.raw_log import RawBatch, RawDecoder, RawDispatch, RawEncoder, RawHeader, RawMap, RawMissing
from genba_shared.errors import ContractError
from tests.unit.edge.gateway_world import document

NOW = datetime(2026, 1, 5, 7, 0, 0, 123457, tzinfo=UTC)
MOMENT = Moment(now=NOW, mono_ms=12345)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


EVERYTHING = (
    DeviceBack(device="cutter1", at=ago(seconds=3)),
    Sample(device="cutter1", point="parts", value=42, at=ago(microseconds=1), seen_at=ago(microseconds=1)),
    Sample(device="cutter1", point="speed", value=2.5, at=ago(days=400), seen_at=NOW, quality=Quality.UNCERTAIN),
    Sample(device="cutter1", point="order", value="WO-1 裁", at=NOW, seen_at=NOW),
    Sample(device="cutter1", point="door", value=True, at=NOW + timedelta(seconds=5), seen_at=NOW),
    Sample(device="cutter1", point="bad", value=None, at=NOW, seen_at=NOW, quality=Quality.BAD),
    Unchanged(device="sewing", points=("good", "scrap"), at=ago(milliseconds=1)),
    TagRead(
        device="gate",
        antenna=2,
        tag="3034ab",
        first_seen=ago(seconds=2),
        last_seen=ago(seconds=1),
        seen_at=NOW,
        reads=7,
        rssi_dbm=-51.5,
    ),
    Sample(
        device="cutter1",
        point="torque",
        value=1.5,
        at=NOW,
        seen_at=NOW,
        quality=Quality.UNCERTAIN,
        status="UncertainSensorNotAccurate",
    ),
    Sample(device="cutter1", point="said", value=1, at=NOW, seen_at=NOW, status="GoodClamped"),
    ReadingsLost(device="cutter1", at=ago(seconds=1), reason="its queue ran over"),
    DeviceAlive(device="gate", at=NOW),
    DeviceLost(device="gate", at=NOW, reason="no answer from 10.1.2.3:5084 within 5 s"),
)


def test_everything_that_a_driver_can_say_comes_back_as_it_was() -> None:
    written = RawBatch(moment=MOMENT, observations=EVERYTHING)
    assert RawDecoder().entry(RawEncoder().line(written)) == written


def test_header_dispatch_map_and_missing_come_back_as_they_were() -> None:
    entries = (
        RawHeader(
            gateway="gw-1",
            map_sha256="ab",
            version="1",
            boot="cd",
            speed=60.0,
            state={"counter/x": '{"a":1}'},
            map_text="version: 1  裁",
        ),
        RawDispatch(
            moment=MOMENT,
            document=document(
                version=3,
                lists={"CUT-1": [("WO-1", "CUT", 5)]},
                wanted={"WO-1": {"CUT": 5}},
                tags=[("30aa", "WO-1", 1)],
            ),
        ),
        RawMap(map_sha256="ef", map_text="version: 2"),
        RawMissing(batches=17),
    )
    encoder, decoder = RawEncoder(), RawDecoder()
    assert tuple(decoder.entry(encoder.line(entry)) for entry in entries) == entries


def test_a_log_that_was_recorded_before_maps_were_kept_can_be_read() -> None:
    lines = (
        '{"genba_raw":1,"gateway":"gw-1","map":"ab","version":"1","boot":"cd","speed":1.0,"state":{}}',
        '{"map":"ef"}',
    )
    header, later = map(RawDecoder().entry, lines)
    assert isinstance(header, RawHeader)
    assert (header.map_sha256, header.map_text) == ("ab", "")
    assert later == RawMap(map_sha256="ef", map_text="")


def test_points_that_are_read_unchanged_again_are_named_by_number() -> None:
    names = tuple(f"a-long-name-of-a-point-{number}" for number in range(100))
    encoder, decoder = RawEncoder(), RawDecoder()
    batches = [
        RawBatch(moment=MOMENT, observations=(Unchanged(device="sewing", points=names, at=NOW),)) for _ in range(3)
    ]
    lines = [encoder.line(each) for each in batches]
    assert [decoder.entry(line) for line in lines] == batches
    assert len(lines[0]) > 2000
    assert len(lines[2]) < 80


def test_sets_of_points_do_not_fill_the_memory() -> None:
    encoder, decoder = RawEncoder(), RawDecoder()
    for number in range(2500):
        entry = RawBatch(moment=MOMENT, observations=(Unchanged(device="d", points=(f"p{number}",), at=NOW),))
        assert decoder.entry(encoder.line(entry)) == entry
    assert len(encoder._sets) <= 1000


def test_every_field_of_an_observation_is_in_the_log() -> None:
    """A field that is added to an observation must be added to the log: it would come back as its default."""
    written = {
        kind.__name__: [field.name for field in dataclasses.fields(kind)]
        for kind in (Sample, Unchanged, TagRead, ReadingsLost, DeviceAlive, DeviceLost, DeviceBack)
    }
    assert written == {
        "Sample": ["device", "point", "value", "at", "seen_at", "quality", "status"],
        "Unchanged": ["device", "points", "at"],
        "TagRead": ["device", "antenna", "tag", "first_seen", "last_seen", "seen_at", "reads", "rssi_dbm"],
        "ReadingsLost": ["device", "at", "reason"],
        "DeviceAlive": ["device", "at"],
        "DeviceLost": ["device", "at", "reason"],
        "DeviceBack": ["device", "at"],
    }


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "7",
        "{}",
        '{"n":1,"m":2,"o":[["x"]]}',
        '{"n":1,"m":2,"o":[["u",5,0]]}',
        '{"n":1e99,"m":2,"o":[]}',
        '{"genba_raw":2}',
        '{"n":1,"m":2,"d":{}}',
    ],
)
def test_a_line_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(ContractError):
        RawDecoder().entry(line)
