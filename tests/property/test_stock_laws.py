"""Stock and loss equal a ledger that is kept by hand, whatever comes, in whatever order, and is taken back again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.facts.material import loss, material_use, shelf_of, stock_facts
from genba_cloud.core.facts.told import NOTHING_TOLD, fold_told
from genba_shared.events import (
    Event,
    EventVoided,
    MaterialConsumed,
    MaterialCounted,
    MaterialIssued,
    MaterialReceived,
    Source,
    SourceType,
)

START = datetime(2026, 1, 20, 7, 0, tzinfo=UTC)
PERSON = Source(type=SourceType.PERSON, ref="op-1")
KINDS: dict[str, Any] = {
    "received": MaterialReceived,
    "issued": MaterialIssued,
    "consumed": MaterialConsumed,
    "counted": MaterialCounted,
}


@dataclass(frozen=True)
class Move:
    """So many hundredths of a metre, and so many hours after the move before; `undone`: taken back later."""

    kind: str
    hundredths: int
    hours: int
    undone: bool


MOVES = st.lists(
    st.builds(
        Move,
        kind=st.sampled_from(sorted(KINDS)),
        hundredths=st.integers(0, 100_000),
        hours=st.integers(1, 200),
        undone=st.integers(0, 5).map(lambda one: one == 0),
    ),
    min_size=1,
    max_size=25,
)


def events_of(moves: Sequence[Move]) -> list[Event]:
    found: list[Event] = []
    at = START
    for number, move in enumerate(moves):
        at += timedelta(hours=move.hours)
        more = {"work_order": "WO-1"} if move.kind in {"issued", "consumed"} else {}
        found.append(
            KINDS[move.kind](
                id=f"m{number}", at=at, source=PERSON, item="cloth", uom="m", amount=move.hundredths / 100, **more
            )
        )
        if move.undone:
            found.append(EventVoided(id=f"v{number}", at=at, source=PERSON, target=f"m{number}", reason="x"))
    return found


def shelves(events: Sequence[Event]) -> list[Any]:
    """The months of the item, each with every word that takes something back."""
    voids = [event for event in events if isinstance(event, EventVoided)]
    months: dict[str, list[Event]] = {}
    for event in events:
        if not isinstance(event, EventVoided):
            months.setdefault(shelf_of(event), []).append(event)  # type: ignore[arg-type]  # all others are of material
    return [fold_told(NOTHING_TOLD, [*told, *voids, *told]) for told in months.values()]


def by_hand(moves: Sequence[Move]) -> tuple[int, int | None]:
    """On hand, and what the last count found beyond the books (None: nobody counted twice), in hundredths."""
    held, gap, has_count = 0, None, False
    for move in (one for one in moves if not one.undone):
        if move.kind == "counted":
            gap = move.hundredths - held if has_count else None
            held, has_count = move.hundredths, True
        held += {"received": move.hundredths, "issued": -move.hundredths}.get(move.kind, 0)
    return held, gap


@pytest.mark.requirement("R107")
@settings(max_examples=150, deadline=None)
@given(moves=MOVES, seed=st.integers(0, 2**32))
def test_stock_is_that_of_a_ledger_kept_by_hand(moves: list[Move], seed: int) -> None:
    arrival = events_of(moves)
    Random(seed).shuffle(arrival)
    found = stock_facts("cloth", shelves(arrival))
    if all(move.undone for move in moves):
        assert found == ()
        return
    held, gap = by_hand(moves)
    (stock,) = found
    assert (stock.on_hand, stock.gap) == (held / 100, None if gap is None else gap / 100)
    assert stock.least <= stock.on_hand


@pytest.mark.requirement("R107")
@settings(max_examples=150, deadline=None)
@given(moves=MOVES, quantity=st.integers(1, 500), scrap=st.integers(0, 500), per_piece=st.integers(1, 500))
def test_loss_is_what_was_issued_beyond_what_the_good_pieces_needed(
    moves: list[Move], quantity: int, scrap: int, per_piece: int
) -> None:
    """`per_piece` hundredths of a metre; the good pieces are what is not scrap."""
    good = max(0, quantity - scrap)
    standing = [move for move in moves if not move.undone]
    use = material_use(events_of(standing))
    issued = sum(move.hundredths for move in standing if move.kind == "issued")
    consumed = sum(move.hundredths for move in standing if move.kind == "consumed")
    if not any(move.kind in {"issued", "consumed"} for move in standing):
        assert use == ()
        return
    (one,) = use
    assert (one.issued, one.consumed) == (issued / 100, consumed / 100)
    lost = loss(one, needed=per_piece * quantity / 100, pieces=quantity, good=good)
    assert lost is not None
    assert abs(Fraction(lost) - Fraction(issued - per_piece * good, 100)) < Fraction(1, 10**6)
    assert loss(one, needed=None, pieces=quantity, good=good) is None
