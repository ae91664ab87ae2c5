"""Problems, alerts, tasks and stock in the database, as one connection sees them. Texts of people are still sealed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from genba_cloud.core.facts import Aggregate
from genba_cloud.core.facts.material import StockFacts, by_item, stock_facts
from genba_cloud.core.facts.response import ResponseFacts, response_facts
from genba_cloud.core.facts.told import ToldFold
from genba_cloud.store.read import UnknownCursorError
from genba_cloud.store.rows import chunks, stored_view
from genba_cloud.store.tables import VIEW
from genba_cloud.store.tables_told import RESPONSE
from genba_cloud.store.told import ResponseKind
from genba_cloud.store.work import state_of


class Standing(StrEnum):
    """Whether it still waits for something."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A problem, alert or task: its facts, and the events they come from, whose texts may be sealed."""

    facts: ResponseFacts
    told: ToldFold


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsePage:
    """Those that began last first; `next` is the cursor of the page after this one, None at the end."""

    items: tuple[Response, ...]
    next: str | None


class AlertRows:
    """Of one enterprise; a read snapshot, or a write transaction."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._connection = connection
        self._enterprise = enterprise

    def one(self, name: str) -> Response | None:
        """The problem, alert or task of that id."""
        return next(iter(self._read([name])), None)

    def every_open(self) -> tuple[Response, ...]:
        """Everything that is open, the oldest first."""
        query = select(RESPONSE.c.id).where(*self._where(), RESPONSE.c.standing == str(Standing.OPEN))
        return self._read(self._connection.scalars(query.order_by(RESPONSE.c.at, RESPONSE.c.id)))

    def closed_by_people(self, since: datetime) -> tuple[Response, ...]:
        """Alerts that a person closed since then."""
        query = select(RESPONSE.c.id).where(
            *self._where(ResponseKind.ALERT),
            RESPONSE.c.standing == str(Standing.CLOSED),
            RESPONSE.c.closed_by.is_not(None),
            RESPONSE.c.closed_at >= since,
        )
        return self._read(self._connection.scalars(query.order_by(RESPONSE.c.at, RESPONSE.c.id)))

    def tasks_of(self, targets: Iterable[str]) -> tuple[Response, ...]:
        """Every task about one of these, also those that are closed."""
        names: list[str] = []
        for part in chunks(targets):
            query = select(RESPONSE.c.id).where(*self._where(ResponseKind.TASK), RESPONSE.c.subject.in_(part))
            names += self._connection.scalars(query.order_by(RESPONSE.c.at, RESPONSE.c.id))
        return self._read(names)

    def page(
        self, kind: ResponseKind, *, is_open: bool | None, order: str | None, cursor: str | None, limit: int
    ) -> ResponsePage:
        """A page of one kind; `is_open` None: both.

        Raises:
            UnknownCursorError: `cursor` is not one that an earlier page gave.
        """
        table = RESPONSE.c
        query = select(table.id).where(*self._where(kind)).order_by(table.at.desc(), table.id.desc())
        if is_open is not None:
            query = query.where(table.standing == str(Standing.OPEN if is_open else Standing.CLOSED))
        if order is not None:
            query = query.where(table.order_id == order)
        if cursor is not None:
            last = self._connection.execute(select(table.at).where(*self._where(kind), table.id == cursor)).first()
            if last is None:
                raise UnknownCursorError(f"{cursor!r:.80} is not a cursor of this list")
            query = query.where(or_(table.at < last.at, and_(table.at == last.at, table.id < cursor)))
        names = list(self._connection.scalars(query.limit(limit + 1)))
        return ResponsePage(items=self._read(names[:limit]), next=names[limit - 1] if len(names) > limit else None)

    def stock(self) -> Mapping[str, tuple[StockFacts, ...]]:
        """By item, its stock in each unit of measure."""
        query = select(VIEW).where(VIEW.c.enterprise == self._enterprise, VIEW.c.aggregate == str(Aggregate.MATERIAL))
        rows = self._connection.execute(query.order_by(VIEW.c.id)).mappings()
        shelves = {row["id"]: state_of(Aggregate.MATERIAL, stored_view(row)) for row in rows}
        return {item: stock_facts(item, folds) for item, folds in by_item(shelves).items()}

    def _where(self, kind: ResponseKind | None = None) -> Sequence[Any]:
        mine = RESPONSE.c.enterprise == self._enterprise
        return (mine,) if kind is None else (mine, RESPONSE.c.kind == str(kind))

    def _read(self, names: Iterable[str]) -> tuple[Response, ...]:
        wanted = list(names)
        found: dict[str, Response] = {}
        for part in chunks(wanted):
            query = select(VIEW).where(
                VIEW.c.enterprise == self._enterprise,
                VIEW.c.aggregate == str(Aggregate.RESPONSE),
                VIEW.c.id.in_(part),
            )
            for row in self._connection.execute(query).mappings():
                told: ToldFold = state_of(Aggregate.RESPONSE, stored_view(row))
                facts = response_facts(row["id"], told)
                if facts is not None:
                    found[row["id"]] = Response(facts=facts, told=told)
        return tuple(found[name] for name in wanted if name in found)
