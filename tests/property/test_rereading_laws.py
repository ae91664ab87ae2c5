"""Registers put together again from the values that they gave, and read anew, whatever the forms of both maps."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.register_values import decode_point
from genba_edge.core.rereading import words_of
from genba_shared.device_map.model import ByteOrder, ModbusPoint, ModbusTable, PointType
from genba_shared.errors import BadReading

WIDTHS = {
    PointType.UINT16: 1,
    PointType.INT16: 1,
    PointType.BCD16: 1,
    PointType.UINT32: 2,
    PointType.INT32: 2,
    PointType.FLOAT32: 2,
    PointType.BCD32: 2,
    PointType.INT64: 4,
    PointType.UINT64: 4,
    PointType.FLOAT64: 4,
}
WHOLE = {PointType.UINT16, PointType.INT16, PointType.UINT32, PointType.INT32, PointType.INT64, PointType.UINT64}
SCALES = st.sampled_from([1.0, 0.1, 0.01, 2.0, 10.0])
OFFSETS = st.sampled_from([0.0, 0.5, -40.0])


@st.composite
def points(draw: st.DrawFn, kinds: set[PointType] | None = None) -> ModbusPoint:
    return ModbusPoint(
        name="p",
        table=ModbusTable.HOLDING,
        address=0,
        type=draw(st.sampled_from(sorted(kinds or WIDTHS))),
        byte_order=draw(st.sampled_from(list(ByteOrder))),
        scale=draw(SCALES),
        offset=draw(OFFSETS),
    )


def registers(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 0xFFFF), min_size=count, max_size=count)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), point=points())
def test_registers_that_are_told_give_the_value_again_or_none_are_told(data: st.DataObject, point: ModbusPoint) -> None:
    words = data.draw(registers(WIDTHS[point.type]))
    try:
        value = decode_point(point, words, device="d")
    except BadReading:
        return
    again = words_of(point, value)
    if again is not None:
        assert decode_point(point, again, device="d") == value
    if point.type in WHOLE and (point.scale, point.offset) == (1.0, 0.0):
        assert again == tuple(words)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), point=points({PointType.UINT32, PointType.INT32}), order=st.sampled_from(list(ByteOrder)))
def test_another_byte_order_reads_what_it_would_have_read(
    data: st.DataObject, point: ModbusPoint, order: ByteOrder
) -> None:
    words = data.draw(registers(2))
    as_recorded = dataclasses.replace(point, scale=1.0, offset=0.0)
    other = dataclasses.replace(as_recorded, byte_order=order)
    told = words_of(as_recorded, decode_point(as_recorded, words, device="d"))
    assert told is not None
    assert decode_point(other, told, device="d") == decode_point(other, words, device="d")


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(st.characters(codec="ascii", exclude_characters="\0 "), max_size=9),
    order=st.sampled_from(list(ByteOrder)),
)
def test_texts_are_put_back_into_their_registers(text: str, order: ByteOrder) -> None:
    point = ModbusPoint(
        name="p", table=ModbusTable.HOLDING, address=0, type=PointType.STRING, length=9, byte_order=order
    )
    words = words_of(point, text.rstrip())
    assert words is not None
    assert decode_point(point, words, device="d") == text.rstrip()


def test_a_bit_a_mask_or_a_byte_leaves_its_register_open() -> None:
    base = ModbusPoint(name="p", table=ModbusTable.HOLDING, address=0, type=PointType.UINT16)
    assert words_of(base, 7) == (7,)
    assert words_of(dataclasses.replace(base, mask=0x0F), 7) is None
    assert words_of(dataclasses.replace(base, type=PointType.BOOL, bit=3), value=True) is None
    assert words_of(dataclasses.replace(base, type=PointType.UINT8), 7) is None
    assert words_of(base, None) is None
    assert words_of(base, 65_536) is None
    assert words_of(base, "7") is None
