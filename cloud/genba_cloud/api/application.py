"""The web application: routes, errors, limits. It is given everything it uses and opens nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from genba_cloud.api import (
    actions,
    admin,
    alerts,
    changes,
    enrolment,
    forecasts,
    health,
    importing,
    job_orders,
    master,
    order_list,
    proofs,
    quarantine,
    reading,
    reports,
    scan,
    station_state,
    stock_taking,
    users,
    webhooks,
    writing,
)
from genba_cloud.api.description import PREFIX, describe
from genba_cloud.api.enrolment import Enrolling
from genba_cloud.api.guard import Guard
from genba_cloud.api.health import Metrics
from genba_cloud.api.live import Live
from genba_cloud.api.middleware import LARGEST_BODY, RequestRules
from genba_cloud.api.problems import add_problem_answers
from genba_cloud.api.proofs import MakeHead
from genba_cloud.api.visible import Desk
from genba_cloud.core.webhooks import Targets
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.quarantine import Reread
from genba_cloud.store.accounts_authority import Authority
from genba_shared.version import VERSION

_ABOUT: Final = """\
Production progress of made-to-order factories.

Send `Authorization: Bearer genba_…` (make a key with `genba cloud key create NAME --scopes read,orders:write`).
Errors are `application/problem+json`. Lists that grow are read in pages: give `next` back as `cursor` or `after`.
Times are RFC 3339 in UTC; deviations are working seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the API is built from.

    `ready_checks` by name: what must answer before the collector is ready. `reread` reads what is in quarantine again.
    """

    desk: Desk
    ledger: Ledger
    authority: Authority
    live: Live
    reread: Reread
    make_head: MakeHead
    metrics: Metrics = field(default_factory=Metrics)
    ready_checks: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    tls: bool = False
    enrolling: Enrolling | None = None
    largest_body: int = LARGEST_BODY
    webhook_targets: Targets = Targets.PUBLIC


def create_app(parts: ApiParts, *, pages: Iterable[APIRouter] = (), static: Path | None = None) -> FastAPI:
    """The API, with pages beside it where they are given."""
    app = FastAPI(
        title="genba",
        version=VERSION,
        description=_ABOUT,
        openapi_url=None,  # served below, behind the guard; no page of ours loads a viewer from elsewhere
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk = parts.desk
    app.state.ledger = parts.ledger
    app.state.authority = parts.authority
    app.state.live = parts.live
    app.state.reread = parts.reread
    app.state.make_head = parts.make_head
    app.state.metrics = parts.metrics
    app.state.enrolling = parts.enrolling
    app.state.webhook_targets = parts.webhook_targets
    app.state.ready_checks = dict(parts.ready_checks)
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=4)  # it leaves event streams alone
    app.add_middleware(RequestRules, metrics=parts.metrics, tls=parts.tls, largest_body=parts.largest_body)
    add_problem_answers(app)
    app.include_router(health.router, tags=["health"])
    for name, router in (
        ("read", order_list.router),  # looked through in this order: what is asked most comes first
        ("read", station_state.router),
        ("looking ahead", forecasts.router),
        ("read", reading.router),
        ("read", changes.router),
        ("alerts", alerts.router),
        ("review", reports.router),
        ("write", writing.router),
        ("write", job_orders.router),
        ("write", stock_taking.router),
        ("floor", scan.router),
        ("floor", actions.router),
        ("administration", admin.router),
        ("administration", users.router),
        ("administration", quarantine.router),
        ("gateways", enrolment.router),
        ("administration", proofs.router),
        ("webhooks", webhooks.router),
        ("master data", importing.router),
        ("master data", master.router),  # behind the routes of stations that say what they do
    ):
        app.include_router(router, prefix=PREFIX, tags=[name])
    app.include_router(_description(), prefix=PREFIX)
    for router in pages:
        app.include_router(router)
    if static is not None:
        app.mount("/static", StaticFiles(directory=static), name="static")
    return app


def _description() -> APIRouter:
    router = APIRouter()

    @router.get("/openapi.json", include_in_schema=False, dependencies=[Depends(Guard())])
    def openapi(request: Request) -> Response:
        """The OpenAPI document of this version."""
        return JSONResponse(describe(request.app))

    return router
