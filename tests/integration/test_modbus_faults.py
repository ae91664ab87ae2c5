"""The Modbus driver over a network that misbehaves, and with a device that is too slow."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest

from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Failure
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ModbusDevice, ModbusPoint, ModbusTable, PointType, PollSettings, Workarounds
from tests.peers.process import ModbusPeer
from tests.peers.recorder import eventually, log_lines, running
from tests.peers.wire import FaultyWire

pytestmark = pytest.mark.peer("libmodbus")


def driver_of(
    port: int,
    *,
    name: str = "cell",
    points: int | dict[str, int] = 1,
    groups: dict[str, float] | None = None,
    workarounds: Workarounds | None = None,
    max_registers: int = 125,
) -> ModbusDriver:
    groups = groups or {"fast": 0.1}
    made = {
        f"{group}{number}": ModbusPoint(
            name=f"{group}{number}", type=PointType.UINT16, table=ModbusTable.HOLDING, address=number, group=group
        )
        for group in groups
        for number in range(points if isinstance(points, int) else points[group])
    }
    device = ModbusDevice(
        id=name,
        host="127.0.0.1",
        port=port,
        points=made,
        poll=PollSettings(groups=groups, max_registers=max_registers),
        workarounds=workarounds or Workarounds(),
        reconnect_max_s=0.5,
        timeout_s=0.5,
    )
    return ModbusDriver(device, ProductionClock())


async def test_an_answer_that_comes_three_bytes_at_a_time_is_read(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, *range(1, 21))
    with FaultyWire(modbus_peer.port) as wire:
        wire.most_at_once = 3
        driver = driver_of(wire.port, points=20)
        async with running(driver) as recorder:
            await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 5)
    assert [recorder.latest(f"fast{number}") for number in range(20)] == list(range(1, 21))
    assert not recorder.of(DeviceLost)
    assert driver.meter.connects == 1


async def test_an_exception_that_comes_byte_by_byte_is_read(modbus_peer: ModbusPeer) -> None:
    modbus_peer.tell("refuse holding 0 2")
    with FaultyWire(modbus_peer.port) as wire:
        wire.most_at_once = 1
        driver = driver_of(wire.port)
        async with running(driver) as recorder:
            await recorder.until(lambda: bool(recorder.samples("fast0")))
    assert driver.meter.bad_points == {"fast0": "exception 2 (illegal address) for holding 0-0"}
    assert driver.meter.failures == {Failure.REFUSED: 1}


async def test_an_answer_longer_than_it_says_closes_the_connection(modbus_peer: ModbusPeer) -> None:
    with FaultyWire(modbus_peer.port) as wire:
        driver = driver_of(wire.port)
        async with running(driver) as recorder:
            await recorder.until(lambda: bool(recorder.samples("fast0")))
            modbus_peer.set("holding", 0, 7)
            wire.extra = b"\0\0"
            await recorder.until(lambda: recorder.latest("fast0") == 7)
    assert driver.meter.failures[Failure.OUT_OF_STEP] == 1
    assert modbus_peer.connections() == 2
    assert not recorder.of(DeviceLost)


async def test_a_cut_connection_is_rebuilt_without_an_outage(modbus_peer: ModbusPeer) -> None:
    with FaultyWire(modbus_peer.port) as wire:
        async with running(driver_of(wire.port)) as recorder:
            await recorder.until(lambda: bool(recorder.samples("fast0")))
            wire.cut()
            modbus_peer.set("holding", 0, 5)
            await recorder.until(lambda: recorder.latest("fast0") == 5)
    assert not recorder.of(DeviceLost)


async def test_a_black_hole_is_an_outage_of_its_own_device_alone_and_ends_with_it(
    modbus_peer: ModbusPeer, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultyWire(modbus_peer.port) as wire, caplog.at_level(logging.INFO, logger="genba_edge"):
        async with (
            running(driver_of(wire.port)) as recorder,
            running(driver_of(modbus_peer.port, name="b")) as other,
        ):
            await recorder.until(lambda: bool(recorder.samples("fast0")))
            await other.until(lambda: bool(other.samples("fast0")))
            wire.is_holding = True
            await recorder.until(lambda: bool(recorder.of(DeviceLost)))
            polls = len(other.of(DeviceAlive))
            await other.until(lambda: len(other.of(DeviceAlive)) >= polls + 10)
            wire.is_holding = False
            loop = asyncio.get_running_loop()
            ended = loop.time()
            await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
            assert loop.time() - ended < 3.0
    assert not other.of(DeviceLost)
    assert len(log_lines(caplog.records, of="device lost")) == 1
    assert len(log_lines(caplog.records, of="device back")) == 1


async def test_what_was_read_in_a_poll_that_was_cut_short_is_told_afterwards(modbus_peer: ModbusPeer) -> None:
    points = {
        name: ModbusPoint(name=name, type=PointType.UINT16, table=ModbusTable.HOLDING, address=address)
        for name, address in (("near", 0), ("far", 150))
    }
    device = ModbusDevice(
        id="cell",
        host="127.0.0.1",
        port=modbus_peer.port,
        points=points,
        poll=PollSettings(groups={"fast": 0.1}),
        reconnect_max_s=0.5,
        timeout_s=0.3,
    )
    async with running(ModbusDriver(device, ProductionClock())) as recorder:
        await recorder.until(lambda: len(recorder.samples("far")) >= 2)
        modbus_peer.tell("refuse holding 150 255")
        modbus_peer.set("holding", 0, 5)
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        modbus_peer.tell("refuse holding 150 0")
        await recorder.until(lambda: recorder.latest("near") == 5)


async def test_an_outage_of_many_tries_ends_as_soon_as_the_device_is_there(modbus_peer: ModbusPeer) -> None:
    driver = driver_of(modbus_peer.port)
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.samples("fast0")))
        modbus_peer.stop()
        await eventually(lambda: driver.meter.failures[Failure.CONNECT] >= 10)
        modbus_peer.start()
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
    assert len(recorder.of(DeviceLost)) == 1


async def test_a_device_that_is_too_slow_is_said_to_be_overloaded_once_and_its_data_does_not_grow_old(
    modbus_peer: ModbusPeer, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(modbus_peer.port, points=6, max_registers=2)  # three requests of 60 ms each 100 ms
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(driver) as recorder:
            await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
            modbus_peer.tell("wait 60")
            await eventually(lambda: bool(log_lines(caplog.records, of="device overloaded")))
            polls = len(recorder.of(DeviceAlive))
            await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= polls + 5)
            alive = recorder.of(DeviceAlive)[polls:]
            late = driver.meter.late_polls
            modbus_peer.tell("wait 0")
            await eventually(lambda: bool(log_lines(caplog.records, of="device in time again")))
    assert log_lines(caplog.records, of="device overloaded")[0].startswith(
        "device overloaded device=cell group=fast period_s=0.1 poll_s="
    )
    assert len(log_lines(caplog.records, of="device overloaded")) == 1
    assert len(log_lines(caplog.records, of="device in time again")) == 1
    assert late >= 3
    assert driver.meter.failures[Failure.OVERLOAD] == driver.meter.late_polls
    assert driver.meter.late_s == 0
    assert not recorder.of(DeviceLost)
    # Each poll of 180 ms begins at the next whole period: no queue builds up behind it.
    assert max((later.at - earlier.at).total_seconds() for earlier, later in pairwise(alive)) < 1.0


async def test_a_fast_group_is_polled_between_the_requests_of_a_long_slow_poll(modbus_peer: ModbusPeer) -> None:
    driver = driver_of(
        modbus_peer.port, points={"fast": 1, "slow": 50}, groups={"fast": 0.3, "slow": 30.0}, max_registers=1
    )
    modbus_peer.tell("wait 20")
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.samples("slow0")))
        fast = len(recorder.samples("fast0"))
    assert fast >= 3  # one at the start, and each 0.3 s of the one second and more that the slow poll takes
    assert driver.meter.late_polls == 0


async def test_a_busy_device_is_asked_again_before_the_next_poll(modbus_peer: ModbusPeer) -> None:
    modbus_peer.tell("busy on")
    driver = driver_of(modbus_peer.port, groups={"slow": 30.0})
    async with running(driver) as recorder:
        await eventually(lambda: modbus_peer.requests() >= 3)
        modbus_peer.tell("busy off")
        await recorder.until(lambda: recorder.latest("slow0") == 0)
    assert driver.meter.failures[Failure.BUSY] >= 3
    assert driver.meter.polls == 1
    assert not recorder.of(DeviceLost)


async def test_points_are_read_one_by_one_where_the_map_says_so(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 1, 2, 3)
    driver = driver_of(modbus_peer.port, points=3, workarounds=Workarounds(one_request_per_point=True))
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 2)
    assert driver.meter.details["poll fast"] == "3 requests for 3 points each 0.1 s"
    assert [recorder.latest(f"fast{number}") for number in range(3)] == [1, 2, 3]


async def test_the_first_request_waits_where_the_map_says_so(modbus_peer: ModbusPeer) -> None:
    driver = driver_of(modbus_peer.port, workarounds=Workarounds(pause_after_connect_s=0.3))
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
        assert loop.time() - started >= 0.3


async def test_what_is_done_is_counted(modbus_peer: ModbusPeer) -> None:
    driver = driver_of(modbus_peer.port, points=3)
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 4)
    meter = driver.meter
    assert meter.polls in (4, 5)
    assert meter.requests in (meter.polls, meter.polls + 1)
    assert meter.samples == 3 * meter.polls
    assert meter.connects == 1
    assert 0 < meter.last_poll_s < 0.5
    assert meter.details == {
        "line": f"127.0.0.1:{modbus_peer.port}",
        "unit": "1",
        "poll fast": "1 requests for 3 points each 0.1 s",
    }
