"""Looking ahead over HTTP: what orders wait for, where the bottleneck is, load, and what is written down as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_shared.events import StationState, StationStateChanged
from tests.browser.support import NOW, PLC, Bench, bench, completed, order_body, started

WAIT_S = 30.0
PAGE_WORDS = {
    "en": ("Where does work wait now?", "No work centre stands out", "machines: 1", "A forecast, not a promise."),
    "zh": ("现在工作堵在哪里？", "没有哪个工作中心明显突出", "机器 1 台", "这是预测，不是承诺。"),
    "ja": ("いまどこで仕事が待っている？", "機械 1 台", "予測であり、約束ではありません。"),
}
EPOCH = "0123456789abcdef0123456789abcdef"


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        await two_orders_at_one_cutter(running)
        yield running


async def two_orders_at_one_cutter(desk: Bench) -> None:
    """A-1 and A-2: CUT, SEW and PACK of 6 h each from 09:00 on, both to be cut at CUT-1; A-1 is promised first."""
    for number, hours in ((1, 30), (2, 60)):
        body = order_body(f"A-{number}", hours=6, promised=NOW + timedelta(hours=hours))
        assert (await desk["orders"].post("/api/v1/orders", json=body)).status_code == 201
    rows = [{"work_order": f"WO-{number}", "node": "CUT", "quantity": 8} for number in (2, 1)]
    answer = await desk["dispatch"].post("/api/v1/stations/CUT-1/queue", json={"rows": rows})
    assert answer.status_code in {200, 201}


async def read(desk: Bench, path: str, role: str = "reader") -> Any:
    answer = await desk[role].get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await check():  # noqa: ASYNC110 - the assessor gives no signal to clients of the API
            await asyncio.sleep(0.05)


async def told(desk: Bench, order: str) -> list[str]:
    page = await read(desk, f"events?kind=forecast_issued&order={order}")
    return [event["p50"] for event in page["items"]]


@pytest.mark.requirement("R42", part="one expected finish by the queues in front of machines, told anew when it moves")
async def test_the_forecast_of_an_order_says_for_which_machine_it_waits(desk: Bench) -> None:
    found = await read(desk, "orders/A-2/forecast", "board")
    assert found["expected_finish"] == "2026-01-06T09:00:00.000Z"  # 18 h of work from 15:00 on
    assert (found["statement"], found["method"]) == ("This is a forecast, not a promise.", "due_date_queue")
    assert (found["range"], found["p_late"], found["finished"]) == (None, None, False)
    assert (found["expected_late"], found["late_s"]) == (False, -36 * 3_600)
    cut, sew, _ = found["nodes"]
    assert (cut["station"], cut["waits_s"], cut["work_s"], cut["on_hold"]) == ("CUT-1", 21_600, 21_600, False)
    assert (cut["expected_start"], cut["expected_finish"]) == ("2026-01-05T15:00:00.000Z", "2026-01-05T21:00:00.000Z")
    assert (sew["station"], sew["work_centre"], sew["waits_s"]) == (None, None, 0)
    assert (await desk["reader"].get("/api/v1/orders/A-9/forecast")).status_code == 404


async def test_an_order_that_will_break_its_promise_says_so(desk: Bench) -> None:
    await desk["orders"].post("/api/v1/orders", json=order_body("A-2", hours=6, promised=NOW + timedelta(hours=23)))
    found = await read(desk, "orders/A-1/forecast")
    assert (found["expected_late"], found["late_s"]) == (False, -12 * 3_600 + 6 * 3_600)
    await desk["orders"].post("/api/v1/orders", json=order_body("A-1", hours=6, promised=NOW + timedelta(hours=23.5)))
    found = await read(desk, "orders/A-1/forecast")
    assert (found["expected_late"], found["late_s"]) == (True, 1_800)


async def test_orders_are_shown_with_the_queue_in_front_of_them_and_without_it_once_it_is_gone(desk: Bench) -> None:
    async def expected(finish: str) -> bool:
        return bool((await read(desk, "orders/A-2"))["expected_finish"] == finish)

    await until(lambda: expected("2026-01-06T09:00:00.000Z"))
    await desk.tell(started("WO-1", "CUT"), completed("WO-1", "CUT", 8))
    await until(lambda: expected("2026-01-06T03:00:00.000Z"))


@pytest.mark.requirement("R42", part="one expected finish by the queues in front of machines, told anew when it moves")
async def test_a_forecast_is_written_down_when_it_moves_far_and_only_once_over_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path) as first:
        await two_orders_at_one_cutter(first)
        await until(lambda: _is(told(first, "A-2"), ["2026-01-06T09:00:00.000Z"]))
    async with bench(tmp_path) as second:
        await second.tell(started("WO-1", "CUT"), completed("WO-1", "CUT", 8))
        await until(lambda: _is(told(second, "A-2"), ["2026-01-06T09:00:00.000Z", "2026-01-06T03:00:00.000Z"]))
        assert await told(second, "A-1") == []  # expected as planned all the time


async def _is(told_now: Awaitable[list[str]], wanted: list[str]) -> bool:
    found = await told_now
    assert len(found) <= len(wanted), found
    return found == wanted


@pytest.mark.requirement("R43", part="the bottleneck of now")
@pytest.mark.requirement("R108", part="queue time in working time, and hours of work that wait in front of machines")
async def test_the_bottleneck_is_where_hours_of_work_wait_for_each_machine(desk: Bench) -> None:
    found = await read(desk, "bottlenecks", "board")
    (cut,) = found["items"]
    assert (cut["site"], cut["work_centre"], cut["machines"], cut["stations"]) == ("demo", "CUT-1", 1, ["CUT-1"])
    assert (cut["waiting_hours_per_machine"], cut["waiting_nodes"], cut["coming_s"]) == (12.0, 2, 0)
    assert cut["last_shift"]["utilisation"] is None
    assert found["stands_out"] == []  # it is the only one
    body = order_body("A-3", hours=1)
    await desk["orders"].post("/api/v1/orders", json=body)
    rows = {"rows": [{"work_order": "WO-3", "node": "SEW", "quantity": 8}]}
    await desk["dispatch"].post("/api/v1/stations/SEW-1/queue", json=rows)
    found = await read(desk, "bottlenecks")
    assert [(one["work_centre"], one["waiting_s"], one["coming_s"]) for one in found["items"]] == [
        ("CUT-1", 43_200, 0),
        ("SEW-1", 0, 3_600),
    ]
    assert found["stands_out"] == [{"site": "demo", "work_centre": "CUT-1"}]


@pytest.mark.requirement("R44")
async def test_utilisation_of_the_last_shift_is_that_of_the_known_time_of_its_stations(desk: Bench) -> None:
    def state(seq: int, hours_ago: float, what: StationState) -> StationStateChanged:
        at = NOW - timedelta(hours=hours_ago)
        return StationStateChanged(id=f"gw:{EPOCH}:{seq}", at=at, source=PLC, station="CUT-1", state=what, since=at)

    await desk.hear(state(1, 8, StationState.RUNNING), state(2, 6, StationState.IDLE), state(3, 0, StationState.OFF))
    (cut,) = (await read(desk, "bottlenecks"))["items"]
    assert cut["last_shift"] == {
        "since": "2026-01-05T01:00:00.000Z",
        "until": "2026-01-05T09:00:00.000Z",
        "utilisation": 0.25,
    }
    page = await desk["board"].get("/bottlenecks?lang=en")
    assert "utilisation 25 %" in page.text


async def test_machines_of_master_data_count_from_when_they_are_put_in(desk: Bench) -> None:
    for path, body in (
        ("sites/demo", {}),
        ("work-centres/cutting", {"site": "demo"}),
        ("stations/CUT-1", {"work_centre": "cutting", "machines": 2}),
    ):
        assert (await desk["admin"].put(f"/api/v1/{path}", json=body)).status_code == 201

    async def is_known() -> bool:
        return bool([one["work_centre"] for one in (await read(desk, "bottlenecks"))["items"]] == ["cutting"])

    await until(is_known)
    (cutting,) = (await read(desk, "bottlenecks"))["items"]
    assert (cutting["machines"], cutting["stations"]) == (2, ["CUT-1"])
    assert (cutting["waiting_s"], cutting["waiting_hours_per_machine"]) == (43_200, 6.0)
    assert (await read(desk, "orders/A-2/forecast"))["expected_finish"] == "2026-01-06T03:00:00.000Z"


@pytest.mark.requirement("R44")
async def test_load_is_held_against_the_capacity_of_the_weeks_to_come(desk: Bench) -> None:
    found = await read(desk, "capacity?weeks=2")
    (cut,) = found["items"]
    assert [(week["since"], week["until"]) for week in cut["weeks"]] == [
        ("2026-01-05T09:00:00.000Z", "2026-01-12T00:00:00.000Z"),
        ("2026-01-12T00:00:00.000Z", "2026-01-19T00:00:00.000Z"),
    ]
    assert [(week["load_s"], week["capacity_s"], week["share"]) for week in cut["weeks"]] == [
        (43_200, 572_400, 0.0755),
        (0, 604_800, 0.0),
    ]


async def test_a_number_of_weeks_that_is_not_possible_is_refused(desk: Bench) -> None:
    for weeks in ("0", "27", "many"):
        assert (await desk["reader"].get(f"/api/v1/capacity?weeks={weeks}")).status_code == 422


async def test_the_page_shows_queues_and_weeks_as_bars_in_each_language(desk: Bench) -> None:
    for language, words in PAGE_WORDS.items():
        answer = await desk["board"].get(f"/bottlenecks?lang={language}")
        assert answer.status_code == 200
        assert 'data-centre="CUT-1"' in answer.text
        assert '<b class="utilisation">12.0 h</b>' in answer.text
        assert '<rect class="queue" x="0" y="4" width="1000.0" height="19"/>' in answer.text
        assert "8 %" in answer.text
        assert [word for word in words if word not in answer.text] == []
