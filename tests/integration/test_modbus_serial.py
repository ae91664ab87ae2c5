"""The Modbus driver on a serial line, against units on libmodbus, which we did not write."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.drivers.modbus_line import ModbusLines
from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Failure
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import (
    ByteOrder,
    Framing,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    PointType,
    PollSettings,
    SerialPort,
)
from tests.peers.process import ModbusRtuPeer
from tests.peers.recorder import log_lines, running
from tests.peers.serial_bus import SerialBus

pytestmark = pytest.mark.peer("libmodbus")

Attach = Callable[[int], ModbusRtuPeer]
GOOD = ModbusPoint(name="good", type=PointType.UINT16, table=ModbusTable.HOLDING, address=0)


def device_of(name: str, *points: ModbusPoint, **more: Any) -> ModbusDevice:
    settings: dict[str, Any] = {
        "poll": PollSettings(groups={"fast": 0.1, "slow": 0.5}),
        "reconnect_max_s": 0.5,
        "timeout_s": 0.5,
        **more,
    }
    return ModbusDevice(id=name, points={point.name: point for point in points or (GOOD,)}, **settings)


def on_port(bus: SerialBus, name: str, unit: int, *points: ModbusPoint) -> ModbusDevice:
    return device_of(name, *points, serial=SerialPort(port=bus.port, baud=19200), unit=unit)


def driver_of(device: ModbusDevice, lines: ModbusLines | None = None) -> ModbusDriver:
    return ModbusDriver(device, ProductionClock(), lines.of(device) if lines else None)


async def test_values_are_read_over_a_serial_port(serial_bus: SerialBus, serial_unit: Attach) -> None:
    unit = serial_unit(9)
    unit.set("holding", 0, 0x0001, 0x0002)
    unit.set("input", 0, 213)
    unit.set("coil", 3, 1)
    points = (
        ModbusPoint(
            name="energy", type=PointType.UINT32, table=ModbusTable.HOLDING, address=0, byte_order=ByteOrder.CDAB
        ),
        ModbusPoint(name="temperature", type=PointType.INT16, table=ModbusTable.INPUT, address=0, scale=0.1),
        ModbusPoint(name="door", type=PointType.BOOL, table=ModbusTable.COIL, address=3),
    )
    driver = driver_of(on_port(serial_bus, "meter", 9, *points))
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 5)
    assert {name: recorder.latest(name) for name in ("energy", "temperature", "door")} == {
        "energy": 131073,
        "temperature": 21.3,
        "door": True,
    }
    assert sum(driver.meter.failures.values()) == 0


async def test_units_of_one_line_are_read_over_one_port(serial_bus: SerialBus, serial_unit: Attach) -> None:
    lines = ModbusLines()
    for number in (1, 2, 3):
        serial_unit(number).set("holding", 0, 100 + number)
    one, two, three = (driver_of(on_port(serial_bus, f"meter{unit}", unit), lines) for unit in (1, 2, 3))
    async with running(one) as first, running(two) as second, running(three) as third:
        for recorder in (first, second, third):
            await recorder.until(lambda recorder=recorder: len(recorder.of(DeviceAlive)) >= 5)  # type: ignore[misc]  # mypy infers no lambda with a default
    assert [recorder.latest("good") for recorder in (first, second, third)] == [101, 102, 103]
    assert not [lost for recorder in (first, second, third) for lost in recorder.of(DeviceLost)]


async def test_a_damaged_answer_is_asked_for_again_and_costs_no_value(
    serial_bus: SerialBus, serial_unit: Attach
) -> None:
    unit = serial_unit(1)
    driver = driver_of(on_port(serial_bus, "meter", 1))
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.samples("good")))
        unit.set("holding", 0, 7)
        serial_bus.damage(2)
        await recorder.until(lambda: recorder.latest("good") == 7)
    assert driver.meter.failures[Failure.OUT_OF_STEP] == 2
    assert set(recorder.values("good")) == {0, 7}
    assert not recorder.of(DeviceLost)


async def test_the_line_is_silent_again_before_a_damaged_answer_is_asked_for_again(
    serial_bus: SerialBus, serial_unit: Attach
) -> None:
    unit = serial_unit(1)
    driver = driver_of(on_port(serial_bus, "meter", 1))
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.samples("good")))
        unit.set("holding", 0, 7)
        serial_bus.tear(1)
        await recorder.until(lambda: recorder.latest("good") == 7)
    assert driver.meter.failures[Failure.OUT_OF_STEP] == 1


async def test_a_line_that_damages_everything_is_a_lost_device_that_comes_back(
    serial_bus: SerialBus, serial_unit: Attach
) -> None:
    serial_unit(1)
    async with running(driver_of(on_port(serial_bus, "meter", 1))) as recorder:
        await recorder.until(lambda: bool(recorder.samples("good")))
        serial_bus.damage(1000)
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        serial_bus.damage(0)
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
    assert recorder.of(DeviceLost)[0].reason == f"{serial_bus.port}: the check sum (CRC) of its answer is wrong"


async def test_a_port_that_is_pulled_out_and_plugged_in_again_heals(
    serial_bus: SerialBus, serial_unit: Attach, caplog: pytest.LogCaptureFixture
) -> None:
    unit = serial_unit(1)
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(driver_of(on_port(serial_bus, "meter", 1))) as recorder:
            await recorder.until(lambda: bool(recorder.samples("good")))
            serial_bus.unplug()
            await recorder.until(lambda: bool(recorder.of(DeviceLost)))
            unit.set("holding", 0, 7)
            serial_bus.plug()
            await recorder.until(lambda: recorder.latest("good") == 7)
    assert recorder.of(DeviceLost)[0].reason == f"there is no serial port {serial_bus.port}: is the adapter plugged in?"
    assert len(log_lines(caplog.records, of="device lost")) == 1
    assert len(log_lines(caplog.records, of="device back")) == 1


async def test_a_port_that_another_program_uses_is_said(serial_bus: SerialBus) -> None:
    descriptor = os.open(serial_bus.port, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        async with running(driver_of(on_port(serial_bus, "meter", 1))) as recorder:
            await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    finally:
        os.close(descriptor)
    assert recorder.of(DeviceLost)[0].reason == f"serial port {serial_bus.port} is used by another program"


async def test_a_silent_unit_of_a_serial_line_is_lost_alone_and_comes_back(
    serial_bus: SerialBus, serial_unit: Attach, caplog: pytest.LogCaptureFixture
) -> None:
    lines = ModbusLines()
    serial_unit(1)
    broken = serial_unit(2)
    one, two = (driver_of(on_port(serial_bus, f"meter{unit}", unit), lines) for unit in (1, 2))
    with caplog.at_level(logging.INFO, logger="genba_edge"):
        async with running(one) as first, running(two) as second:
            await second.until(lambda: bool(second.samples("good")))
            broken.tell("silent on")
            await second.until(lambda: bool(second.of(DeviceLost)))
            polls = len(first.of(DeviceAlive))
            await first.until(lambda: len(first.of(DeviceAlive)) >= polls + 10)
            broken.tell("silent off")
            await second.until(lambda: len(second.of(DeviceBack)) == 2)
    assert not first.of(DeviceLost)
    assert second.of(DeviceLost)[0].reason == f"no answer from unit 2 at {serial_bus.port} within 0.5 s"
    assert len(log_lines(caplog.records, of="device lost device=meter2")) == 1
    assert len(log_lines(caplog.records, of="device back device=meter2")) == 1


async def test_a_serial_server_that_passes_bytes_through_is_read_with_rtu_frames(
    serial_bus: SerialBus, serial_unit: Attach
) -> None:
    serial_unit(1).set("holding", 0, 5)
    host, port = serial_bus.address
    device = device_of("meter", host=host, port=port, framing=Framing.RTU)
    driver = driver_of(device)
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.latest("good") == 5)
        serial_bus.damage(1)
        await recorder.until(lambda: driver.meter.failures[Failure.OUT_OF_STEP] == 1)
        polls = len(recorder.of(DeviceAlive))
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= polls + 3)
    assert not recorder.of(DeviceLost)


async def test_a_port_that_was_never_there_is_lost_with_a_reason(tmp_path: Path) -> None:
    port = str(tmp_path / "ttyUSB9")
    async with running(driver_of(device_of("meter", serial=SerialPort(port=port)))) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    assert recorder.of(DeviceLost)[0].reason == f"there is no serial port {port}: is the adapter plugged in?"
