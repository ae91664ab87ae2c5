"""A person counted what is in a zone: checked here, written into the log, and told to the zone's gateway."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from genba_cloud.api.bodies import StockTakeBody
from genba_cloud.api.guard import Guard
from genba_cloud.api.idempotency import Idempotent
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes import StockTakenShape
from genba_cloud.api.visible import Desk
from genba_cloud.api.writing import IdempotencyKey
from genba_cloud.core.facts.plan import Refused
from genba_cloud.core.stock_take import Keeper, check_stock_take
from genba_cloud.core.viewer import Act, Viewer
from genba_cloud.ledger import Ledger
from genba_cloud.store.read import Reads
from genba_shared.clock import format_time, to_milliseconds
from genba_shared.events import Source, SourceType, StockCounted

router = APIRouter()


@router.post("/zones/{zone}/stocktake", summary="Say what was counted in a zone", response_model=StockTakenShape)
async def post_stock_take(
    request: Request,
    zone: str,
    body: StockTakeBody,
    viewer: Annotated[Viewer, Depends(Guard(does=Act.TAKE_STOCK))],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """The zone's gateway goes on from this count, with what came in and went out since `at` (now where left out)."""
    once = Idempotent.of(request, viewer, idempotency_key, body, about=f"stocktake {zone}")
    kept = await once.kept()
    if kept is not None:
        return kept
    desk: Desk = request.app.state.desk
    taken = await take_stock(request.app.state.ledger, desk, viewer, zone=zone, count=body.count, at=body.at)
    if isinstance(taken, Refused):
        raise ApiProblem.of(taken)
    answer: StockTakenShape = {"zone": zone, "count": taken.count, "at": format_time(taken.at), "event": taken.id}
    return await once.answered(answer)


async def take_stock(
    ledger: Ledger, desk: Desk, viewer: Viewer, *, zone: str, count: int, at: datetime | None
) -> StockCounted | Refused:
    """Write the stock-take into the log, unless the zone or its time speak against it."""
    now = to_milliseconds(desk.now())
    refused = check_stock_take(zone, at or now, now=now, keepers=await asyncio.to_thread(_keepers, desk.reads))
    if refused is not None:
        return refused
    kind = SourceType.PERSON if viewer.is_person else SourceType.API
    event = StockCounted(
        id=ledger.new_id(),
        at=at or now,
        entered_at=now,
        source=Source(type=kind, ref=viewer.who),
        zone=zone,
        count=count,
    )
    await ledger.append_events([event])
    return event


def _keepers(reads: Reads) -> dict[str, Keeper]:
    return {one.gateway: Keeper(zones=one.zones, stocktakes=one.stocktakes) for one in reads.gateways()}
