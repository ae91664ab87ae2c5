"""The list of orders: filtered by what is stored and by what is worked out, page by page."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from genba_cloud.api.bodies import Instant
from genba_cloud.api.guard import Guard
from genba_cloud.api.order_rows import OrderRow
from genba_cloud.api.reading import Limit, Reading, Text
from genba_cloud.api.shapes import OrderPageShape
from genba_cloud.api.visible import VisibleReads
from genba_cloud.core.deviation import Level
from genba_cloud.core.viewer import Subject
from genba_cloud.store.read import OrderFilter

MOST_LOOKED_AT: Final = 2000
"""Orders that one request looks at: where few of them match, a page holds fewer than it may."""

router = APIRouter()


class OrderState(StrEnum):
    """Which orders are listed."""

    OPEN = "open"
    FINISHED = "finished"
    ALL = "all"

    def takes(self, row: OrderRow) -> bool:
        """Whether the order is one of them."""
        match self:
            case OrderState.OPEN:
                return not row.is_finished
            case OrderState.FINISHED:
                return row.is_finished
            case OrderState.ALL:
                return True


@router.get(
    "/orders",
    summary="Orders by promise, with progress, level and expected finish",
    response_model=OrderPageShape,
    dependencies=[Depends(Guard(sees=Subject.ORDERS))],
)
def list_orders(
    reads: Reading,
    cursor: Text = None,
    limit: Limit = 100,
    state: Annotated[OrderState, Query(description="open, finished or all")] = OrderState.ALL,
    level: Annotated[list[Level] | None, Query(description="of these levels; may be given several times")] = None,
    site: Text = None,
    customer: Text = None,
    system: Text = None,
    external_id: Text = None,
    promised_from: Annotated[Instant | None, Query(description="earliest promise, RFC 3339")] = None,
    promised_before: Annotated[Instant | None, Query(description="first promise that is too late")] = None,
) -> Response:
    """One page; give `next` back as `cursor` for the next one. Every filter that is given must match.

    With `state` or `level` a page may hold fewer orders than `limit`, also none, and still have a `next`.
    """
    where = OrderFilter(
        system=system,
        external_id=external_id,
        customer=customer,
        site=site,
        promised_from=promised_from,
        promised_before=promised_before,
    )
    levels = frozenset(level or Level)
    rows, following = _page(reads, where, cursor=cursor, limit=limit, state=state, levels=levels)
    body = b'{"items":[%b],"next":%b}' % (b",".join(row.body for row in rows), orjson.dumps(following))
    return Response(body, media_type="application/json")


def _page(
    reads: VisibleReads,
    where: OrderFilter,
    *,
    cursor: str | None,
    limit: int,
    state: OrderState,
    levels: frozenset[Level],
) -> tuple[list[OrderRow], str | None]:
    if state is OrderState.ALL and len(levels) == len(Level):
        return reads.order_rows(where=where, cursor=cursor, limit=limit)
    found: list[OrderRow] = []
    looked_at = 0
    while len(found) < limit and looked_at < MOST_LOOKED_AT:
        wanted = min(limit, MOST_LOOKED_AT - looked_at)
        rows, following = reads.order_rows(where=where, cursor=cursor, limit=wanted)
        looked_at += wanted
        for row in rows:
            cursor = row.order
            if state.takes(row) and row.level in levels:
                found.append(row)
                if len(found) == limit:
                    is_last = following is None and row is rows[-1]
                    return found, None if is_last else cursor
        if following is None:
            return found, None
        cursor = following
    return found, cursor
