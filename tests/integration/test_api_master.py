"""Master data over the API: put in, read, refused with the place; orders planned from it; thresholds that follow it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio

from genba_shared.clock import format_time
from tests.browser.support import NOW, Bench, bench

STANDARD = ["order", "material", "start", "core", "quality", "pack", "dispatch"]
WEEK = {"zone": "Asia/Shanghai", "shifts": [{"days": "mon-fri", "work": "08:00-17:00", "breaks": ["12:00-13:00"]}]}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


async def put(desk: Bench, path: str, body: dict[str, Any], *, status: int = 201) -> dict[str, Any]:
    answer = await desk["admin"].put(f"/api/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines_body(order: str = "A-7", **changes: Any) -> dict[str, Any]:
    """An order of one line, promised in four weeks."""
    return {
        "order": order,
        "system": "erp",
        "external_id": order,
        "customer": "Blue Shirt Co",
        "promised": format_time(NOW + timedelta(days=28)),
        "lines": [{"item": "SHIRT", "quantity": 100}],
        **changes,
    }


async def test_a_document_is_kept_in_versions_and_the_same_again_changes_nothing(desk: Bench) -> None:
    first = await put(desk, "items/SHIRT", {"label": {"en": "Shirt"}, "routing": "garment"})
    same = await put(desk, "items/SHIRT", {"label": {"en": "Shirt"}, "routing": "garment"}, status=200)
    other = await put(desk, "items/SHIRT", {"label": {"en": "Shirt"}, "routing": "starter"}, status=200)
    assert first == {"id": "SHIRT", "version": 1, "outcome": "created"}
    assert same == {"id": "SHIRT", "version": 1, "outcome": "unchanged"}
    assert other == {"id": "SHIRT", "version": 2, "outcome": "changed"}
    now = (await desk["reader"].get("/api/v1/items/SHIRT")).json()
    before = (await desk["reader"].get("/api/v1/items/SHIRT", params={"version": 1})).json()
    assert (now["body"]["routing"], before["body"]["routing"]) == ("starter", "garment")
    events = (await desk["reader"].get("/api/v1/events", params={"kind": "master_data_changed"})).json()["items"]
    told = [(one["what"], one["name"], one["version"], one["source"]["type"]) for one in events]
    assert told == [("items", "SHIRT", 1, "person"), ("items", "SHIRT", 2, "person")]


async def test_the_standard_templates_are_there_without_being_put_in(desk: Bench) -> None:
    page = (await desk["reader"].get("/api/v1/routings")).json()
    assert [one["id"] for one in page["items"]] == [
        "garment", "print-3d", "sheet-metal", "standard", "starter", "wood",
    ]  # fmt: skip
    assert all(one["built_in"] and one["version"] == 1 for one in page["items"])
    nodes = (await desk["reader"].get("/api/v1/routings/standard")).json()["body"]["nodes"]
    assert [node["node"] for node in nodes] == STANDARD


async def test_an_order_with_lines_is_planned_and_frozen(desk: Bench) -> None:
    await put(desk, "calendars/default", WEEK)
    first = await desk["orders"].post("/api/v1/orders", json=lines_body())
    assert (first.status_code, first.json()) == (201, {"order": "A-7", "outcome": "created"})
    again = await desk["orders"].post("/api/v1/orders", json=lines_body())
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    order = (await desk["reader"].get("/api/v1/orders/A-7")).json()
    (work,) = order["work_orders"]
    assert (work["work_order"], work["site"], work["quantity"]) == ("A-7-1", "main", 100)
    assert [node["node"] for node in work["nodes"]] == STANDARD
    assert len((await desk["reader"].get("/api/v1/orders")).json()["items"]) == 1
