"""Lists of orders by name alone: which orders a page shows, at a fraction of what reading them costs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
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
    given: dict[str, Any] = {name: value for name in _FIELDS if (value := getattr(where, name)) is not None}
    values: dict[str, Any] = {**given, "enterprise": enterprise, "wanted": limit + 1}
    if cursor is not None:
        promised, separator, order = cursor.partition(_SEPARATOR)
        if not (separator and order and promised.isascii() and promised.removeprefix("-").isdigit()):
            raise UnknownCursorError(f"{cursor!r:.80} is not a cursor of this list")
        values |= {"after_promised": int(promised[:_DIGITS]), "after": order}
    shape = (cursor is not None, tuple(given))
    query = _QUERIES.get(shape)
    if query is None:
        query = _QUERIES[shape] = _query(given, is_first=cursor is None)
    found = connection.execute(query, values).all()
    items = tuple(OrderKey(row[0], row[1]) for row in found[:limit])
    return OrderKeyPage(items=items, next=cursor_of(items[-1]) if len(found) > limit else None)


def cursor_of(key: OrderKey) -> str:
    """The cursor of what comes after this order."""
    return f"{key.promised}{_SEPARATOR}{key.order}"


_QUERIES: Final[dict[tuple[bool, tuple[str, ...]], Select[Any]]] = {}
"""Queries that were made before, by what they ask for: there are few kinds, and each takes a while to make."""


def _query(given: Mapping[str, Any], *, is_first: bool) -> Select[Any]:
    """Orders by promise, with what their own row says."""
    query = select(
        _ORDER.id,
        type_coerce(_ORDER.promised, BigInteger),
    ).where(_ORDER.enterprise == bindparam("enterprise", type_=String), *_matching(given))
    if not is_first:
        after = (bindparam("after_promised", type_=BigInteger), bindparam("after", type_=String))
        query = query.where(tuple_(type_coerce(_ORDER.promised, BigInteger), _ORDER.id) > tuple_(*after))
    return query.order_by(_ORDER.promised, _ORDER.id).limit(bindparam("wanted"))


def _matching(given: Mapping[str, Any]) -> Iterator[Any]:
    for name in given:
        match name:
            case "promised_from":
                yield _ORDER.promised >= bindparam(name, type_=Instant())
            case "promised_before":
                yield _ORDER.promised < bindparam(name, type_=Instant())
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
