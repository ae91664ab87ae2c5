"""The pages after a scan in a real browser: at the width of a small phone, in three languages, with few taps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from genba_cloud.api import SESSION_COOKIE
from tests.browser.support import NOW, Bench, bench, completed, served
from tests.browser.test_board_browser import OVERFLOW, browser  # noqa: F401 (a fixture)

pytestmark = pytest.mark.browser
SMALL = """() => [...document.querySelectorAll('button, select, input:not([type=hidden]), main a, summary')]
    .filter(one => one.offsetParent !== null && one.getBoundingClientRect().height < 48)
    .map(one => one.outerHTML.slice(0, 80))"""


@pytest_asyncio.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Bench]:
    """An order whose sewing a machine claims with two pieces missing."""
    async with bench(tmp_path, now=NOW) as running:
        await running.post_order()
        await running.tell(completed("WO-1001", "SEW", 6, at=NOW - timedelta(minutes=5)))
        yield running


async def labels(factory: Bench) -> dict[str | None, str]:
    answer = await factory["supervisor"].post("/api/v1/codes", json={"order": "A-1001"})
    return {item["node"]: item["code"] for item in answer.json()["items"]}


@asynccontextmanager
async def phone(browser: Browser, factory: Bench, role: str) -> AsyncIterator[tuple[Page, str]]:  # noqa: F811 (the fixture)
    """A phone on which somebody is signed in; errors on its console fail the test."""
    async with served(factory) as url:
        context = await browser.new_context(viewport={"width": 360, "height": 740})
        token = factory[role].cookies.get(SESSION_COOKIE)
        await context.add_cookies([{"name": SESSION_COOKIE, "value": str(token), "url": url}])
        page = await context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page, url
        assert errors == []
        await context.close()


@pytest.mark.requirement("R10", part="start, report, complete, undo and problems on a small phone")
@pytest.mark.requirement("R20", part="the pages of the floor fit a phone, in three languages")
@pytest.mark.parametrize("language", ["zh", "ja", "en"])
async def test_every_page_fits_a_small_phone_and_every_button_a_thumb(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
    language: str,
) -> None:
    codes = await labels(factory)
    async with phone(browser, factory, "supervisor") as (page, url):
        paths = [f"/q/{codes[node]}" for node in (None, "CUT", "SEW")] + [f"/q/{codes['CUT']}/problem", "/q", "/q/ABC"]
        for path in paths:
            await page.goto(f"{url}{path}?lang={language}")
            if await page.locator("summary").count():
                await page.locator("summary").click()
            assert await page.evaluate(OVERFLOW) <= 0, path
            assert await page.evaluate(SMALL) == [], path
            assert await page.evaluate("document.documentElement.lang") == language


@pytest.mark.requirement("R10", part="start, report, complete, undo and problems on a small phone")
async def test_from_start_to_undo_with_a_thumb(browser: Browser, factory: Bench) -> None:  # noqa: F811 (the fixture)
    codes = await labels(factory)
    async with phone(browser, factory, "operator") as (page, url):
        await page.goto(f"{url}/q/{codes['CUT']}?lang=en")
        await page.get_by_role("button", name="Start").click()
        await expect(page.get_by_role("status")).to_have_text("Entered: Start (Cutting)")
        await page.get_by_label("Good pieces").fill("5")
        await page.get_by_role("button", name="Report so far").click()
        await expect(page.locator(".amount").first).to_have_text("5 / 8 pcs")
        await page.get_by_role("button", name="Complete").click()
        await expect(page.locator(".stands b")).to_have_text("Done")
        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("status")).to_have_text("Taken back.")
        await expect(page.locator(".stands b")).to_have_text("In progress")


@pytest.mark.requirement("R10", part="start, report, complete, undo and problems on a small phone")
async def test_a_problem_is_told_with_two_taps_after_the_scan(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
) -> None:
    codes = await labels(factory)
    async with phone(browser, factory, "operator") as (page, url):
        await page.goto(f"{url}/q/{codes['CUT']}?lang=ja")
        await page.get_by_role("link", name="困っている").click()
        await page.get_by_role("button", name="材料").click()
        await expect(page.get_by_role("status")).to_contain_text("報告しました：材料")
        await page.get_by_role("button", name="不足").click()
        await expect(page.get_by_role("status")).to_have_text("原因を記録しました：材料不足")


async def test_the_sheet_prints_its_labels_and_nothing_else(browser: Browser, factory: Bench) -> None:  # noqa: F811 (the fixture)
    await labels(factory)
    async with phone(browser, factory, "supervisor") as (page, url):
        await page.goto(f"{url}/labels/A-1001?lang=zh")
        assert await page.evaluate(OVERFLOW) <= 0
        await expect(page.locator("svg")).to_have_count(4)
        box = await page.locator("svg").first.bounding_box()
        assert box is not None
        assert box["width"] > 120
        await page.emulate_media(media="print")
        await expect(page.locator(".screen")).to_be_hidden()
