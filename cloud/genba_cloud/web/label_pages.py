"""The sheet of an order's labels, to be printed: a QR code for the order and one for each of its nodes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from genba_cloud.api.floor_reads import VisibleFloor
from genba_cloud.api.problems import ApiProblem
from genba_cloud.core.facts import OrderPlan
from genba_cloud.core.gs1 import digital_link
from genba_cloud.core.scan_codes import shown_code
from genba_cloud.core.viewer import Viewer
from genba_cloud.ledger.codes import CodesMade, targets_of
from genba_cloud.store.floor import ScanCode
from genba_cloud.web.qr import qr_svg
from genba_cloud.web.render import page
from genba_cloud.web.rows import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelParts:
    """What the sheet is built from.

    `public_url` is where phones reach this server (empty: as the browser reached it); `gs1_prefix` the company's GS1
    prefix (empty: it has none).
    """

    guard: Callable[..., Awaitable[Viewer]]
    floor_of: Callable[[Viewer], VisibleFloor]
    plan_of: Callable[[str], OrderPlan | None]
    make: Callable[[str, str], Awaitable[CodesMade | None]]
    shown: Callable[[Request], Shown]
    public_url: str = ""
    gs1_prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label on the sheet."""

    picture: Markup
    code: str
    link: str
    title: str
    work_order: str
    node: str
    amount: str
    until: str


def create_label_pages(parts: LabelParts) -> APIRouter:
    """The sheet, and the button that makes labels that are missing."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    person = Depends(parts.guard)

    @router.get("/labels/{order:path}")
    def sheet(request: Request, order: str, viewer: Viewer = person) -> HTMLResponse:
        shown, floor = parts.shown(request), parts.floor_of(viewer)
        codes, plan = floor.codes_of(order), parts.plan_of(order)
        if plan is None:
            raise ApiProblem.not_found(f"order {order!r:.100}")
        base = parts.public_url or str(request.base_url).rstrip("/")
        working = {(one.work_order, one.node): one for one in codes if one.revoked_at is None}
        wanted = targets_of(plan)
        there = [working[target] for target in wanted if target in working]
        return page(
            "labels.html",
            shown,
            order=order,
            labels=list(_labels(there, plan, shown, lambda code: base + _path(code, parts.gs1_prefix))),
            is_whole=len(there) == len(wanted),
        )

    @router.post("/labels")
    async def make(request: Request, order: Annotated[str, Form(max_length=100)], viewer: Viewer = person) -> Response:
        shown = parts.shown(request)
        if await parts.make(order, viewer.who) is None:
            raise ApiProblem.not_found(f"order {order!r:.100}")
        path = await run_in_threadpool(request.url_for, "sheet", order=order)
        return RedirectResponse(f"{path.path}?lang={shown.language}", status_code=303)

    return router


def _labels(codes: Iterable[ScanCode], plan: OrderPlan, shown: Shown, link_of: Callable[[str], str]) -> Iterable[Label]:
    works = {work.work_order: work for work in plan.work_orders}
    for code in codes:
        work = works.get(code.work_order or "")
        node = work.node(code.node or "") if work else None
        labels = node.label if node else {}
        spoken = next((labels[tag] for tag in (shown.language, "en", *labels) if tag in labels), code.node or "")
        quantity = node.quantity if node else sum(one.quantity for one in plan.work_orders)
        link = link_of(code.code)
        yield Label(
            picture=Markup(qr_svg(link)),  # noqa: S704 (drawn by us, of a link of ours)
            code=shown_code(code.code),
            link=link,
            title=spoken or shown.say("labels.whole"),
            work_order=code.work_order or "",
            node=code.node or "",
            amount=shown.say("labels.pieces", count=quantity),
            until=shown.when(node.planned_finish if node else plan.finish()).text,
        )


def _path(code: str, prefix: str) -> str:
    return digital_link(prefix, code) if prefix else f"/q/{code}"
