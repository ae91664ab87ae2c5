"""What a scan shows: values, movement, and a draft of points."""

from __future__ import annotations

from genba_edge.core.scanning import draft_points, swapped_pairs, value_lines
from genba_shared.device_map.model import ModbusTable

HOLDING = ModbusTable.HOLDING


def test_addresses_that_hold_zero_are_counted_and_not_listed() -> None:
    assert list(value_lines(HOLDING, {0: 7, 1: 0, 2: 0}, {0: 7, 1: 0, 2: 0})) == [
        "  40001 {holding: 0}       7",
        "  2 more hold 0",
    ]


def test_what_moves_says_from_where_to_where_and_comes_first_in_the_draft() -> None:
    before, after = {0: 7, 1: 41}, {0: 7, 1: 43}
    assert "  40002 {holding: 1}       41 → 43, moves" in list(value_lines(HOLDING, before, after))
    assert draft_points(HOLDING, before, after) == [
        "holding-1: {at: {holding: 1}, type: uint16}   # 41 → 43, moves",
        "holding-0: {at: {holding: 0}, type: uint16}   # 7",
    ]


def test_bits_become_bools() -> None:
    assert draft_points(ModbusTable.COIL, {16: 1}, {16: 1}) == ["coil-16: {at: {coil: 16}, type: bool}   # 1"]


def test_a_moving_register_before_a_resting_zero_may_be_the_low_word_of_a_swapped_counter() -> None:
    assert swapped_pairs({0: 5, 1: 0, 2: 9, 3: 9}, {0: 6, 1: 0, 2: 10, 3: 9}) == [0]
