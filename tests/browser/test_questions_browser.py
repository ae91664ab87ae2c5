"""The page of questions in a real browser: one tap settles a question, in every language and at every size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from genba_cloud.core.facts.views import Lifecycle
from genba_shared.events import Confidence
from tests.browser.support import EPOCH, NOW, Bench, bench, doubted, questioned
from tests.browser.test_board_browser import OVERFLOW, SIZES, browser, live, opened  # noqa: F401 (a fixture among them)

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture
async def factory(tmp_path: Path) -> AsyncIterator[Bench]:
    """A collector with an order and a question of each kind."""
    async with bench(tmp_path, now=NOW) as running:
        await running.post_order()
        await running.post_order(order="A-1002")
        rows = [{"work_order": f"WO-100{number}", "node": "CUT", "quantity": 8} for number in (1, 2)]
        queued = await running["dispatch"].post("/api/v1/stations/CUT-1/queue", json={"rows": rows})
        assert queued.json()["added"] == 2
        await running.hear(
            doubted(1, 3, owner=None, confidence=Confidence.CERTAIN, at=NOW - timedelta(minutes=40)),
            doubted(2, 7, options=("wrap:7", "reset:5"), at=NOW - timedelta(minutes=20)),
            questioned(3, options=("wrap:12", "reset:7", "manual:0"), owner=None, at=NOW),
        )
        yield running


def card(seq: int) -> str:
    return f'[data-question="gw:{EPOCH}:{seq}"]'


def good(running: Bench, order: str = "A-1001") -> int:
    record = running.collector.ledger.reads.get_order(order)
    assert record is not None
    node = record.facts[order.replace("A", "WO")].node("CUT")
    assert node is not None
    assert node.lifecycle is not Lifecycle.DONE
    return node.good


@pytest.mark.parametrize("language", ["zh", "ja", "en"])
async def test_the_questions_fit_in_every_language_at_every_size(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
    language: str,
    tmp_path: Path,
) -> None:
    async with opened(browser, factory, path=f"/questions?lang={language}") as page:
        await expect(page.locator("#waiting .card")).to_have_count(3)
        for size, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            assert await page.evaluate(OVERFLOW) <= 0, size
            buttons = page.locator("#waiting .choices button")
            heights = await buttons.evaluate_all("all => all.map(one => one.clientHeight)")
            assert min(heights) >= 64, size  # a finger in a glove
            clipped = "els => els.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
            assert await page.locator(".choices button, .asks, .where").evaluate_all(clipped) == [], size
            await page.screenshot(path=tmp_path / f"questions-{size}.png", full_page=True)


async def test_one_tap_settles_a_question_and_another_takes_it_back(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
) -> None:
    async with opened(browser, factory, size="phone", path="/questions?lang=en") as page:
        await expect(page.locator("#open")).to_have_text("3")
        await page.locator(card(2)).get_by_role("button", name="5 pcs").click()
        await expect(page.locator("#open")).to_have_text("2")
        assert good(factory) == 5
        answered = page.locator(f"#answered {card(2)}")
        await expect(answered).to_contain_text("5 pcs · WO-1001 · CUT · admin")
        await answered.get_by_text("Answer again").click()
        await answered.get_by_role("button", name="7 pcs").click()
        await expect(answered).to_contain_text("7 pcs · WO-1001 · CUT · admin")
        assert good(factory) == 7


async def test_pieces_of_nobody_are_given_to_the_work_order_that_is_tapped(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
) -> None:
    async with opened(browser, factory, path="/questions?lang=en") as page:
        await page.locator(card(1)).get_by_role("button", name="WO-1002 · CUT").click()
        await expect(page.locator("#open")).to_have_text("2")
        assert (good(factory), good(factory, "A-1002")) == (7, 3)


async def test_pieces_that_were_counted_while_the_work_changed_are_given_to_the_one_before(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
) -> None:
    rows = {"work_order": "WO-1002", "node": "CUT"}
    assert (await factory["dispatch"].post("/api/v1/stations/CUT-1/dispatch", json=rows)).status_code == 200
    await factory.hear(doubted(4, 6, owner=None, confidence=Confidence.CERTAIN, at=NOW + timedelta(minutes=5)))
    assert good(factory, "A-1002") == 6
    async with opened(browser, factory, path="/questions?lang=en") as page:
        await page.locator(card(4)).get_by_role("button", name="WO-1001 · CUT").click()
        await expect(page.locator("#open")).to_have_text("3")
        assert (good(factory), good(factory, "A-1002")) == (13, 0)
        answered = page.locator(f"#answered {card(4)}")
        await answered.get_by_text("Answer again").click()
        await answered.get_by_role("button", name="WO-1002 · CUT").click()
        await expect(answered).to_contain_text("6 pcs · WO-1002 · CUT · admin")
        assert (good(factory), good(factory, "A-1002")) == (7, 6)


async def test_counts_of_one_stretch_without_dispatch_are_one_card_and_one_tap(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
) -> None:
    minutes = {4: 90, 5: 25, 6: 15}  # the first of them is of another stretch than the three others
    await factory.hear(
        *(
            doubted(seq, 2, owner=None, confidence=Confidence.CERTAIN, at=NOW - timedelta(minutes=ago))
            for seq, ago in minutes.items()
        )
    )
    async with opened(browser, factory, path="/questions?lang=en") as page:
        await expect(page.locator("#open")).to_have_text("6")
        await expect(page.locator("#waiting .card")).to_have_count(4)
        await expect(page.locator(card(6))).to_contain_text("7 pieces were counted")
        await page.locator(card(6)).get_by_role("button", name="WO-1002 · CUT").click()
        await expect(page.locator("#open")).to_have_text("3")
        assert good(factory, "A-1002") == 7


async def test_a_reading_of_nobody_asks_for_the_owner_unless_there_were_no_pieces(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
) -> None:
    async with opened(browser, factory, path="/questions?lang=en") as page:
        await page.locator(card(3)).get_by_role("button", name="7 pcs").click()
        await expect(page.locator(f"{card(3)} .choices")).to_be_visible()  # the browser asks for the work order first
        assert good(factory) == 7  # as the doubtful count has them
        await page.locator(f"{card(3)} select").first.select_option(label="WO-1001 · CUT")
        await page.locator(card(3)).get_by_role("button", name="7 pcs").click()
        await expect(page.locator("#open")).to_have_text("2")
        assert good(factory) == 14


async def test_an_impossible_number_is_refused_on_the_page_and_taken_with_a_note(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
) -> None:
    async with opened(browser, factory, path="/questions?lang=en", expected="422") as page:
        for note in ("", "counted in the box"):
            await page.locator(card(2)).get_by_text("Another number").first.click()
            await page.locator(f'{card(2)} input[name="pieces"]').fill("4")
            await page.locator(f'{card(2)} input[name="note"]').fill(note)
            await page.locator(card(2)).get_by_role("button", name="Save").click()
            if not note:
                await expect(page.get_by_role("alert")).to_contain_text("5 to 7 pieces")
        await expect(page.locator(f"#answered {card(2)}")).to_contain_text("counted in the box")
        assert good(factory) == 4


async def test_the_board_says_how_many_wait_and_leads_there(
    browser: Browser,  # noqa: F811 (the fixture)
    factory: Bench,
    tmp_path: Path,
) -> None:
    async with opened(browser, factory, size="desk") as page:
        await live(page)
        await expect(page.locator("#questions")).to_have_text("3")
        await factory["answers"].post(f"/api/v1/questions/gw:{EPOCH}:2/answer", json={"option": "reset:5"})
        await expect(page.locator("#questions")).to_have_text("2")
        await page.screenshot(path=tmp_path / "board.png")
        for seq, body in ((1, {"pieces": 3, "work_order": "WO-1001", "node": "CUT"}), (3, {"option": "manual:0"})):
            await factory["answers"].post(f"/api/v1/questions/gw:{EPOCH}:{seq}/answer", json=body)
        await expect(page.locator("#questions")).to_be_hidden()
        await page.locator("footer").get_by_role("link", name="Open questions").click()
        await expect(page.locator("#answered .card")).to_have_count(3)


async def test_who_may_only_look_at_the_board_sees_no_questions(factory: Bench) -> None:
    board, reader = await factory["board"].get("/board"), await factory["reader"].get("/questions")
    assert "/questions" not in board.text
    assert (reader.status_code, "<form" in reader.text) == (200, False)
