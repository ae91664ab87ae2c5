"""The pages of alerts and tasks in a real browser: they fit in every language at every size, and one tap answers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from genba_shared.events import ProblemReported, Source, SourceType
from tests.browser.support import NOW, Bench, bench
from tests.browser.test_board_browser import OVERFLOW, SIZES, browser, live, opened  # noqa: F401 (a fixture among them)
from tests.integration.test_api_alerts import red_order, until

pytestmark = pytest.mark.browser
OPERATOR = Source(type=SourceType.PERSON, ref="op-7")


@pytest_asyncio.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Bench]:
    """A collector with a red order and a problem without a cause."""
    async with bench(tmp_path, now=NOW) as running:
        await red_order(running)
        at = NOW - timedelta(minutes=31)
        problem = ProblemReported(id=str(uuid.uuid4()), at=at, source=OPERATOR, category="machine", order="A-1001")
        await running.tell(problem)
        rules = {"lateness", "problem", "no_news"}
        await until(running, "/api/v1/alerts", lambda body: {one["rule"] for one in body["items"]} == rules)
        await until(running, "/api/v1/tasks", lambda body: body["items"])
        yield running


@pytest.mark.parametrize("language", ["zh", "ja", "en"])
async def test_alerts_and_tasks_fit_in_every_language_at_every_size(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
    language: str,
) -> None:
    for name, cards in (("alerts", 3), ("tasks", 1)):
        async with opened(browser, factory, path=f"/{name}?lang={language}") as page:
            await expect(page.locator(".card")).to_have_count(cards)
            for size, (width, height) in SIZES.items():
                await page.set_viewport_size({"width": width, "height": height})
                assert await page.evaluate(OVERFLOW) <= 0, (name, language, size)


async def test_one_tap_says_who_takes_care_of_an_alert(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
) -> None:
    async with opened(browser, factory, path="/alerts?lang=en") as page:
        late = page.locator(".card.level-red")
        await late.get_by_role("button", name="I take care of it").click()
        await expect(late).to_contain_text("admin takes care of it")
