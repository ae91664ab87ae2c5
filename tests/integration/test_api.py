"""The HTTP API over a real store: orders, paging, conditional reads, shop floor, events, errors."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from genba_cloud.api import VisibleReads
from genba_cloud.ledger import GatewaySeen
from genba_shared.clock import format_time
from genba_shared.events import event_to_json
from tests.browser.support import BASE, NOW, Bench, bench, completed, counted, order_body, started


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


@pytest.mark.requirement("R91")
async def test_an_order_is_taken_once_and_the_same_again_changes_nothing(desk: Bench) -> None:
    first, again = await desk.post_order(), await desk.post_order()
    moved = await desk.post_order(promised=NOW + timedelta(days=2))
    assert (first.status_code, first.json()) == (201, {"order": "A-1001", "outcome": "created"})
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    assert (moved.status_code, moved.json()["outcome"]) == (200, "changed")


async def test_an_order_is_read_as_the_contract_says(desk: Bench) -> None:
    await desk.post_order()
    order = (await desk["reader"].get("/api/v1/orders/A-1001")).json()
    assert order["customer"] == "Blue Shirt Co"
    assert order["baseline"] == {"start": "2026-01-05T09:00:00.000Z", "finish": "2026-01-05T15:00:00.000Z"}
    assert (order["level"], order["deviation"]["percent"], order["data_at"]) == ("none", "0.0", None)
    cut = order["work_orders"][0]["nodes"][0]
    assert (cut["node"], cut["status"], cut["quantity"], cut["good"]) == ("CUT", "pending", 8, 0)
    assert cut["label"] == {"en": "Cutting", "zh": "裁剪", "ja": "裁断"}
    assert cut["expected_finish"] == "2026-01-05T11:00:00.000Z"


async def test_facts_show_in_the_order_and_its_events(desk: Bench) -> None:
    await desk.post_order()
    start, count, done = started("WO-1001", "CUT"), counted("WO-1001", "CUT", 8), completed("WO-1001", "CUT", 8)
    await desk.tell(start, count, done)
    order = (await desk["reader"].get("/api/v1/orders/A-1001")).json()
    cut = order["work_orders"][0]["nodes"][0]
    assert (cut["status"], cut["good"], cut["completed_at"]) == ("done", 8, "2026-01-05T09:00:00.000Z")
    assert {start.id, done.id} <= set(cut["evidence"])
    nodes = (await desk["reader"].get("/api/v1/orders/A-1001/nodes")).json()
    assert nodes["work_orders"] == order["work_orders"]
    events = (await desk["reader"].get("/api/v1/orders/A-1001/events")).json()
    kinds = [event["kind"] for event in events["items"]]
    assert {"order_confirmed", "baseline_frozen", "node_started", "node_completed"} <= set(kinds)
    assert [event["position"] for event in events["items"]] == sorted(event["position"] for event in events["items"])


async def test_an_idempotency_key_gives_the_first_answer_again_and_only_to_its_own_body(desk: Bench) -> None:
    headers = {"Idempotency-Key": "one"}
    client = desk["orders"]
    first = await client.post("/api/v1/orders", json=order_body(), headers=headers)
    again = await client.post("/api/v1/orders", json=order_body(), headers=headers)
    other = await client.post("/api/v1/orders", json=order_body("A-2"), headers=headers)
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("work_orders", 0, "quantity"), 0, "work_orders.0.quantity"),
        (("work_orders", 0, "nodes", 1, "predecessors"), ["NONE"], "NONE"),
        (("work_orders", 0, "nodes", 0, "predecessors"), ["PACK"], "circle"),
        (("promised",), "2026-01-05T09:00:00", "promised"),
        (("colour",), "blue", "colour"),
        (("order",), "A\n1", "order"),
    ],
    ids=["no pieces", "unknown predecessor", "circle", "no time zone", "unknown field", "control character"],
)
async def test_an_order_that_makes_no_sense_is_refused_with_the_place(
    desk: Bench, path: tuple[str | int, ...], value: object, said: str
) -> None:
    body: Any = order_body()
    target = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    answer = await desk["orders"].post("/api/v1/orders", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert (await desk["reader"].get("/api/v1/orders")).json()["items"] == []


async def test_a_changed_plan_of_a_known_work_order_is_a_conflict(desk: Bench) -> None:
    await desk.post_order()
    answer = await desk.post_order(quantity=9)
    assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")
    assert "frozen" in answer.json()["detail"]


async def test_orders_come_in_pages_by_promise(desk: Bench) -> None:
    for number in range(5):
        await desk.post_order(order=f"A-{number}", promised=NOW + timedelta(days=9 - number))
    seen, cursor, pages = [], None, 0
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await desk["reader"].get("/api/v1/orders", params=query)).json()
        seen += [order["order"] for order in page["items"]]
        pages, cursor = pages + 1, page["next"]
        if cursor is None:
            break
    assert (seen, pages) == (["A-4", "A-3", "A-2", "A-1", "A-0"], 3)
    assert (await desk["reader"].get("/api/v1/orders", params={"cursor": "nonsense"})).status_code == 422


async def test_an_unchanged_order_is_not_sent_again(desk: Bench) -> None:
    await desk.post_order()
    first = await desk["reader"].get("/api/v1/orders/A-1001")
    tag = {"If-None-Match": first.headers["ETag"]}
    assert (await desk["reader"].get("/api/v1/orders/A-1001", headers=tag)).status_code == 304
    await desk.tell(started("WO-1001", "CUT"))
    changed = await desk["reader"].get("/api/v1/orders/A-1001", headers=tag)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


async def test_what_is_not_known_is_404_and_a_problem(desk: Bench) -> None:
    for path in ("/api/v1/orders/NONE", "/api/v1/orders/NONE/nodes", "/api/v1/nothing", "/nothing"):
        answer = await desk["admin"].get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path


async def test_a_queue_takes_a_row_once_and_dispatch_opens_it(desk: Bench) -> None:
    await desk.post_order()
    rows = {"rows": [{"work_order": "WO-1001", "node": "CUT", "quantity": 8}]}
    client = desk["dispatch"]
    assert (await client.post("/api/v1/stations/CUT-1/queue", json=rows)).json()["added"] == 1
    assert (await client.post("/api/v1/stations/CUT-1/queue", json=rows)).json()["added"] == 0
    assert (await desk["reader"].get("/api/v1/stations/CUT-1/queue")).json()["rows"] == rows["rows"]
    wanted = {"work_order": "WO-1001", "node": "CUT"}
    opened = await client.post("/api/v1/stations/CUT-1/dispatch", json=wanted)
    again = await client.post("/api/v1/stations/CUT-1/dispatch", json=wanted)
    assert (opened.json()["quantity"], opened.json()["changed"], again.json()["changed"]) == (8, True, False)
    station = (await desk["reader"].get("/api/v1/stations")).json()["items"][0]
    assert (station["station"], station["work_order"], station["node"]) == ("CUT-1", "WO-1001", "CUT")


async def test_work_that_nobody_planned_cannot_be_queued_or_dispatched(desk: Bench) -> None:
    await desk.post_order()
    for node, work_order in (("DYE", "WO-1001"), ("CUT", "WO-9")):
        row = {"work_order": work_order, "node": node}
        queued = await desk["dispatch"].post("/api/v1/stations/X/queue", json={"rows": [{**row, "quantity": 1}]})
        opened = await desk["dispatch"].post("/api/v1/stations/X/dispatch", json=row)
        assert (queued.status_code, opened.status_code) == (422, 422)
        assert "accepted" in queued.json()


async def test_tags_are_bound_and_unbound(desk: Bench) -> None:
    await desk.post_order()
    bind = {"bind": [{"tag": "3034AB", "work_order": "WO-1001", "pieces": 5}]}
    assert (await desk["dispatch"].post("/api/v1/tags", json=bind)).json() == {"changed": 1}
    tags = (await desk["reader"].get("/api/v1/tags")).json()["items"]
    assert [(tag["tag"], tag["pieces"]) for tag in tags] == [("3034ab", 5)]
    await desk["dispatch"].post("/api/v1/tags", json={"unbind": ["3034AB"]})
    assert (await desk["reader"].get("/api/v1/tags")).json()["items"] == []


async def test_a_batch_of_events_is_taken_and_bad_ones_stop_no_other(desk: Bench) -> None:
    await desk.post_order()
    good = event_to_json(started("WO-1001", "CUT"))
    batch = [
        good,
        {**good, "id": "edge-1:00:1"},
        {**good, "id": str(uuid.uuid4()), "colour": "blue"},
        {"kind": "order_confirmed", "id": str(uuid.uuid4()), "at": good["at"], "source": good["source"], "order": "A"},
    ]
    answer = (await desk["events"].post("/api/v1/events", json={"events": batch})).json()
    assert (answer["accepted"], [item["index"] for item in answer["refused"]]) == (1, [1, 2, 3])
    again = (await desk["events"].post("/api/v1/events", json={"events": [good]})).json()
    other = (await desk["events"].post("/api/v1/events", json={"events": [{**good, "node": "SEW"}]})).json()
    assert (again["accepted"], again["repeated"]) == (0, 1)
    assert (other["accepted"], other["refused"][0]["index"]) == (0, 0)


async def test_the_log_is_read_in_order_and_resumed_from_a_position(desk: Bench) -> None:
    for number in range(3):
        await desk.post_order(order=f"A-{number}")
    seen: list[int] = []
    following: int | None = 0
    while following is not None:
        page = (await desk["reader"].get("/api/v1/events", params={"after": following, "limit": 4})).json()
        seen += [event["position"] for event in page["items"]]
        following = page["next"]
    assert seen == list(range(1, len(seen) + 1))
    only = (await desk["reader"].get("/api/v1/events", params={"kind": "order_confirmed"})).json()["items"]
    assert [event["order"] for event in only] == ["A-0", "A-1", "A-2"]


@pytest.mark.requirement("R52")
async def test_a_late_order_raises_an_alert_once_and_it_closes_when_the_order_is_finished(desk: Bench) -> None:
    await desk.post_order(start=NOW - timedelta(hours=6), nodes=("CUT",))
    alerts = await until(desk, "/api/v1/alerts", lambda body: body["items"])
    assert (alerts["items"][0]["order"], alerts["items"][0]["level"]) == ("A-1001", "red")
    assert alerts["items"][0]["customer"] == "Blue Shirt Co"
    board = (await desk["board"].get("/api/v1/alerts")).json()
    assert board["items"][0]["customer"] == ""
    await desk.tell(counted("WO-1001", "CUT", 8), completed("WO-1001", "CUT", 8))
    await until(desk, "/api/v1/alerts", lambda body: not body["items"])
    query = {"kind": ["episode_opened", "episode_escalated", "episode_closed"]}
    decisions = (await desk["reader"].get("/api/v1/events", params=query)).json()["items"]
    assert [event["kind"] for event in decisions] == ["episode_opened", "episode_closed"]
    order = (await desk["reader"].get("/api/v1/orders/A-1001")).json()
    assert (order["finished"], order["level"]) == (True, "red")  # what it finished with stays in the record


@pytest.mark.trap("repeated notices")
async def test_a_restart_reads_decisions_back_and_takes_none_again(tmp_path: Path) -> None:
    kinds = {"kind": ["episode_opened", "episode_escalated", "episode_closed"]}
    async with bench(tmp_path) as first:
        await first.post_order(start=NOW - timedelta(hours=6), nodes=("CUT",))
        await until(first, "/api/v1/alerts", lambda body: body["items"])
    async with bench(tmp_path, now=NOW + timedelta(minutes=1)) as second:
        await until_metric(second, "genba_orders_open", "1")
        await second.post_order(order="A-2", start=NOW - timedelta(hours=6), nodes=("CUT",))
        await until(second, "/api/v1/alerts", lambda body: sum(one["rule"] == "lateness" for one in body["items"]) == 2)
        decisions = (await second["reader"].get("/api/v1/events", params=kinds)).json()["items"]
        assert [(event["kind"], event["order"]) for event in decisions] == [
            ("episode_opened", "A-1001"),
            ("episode_opened", "A-2"),
        ]


async def test_a_request_that_is_too_large_is_refused_before_it_is_read(desk: Bench) -> None:
    declared = await desk["orders"].post("/api/v1/orders", content=b"x" * 1_000_001)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100_000

    streamed = await desk["orders"].post("/api/v1/orders", content=pieces())
    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert declared.headers["content-type"] == streamed.headers["content-type"] == "application/problem+json"


async def test_health_and_counters(desk: Bench) -> None:
    await desk.post_order()
    state = {"online": True, "epoch": "0" * 32, "next_seq": {"facts": 8}}
    await desk.collector.ledger.see_gateway(GatewaySeen(gateway="gw-late", state=state, seen_at=NOW))
    assert (await desk["nobody"].get("/healthz")).text == "ok\n"
    assert (await desk["nobody"].get("/readyz")).json() == {"ready": True, "missing": []}
    lines = dict(line.split(" ") for line in (await desk["reader"].get("/metrics")).text.splitlines())
    assert lines["genba_orders_open"] == "1"
    assert lines['genba_gateway_lag_events{gateway="gw-late"}'] == "7"
    assert int(lines["genba_log_position"]) >= 3
    assert int(lines['genba_http_requests_total{status="2xx"}']) >= 3


async def test_a_request_that_fails_of_a_bug_is_counted_and_tells_nothing(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_reads: VisibleReads) -> None:
        raise OSError("/secret/place is full")

    monkeypatch.setattr(VisibleReads, "wip", broken)
    transport = httpx.ASGITransport(desk.collector.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=desk["reader"].headers) as client:
        answer = await client.get("/api/v1/wip")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert 'genba_http_requests_total{status="5xx"} 1' in (await desk["reader"].get("/metrics")).text


async def test_every_operation_is_described(desk: Bench) -> None:
    document = (await desk["reader"].get("/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(operations) > 20
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert operation["description"], operation["operationId"]
    assert set(document["components"]["securitySchemes"]) == {"machine key", "session"}
    assert (await desk["admin"].get("/docs")).status_code == 404


async def test_answers_protect_browsers(desk: Bench) -> None:
    headers = (await desk["nobody"].get("/login")).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


async def test_plan_times_are_kept_in_utc(desk: Bench) -> None:
    body = order_body()
    body["promised"] = "2026-01-06T18:00:00+08:00"
    await desk["orders"].post("/api/v1/orders", json=body)
    assert (await desk["reader"].get("/api/v1/orders/A-1001")).json()["promised"] == "2026-01-06T10:00:00.000Z"
    assert format_time(NOW) == "2026-01-05T09:00:00.000Z"


async def until(desk: Bench, path: str, holds: Any) -> Any:
    """Ask again until the answer is as it should be; a deadline of 10 s."""
    async with asyncio.timeout(10):
        while True:
            body = (await desk["reader"].get(path)).json()
            if holds(body):
                return body
            await asyncio.sleep(0.02)


async def until_metric(desk: Bench, name: str, value: str) -> None:
    """Ask again until the counter stands at the value; a deadline of 10 s."""
    async with asyncio.timeout(10):
        while True:
            if f"{name} {value}\n" in (await desk["reader"].get("/metrics")).text:
                return
            await asyncio.sleep(0.02)


@pytest.mark.requirement("R24", part="what surrounded a node is measured and shown with it")
async def test_what_surrounded_a_node_is_shown_with_it(desk: Bench) -> None:
    await desk.post_order()
    summary = {
        "kind": "environment_summarised",
        "id": "0198b0a0-0000-4000-8000-000000000001",
        "at": format_time(NOW),
        "source": {"type": "sensor", "ref": "env1/temp"},
        "station": "CUT-1",
        "work_order": "WO-1001",
        "node": "CUT",
        "point": "env1/temp",
        "from": format_time(NOW - timedelta(hours=1)),
        "to": format_time(NOW),
        "min": 20.5,
        "mean": 21.25,
        "max": 23.0,
        "samples": 360,
        "uom": "°C",
    }
    sent = await desk["events"].post("/api/v1/events", json={"events": [summary]})
    assert sent.json()["refused"] == []
    (work,) = (await desk["reader"].get("/api/v1/orders/A-1001/nodes")).json()["work_orders"]
    assert [node["environment"] for node in work["nodes"][1:]] == [[], []]
    assert work["nodes"][0]["environment"] == [
        {
            "station": "CUT-1",
            "point": "env1/temp",
            "from": format_time(NOW - timedelta(hours=1)),
            "to": format_time(NOW),
            "min": 20.5,
            "mean": 21.25,
            "max": 23.0,
            "samples": 360,
            "uom": "°C",
        }
    ]
