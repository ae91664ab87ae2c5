"""The pages in a real browser: they fit, they speak, they follow the factory, they admit when they are old."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from genba_cloud.api import SESSION_COOKIE
from genba_cloud.ledger import GatewaySeen
from genba_shared.events import Confidence, Event, Source, SourceType, StationState, StationStateChanged, WipChanged
from tests.browser.chromium import ARGUMENTS
from tests.browser.support import NOW, PASSWORD, Bench, bench, completed, counted, served, started

pytestmark = pytest.mark.browser

SIZES = {"screen": (1920, 1080), "desk": (1280, 800), "phone": (390, 844), "narrow": (320, 700)}
WATCH = """() => {
    window.seen = new Promise(done => {
        const shows = () => document.querySelector('[data-order="A-1001"] .node .amount').textContent === "4/5";
        new MutationObserver(() => shows() && done(true)).observe(document.body, {childList: true, subtree: true});
    });
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        await running.close()


@pytest_asyncio.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, now=NOW) as running:
        await fill(running)
        yield running


async def fill(running: Bench) -> None:
    """Orders in every level and nodes in every status, zones and gateways."""
    nodes = ("CUT", "SEW", "INS", "PACK")
    starts = {
        "A-1001": -1.0,
        "A-1002": -9.0,
        "A-1003": -4.9,
        "A-1004": -4.4,
        "A-1005": 0.5,
        "A-1006": -20.0,
        "A-1007": -0.5,
    }
    for number, (order, start) in enumerate(starts.items()):
        await running.post_order(
            order=order,
            start=NOW + timedelta(hours=start),
            nodes=nodes,
            quantity=5 + number,
            customer=["Blue Shirt Co", "Minami Tailors 株式会社", "Nordwind GmbH"][number % 3],
        )
    await running.tell(*facts())
    for node in nodes:
        at = NOW - timedelta(hours=13)
        await running.tell(counted("WO-1006", node, 10, at=at), completed("WO-1006", node, 10, at))
    await running.tell(*zones())
    await heard(running)


def facts() -> list[Event]:
    early = NOW - timedelta(hours=6)
    return [
        started("WO-1001", "CUT", NOW - timedelta(minutes=50)),
        counted("WO-1001", "CUT", 3),
        started("WO-1002", "CUT", early),
        counted("WO-1002", "CUT", 6, at=early),
        completed("WO-1002", "CUT", 6, early),
        started("WO-1002", "SEW", early),
        counted("WO-1002", "SEW", 2, at=early),
        started("WO-1003", "CUT", early),
        counted("WO-1003", "CUT", 7, at=early),
        completed("WO-1003", "CUT", 7, early),
        started("WO-1003", "SEW", NOW - timedelta(hours=2)),
        counted("WO-1003", "SEW", 5),
        counted("WO-1004", "CUT", 6, at=early),
        completed("WO-1004", "CUT", 6, NOW - timedelta(hours=2), confidence=Confidence.AMBIGUOUS),
    ]


def zones() -> list[Event]:
    counts = {"cut-buffer": 12, "sewing": 7, "packing": 3}
    source = Source(type=SourceType.RFID, ref="gate")
    return [
        WipChanged(
            id=f"00000000-0000-4000-8000-00000000000{index}",
            at=NOW,
            source=source,
            zone=zone,
            count=count,
            by=1,
            error_estimate=index % 2,
        )
        for index, (zone, count) in enumerate(counts.items())
    ]


def machines() -> list[Event]:
    """Three machines that changed every 36 minutes, in every state that there is."""
    states = [state for state in StationState if state is not StationState.UNKNOWN]
    source = Source(type=SourceType.PLC, ref="cutter1/state")
    return [
        StationStateChanged(
            id=f"00000000-0000-4000-8000-0000000001{number:02d}",
            at=NOW - timedelta(minutes=12 * (36 - number)),
            source=source,
            station=f"M-{number % 3}",
            state=states[(number // 3 + number) % len(states)],
            since=NOW - timedelta(minutes=12 * (36 - number)),
        )
        for number in range(36)
    ]


async def heard(running: Bench, gateway: str = "line-1", *, seconds_ago: float = 0, lost: bool = False) -> None:
    """A gateway said how it is."""
    device = {"status": "lost" if lost else "online", "since": "2026-01-05T08:59:00.000Z", "reason": "no answer"}
    state = {"online": True, "epoch": "0" * 32, "next_seq": {"facts": 9}, "devices": {"cutter1": device}}
    seen = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    await running.collector.ledger.see_gateway(GatewaySeen(gateway=gateway, state=state, seen_at=seen))


@asynccontextmanager
async def opened(
    browser: Browser, running: Bench, *, size: str = "screen", path: str = "/board?lang=en", expected: str = "none"
) -> AsyncIterator[Page]:
    """A page of a signed-in person; a console error or a blocked request fails the test."""
    width, height = SIZES[size]
    async with served(running) as url:
        context: BrowserContext = await browser.new_context(viewport={"width": width, "height": height})
        token = running["admin"].cookies[SESSION_COOKIE]
        await context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": url}])
        page = await context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(url) else problems.append(asked.url))
        await page.goto(url + path)
        yield page
        await context.close()
        assert [problem for problem in problems if expected not in problem] == []


async def fits(page: Page) -> None:
    """Wait until nothing stands out at the side; a page that missed something draws itself once more."""
    await page.wait_for_function(f"{OVERFLOW} <= 0")


async def live(page: Page) -> None:
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["zh", "ja", "en"])
async def test_the_board_fits_in_every_language(
    browser: Browser, factory: Bench, size: str, language: str, tmp_path: Path
) -> None:
    async with opened(browser, factory, size=size, path=f"/board?lang={language}") as page:
        await live(page)
        await fits(page)
        await expect(page.locator("#rows .row")).to_have_count(6)
        clipped = "els => els.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
        assert await page.locator(".date time, .level .percent, .node .amount, .legend dd").evaluate_all(clipped) == []
        await page.screenshot(path=tmp_path / "board.png", full_page=True)


