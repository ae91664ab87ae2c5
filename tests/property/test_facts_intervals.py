"""Intervals of counted pieces behave as sets of pieces."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from genba_cloud.core.facts.intervals import Interval, added, gaps_in, pieces_in, united

INTERVALS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=8)


def pieces(parts: list[Interval]) -> set[int]:
    return {piece for low, high in parts for piece in range(low, high)}


@given(INTERVALS)
def test_a_union_holds_each_piece_once(parts: list[Interval]) -> None:
    assert pieces_in(united(parts)) == len(pieces(parts))


@given(INTERVALS)
def test_adding_one_by_one_equals_uniting_all(parts: list[Interval]) -> None:
    assert reduce(lambda union, part: added(union, *part), parts, ()) == united(parts)


@given(INTERVALS)
def test_gaps_are_the_pieces_between_first_and_last_that_are_missing(parts: list[Interval]) -> None:
    held = pieces(parts)
    missing = set(range(min(held), max(held) + 1)) - held if held else set()
    assert gaps_in(united(parts)) == len(missing)
