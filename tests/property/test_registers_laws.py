"""Laws of block planning and of decoding that hold for every map."""

from __future__ import annotations

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from genba_edge.core.register_values import decode_point
from genba_edge.core.registers import MAX_BITS, MAX_REGISTERS, plan_blocks
from genba_shared.device_map.model import ByteOrder, ModbusPoint, ModbusTable, PointType, PollSettings

WIDTHS = {PointType.UINT16: 1, PointType.UINT32: 2, PointType.FLOAT64: 4, PointType.STRING: 5}


@st.composite
def maps(draw: st.DrawFn) -> list[ModbusPoint]:
    tables = st.sampled_from(list(ModbusTable))
    kinds = st.sampled_from(list(WIDTHS))
    rows = draw(st.lists(st.tuples(tables, st.integers(0, 3000), kinds), max_size=60))
    return [
        ModbusPoint(name=f"p{number}", table=table, address=address, type=kind, length=10)
        for number, (table, address, kind) in enumerate(rows)
    ]


def width_of(point: ModbusPoint) -> int:
    return 1 if point.table in (ModbusTable.COIL, ModbusTable.DISCRETE) else WIDTHS[point.type]


@given(points=maps(), max_gap=st.integers(-1, 40), max_registers=st.integers(1, 200))
def test_every_point_is_whole_in_exactly_one_block_of_its_table(
    points: list[ModbusPoint], max_gap: int, max_registers: int
) -> None:
    blocks = plan_blocks(points, PollSettings(max_gap=max_gap, max_registers=max_registers))
    assert sorted(point.name for block in blocks for point in block.points) == sorted(point.name for point in points)
    for block in blocks:
        for point in block.points:
            assert point.table is block.table
            assert block.address <= point.address
            assert point.address + width_of(point) <= block.address + block.count


@given(points=maps(), max_gap=st.integers(-1, 40), max_registers=st.integers(1, 200))
def test_no_block_exceeds_the_caps_unless_it_is_one_long_point(
    points: list[ModbusPoint], max_gap: int, max_registers: int
) -> None:
    for block in plan_blocks(points, PollSettings(max_gap=max_gap, max_registers=max_registers)):
        in_bits = block.table in (ModbusTable.COIL, ModbusTable.DISCRETE)
        cap = MAX_BITS if in_bits else min(MAX_REGISTERS, max_registers)
        assert block.count <= cap or block.count == max(width_of(point) for point in block.points)


@given(points=maps(), max_gap=st.integers(0, 40))
def test_blocks_start_and_end_at_a_point(points: list[ModbusPoint], max_gap: int) -> None:
    for block in plan_blocks(points, PollSettings(max_gap=max_gap)):
        assert block.address == min(point.address for point in block.points)
        assert block.address + block.count == max(point.address + width_of(point) for point in block.points)


@given(points=maps(), order=st.randoms())
def test_the_plan_does_not_depend_on_the_order_in_the_map(points: list[ModbusPoint], order: random.Random) -> None:
    shuffled = list(points)
    order.shuffle(shuffled)
    settings = PollSettings(max_registers=100)
    assert plan_blocks(shuffled, settings) == plan_blocks(points, settings)


def as_device_sends(raw: bytes, order: ByteOrder) -> list[int]:
    words = [raw[at : at + 2] for at in range(0, len(raw), 2)]
    if order in (ByteOrder.CDAB, ByteOrder.DCBA):
        words.reverse()
    if order in (ByteOrder.BADC, ByteOrder.DCBA):
        words = [word[::-1] for word in words]
    return [word[0] * 256 + word[1] for word in words]


@given(value=st.integers(-(2**63), 2**63 - 1), order=st.sampled_from(list(ByteOrder)))
def test_every_signed_64_bit_value_survives_every_byte_order(value: int, order: ByteOrder) -> None:
    words = as_device_sends(struct.pack(">q", value), order)
    point = ModbusPoint(name="p", type=PointType.INT64, table=ModbusTable.HOLDING, address=0, byte_order=order)
    assert decode_point(point, words, device="d") == value


@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False), order=st.sampled_from(list(ByteOrder)))
def test_every_32_bit_float_survives_every_byte_order(value: float, order: ByteOrder) -> None:
    words = as_device_sends(struct.pack(">f", value), order)
    point = ModbusPoint(name="p", type=PointType.FLOAT32, table=ModbusTable.HOLDING, address=0, byte_order=order)
    assert decode_point(point, words, device="d") == value


@given(text=st.text(alphabet=st.characters(codec="ascii", exclude_characters="\0"), max_size=16))
def test_every_ascii_text_survives_but_for_trailing_blanks(text: str) -> None:
    raw = text.encode().ljust(16, b"\0")
    point = ModbusPoint(name="p", type=PointType.STRING, table=ModbusTable.HOLDING, address=0, length=16)
    assert decode_point(point, as_device_sends(raw, ByteOrder.ABCD), device="d") == text.rstrip()


@st.composite
def small_maps(draw: st.DrawFn) -> list[ModbusPoint]:
    rows = draw(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(list(WIDTHS))), min_size=1, max_size=7))
    return [
        ModbusPoint(name=f"p{number}", table=ModbusTable.HOLDING, address=address, type=kind, length=10)
        for number, (address, kind) in enumerate(rows)
    ]


def is_one_request(points: list[ModbusPoint], *, max_gap: int, max_registers: int) -> bool:
    ordered = sorted(points, key=lambda point: point.address)
    end = ordered[0].address
    for point in ordered:
        if point.address - end > max_gap:
            return False
        end = max(end, point.address + point.width)
    return len(points) == 1 or end - ordered[0].address <= max_registers


def fewest_requests(points: list[ModbusPoint], *, max_gap: int, max_registers: int) -> int:
    """Tries every way of grouping the points."""
    best = len(points)

    def place(rest: list[ModbusPoint], groups: list[list[ModbusPoint]]) -> None:
        nonlocal best
        if len(groups) >= best and rest:
            return
        if not rest:
            if all(is_one_request(group, max_gap=max_gap, max_registers=max_registers) for group in groups):
                best = min(best, len(groups))
            return
        for number in range(len(groups)):
            place(rest[1:], [*groups[:number], [*groups[number], rest[0]], *groups[number + 1 :]])
        place(rest[1:], [*groups, [rest[0]]])

    place(points, [])
    return best


@given(points=small_maps(), max_gap=st.integers(0, 12), max_registers=st.integers(1, 20))
def test_no_way_of_grouping_points_takes_fewer_requests(
    points: list[ModbusPoint], max_gap: int, max_registers: int
) -> None:
    blocks = plan_blocks(points, PollSettings(max_gap=max_gap, max_registers=max_registers))
    assert len(blocks) == fewest_requests(points, max_gap=max_gap, max_registers=max_registers)


@given(count=st.integers(1, 2000))
def test_a_dense_map_takes_no_more_requests_than_full_blocks_need(count: int) -> None:
    points = [
        ModbusPoint(name=f"p{address}", type=PointType.UINT16, table=ModbusTable.HOLDING, address=address)
        for address in range(count)
    ]
    assert len(plan_blocks(points, PollSettings())) == -(-count // MAX_REGISTERS)
