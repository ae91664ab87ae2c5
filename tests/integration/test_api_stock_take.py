"""Stock-takes through the API and the page: who may, for which zones, and what the zone's gateway is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_cloud.ledger import GatewaySeen
from genba_shared.clock import format_time
from genba_shared.events import Source, SourceType, WipChanged
from tests.browser.support import NOW, Bench, bench

STATE: dict[str, Any] = {
    "online": True,
    "epoch": "0" * 32,
    "zones": ["sewing", "packing"],
    "stocktakes": ["sewing"],
}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    """A collector whose gateway keeps two zones; 7 pieces are in one of them."""
    async with bench(tmp_path) as running:
        seen = GatewaySeen(gateway="gw-1", state=STATE, seen_at=datetime.now(UTC))
        await running.collector.ledger.see_gateway(seen)
        source = Source(type=SourceType.RFID, ref="gate")
        told = [
            WipChanged(
                id=f"00000000-0000-4000-8000-00000000000{number}", at=NOW, source=source, zone=zone, count=7, by=7
            )
            for number, zone in enumerate(("sewing", "packing"))
        ]
        await running.collector.ledger.append_events(told)
        yield running


async def zone(desk: Bench, name: str) -> dict[str, Any]:
    zones: list[dict[str, Any]] = (await desk["reader"].get("/api/v1/wip")).json()["items"]
    return next(item for item in zones if item["zone"] == name)


async def test_a_stock_take_is_written_into_the_log_and_shown_with_the_zone(desk: Bench) -> None:
    counted_at = format_time(NOW - timedelta(minutes=10))
    answer = await desk["admin"].post("/api/v1/zones/sewing/stocktake", json={"count": 12, "at": counted_at})
    assert answer.status_code == 200
    taken = answer.json()
    assert (taken["zone"], taken["count"], taken["at"]) == ("sewing", 12, counted_at)
    assert (await zone(desk, "sewing"))["stock_take"] == {"count": 12, "at": counted_at, "event": taken["event"]}
    assert (await zone(desk, "sewing"))["count"] == 7  # until the gateway has worked it out
    (event,) = (await desk["reader"].get("/api/v1/events?kind=stock_counted")).json()["items"]
    assert (event["id"], event["source"]) == (taken["event"], {"type": "person", "ref": "admin"})
    assert event["entered_at"] == format_time(NOW)


@pytest.mark.parametrize(
    ("name", "body", "status", "reason"),
    [
        ("nowhere", {"count": 1}, 422, "zone nowhere is not known"),
        ("packing", {"count": 1}, 409, "zone packing does not allow stock-takes"),
        ("sewing", {"count": -1}, 422, "count"),
        ("sewing", {"count": 1.5}, 422, "count"),
        ("sewing", {"count": 1, "zone": "x"}, 422, "zone"),
        ("sewing", {"count": 1, "at": format_time(NOW + timedelta(minutes=5))}, 422, "in the future"),
        ("sewing", {"count": 1, "at": format_time(NOW - timedelta(days=4))}, 409, "more than 3 days old"),
    ],
)
async def test_a_stock_take_that_cannot_be_taken_is_refused_with_the_reason(
    desk: Bench, name: str, body: dict[str, Any], status: int, reason: str
) -> None:
    answer = await desk["admin"].post(f"/api/v1/zones/{name}/stocktake", json=body)
    assert answer.status_code == status
    assert reason in answer.text
    assert (await desk["reader"].get("/api/v1/events?kind=stock_counted")).json()["items"] == []


async def test_only_the_zones_gateway_is_told_and_only_of_zones_that_allow_it(desk: Bench) -> None:
    for count in (12, 15):
        await desk["admin"].post("/api/v1/zones/sewing/stocktake", json={"count": count})
    taken = desk.collector.ledger.reads.stock_takes()
    assert {name: one.count for name, one in taken.items()} == {"sewing": 15}


async def test_the_page_takes_a_stock_take_and_the_board_shows_it_in_three_languages(desk: Bench) -> None:
    board = (await desk["admin"].get("/board?lang=en")).text
    assert 'href="/stocktake/sewing?lang=en"' in board
    assert "/stocktake/packing" not in board
    assert "/stocktake/" not in (await desk["board"].get("/board?lang=en")).text
    for language, word in (("zh", "清点到的件数"), ("ja", "数えた個数"), ("en", "Pieces counted")):
        assert word in (await desk["admin"].get(f"/stocktake/sewing?lang={language}")).text
    sent = await desk["admin"].post("/stocktake/sewing?lang=en", data={"count": "9", "ago_min": "30"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/board?lang=en")
    taken = (await zone(desk, "sewing"))["stock_take"]
    assert (taken["count"], taken["at"]) == (9, format_time(NOW - timedelta(minutes=30)))
    assert "counted 9 (" in (await desk["board"].get("/board?lang=en")).text
    refused = await desk["admin"].post("/stocktake/packing?lang=en", data={"count": "9"})
    assert (refused.status_code, "does not allow stock-takes" in refused.text) == (409, True)


@pytest.mark.requirement("R23", part="cameras count by the same contract")
async def test_a_vision_system_that_knows_what_is_in_its_zone_tells_it_over_http(desk: Bench) -> None:
    told = {
        "kind": "wip_changed",
        "id": "0198b0a0-0000-4000-8000-000000000007",
        "at": format_time(NOW),
        "source": {"type": "vision", "ref": "hall-cameras"},
        "zone": "hall",
        "count": 31,
        "by": 2,
        "error_estimate": 1,
    }
    for accepted in (1, 0):  # sent twice, taken once
        answer = await desk["events"].post("/api/v1/events", json={"events": [told]})
        assert (answer.status_code, answer.json()["accepted"], answer.json()["refused"]) == (200, accepted, [])
    assert (await zone(desk, "hall"))["count"] == 31
    assert (await zone(desk, "hall"))["error_estimate"] == 1


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("packing", {"count": 3}),  # its map does not allow it
        ("sewing", {"count": -3}),  # its gateway would refuse the whole dispatch document
        ("sewing", {"count": 3, "at": "2150-01-01T00:00:00Z"}),  # would hold against every later one
    ],
)
async def test_no_batch_of_events_gets_round_what_a_stock_take_must_be(
    desk: Bench, name: str, fields: dict[str, Any]
) -> None:
    event = {
        "kind": "stock_counted",
        "id": "0198b0a0-0000-4000-8000-000000000008",
        "at": format_time(NOW),
        "source": {"type": "api", "ref": "mes"},
        "zone": name,
    }
    answer = (await desk["events"].post("/api/v1/events", json={"events": [event | fields]})).json()
    assert answer["accepted"] == 0
    assert "POST /api/v1/zones/" in answer["refused"][0]["reason"]
    assert desk.collector.ledger.reads.stock_takes() == {}


async def test_a_stock_take_that_is_sent_again_with_its_key_is_taken_once(desk: Bench) -> None:
    headers = {"Idempotency-Key": "count-1"}
    body = {"count": 12, "at": format_time(NOW)}
    first, again = [
        await desk["admin"].post("/api/v1/zones/sewing/stocktake", json=body, headers=headers) for _ in range(2)
    ]
    other = await desk["admin"].post("/api/v1/zones/cutting/stocktake", json=body, headers=headers)
    assert (first.status_code, again.json()) == (200, first.json())
    assert other.status_code == 422
    events = (await desk["admin"].get("/api/v1/events", params={"kind": "stock_counted"})).json()["items"]
    assert [event["id"] for event in events] == [first.json()["event"]]
