"""Items to samples: time, quality and what is told once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from genba_edge.drivers.link import BadPoints
from genba_edge.drivers.opcua_decode import Item
from genba_edge.drivers.opcua_samples import Sampler, Tracked
from genba_edge.drivers.opcua_values import converter_of, raw_time
from genba_edge.ports import Failure, Meter, Quality, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import OpcUaDevice, OpcUaPoint, PointType, TimeSource

WALL_S = 1_767_596_400.0
NOW = datetime(2026, 1, 5, 7, tzinfo=UTC)
SOURCE, SERVER = NOW - timedelta(seconds=2), NOW - timedelta(seconds=1)
NO_TIME = datetime(1601, 1, 1, tzinfo=UTC)


class Bench:
    """A sampler with one point, `p`, as handle 1."""

    def __init__(self, time: TimeSource = TimeSource.SOURCE, **more: Any) -> None:
        point = OpcUaPoint(name="p", type=PointType.INT32, node="i=1", **more)
        device = OpcUaDevice(id="a", url="opc.tcp://a:4840", points={"p": point})
        self.meter = Meter(device="a")
        clock = ProductionClock()
        self.sampler = Sampler(device, meter=self.meter, bad_points=BadPoints(self.meter, clock=clock), clock=clock)
        self.tracked = Tracked(point=point, node=ua.NodeId(), convert=converter_of(point), time=time)
        self.gone: list[str] = []

    def take(
        self, value: object, *, status: int = 0, source: datetime | None = SOURCE, server: datetime | None = SERVER
    ) -> list[Sample]:
        item: Item = (1, value, status, raw_time(source or NO_TIME), raw_time(server or NO_TIME))

        def gone(_tracked: Tracked, reason: str) -> Sequence[Sample]:
            self.gone.append(reason)
            return ()

        return self.sampler.samples({1: self.tracked}, [item], wall_s=WALL_S, gone=gone)


@pytest.mark.parametrize(
    ("chosen", "source", "server", "expected"),
    [
        (TimeSource.SOURCE, SOURCE, SERVER, SOURCE),
        (TimeSource.SOURCE, None, SERVER, SERVER),
        (TimeSource.SOURCE, None, None, NOW),
        (TimeSource.SOURCE, datetime(2000, 1, 1, tzinfo=UTC), SERVER, NOW),
        (TimeSource.SOURCE, NOW + timedelta(hours=23), SERVER, NOW + timedelta(hours=23)),
        (TimeSource.SOURCE, NOW + timedelta(hours=25), SERVER, NOW),
        (TimeSource.SERVER, SOURCE, SERVER, SERVER),
        (TimeSource.SERVER, SOURCE, None, NOW),
        (TimeSource.GATEWAY, SOURCE, SERVER, NOW),
    ],
)
def test_time_comes_from_whom_the_map_chose_or_the_next_best(
    chosen: TimeSource, source: datetime | None, server: datetime | None, expected: datetime
) -> None:
    (sample,) = Bench(chosen).take(1, source=source, server=server)
    assert (sample.at, sample.seen_at) == (expected, NOW)


def test_a_bad_status_takes_the_value_away_and_is_told_once() -> None:
    bench = Bench()
    (bad,) = bench.take(41, status=StatusCodes.BadSensorFailure)
    assert (bad.value, bad.quality, bad.status) == (None, Quality.BAD, "BadSensorFailure")
    assert bench.take(41, status=StatusCodes.BadSensorFailure) == []
    (good,) = bench.take(42)
    assert (good.value, good.quality, good.status) == (42, Quality.GOOD, "Good")
    assert bench.meter.samples == 2
    assert bench.meter.failures[Failure.BAD_READING] == 2


def test_an_uncertain_status_keeps_the_value() -> None:
    (sample,) = Bench().take(41, status=StatusCodes.UncertainLastUsableValue)
    assert (sample.value, sample.quality, sample.status) == (41, Quality.UNCERTAIN, "UncertainLastUsableValue")


def test_a_node_that_the_server_lost_is_handed_on() -> None:
    bench = Bench()
    assert bench.take(None, status=StatusCodes.BadNodeIdUnknown) == []
    assert bench.gone == ["BadNodeIdUnknown"]


def test_a_status_among_the_words_of_the_map_is_a_value() -> None:
    (sample,) = Bench(words={"BadStateNotActive": 0}).take(None, status=StatusCodes.BadStateNotActive)
    assert (sample.value, sample.quality, sample.status) == (0, Quality.GOOD, "BadStateNotActive")


def test_an_item_that_was_given_up_is_passed_over() -> None:
    bench = Bench()
    item: Item = (2, 41, 0, 0, 0)
    assert bench.sampler.samples({1: bench.tracked}, [item], wall_s=WALL_S, gone=lambda _t, _r: ()) == []


def test_time_that_goes_backwards_is_counted_and_missing_time_is_not() -> None:
    bench = Bench()
    for source in (SOURCE, None, SOURCE, SOURCE - timedelta(seconds=5), SOURCE):
        bench.take(1, source=source)
    bench.sampler.describe()
    assert bench.meter.details["source_time_backwards"] == "1"


def test_a_clock_that_was_never_set_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    with caplog.at_level(logging.WARNING):
        bench.take(1, source=datetime(2000, 1, 1, tzinfo=UTC))
        bench.take(2, source=datetime(2000, 1, 1, 0, 1, tzinfo=UTC))
    assert [record.getMessage() for record in caplog.records] == [
        "source clock not believed device=a point=p source=2000-01-01T00:00:00Z offset_s=-820911600"
    ]
    assert bench.meter.details["source_clock"] == "not believed: 2000-01-01 00:01 is -820911540 s from ours"
