"""Numbers of several registers in other orders: which order would make sense of what was read."""

from __future__ import annotations

import functools
import itertools
import struct
from collections.abc import Sequence
from typing import Final

from genba_edge.core.commissioning import TORN_STEP
from genba_edge.core.register_values import NUMBER_FORMATS, ordered_bytes
from genba_shared.device_map.model import ByteOrder, ModbusPoint

__all__ = [
    "OTHER_WORDS",
    "are_coarse",
    "better_order",
    "is_plain_number",
    "moves_by_whole_words",
    "plausible_order",
    "takes_carry",
    "values_in",
]

CALMER: Final = 128  # times less movement than in the map's order: half of what one byte in a wrong place makes of it
CALMER_SHARE: Final = 0.75  # of the steps; a single misread value makes two large ones
ABSURD: Final = 1e12  # a measured value beyond it, or below its inverse, is no value of a factory
PLAUSIBLE: Final = (1e-4, 1e9)
OTHER_WORDS: Final = {
    ByteOrder.ABCD: ByteOrder.CDAB,
    ByteOrder.CDAB: ByteOrder.ABCD,
    ByteOrder.BADC: ByteOrder.DCBA,
    ByteOrder.DCBA: ByteOrder.BADC,
}
"""The same bytes in each register, and the registers the other way round."""


def is_plain_number(point: ModbusPoint) -> bool:
    """Whether a value of the point can be turned back into its registers."""
    plain = point.mask is None and point.bit is None and point.byte is None
    return plain and point.type in NUMBER_FORMATS and point.scale == 1.0 and point.offset == 0.0


def values_in(point: ModbusPoint, values: Sequence[float], order: ByteOrder) -> list[float]:
    """What the values would have been with another `byte_order`.

    Args:
        point: a plain number.
        values: as they were read with the order of the map.
        order: the other order.

    >>> from genba_shared.device_map.model import ModbusTable, PointType
    >>> parts = ModbusPoint(name="parts", type=PointType.UINT32, table=ModbusTable.HOLDING, address=0)
    >>> values_in(parts, [131072], ByteOrder.CDAB)
    [2]
    """
    form = struct.Struct(f">{NUMBER_FORMATS[point.type]}")
    places = _places(form.size, point.byte_order, order)
    return [form.unpack(bytes([data[place] for place in places]))[0] for data in map(form.pack, values)]


@functools.cache
def _places(length: int, read: ByteOrder, meant: ByteOrder) -> tuple[int, ...]:
    """Where each byte of a value in the order `meant` stands in the value that was made in the order `read`."""
    places = bytes(range(length))
    sent = ordered_bytes(_words(places), read)  # each order undoes itself
    return tuple(ordered_bytes(_words(sent), meant))


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2)]


def moves_by_whole_words(values: Sequence[int]) -> bool:
    """Whether every step is a multiple of 65536: what stands in the low register never counts."""
    return all((after - before) % TORN_STEP == 0 for before, after in itertools.pairwise(values))


def better_order(point: ModbusPoint, values: Sequence[int]) -> ByteOrder | None:
    """The order in which a counter would have gone one way, by steps far smaller than in the order of the map.

    Args:
        point: a plain whole number.
        values: readings in their order, each different from the one before.

    Returns:
        None where the order of the map is as good as any.
    """
    steps = _steps(values)
    if sum(abs(step) >= CALMER for step in steps) < CALMER_SHARE * len(steps):
        return None  # as nearly all counters
    found: dict[ByteOrder, float] = {}
    for order in _orders(point):
        again = _steps(values_in(point, values, order))
        calmer = sum(abs(after) * CALMER <= abs(before) for before, after in zip(steps, again, strict=True))
        if (all(step > 0 for step in again) or all(step < 0 for step in again)) and calmer >= CALMER_SHARE * len(steps):
            found[order] = sum(map(abs, again))
    return min(found, key=lambda order: found[order], default=None)


def takes_carry(values: Sequence[float], again: Sequence[float]) -> bool:
    """Whether a value fell where it made a small step in the other order: a lower byte went through 0 there.

    Args:
        values: as read, each different from the one before.
        again: the same in the other order.
    """
    steps = zip(_steps(values), _steps(again), strict=True)
    return any(step * other < 0 and abs(other) * CALMER <= abs(step) for step, other in steps)


def plausible_order(point: ModbusPoint, values: Sequence[float]) -> ByteOrder | None:
    """The order that turns a measured value which mostly is absurd in the order of the map into a plausible one.

    Args:
        point: a plain float.
        values: readings, none of them 0 (which is 0 in every order).
    """
    if 2 * sum(_is_absurd(value) for value in values) < len(values):
        return None  # some by chance are not: the exponent then stands in a byte that may hold anything
    spans = {}
    for order in _orders(point):
        again = [abs(value) for value in values_in(point, values, order)]
        if all(PLAUSIBLE[0] <= value <= PLAUSIBLE[1] for value in again):
            spans[order] = max(again) / min(again)
    return min(spans, key=lambda order: spans[order], default=None)


def are_coarse(point: ModbusPoint, values: Sequence[float]) -> bool:
    """Whether the last register of every value is 0: it may as well belong to something else."""
    form = struct.Struct(f">{NUMBER_FORMATS[point.type]}")
    return all(form.pack(value).endswith(b"\0\0") for value in values)


def _orders(point: ModbusPoint) -> list[ByteOrder]:
    if point.width == 1:  # there are only its two bytes
        is_swapped = point.byte_order in {ByteOrder.BADC, ByteOrder.DCBA}
        return [ByteOrder.ABCD if is_swapped else ByteOrder.BADC]
    return [order for order in ByteOrder if order is not point.byte_order]


def _steps(values: Sequence[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(values)]


def _is_absurd(value: float) -> bool:
    return not 1 / ABSURD <= abs(value) <= ABSURD
