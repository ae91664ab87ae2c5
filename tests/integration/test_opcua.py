"""The OPC UA driver against node-opcua, a server that we did not write."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Quality, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import (
    CounterSettings,
    PointType,
    ReadMode,
    TimeSource,
)
from tests.peers.opcua_devices import driver_of, point
from tests.peers.process import OpcUaPeer
from tests.peers.recorder import log_lines, running

pytestmark = pytest.mark.peer("node-opcua")

IN_PLANT_TIME = "2026-01-05T07:00:00.250Z"
AT = datetime(2026, 1, 5, 7, 0, 0, 250_000, tzinfo=UTC)


async def test_every_type_arrives_as_it_is(opcua_peer: OpcUaPeer) -> None:
    opcua_peer.tell("set parts 4294967295")
    opcua_peer.tell("set scrap -12")
    opcua_peer.tell("set temperature 21.3")
    opcua_peer.tell("set reset true")
    opcua_peer.tell('set order "0041"')
    driver = driver_of(
        opcua_peer,
        point("parts"),
        point("scrap", PointType.INT32),
        point("temperature", PointType.FLOAT64),
        point("reset", PointType.BOOL),
        point("order", PointType.STRING),
    )
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.of(Sample)) >= 5)
    assert {sample.point: sample.value for sample in recorder.of(Sample)} == {
        "parts": 4294967295,
        "scrap": -12,
        "temperature": 21.3,
        "reset": True,
        "order": "0041",
    }
    assert recorder.latest("reset") is True
    assert isinstance(recorder.all[0], DeviceBack)
    assert {sample.quality for sample in recorder.of(Sample)} == {Quality.GOOD}


async def test_changes_arrive_in_order_from_the_queue(opcua_peer: OpcUaPeer) -> None:
    async with running(driver_of(opcua_peer, point("parts", sampling_s=0.05, queue=10))) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        for value in range(1, 6):
            opcua_peer.tell(f"set parts {value}")
        await recorder.until(lambda: recorder.latest("parts") == 5)
    values = [int(value or 0) for value in recorder.values("parts")]
    assert values == sorted(values)


async def test_a_queue_that_overflowed_still_gives_good_values(opcua_peer: OpcUaPeer) -> None:
    async with running(driver_of(opcua_peer, point("parts", queue=2))) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        opcua_peer.tell("burst parts 50")
        await recorder.until(lambda: recorder.latest("parts") == 50)
    assert {sample.quality for sample in recorder.samples("parts")} == {Quality.GOOD}


async def test_the_watchdog_says_that_the_server_is_alive(opcua_peer: OpcUaPeer) -> None:
    async with running(driver_of(opcua_peer, point("parts"))) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 3)
    assert recorder.values("parts") == [0]


async def test_a_sample_carries_the_time_of_its_source(opcua_peer: OpcUaPeer) -> None:
    opcua_peer.tell(f"set parts 7 Good {IN_PLANT_TIME}")
    async with running(driver_of(opcua_peer, point("parts"))) as recorder:
        await recorder.until(lambda: recorder.latest("parts") == 7)
    assert recorder.samples("parts")[0].at == AT
    assert recorder.samples("parts")[0].seen_at > AT


async def test_a_sample_carries_the_time_of_the_gateway_where_the_map_says_so(opcua_peer: OpcUaPeer) -> None:
    opcua_peer.tell(f"set parts 7 Good {IN_PLANT_TIME}")
    clock = ProductionClock(origin=AT, wall_origin_s=ProductionClock().now().timestamp(), speed=1)
    async with running(driver_of(opcua_peer, point("parts"), time=TimeSource.GATEWAY, clock=clock)) as recorder:
        await recorder.until(lambda: recorder.latest("parts") == 7)
    (sample,) = recorder.samples("parts")
    assert sample.at == sample.seen_at
    assert 0 < (sample.at - AT).total_seconds() < 60


async def test_a_bad_status_has_no_value_and_is_told_once(
    opcua_peer: OpcUaPeer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(driver_of(opcua_peer, point("parts"))) as recorder:
            await recorder.until(lambda: recorder.values("parts") == [0])
            opcua_peer.tell("set parts 5 BadSensorFailure")
            await recorder.until(lambda: len(recorder.samples("parts")) == 2)
            opcua_peer.tell("set parts 6 BadDeviceFailure")
            opcua_peer.tell("set parts 7 UncertainLastUsableValue")
            await recorder.until(lambda: recorder.latest("parts") == 7)
    assert [(sample.value, sample.quality) for sample in recorder.samples("parts")] == [
        (0, Quality.GOOD),
        (None, Quality.BAD),
        (7, Quality.UNCERTAIN),
    ]
    assert log_lines(caplog.records, of="point") == [
        "point bad device=cutter1 point=parts reason=BadSensorFailure",
        "point good again device=cutter1 point=parts",
    ]


async def test_what_does_not_fit_the_map_is_bad_and_the_other_points_go_on(opcua_peer: OpcUaPeer) -> None:
    opcua_peer.tell('set order "4711"')
    driver = driver_of(
        opcua_peer,
        point("parts"),
        point("boxes"),
        point("order"),
        point("temperature", counter=CounterSettings(limit=65535)),
        point("nothing"),
        point("elsewhere", node="nsu=urn:not:here;s=parts"),
        point("nonsense", node="DB10.PartCount"),
    )
    opcua_peer.tell("set temperature 0.5")
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.of(Sample)) >= 7)
        opcua_peer.tell("set parts 9")
        await recorder.until(lambda: recorder.latest("parts") == 9)
    bad = {sample.point for sample in recorder.of(Sample) if sample.quality is Quality.BAD}
    assert bad == {"boxes", "order", "temperature", "nothing", "elsewhere", "nonsense"}
    assert len(recorder.samples("nothing")) == 1


async def test_a_point_that_appears_later_is_found(start_opcua_peer: Callable[..., OpcUaPeer]) -> None:
    peer = start_opcua_peer()
    peer.tell("remove parts")
    async with running(driver_of(peer, point("parts"), point("scrap", PointType.INT32))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("parts")) and bool(recorder.samples("scrap")))
        peer.tell("add parts")
        peer.tell("set parts 3")
        await recorder.until(lambda: recorder.latest("parts") == 3)
    assert recorder.samples("parts")[0].quality is Quality.BAD
    assert not recorder.of(DeviceLost)


async def test_a_point_in_read_mode_is_read_in_its_period(opcua_peer: OpcUaPeer) -> None:
    driver = driver_of(opcua_peer, point("parts", mode=ReadMode.READ, sampling_s=0.1))
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        opcua_peer.tell("set parts 1")
        await recorder.until(lambda: recorder.latest("parts") == 1)
        opcua_peer.tell("set parts 2 BadSensorFailure")
        await recorder.until(lambda: len(recorder.samples("parts")) == 3)
    assert recorder.values("parts") == [0, 1, None]


async def test_a_point_whose_item_the_server_refuses_is_read_instead(
    start_opcua_peer: Callable[..., OpcUaPeer], caplog: pytest.LogCaptureFixture
) -> None:
    peer = start_opcua_peer("few-items", "one-subscription")
    names = ("parts", "scrap", "temperature")
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(driver_of(peer, *(point(name, PointType.FLOAT64) for name in names))) as recorder:
            await recorder.until(lambda: {sample.point for sample in recorder.of(Sample)} == set(names))
            peer.tell("set temperature 5")
            await recorder.until(lambda: recorder.latest("temperature") == 5)
    assert {sample.quality for sample in recorder.of(Sample)} == {Quality.GOOD}
    assert log_lines(caplog.records, of="points read instead") == [
        "points read instead device=cutter1 points=temperature reason=no more subscription: BadTooManySubscriptions"
    ]


async def test_a_server_that_takes_few_nodes_at_once_is_asked_in_parts(
    start_opcua_peer: Callable[..., OpcUaPeer],
) -> None:
    peer = start_opcua_peer("small-calls")
    names = ("parts", "scrap", "temperature", "reset", "order")
    kinds = (PointType.UINT32, PointType.INT32, PointType.FLOAT64, PointType.BOOL, PointType.STRING)
    points = [point(name, kind) for name, kind in zip(names, kinds, strict=True)]
    async with running(driver_of(peer, *points)) as recorder:
        await recorder.until(lambda: len(recorder.of(Sample)) >= 5)
    assert {sample.quality for sample in recorder.of(Sample)} == {Quality.GOOD}


async def test_samples_flow_again_after_a_restart_with_other_namespace_indexes(
    start_opcua_peer: Callable[..., OpcUaPeer],
) -> None:
    peer = start_opcua_peer()
    async with running(driver_of(peer, point("parts"), point("order", PointType.STRING))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("parts")) and bool(recorder.samples("order")))
        peer.stop()
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        peer.start_shifted()
        peer.tell("set parts 12")
        await recorder.until(lambda: recorder.latest("parts") == 12)
        peer.tell("set parts 13")
        await recorder.until(lambda: recorder.latest("parts") == 13)
    assert len(recorder.of(DeviceLost)) == 1
    assert len(recorder.of(DeviceBack)) == 2
    assert len(recorder.samples("order")) == 2
    assert recorder.of(DeviceLost)[0].reason.endswith("closed the connection")


async def test_a_frozen_server_is_lost_within_seconds_with_one_log_line(
    start_opcua_peer: Callable[..., OpcUaPeer], caplog: pytest.LogCaptureFixture
) -> None:
    peer = start_opcua_peer()
    with caplog.at_level(logging.INFO):
        async with running(driver_of(peer, point("parts"))) as recorder:
            await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
            peer.freeze()
            await recorder.until(lambda: bool(recorder.of(DeviceLost)), within_s=6.0)
            peer.thaw()
            peer.tell("set parts 2")
            await recorder.until(lambda: recorder.latest("parts") == 2)
    lines = [record.getMessage().split(" reason")[0].split(" away")[0] for record in caplog.records]
    assert lines == ["device connected device=cutter1", "device lost device=cutter1", "device back device=cutter1"]
    assert "no answer from 127.0.0.1" in recorder.of(DeviceLost)[0].reason


async def test_a_subscription_that_dies_alone_is_noticed(opcua_peer: OpcUaPeer) -> None:
    async with running(driver_of(opcua_peer, point("parts"))) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        opcua_peer.tell("forget")
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        opcua_peer.tell("set parts 4")
        await recorder.until(lambda: recorder.latest("parts") == 4)
    assert "subscription" in recorder.of(DeviceLost)[0].reason


async def test_a_subscription_that_falls_silent_is_noticed_although_the_server_answers(opcua_peer: OpcUaPeer) -> None:
    async with running(driver_of(opcua_peer, point("parts"))) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        opcua_peer.tell("mute")
        await recorder.until(lambda: bool(recorder.of(DeviceLost)), within_s=6.0)
        opcua_peer.tell("set parts 4")
        await recorder.until(lambda: recorder.latest("parts") == 4)
    assert "is silent since" in recorder.of(DeviceLost)[0].reason


async def test_a_server_with_only_encrypted_endpoints_is_named_with_what_it_offers(
    start_opcua_peer: Callable[..., OpcUaPeer],
) -> None:
    async with running(driver_of(start_opcua_peer("secure"), point("parts"))) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    assert recorder.of(DeviceLost)[0].reason.partition(" does ")[2] == (
        "not offer an endpoint without security; it offers Basic256Sha256/Sign, Basic256Sha256/SignAndEncrypt: "
        "write security: {policy: Basic256Sha256, mode: SignAndEncrypt}"
    )


async def test_a_stopped_driver_leaves_no_session_behind(opcua_peer: OpcUaPeer) -> None:
    async with running(driver_of(opcua_peer, point("parts"))) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
        assert opcua_peer.ask("sessions") == "1"
    assert opcua_peer.ask("sessions") == "0"
