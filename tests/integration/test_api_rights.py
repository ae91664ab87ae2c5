"""Who may open what: every route has a guard, and each role gets the answer that a table written by hand says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from genba_cloud.api import Guard
from tests.browser.support import ROLES, Bench, bench, order_body

PUBLIC = {"/healthz", "/readyz", "/login", "/", "/board/link/{token}", "/static"} | {
    "/api/v1/enrol",
    "/api/v1/enrol/renew",
}
"""Routes without a guard. `/` only redirects; a board link carries its own token, an enrolment its code."""

# Role:      n = nobody, w = newcomer (must choose a password), a = admin, r = key that reads, o = orders:write,
#            d = dispatch:write, e = events:write, b = board link, q = answers:write.
# The word says who gets in; everybody else gets 401 (nobody) or 403.
ALLOWED = {
    "GET /healthz": "nwarodebq",
    "GET /readyz": "nwarodebq",
    "GET /metrics": "ar",
    "GET /api/v1/orders": "arb",
    "GET /api/v1/orders/{order}": "arb",
    "GET /api/v1/orders/{order}/nodes": "arb",
    "GET /api/v1/orders/{order}/events": "ar",
    "GET /api/v1/wip": "arb",
    "GET /api/v1/stations": "arb",
    "GET /api/v1/stations/{station}/queue": "arb",
    "GET /api/v1/stations/{station}/state": "arb",
    "GET /api/v1/unassigned": "ar",
    "GET /api/v1/questions": "ar",
    "GET /api/v1/questions/{question}": "ar",
    "GET /api/v1/tags": "ar",
    "GET /api/v1/alerts": "arb",
    "GET /api/v1/gateways": "arb",
    "GET /api/v1/events": "ar",
    "GET /api/v1/live": "arb",
    "GET /api/v1/kpis": "ar",
    "GET /api/v1/reports/morning": "ar",
    "GET /api/v1/reports/weekly": "ar",
    "GET /api/v1/openapi.json": "arodebq",
    "POST /api/v1/orders": "ao",
    "POST /api/v1/stations/{station}/queue": "ad",
    "POST /api/v1/stations/{station}/dispatch": "ad",
    "POST /api/v1/tags": "ad",
    "POST /api/v1/questions/{question}/answer": "aq",
    "POST /api/v1/questions/assign": "aq",
    "POST /api/v1/events": "ae",
    "POST /api/v1/zones/{zone}/stocktake": "ae",
    "GET /api/v1/keys": "a",
    "POST /api/v1/keys": "a",
    "DELETE /api/v1/keys/{key_id}": "a",
    "GET /api/v1/gateways/registered": "a",
    "POST /api/v1/gateways": "a",
    "POST /api/v1/gateways/{gateway}/renew": "a",
    "DELETE /api/v1/gateways/{gateway}": "a",
    "POST /api/v1/enrol": "nwarodebq",
    "POST /api/v1/enrol/renew": "nwarodebq",
    "GET /api/v1/board-link": "a",
    "POST /api/v1/board-link/renew": "a",
    "POST /api/v1/users/admin/reset": "a",
    "GET /api/v1/quarantine": "a",
    "GET /api/v1/quarantine/{number}": "a",
    "POST /api/v1/quarantine/{number}/retry": "a",
    "DELETE /api/v1/quarantine/{number}": "a",
    "POST /api/v1/heads": "a",
    "POST /api/v1/subjects/erase": "a",
    "GET /": "nwarodebq",
    "GET /board/link/{token}": "nwarodebq",
    "GET /board": "arb",
    "GET /board/rows/{order}": "arb",
    "GET /board/wip": "arb",
    "GET /board/gateways": "arb",
    "GET /stations": "arb",
    "GET /orders": "arb",
    "GET /orders/{order}": "arb",
    "GET /reports/morning": "ar",
    "GET /reports/weekly": "ar",
    "GET /kpis": "ar",
    "GET /questions": "ar",
    "POST /questions/{question}": "a",
    "POST /questions": "a",
    "GET /login": "nwarodebq",
    "POST /login": "nwarodebq",
    "GET /password": "wa",
    "POST /password": "wa",
    "POST /logout": "wa",
    "GET /stocktake/{zone}": "a",
    "POST /stocktake/{zone}": "a",
}
LETTERS = dict(zip("nwarodebq", ROLES, strict=True))
BODIES: dict[str, Any] = {
    "POST /api/v1/orders": order_body("A-2"),
    "POST /api/v1/stations/{station}/queue": {"rows": [{"work_order": "WO-1001", "node": "CUT", "quantity": 1}]},
    "POST /api/v1/stations/{station}/dispatch": {"work_order": "WO-1001", "node": "CUT"},
    "POST /api/v1/tags": {"bind": []},
    "POST /api/v1/questions/{question}/answer": {"pieces": 1},
    "POST /api/v1/questions/assign": {"questions": ["none"], "work_order": "WO-1001", "node": "CUT"},
    "POST /api/v1/events": {"events": [{}]},
    "POST /api/v1/keys": {"name": "x", "scopes": ["read"]},
    "POST /api/v1/zones/{zone}/stocktake": {"count": 1},
}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        await running.post_order()
        yield running


def routes(desk: Bench) -> list[RouteContext]:
    found = list(iter_route_contexts(desk.collector.app.routes))
    assert len(found) > 30
    return found


async def test_every_route_has_a_guard(desk: Bench) -> None:
    bare = {route.path for route in routes(desk) if not _has_guard(getattr(route, "dependant", None))}
    assert bare == PUBLIC


async def test_every_route_stands_in_the_table(desk: Bench) -> None:
    known = {
        f"{method} {str(route.path).replace(':path', '')}" for route in routes(desk) for method in route.methods or ()
    }
    assert known == set(ALLOWED)


@pytest.mark.parametrize("operation", [key for key in ALLOWED if key != "GET /api/v1/live"])
async def test_each_role_gets_the_answer_of_the_table(desk: Bench, operation: str) -> None:
    """A role that is let in may still be told 404 or 422 about what it asks for."""
    method, path = operation.split(" ")
    names = dict.fromkeys(("gateway", "key_id", "token", "question"), "none")
    path = path.format(order="A-1001", station="CUT-1", zone="sewing", number=1, **names)
    got = set()
    for letter, role in sorted(LETTERS.items(), key=lambda item: item[1] == "admin"):  # the admin may end the others
        if operation == "POST /login":
            desk[role].cookies.clear()
        answer = await desk[role].request(method, path, json=BODIES.get(operation))
        if answer.status_code not in {401, 403} or operation == "POST /login":
            got.add(letter)
            assert answer.status_code < 500
        else:
            assert answer.status_code == (401 if role == "nobody" else 403), role
    assert got == set(ALLOWED[operation])


async def test_the_live_stream_is_refused_before_it_begins(desk: Bench) -> None:
    for letter, role in LETTERS.items():
        if letter not in ALLOWED["GET /api/v1/live"]:
            answer = await desk[role].get("/api/v1/live")
            assert answer.status_code in {401, 403}, role


async def test_the_board_never_learns_a_customer(desk: Bench) -> None:
    for path in ("/api/v1/orders", "/api/v1/orders/A-1001", "/board", "/board/rows/A-1001", "/api/v1/alerts"):
        hidden, shown = await desk["board"].get(path), await desk["admin"].get(path)
        assert hidden.status_code == shown.status_code == 200
        assert "Blue Shirt" not in hidden.text, path
        assert "Blue Shirt" in shown.text or path == "/api/v1/alerts", path


async def test_a_change_from_another_site_is_refused(desk: Bench) -> None:
    for headers in ({"Origin": "http://evil.test"}, {"Origin": "null"}, {"Origin": ""}):
        answer = await desk["admin"].post("/api/v1/orders", json=order_body("A-2"), headers=headers)
        assert answer.status_code == 403, headers
    form = {"name": "admin", "password": "x"}
    assert (await desk["nobody"].post("/login", data=form, headers={"Origin": "http://evil.test"})).status_code == 403
    assert (await desk["reader"].get("/api/v1/orders/A-2")).status_code == 404


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer genba_x_y", "Bearer x", "Basic YTpi", "genba_x_y", "Bearer " + "x" * 9000]
)
async def test_a_wrong_key_opens_nothing_even_beside_a_session(desk: Bench, header: str) -> None:
    answer = await desk["admin"].get("/api/v1/orders", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_a_revoked_key_is_refused_at_its_next_request(desk: Bench) -> None:
    made = (await desk["admin"].post("/api/v1/keys", json={"name": "erp", "scopes": ["read"]})).json()["key"]
    headers = {"Authorization": f"Bearer {made}"}
    assert (await desk["nobody"].get("/api/v1/orders", headers=headers)).status_code == 200
    keys = (await desk["admin"].get("/api/v1/keys")).json()["items"]
    assert made.rsplit("_", 1)[1] not in str(keys)
    revoked = await desk["admin"].delete(f"/api/v1/keys/{made.split('_')[1]}")
    assert revoked.status_code == 204
    assert (await desk["nobody"].get("/api/v1/orders", headers=headers)).status_code == 401


async def test_a_renewed_board_link_ends_the_old_one(desk: Bench) -> None:
    assert (await desk["board"].get("/board")).status_code == 200
    path = (await desk["admin"].post("/api/v1/board-link/renew")).json()["path"]
    assert (await desk["board"].get("/board")).status_code == 401
    opened = await desk["nobody"].get(path)
    assert (opened.status_code, opened.headers["location"]) == (303, "/board")
    assert (await desk["nobody"].get("/board")).status_code == 200


def _has_guard(dependant: Dependant | None) -> bool:
    if dependant is None:
        return False
    return isinstance(dependant.call, Guard) or any(_has_guard(child) for child in dependant.dependencies)
