"""The list of orders: filtered by what is stored and by what is worked out, page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from genba_cloud.api.body_forms import Instant
from genba_cloud.api.guard import Guard
from genba_cloud.api.order_rows import OrderRow, RowPage
from genba_cloud.api.paging import LARGEST_PAGE
from genba_cloud.api.queries import described, read_query
from genba_cloud.api.shapes import OrderPageShape
from genba_cloud.api.visible import VisibleReads
from genba_cloud.core.deviation import Level
from genba_cloud.core.viewer import Subject
from genba_cloud.store.read import OrderFilter

MOST_LOOKED_AT: Final = 2000
"""Orders that one request looks at: where few of them match, a page holds fewer than it may."""

Text = Annotated[str, StringConstraints(max_length=200)] | None

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


class OrderQuery(BaseModel):
    """What is asked of the list."""

    model_config = ConfigDict(extra="ignore")

    cursor: Text = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE, description="how many at most")] = 100
    state: Annotated[OrderState, Field(description="open, finished or all")] = OrderState.ALL
    level: Annotated[
        list[Level],
        Field(default_factory=list, max_length=10, description="of these levels; may be given several times"),
    ]
    site: Text = None
    customer: Text = None
    system: Text = None
    external_id: Text = None
    promised_from: Annotated[Instant | None, Field(description="earliest promise, RFC 3339")] = None
    promised_before: Annotated[Instant | None, Field(description="first promise that is too late")] = None


@router.get(
    "/orders",
    summary="Orders by promise, with progress, level and expected finish",
    response_model=OrderPageShape,
    dependencies=[Depends(Guard(sees=Subject.ORDERS))],
    openapi_extra={"parameters": described(OrderQuery)},
)
async def list_orders(request: Request) -> Response:
    """One page; give `next` back as `cursor` for the next one. Every filter that is given must match.

    With `state` or `level` a page may hold fewer orders than `limit`, also none, and still have a `next`.
    """
    asked = read_query(request, OrderQuery)
    reads = VisibleReads(request.app.state.desk, request.state.viewer)
    found = _page(asked, reads.remembered_rows) or await asyncio.to_thread(_page, asked, reads.order_rows)
    rows, following = found or ([], None)
    parts = [row.body for row in rows]
    body = b"".join((b'{"items":[', b",".join(parts), b'],"next":', orjson.dumps(following), b"}"))
    return Response(body, media_type="application/json")


def _page(asked: OrderQuery, look: Callable[[OrderFilter, str | None, int], RowPage | None]) -> RowPage | None:
    """The page that was asked for; None where `look` does not find all that it takes."""
    where = OrderFilter(
        system=asked.system,
        external_id=asked.external_id,
        customer=asked.customer,
        site=asked.site,
        promised_from=asked.promised_from,
        promised_before=asked.promised_before,
    )
    cursor, limit = asked.cursor, asked.limit
    if asked.state is OrderState.ALL and not asked.level:
        return look(where, cursor, limit)
    levels = frozenset(asked.level or Level)
    found: list[OrderRow] = []
    looked_at = 0
    while len(found) < limit and looked_at < MOST_LOOKED_AT:
        wanted = min(limit - len(found), MOST_LOOKED_AT - looked_at)
        page = look(where, cursor, wanted)
        if page is None:
            return None
        rows, cursor = page
        looked_at += wanted
        found += [row for row in rows if asked.state.takes(row) and row.level in levels]
        if cursor is None:
            break
    return found, cursor
