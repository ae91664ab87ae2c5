"""What other systems follow: changes since a position, job orders in, job responses out, lists by filters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_shared.clock import format_time
from tests.browser.support import NOW, Bench, bench, completed, counted, started


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


async def read(desk: Bench, path: str, **query: Any) -> Any:
    answer = await desk["reader"].get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_changes_tell_facts_in_log_order_and_behind_them_how_the_order_stands(desk: Bench) -> None:
    await desk.post_order()
    begin = (await read(desk, "changes"))["next"]
    start, count, done = started("WO-1001", "CUT"), counted("WO-1001", "CUT", 8), completed("WO-1001", "CUT", 8)
    await desk.tell(start, count, done)
    told = await read(desk, "changes", since=begin)
    assert [(item["type"], item["position"]) for item in told["items"]] == [
        ("event", begin + 1),
        ("event", begin + 2),
        ("event", begin + 3),
        ("order", begin + 3),
    ]
    assert [item["event"]["id"] for item in told["items"][:3]] == [start.id, count.id, done.id]
    state = told["items"][3]
    assert [(node["node"], node["status"], node["good"]) for node in state["nodes"]] == [
        ("CUT", "done", 8),
        ("SEW", "pending", 0),
        ("PACK", "pending", 0),
    ]
    assert (told["next"], told["more"]) == (begin + 3, False)
    assert await read(desk, "changes", since=told["next"]) == {"items": [], "next": begin + 3, "more": False}


async def test_changes_are_resumed_from_any_position_without_a_gap(desk: Bench) -> None:
    for number in range(3):
        await desk.post_order(order=f"A-{number}")
    whole = [item for item in (await read(desk, "changes"))["items"] if item["type"] == "event"]
    since, pieces = 0, []
    while True:
        page = await read(desk, "changes", since=since, limit=2)
        pieces += [item for item in page["items"] if item["type"] == "event"]
        since = page["next"]
        if not page["more"]:
            break
    assert pieces == whole
    assert [item["position"] for item in whole] == list(range(1, len(whole) + 1))


def job_orders(**changes: Any) -> dict[str, Any]:
    job = {
        "ID": "JO-1",
        "HierarchyScope": {"EquipmentID": "demo"},
        "StartTime": format_time(NOW),
        "EndTime": format_time(NOW + timedelta(hours=8)),
        "Priority": 7,
        "MaterialRequirement": [{"MaterialDefinitionID": "shirt", "Quantity": [{"QuantityString": "8"}]}],
    }
    return {"Sender": {"LogicalID": "erp"}, "JobOrder": [{**job, **changes}]}


@pytest.mark.requirement("R91")
async def test_a_job_order_is_taken_once_and_its_response_tells_what_was_made(desk: Bench) -> None:
    outcomes = [
        (await desk["orders"].post("/api/v1/job-orders", json=job_orders())).json()["JobOrder"][0]["Outcome"]
        for _ in range(2)
    ]
    assert outcomes == ["created", "unchanged"]
    assert [order["order"] for order in (await read(desk, "orders", system="erp", external_id="JO-1"))["items"]] == [
        "JO-1"
    ]
    first = await read(desk, "job-responses", sender="erp")
    assert [(one["JobOrderID"], one["JobState"]) for one in first["JobResponse"]] == [("JO-1", "Ready")]
    await desk.tell(started("JO-1", "WORK"), counted("JO-1", "WORK", 8), completed("JO-1", "WORK", 8))
    (response,) = (await read(desk, "job-responses", since=first["next"], sender="erp"))["JobResponse"]
    assert (response["JobState"], response["StartTime"], response["EndTime"]) == (
        "Completed",
        format_time(NOW),
        format_time(NOW),
    )
    assert response["MaterialActual"] == [
        {
            "MaterialDefinitionID": "shirt",
            "MaterialUse": "Produced",
            "Quantity": [{"QuantityString": "8", "UnitOfMeasure": "pcs"}],
        }
    ]
    assert (await read(desk, "job-responses", sender="other"))["JobResponse"] == []


async def test_one_job_order_that_is_refused_stops_no_other(desk: Bench) -> None:
    await desk.post_order(order="JO-1")
    body = job_orders()
    body["JobOrder"].append({**body["JobOrder"][0], "ID": "JO-2"})
    taken = (await desk["orders"].post("/api/v1/job-orders", json=body)).json()["JobOrder"]
    assert [(one["ID"], one["Outcome"]) for one in taken] == [("JO-1", "refused"), ("JO-2", "created")]
    assert "JO-1" in taken[0]["Reason"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"StartTime": "2026-01-05T09:00:00"}, "StartTime"),
        ({"WorkType": "Maintenance"}, "WorkType"),
        ({"MaterialRequirement": []}, "MaterialRequirement"),
        ({"Colour": "blue"}, "Colour"),
    ],
)
async def test_a_job_order_that_makes_no_sense_says_where(desk: Bench, changes: dict[str, Any], said: str) -> None:
    answer = await desk["orders"].post("/api/v1/job-orders", json=job_orders(**changes))
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


async def test_orders_are_listed_by_what_is_stored_and_by_what_is_worked_out(desk: Bench) -> None:
    late = NOW - timedelta(hours=6)
    await desk.post_order(order="A-1", customer="Blue", start=late, nodes=("CUT",), promised=NOW)
    await desk.post_order(order="A-2", customer="Red", promised=NOW + timedelta(days=1))
    await desk.post_order(order="A-3", customer="Blue", nodes=("CUT",), promised=NOW + timedelta(days=2))
    await desk.tell(started("WO-3", "CUT"), counted("WO-3", "CUT", 8), completed("WO-3", "CUT", 8))

    async def listed(**query: Any) -> list[str]:
        return [order["order"] for order in (await read(desk, "orders", **query))["items"]]

    assert await listed() == ["A-1", "A-2", "A-3"]
    assert await listed(customer="Blue") == ["A-1", "A-3"]
    assert await listed(state="finished") == ["A-3"]
    assert await listed(state="open", customer="Blue") == ["A-1"]
    assert await listed(level=["red", "orange"]) == ["A-1"]
    assert await listed(level="none", limit=1) == ["A-2"]
    assert await listed(promised_from=format_time(NOW + timedelta(hours=1))) == ["A-2", "A-3"]
    assert await listed(promised_before=format_time(NOW + timedelta(hours=1))) == ["A-1"]
    assert await listed(site="elsewhere") == []
    assert (await desk["board"].get("/api/v1/orders", params={"customer": "Blue"})).status_code == 403


async def test_a_list_shows_what_was_told_just_before(desk: Bench) -> None:
    await desk.post_order()
    for good in range(1, 6):
        assert (await read(desk, "orders"))["items"][0]["work_orders"][0]["nodes"][0]["good"] == good - 1
        await desk.tell(counted("WO-1001", "CUT", 1, total=good))
    await desk.post_order(customer="Blue Shirt Company")
    order = (await read(desk, "orders"))["items"][0]
    assert (order["customer"], order["work_orders"][0]["nodes"][0]["good"]) == ("Blue Shirt Company", 5)
    assert order == await read(desk, "orders/A-1001")
