"""The pages after a scan: what it is, one large button for what comes next, and taking it back. They need no script."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from genba_cloud.api.floor_doing import FloorDesk
from genba_cloud.api.floor_reads import ScanSeen
from genba_cloud.api.problems import ApiProblem
from genba_cloud.core.actions import Category, NodeAction, ProblemWish, Why, causes_of
from genba_cloud.core.gs1 import code_of_link
from genba_cloud.core.scan_codes import Mistyped, read_code, shown_code
from genba_cloud.core.viewer import Viewer
from genba_cloud.ledger.actions import ActionDone, Once, Outcome
from genba_cloud.web.render import page
from genba_cloud.web.rows import Shown
from genba_cloud.web.scan_cards import UNDO_REASONS, Choice, card_of, entry_of, focus_of, label_of
from genba_cloud.web.scan_forms import DeedForm, code_of, deed_form
from genba_shared.clock import parse_time
from genba_shared.errors import GenbaError

Named = Annotated[str, Query(max_length=100)]
Undo = Annotated[str, Query(max_length=4500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanParts:
    """What the pages are built from."""

    guard: Callable[..., Awaitable[Viewer]]
    desk_of: Callable[[Viewer], FloorDesk]
    shown: Callable[[Request], Shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What the page says about what was just done, or was not."""

    text: str = ""
    problem: str = ""
    undo: str = ""
    asks_why: bool = False
    status: int = 200
    pieces: int | None = None
    reason: str = ""
    """What was typed and not taken: it stays in its fields."""


