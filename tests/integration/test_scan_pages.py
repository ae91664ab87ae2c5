"""The pages after a scan, without a browser: what they refuse, where they lead, and that they work without a script."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from genba_cloud.app.collector import CollectorSettings
from genba_cloud.app.settings import Address, ServeSettings
from genba_shared.errors import UsageError
from tests.browser.support import PASSWORD, PEOPLE, Bench, bench, completed

HTML = {"Accept": "text/html"}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        await running.post_order()
        yield running


async def labels(desk: Bench) -> dict[str | None, str]:
    answer = await desk["supervisor"].post("/api/v1/codes", json={"order": "A-1001"})
    return {item["node"]: item["code"] for item in answer.json()["items"]}


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of the page's main form."""
    (form,) = re.findall(r'<form class="main".*?</form>', page.text, re.S)
    return {
        name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    }


async def test_whoever_scans_signs_in_first_and_comes_back_to_the_label(desk: Bench) -> None:
    code, client = (await labels(desk))["CUT"], desk["nobody"]
    asked = await client.get(f"/q/{code}", headers=HTML)
    assert (asked.status_code, asked.headers["location"]) == (303, f"/login?next=/q/{code}")
    form = await client.get(asked.headers["location"])
    (action,) = re.findall(r'action="(/login[^"]*)"', form.text)
    assert f"next=/q/{code}" in html.unescape(action)
    signed = await client.post(html.unescape(action), data={"name": PEOPLE["operator"], "password": PASSWORD})
    assert (signed.status_code, signed.headers["location"].partition("?")[0]) == (303, f"/q/{code}")


async def test_signing_in_leads_to_no_address_that_somebody_else_wrote(desk: Bench) -> None:
    for wanted in ("https://evil.test", "//evil.test", "/q/../board", "/q/x/y", "/login", "/q/a%0d%0a"):
        desk["nobody"].cookies.clear()
        data = {"name": PEOPLE["operator"], "password": PASSWORD}
        signed = await desk["nobody"].post("/login", params={"next": wanted}, data=data)
        assert signed.headers["location"] == "/board", wanted


@pytest.mark.requirement("R11", part="hand-over, progress and problems by scan, without a photo")
async def test_one_button_does_what_comes_next_and_pressed_twice_does_it_once(desk: Bench) -> None:
    code, client = (await labels(desk))["CUT"], desk["operator"]
    page = await client.get(f"/q/{code}")
    form = hidden(page) | {"action": "start"}
    first = await client.post(f"/q/{code}", data=form)
    assert first.status_code == 303
    assert (await client.post(f"/q/{code}", data=form)).status_code == 303
    log = (await desk["reader"].get("/api/v1/events", params={"limit": 1000})).json()["items"]
    assert sum(event["kind"] == "node_started" for event in log) == 1
    after = await client.get(first.headers["location"])
    assert "Entered: Start (Cutting)" in html.unescape(after.text)
    assert "<script" not in after.text


async def test_what_was_done_is_taken_back_with_one_press(desk: Bench) -> None:
    code, client = (await labels(desk))["CUT"], desk["operator"]
    done = await client.post(f"/q/{code}", data={"action": "start"})
    page = await client.get(done.headers["location"])
    (undo,) = re.findall(r'name="undo" value="([^"]+)"', page.text)
    undone = await client.post(f"/q/{code}/undo", data={"undo": undo, "work_order": "WO-1001", "node": "CUT"})
    assert "Taken back." in (await client.get(undone.headers["location"])).text
    nodes = (await client.get(f"/api/v1/scan/{code}")).json()["nodes"]
    assert nodes[0]["state"] == "pending"


async def test_another_persons_entry_asks_a_supervisor_why_and_refuses_an_operator(desk: Bench) -> None:
    code = (await labels(desk))["CUT"]
    done = (await desk["supervisor"].post(f"/api/v1/scan/{code}", json={"action": "start"})).json()
    refused = await desk["operator"].post(f"/q/{code}/undo", data={"undo": done["undo"], "reason": "wrong_scan"})
    assert (refused.status_code, "more rights" in refused.text) == (403, True)
    done = (
        await desk["operator"].post(f"/api/v1/scan/{code}", json={"action": "hold", "reason": "no_material"})
    ).json()
    asked = await desk["supervisor"].post(f"/q/{code}/undo", data={"undo": done["undo"]})
    assert (asked.status_code, 'name="reason" value="wrong_scan"' in asked.text) == (200, True)
    given = await desk["supervisor"].post(f"/q/{code}/undo", data={"undo": done["undo"], "reason": "wrong_scan"})
    assert given.status_code == 303


async def test_what_was_typed_stays_where_it_was_not_taken(desk: Bench) -> None:
    code, client = (await labels(desk))["CUT"], desk["operator"]
    await client.post(f"/q/{code}", data={"action": "start"})
    refused = await client.post(f"/q/{code}", data={"action": "complete", "pieces": "7"})
    assert refused.status_code == 422
    assert 'max="10000000" value="7"' in refused.text
    assert "differs from the plan" in refused.text
    taken = await client.post(f"/q/{code}", data={"action": "complete", "pieces": "7", "reason": "scrap"})
    assert taken.status_code == 303


async def test_a_second_scan_says_since_when_it_is_done(desk: Bench) -> None:
    code, client = (await labels(desk))["CUT"], desk["operator"]
    await client.post(f"/q/{code}", data={"action": "complete"})
    again = await client.post(f"/q/{code}", data={"action": "complete"})
    page = await client.get(again.headers["location"])
    assert "It is so already: entered Mon 5 Jan 09:00, and not a second time." in page.text


