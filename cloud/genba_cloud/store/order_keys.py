"""Lists of orders by name alone: which orders a page shows, at a fraction of what reading them costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    String,
    Text,
    bindparam,
    cast,
    exists,
    select,
    tuple_,
    type_coerce,
)

from genba_cloud.store.read import OrderFilter, OrderKey, OrderKeyPage, UnknownCursorError
from genba_cloud.store.tables import CUSTOMER_ORDER, WORK_ORDER, Instant

_ORDER = CUSTOMER_ORDER.c
_FIELDS: Final = ("system", "external_id", "customer", "site", "promised_from", "promised_before")


def order_keys(
    connection: Connection, enterprise: str, *, where: OrderFilter, cursor: str | None, limit: int
) -> OrderKeyPage:
    """A page of orders; the cursor is the number of the last order of the page before.

    Raises:
        UnknownCursorError: there is no such order.
    """
    given: dict[str, Any] = {name: value for name in _FIELDS if (value := getattr(where, name)) is not None}
    values: dict[str, Any] = {**given, "enterprise": enterprise, "wanted": limit + 1}
    if cursor is not None:
        known = select(_ORDER.promised).where(_ORDER.enterprise == enterprise, _ORDER.id == cursor)
        promised = connection.scalar(known)
        if promised is None:
            raise UnknownCursorError(f"{cursor!r:.80} is not a cursor of this list")
        values |= {"after_promised": promised, "after": cursor}
    shape = (cursor is not None, tuple(given))
    query = _QUERIES.get(shape)
    if query is None:
        query = _QUERIES[shape] = _query(given, is_first=cursor is None)
    found = [tuple(row) for row in connection.execute(query, values)]
    items = tuple(OrderKey(order=row[0], version=row[1:]) for row in found[:limit])
    return OrderKeyPage(items=items, next=items[-1].order if len(found) > limit else None)


_QUERIES: Final[dict[tuple[bool, tuple[str, ...]], Select[Any]]] = {}
"""Queries that were made before, by what they ask for: there are few kinds, and each takes a while to make."""


def _query(given: Mapping[str, Any], *, is_first: bool) -> Select[Any]:
    """Orders by promise, with what their own row says."""
    query = select(
        _ORDER.id,
        type_coerce(_ORDER.promised, BigInteger),
        _ORDER.customer,
        cast(_ORDER.details, Text),
    ).where(_ORDER.enterprise == bindparam("enterprise", type_=String), *_matching(given))
    if not is_first:
        after = (bindparam("after_promised", type_=Instant()), bindparam("after", type_=String))
        query = query.where(tuple_(_ORDER.promised, _ORDER.id) > tuple_(*after))
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
