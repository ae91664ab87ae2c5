"""The pages of alerts and tasks: drawn in three languages, answered by forms without a script."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_shared.events import ProblemReported
from tests.browser.support import NOW, Bench, bench
from tests.integration.test_api_alerts import OPERATOR, red_order, until

PLAN = {"cause": "breakdown", "plan": "cut the rest by hand", "owner": "op-9", "due": "2026-01-05T15:00"}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


async def page(desk: Bench, path: str, role: str = "admin") -> str:
    answer = await desk[role].get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("订单延误", "已通知：班组长, 管理层", "我来处理")),
        ("ja", ("オーダーの遅れ", "通知先：ライン長, 管理者", "対応します")),
        ("en", ("Order is late", "Told: line supervisor, management", "I take care of it")),
    ],
)
async def test_an_alert_says_what_it_is_and_who_was_told(desk: Bench, language: str, words: tuple[str, ...]) -> None:
    await red_order(desk)
    text = await page(desk, f"/alerts?lang={language}")
    for word in ("A-1001", "Blue Shirt Co", "250.0 %", *words):
        assert word in text, word


async def test_a_problem_says_of_what_kind_it_is_in_the_language_of_the_page(desk: Bench) -> None:
    await desk.tell(
        ProblemReported(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, category="machine", order="A-9", station="CUT-1")
    )
    await until(desk, "/api/v1/alerts", lambda body: body["items"])
    assert "有人报告了问题 · 机器" in await page(desk, "/alerts?lang=zh")


async def test_somebody_takes_care_of_an_alert_with_one_button(desk: Bench) -> None:
    alert = await red_order(desk)
    answer = await desk["admin"].post(f"/alerts/{alert['alert']}/acknowledge?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?lang=en")
    _, _, rest = (await page(desk, "/alerts?lang=en")).partition(f'data-alert="{alert["alert"]}"')
    card = rest.partition("</article>")[0]
    assert "admin takes care of it" in card
    assert "I take care of it" not in card


async def test_a_task_is_planned_and_closed_by_forms_and_a_refusal_says_what_to_write(desk: Bench) -> None:
    await red_order(desk)
    (task,) = (await until(desk, "/api/v1/tasks", lambda body: body["items"]))["items"]
    path = f"/tasks/{task['task']}"
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({**PLAN, "plan": "x"}, 422, "plan: say what is done about it"),
        ({**PLAN, "due": "soon"}, 422, "due: no time can be read"),
    ]
    for form, status, said in wrong:
        refused = await desk["admin"].post(f"{path}/plan?lang=en", data=form)
        assert (refused.status_code, said in refused.text) == (status, True)
    early = await desk["admin"].post(f"{path}/close?lang=en", data={"effect": "we caught up"})
    assert (early.status_code, "has no cause, plan, owner and due time" in early.text) == (409, True)
    assert (await desk["admin"].post(f"{path}/plan?lang=en", data=PLAN)).status_code == 303
    assert "op-9, until" in await page(desk, "/tasks?lang=en")
    assert (await desk["admin"].post(f"{path}/close?lang=en", data={"effect": "we caught up"})).status_code == 303
    text = await page(desk, "/tasks?lang=en")
    assert "No task is open" in text
    assert "Effect: we caught up" in text
    assert (await desk["admin"].post("/tasks/none/close?lang=en", data={"effect": "x"})).status_code == 404


async def test_a_board_sees_alerts_without_names_and_forms(desk: Bench) -> None:
    alert = await red_order(desk)
    await desk["admin"].post(f"/alerts/{alert['alert']}/acknowledge")
    text = await page(desk, "/alerts?lang=en", role="board")
    assert "Somebody takes care of it" in text
    for hidden in ("Blue Shirt Co", "admin", "<form", "Told:"):
        assert hidden not in text, hidden
    assert 'href="/alerts?lang=en"' in await page(desk, "/board?lang=en", role="board")


async def test_the_board_leads_a_person_to_alerts_and_tasks(desk: Bench) -> None:
    await desk.post_order(start=NOW + timedelta(hours=1))
    text = await page(desk, "/board?lang=en")
    assert 'href="/alerts?lang=en"' in text
    assert 'href="/tasks?lang=en"' in text
    assert "Nothing needs an answer" in await page(desk, "/alerts?lang=en")
