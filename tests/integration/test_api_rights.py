"""Who may open what: every route has a guard, and each role gets the answer that a table written by hand says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastapi.routing import RouteContext, iter_route_contexts

from genba_cloud.api.guard import is_guarded
from tests.browser.support import ROLES, Bench, bench, order_body

PUBLIC = {"/healthz", "/readyz", "/login", "/", "/board/link/{token}", "/static"} | {
    "/api/v1/enrol",
    "/api/v1/enrol/renew",
    "/253/{value}",
}
"""Routes without a guard. `/` and the GS1 link of a label only redirect; a board link carries its token, an enrolment
its code."""

# Role:      n = nobody, w = newcomer (must choose a password), a = admin, r = key that reads, o = orders:write,
#            d = dispatch:write, e = events:write, b = board link, q = answers:write,
#            p = operator, s = supervisor, m = manager, c = actions:write.
# The word says who gets in; everybody else gets 401 (nobody) or 403.
ALLOWED = {
    "GET /healthz": "nwarodebqpsmc",
    "GET /readyz": "nwarodebqpsmc",
    "GET /metrics": "ar",
    "GET /api/v1/orders": "arbpsm",
    "GET /api/v1/orders/{order}": "arbpsm",
    "GET /api/v1/orders/{order}/nodes": "arbpsm",
    "GET /api/v1/orders/{order}/events": "arsm",
    "GET /api/v1/orders/{order}/forecast": "arbpsm",
    "GET /api/v1/bottlenecks": "arbpsm",
    "GET /api/v1/capacity": "arbpsm",
    "GET /api/v1/wip": "arbpsm",
    "GET /api/v1/stations": "arbpsm",
    "GET /api/v1/stations/{station}/queue": "arbpsm",
    "GET /api/v1/stations/{station}/state": "arbpsm",
    "GET /api/v1/unassigned": "arsm",
    "GET /api/v1/questions": "arsm",
    "GET /api/v1/questions/{question}": "arsm",
    "GET /api/v1/tags": "arsm",
    "GET /api/v1/alerts": "arbpsm",
    "GET /api/v1/gateways": "arbpsm",
    "GET /api/v1/events": "arsm",
    "GET /api/v1/live": "arbpsm",
    "GET /api/v1/openapi.json": "arodebqpsmc",
    "POST /api/v1/orders": "aom",
    "POST /api/v1/stations/{station}/queue": "adsm",
    "POST /api/v1/stations/{station}/dispatch": "adsm",
    "POST /api/v1/tags": "adsm",
    "POST /api/v1/questions/{question}/answer": "aqsm",
    "POST /api/v1/questions/assign": "aqsm",
    "GET /api/v1/alerts/{alert}": "arbpsm",
    "POST /api/v1/alerts/{alert}/acknowledge": "aqsm",
    "POST /api/v1/alerts/{alert}/plan": "aqsm",
    "POST /api/v1/alerts/{alert}/close": "aqsm",
    "GET /api/v1/tasks": "arsm",
    "GET /api/v1/tasks/{task}": "arsm",
    "POST /api/v1/tasks/{task}/plan": "aqsm",
    "POST /api/v1/tasks/{task}/close": "aqsm",
    "GET /api/v1/problems": "arsm",
    "GET /api/v1/problems/{problem}": "arsm",
    "GET /api/v1/kpis": "arsm",
    "GET /api/v1/reports/morning": "arsm",
    "GET /api/v1/reports/weekly": "arsm",
    "POST /api/v1/events": "ae",
    "POST /api/v1/zones/{zone}/stocktake": "aepsm",
    "GET /api/v1/keys": "a",
    "POST /api/v1/keys": "a",
    "DELETE /api/v1/keys/{key_id}": "a",
    "GET /api/v1/gateways/registered": "a",
    "POST /api/v1/gateways": "a",
    "POST /api/v1/gateways/{gateway}/renew": "a",
    "DELETE /api/v1/gateways/{gateway}": "a",
    "POST /api/v1/enrol": "nwarodebqpsmc",
    "POST /api/v1/enrol/renew": "nwarodebqpsmc",
    "GET /api/v1/board-link": "a",
    "POST /api/v1/board-link/renew": "a",
    "POST /api/v1/users/{name}/reset": "a",
    "DELETE /api/v1/users/{name}": "a",
    "GET /api/v1/quarantine": "a",
    "GET /api/v1/quarantine/{number}": "a",
    "POST /api/v1/quarantine/{number}/retry": "a",
    "DELETE /api/v1/quarantine/{number}": "a",
    "POST /api/v1/heads": "a",
    "POST /api/v1/subjects/erase": "a",
    "GET /api/v1/areas": "ar",
    "GET /api/v1/areas/{name}": "ar",
    "PUT /api/v1/areas/{name}": "a",
    "GET /api/v1/boms": "ar",
    "GET /api/v1/boms/{name}": "ar",
    "PUT /api/v1/boms/{name}": "a",
    "GET /api/v1/calendars": "ar",
    "GET /api/v1/calendars/{name}": "ar",
    "PUT /api/v1/calendars/{name}": "a",
    "GET /api/v1/configurations": "ar",
    "GET /api/v1/configurations/{name}": "ar",
    "PUT /api/v1/configurations/{name}": "a",
    "GET /api/v1/enterprises": "ar",
    "GET /api/v1/enterprises/{name}": "ar",
    "PUT /api/v1/enterprises/{name}": "a",
    "GET /api/v1/instructions": "ar",
    "GET /api/v1/instructions/{name}": "ar",
    "PUT /api/v1/instructions/{name}": "a",
    "GET /api/v1/items": "ar",
    "GET /api/v1/items/{name}": "ar",
    "PUT /api/v1/items/{name}": "a",
    "GET /api/v1/partners": "ar",
    "GET /api/v1/partners/{name}": "ar",
    "PUT /api/v1/partners/{name}": "a",
    "GET /api/v1/policies": "ar",
    "GET /api/v1/policies/{name}": "ar",
    "PUT /api/v1/policies/{name}": "a",
    "GET /api/v1/routings": "ar",
    "GET /api/v1/routings/{name}": "ar",
    "PUT /api/v1/routings/{name}": "a",
    "GET /api/v1/sites": "ar",
    "GET /api/v1/sites/{name}": "ar",
    "PUT /api/v1/sites/{name}": "a",
    "GET /api/v1/stations/registered": "ar",
    "GET /api/v1/stations/{name}": "ar",
    "PUT /api/v1/stations/{name}": "a",
    "GET /api/v1/work-centres": "ar",
    "GET /api/v1/work-centres/{name}": "ar",
    "PUT /api/v1/work-centres/{name}": "a",
    "POST /api/v1/configurations/{name}/resolve": "ar",
    "POST /api/v1/import/orders": "aom",
    "POST /api/v1/import/documents": "a",
    "POST /api/v1/import/{kind}": "a",
    "GET /api/v1/export/orders": "ar",
    "GET /api/v1/export/documents": "ar",
    "GET /api/v1/export/templates": "ar",
    "GET /api/v1/export/{kind}": "ar",
    "GET /": "nwarodebqpsmc",
    "GET /board/link/{token}": "nwarodebqpsmc",
    "GET /board": "arbpsm",
    "GET /board/rows/{order}": "arbpsm",
    "GET /board/wip": "arbpsm",
    "GET /board/gateways": "arbpsm",
    "GET /stations": "arbpsm",
    "GET /bottlenecks": "arbpsm",
    "GET /questions": "arsm",
    "POST /questions/{question}": "asm",
    "POST /questions": "asm",
    "GET /login": "nwarodebqpsmc",
    "POST /login": "nwarodebqpsmc",
    "GET /password": "wapsm",
    "POST /password": "wapsm",
    "POST /logout": "wapsm",
    "GET /stocktake/{zone}": "apsm",
    "POST /stocktake/{zone}": "apsm",
    "GET /api/v1/scan/{code}": "apsm",
    "POST /api/v1/scan/{code}": "apsm",
    "POST /api/v1/scan/{code}/undo": "apsm",
    "GET /api/v1/codes": "aosm",
    "POST /api/v1/codes": "aosm",
    "DELETE /api/v1/codes/{code_id}": "aosm",
    "POST /api/v1/work-orders/{work_order}/nodes/{node}/actions": "apsm",
    "POST /api/v1/orders/{order}/actions": "aosm",
    "POST /api/v1/actions/undo": "apsmc",
    "GET /api/v1/problem-words": "apsmc",
    "POST /api/v1/problems": "apsmc",
    "POST /api/v1/problems/{problem}/explain": "apsmc",
    "POST /api/v1/problems/{problem}/resolve": "apsmc",
    "POST /api/v1/materials/{movement}": "apsmc",
    "GET /api/v1/users": "a",
    "POST /api/v1/users": "a",
    "GET /q": "apsm",
    "GET /q/{code}": "apsm",
    "POST /q/{code}": "apsm",
    "POST /q/{code}/undo": "apsm",
    "GET /q/{code}/problem": "apsm",
    "POST /q/{code}/problem": "apsm",
    "POST /q/{code}/problem/{problem}": "apsm",
    "GET /253/{value}": "nwarodebqpsmc",
    "GET /labels/{order}": "asm",
    "POST /labels": "asm",
    "GET /api/v1/changes": "arsm",
    "POST /api/v1/job-orders": "aom",
    "GET /api/v1/job-responses": "arsm",
    "POST /api/v1/webhooks": "a",
    "GET /api/v1/webhooks": "a",
    "GET /api/v1/webhooks/{webhook}": "a",
    "PUT /api/v1/webhooks/{webhook}": "a",
    "DELETE /api/v1/webhooks/{webhook}": "a",
    "POST /api/v1/webhooks/{webhook}/secret": "a",
    "GET /api/v1/webhooks/{webhook}/deliveries": "a",
    "POST /api/v1/webhooks/{webhook}/deliveries/{position}/redeliver": "a",
    "GET /alerts": "arbpsm",
    "POST /alerts/{alert}/acknowledge": "asm",
    "POST /alerts/{alert}/close": "asm",
    "GET /tasks": "arsm",
    "POST /tasks/{task}/plan": "asm",
    "POST /tasks/{task}/close": "asm",
    "GET /orders": "arbpsm",
    "GET /orders/{order}": "arbpsm",
    "GET /reports/morning": "arsm",
    "GET /reports/weekly": "arsm",
    "GET /kpis": "arsm",
}
LETTERS = dict(zip("nwarodebqpsmc", ROLES, strict=True))
BODIES: dict[str, Any] = {
    "POST /api/v1/orders": order_body("A-2"),
    "POST /api/v1/stations/{station}/queue": {"rows": [{"work_order": "WO-1001", "node": "CUT", "quantity": 1}]},
    "POST /api/v1/stations/{station}/dispatch": {"work_order": "WO-1001", "node": "CUT"},
    "POST /api/v1/tags": {"bind": []},
    "POST /api/v1/questions/{question}/answer": {"pieces": 1},
    "POST /api/v1/questions/assign": {"questions": ["none"], "work_order": "WO-1001", "node": "CUT"},
    "POST /api/v1/events": {"events": [{}]},
    "POST /api/v1/alerts/{alert}/acknowledge": {},
    "POST /api/v1/keys": {"name": "x", "scopes": ["read"]},
    "POST /api/v1/zones/{zone}/stocktake": {"count": 1},
    "POST /api/v1/configurations/{name}/resolve": {"choices": {}},
    "POST /api/v1/scan/{code}": {},
    "POST /api/v1/scan/{code}/undo": {"undo": "A" * 22},
    "POST /api/v1/codes": {"order": "A-1001"},
    "POST /api/v1/work-orders/{work_order}/nodes/{node}/actions": {"action": "start"},
    "POST /api/v1/orders/{order}/actions": {"action": "hold", "reason": "customer_asks"},
    "POST /api/v1/actions/undo": {"undo": "A" * 22},
    "POST /api/v1/problems": {"category": "machine", "station": "CUT-1"},
    "POST /api/v1/problems/{problem}/explain": {"cause": "breakdown"},
    "POST /api/v1/problems/{problem}/resolve": {},
    "POST /api/v1/materials/{movement}": {"item": "cloth", "amount": 1},
    "POST /api/v1/users": {"name": "u9", "role": "operator"},
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


@pytest.mark.requirement("R87", part="every route has a guard, and no event of the floor goes around its rights")
async def test_every_route_has_a_guard(desk: Bench) -> None:
    bare = {route.path for route in routes(desk) if not is_guarded(getattr(route, "dependant", None))}
    assert bare == PUBLIC


@pytest.mark.requirement("R111", part="supervisor, API client and board, by a table of every route")
async def test_every_route_stands_in_the_table(desk: Bench) -> None:
    known = {
        f"{method} {str(route.path).replace(':path', '')}" for route in routes(desk) for method in route.methods or ()
    }
    assert known == set(ALLOWED)


def changes_nothing_for_others(operation: str) -> bool:
    """Whether operations may follow one another on the same collector: what one does, no other one notices."""
    of_nothing = (
        "/alerts/{alert}/",
        "/tasks/{task}/",
        "/webhooks/{webhook}/",
        "/questions/{question}/",
        "/scan/{code}/",
    )
    reads = operation.startswith(("GET /", "PUT /api/v1/")) and "/board/link/" not in operation
    return reads or any(part in operation for part in of_nothing)  # there is none of that name


@pytest.mark.requirement("R84", part="who may hold, cancel and reprioritise an order")
@pytest.mark.requirement("R111", part="supervisor, API client and board, by a table of every route")
@pytest.mark.parametrize("operation", [key for key in ALLOWED if not changes_nothing_for_others(key)])
async def test_each_role_gets_the_answer_of_the_table(desk: Bench, operation: str) -> None:
    """A role that is let in may still be told 404 or 422 about what it asks for."""
    assert await let_in(desk, operation) == set(ALLOWED[operation])


async def test_each_role_reads_and_puts_what_the_table_says(desk: Bench) -> None:
    operations = [key for key in ALLOWED if changes_nothing_for_others(key) and key != "GET /api/v1/live"]
    got = {operation: await let_in(desk, operation) for operation in operations}
    assert got == {operation: set(ALLOWED[operation]) for operation in operations}


async def let_in(desk: Bench, operation: str) -> set[str]:
    """The letters of the roles that are let in; the others are refused as it should be."""
    method, path = operation.split(" ")
    free = ("gateway", "key_id", "token", "question", "code_id", "problem", "value", "webhook", "alert", "task")
    names = dict.fromkeys(free, "none") | {"name": "X", "kind": "items", "order": "A-1001", "station": "CUT-1"}
    names |= {"work_order": "WO-1001", "node": "CUT", "movement": "received", "code": "0" * 17, "zone": "sewing"}
    path = path.format(number=1, position=1, **names)
    names = dict.fromkeys(("gateway", "key_id", "token", "question", "alert", "task", "problem"), "none")
    path = path.format(order="A-1001", station="CUT-1", zone="sewing", number=1, **names)
    got = set()
    for letter, role in sorted(LETTERS.items(), key=lambda item: item[1] == "admin"):  # the admin may end the others
        if operation == "POST /login":
            desk[role].cookies.clear()
        answer = await desk[role].request(method, path, json=BODIES.get(operation))
        if answer.status_code not in {401, 403} or operation == "POST /login":
            got.add(letter)
            assert answer.status_code < 500, (operation, role)
        else:
            assert answer.status_code == (401 if role == "nobody" else 403), (operation, role)
    return got


async def test_the_live_stream_is_refused_before_it_begins(desk: Bench) -> None:
    for letter, role in LETTERS.items():
        if letter not in ALLOWED["GET /api/v1/live"]:
            answer = await desk[role].get("/api/v1/live")
            assert answer.status_code in {401, 403}, role


@pytest.mark.requirement("R15", part="one board of all areas, by a link that only reads and knows no customer")
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


@pytest.mark.requirement("R14")
async def test_a_renewed_board_link_ends_the_old_one(desk: Bench) -> None:
    assert (await desk["board"].get("/board")).status_code == 200
    path = (await desk["admin"].post("/api/v1/board-link/renew")).json()["path"]
    assert (await desk["board"].get("/board")).status_code == 401
    opened = await desk["nobody"].get(path)
    assert (opened.status_code, opened.headers["location"]) == (303, "/board")
    assert (await desk["nobody"].get("/board")).status_code == 200
