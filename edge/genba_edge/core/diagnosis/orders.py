"""Numbers of several registers in other orders: which order would make sense of what was read."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import Final

from genba_edge.core.commissioning import TORN_STEP
from genba_edge.core.register_values import NUMBER_FORMATS, ordered_bytes
from genba_shared.device_map.model import ByteOrder, ModbusPoint

__all__ = ["OTHER_WORDS", "better_order", "is_plain_number", "moves_by_whole_words", "plausible_order", "values_in"]

CALMER: Final = 128  # times less movement than in the map's order: half of what one byte in a wrong place makes of it
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
    found: list[float] = []
    for value in values:
        sent = ordered_bytes(_words(form.pack(value)), point.byte_order)  # each order undoes itself
        (again,) = form.unpack(ordered_bytes(_words(sent), order))
        found.append(again)
    return found


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
    calm: dict[ByteOrder, float] = {}
    for order in _orders(point):
        again = values_in(point, values, order)
        if _goes_one_way(again):
            calm[order] = _travel(again)
    best = min(calm, key=lambda order: calm[order], default=None)
    return best if best is not None and calm[best] * CALMER <= _travel(values) else None


def plausible_order(point: ModbusPoint, values: Sequence[float]) -> ByteOrder | None:
    """The order that turns a measured value which is absurd in the order of the map into a plausible one.

    Args:
        point: a plain float.
        values: readings, none of them 0 (which is 0 in every order).
    """
    if not all(_is_absurd(value) for value in values):
        return None
    spans = {}
    for order in _orders(point):
        again = [abs(value) for value in values_in(point, values, order)]
        if all(PLAUSIBLE[0] <= value <= PLAUSIBLE[1] for value in again):
            spans[order] = max(again) / min(again)
    return min(spans, key=lambda order: spans[order], default=None)


def _orders(point: ModbusPoint) -> list[ByteOrder]:
    if point.width == 1:  # there are only its two bytes
        is_swapped = point.byte_order in {ByteOrder.BADC, ByteOrder.DCBA}
        return [ByteOrder.ABCD if is_swapped else ByteOrder.BADC]
    return [order for order in ByteOrder if order is not point.byte_order]


def _goes_one_way(values: Sequence[float]) -> bool:
    pairs = list(itertools.pairwise(values))
    return all(after > before for before, after in pairs) or all(after < before for before, after in pairs)


def _travel(values: Sequence[float]) -> float:
    return sum(abs(after - before) for before, after in itertools.pairwise(values))


def _is_absurd(value: float) -> bool:
    return not 1 / ABSURD <= abs(value) <= ABSURD
