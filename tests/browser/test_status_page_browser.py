"""The gateway's status page in a real browser: it fits, it speaks, it follows, it can be read, it admits a silence."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from genba_edge.app.snapshot import Snapshot
from genba_edge.app.status import bind_status, status_page
from genba_edge.core.present import DeviceStatus
from genba_shared.events import StationState
from tests.browser.chromium import ARGUMENTS
from tests.unit.edge.test_status_page import NOW, device, point, snapshot

pytestmark = pytest.mark.browser

SIZES = {"desk": (1280, 800), "phone": (390, 844), "narrow": (320, 700)}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CONTRAST = """() => {
    const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
        return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    };
    const ground = (element) => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if (colour !== "rgba(0, 0, 0, 0)") return colour;
        }
        return "rgb(255, 255, 255)";
    };
    const bad = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.getClientRects().length) continue;
        const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) bad.push(`${element.className} ${element.textContent.slice(0, 30)} ${ratio.toFixed(1)}`);
    }
    return bad;
}"""


class Gateway:
    """What the page is shown; a test changes it, or lets it hang."""

    def __init__(self) -> None:
        states = list(StationState)
        self.now: Snapshot = replace(
            snapshot(
                device(point("parts", 41), point("a-long-name-of-a-point", "WO-2026-000123", reason="exception 2")),
                replace(device(status=DeviceStatus.LOST, reason="no answer from 10.1.2.3:502 within 3 s"), id="oven"),
                replace(device(status=DeviceStatus.CONNECTING), id="gate", age_s=None, poll_s=()),
            ),
            stations={f"ST-{number}": (state, NOW) for number, state in enumerate(states)},
            derive_failures=2,
        )
        self.hangs = False

    def take(self) -> Snapshot:
        if self.hangs:
            raise RuntimeError
        self.now = replace(self.now, at=self.now.at + timedelta(seconds=1))
        return self.now


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        await running.close()


@asynccontextmanager
async def shown(browser: Browser, gateway: Gateway, *, size: str = "desk", query: str = "") -> AsyncIterator[Page]:
    listener = bind_status("127.0.0.1:0")
    assert listener is not None
    width, height = SIZES[size]
    with listener:
        async with status_page(listener, gateway.take) as url:
            page = await browser.new_page(viewport={"width": width, "height": height}, locale="zh-CN")
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            await page.goto(url + query)
            yield page
            await page.close()
            assert [line for line in said if "503" not in line] == []


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
async def test_it_fits_and_can_be_read_in_every_language_and_size(browser: Browser, language: str) -> None:
    for size in SIZES:
        async with shown(browser, Gateway(), size=size, query=f"?lang={language}") as page:
            for details in await page.locator("details").all():
                await details.evaluate("each => each.open = true")
            assert await page.evaluate(OVERFLOW) <= 0, size
            assert await page.evaluate(CONTRAST) == [], size


async def test_it_speaks_the_language_of_the_browser_until_another_is_chosen(browser: Browser) -> None:
    async with shown(browser, Gateway()) as page:
        await expect(page.locator("h2").first).to_have_text("设备")
        await page.get_by_role("link", name="日本語").click()
        await expect(page.locator("h2").first).to_have_text("装置")
        assert await page.locator("html").get_attribute("lang") == "ja"


async def test_it_follows_by_itself_and_what_is_open_stays_open(browser: Browser) -> None:
    gateway = Gateway()
    async with shown(browser, gateway) as page:
        await page.locator("#device-cutter1 summary").click()
        await expect(page.locator("#device-cutter1 td.value").first).to_have_text("41")
        gateway.now = replace(gateway.now, devices=(device(point("parts", 42)), *gateway.now.devices[1:]))
        await expect(page.locator("#device-cutter1 td.value").first).to_have_text("42", timeout=20_000)
        assert await page.locator("#device-cutter1").evaluate("each => each.open")
        assert not await page.locator("#device-oven").evaluate("each => each.open")
        assert await page.evaluate("document.activeElement.closest('details').id") == "device-cutter1"


async def test_a_gateway_that_falls_silent_is_said_and_so_is_its_return(browser: Browser) -> None:
    gateway = Gateway()
    async with shown(browser, gateway, query="?lang=en") as page:
        gateway.hangs = True
        await expect(page.get_by_role("status")).to_have_text("No answer since 16:00:01", timeout=20_000)
        gateway.hangs = False
        await expect(page.get_by_role("status")).to_be_hidden(timeout=20_000)
