"""What the answers to a block become: samples of what changed, and the names of the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from genba_edge.core.observations import Observation, Quality, Sample, Unchanged
from genba_edge.core.registers import Block
from genba_edge.drivers.link import BadPoints
from genba_edge.drivers.modbus_memory import BlockMemory
from genba_edge.ports import Meter
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import ByteOrder, ModbusPoint, ModbusTable, PointType

AT = datetime(2026, 1, 5, 7, tzinfo=UTC)
LATER = AT + timedelta(seconds=1)
KINDS = {"a": PointType.UINT16, "b": PointType.FLOAT32, "c": PointType.UINT16}


def memory_of() -> BlockMemory:
    addresses = {"a": 0, "b": 1, "c": 3}
    points = tuple(
        ModbusPoint(name=name, type=KINDS[name], table=ModbusTable.HOLDING, address=address)
        for name, address in addresses.items()
    )
    bad_points = BadPoints(Meter(device="cell"), clock=ProductionClock())
    block = Block(table=ModbusTable.HOLDING, address=0, count=4, points=points)
    return BlockMemory(block, device="cell", bad=bad_points.bad, good=bad_points.good)


def told(observations: list[Observation]) -> list[object]:
    return [
        (one.point, one.value) if isinstance(one, Sample) else one.points
        for one in observations
        if isinstance(one, Sample | Unchanged)
    ]


ONE = bytes.fromhex("0001 41aa0000 0003")
TWO = bytes.fromhex("0001 41aa0000 0004")
NOT_A_NUMBER = bytes.fromhex("0001 7fc00000 0003")


def test_the_first_answer_tells_every_point() -> None:
    assert told(memory_of().take(ONE, AT)) == [("a", 1), ("b", 21.25), ("c", 3)]


def test_the_same_answer_is_told_in_one_object() -> None:
    memory = memory_of()
    memory.take(ONE, AT)
    assert memory.take(ONE, LATER) == [Unchanged(device="cell", points=("a", "b", "c"), at=LATER)]


def test_only_what_changed_is_a_sample() -> None:
    memory = memory_of()
    memory.take(ONE, AT)
    assert told(memory.take(TWO, LATER)) == [("c", 4), ("a", "b")]


def test_a_point_that_cannot_be_decoded_is_bad_once_and_never_unchanged() -> None:
    memory = memory_of()
    memory.take(ONE, AT)
    bad, same = memory.take(NOT_A_NUMBER, AT)
    assert isinstance(bad, Sample)
    assert (bad.point, bad.value, bad.quality) == ("b", None, Quality.BAD)
    assert same == Unchanged(device="cell", points=("a", "c"), at=AT)
    assert told(memory.take(NOT_A_NUMBER, LATER)) == [("a", "c")]
    assert told(memory.take(ONE, LATER)) == [("b", 21.25), ("a", "c")]
    assert told(memory.take(ONE, LATER)) == [("a", "b", "c")]


def test_points_of_every_form_with_holes_between_them_are_cut_out_of_one_answer() -> None:
    points = (
        ModbusPoint(name="word", type=PointType.UINT16, table=ModbusTable.HOLDING, address=1),
        ModbusPoint(name="long", type=PointType.INT32, table=ModbusTable.HOLDING, address=4),
        ModbusPoint(
            name="swapped", type=PointType.UINT16, table=ModbusTable.HOLDING, address=6, byte_order=ByteOrder.BADC
        ),
        ModbusPoint(name="scaled", type=PointType.UINT16, table=ModbusTable.HOLDING, address=7, scale=0.1),
        ModbusPoint(name="bit", type=PointType.BOOL, table=ModbusTable.HOLDING, address=8, bit=2),
    )
    block = Block(table=ModbusTable.HOLDING, address=0, count=10, points=points)
    memory = BlockMemory(block, device="cell", bad=lambda point, reason: (), good=lambda point: None)
    answer = bytes.fromhex("ffff 0007 ffff ffff fffffffe 0100 00d5 0004 ffff")
    assert told(memory.take(answer, AT)) == [
        ("word", 7),
        ("long", -2),
        ("swapped", 1),
        ("scaled", 21.3),
        ("bit", True),
    ]


def test_bits_that_share_a_register_are_told_each() -> None:
    points = tuple(
        ModbusPoint(name=f"bit{bit}", type=PointType.BOOL, table=ModbusTable.HOLDING, address=0, bit=bit)
        for bit in (0, 1)
    )
    block = Block(table=ModbusTable.HOLDING, address=0, count=1, points=points)
    memory = BlockMemory(block, device="cell", bad=lambda point, reason: (), good=lambda point: None)
    assert told(memory.take(bytes.fromhex("0001"), AT)) == [("bit0", True), ("bit1", False)]
