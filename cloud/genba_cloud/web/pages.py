"""Routes of the pages. Who may open them is decided by the guards that the app hands over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from genba_cloud.api.problems import is_label
from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.deviation import Level
from genba_cloud.core.facts.views import ZoneFacts
from genba_cloud.core.viewer import Viewer
from genba_cloud.store.accounts_authority import (
    ADMIN,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    Authority,
    PasswordProblem,
    TooMany,
)
from genba_cloud.store.read import GatewayRecord
from genba_cloud.web.render import board_words, page, shown_to
from genba_cloud.web.rows import Row, Shown, gateways_of, row_of, rows_of, zones_of
from genba_cloud.web.stock_take import TakeStock, add_stock_take

BOARD_LINK_S = 400 * 24 * 3600


class BoardSource(Protocol):
    """What the board reads, already cut down to what its viewer may see."""

    def order(self, number: str) -> AssessedOrder | None:
        """The order by its number."""

    def board_orders(self) -> tuple[list[AssessedOrder], list[AssessedOrder]]:
        """Open orders, and those finished last."""

    def wip(self) -> tuple[ZoneFacts, ...]:
        """Every zone."""

    def gateways(self) -> tuple[GatewayRecord, ...]:
        """Every gateway."""

    def open_questions(self) -> int | None:
        """How many questions wait for an answer; None where the viewer may not know."""

    def last_position(self) -> int:
        """Position of the newest event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageParts:
    """What the pages are built from. `zone` None: times are shown in the zone of the machine."""

    board_guard: Callable[..., Awaitable[Viewer]]
    person_guard: Callable[..., Awaitable[Viewer]]
    stock_guard: Callable[..., Awaitable[Viewer]]
    require_same_origin: Callable[[Request], None]
    source_of: Callable[[Viewer], BoardSource]
    authority: Authority
    now: Callable[[], datetime]
    take_stock: TakeStock
    session_cookie: str
    board_cookie: str
    secure_cookies: bool
    zone: tzinfo | None = None

    def shown(self, request: Request) -> Shown:
        """How to say things to the sender of a request."""
        return shown_to(request, now=self.now(), zone=self.zone)

    def with_cookie(self, answer: Response, name: str, value: str, *, max_age_s: int | None = None) -> Response:
        """Set a cookie that no script can read and no other site can use for a change."""
        answer.set_cookie(
            name, value, max_age=max_age_s, httponly=True, samesite="lax", secure=self.secure_cookies, path="/"
        )
        return answer