@pytest.mark.parametrize("size", ["screen", "narrow"])
async def test_the_stations_fit_in_every_language(browser: Browser, factory: Bench, size: str, tmp_path: Path) -> None:
    await factory.tell(*machines())
    async with opened(browser, factory, size=size, path="/stations") as page:
        for language in ("zh", "ja", "en"):
            await page.get_by_role("link", name={"zh": "中文", "ja": "日本語", "en": "English"}[language]).click()
            await expect(page.locator(f"html[lang={language}]")).to_have_count(1)
            await fits(page)
            await expect(page.locator(".lanes li[data-station^=M-] .bar")).to_have_count(3)
            await page.screenshot(path=tmp_path / f"stations-{language}.png", full_page=True)


async def test_red_and_orange_stand_on_top_and_finished_orders_at_the_end(browser: Browser, factory: Bench) -> None:
    async with opened(browser, factory) as page:
        levels = await page.locator("#rows .row").evaluate_all("rows => rows.map(row => row.dataset.level)")
        ranks = [{"red": 0, "orange": 1}.get(level, 2) for level in levels]
        assert ranks == sorted(ranks)
        assert set(levels) >= {"red", "orange", "yellow", "none"}
        await expect(page.locator("#done summary")).to_contain_text("1")
        await expect(page.locator("#done .row")).to_be_hidden()


async def test_all_five_statuses_are_drawn(browser: Browser, factory: Bench) -> None:
    async with opened(browser, factory) as page:
        for status in ("pending", "in_progress", "done", "delayed", "awaiting_confirmation"):
            assert await page.locator(f"#rows .node.status-{status}").count() > 0, status
            assert await page.locator(f".legend .status-{status}").count() == 1


@pytest.mark.requirement("R14")
async def test_a_count_reaches_the_page_within_half_a_second(browser: Browser, factory: Bench) -> None:
    async with opened(browser, factory) as page:
        await live(page)
        amount = page.locator('[data-order="A-1001"] .node .amount').first
        await expect(amount).to_have_text("3/5")
        await page.evaluate(WATCH)
        begun = time.monotonic()
        await factory.tell(counted("WO-1001", "CUT", 1, total=4))
        await page.evaluate("window.seen")
        assert time.monotonic() - begun < 0.5
        await expect(amount).to_have_text("4/5")


async def test_a_new_order_takes_its_place_and_a_finished_one_goes_to_the_end(browser: Browser, factory: Bench) -> None:
    async with opened(browser, factory) as page:
        await live(page)
        await factory.post_order(order="A-2000", nodes=("CUT",), start=NOW)
        await expect(page.locator('#rows [data-order="A-2000"]')).to_be_visible()
        await expect(page.locator('[data-count="open"]')).to_have_text("7")
        await factory.tell(counted("WO-2000", "CUT", 8), completed("WO-2000", "CUT", 8))
        await expect(page.locator('#done-rows [data-order="A-2000"]')).to_have_count(1)
        await expect(page.locator('[data-count="open"]')).to_have_text("6")
        await expect(page.locator('[data-count="done"]')).to_have_text("2")


async def test_the_first_order_replaces_the_words_for_an_empty_board(browser: Browser, tmp_path: Path) -> None:
    async with bench(tmp_path) as empty, opened(browser, empty) as page:
        await live(page)
        await expect(page.locator("#empty")).to_contain_text("genba cloud key create")
        assert await page.evaluate(OVERFLOW) <= 0
        await empty.post_order()
        await expect(page.locator('[data-order="A-1001"]')).to_be_visible()
        await expect(page.locator("#empty")).to_have_count(0)


@pytest.mark.requirement("R14")
async def test_old_data_is_said_in_a_band_and_new_data_takes_it_away(browser: Browser, factory: Bench) -> None:
    async with opened(browser, factory) as page:
        await live(page)
        await expect(page.locator("#band")).to_be_hidden()
        await heard(factory, seconds_ago=75, lost=True)
        await expect(page.locator("#band")).to_be_visible()
        await expect(page.locator("#gateways")).to_contain_text("cutter1")
        await heard(factory)
        await expect(page.locator("#band")).to_be_hidden()


async def test_a_lost_connection_is_said_at_once(browser: Browser, factory: Bench) -> None:
    async with opened(browser, factory) as page:
        await live(page)
        factory.collector.live.end()
        await expect(page.locator("#connection")).to_have_attribute("data-state", "reconnecting")
        await expect(page.locator("#connection")).to_have_text("reconnecting")


async def test_a_person_signs_in_with_the_keyboard_and_chooses_a_password(browser: Browser, factory: Bench) -> None:
    one_time = factory.collector.authority.reset_password("admin")
    async with opened(browser, factory, size="phone", path="/login?lang=en", expected="401") as page:
        assert await page.evaluate(OVERFLOW) <= 0
        await page.keyboard.type("not the password")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("genba cloud user reset admin")
        await page.keyboard.type(one_time)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(pattern("/password"))
        await expect(page.locator("input:focus")).to_have_count(1)
        for field in (one_time, PASSWORD, PASSWORD):
            await page.keyboard.type(field)
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(pattern("/board"))
        await live(page)


def pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path) + r"(\?|$)")
