"""Block planning and decoding of Modbus registers."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from genba_edge.core import register_values
from genba_edge.core.register_values import decode_point, readers_of
from genba_edge.core.registers import MIN_GAP, Block, plan_blocks
from genba_shared.device_map.model import ByteOrder, ByteSide, ModbusPoint, ModbusTable, PointType, PollSettings
from genba_shared.errors import BadReading

HOLDING, INPUT, COIL = ModbusTable.HOLDING, ModbusTable.INPUT, ModbusTable.COIL


def point(
    name: str, address: int, kind: PointType = PointType.UINT16, *, table: ModbusTable = HOLDING, **more: Any
) -> ModbusPoint:
    return ModbusPoint(name=name, type=kind, table=table, address=address, **more)


def plan(*points: ModbusPoint, max_gap: int = 12, max_registers: int = 125) -> list[tuple[str, list[str]]]:
    blocks = plan_blocks(points, PollSettings(max_gap=max_gap, max_registers=max_registers))
    return [(str(block), [point.name for point in block.points]) for block in blocks]


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(register_values).failed == 0


def test_neighbours_are_read_in_one_request() -> None:
    assert plan(point("b", 102, PointType.UINT32), point("a", 100, PointType.UINT32)) == [
        ("holding 100-103", ["a", "b"])
    ]


def test_a_gap_of_max_gap_is_read_along() -> None:
    assert plan(point("a", 0), point("b", 13)) == [("holding 0-13", ["a", "b"])]


def test_a_longer_gap_starts_a_new_request() -> None:
    assert plan(point("a", 0), point("b", 14)) == [("holding 0-0", ["a"]), ("holding 14-14", ["b"])]


def test_tables_are_never_mixed() -> None:
    assert plan(point("a", 0), point("b", 1, table=INPUT)) == [("holding 0-0", ["a"]), ("input 1-1", ["b"])]


def test_a_request_is_never_longer_than_the_protocol_allows() -> None:
    assert plan(point("a", 0), point("b", 124), point("c", 125), max_gap=200, max_registers=500) == [
        ("holding 0-124", ["a", "b"]),
        ("holding 125-125", ["c"]),
    ]


def test_a_request_is_never_longer_than_the_device_allows() -> None:
    assert plan(point("a", 0), point("b", 1), point("c", 2), max_registers=2) == [
        ("holding 0-1", ["a", "b"]),
        ("holding 2-2", ["c"]),
    ]


def test_a_point_is_not_split_at_the_end_of_a_request() -> None:
    assert plan(point("a", 0), point("b", 1), point("c", 2, PointType.UINT32), max_registers=3) == [
        ("holding 0-1", ["a", "b"]),
        ("holding 2-3", ["c"]),
    ]


def test_a_point_longer_than_the_device_allows_is_read_alone_and_whole() -> None:
    assert plan(point("a", 0), point("b", 1, PointType.UINT64), point("c", 5), max_registers=2) == [
        ("holding 0-0", ["a"]),
        ("holding 1-4", ["b"]),
        ("holding 5-5", ["c"]),
    ]


def test_coils_allow_a_gap_of_as_many_bytes_as_registers_do() -> None:
    assert plan(point("a", 0, PointType.BOOL, table=COIL), point("b", 193, PointType.BOOL, table=COIL)) == [
        ("coil 0-193", ["a", "b"])
    ]


def test_a_request_for_coils_is_never_longer_than_the_device_allows() -> None:
    coils = [point(f"c{address}", address, PointType.BOOL, table=COIL) for address in range(10)]
    blocks = plan_blocks(coils, PollSettings(max_coils=4))
    assert [str(block) for block in blocks] == ["coil 0-3", "coil 4-7", "coil 8-9"]


def test_points_that_overlap_a_long_one_do_not_cost_a_request_each() -> None:
    long = point("long", 1, PointType.STRING, length=20)
    assert plan(point("a", 0), long, point("b", 2), max_registers=5) == [
        ("holding 0-2", ["a", "b"]),
        ("holding 1-10", ["long"]),
    ]


def test_coils_are_capped_at_2000() -> None:
    assert plan(
        point("a", 0, PointType.BOOL, table=COIL), point("b", 2000, PointType.BOOL, table=COIL), max_gap=200
    ) == [("coil 0-0", ["a"]), ("coil 2000-2000", ["b"])]


def test_without_a_gap_only_points_that_share_an_address_are_joined() -> None:
    shared = [point("running", 5, PointType.BOOL, bit=0), point("fault", 5, PointType.BOOL, bit=1), point("next", 6)]
    assert plan(*shared, max_gap=MIN_GAP) == [("holding 5-5", ["fault", "running"]), ("holding 6-6", ["next"])]


def test_overlapping_points_are_read_in_one_request() -> None:
    assert plan(point("pair", 4, PointType.UINT32), point("high", 4), point("low", 5), max_gap=MIN_GAP) == [
        ("holding 4-5", ["high", "pair", "low"])
    ]


def test_each_point_is_read_from_its_own_bytes_of_a_block() -> None:
    first, second = point("a", 100, PointType.UINT32), point("b", 103)
    block = Block(table=HOLDING, address=100, count=4, points=(first, second))
    data = bytes.fromhex("0001 0002 0003 0004")
    assert {reader.name: reader.decode(data[reader.where]) for reader in readers_of(block, device="d")} == {
        "a": 65538,
        "b": 4,
    }


def test_each_bit_is_read_from_its_own_byte_of_a_block() -> None:
    points = tuple(point(f"c{address}", address, PointType.BOOL, table=COIL) for address in (20, 27, 28, 29))
    block = Block(table=COIL, address=20, count=10, points=points)
    data = bytes([0b1000_0001, 0b10])
    assert [reader.decode(data[reader.where]) for reader in readers_of(block, device="d")] == [True, True, False, True]


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        (PointType.INT16, [0xFFF4], -12),
        (PointType.UINT16, [0xFFF4], 65524),
        (PointType.INT32, [0xFFFF, 0xFFF4], -12),
        (PointType.UINT32, [0x0001, 0x0002], 65538),
        (PointType.INT64, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF], -1),
        (PointType.UINT64, [0x0001, 0x0000, 0x0000, 0x0001], 281474976710657),
        (PointType.FLOAT32, [0x41AA, 0x0000], 21.25),
        (PointType.FLOAT64, [0x4035, 0x4000, 0x0000, 0x0000], 21.25),
        (PointType.BOOL, [0], False),
        (PointType.BOOL, [2], True),
    ],
)
def test_each_type_is_decoded_from_big_endian_registers(kind: PointType, words: list[int], value: object) -> None:
    decoded = decode_point(point("p", 0, kind), words, device="d")
    assert (decoded, type(decoded)) == (value, type(value))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ByteOrder.ABCD, [0x0102, 0x0304]),
        (ByteOrder.CDAB, [0x0304, 0x0102]),
        (ByteOrder.BADC, [0x0201, 0x0403]),
        (ByteOrder.DCBA, [0x0403, 0x0201]),
    ],
)
def test_each_byte_order_gives_the_same_32_bits(order: ByteOrder, words: list[int]) -> None:
    assert decode_point(point("p", 0, PointType.UINT32, byte_order=order), words, device="d") == 0x01020304


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ByteOrder.ABCD, [0x0102, 0x0304, 0x0506, 0x0708]),
        (ByteOrder.CDAB, [0x0708, 0x0506, 0x0304, 0x0102]),
        (ByteOrder.BADC, [0x0201, 0x0403, 0x0605, 0x0807]),
        (ByteOrder.DCBA, [0x0807, 0x0605, 0x0403, 0x0201]),
    ],
)
def test_each_byte_order_gives_the_same_64_bits(order: ByteOrder, words: list[int]) -> None:
    assert decode_point(point("p", 0, PointType.UINT64, byte_order=order), words, device="d") == 0x0102030405060708


def test_a_bit_is_counted_from_the_low_end() -> None:
    assert decode_point(point("p", 0, PointType.BOOL, bit=3), [0b1000], device="d") is True
    assert decode_point(point("p", 0, PointType.BOOL, bit=2), [0b1000], device="d") is False


def test_a_coil_is_a_bool() -> None:
    assert decode_point(point("p", 0, PointType.BOOL, table=COIL), [1], device="d") is True


def test_a_scaled_integer_comes_out_as_written() -> None:
    assert decode_point(point("p", 0, PointType.INT16, scale=0.1), [213], device="d") == 21.3


def test_a_text_ends_at_its_first_nul() -> None:
    words = [0x574F, 0x2D31, 0x0000, 0x5858]
    assert decode_point(point("p", 0, PointType.STRING, length=8), words, device="d") == "WO-1"


def test_a_text_keeps_leading_zeros_and_loses_trailing_blanks() -> None:
    words = [0x3030, 0x3431, 0x2020]
    assert decode_point(point("p", 0, PointType.STRING, length=6), words, device="d") == "0041"


def test_a_text_of_odd_length_ignores_the_last_byte() -> None:
    assert decode_point(point("p", 0, PointType.STRING, length=3), [0x4142, 0x4344], device="d") == "ABC"


def test_a_text_with_swapped_bytes_is_read_in_order() -> None:
    words = [0x4F57, 0x312D]
    assert decode_point(point("p", 0, PointType.STRING, length=4, byte_order=ByteOrder.DCBA), words, device="d") == (
        "WO-1"
    )


def test_a_text_with_swapped_registers_is_read_in_order() -> None:
    words = [0x574F, 0x2D31]
    assert decode_point(point("p", 0, PointType.STRING, length=4, byte_order=ByteOrder.CDAB), words, device="d") == (
        "WO-1"
    )


@pytest.mark.parametrize(
    ("kind", "more", "words", "value"),
    [
        (PointType.UINT8, {}, [0x12FE], 0xFE),
        (PointType.UINT8, {"byte": ByteSide.HIGH}, [0x12FE], 0x12),
        (PointType.INT8, {}, [0x12FE], -2),
        (PointType.INT8, {"byte": ByteSide.HIGH, "byte_order": ByteOrder.BADC}, [0x12FE], -2),
        (PointType.BCD16, {}, [0x1234], 1234),
        (PointType.BCD32, {}, [0x1234, 0x5678], 12345678),
        (PointType.BCD32, {"byte_order": ByteOrder.CDAB}, [0x5678, 0x1234], 12345678),
        (PointType.UINT16, {"mask": 0x0FF0}, [0xABCD], 0xBC),
        (PointType.UINT32, {"mask": 0x000F_0000}, [0x1234, 0x5678], 4),
        (PointType.UINT16, {"mask": 0x00FF, "scale": 0.5}, [0x0103], 1.5),
        (PointType.INT16, {"offset": -40.0}, [65], 25.0),
        (PointType.INT16, {"scale": 0.1, "offset": -40.0}, [653], 25.3),
        (PointType.FLOAT32, {"scale": 2.0, "offset": 1.0}, [0x41AA, 0x0000], 43.5),
        (PointType.BCD16, {"scale": 0.01}, [0x1234], 12.34),
    ],
)
def test_parts_of_registers_and_calculated_values(
    kind: PointType, more: dict[str, object], words: list[int], value: object
) -> None:
    decoded = decode_point(point("p", 0, kind, **more), words, device="d")
    assert (decoded, type(decoded)) == (value, type(value))


@pytest.mark.parametrize(("side", "words"), [(ByteSide.LOW, [0x0057, 0x004F]), (ByteSide.HIGH, [0x5700, 0x4F20])])
def test_a_text_may_have_one_character_in_each_register(side: ByteSide, words: list[int]) -> None:
    assert decode_point(point("p", 0, PointType.STRING, length=2, byte=side), words, device="d") == "WO"


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        (PointType.UINT32, [1], "1 of 2 words"),
        (PointType.UINT16, [65536], "outside 16 bits"),
        (PointType.FLOAT32, [0x7FC0, 0x0000], "nan is not a number"),
        (PointType.FLOAT32, [0x7F80, 0x0000], "inf is not a number"),
        (PointType.BCD16, [0x12AB], "0x12ab has a digit beyond 9: not BCD"),
    ],
)
def test_what_cannot_be_decoded_is_a_bad_reading(kind: PointType, words: list[int], said: str) -> None:
    with pytest.raises(BadReading, match=said):
        decode_point(point("p", 0, kind), words, device="d")


def test_bytes_that_are_no_text_are_a_bad_reading() -> None:
    with pytest.raises(BadReading, match="fffe is not UTF-8 text"):
        decode_point(point("p", 0, PointType.STRING, length=2), [0xFFFE], device="d")


def test_a_number_that_scaling_makes_infinite_is_a_bad_reading() -> None:
    largest = [0x7FEF, 0xFFFF, 0xFFFF, 0xFFFF]
    with pytest.raises(BadReading, match="is not a number"):
        decode_point(point("p", 0, PointType.FLOAT64, scale=1e9), largest, device="d")
