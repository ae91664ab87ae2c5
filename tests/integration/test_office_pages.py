"""The pages of the office over a real collector: orders, one order, the meetings and the figures, for each viewer."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from genba_shared.clock import format_time
from genba_shared.events import (
    EpisodeOpened,
    Event,
    EventVoided,
    NodeConfirmed,
    NodeHeld,
    ProblemReported,
    Source,
    SourceType,
    StationChangedOver,
    StationState,
    StationStateChanged,
    TaskOpened,
    TaskPlanned,
)
from tests.browser.support import NOW, PLC, Bench, bench, completed, counted, order_body, started

PERSON = Source(type=SourceType.PERSON, ref="op-7")
SYSTEM = Source(type=SourceType.SYSTEM, ref="assessor")
HOUR = timedelta(hours=1)


def new_id() -> str:
    return str(uuid.uuid4())


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


async def text_of(desk: Bench, path: str, *, role: str = "admin", language: str = "en") -> str:
    mark = "&" if "?" in path else "?"
    answer = await desk[role].get(f"{path}{mark}lang={language}")
    assert answer.status_code == 200, answer.text
    return answer.text


def orders_on(text: str) -> list[str]:
    return re.findall(r'data-order="([^"]+)"', text)


async def three_orders(desk: Bench) -> None:
    """A-1001 is worked on at two nodes at once, A-1002 is four hours late, A-1003 has not begun."""
    await desk.post_order()
    await desk["orders"].post("/api/v1/orders", json=order_body("A-1002", customer="Cedar", start=NOW - 10 * HOUR))
    await desk["orders"].post("/api/v1/orders", json=order_body("A-1003", start=NOW + 24 * HOUR))
    await desk.tell(started("WO-1001", "CUT"), started("WO-1001", "SEW"))


@pytest.mark.requirement("R38")
async def test_the_list_counts_each_open_order_once_and_shows_the_worst_first(desk: Bench) -> None:
    await three_orders(desk)
    text = await text_of(desk, "/orders")
    assert orders_on(text)[0] == "A-1002"
    assert sorted(orders_on(text)) == ["A-1001", "A-1002", "A-1003"]
    assert "each order once, 3 in all" in text
    groups = re.findall(r"<ul>(.*?)</ul>", text[text.index('class="shares"') :], re.S)[:3]
    assert [sum(int(count) for count in re.findall(r"<b>(\d+)</b>", group)) for group in groups] == [3, 3, 3]


async def test_the_list_is_filtered_by_what_stands_in_the_address(desk: Bench) -> None:
    await three_orders(desk)
    cases = [
        ("customer=Cedar", ["A-1002"]),
        ("text=1003", ["A-1003"]),
        ("text=WO-1001", ["A-1001"]),
        ("status=delayed", ["A-1002"]),
        ("stage=CUT&sort=number", ["A-1001", "A-1002", "A-1003"]),
        ("level=none&sort=promised", ["A-1001", "A-1003"]),
        ("site=elsewhere", []),
        ("state=finished", []),
        ("level=purple&sort=sideways&after=nonsense&status=x", ["A-1002", "A-1001", "A-1003"]),
    ]
    for asked, expected in cases:
        assert orders_on(await text_of(desk, f"/orders?{asked}")) == expected, asked


async def test_pages_of_the_list_follow_one_another(desk: Bench) -> None:
    for number in range(2001, 2061):
        await desk["orders"].post("/api/v1/orders", json=order_body(f"A-{number}"))
    first = await text_of(desk, "/orders?sort=number")
    link = re.search(r'class="next" href="([^"]+)"', first)
    assert link is not None
    second = await desk["admin"].get(link[1].replace("&amp;", "&"))
    numbers = [f"A-{number}" for number in range(2001, 2061)]
    assert orders_on(first) + orders_on(second.text) == numbers
    assert 'class="next"' not in second.text


@pytest.mark.requirement("R15", part="one board of all areas, by a link that only reads and knows no customer")
async def test_the_board_link_sees_orders_without_their_customers_and_without_their_past(desk: Bench) -> None:
    await three_orders(desk)
    listed = await text_of(desk, "/orders", role="board")
    filtered = await text_of(desk, "/orders?customer=Cedar", role="board")
    page = await text_of(desk, "/orders/A-1002", role="board")
    found = await text_of(desk, "/orders?text=Cedar", role="board")
    assert sorted(orders_on(filtered)) == ["A-1001", "A-1002", "A-1003"]  # it cannot look for a customer either
    assert orders_on(found) == []
    assert "Cedar" not in listed
    assert "Cedar" not in page
    assert "What happened" not in page
    assert "/kpis" not in page
    assert "What happened" in await text_of(desk, "/orders/A-1002")


async def test_an_order_shows_its_plan_what_happened_and_what_that_rests_on(desk: Bench) -> None:
    await desk.post_order()
    claim = completed("WO-1001", "CUT", 8)
    confirmed = NodeConfirmed(
        id=new_id(), at=NOW, source=PERSON, work_order="WO-1001", node="SEW", pieces=8, note="looks good"
    )
    problem = ProblemReported(
        id=new_id(), at=NOW, source=PERSON, category="material", work_order="WO-1001", note="<b>no buttons</b>"
    )
    await desk.tell(started("WO-1001", "CUT", NOW - HOUR), counted("WO-1001", "CUT", 8), claim, confirmed, problem)
    await desk.tell(NodeHeld(id=new_id(), at=NOW, source=PERSON, work_order="WO-1001", node="PACK", reason="wait"))
    text = await text_of(desk, "/orders/A-1001")
    assert "This is a forecast, not a promise" in text
    assert "reported complete · machine cutter1/good" in text
    assert re.search(r"<b>confirmed</b> <span class=\"muted\">person op-7</span>.*looks good", text)
    assert "&lt;b&gt;no buttons&lt;/b&gt;" in text
    assert "cause not known yet" in text
    assert "on hold" in text
    bars = {
        name: re.findall(r'rect class="(\w+)"', row)
        for name, row in re.findall(r'data-node="(\w+)">(.*?)</svg>', text, re.S)
    }
    assert "actual" in bars["Cutting"]
    assert "expected" not in bars["Cutting"]
    assert "expected" in bars["Packing"]
    assert all("baseline" in row and "promise" in row and "now" in row for row in bars.values())


async def test_an_order_that_is_unknown_is_said_to_be_so_and_a_strange_name_does_no_harm(desk: Bench) -> None:
    for order in ("A-9999", "%3Cscript%3E", "a/b"):
        answer = await desk["admin"].get(f"/orders/{order}?lang=en")
        assert answer.status_code == 404
        assert "<script>" not in answer.text
    await desk["orders"].post("/api/v1/orders", json=order_body("A-1/2 ü"))
    listed = await text_of(desk, "/orders")
    link = re.search(r'class="order"[^>]*><a href="([^"]+)"', listed)
    assert link is not None
    assert "A-1/2 ü" in (await desk["admin"].get(link[1])).text


async def test_history_is_read_in_pages(desk: Bench) -> None:
    await desk.post_order()
    await desk.tell(*(started("WO-1001", "CUT", NOW - timedelta(minutes=number)) for number in range(120)))
    text = await text_of(desk, "/orders/A-1001")
    older = re.search(r'href="([^"]+before=\d+)#history"', text)
    assert older is not None
    rest = (await desk["admin"].get(older[1].replace("&amp;", "&"))).text
    kinds = [re.findall(r"<b>started</b>", page[page.index('id="history"') :]) for page in (text, rest)]
    assert len(kinds[0]) + len(kinds[1]) == 120
    assert "order confirmed" not in text[text.index('id="history"') :]
    assert "order confirmed" in rest


async def late_with_plan(desk: Bench) -> None:
    """A-1002 is late; a task about it has a plan that was made an hour after it was told."""
    await three_orders(desk)
    told = EpisodeOpened(
        id=new_id(), at=NOW - 3 * HOUR, source=SYSTEM, order="A-1002", level="red", late_s=50_000, lead_s=28_800
    )
    task = TaskOpened(
        id=new_id(), at=NOW - 3 * HOUR, source=SYSTEM, target=told.id, recipient="management", order="A-1002"
    )
    plan = TaskPlanned(
        id=new_id(),
        at=NOW - 2 * HOUR,
        source=PERSON,
        target=task.id,
        cause="machine_down",
        owner="op-7",
        due=NOW + HOUR,
        order="A-1002",
        note="second shift",
    )
    await desk.collector.ledger.append_decisions([told, task])
    await desk.tell(plan)


@pytest.mark.requirement("R16")
async def test_the_morning_meeting_begins_with_what_is_red_and_names_who_does_what(desk: Bench) -> None:
    await late_with_plan(desk)
    answer = await desk["reader"].get("/api/v1/reports/morning")
    report = answer.json()
    assert answer.status_code == 200, answer.text
    assert report["since"] == format_time(NOW - 24 * HOUR)
    assert report["distribution"]["open"] == 3
    assert sum(one["orders"] for one in report["distribution"]["levels"]) == 3
    first = report["orders"][0]
    assert (first["order"], first["level"], first["level_before"]) == ("A-1002", "red", "none")
    assert first["late_node"]["node"] == "CUT"
    assert (first["answer"]["cause"], first["answer"]["action"]) == ("machine_down", "second shift")
    assert report["opened"] == ["A-1001", "A-1002", "A-1003"]
    assert [one["owner"] for one in report["tasks"]] == ["op-7"]
    text = await text_of(desk, "/reports/morning", language="ja")
    assert "second shift" in text
    assert orders_on(text)[0] == "A-1002"


@pytest.mark.requirement("R39")
@pytest.mark.requirement("R45", part="late orders with cause, node, owner and action, and what the action changed")
async def test_the_weekly_review_says_why_orders_were_late_and_what_actions_changed(desk: Bench) -> None:
    await late_with_plan(desk)
    report = (await desk["reader"].get("/api/v1/reports/weekly")).json()
    assert [one["order"] for one in report["delayed"]] == ["A-1002"]
    assert [(one["cause"], one["orders"], one["cumulative"]) for one in report["causes"]] == [("machine_down", 1, 1.0)]
    effect = report["effects"][0]
    assert (effect["order"], effect["before"]["percent"]) == ("A-1002", "173.6")
    assert effect["after"] == report["delayed"][0]["deviation"]
    assert [(one["day"], one["planned"], one["kept"]) for one in report["days"]] == [
        ("2026-01-05", 3, 0),
    ]
    text = await text_of(desk, "/reports/weekly", language="zh")
    assert "machine_down" in text
    assert "second shift" in text
    assert "points better" in await text_of(desk, "/reports/weekly")


async def figures(desk: Bench, **asked: str) -> dict[str, dict[str, object]]:
    answer = await desk["reader"].get("/api/v1/kpis", params=asked)
    assert answer.status_code == 200, answer.text
    return {one["kpi"]: one for one in answer.json()["kpis"]}


@pytest.mark.trap("metrics without data")
async def test_figures_without_data_are_null_and_the_page_says_no_data(desk: Bench) -> None:
    found = await figures(desk)
    assert len(found) == 16
    assert {one["value"] for one in found.values()} == {None}
    text = await text_of(desk, "/kpis")
    assert text.count("no data") == 16
    assert "100.0 %" not in text
    await week_before_and_after(desk)


@pytest.mark.requirement("R40")
async def test_figures_follow_what_happened_and_what_was_taken_back_is_in_none(desk: Bench) -> None:
    await desk.post_order(start=NOW - 8 * HOUR, nodes=("CUT",), promised=NOW)
    begun, claim = started("WO-1001", "CUT", NOW - 3 * HOUR), completed("WO-1001", "CUT", 8, NOW - HOUR)

    def change(minutes: int) -> Event:
        return StationChangedOver(
            id=new_id(),
            at=NOW - HOUR,
            source=PLC,
            station="CUT-1",
            work_order="WO-1001",
            node="CUT",
            begin=NOW - HOUR - timedelta(minutes=minutes),
            end=NOW - HOUR,
            before_work_order="WO-1000",
            before_node="CUT",
        )

    wrong = change(600)
    states = [
        StationStateChanged(
            id=new_id(), at=NOW - hours * HOUR, source=PLC, station="CUT-1", state=state, since=NOW - hours * HOUR
        )
        for hours, state in ((4, StationState.SETUP), (3, StationState.RUNNING), (1, StationState.IDLE))
    ]
    await desk.tell(begun, counted("WO-1001", "CUT", 8, at=NOW - 2 * HOUR), claim, change(12), wrong, *states)
    await desk.tell(EventVoided(id=new_id(), at=NOW - HOUR, source=PERSON, target=wrong.id, reason="wrong"))
    found = await figures(desk)
    assert (found["changeover"]["value"], found["changeover"]["counted"]) == (720, 1)
    assert found["operation_time"]["value"] == 7200
    assert found["quality_ratio"]["value"] == 1.0
    assert found["promise_attainment"]["value"] == 1.0
    assert found["on_time"]["value"] == 0.0  # its baseline ended 6 h ago
    assert found["utilisation_efficiency"]["value"] == pytest.approx(2 / 3)
    assert found["throughput_rate"]["value"] == 4.0
    assert found["waiting"]["value"] is None
    past = await figures(desk, **{"from": "2025-12-01T00:00:00Z", "to": "2025-12-08T00:00:00Z"})
    assert past["operation_time"]["value"] is None


async def test_a_time_that_cannot_be_answered_is_refused_with_the_reason(desk: Bench) -> None:
    cases = [
        ("kpis?from=yesterday", "is not an RFC 3339 time"),
        ("kpis?from=2026-01-05T00:00:00Z&to=2026-01-01T00:00:00Z", "from must lie before to"),
        ("reports/weekly?from=2025-01-01T00:00:00Z", "at most 31 days"),
        ("reports/morning?since=9999-12-31T00:00:00Z", "is not an RFC 3339 time"),
        ("reports/morning?since=2025-01-01T00:00:00Z", "at most 31 days"),
    ]
    for asked, said in cases:
        answer = await desk["reader"].get(f"/api/v1/{asked}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), asked
        assert said in answer.json()["detail"], asked


async def week_before_and_after(desk: Bench) -> None:
    """They are one link away from each other."""
    text = await text_of(desk, "/reports/weekly")
    earlier = re.search(r'href="([^"]+)" rel="prev"', text)
    assert earlier is not None
    assert 'rel="next"' not in text
    before = (await desk["admin"].get(earlier[1].replace("&amp;", "&"))).text
    assert "Mon 29 Dec 2025 09:00" in before
    assert 'rel="next"' in before
