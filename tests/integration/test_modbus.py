"""The Modbus driver against libmodbus, a server that we did not write."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Failure, Quality, Sample, Unchanged
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ByteOrder, ModbusDevice, ModbusPoint, ModbusTable, PointType, PollSettings
from tests.peers.process import ModbusPeer
from tests.peers.recorder import eventually, log_lines, running

pytestmark = pytest.mark.peer("libmodbus")

HOLDING = ModbusTable.HOLDING
PERIOD_S = 0.1
BEYOND_THE_MAP = 300


def point(
    name: str, address: int, kind: PointType = PointType.UINT16, *, table: ModbusTable = HOLDING, **more: Any
) -> ModbusPoint:
    return ModbusPoint(name=name, type=kind, table=table, address=address, **more)


def driver_of(
    peer: ModbusPeer,
    *points: ModbusPoint,
    clock: ProductionClock | None = None,
    max_gap: int = 12,
    reconnect_max_s: float = 0.5,
) -> ModbusDriver:
    device = ModbusDevice(
        id="cell",
        host="127.0.0.1",
        port=peer.port,
        points={point.name: point for point in points},
        poll=PollSettings(groups={"fast": PERIOD_S, "slow": 0.5}, max_gap=max_gap),
        reconnect_max_s=reconnect_max_s,
        timeout_s=0.5,
    )
    return ModbusDriver(device, clock or ProductionClock())


async def test_every_type_and_table_is_read(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 0x0001, 0x0002)
    modbus_peer.set("holding", 10, 0x574F, 0x2D31)
    modbus_peer.set("holding", 20, 0b1000)
    modbus_peer.set("input", 0, 213)
    modbus_peer.set("coil", 3, 1)
    modbus_peer.set("discrete", 5, 1)
    driver = driver_of(
        modbus_peer,
        point("good", 0, PointType.UINT32, byte_order=ByteOrder.CDAB),
        point("order", 10, PointType.STRING, length=4),
        point("running", 20, PointType.BOOL, bit=3),
        point("temperature", 0, PointType.INT16, table=ModbusTable.INPUT, scale=0.1),
        point("door", 3, PointType.BOOL, table=ModbusTable.COIL),
        point("fault", 5, PointType.BOOL, table=ModbusTable.DISCRETE),
    )
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
    first = {name: recorder.values(name)[0] for name in ("good", "order", "running", "temperature", "door", "fault")}
    assert first == {
        "good": 131073,
        "order": "WO-1",
        "running": True,
        "temperature": 21.3,
        "door": True,
        "fault": True,
    }


async def test_a_poll_is_one_request_and_one_batch(modbus_peer: ModbusPeer) -> None:
    driver = driver_of(modbus_peer, *(point(f"p{number}", number) for number in range(50)))
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.batches) >= 5)
        requests, batches = modbus_peer.requests(), len(recorder.batches)
    assert requests - batches in (0, 1)  # an answer may still be on its way
    assert modbus_peer.connections() == 1
    assert [type(observation) for observation in recorder.batches[0]] == [DeviceBack] + [Sample] * 50 + [DeviceAlive]
    assert len({(o.at, o.seen_at) for o in recorder.batches[0] if isinstance(o, Sample)}) == 1
    assert [type(observation) for observation in recorder.batches[1]] == [Unchanged, DeviceAlive]


async def test_only_what_changed_is_a_sample(modbus_peer: ModbusPeer) -> None:
    driver = driver_of(modbus_peer, *(point(f"p{number}", number) for number in range(4)))
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.batches) >= 2)
        modbus_peer.set("holding", 2, 7)
        await recorder.until(lambda: recorder.latest("p2") == 7)
    batch = next(batch for batch in recorder.batches[1:] if any(isinstance(one, Sample) for one in batch))
    changed, same, alive = batch
    assert isinstance(changed, Sample)
    assert (changed.point, changed.value) == ("p2", 7)
    assert isinstance(same, Unchanged)
    assert same.points == ("p0", "p1", "p3")
    assert isinstance(alive, DeviceAlive)
    assert changed.at == same.at


async def test_polls_keep_their_rate_without_drift(modbus_peer: ModbusPeer) -> None:
    async with running(driver_of(modbus_peer, point("good", 0))) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 42)
    stamps = [alive.at for alive in recorder.of(DeviceAlive)][2:]
    # A busy machine makes single polls late, never early: the earliest of many shows where the grid of due times lies.
    late_s = [((at - stamps[0]).total_seconds() + PERIOD_S / 2) % PERIOD_S - PERIOD_S / 2 for at in stamps]
    assert min(late_s[20:]) == pytest.approx(min(late_s[:20]), abs=0.01)


async def test_each_group_has_its_own_rate(modbus_peer: ModbusPeer) -> None:
    driver = driver_of(modbus_peer, point("good", 0), point("job", 1, group="slow"))
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.samples("good")) >= 16)
    assert 2 <= len(recorder.samples("job")) <= 5


async def test_samples_carry_production_time(modbus_peer: ModbusPeer) -> None:
    origin = datetime(2026, 1, 5, 7, tzinfo=UTC)
    clock = ProductionClock(origin=origin, wall_origin_s=ProductionClock().now().timestamp(), speed=60)
    async with running(driver_of(modbus_peer, point("good", 0), clock=clock)) as recorder:
        await recorder.until(lambda: len(recorder.samples("good")) >= 6)
    first, last = recorder.samples("good")[0], recorder.samples("good")[5]
    assert first.at == first.seen_at
    assert 0 <= (first.at - origin).total_seconds() < 120
    assert (last.at - first.at).total_seconds() > 4 * PERIOD_S * 60


async def test_one_bad_register_does_not_stop_its_neighbours(
    modbus_peer: ModbusPeer, caplog: pytest.LogCaptureFixture
) -> None:
    modbus_peer.set("holding", 0, 1, 2, 3)
    modbus_peer.tell("refuse holding 1 2")
    driver = driver_of(modbus_peer, point("a", 0), point("broken", 1), point("c", 2))
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(driver) as recorder:
            await recorder.until(lambda: len(recorder.samples("c")) >= 5)
    assert set(recorder.values("a")) == {1}
    assert set(recorder.values("c")) == {3}
    assert [(sample.value, sample.quality) for sample in recorder.samples("broken")] == [(None, Quality.BAD)]
    assert log_lines(caplog.records, of="point bad") == [
        "point bad device=cell point=broken reason=exception 2 (illegal address) for holding 1-1"
    ]


async def test_a_refused_point_comes_back_by_itself(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 1, 2)
    modbus_peer.tell("refuse holding 1 4")
    async with running(driver_of(modbus_peer, point("a", 0), point("b", 1))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("b")))
        modbus_peer.tell("refuse holding 1 0")
        await recorder.until(lambda: recorder.latest("b") == 2)
    assert [sample.quality for sample in recorder.samples("b")][:2] == [Quality.BAD, Quality.GOOD]


async def test_the_split_of_a_refused_block_is_remembered_and_good_neighbours_are_joined(
    modbus_peer: ModbusPeer,
) -> None:
    points = [point(f"p{number}", number) for number in range(20)]
    modbus_peer.tell("refuse holding 10 2")
    async with running(driver_of(modbus_peer, *points)) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 2)
        requests, polls = modbus_peer.requests(), len(recorder.of(DeviceAlive))
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= polls + 4)
        more = modbus_peer.requests() - requests
    # 0-9 and 11-19 in each of 4 polls, one slow retry of 10 at most, one poll under way when counted.
    assert 8 <= more <= 12


async def test_a_hole_that_no_point_uses_costs_nothing_but_a_second_request(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 5)
    modbus_peer.set("holding", 2, 7)
    modbus_peer.tell("refuse holding 1 2")
    async with running(driver_of(modbus_peer, point("a", 0), point("b", 2))) as recorder:
        await recorder.until(lambda: len(recorder.samples("b")) >= 3)
    assert {sample.quality for sample in recorder.of(Sample)} == {Quality.GOOD}


async def test_a_device_that_takes_32_registers_at_once_is_read_in_pieces_of_that_size(modbus_peer: ModbusPeer) -> None:
    modbus_peer.tell("largest 32")
    driver = driver_of(modbus_peer, *(point(f"p{number}", number) for number in range(100)))
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 3)
    assert driver.meter.details["poll fast"] == "4 requests for 100 points each 0.1 s"
    assert {sample.quality for sample in recorder.of(Sample)} == {Quality.GOOD}


async def test_a_device_that_refuses_long_requests_is_read_point_by_point(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 1, 2, 3, 4)
    modbus_peer.tell("largest 1")
    points = [point(f"p{number}", number) for number in range(4)]
    async with running(driver_of(modbus_peer, *points)) as recorder:
        await recorder.until(lambda: len(recorder.samples("p3")) >= 4)
    assert [recorder.latest(f"p{number}") for number in range(4)] == [1, 2, 3, 4]
    assert {sample.quality for sample in recorder.of(Sample)} == {Quality.GOOD}


async def test_a_busy_device_is_asked_again_in_the_next_poll(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 9)
    modbus_peer.tell("busy on")
    driver = driver_of(modbus_peer, point("a", 0), reconnect_max_s=60.0)
    async with running(driver) as recorder:
        await eventually(lambda: driver.meter.failures[Failure.BUSY] >= 3)
        assert recorder.all == []
        modbus_peer.tell("busy off")
        await recorder.until(lambda: recorder.latest("a") == 9)
    assert modbus_peer.connections() == 1
    assert not recorder.of(DeviceLost)


async def test_a_gateway_whose_unit_is_off_is_a_lost_device(modbus_peer: ModbusPeer) -> None:
    async with running(driver_of(modbus_peer, point("a", 0))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("a")))
        modbus_peer.tell("refuse holding 0 11")
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        modbus_peer.tell("refuse holding 0 0")
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
    (lost,) = recorder.of(DeviceLost)
    assert lost.reason == "exception 11 (gateway target does not respond) for holding 0-0"


async def test_a_silent_unit_is_lost_and_back_with_one_log_line_each(
    modbus_peer: ModbusPeer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with running(driver_of(modbus_peer, point("a", 0))) as recorder:
            await recorder.until(lambda: bool(recorder.samples("a")))
            modbus_peer.tell("silent on")
            await recorder.until(lambda: bool(recorder.of(DeviceLost)))
            asked = modbus_peer.requests()
            await eventually(lambda: modbus_peer.requests() >= asked + 2)  # two more tries that fail
            modbus_peer.tell("silent off")
            await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
    (lost,) = recorder.of(DeviceLost)
    assert lost.reason == f"no answer from unit 1 at 127.0.0.1:{modbus_peer.port} within 0.5 s"
    lines = [record.getMessage().split(" reason")[0].split(" away")[0] for record in caplog.records]
    assert lines == ["device connected device=cell", "device lost device=cell", "device back device=cell"]


async def test_an_address_that_the_device_never_answers_costs_only_its_own_point(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, *range(1, 9))
    modbus_peer.tell("refuse holding 2 255")
    points = [point(f"p{number}", number) for number in range(8)]
    async with running(driver_of(modbus_peer, *points, point("far", 100))) as recorder:
        await recorder.until(lambda: len(recorder.samples("p2")) == 1 and len(recorder.samples("p3")) > 5)
        polls = len(recorder.of(DeviceAlive))
        modbus_peer.set("holding", 3, 77)
        await recorder.until(lambda: recorder.latest("p3") == 77 and len(recorder.of(DeviceAlive)) > polls + 3)
    assert recorder.samples("p2")[0].quality is Quality.BAD
    assert {recorder.latest(f"p{number}") for number in (0, 1, 4, 5, 6, 7)} == {1, 2, 5, 6, 7, 8}
    assert len(recorder.of(DeviceLost)) == 1


async def test_a_value_that_is_never_a_number_is_told_once(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 0x7FC0, 0x0000)
    driver = driver_of(modbus_peer, point("broken", 0, PointType.FLOAT32), point("good", 2))
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.samples("good")) >= 5)
    assert [(sample.value, sample.quality) for sample in recorder.samples("broken")] == [(None, Quality.BAD)]


async def test_an_answer_to_another_request_closes_the_connection(modbus_peer: ModbusPeer) -> None:
    async with running(driver_of(modbus_peer, point("a", 0))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("a")))
        modbus_peer.tell("shift on")
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        modbus_peer.tell("shift off")
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
    assert "out of step: it answers request" in recorder.of(DeviceLost)[0].reason
    assert modbus_peer.connections() >= 3


async def test_garbage_closes_the_connection_and_the_next_one_goes_on_at_once(modbus_peer: ModbusPeer) -> None:
    async with running(driver_of(modbus_peer, point("a", 0))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("a")))
        modbus_peer.set("holding", 0, 77)
        modbus_peer.tell("garbage")
        await recorder.until(lambda: recorder.latest("a") == 77)
    assert modbus_peer.connections() == 2
    assert not recorder.of(DeviceLost)


async def test_a_connection_that_the_device_closes_is_rebuilt_without_an_outage(modbus_peer: ModbusPeer) -> None:
    async with running(driver_of(modbus_peer, point("a", 0))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("a")))
        modbus_peer.tell("drop")
        modbus_peer.set("holding", 0, 5)
        await recorder.until(lambda: recorder.latest("a") == 5)
    assert modbus_peer.connections() == 2
    assert not recorder.of(DeviceLost)


async def test_every_point_is_told_again_after_an_outage(modbus_peer: ModbusPeer) -> None:
    driver = driver_of(modbus_peer, point("good", 0), point("job", 1, group="slow"), point("bad", BEYOND_THE_MAP))
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.samples("job")) and bool(recorder.samples("bad")))
        modbus_peer.stop()
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        modbus_peer.start()
        modbus_peer.set("holding", 0, 3, 4)
        known = len(recorder.samples("bad"))
        await recorder.until(lambda: recorder.latest("job") == 4 and len(recorder.samples("bad")) > known)
    assert recorder.latest("good") == 3
    assert {sample.quality for sample in recorder.samples("bad")} == {Quality.BAD}


async def test_a_device_that_was_never_there_is_lost_with_a_reason(modbus_peer: ModbusPeer) -> None:
    modbus_peer.stop()
    async with running(driver_of(modbus_peer, point("a", 0))) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    assert recorder.of(DeviceLost)[0].reason == f"connection refused by 127.0.0.1:{modbus_peer.port}"
    assert not recorder.of(DeviceBack)


async def test_a_driver_ends_in_whichever_turn_of_the_loop_it_is_cancelled(modbus_peer: ModbusPeer) -> None:
    for turns in range(0, 60, 2):
        async with running(driver_of(modbus_peer, point("a", 0))):
            for _ in range(turns):
                await asyncio.sleep(0)
