"""Views that keep their events as they are: orders as a whole, stock, problems, alerts and tasks.

Texts in them may be sealed. Whoever shows them to people opens the events (`opened` of the seals) and works out the
facts from those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, assert_never

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from genba_cloud.core.facts import Aggregate, ToldFold
from genba_cloud.core.facts.material import StockFacts, by_item, item_of, stock_facts
from genba_cloud.core.facts.order import OrderFacts, order_facts
from genba_cloud.core.facts.response import (
    AlertFacts,
    ProblemFacts,
    ResponseFacts,
    TaskFacts,
    response_facts,
)
from genba_cloud.core.facts.told import NOTHING_TOLD
from genba_cloud.store.port import StoredView
from genba_cloud.store.read import UnknownCursorError
from genba_cloud.store.rows import chunks, stored_view
from genba_cloud.store.tables import VIEW
from genba_cloud.store.tables_told import RESPONSE
from genba_cloud.store.work import state_of


class ResponseKind(StrEnum):
    """What somebody has to respond to."""

    PROBLEM = "problem"
    ALERT = "alert"
    TASK = "task"


_OPEN: Final = "open"
_CLOSED: Final = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFilter:
    """Which of them: None lets all pass. `subject` is what an alert is about, or what a task is for."""

    kind: ResponseKind | None = None
    is_open: bool | None = None
    rule: str | None = None
    subject: str | None = None
    order: str | None = None
    work_order: str | None = None


EVERY_RESPONSE: Final = ResponseFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One problem, alert or task with the events that it follows from."""

    id: str
    fold: ToldFold

    @property
    def facts(self) -> ResponseFacts | None:
        """What it comes to."""
        return response_facts(self.id, self.fold)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsePage:
    """The newest first; `next` is the cursor of the page after this one, None at the end."""

    items: tuple[Response, ...]
    next: str | None


class Told:
    """What was told, as one transaction sees it."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._connection = connection
        self._enterprise = enterprise

    def responses(
        self, *, where: ResponseFilter = EVERY_RESPONSE, cursor: str | None = None, limit: int = 100
    ) -> ResponsePage:
        """A page of problems, alerts and tasks. The cursor is the id of the last one of the page before.

        Raises:
            UnknownCursorError: `cursor` is not one that an earlier page gave.
        """
        table = RESPONSE.c
        query = select(table.id).where(*self._conditions(where)).order_by(table.at.desc(), table.id.desc())
        if cursor is not None:
            known = select(table.at).where(table.enterprise == self._enterprise, table.id == cursor)
            last = self._connection.execute(known).first()
            if last is None:
                raise UnknownCursorError(f"{cursor!r:.80} is not a cursor of this list")
            query = query.where(or_(table.at < last.at, and_(table.at == last.at, table.id < cursor)))
        names = list(self._connection.scalars(query.limit(limit + 1)))
        found = self.responses_of(names[:limit])
        items = tuple(found[name] for name in names[:limit] if name in found)
        return ResponsePage(items=items, next=names[limit - 1] if len(names) > limit else None)

    def responses_of(self, names: Iterable[str]) -> Mapping[str, Response]:
        """Those of them that anything was heard of, by their ids."""
        folds = self._folds(Aggregate.RESPONSE, names)
        return {name: Response(id=name, fold=fold) for name, fold in folds.items()}

    def orders(self, numbers: Iterable[str]) -> dict[str, OrderFacts]:
        """What was said of each of the orders as a whole."""
        wanted = list(numbers)
        folds = self._folds(Aggregate.ORDER, wanted)
        return {number: order_facts(number, folds.get(number, NOTHING_TOLD)) for number in wanted}

    def order_events(self, number: str) -> ToldFold:
        """What was said of the order, event by event."""
        return self._folds(Aggregate.ORDER, [number]).get(number, NOTHING_TOLD)

    def stock(self, items: Iterable[str] | None = None) -> tuple[StockFacts, ...]:
        """Stock of these items by item and unit of measure; of every item that was ever heard of without a list."""
        wanted = None if items is None else set(items)
        shelves = self._shelves(wanted)
        every = by_item({name: fold for name, fold in shelves.items() if wanted is None or item_of(name) in wanted})
        return tuple(facts for item, folds in every.items() for facts in stock_facts(item, folds))

    def _shelves(self, items: set[str] | None) -> dict[str, ToldFold]:
        is_material = VIEW.c.aggregate == str(Aggregate.MATERIAL)
        if items is None:
            return self._read(Aggregate.MATERIAL, is_material)
        found: dict[str, ToldFold] = {}
        for part in chunks(sorted(items)):
            # "A" is behind "@" and before nothing that begins with "item@": all months of an item lie side by side
            spans = [VIEW.c.id.between(f"{item}@0000-00", f"{item}@9999-99") for item in part]
            found.update(self._read(Aggregate.MATERIAL, is_material, or_(*spans)))
        return found

    def _folds(self, aggregate: Aggregate, names: Iterable[str]) -> dict[str, ToldFold]:
        found: dict[str, ToldFold] = {}
        for part in chunks(dict.fromkeys(names)):
            found.update(self._read(aggregate, VIEW.c.aggregate == str(aggregate), VIEW.c.id.in_(part)))
        return found

    def _read(self, aggregate: Aggregate, *where: ColumnElement[bool]) -> dict[str, ToldFold]:
        query = select(VIEW).where(VIEW.c.enterprise == self._enterprise, *where).order_by(VIEW.c.id)
        rows = self._connection.execute(query).mappings()
        return {row["id"]: state_of(aggregate, stored_view(row)) for row in rows}

    def _conditions(self, where: ResponseFilter) -> Sequence[ColumnElement[bool]]:
        table = RESPONSE.c
        wanted = {
            table.kind: where.kind,
            table.rule: where.rule,
            table.subject: where.subject,
            table.order_id: where.order,
            table.work_order: where.work_order,
            table.standing: None if where.is_open is None else (_OPEN if where.is_open else _CLOSED),
        }
        given = [column == str(value) for column, value in wanted.items() if value is not None]
        return [table.enterprise == self._enterprise, *given]


def response_row(name: str, view: StoredView) -> dict[str, Any] | None:
    """The columns of a row; None where nothing opened it, or that was taken back."""
    facts = response_facts(name, state_of(Aggregate.RESPONSE, view))
    if facts is None:
        return None
    told: dict[str, Any] = {
        "standing": _OPEN if facts.is_open else _CLOSED,
        "order_id": facts.order,
        "work_order": facts.work_order,
    }
    match facts:
        case ProblemFacts():
            return {**told, "kind": "problem", "rule": facts.category, "subject": "", "at": facts.at}
        case AlertFacts():
            return {**told, "kind": "alert", "rule": facts.rule, "subject": facts.subject, "at": facts.opened_at}
        case TaskFacts():
            return {**told, "kind": "task", "rule": "", "subject": facts.target, "at": facts.opened_at}
        case _:
            assert_never(facts)
