"""A look at a Modbus unit, against libmodbus."""

from __future__ import annotations

import pytest

from genba_edge.drivers.modbus_probe import AddressRange, ModbusProbe
from genba_shared.device_map.model import ByteOrder, ModbusDevice, ModbusPoint, ModbusTable, PointType
from genba_shared.errors import DeviceUnreachable
from tests.peers.process import ModbusPeer

pytestmark = pytest.mark.peer("libmodbus")

HOLDING = ModbusTable.HOLDING


def device_of(peer: ModbusPeer, *points: ModbusPoint) -> ModbusDevice:
    return ModbusDevice(
        id="cell",
        host="127.0.0.1",
        port=peer.port,
        points={point.name: point for point in points},
        timeout_s=0.3,
    )


async def test_each_point_is_shown_with_its_words_and_all_byte_orders(modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 0x0007, 0x0001)
    good = ModbusPoint(name="good", type=PointType.UINT32, table=HOLDING, address=0, byte_order=ByteOrder.CDAB)
    async with ModbusProbe(device_of(modbus_peer, good)) as probe:
        (reading,) = await probe.read_points()
    assert (reading.words, reading.value, reading.error) == ((0x0007, 0x0001), 65543, "")
    assert reading.by_order == {
        ByteOrder.ABCD: 458753,
        ByteOrder.CDAB: 65543,
        ByteOrder.BADC: 117440768,
        ByteOrder.DCBA: 16779008,
    }
    assert 0 < reading.latency_s < 0.3


async def test_a_point_that_is_refused_is_shown_with_the_reason_and_the_others_are_read(
    modbus_peer: ModbusPeer,
) -> None:
    modbus_peer.set("coil", 3, 1)
    modbus_peer.tell("refuse holding 1 2")
    points = (
        ModbusPoint(name="refused", type=PointType.UINT16, table=HOLDING, address=1),
        ModbusPoint(name="door", type=PointType.BOOL, table=ModbusTable.COIL, address=3),
        ModbusPoint(name="not_bcd", type=PointType.BCD16, table=HOLDING, address=2),
    )
    modbus_peer.set("holding", 2, 0xAB)
    async with ModbusProbe(device_of(modbus_peer, *points)) as probe:
        refused, door, not_bcd = await probe.read_points()
    assert (refused.value, refused.error) == (None, "exception 2 (illegal address) for holding 1-1")
    assert (door.words, door.value, door.by_order) == ((1,), True, {})
    assert not_bcd.words == (0xAB,)
    assert not_bcd.error == "point not_bcd: 0x00ab has a digit beyond 9: not BCD"


async def test_a_scan_tells_which_addresses_answer(modbus_peer: ModbusPeer) -> None:
    modbus_peer.tell("refuse holding 40 2")
    modbus_peer.tell("refuse holding 41 2")
    async with ModbusProbe(device_of(modbus_peer)) as probe:
        scan = await probe.scan(HOLDING, 0, 203, pause_s=0)
    refused = "exception 2 (illegal address)"
    assert scan.ranges == (
        AddressRange(first=0, last=39),
        AddressRange(first=40, last=41, reason=refused),
        AddressRange(first=42, last=199),
        AddressRange(first=200, last=203, reason=refused),
    )
    assert scan.stopped == ""
    assert scan.requests == modbus_peer.requests()
    assert scan.requests < 50


async def test_a_scan_ends_after_the_requests_that_it_may_make_and_says_where(modbus_peer: ModbusPeer) -> None:
    async with ModbusProbe(device_of(modbus_peer)) as probe:
        scan = await probe.scan(HOLDING, 1000, 60000, pause_s=0, most_requests=20)
    assert modbus_peer.requests() == 20
    assert scan.stopped == "after 20 requests: go on from address 1008"


async def test_a_scan_of_a_silent_unit_ends_soon(modbus_peer: ModbusPeer) -> None:
    modbus_peer.tell("silent on")
    async with ModbusProbe(device_of(modbus_peer)) as probe:
        scan = await probe.scan(HOLDING, 0, 100, pause_s=0)
    assert scan.requests == 5
    assert scan.stopped.startswith("no answer from unit 1 at 127.0.0.1:")


async def test_coils_are_scanned_too(modbus_peer: ModbusPeer) -> None:
    async with ModbusProbe(device_of(modbus_peer)) as probe:
        scan = await probe.scan(ModbusTable.COIL, 0, 199, pause_s=0)
    assert scan.ranges == (AddressRange(first=0, last=199),)
    assert scan.requests == 1


async def test_a_device_that_is_not_there_is_said_at_once(modbus_peer: ModbusPeer) -> None:
    modbus_peer.stop()
    with pytest.raises(DeviceUnreachable, match="connection refused by"):
        async with ModbusProbe(device_of(modbus_peer)):
            pass