async def test_codes_that_are_none_say_why_on_a_page_to_type_them_again(desk: Bench) -> None:
    code, client = (await labels(desk))["CUT"], desk["operator"]
    wrong = await client.get(f"/q/{code[:-1]}{'0' if code[-1] != '0' else '1'}")
    assert (wrong.status_code, "check character" in wrong.text) == (422, True)
    unknown = await client.get("/q/00000000000000000")
    assert (unknown.status_code, "no label with this code" in unknown.text) == (404, True)
    typed = await client.get("/q", params={"code": f"{code[:4]}-{code[4:].lower()}", "lang": "ja"})
    assert (typed.status_code, typed.headers["location"]) == (303, f"/q/{code}?lang=ja")
    assert (await client.get("/q", params={"code": "ABC"})).status_code == 422
    made = (await desk["supervisor"].post("/api/v1/codes", json={"order": "A-1001"})).json()["items"]
    await desk["supervisor"].delete(f"/api/v1/codes/{made[1]['id']}")
    revoked = await client.get(f"/q/{code}")
    assert (revoked.status_code, "revoked" in revoked.text) == (410, True)


async def test_an_orders_label_lists_its_nodes_and_opens_one(desk: Bench) -> None:
    code, client = (await labels(desk))[None], desk["operator"]
    page = await client.get(f"/q/{code}")
    assert 'value="start"' in page.text
    links = [html.unescape(link) for link in re.findall(r'<li><a class="[^"]*" href="([^"]+)"', page.text)]
    assert [re.search(r"node=(\w+)", link)[1] for link in links] == ["CUT", "SEW", "PACK"]  # type: ignore[index]
    sew = await client.get(links[1])
    assert "Cutting is not finished: 0 of 8" in sew.text


@pytest.mark.requirement("R11", part="hand-over, progress and problems by scan, without a photo")
@pytest.mark.requirement("R13")
async def test_a_problem_is_two_taps_and_its_cause_a_third(desk: Bench) -> None:
    code, client = (await labels(desk))["CUT"], desk["operator"]
    page = await client.get(f"/q/{code}")
    (link,) = re.findall(r'class="trouble" href="([^"]+)"', page.text)
    form = await client.get(html.unescape(link))
    (key,) = re.findall(r'name="key" value="(\w+)"', form.text)
    taken = await client.post(f"/q/{code}/problem", data={"category": "material", "key": key})
    assert (taken.status_code, "Reported: Material" in taken.text) == (200, True)
    (action,) = re.findall(r'action="(/q/\w+/problem/[^"?]+)', taken.text)
    data = {"cause": "other", "category": "material"}
    assert (await client.post(action, data=data)).status_code == 422
    explained = await client.post(action, data=data | {"note": "wet from the rain"})
    assert "Cause noted: other" in (await client.get(explained.headers["location"])).text
    log = (await desk["reader"].get("/api/v1/events", params={"limit": 1000})).json()["items"]
    kinds = [event["kind"] for event in log if event["kind"].startswith("problem_")]
    assert kinds == ["problem_reported", "problem_explained"]


@pytest.mark.requirement("R19", part="instructions frozen by version in the order, and a sheet with codes")
async def test_the_sheet_has_a_code_for_the_order_and_for_each_node(desk: Bench) -> None:
    client = desk["supervisor"]
    empty = await client.get("/labels/A-1001")
    assert "This order has no labels yet." in empty.text
    made = await client.post("/labels", data={"order": "A-1001"})
    assert (made.status_code, made.headers["location"]) == (303, "/labels/A-1001?lang=en")
    sheet = await client.get("/labels/A-1001", params={"lang": "zh"})
    links = re.findall(r'data-link="([^"]+)"', sheet.text)
    assert links == [f"http://genba.test/q/{code}" for code in (await labels(desk)).values()]
    assert sheet.text.count("<svg") == 4
    assert ("裁剪" in sheet.text, 'name="order"' in sheet.text) == (True, False)
    assert (await client.get("/labels/A-9")).status_code == 404
    assert (await desk["operator"].get("/labels/A-1001")).status_code == 403


@pytest.mark.requirement("R63", part="codes in the words of GS1 where a company prefix is set")
async def test_a_gs1_link_leads_to_the_label(desk: Bench) -> None:
    code = (await labels(desk))["CUT"]
    answer = await desk["nobody"].get(f"/253/9501101000001{code}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/q/{code}")
    assert (await desk["nobody"].get("/253/950110100000112")).headers["location"] == "/q"


def test_a_wrong_prefix_or_address_is_refused_before_anything_starts() -> None:
    assert CollectorSettings(data_dir=Path()).gs1_prefix == ""
    for wrong, said in (
        ({"gs1_prefix": "12"}, "--gs1-prefix '12' is no GS1 company prefix"),
        ({"public_url": "genba.test"}, "--public-url genba.test: write it like https://"),
        ({"public_url": "https://genba.test/x"}, "--public-url https://genba.test/x: write it like https://"),
    ):
        settings = ServeSettings(data_dir=Path(), listen=Address(host="127.0.0.1", port=0), **wrong)
        with pytest.raises(UsageError, match=re.escape(said)):
            settings.check()


async def test_machines_claims_are_confirmed_on_the_page(desk: Bench) -> None:
    await desk.tell(completed("WO-1001", "CUT", 6))
    code, client = (await labels(desk))["CUT"], desk["operator"]
    page = await client.get(f"/q/{code}?lang=zh")
    assert ("件数不足：6 / 8" in page.text, 'value="confirm"' in page.text) == (True, True)
    assert (await client.post(f"/q/{code}", data=hidden(page) | {"action": "confirm"})).status_code == 303
