"""Orders as lists show them: what was worked out for an order is shown again while nothing about it changed.

An order is read and assessed again when it was heard that something about it changed; the assessor, which looks at
every open order every two seconds, renews what the clock alone changes. Which orders a page has is asked again when an
order came or was promised anew. The process that writes hears of a commit before whoever sent it is answered; another
one hears of it a moment later. In any case nothing that is shown is older than `KEPT_S`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from genba_cloud.api.views import order_view
from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.deviation import Level
from genba_cloud.core.viewer import Sight
from genba_cloud.ledger import Appended
from genba_cloud.store.read import OrderFilter, OrderKey, OrderKeyPage

KEPT_S: Final = 5.0
MOST: Final = 4000
"""Orders that are remembered, for each of the few ways in which viewers see them."""
MOST_PAGES: Final = 1000

RowPage = tuple[list["OrderRow"], str | None]
"""Rows, and the cursor of the page after them."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as JSON, and what lists are filtered by that is worked out and not stored."""

    order: str
    level: Level
    is_finished: bool
    body: bytes

    @classmethod
    def of(cls, order: AssessedOrder) -> OrderRow:
        """The row of an order."""
        assessment = order.assessment
        body = orjson.dumps(order_view(order))
        return cls(order=order.plan.order, level=assessment.level, is_finished=assessment.finished, body=body)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row, what it was made of, and when that was last seen to be so."""

    key: OrderKey
    made_at: float
    row: OrderRow
    order: AssessedOrder


_Wanted = tuple[OrderFilter, str | None, int]


class OrderRows:
    """Rows that were made before. Thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[tuple[Sight, str], _Kept] = {}
        self._turn = 0
        self._changed: dict[str, int] = {}  # by order, the turn in which it was last heard of
        self._floor = 0  # of what was read before this turn nothing is kept: changes since may be forgotten
        self._pages: dict[_Wanted, tuple[int, float, OrderKeyPage]] = {}
        self._list_turn = 0  # grows when an order may stand elsewhere in lists, or is new

    def heard(self, appended: Appended) -> None:
        """Something was committed: its orders are read again. A ledger listener."""
        orders = appended.changed.orders
        if not orders:
            return
        with self._lock:
            self._turn += 1
            if not appended.events or any(hasattr(logged.event, "order") for logged in appended.events):
                self._list_turn += 1
                self._pages.clear()
            if len(self._changed) > MOST:
                self._changed.clear()
                self._floor = self._turn
            for order in orders:
                self._changed[order] = self._turn
                for seen in Sight:
                    self._rows.pop((seen, order), None)

    def forget(self) -> None:
        """Commits may have gone unheard: everything is read again."""
        with self._lock:
            self._turn += 1
            self._list_turn += 1
            self._floor = self._turn
            self._pages.clear()
            self._rows.clear()
            self._changed.clear()

    def renew(self, orders: Iterable[AssessedOrder]) -> None:
        """The assessor looked at these: what is shown of them follows the clock, where they are what they were."""
        now = self._clock()
        for order in orders:
            kept = self._rows.get((Sight.ALL, order.plan.order))
            if kept is None or not _is_same(kept.order, order):
                continue
            row = kept.row if kept.order.assessment == order.assessment else OrderRow.of(order)
            with self._lock:
                if self._rows.get((Sight.ALL, order.plan.order)) is kept:
                    self._rows[Sight.ALL, order.plan.order] = _Kept(kept.key, now, row, order)

    def remembered(self, seen: Sight, where: OrderFilter, cursor: str | None, limit: int) -> RowPage | None:
        """A page, where everything about it is at hand; None: it has to be read."""
        now = self._clock()
        kept_page = self._pages.get((where, cursor, limit))
        if kept_page is None or kept_page[0] != self._list_turn or now - kept_page[1] >= KEPT_S:
            return None
        rows: list[OrderRow] = []
        for key in kept_page[2].items:
            kept = self._rows.get((seen, key.order))
            if kept is None or kept.key != key or now - kept.made_at >= KEPT_S:
                return None
            rows.append(kept.row)
        return rows, kept_page[2].next

    def page(
        self,
        seen: Sight,
        where: OrderFilter,
        cursor: str | None,
        limit: int,
        *,
        ask: Callable[[], OrderKeyPage],
        read: Callable[[Sequence[str]], Sequence[AssessedOrder]],
    ) -> RowPage:
        """A page; `ask` finds its orders, `read` assesses those that are not at hand."""
        turn, now = self._list_turn, self._clock()
        found = ask()
        with self._lock:
            if len(self._pages) >= MOST_PAGES:
                self._pages.clear()
            if turn == self._list_turn:
                self._pages[where, cursor, limit] = (turn, now, found)
        return self.of(found.items, seen, read), found.next

    def of(
        self, keys: Sequence[OrderKey], seen: Sight, read: Callable[[Sequence[str]], Sequence[AssessedOrder]]
    ) -> list[OrderRow]:
        """The rows of these orders, in their order; `read` assesses those that are not at hand."""
        now, turn = self._clock(), self._turn
        rows: dict[str, OrderRow] = {}
        missing: list[OrderKey] = []
        for key in keys:
            kept = self._rows.get((seen, key.order))
            if kept is not None and kept.key == key and now - kept.made_at < KEPT_S:
                rows[key.order] = kept.row
            else:
                missing.append(key)
        if missing:
            orders = {order.plan.order: order for order in read([key.order for key in missing])}
            made = [_Kept(key, now, OrderRow.of(orders[key.order]), orders[key.order])
                    for key in missing if key.order in orders]  # fmt: skip
            rows.update((kept.row.order, kept.row) for kept in made)
            self._keep(made, seen, turn)
        return [rows[key.order] for key in keys if key.order in rows]

    def _keep(self, made: Iterable[_Kept], seen: Sight, turn: int) -> None:
        """Remember what was read in a turn, but for orders of which something was heard since."""
        with self._lock:
            if turn < self._floor:
                return
            for kept in made:
                if self._changed.get(kept.row.order, 0) <= turn:
                    self._rows.pop((seen, kept.row.order), None)
                    self._rows[seen, kept.row.order] = kept
            while len(self._rows) > MOST:
                del self._rows[next(iter(self._rows))]


def _is_same(there: AssessedOrder, order: AssessedOrder) -> bool:
    """Whether plan and facts are the same; what is worked out from them and from the clock may differ."""
    if there.plan is not order.plan and there.plan != order.plan:
        return False
    before, after = there.assessment.nodes, order.assessment.nodes
    return before.keys() == after.keys() and all(
        len(before[work]) == len(after[work])
        and all(old.facts is new.facts or old.facts == new.facts
                for old, new in zip(before[work], after[work], strict=True))
        for work in after
    )  # fmt: skip
