"""Lists of orders by name alone: which orders a page shows, at a fraction of what reading them costs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Dialect,
    Select,
    String,
    bindparam,
    exists,
    select,
    tuple_,
    type_coerce,
)

from genba_cloud.store.read import OrderFilter, OrderKey, OrderKeyPage, UnknownCursorError
from genba_cloud.store.rows import chunks
from genba_cloud.store.tables import CUSTOMER_ORDER, WORK_ORDER, Instant

_ORDER = CUSTOMER_ORDER.c
_SEPARATOR: Final = "~"
_DIGITS: Final = 18  # what the database takes for a number, and more than any date has
_FIELDS: Final = ("system", "external_id", "customer", "site", "promised_from", "promised_before")


def order_keys(
    connection: Connection, enterprise: str, *, where: OrderFilter, cursor: str | None, limit: int
) -> OrderKeyPage:
    """A page of orders. The cursor is promise and number of the last order of the page before.

    Raises:
        UnknownCursorError: it is something else.
    """
    values: dict[str, Any] = {"enterprise": enterprise, "wanted": limit + 1}
    for name in _FIELDS:
        value = getattr(where, name)
        if value is not None:
            values[name] = Instant.to_milliseconds(value) if isinstance(value, datetime) else value
    if cursor is not None:
        promised, separator, order = cursor.partition(_SEPARATOR)
        if not (separator and order and promised.isascii() and promised.removeprefix("-").isdigit()):
            raise UnknownCursorError(f"{cursor!r:.80} is not a cursor of this list")
        values |= {"after_promised": int(promised[:_DIGITS]), "after": order}
    found = _statement(connection, frozenset(values)).rows(connection, values)
    items = tuple(OrderKey(row[0], row[1]) for row in found[:limit])
    return OrderKeyPage(items=items, next=cursor_of(items[-1]) if len(found) > limit else None)


def cursor_of(key: OrderKey) -> str:
    """The cursor of what comes after this order."""
    return f"{key.promised}{_SEPARATOR}{key.order}"


class _Statement:
    """A query as the driver takes it: it is asked for every page, and building it takes longer than running it."""

    def __init__(self, query: Select[Any], dialect: Dialect) -> None:
        compiled = query.compile(dialect=dialect)
        self._text = str(compiled)
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self._order: tuple[str, ...] | None = tuple(compiled.positiontup) if compiled.positiontup else None

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """What it finds; the values are bound, as plain text and numbers."""
        named = {**self._fixed, **values}
        bound: Any = named if self._order is None else tuple(named[name] for name in self._order)
        return connection.exec_driver_sql(self._text, bound).all()


_STATEMENTS: Final[dict[tuple[str, frozenset[str]], _Statement]] = {}
"""By database and by what is asked for: there are few kinds."""


def _statement(connection: Connection, names: frozenset[str]) -> _Statement:
    key = (connection.dialect.name, names)
    found = _STATEMENTS.get(key)
    if found is None:
        found = _STATEMENTS[key] = _Statement(_query(names), connection.dialect)
    return found


def _query(given: Collection[str]) -> Select[Any]:
    """Orders by promise, with what their own row says."""
    query = select(
        _ORDER.id,
        type_coerce(_ORDER.promised, BigInteger),
    ).where(_ORDER.enterprise == bindparam("enterprise", type_=String), *_matching(given))
    if "after" in given:
        after = (bindparam("after_promised", type_=BigInteger), bindparam("after", type_=String))
        query = query.where(tuple_(type_coerce(_ORDER.promised, BigInteger), _ORDER.id) > tuple_(*after))
    return query.order_by(_ORDER.promised, _ORDER.id).limit(bindparam("wanted"))


def _matching(given: Collection[str]) -> Iterator[Any]:
    for name in _FIELDS:
        if name not in given:
            continue
        match name:
            case "promised_from":
                yield type_coerce(_ORDER.promised, BigInteger) >= bindparam(name, type_=BigInteger)
            case "promised_before":
                yield type_coerce(_ORDER.promised, BigInteger) < bindparam(name, type_=BigInteger)
            case "site":
                at = select(WORK_ORDER.c.id).where(
                    WORK_ORDER.c.enterprise == _ORDER.enterprise,
                    WORK_ORDER.c.order_id == _ORDER.id,
                    WORK_ORDER.c.site == bindparam(name, type_=String),
                )
                yield exists(at.correlate(CUSTOMER_ORDER))
            case _:
                yield _ORDER[name] == bindparam(name, type_=String)


def orders_of_work(connection: Connection, enterprise: str, work_orders: Collection[str]) -> dict[str, str]:
    """By work order, the order that it belongs to; those that are not known are left out."""
    works = WORK_ORDER.c
    found: dict[str, str] = {}
    for part in chunks(work_orders):
        query = select(works.id, works.order_id).where(works.enterprise == enterprise, works.id.in_(part))
        found.update((row.id, row.order_id) for row in connection.execute(query))
    return found
