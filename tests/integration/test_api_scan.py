"""Labels over the API: a scan shows what it would do, does it once, and is taken back by whoever may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from genba_cloud.core.viewer import Scope
from tests.browser.support import Bench, bench, completed, order_body


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        await running.post_order()
        yield running


async def labels(desk: Bench, order: str = "A-1001") -> dict[str | None, str]:
    """The codes of an order's labels: None for the order's own, then by node."""
    answer = await desk["supervisor"].post("/api/v1/codes", json={"order": order})
    assert answer.status_code == 200, answer.text
    return {item["node"]: item["code"] for item in answer.json()["items"]}


def kinds(answer: Any) -> list[str]:
    return [event["kind"] for event in answer.json()["events"]]


async def test_a_scan_shows_what_it_would_do_and_changes_nothing(desk: Bench) -> None:
    codes = await labels(desk)
    seen = (await desk["operator"].get(f"/api/v1/scan/{codes['CUT']}")).json()
    assert (seen["order"], seen["customer"], seen["work_order"], seen["node"]) == ("A-1001", "", "WO-1001", "CUT")
    (node,) = seen["nodes"]
    assert (node["state"], node["usual"], node["good"], node["quantity"]) == ("pending", "start", 0, 8)
    actions = {one["action"]: one for one in node["actions"]}
    assert actions["start"]["becomes"] == "in_progress"
    assert actions["complete"]["becomes"] == "done"
    assert actions["confirm"]["refused"]["why"] == "not_started"
    assert (actions["hold"]["needs"], actions["hold"]["allowed"]) == (["reason"], True)
    assert (actions["skip"]["becomes"], actions["skip"]["allowed"]) == ("skipped", False)
    again = (await desk["operator"].get(f"/api/v1/scan/{codes['CUT']}")).json()
    assert again == seen


async def test_a_scan_says_what_is_missing_before_it_is_done(desk: Bench) -> None:
    codes = await labels(desk)
    reported = await desk["operator"].post(f"/api/v1/scan/{codes['CUT']}", json={"action": "report", "pieces": 3})
    assert kinds(reported) == ["code_scanned", "progress_reported"]
    (node,) = (await desk["operator"].get(f"/api/v1/scan/{codes['SEW']}")).json()["nodes"]
    assert node["missing_before"] == [{"lack": "predecessor", "subject": "CUT", "done": 3, "needed": 8}]
    becomes = {one["action"]: one["becomes"] for one in node["actions"]}
    assert (becomes["start"], becomes["complete"]) == ("in_progress", "awaiting_confirmation")


@pytest.mark.requirement(
    "R9", part="codes that nobody can guess; a scan moves its own node (how quickly is not measured)"
)
async def test_a_node_goes_its_way_by_scans_alone(desk: Bench) -> None:
    codes = await labels(desk)
    path = f"/api/v1/scan/{codes['CUT']}"
    first = await desk["operator"].post(path, json={"action": "start"})
    assert kinds(first) == ["code_scanned", "node_started"]
    started = first.json()["events"][1]
    assert (started["source"], started["node"]) == ({"type": "person", "ref": "u1"}, "CUT")
    assert started["because"] == [first.json()["events"][0]["id"]]
    done = await desk["operator"].post(path, json={"action": "complete"})
    assert (kinds(done), done.json()["node"]["state"]) == (["code_scanned", "node_completed"], "done")
    nodes = (await desk["admin"].get("/api/v1/orders/A-1001/nodes")).json()["work_orders"][0]["nodes"]
    assert [node["status"] for node in nodes] == ["done", "pending", "pending"]


@pytest.mark.trap("same order scanned twice")
async def test_the_same_order_scanned_twice_does_not_complete_twice(desk: Bench) -> None:
    codes = await labels(desk)
    path = f"/api/v1/scan/{codes['CUT']}"
    await desk["operator"].post(path, json={"action": "start"})
    first = (await desk["operator"].post(path, json={"action": "complete"})).json()
    second = await desk["supervisor"].post(path, json={"action": "complete"})
    assert second.status_code == 200
    assert (second.json()["outcome"], second.json()["events"]) == ("already", [])
    assert second.json()["node"]["state"] == "done"
    assert second.json()["at"] == first["events"][1]["at"]
    whole = await desk["supervisor"].post(f"/api/v1/scan/{codes[None]}", json={"action": "complete"})
    assert (whole.json()["outcome"], whole.json()["at"]) == ("already", first["events"][1]["at"])
    log = (await desk["reader"].get("/api/v1/events", params={"limit": 1000})).json()["items"]
    assert sum(event["kind"] == "node_completed" for event in log) == 1


@pytest.mark.trap("same order scanned twice")
async def test_a_second_scan_by_the_same_finger_does_nothing(desk: Bench) -> None:
    code = (await labels(desk))[None]
    first = (await desk["operator"].post(f"/api/v1/scan/{code}", json={})).json()
    assert [event["kind"] for event in first["events"]] == ["code_scanned", "node_started"]
    second = (await desk["operator"].post(f"/api/v1/scan/{code}", json={})).json()
    assert (second["outcome"], second["events"]) == ("already", [])
    assert (await desk["operator"].get(f"/api/v1/scan/{code}")).json()["just_done"] is not None
    other = (await desk["supervisor"].post(f"/api/v1/scan/{code}", json={})).json()
    assert [event["kind"] for event in other["events"]] == ["code_scanned", "node_completed"]


async def test_fewer_pieces_are_reported_and_all_of_them_complete(desk: Bench) -> None:
    code = (await labels(desk))["CUT"]
    first = await desk["operator"].post(f"/api/v1/scan/{code}", json={"pieces": 5})
    assert kinds(first) == ["code_scanned", "progress_reported"]
    second = await desk["supervisor"].post(f"/api/v1/scan/{code}", json={"pieces": 8})
    assert (kinds(second), second.json()["node"]["good"]) == (["code_scanned", "node_completed"], 8)


async def test_a_request_that_is_sent_again_is_done_once(desk: Bench) -> None:
    code, key = (await labels(desk))["CUT"], {"Idempotency-Key": "scan-1"}
    body = {"action": "quality", "result": "passed", "pieces": 2}
    first = (await desk["operator"].post(f"/api/v1/scan/{code}", json=body, headers=key)).json()
    second = (await desk["operator"].post(f"/api/v1/scan/{code}", json=body, headers=key)).json()
    assert (first["outcome"], second["outcome"]) == ("done", "repeated")
    assert (second["events"], second["undo"]) == (first["events"], first["undo"])
    other = await desk["operator"].post(f"/api/v1/scan/{code}", json={**body, "pieces": 3}, headers=key)
    assert (other.status_code, other.json()["why"]) == (422, "other_request")
    elsewhere = (await desk["supervisor"].post(f"/api/v1/scan/{code}", json=body, headers=key)).json()
    assert elsewhere["outcome"] == "done"


async def test_codes_are_told_apart_mistyped_unknown_and_revoked(desk: Bench) -> None:
    made = (await desk["supervisor"].post("/api/v1/codes", json={"order": "A-1001"})).json()["items"]
    code = made[1]["code"]
    assert made[1]["shown"].replace("-", "") == code
    typed = await desk["operator"].get(f"/api/v1/scan/{made[1]['shown'].lower()}")
    assert typed.status_code == 200
    wrong = await desk["operator"].get(f"/api/v1/scan/{code[:5]}{'0' if code[5] != '0' else '1'}{code[6:]}")
    assert (wrong.status_code, wrong.json()["why"]) == (422, "mistyped")
    assert "check character" in wrong.json()["detail"]
    unknown = await desk["operator"].get("/api/v1/scan/00000000000000000")
    assert (unknown.status_code, unknown.json()["why"]) == (404, "unknown")
    assert (await desk["supervisor"].delete(f"/api/v1/codes/{made[1]['id']}")).status_code == 200
    for answer in (
        await desk["operator"].get(f"/api/v1/scan/{code}"),
        await desk["operator"].post(f"/api/v1/scan/{code}", json={}),
    ):
        assert (answer.status_code, answer.json()["why"]) == (410, "revoked")
    again = await labels(desk)
    assert again["CUT"] != code
    assert again["SEW"] == made[2]["code"]


@pytest.mark.requirement(
    "R9", part="codes that nobody can guess; a scan moves its own node (how quickly is not measured)"
)
async def test_two_orders_never_share_a_code_and_a_code_tells_nothing(desk: Bench) -> None:
    await desk["orders"].post("/api/v1/orders", json=order_body("A-2", quantity=3))
    codes = [*(await labels(desk)).values(), *(await labels(desk, "A-2")).values()]
    assert len(set(codes)) == len(codes) == 8
    assert all(len(code) == 17 and "1001" not in code for code in codes)
    assert await labels(desk) == await labels(desk)


@pytest.mark.trap("no honest undo")
async def test_undo_takes_back_what_a_scan_did_and_nothing_else(desk: Bench) -> None:
    codes = await labels(desk)
    path = f"/api/v1/scan/{codes['CUT']}"
    await desk["operator"].post(path, json={"action": "start"})
    done = (await desk["operator"].post(path, json={"action": "complete"})).json()
    undone = await desk["operator"].post(f"{path}/undo", json={"undo": done["undo"]})
    assert kinds(undone) == ["event_voided"]
    assert undone.json()["events"][0]["target"] == done["events"][1]["id"]
    assert undone.json()["node"]["state"] == "in_progress"
    twice = (await desk["operator"].post(f"{path}/undo", json={"undo": done["undo"]})).json()
    assert (twice["outcome"], twice["events"]) == ("already", [])
    again = (await desk["operator"].post(path, json={"action": "complete"})).json()
    assert (again["outcome"], again["node"]["state"]) == ("done", "done")


async def test_a_label_takes_back_nothing_of_another_order(desk: Bench) -> None:
    await desk["orders"].post("/api/v1/orders", json=order_body("A-2"))
    mine, other = (await labels(desk))["CUT"], (await labels(desk, "A-2"))["CUT"]
    done = (await desk["operator"].post(f"/api/v1/scan/{mine}", json={"action": "start"})).json()
    answer = await desk["operator"].post(f"/api/v1/scan/{other}/undo", json={"undo": done["undo"]})
    assert answer.status_code == 404
    assert kinds(await desk["operator"].post(f"/api/v1/scan/{mine}/undo", json={"undo": done["undo"]})) == [
        "event_voided"
    ]


async def test_others_words_and_machines_are_taken_back_by_a_supervisor_with_a_reason(desk: Bench) -> None:
    path = f"/api/v1/scan/{(await labels(desk))['CUT']}"
    done = (await desk["operator"].post(path, json={"action": "start"})).json()
    with_reason = {"undo": done["undo"], "reason": "wrong_scan"}
    refused = await desk["actions"].post("/api/v1/actions/undo", json=with_reason)
    assert (refused.status_code, refused.json()["why"]) == (403, "higher_rank")
    bare = await desk["supervisor"].post(f"{path}/undo", json={"undo": done["undo"]})
    assert (bare.status_code, bare.json()["why"]) == (422, "reason_missing")
    assert kinds(await desk["supervisor"].post(f"{path}/undo", json=with_reason)) == ["event_voided"]


async def test_an_undo_that_names_nothing_known_is_refused(desk: Bench) -> None:
    for undo in ("A" * 22, "A" * 23, "_" * 44):
        answer = await desk["manager"].post("/api/v1/actions/undo", json={"undo": undo, "reason": "wrong_scan"})
        assert answer.status_code in {404, 422}, undo
    order = (await desk["reader"].get("/api/v1/events")).json()["items"][0]
    assert order["kind"] == "order_confirmed"


async def test_what_a_machine_claimed_waits_for_a_person(desk: Bench) -> None:
    await desk.tell(completed("WO-1001", "CUT", 6))
    path = f"/api/v1/scan/{(await labels(desk))['CUT']}"
    (node,) = (await desk["operator"].get(path)).json()["nodes"]
    assert (node["state"], node["usual"]) == ("awaiting_confirmation", "confirm")
    assert node["missing_at_end"] == [{"lack": "pieces", "subject": "CUT", "done": 6, "needed": 8}]
    key = desk.collector.authority.accounts.create_key("mes", frozenset({Scope.READ, Scope.ACTIONS_WRITE}))
    headers = {"Authorization": f"Bearer {key}"}
    machine = await desk["nobody"].post(path, json={"action": "confirm"}, headers=headers)
    assert (machine.status_code, machine.json()["why"]) == (409, "person_needed")
    confirmed = await desk["operator"].post(path, json={})
    assert (kinds(confirmed), confirmed.json()["node"]["state"]) == (["code_scanned", "node_confirmed"], "done")


@pytest.mark.parametrize("role", ["nobody", "reader", "board", "events", "orders"])
async def test_only_who_works_on_the_floor_may_scan(desk: Bench, role: str) -> None:
    code = (await labels(desk))["CUT"]
    wanted = 401 if role == "nobody" else 403
    assert (await desk[role].get(f"/api/v1/scan/{code}")).status_code == wanted
    assert (await desk[role].post(f"/api/v1/scan/{code}", json={})).status_code == wanted
