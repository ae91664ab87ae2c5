"""Stock of an item, from what was received, issued, counted and promised; and what work orders got and used of it.

Amounts are added as whole millionths, so that no order of adding changes a sum.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final, TypeAlias

from genba_cloud.core.facts.plan import WorkOrderPlan
from genba_cloud.core.facts.told import ToldFold
from genba_cloud.core.facts.views import MaterialUse, WorkOrderFacts
from genba_shared.events import (
    Event,
    FactKey,
    MaterialConsumed,
    MaterialCounted,
    MaterialIssued,
    MaterialPromised,
    MaterialReceived,
    fact_key,
)

MaterialEvent: TypeAlias = MaterialPromised | MaterialReceived | MaterialIssued | MaterialConsumed | MaterialCounted
MATERIAL_KINDS: Final = (MaterialPromised, MaterialReceived, MaterialIssued, MaterialConsumed, MaterialCounted)

_MILLION: Final = 1_000_000
_MONTH: Final = len("@2026-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A supplier will deliver `amount` at `due`; `event` says so. `open`: what was not received of it yet."""

    event: str
    amount: float
    open: float
    due: datetime
    supplier: str | None = None
    work_order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFacts:
    """Stock of an item in one unit of measure.

    `on_hand` is what was counted last (`counted_at`), with what came and went since; `least` and `most` are the span
    in which it really lies. Work orders that used more than they were issued have taken the rest without a word: that
    may be missing from the stock. Where nobody has ever counted, `on_hand` is what came less what went, and how much
    was there before nobody knows: `most` is None. `gap` is what the last count found more (or, below 0, less) than the
    books said.
    """

    item: str
    uom: str
    on_hand: float
    least: float
    most: float | None
    counted_at: datetime | None = None
    gap: float | None = None
    promises: tuple[Promise, ...] = ()
    data_at: datetime | None = None


def shelf_of(event: MaterialEvent) -> str:
    """The view that keeps the event: an item's events of one month, so that none grows for ever."""
    return f"{event.item}@{event.at.year:04d}-{event.at.month:02d}"


def item_of(shelf: str) -> str:
    """The item of a view's id."""
    return shelf[:-_MONTH]


def stock_facts(item: str, shelves: Iterable[ToldFold]) -> tuple[StockFacts, ...]:
    """The stock of an item by unit of measure, from all its months."""
    events = sorted((event for shelf in shelves for event in shelf.standing()), key=fact_key)
    by_unit: dict[str, list[MaterialEvent]] = {}
    for event in events:
        if isinstance(event, MATERIAL_KINDS):
            by_unit.setdefault(event.uom, []).append(event)
    return tuple(_stock(item, uom, told) for uom, told in sorted(by_unit.items()))


def _stock(item: str, uom: str, events: Sequence[MaterialEvent]) -> StockFacts:
    held, gap = 0, None
    counted: FactKey | None = None
    for event in events:
        match event:
            case MaterialCounted():
                gap = None if counted is None else millionths(event.amount) - held
                held, counted = millionths(event.amount), fact_key(event)
            case MaterialReceived():
                held += millionths(event.amount)
            case MaterialIssued():
                held -= millionths(event.amount)
            case MaterialPromised() | MaterialConsumed():
                pass
    unsaid = _taken_unsaid(events, since=counted)
    return StockFacts(
        item=item,
        uom=uom,
        on_hand=amount_of(held),
        least=amount_of(held - unsaid),
        most=None if counted is None else amount_of(held),
        counted_at=None if counted is None else counted.at,
        gap=None if gap is None else amount_of(gap),
        promises=_promises(events),
        data_at=events[-1].at,
    )


def _taken_unsaid(events: Iterable[MaterialEvent], *, since: FactKey | None) -> int:
    """What work orders have used since the last count beyond all that was ever issued to them."""
    owed: dict[str, int] = {}
    for event in events:
        work_order = event.work_order or ""
        if isinstance(event, MaterialIssued):
            owed[work_order] = owed.get(work_order, 0) - millionths(event.amount)
        elif isinstance(event, MaterialConsumed):
            owed[work_order] = owed.get(work_order, 0) + millionths(event.amount)
        elif isinstance(event, MaterialCounted) and since is not None and fact_key(event) == since:
            owed = {name: min(0, amount) for name, amount in owed.items()}  # what was gone by then was counted as gone
    return sum(amount for amount in owed.values() if amount > 0)


