"""Several Modbus units behind one address: they share its connection, and a dead one costs the others little."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from genba_edge.core.registers import Block
from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.drivers.modbus_connection import ModbusConnection
from genba_edge.drivers.modbus_line import ModbusLine, ModbusLines
from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Failure, Quality
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ModbusDevice, ModbusPoint, ModbusTable, PointType, PollSettings, Workarounds
from tests.peers.process import ModbusPeer
from tests.peers.recorder import Recorder, eventually, log_lines, running

pytestmark = pytest.mark.peer("libmodbus")

NEVER_ANSWERS = 255
NO_RESPONSE = 11


def driver_of(
    peer: ModbusPeer,
    unit: int,
    lines: ModbusLines,
    *,
    timeout_s: float = 0.5,
    pause_s: float = 0.0,
    period_s: float = 0.1,
    far: int | None = None,
) -> ModbusDriver:
    addresses = {"good": unit} if far is None else {"good": unit, "far": far}
    points = {
        name: ModbusPoint(name=name, type=PointType.UINT16, table=ModbusTable.HOLDING, address=address)
        for name, address in addresses.items()
    }
    device = ModbusDevice(
        id=f"unit{unit}",
        host="127.0.0.1",
        port=peer.port,
        unit=unit,
        points=points,
        poll=PollSettings(groups={"fast": period_s}),
        workarounds=Workarounds(pause_between_s=pause_s),
        reconnect_max_s=0.5,
        timeout_s=timeout_s,
    )
    return ModbusDriver(device, ProductionClock(), lines.of(device))


@contextlib.asynccontextmanager
async def running_all(*drivers: ModbusDriver) -> AsyncIterator[list[Recorder]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running(driver)) for driver in drivers]


def alive(recorder: Recorder) -> int:
    return len(recorder.of(DeviceAlive))


async def test_units_behind_one_address_share_its_connection(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    modbus_peer.set("holding", 1, 11, 12, 13)
    drivers = [driver_of(modbus_peer, unit, lines) for unit in (1, 2, 3)]
    async with running_all(*drivers) as recorders:
        for recorder in recorders:
            await recorder.until(lambda recorder=recorder: alive(recorder) >= 5)  # type: ignore[misc]  # mypy infers no lambda with a default
    assert modbus_peer.connections() == 1
    assert [recorder.latest("good") for recorder in recorders] == [11, 12, 13]
    assert all(modbus_peer.requests(unit=unit) >= 5 for unit in (1, 2, 3))


async def test_a_silent_unit_costs_its_neighbours_few_polls_and_is_lost_alone(
    modbus_peer: ModbusPeer, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ModbusLines()
    modbus_peer.tell(f"unit 2 {NEVER_ANSWERS}")
    healthy, dead = (driver_of(modbus_peer, unit, lines) for unit in (1, 2))
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running_all(healthy, dead) as (first, second):
            await second.until(lambda: bool(second.of(DeviceLost)))
            polls, tries = alive(first), modbus_peer.requests(unit=2)
            await first.until(lambda: alive(first) >= polls + 25)
            more = modbus_peer.requests(unit=2) - tries
    assert not first.of(DeviceLost)
    assert second.of(DeviceLost)[0].reason == f"no answer from unit 2 at 127.0.0.1:{modbus_peer.port} within 0.5 s"
    assert log_lines(caplog.records, of="device lost")[0].startswith("device lost device=unit2")
    assert 1 <= more <= 6  # four polls of its neighbour and more for each time-out of 0.25 s


async def test_several_silent_units_take_no_more_of_the_line_than_one(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    for unit in (2, 3, 4, 5):
        modbus_peer.tell(f"unit {unit} {NEVER_ANSWERS}")
    healthy, *dead = (driver_of(modbus_peer, unit, lines) for unit in (1, 2, 3, 4, 5))
    async with running_all(healthy, *dead) as (first, *others):
        for other in others:
            await other.until(lambda other=other: bool(other.of(DeviceLost)))  # type: ignore[misc]  # mypy infers no lambda with a default
        polls, tries = alive(first), sum(modbus_peer.requests(unit=unit) for unit in (2, 3, 4, 5))
        await first.until(lambda: alive(first) >= polls + 25)
        more = sum(modbus_peer.requests(unit=unit) for unit in (2, 3, 4, 5)) - tries
    assert 1 <= more <= 6
    assert not first.of(DeviceLost)


async def test_a_unit_that_was_silent_comes_back(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    modbus_peer.set("holding", 2, 7)
    modbus_peer.tell(f"unit 2 {NEVER_ANSWERS}")
    async with running_all(*(driver_of(modbus_peer, unit, lines) for unit in (1, 2))) as (_, second):
        await second.until(lambda: bool(second.of(DeviceLost)))
        modbus_peer.tell("unit 2 0")
        await second.until(lambda: second.latest("good") == 7)
    assert len(second.of(DeviceBack)) == 1


async def test_a_gateway_that_says_that_a_unit_does_not_answer_loses_that_unit_alone(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    modbus_peer.tell(f"unit 2 {NO_RESPONSE}")
    healthy, dead = (driver_of(modbus_peer, unit, lines) for unit in (1, 2))
    async with running_all(healthy, dead) as (first, second):
        await second.until(lambda: bool(second.of(DeviceLost)))
        await first.until(lambda: alive(first) >= 10)
    assert not first.of(DeviceLost)
    assert "exception 11 (gateway target does not respond)" in second.of(DeviceLost)[0].reason
    assert modbus_peer.connections() == 1


async def test_an_answer_that_comes_after_its_time_out_does_not_disturb_the_neighbours(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    patient, hasty = driver_of(modbus_peer, 1, lines, timeout_s=5), driver_of(modbus_peer, 2, lines, timeout_s=0.05)
    modbus_peer.tell("wait 80")
    async with running_all(patient, hasty) as (first, second):
        await second.until(lambda: bool(second.of(DeviceLost)))
        await first.until(lambda: alive(first) >= 10)
    assert not first.of(DeviceLost)
    assert patient.meter.failures[Failure.OUT_OF_STEP] == 0


async def test_all_units_are_back_soon_after_a_line_where_nobody_answered_comes_to_life(
    modbus_peer: ModbusPeer,
) -> None:
    lines = ModbusLines()
    drivers = [driver_of(modbus_peer, unit, lines) for unit in (1, 2, 3)]
    async with running_all(*drivers) as recorders:
        for recorder in recorders:
            await recorder.until(lambda recorder=recorder: alive(recorder) >= 2)  # type: ignore[misc]  # mypy infers no lambda with a default
        modbus_peer.tell("silent on")
        for recorder in recorders:
            await recorder.until(lambda recorder=recorder: bool(recorder.of(DeviceLost)))  # type: ignore[misc]  # mypy infers no lambda with a default
        modbus_peer.tell("silent off")
        for recorder in recorders:
            await recorder.until(lambda recorder=recorder: len(recorder.of(DeviceBack)) == 2)  # type: ignore[misc]  # mypy infers no lambda with a default


async def test_a_unit_that_is_read_seldom_is_not_lost_with_its_silent_neighbour(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    modbus_peer.tell(f"unit 2 {NEVER_ANSWERS}")
    seldom = driver_of(modbus_peer, 1, lines, period_s=30)
    dead = driver_of(modbus_peer, 2, lines, timeout_s=0.1)
    async with running_all(seldom, dead) as (first, _):
        await first.until(lambda: alive(first) == 1)
        await eventually(lambda: modbus_peer.connections() >= 4)  # two time-outs running: it may be half open
        assert not first.of(DeviceLost)
    assert modbus_peer.requests(unit=1) == 1


async def test_what_was_read_beside_an_address_that_is_never_answered_is_told(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    modbus_peer.set("holding", 1, 7)
    modbus_peer.tell(f"refuse holding 150 {NEVER_ANSWERS}")
    neighbour = driver_of(modbus_peer, 2, lines)
    partly = driver_of(modbus_peer, 1, lines, far=150)
    async with running_all(neighbour, partly) as (_, recorder):
        await recorder.until(lambda: alive(recorder) >= 3)
    assert recorder.latest("good") == 7
    assert recorder.samples("far")[0].quality is Quality.BAD


async def test_a_unit_that_waits_is_tried_at_once_when_its_line_comes_to_life(modbus_peer: ModbusPeer) -> None:
    device = ModbusDevice(id="unit1", host="127.0.0.1", port=modbus_peer.port, points={})
    line = ModbusLine(device)
    line.join("unit2")
    waiting = asyncio.create_task(line.wait_to_retry(3600))
    block = Block(table=ModbusTable.HOLDING, address=0, count=1, points=())
    await line.read("unit2", device, block)
    async with asyncio.timeout(15):
        await waiting
    await line.leave("unit2")


async def test_a_server_that_is_gone_loses_each_of_its_units_and_all_come_back(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    drivers = [driver_of(modbus_peer, unit, lines) for unit in (1, 2, 3)]
    async with running_all(*drivers) as recorders:
        for recorder in recorders:
            await recorder.until(lambda recorder=recorder: alive(recorder) >= 2)  # type: ignore[misc]  # mypy infers no lambda with a default
        modbus_peer.stop()
        for recorder in recorders:
            await recorder.until(lambda recorder=recorder: bool(recorder.of(DeviceLost)))  # type: ignore[misc]  # mypy infers no lambda with a default
        modbus_peer.start()
        for recorder in recorders:
            await recorder.until(lambda recorder=recorder: len(recorder.of(DeviceBack)) == 2)  # type: ignore[misc]  # mypy infers no lambda with a default
    reasons = {recorder.of(DeviceLost)[0].reason for recorder in recorders}
    assert reasons == {f"connection refused by 127.0.0.1:{modbus_peer.port}"}


async def test_a_server_that_is_gone_is_not_called_by_each_of_its_units(modbus_peer: ModbusPeer) -> None:
    modbus_peer.stop()
    lines = ModbusLines()
    drivers = [driver_of(modbus_peer, unit, lines) for unit in range(1, 7)]
    opened = 0
    open_really = ModbusConnection.open

    async def count_and_open(connection: ModbusConnection) -> None:
        nonlocal opened
        opened += 1
        await open_really(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModbusConnection, "open", count_and_open)
        async with running_all(*drivers):
            await eventually(lambda: all(driver.meter.failures[Failure.CONNECT] >= 4 for driver in drivers))
    assert opened <= sum(driver.meter.failures[Failure.CONNECT] for driver in drivers) / 2


async def test_a_unit_that_leaves_the_line_does_not_take_it_away(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    staying, leaving = (driver_of(modbus_peer, unit, lines) for unit in (1, 2))
    modbus_peer.tell("wait 40")  # a request is under way most of the time
    async with running(staying) as recorder:
        async with running(leaving) as other:
            await other.until(lambda: alive(other) >= 2)
        polls = alive(recorder)
        await recorder.until(lambda: alive(recorder) >= polls + 5)
    assert not recorder.of(DeviceLost)
    assert modbus_peer.connections() == 1


async def test_a_unit_that_is_started_anew_takes_its_line_over(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    async with running(driver_of(modbus_peer, 1, lines)) as recorder:
        for _ in range(2):
            async with running(driver_of(modbus_peer, 2, lines)) as other:
                await other.until(lambda other=other: alive(other) >= 2)  # type: ignore[misc]  # mypy infers no lambda with a default
    assert modbus_peer.connections() == 1
    assert not recorder.of(DeviceLost)


async def test_a_pause_between_requests_is_kept(modbus_peer: ModbusPeer) -> None:
    lines = ModbusLines()
    first, second = (driver_of(modbus_peer, unit, lines, pause_s=0.2) for unit in (1, 2))
    loop = asyncio.get_running_loop()
    async with running_all(first, second) as recorders:
        started = loop.time()
        await recorders[0].until(lambda: first.meter.requests + second.meter.requests >= 8)
        took_s = loop.time() - started
    assert took_s >= 6 * 0.2