def create_pages(parts: PageParts) -> APIRouter:
    """All pages."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    _add_board(router, parts)
    _add_fragments(router, parts)
    _add_login(router, parts)
    _add_password(router, parts)
    add_stock_take(
        router,
        guard=parts.stock_guard,
        require_same_origin=parts.require_same_origin,
        shown_of=parts.shown,
        take_stock=parts.take_stock,
    )
    return router


def _add_board(router: APIRouter, parts: PageParts) -> None:
    board_viewer = Depends(parts.board_guard)

    async def gathering(request: Request, viewer: Viewer = board_viewer) -> None:
        await request.app.state.live.expect(viewer)  # else what happens before the stream opens costs a second drawing

    @router.get("/")
    def home(request: Request) -> Response:
        return RedirectResponse(f"/board{_language_query(request)}", status_code=303)

    @router.get("/board/link/{token}")
    def open_board_link(request: Request, token: str) -> Response:
        """A signed link: the token moves into a cookie, so that it stays out of histories and referrers."""
        answer = RedirectResponse(f"/board{_language_query(request)}", status_code=303)
        if parts.authority.of_board_token(token) is None:
            return answer
        return parts.with_cookie(answer, parts.board_cookie, token, max_age_s=BOARD_LINK_S)

    @router.get("/board", dependencies=[Depends(gathering)])
    def board(request: Request, viewer: Viewer = board_viewer) -> HTMLResponse:
        shown, source = parts.shown(request), parts.source_of(viewer)
        position = source.last_position()
        opened, finished = source.board_orders()
        rows = rows_of(opened, shown)
        wall = datetime.now(UTC)
        return page(
            "board.html",
            shown,
            rows=rows,
            done=[row_of(order, shown) for order in finished],
            counts=_counts(rows),
            zones=zones_of(source.wip(), shown, may_count=_may_count(source, viewer)),
            gateways=gateways_of(source.gateways(), shown, wall=wall),
            questions=source.open_questions(),
            position=position,
            wall_ms=int(wall.timestamp() * 1000),
            person=viewer.is_person,
            base=str(request.base_url).rstrip("/"),
            **board_words(shown),
        )


def _add_fragments(router: APIRouter, parts: PageParts) -> None:
    """Parts of the board that its script asks for when they changed."""
    board_viewer = Depends(parts.board_guard)

    @router.get("/board/rows/{order:path}")
    def board_row(request: Request, order: str, viewer: Viewer = board_viewer) -> HTMLResponse:
        shown, found = parts.shown(request), parts.source_of(viewer).order(order)
        if found is None:
            return HTMLResponse("", status_code=404)
        return page("row.html", shown, row=row_of(found, shown))

    @router.get("/board/wip")
    def board_wip(request: Request, viewer: Viewer = board_viewer) -> HTMLResponse:
        shown, source = parts.shown(request), parts.source_of(viewer)
        return page("strip.html", shown, zones=zones_of(source.wip(), shown, may_count=_may_count(source, viewer)))

    @router.get("/board/gateways")
    def board_gateways(request: Request, viewer: Viewer = board_viewer) -> HTMLResponse:
        shown, records = parts.shown(request), parts.source_of(viewer).gateways()
        return page("gateways.html", shown, gateways=gateways_of(records, shown, wall=datetime.now(UTC)))


def _add_login(router: APIRouter, parts: PageParts) -> None:
    person = Depends(parts.person_guard)

    @router.get("/login")
    def login_form(request: Request) -> HTMLResponse:
        return page("login.html", parts.shown(request), problem="", name=_name_first(request), back=_back(request))

    @router.post("/login")
    def login(
        request: Request,
        name: Annotated[str, Form(max_length=64)],
        password: Annotated[str, Form(max_length=1000)],
    ) -> Response:
        parts.require_same_origin(request)
        shown = parts.shown(request)
        client = request.client.host if request.client else "unknown"
        match parts.authority.sign_in(name.strip(), password, client=client):
            case None:
                return page(
                    "login.html", shown, status=401, problem=shown.say("login.wrong"), name=name, back=_back(request)
                )
            case TooMany(retry_s=retry_s):
                problem = shown.say("login.wait", count=retry_s)
                answer = page("login.html", shown, status=429, problem=problem, name=name, back=_back(request))
                answer.headers["Retry-After"] = str(retry_s)
                return answer
            case token:
                target = RedirectResponse(f"{_after_sign_in(request)}{_language_query(request)}", status_code=303)
                return parts.with_cookie(target, parts.session_cookie, token)

    @router.post("/logout")
    def logout(request: Request, _viewer: Viewer = person) -> Response:
        parts.authority.accounts.close_session(request.cookies.get(parts.session_cookie, ""))
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(parts.session_cookie, path="/")
        return answer


def _add_password(router: APIRouter, parts: PageParts) -> None:
    person = Depends(parts.person_guard)

    def form(request: Request, viewer: Viewer, *, status: int = 200, problem: str = "") -> HTMLResponse:
        return page(
            "password.html",
            parts.shown(request),
            status=status,
            problem=problem,
            name=viewer.who,
            must_choose=viewer.must_choose_password,
            shortest=SHORTEST_PASSWORD,
            longest=LONGEST_PASSWORD,
            back=_back(request),
        )

    @router.get("/password")
    def password_form(request: Request, viewer: Viewer = person) -> HTMLResponse:
        return form(request, viewer)

    @router.post("/password")
    def choose(
        request: Request,
        old: Annotated[str, Form(max_length=1000)],
        new: Annotated[str, Form(max_length=1000)],
        again: Annotated[str, Form(max_length=1000)],
        viewer: Viewer = person,
    ) -> Response:
        shown = parts.shown(request)
        match parts.authority.choose_password(viewer.who, old, new, again):
            case None:
                return form(request, viewer, status=422, problem=shown.say("password.wrong"))
            case PasswordProblem() as problem:
                return form(request, viewer, status=422, problem=_problem_words(problem, shown))
            case token:
                target = RedirectResponse(f"{_after_sign_in(request)}{_language_query(request)}", status_code=303)
                return parts.with_cookie(target, parts.session_cookie, token)


def _after_sign_in(request: Request) -> str:
    """The label that was scanned before signing in, else the board; never an address that somebody else put there."""
    wanted = request.query_params.get("next", "")
    return wanted if is_label(wanted) else "/board"


def _back(request: Request) -> str:
    """The same, for the address of a form."""
    after = _after_sign_in(request)
    return f"&next={after}" if after != "/board" else ""


def _name_first(request: Request) -> str:
    """What the field of the name holds first: the administrator's, where nobody scanned a label."""
    return "" if _back(request) else ADMIN


def _problem_words(problem: PasswordProblem, shown: Shown) -> str:
    match problem:
        case PasswordProblem.TOO_SHORT:
            return shown.say("password.too_short", count=SHORTEST_PASSWORD)
        case PasswordProblem.TOO_LONG:
            return shown.say("password.too_long", count=LONGEST_PASSWORD)
        case PasswordProblem.SAME:
            return shown.say("password.same")
        case PasswordProblem.NOT_REPEATED:
            return shown.say("password.not_repeated")


def _may_count(source: BoardSource, viewer: Viewer) -> set[str]:
    """Zones whose stock the viewer may take: of signed-in persons only, where the gateway's map allows it."""
    if not viewer.is_person:
        return set()
    return {zone for gateway in source.gateways() for zone in gateway.stocktakes}


def _counts(rows: list[Row]) -> dict[str, int]:
    counted = {str(level): sum(row.level == level for row in rows) for level in Level}
    return {**counted, "open": len(rows)}


def _language_query(request: Request) -> str:
    language = request.query_params.get("lang", "")
    return f"?lang={language}" if language.isalpha() and len(language) <= 8 else ""