def _promises(events: Iterable[MaterialEvent]) -> tuple[Promise, ...]:
    """Promises in the order of their due times; what was received since fills the earliest first.

    A receipt that names a promise in `because` fills that one, one from a supplier only the promises of the same.
    """
    promised = sorted((one for one in events if isinstance(one, MaterialPromised)), key=lambda one: (one.due, one.id))
    left = {one.id: millionths(one.amount) for one in promised}
    for receipt in (one for one in events if isinstance(one, MaterialReceived)):
        amount = millionths(receipt.amount)
        for promise in (one for one in promised if _is_for(receipt, one)):
            filled = min(amount, left[promise.id])
            left[promise.id] -= filled
            amount -= filled
    return tuple(
        Promise(
            event=one.id,
            amount=one.amount,
            open=amount_of(left[one.id]),
            due=one.due,
            supplier=one.supplier,
            work_order=one.work_order,
        )
        for one in promised
    )


def _is_for(receipt: MaterialReceived, promise: MaterialPromised) -> bool:
    if receipt.because:
        return promise.id in receipt.because
    if fact_key(receipt) < fact_key(promise):
        return False
    is_same_supplier = None in (receipt.supplier, promise.supplier) or receipt.supplier == promise.supplier
    return is_same_supplier and (promise.work_order is None or promise.work_order == receipt.work_order)


def material_use(events: Iterable[Event]) -> tuple[MaterialUse, ...]:
    """By item and unit of measure, what a work order got and used, from its events."""
    sums: dict[tuple[str, str], list[int]] = {}
    for event in events:
        match event:
            case MaterialIssued():
                sums.setdefault((event.item, event.uom), [0, 0])[0] += millionths(event.amount)
            case MaterialConsumed():
                sums.setdefault((event.item, event.uom), [0, 0])[1] += millionths(event.amount)
            case _:
                pass
    return tuple(
        MaterialUse(item=item, uom=uom, issued=amount_of(issued), consumed=amount_of(consumed))
        for (item, uom), (issued, consumed) in sorted(sums.items())
    )


def loss(use: MaterialUse, *, needed: float | None, pieces: int, good: int) -> float | None:
    """What was issued beyond what the good pieces needed; None without a bill of material, or with nothing to go by.

    Args:
        use: what the work order got of the item.
        needed: what the bill of material asks for `pieces` pieces in all; None: there is none.
        pieces: the quantity of the work order.
        good: good pieces that it made.
    """
    if needed is None or pieces < 1:
        return None
    return amount_of(millionths(use.issued) - millionths(needed) * good // pieces)


def losses(plan: WorkOrderPlan, facts: WorkOrderFacts) -> tuple[tuple[MaterialUse, float | None], ...]:
    """What a work order used, each with its loss against the bill of material that its plan was made from.

    Good pieces are those that came through: the fewest of the nodes that nothing of it follows.
    """
    followed = {code for node in plan.nodes for code, _ in node.needs_within(plan.work_order)}
    ends = [facts.node(node.node) for node in plan.nodes if node.node not in followed]
    good = min((one.good for one in ends if one is not None and not one.is_skipped), default=0)
    needed = {(one.item, one.uom): one.amount for one in plan.materials}
    return tuple(
        (use, loss(use, needed=needed.get((use.item, use.uom)), pieces=plan.quantity, good=good))
        for use in facts.materials
    )


def millionths(amount: float) -> int:
    """An amount as whole millionths, which add up exactly."""
    return round(Fraction(amount) * _MILLION)


def amount_of(sum_of_millionths: int) -> float:
    """Back to an amount; what is too great for a number is the greatest that there is."""
    try:
        return sum_of_millionths / _MILLION
    except OverflowError:
        return sys.float_info.max if sum_of_millionths > 0 else -sys.float_info.max


def by_item(shelves: Mapping[str, ToldFold]) -> dict[str, list[ToldFold]]:
    """The months of each item, from views by their ids."""
    found: dict[str, list[ToldFold]] = {}
    for shelf, fold in sorted(shelves.items()):
        found.setdefault(item_of(shelf), []).append(fold)
    return found
