"""OPC UA servers with little room, dead subscriptions, lost messages and wrong clocks, against node-opcua."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from genba_edge.drivers.opcua import Pace
from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Failure, Quality, Sample
from genba_shared.device_map.model import PointType, ReadMode, TimeSource
from tests.peers.opcua_devices import driver_of, point
from tests.peers.process import OpcUaPeer
from tests.peers.proxy import Mode, Proxy
from tests.peers.recorder import log_lines, running

pytestmark = pytest.mark.peer("node-opcua")

QUICK = Pace(watchdog_s=0.2, data_check_s=0.4)


async def test_items_that_one_subscription_does_not_take_go_into_the_next(
    start_opcua_peer: Callable[..., OpcUaPeer],
) -> None:
    peer = start_opcua_peer("few-items")
    names = ("parts", "scrap", "temperature", "order", "big")
    kinds = {"order": PointType.STRING}
    points = [point(name, kinds.get(name, PointType.FLOAT64)) for name in names]
    async with running(driver_of(peer, *points)) as recorder:
        await recorder.until(lambda: {sample.point for sample in recorder.of(Sample)} == set(names))
        assert peer.ask("subscriptions") == "3"
        peer.tell("set temperature 5")
        await recorder.until(lambda: recorder.latest("temperature") == 5)
        peer.tell("set parts 6")
        await recorder.until(lambda: recorder.latest("parts") == 6)
    assert not recorder.of(DeviceLost)


async def test_a_server_that_hangs_up_on_large_requests_is_asked_in_small_ones(
    start_opcua_peer: Callable[..., OpcUaPeer],
) -> None:
    peer = start_opcua_peer("many", "large-calls-close")
    modes = dict.fromkeys(range(30), ReadMode.READ)
    points = [point(f"v{number}", mode=modes.get(number, ReadMode.SUBSCRIBE), sampling_s=0.2) for number in range(60)]
    driver = driver_of(peer, *points)
    async with running(driver) as recorder:
        await recorder.until(lambda: len({sample.point for sample in recorder.of(Sample)}) == 60)
        reads = len(recorder.of(DeviceAlive))
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= reads + 2)
        lost = len(recorder.of(DeviceLost))
        peer.tell("set v3 77")
        await recorder.until(lambda: recorder.latest("v3") == 77)
        assert len(recorder.of(DeviceLost)) == lost
    assert recorder.latest("v59") == 59


async def test_a_subscription_that_keeps_alive_and_tells_nothing_is_rebuilt(opcua_peer: OpcUaPeer) -> None:
    driver = driver_of(opcua_peer, point("parts"), pace=QUICK)
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        opcua_peer.tell("stall")
        opcua_peer.tell("set parts 4")
        await recorder.until(lambda: recorder.latest("parts") == 4)
        assert recorder.of(DeviceLost)[0].reason.endswith(
            "is dead for data: parts is 4 at the server and was last told as 0"
        )
        assert driver.meter.failures[Failure.SILENT] == 1
        opcua_peer.tell("stall")
        opcua_peer.tell("set parts 5")
        await recorder.until(lambda: recorder.latest("parts") == 5)
        opcua_peer.tell("stall")
        opcua_peer.tell("set parts 6")
        await recorder.until(lambda: recorder.latest("parts") == 6)
    assert len(recorder.of(DeviceLost)) == 2  # the third time it was read instead


async def test_a_healthy_subscription_is_never_accused(opcua_peer: OpcUaPeer) -> None:
    driver = driver_of(opcua_peer, point("parts"), point("temperature", PointType.FLOAT64), pace=QUICK)
    async with running(driver) as recorder:
        for value in range(1, 40):
            opcua_peer.tell(f"set parts {value}")
            await recorder.until(lambda value=value: recorder.latest("parts") == value)  # type: ignore[misc]  # mypy infers no lambda with a default
        alive = len(recorder.of(DeviceAlive))
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= alive + 8)
    assert not recorder.of(DeviceLost)


async def test_a_message_that_was_lost_on_its_way_is_asked_for_again_and_taken_in_its_place(
    opcua_peer: OpcUaPeer,
) -> None:
    async with running(driver_of(opcua_peer, point("parts"))) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        opcua_peer.tell("lose")
        opcua_peer.tell("set parts 1")
        await recorder.until(lambda: recorder.latest("parts") == 1)
        opcua_peer.tell("set parts 2")
        await recorder.until(lambda: recorder.latest("parts") == 2)
    assert recorder.values("parts") == [0, 1, 2]
    assert not recorder.of(DeviceLost)


async def test_a_message_that_cannot_be_had_again_rebuilds_the_session(opcua_peer: OpcUaPeer) -> None:
    driver = driver_of(opcua_peer, point("parts"))
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        opcua_peer.tell("skip")
        opcua_peer.tell("set parts 3")
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2 and recorder.latest("parts") == 3)
    assert recorder.of(DeviceLost)[0].reason.startswith("1 notification messages were lost on the way")
    assert driver.meter.failures[Failure.DATA_LOST] == 1


async def test_what_was_told_while_a_read_was_waiting_is_kept_when_the_connection_breaks(opcua_peer: OpcUaPeer) -> None:
    driver = driver_of(opcua_peer, point("parts"), point("scrap", PointType.INT32, mode=ReadMode.READ))
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0] and recorder.values("scrap") == [0])
        opcua_peer.tell("cut scrap parts")
        await recorder.until(lambda: recorder.latest("parts") == 6)
    assert recorder.values("parts") == [0, 5, 6]
    assert len(recorder.of(DeviceLost)) == 1


async def test_a_queue_that_lost_samples_is_counted_and_said_once(
    opcua_peer: OpcUaPeer, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(opcua_peer, point("parts", queue=2))
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.values("parts") == [0])
            opcua_peer.tell("burst parts 50")
            await recorder.until(lambda: recorder.latest("parts") == 50)
            opcua_peer.tell("burst parts 60")
            await recorder.until(lambda: recorder.latest("parts") == 60)
    assert driver.meter.failures[Failure.DATA_LOST] == 2
    assert log_lines(caplog.records, of="queue overflowed") == ["queue overflowed device=cutter1 point=parts queue=2"]


@pytest.mark.parametrize("stamp", ["1970-01-01T00:10:00Z", "2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
async def test_a_source_time_of_a_clock_that_was_never_set_is_not_believed(
    opcua_peer: OpcUaPeer, caplog: pytest.LogCaptureFixture, stamp: str
) -> None:
    opcua_peer.tell(f"set parts 7 Good {stamp}")
    opcua_peer.tell(f"set scrap 8 Good {stamp}")
    driver = driver_of(opcua_peer, point("parts"), point("scrap", PointType.INT32))
    with caplog.at_level(logging.WARNING, logger="genba_edge"):
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.latest("parts") == 7 and recorder.latest("scrap") == 8)
    (sample,) = recorder.samples("parts")
    assert sample.at == sample.seen_at
    assert len(log_lines(caplog.records, of="source clock not believed")) == 1
    assert driver.meter.details["source_clock"].startswith(f"not believed: {stamp[:10]}")


async def test_source_time_that_goes_backwards_is_taken_and_counted(opcua_peer: OpcUaPeer) -> None:
    driver = driver_of(opcua_peer, point("parts"), pace=QUICK)
    async with running(driver) as recorder:
        opcua_peer.tell("set parts 1 Good 2026-01-05T07:00:10Z")
        await recorder.until(lambda: recorder.latest("parts") == 1)
        opcua_peer.tell("set parts 2 Good 2026-01-05T07:00:05Z")
        await recorder.until(lambda: recorder.latest("parts") == 2)
        alive = len(recorder.of(DeviceAlive))
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) > alive)
    assert recorder.samples("parts")[-1].at == datetime(2026, 1, 5, 7, 0, 5, tzinfo=UTC)
    assert int(driver.meter.details["source_time_backwards"]) >= 1


async def test_a_point_may_have_another_clock_than_its_device(opcua_peer: OpcUaPeer) -> None:
    for name in ("parts", "scrap"):
        opcua_peer.tell(f"set {name} 7 Good 2026-01-05T07:00:00Z")
    driver = driver_of(opcua_peer, point("parts"), point("scrap", PointType.INT32, time=TimeSource.GATEWAY))
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.latest("parts") == 7 and recorder.latest("scrap") == 7)
    assert recorder.samples("parts")[0].at == datetime(2026, 1, 5, 7, tzinfo=UTC)
    assert recorder.samples("scrap")[0].at == recorder.samples("scrap")[0].seen_at


async def test_the_servers_clock_is_compared_with_ours(opcua_peer: OpcUaPeer) -> None:
    driver = driver_of(opcua_peer, point("parts"))
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 2)
    assert abs(float(driver.meter.details["clock_offset_s"])) < 5
    assert driver.meter.details["publishing_s"] == "0.05"
    assert "NodeOPCUA" in driver.meter.details["server"]
    assert "sampled_slower" not in driver.meter.details


async def test_a_server_that_samples_slower_than_asked_is_said_in_one_line(
    opcua_peer: OpcUaPeer, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("parts", "scrap", "temperature", "reset", "order", "big", "when")
    driver = driver_of(opcua_peer, *(point(name, sampling_s=0.01) for name in names))
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(driver) as recorder:
            await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
    (line,) = log_lines(caplog.records, of="points sampled slower")
    assert line.partition(" points=")[2] == "parts,scrap,temperature,reset,order and 2 more asked_s=0.01 got_s=0.05"
    assert driver.meter.details["sampled_slower"].endswith("and 2 more: 0.05 s instead of 0.01 s")


async def test_status_codes_are_kept_and_odd_ones_mean_what_the_map_says(opcua_peer: OpcUaPeer) -> None:
    driver = driver_of(opcua_peer, point("parts"), good_codes=(0xC000_0000,), uncertain_codes=(0x808A_0000,))
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.values("parts") == [0])
        for value, status in ((1, 0xC0), (2, 0xC000_0000), (3, 0x808A_0000), (4, 0x808B_0000)):
            opcua_peer.tell(f"raw parts {value} {status}")
            await recorder.until(lambda value=value: len(recorder.samples("parts")) == value + 1)  # type: ignore[misc]  # mypy infers no lambda with a default
    assert [(sample.value, sample.quality, sample.status) for sample in recorder.samples("parts")] == [
        (0, Quality.GOOD, "Good"),
        (1, Quality.GOOD, "Good"),
        (2, Quality.GOOD, "Bad 0xC0000000"),
        (3, Quality.UNCERTAIN, "BadNotConnected"),
        (None, Quality.BAD, "BadDeviceFailure"),
    ]


async def test_polls_that_do_not_keep_their_rate_are_said_once_and_so_is_the_end_of_it(
    opcua_peer: OpcUaPeer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="genba_edge"), Proxy(int(opcua_peer.url.rpartition(":")[2])) as proxy:
        slow = point("parts", mode=ReadMode.READ, sampling_s=0.25)
        driver = driver_of(opcua_peer, slow, url=f"opc.tcp://127.0.0.1:{proxy.port}/")
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.values("parts") == [0])
            proxy.delay_s = 0.4
            proxy.switch(Mode.DELAY)
            await recorder.until(lambda: bool(log_lines(caplog.records, of="device overloaded")))
            proxy.switch(Mode.PASS)
            await recorder.until(lambda: bool(log_lines(caplog.records, of="device in time again")))
    (line,) = log_lines(caplog.records, of="device overloaded")
    assert line.startswith("device overloaded device=cutter1 group=0.25s period_s=0.25 ")
    assert driver.meter.late_polls >= 3


async def test_what_was_unusual_is_not_shown_any_more_when_the_next_session_finds_it_mended(
    opcua_peer: OpcUaPeer,
) -> None:
    driver = driver_of(opcua_peer, point("parts"))
    opcua_peer.tell("set parts 7 Good 1970-01-01T00:10:00Z")
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.latest("parts") == 7)
    assert "source_clock" in driver.meter.details
    opcua_peer.tell("set parts 8")
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.latest("parts") == 8)
    assert "source_clock" not in driver.meter.details
