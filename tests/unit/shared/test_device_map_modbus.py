"""Modbus lines, workarounds and forms of values in good maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_shared.device_map import (
    ByteOrder,
    ByteSide,
    Framing,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    Parity,
    PointType,
    PollSettings,
    SerialPort,
    Workarounds,
    load_device_map,
)

HEAD = "version: 1\ngateway: {id: gw-1, site: site-a}\n"


def device_of(settings: str, points: str = "good: {at: 40101, type: uint16}") -> ModbusDevice:
    text = f"{HEAD}devices:\n  - {{id: press1, protocol: modbus, {settings}, points: {{{points}}}}}\n"
    device = load_device_map(Path("map.yaml"), text=text).devices["press1"]
    assert isinstance(device, ModbusDevice)
    return device


def point_of(point: str, settings: str = "host: 10.1.2.21") -> ModbusPoint:
    return device_of(settings, f"p: {point}").points["p"]


def test_a_serial_port_has_defaults_for_all_but_its_name() -> None:
    device = device_of("serial: {port: /dev/ttyUSB0}")
    assert device.serial == SerialPort(port="/dev/ttyUSB0", baud=9600, parity=Parity.NONE, stop_bits=1)
    assert device.line == "/dev/ttyUSB0"


def test_a_serial_port_takes_what_is_written() -> None:
    device = device_of("serial: {port: /dev/ttyS1, baud: 19200, parity: E, stop_bits: 2}, unit: 9")
    assert device.serial == SerialPort(port="/dev/ttyS1", baud=19200, parity=Parity.EVEN, stop_bits=2)
    assert device.unit == 9


def test_a_character_takes_ten_to_twelve_bits() -> None:
    assert SerialPort(port="/dev/ttyS1", baud=9600).character_s == 10 / 9600
    assert SerialPort(port="/dev/ttyS1", baud=9600, parity=Parity.EVEN, stop_bits=2).character_s == 12 / 9600


def test_rtu_frames_may_go_over_a_network() -> None:
    device = device_of("host: 10.1.2.30:4001, framing: rtu")
    assert (device.host, device.port, device.framing) == ("10.1.2.30", 4001, Framing.RTU)
    assert device.line == "10.1.2.30:4001"


def test_workarounds_are_read() -> None:
    settings = (
        "host: h, poll: {max_coils: 256}, workarounds: "
        "{pause_between: 20ms, pause_after_connect: 1s, one_request_per_point: true, address_base: 0}"
    )
    device = device_of(settings)
    assert device.workarounds == Workarounds(
        pause_between_s=0.02, pause_after_connect_s=1.0, one_request_per_point=True, address_base=0
    )
    assert device.poll == PollSettings(max_coils=256)


@pytest.mark.parametrize(
    ("written", "base", "address"),
    [("40101", 1, 100), ("40101", 0, 101), ("40000", 0, 0), ("{holding: 100}", 1, 100), ("{holding: 100}", 0, 100)],
)
def test_the_address_base_moves_traditional_notation_alone(written: str, base: int, address: int) -> None:
    point = point_of(f"{{at: {written}, type: uint16}}", f"host: h, workarounds: {{address_base: {base}}}")
    assert (point.table, point.address) == (ModbusTable.HOLDING, address)


def test_workarounds_may_stand_in_a_profile_and_one_be_replaced() -> None:
    text = (
        f"{HEAD}profiles:\n  plc: {{protocol: modbus, workarounds: {{pause_between: 20ms, address_base: 0}}, "
        "points: {p: {at: 40000, type: uint16}}}\n"
        "devices:\n  - {id: a, use: plc, host: h, workarounds: {pause_between: 50ms}}\n"
    )
    device = load_device_map(Path("map.yaml"), text=text).devices["a"]
    assert isinstance(device, ModbusDevice)
    assert device.workarounds == Workarounds(pause_between_s=0.05, address_base=0)
    assert device.points["p"].address == 0


def test_byte_order_and_group_may_stand_at_the_point() -> None:
    point = point_of("{at: 40101, type: uint32, byte_order: DCBA, group: slow}", "host: h, byte_order: CDAB")
    assert (point.byte_order, point.group) == (ByteOrder.DCBA, "slow")


def test_parts_of_registers_are_read() -> None:
    assert point_of("{at: 40101, type: uint8, byte: high}").byte is ByteSide.HIGH
    assert point_of('{at: 40101, type: uint16, mask: "0x0FF0"}').mask == 0x0FF0
    assert point_of("{at: 40101, type: uint16, mask: 12}").mask == 12
    text = point_of("{at: 40101, type: string, length: 6, byte: low}")
    assert text.width == 6
    calculated = point_of("{at: 40101, type: int16, scale: 0.1, offset: -40}")
    assert (calculated.scale, calculated.offset) == (0.1, -40.0)


@pytest.mark.parametrize(
    ("point", "kind", "width", "limit"),
    [
        ("{at: 40101, type: bcd16, counter: {max_rate: 1/h}}", PointType.BCD16, 1, 9_999),
        ("{at: 40101, type: bcd32, counter: {max_rate: 1/h}}", PointType.BCD32, 2, 99_999_999),
        ("{at: 40101, type: uint8, counter: {max_rate: 1/h}}", PointType.UINT8, 1, 255),
        ('{at: 40101, type: uint16, mask: "0xFFF0", counter: {max_rate: 1/h}}', PointType.UINT16, 1, 4095),
    ],
)
def test_the_limit_of_a_counter_follows_from_its_form(point: str, kind: PointType, width: int, limit: int) -> None:
    made = point_of(point)
    assert (made.type, made.width) == (kind, width)
    assert made.counter is not None
    assert made.counter.limit == limit
