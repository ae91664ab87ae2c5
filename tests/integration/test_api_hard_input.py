"""What a careless or hostile client may send: it is refused in words, and nobody else notices."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_shared.events import (
    DispatchOpened,
    Event,
    Source,
    SourceType,
    TagBound,
    TagUnbound,
    event_to_json,
)
from tests.browser.support import NOW, Bench, bench, completed, order_body, started

MES = Source(type=SourceType.API, ref="mes")


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        await running.post_order()
        yield running


def escaped(value: Any) -> bytes:
    """JSON in plain ASCII: a lone surrogate travels as an escape."""
    return json.dumps(value, ensure_ascii=True).encode()


async def test_a_date_that_is_none_is_refused_and_the_list_still_reads(desk: Bench) -> None:
    body = order_body("A-2")
    body["work_orders"][0]["nodes"][-1]["planned_finish"] = "9999-12-31T23:59:59Z"
    answer = await desk["orders"].post("/api/v1/orders", json=body)
    assert (answer.status_code, answer.json()["accepted"]) == (422, "a time from 1970 to 2199")
    orders = (await desk["reader"].get("/api/v1/orders")).json()["items"]
    assert [order["order"] for order in orders] == ["A-1001"]


async def test_a_completion_at_the_end_of_time_is_refused_and_the_order_still_reads(desk: Bench) -> None:
    late = {**event_to_json(completed("WO-1001", "CUT", 8)), "at": "9999-12-31T23:59:59.000Z"}
    answer = (await desk["events"].post("/api/v1/events", json={"events": [late]})).json()
    assert (answer["accepted"], answer["refused"][0]["reason"]) == (
        0,
        "node_completed.at: 9999 is no time: 1970 to 2199",
    )
    assert (await desk["reader"].get("/api/v1/orders/A-1001")).status_code == 200


@pytest.mark.parametrize("name", ["\ud800", "x" * 5000, 7], ids=["half a letter", "long", "number"])
async def test_an_id_that_is_none_stops_neither_the_batch_nor_its_answer(desk: Bench, name: object) -> None:
    good = event_to_json(started("WO-1001", "CUT"))
    batch = escaped({"events": [good, {**good, "id": name}]})
    answer = await desk["events"].post("/api/v1/events", content=batch, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert (answer.json()["accepted"], answer.json()["refused"][0]["id"]) == (1, None)


def telling() -> list[Event]:
    return [
        DispatchOpened(
            id=str(uuid.uuid4()), at=NOW, source=MES, station="CUT-1", work_order="WO-1001", node="CUT", pieces=8
        ),
        TagBound(id=str(uuid.uuid4()), at=NOW, source=MES, tag="3034ab", work_order="WO-1001", pieces=5),
        TagUnbound(id=str(uuid.uuid4()), at=NOW, source=MES, tag="3034ac"),
    ]


async def test_a_key_for_events_does_not_dispatch_stations_or_bind_tags(desk: Bench) -> None:
    batch = {"events": [event_to_json(event) for event in telling()]}
    answer = (await desk["events"].post("/api/v1/events", json=batch)).json()
    assert (answer["accepted"], [row["index"] for row in answer["refused"]]) == (0, [0, 1, 2])
    assert {row["reason"].split(" ", 1)[1] for row in answer["refused"]} == {"needs the right to dispatch"}
    assert (await desk["reader"].get("/api/v1/tags")).json()["items"] == []


async def test_who_may_dispatch_may_say_so_with_events(desk: Bench) -> None:
    batch = {"events": [event_to_json(event) for event in telling()]}
    assert (await desk["admin"].post("/api/v1/events", json=batch)).json()["accepted"] == 3


async def test_a_new_name_of_the_customer_is_a_change(desk: Bench) -> None:
    renamed = await desk.post_order(customer="Blue Shirt Company")
    again = await desk.post_order(customer="Blue Shirt Company")
    assert [answer.json()["outcome"] for answer in (renamed, again)] == ["changed", "unchanged"]
    assert (await desk["reader"].get("/api/v1/orders/A-1001")).json()["customer"] == "Blue Shirt Company"
