"""The page on which a person says what was counted in a zone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from genba_cloud.core.facts.plan import Refused
from genba_cloud.core.viewer import Viewer
from genba_cloud.web.render import page
from genba_cloud.web.rows import Shown

TakeStock = Callable[[Viewer, str, int, datetime], Awaitable[Refused | None]]
"""Viewer, zone, pieces, when: writes the stock-take into the log, or says why not."""

MOST_PIECES: Final = 10_000_000
LONGEST_AGO_MIN: Final = 24 * 60


def add_stock_take(
    router: APIRouter,
    *,
    guard: Callable[..., Awaitable[Viewer]],
    require_same_origin: Callable[[Request], None],
    shown_of: Callable[[Request], Shown],
    take_stock: TakeStock,
) -> None:
    """Add the page to the router."""
    person = Depends(guard)

    def form(request: Request, zone: str, *, problem: str = "", status: int = 200) -> HTMLResponse:
        shown = shown_of(request)
        return page(
            "stocktake.html",
            shown,
            status=status,
            zone=zone,
            problem=problem,
            most=MOST_PIECES,
            longest=LONGEST_AGO_MIN,
        )

    @router.get("/stocktake/{zone}")
    def stock_take_form(request: Request, zone: str, _viewer: Viewer = person) -> HTMLResponse:
        return form(request, zone)

    @router.post("/stocktake/{zone}")
    async def enter(
        request: Request,
        zone: str,
        count: Annotated[int, Form(ge=0, le=MOST_PIECES)],
        ago_min: Annotated[int, Form(ge=0, le=LONGEST_AGO_MIN)] = 0,
        viewer: Viewer = person,
    ) -> Response:
        require_same_origin(request)
        shown = shown_of(request)
        refused = await take_stock(viewer, zone, count, shown.now - timedelta(minutes=ago_min))
        if refused is not None:
            problem = shown.say("stock.not_allowed" if refused.conflict else "stock.unknown", zone=zone)
            return form(request, zone, problem=problem, status=409 if refused.conflict else 422)
        return RedirectResponse(f"/board?lang={shown.language}", status_code=303)