def create_scan_pages(parts: ScanParts) -> APIRouter:
    """All of them."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    _add_finding(router, parts)
    _add_scan(router, parts)
    _add_undo(router, parts)
    _add_problem(router, parts)
    return router


def _add_finding(router: APIRouter, parts: ScanParts) -> None:
    person = Depends(parts.guard)

    @router.get("/q")
    def find(request: Request, code: Named = "", _viewer: Viewer = person) -> Response:
        """A page to type a code into: where no camera is at hand, or a scanner writes into the field."""
        shown = parts.shown(request)
        if not code:
            return page("scan_code.html", shown, problem="", typed="")
        read = read_code(code)
        if isinstance(read, Mistyped):
            return page("scan_code.html", shown, status=422, problem=shown.say("scan.mistyped"), typed=code)
        return RedirectResponse(f"/q/{read}?lang={shown.language}", status_code=303)

    @router.get("/253/{value}")
    def digital_link(value: str) -> Response:
        """A label with a GS1 Digital Link: its code is what numbers the document."""
        read = read_code(code_of_link(value))
        return RedirectResponse("/q" if isinstance(read, Mistyped) else f"/q/{read}", status_code=303)


def _add_scan(router: APIRouter, parts: ScanParts) -> None:
    person = Depends(parts.guard)

    @router.get("/q/{code}")
    def scan(
        request: Request,
        code: str,
        viewer: Viewer = person,
        work_order: Named = "",
        node: Named = "",
        did: Named = "",
        at: Named = "",
        undo: Undo = "",
    ) -> HTMLResponse:
        shown, desk = parts.shown(request), parts.desk_of(viewer)
        return _page(shown, desk, code, (work_order, node), lambda seen: _said(seen, shown, did, at, undo))

    @router.post("/q/{code}")
    async def do(
        request: Request, code: str, form: Annotated[DeedForm, Depends(deed_form)], viewer: Viewer = person
    ) -> Response:
        shown, desk = parts.shown(request), parts.desk_of(viewer)
        named = (form.work_order or "", form.node or "")
        once = _once(viewer, form.key, repr(form))
        try:
            done = await desk.scan(code, form.action, form.wish, work_order=form.work_order, node=form.node, once=once)
        except ApiProblem as problem:
            refused = _Said(
                problem=_words(problem, shown),
                status=problem.status,
                pieces=form.wish.pieces,
                reason=form.wish.reason or "",
            )
            return await run_in_threadpool(_page, shown, desk, code, named, lambda _seen: refused)
        return _back(shown, code, named, did=_did(done, form.action), done=done)


def _add_undo(router: APIRouter, parts: ScanParts) -> None:
    person = Depends(parts.guard)

    @router.post("/q/{code}/undo")
    async def take_back(
        request: Request,
        code: str,
        undo: Annotated[str, Form(max_length=4500)],
        viewer: Viewer = person,
        reason: Annotated[str, Form(max_length=40)] = "",
        work_order: Annotated[str, Form(max_length=100)] = "",
        node: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        shown, desk = parts.shown(request), parts.desk_of(viewer)
        try:
            order = (await run_in_threadpool(desk.floor.code, code)).order
            done = await desk.undo(undo, code_of(reason), order=order)
        except ApiProblem as problem:
            asks = problem.more.get("why") == Why.REASON_MISSING
            said = _Said(
                problem="" if asks else _words(problem, shown),
                undo=undo if asks else "",
                asks_why=asks,
                status=200 if asks else problem.status,
            )
            return await run_in_threadpool(_page, shown, desk, code, (work_order, node), lambda _seen: said)
        return _back(shown, code, (work_order, node), did="undone", done=done)


def _add_problem(router: APIRouter, parts: ScanParts) -> None:
    person = Depends(parts.guard)

    @router.get("/q/{code}/problem")
    def ask(
        request: Request, code: str, viewer: Viewer = person, work_order: Named = "", node: Named = ""
    ) -> HTMLResponse:
        return _problem_page(parts.shown(request), parts.desk_of(viewer), code, (work_order, node))

    @router.post("/q/{code}/problem")
    async def report(
        request: Request,
        code: str,
        category: Annotated[str, Form(max_length=40)],
        viewer: Viewer = person,
        key: Annotated[str, Form(max_length=64)] = "",
        work_order: Annotated[str, Form(max_length=100)] = "",
        node: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        shown, desk, named = parts.shown(request), parts.desk_of(viewer), (work_order, node)
        try:
            found = await run_in_threadpool(desk.floor.code, code)
            wish = ProblemWish(
                category=category,
                order=found.order,
                work_order=found.work_order or work_order or None,
                node=found.node or node or None,
            )
            done = await desk.problem(wish, once=_once(viewer, key, f"{code} {category} {named}"))
        except ApiProblem as problem:
            return await run_in_threadpool(_problem_page, shown, desk, code, named, _words(problem, shown))
        return page(
            "scan_cause.html",
            shown,
            code=code,
            named=named,
            problem=done.events[0].id,
            undo=done.undo,
            refused="",
            category=category,
            category_word=shown.say(f"problem.{category}"),
            causes=_causes(category, shown),
        )

    @router.post("/q/{code}/problem/{problem}")
    async def explain(
        request: Request,
        code: str,
        problem: str,
        cause: Annotated[str, Form(max_length=40)],
        category: Annotated[str, Form(max_length=40)],
        viewer: Viewer = person,
        note: Annotated[str, Form(max_length=200)] = "",
        work_order: Annotated[str, Form(max_length=100)] = "",
        node: Annotated[str, Form(max_length=100)] = "",
    ) -> Response:
        shown, desk, named = parts.shown(request), parts.desk_of(viewer), (work_order, node)
        try:
            done = await desk.answer_problem(problem, cause, note.strip() or None)
        except ApiProblem as refused:
            return page(
                "scan_cause.html",
                shown,
                status=refused.status,
                code=code,
                named=named,
                problem=problem,
                undo=None,
                refused=_words(refused, shown),
                category=category,
                category_word=shown.say(f"problem.{Category(category) if category in set(Category) else 'other'}"),
                causes=_causes(category, shown),
            )
        return _back(shown, code, named, did=f"cause.{cause}", done=done)


def _page(
    shown: Shown, desk: FloorDesk, code: str, named: tuple[str, str], say: Callable[[ScanSeen], _Said]
) -> HTMLResponse:
    try:
        seen = desk.floor.scanned(code, work_order=named[0] or None, node=named[1] or None)
    except ApiProblem as problem:
        return _not_found(shown, code, problem)
    said, focus = say(seen), focus_of(seen)
    order_said = seen.nodes[0].place.order_said
    is_fresh = not (said.text or said.problem or said.undo)
    return page(
        "scan.html",
        shown,
        status=said.status,
        code=seen.code.code,
        order=seen.code.order,
        customer=seen.order.plan.customer,
        order_held=order_said.held_since is not None,
        cancelled=order_said.cancelled_at is not None,
        just_done=shown.when(seen.just_done).clock if seen.just_done and focus and focus.usual and is_fresh else "",
        card=card_of(focus, desk.floor, shown) if focus else None,
        nodes=[entry_of(one, shown) for one in seen.nodes] if len(seen.nodes) > 1 else [],
        said=said,
        undo_reasons=[Choice(code=one, word=shown.say(f"reason.{one}")) for one in UNDO_REASONS],
        back=_named_query(focus.place.work.work_order, focus.place.plan.node) if focus else "",
        key=secrets.token_hex(16),
    )


def _problem_page(shown: Shown, desk: FloorDesk, code: str, named: tuple[str, str], refused: str = "") -> HTMLResponse:
    try:
        found = desk.floor.code(code)
    except ApiProblem as problem:
        return _not_found(shown, code, problem)
    return page(
        "scan_problem.html",
        shown,
        status=422 if refused else 200,
        code=found.code,
        order=found.order,
        named=named,
        refused=refused,
        categories=[Choice(code=str(one), word=shown.say(f"problem.{one}")) for one in Category],
        key=secrets.token_hex(16),
    )


def _not_found(shown: Shown, code: str, problem: ApiProblem) -> HTMLResponse:
    """A label that is none: the field to type it, with the reason above."""
    why = str(problem.more.get("why", "unknown"))
    word = why if why in {"mistyped", "unknown", "revoked"} else "unknown"
    return page(
        "scan_code.html", shown, status=problem.status, problem=shown.say(f"scan.{word}"), typed=shown_code(code[:40])
    )


def _said(seen: ScanSeen, shown: Shown, did: str, at: str, undo: str) -> _Said:
    """What was done a moment ago, as the address of the page tells it."""
    node = " ".join(label_of(one, shown) for one in seen.nodes[:1]) if len(seen.nodes) == 1 else seen.code.order
    if did in set(NodeAction):
        return _Said(text=shown.say("scan.did", action=shown.say(f"action.{did}"), node=node), undo=undo)
    if did == "undone":
        return _Said(text=shown.say("scan.undone"))
    if did == "already":
        try:
            return _Said(text=shown.say("scan.already", time=shown.when(parse_time(at)).text))
        except (GenbaError, ValueError):
            return _Said()
    group, _, cause = did.partition(".")
    if group == "cause" and any(cause in causes_of(one) for one in Category):
        return _Said(text=shown.say("problem.explained", cause=shown.say(f"cause.{cause}")))
    return _Said()


def _did(done: ActionDone, action: NodeAction | None) -> str:
    if done.outcome is Outcome.ALREADY:
        return "already"
    return str(action or _ACTION_OF_KIND.get(done.events[-1].kind, NodeAction.START))


_ACTION_OF_KIND = {
    "node_started": NodeAction.START,
    "progress_reported": NodeAction.REPORT,
    "node_completed": NodeAction.COMPLETE,
    "node_confirmed": NodeAction.CONFIRM,
    "node_resumed": NodeAction.RESUME,
}


def _back(shown: Shown, code: str, named: tuple[str, str], *, did: str, done: ActionDone) -> Response:
    """To the page of the label, which says what was done: a reload does nothing again."""
    node = next(((event.work_order, event.node) for event in reversed(done.events) if event.node), None)
    work_order, code_of_node = node or named
    values: dict[str, Any] = {"lang": shown.language, "did": did, "at": done.at.isoformat().replace("+00:00", "Z")}
    if work_order and code_of_node:
        values |= {"work_order": work_order, "node": code_of_node}
    if done.undo and did != "undone":
        values["undo"] = done.undo
    return RedirectResponse(f"/q/{code}?{urlencode(values)}", status_code=303)


def _words(problem: ApiProblem, shown: Shown) -> str:
    """Why it was not entered, in the reader's language."""
    why = str(problem.more.get("why", ""))
    reason = shown.say(f"refused.{why}") if why in set(Why) else problem.detail
    return shown.say("scan.refused", reason=reason)


def _named_query(work_order: str, node: str) -> str:
    """The node in the address of a page, for links to the same page."""
    return f"&{urlencode({'work_order': work_order, 'node': node})}"


def _causes(category: str, shown: Shown) -> list[Choice]:
    return [Choice(code=code, word=shown.say(f"cause.{code}")) for code in causes_of(category)]


def _once(viewer: Viewer, key: str, what: str) -> Once | None:
    if not key:
        return None
    hashed = hashlib.sha256(f"{viewer.who}\npage {key}".encode()).hexdigest()
    return Once(key=hashed, request=hashlib.sha256(what.encode()).hexdigest())
