"""Actions over the API: nodes with all that their routing asks for, orders, problems, material, and taking back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from genba_cloud.api.floor_rights import FLOOR_NEEDS
from genba_cloud.core.facts import OrderPlan, WorkOrderPlan
from genba_cloud.core.facts.plan import Confirm, Criterion, Dependency, MaterialNeed, NodePlan, Step
from genba_cloud.core.viewer import Role
from genba_shared.events import KINDS, ShipmentMoved, ShipmentStatus, Source, SourceType
from tests.browser.support import BASE, NOW, Bench, bench

WORK = "/api/v1/work-orders/WO-1/nodes"
CARRIER = Source(type=SourceType.CARRIER, ref="sea")


def rich_plan() -> OrderPlan:
    """Two work orders: CUT needs four eyes, SEW two steps; PACK of the second waits for three pieces of SEW."""
    cut = NodePlan(
        node="CUT",
        quantity=8,
        planned_start=NOW,
        planned_finish=NOW + timedelta(hours=2),
        label={"en": "Cutting"},
        confirm=Confirm.FOUR_EYES,
    )
    sew = replace(
        cut,
        node="SEW",
        predecessors=("CUT",),
        confirm=Confirm.AUTO,
        criterion=Criterion.STEPS,
        steps=(Step(step="collar"), Step(step="cuffs")),
    )
    pack = replace(
        cut,
        node="PACK",
        confirm=Confirm.AUTO,
        dependencies=(Dependency(node="SEW", work_order="WO-1", transfer_quantity=3),),
    )
    first = WorkOrderPlan(
        work_order="WO-1",
        site="s1",
        item="shirt",
        quantity=8,
        nodes=(cut, sew),
        materials=(MaterialNeed(item="cloth", amount=16.0, uom="m"),),
    )
    second = WorkOrderPlan(work_order="WO-2", site="s2", item="shirt", quantity=8, nodes=(pack,))
    return OrderPlan(
        order="A-1",
        system="erp",
        external_id="1",
        customer="Blue Shirt Co",
        promised=NOW + timedelta(days=2),
        work_orders=(first, second),
    )


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        await running.collector.ledger.upsert_order(rich_plan())
        yield running


async def act(client: httpx.AsyncClient, node: str, action: str, **body: Any) -> httpx.Response:
    return await client.post(f"{WORK}/{node}/actions", json={"action": action, **body})


def said(answer: httpx.Response) -> tuple[int, str]:
    """Status, and the outcome or the reason of the refusal."""
    body = answer.json()
    return answer.status_code, body.get("outcome") or body.get("why") or body["detail"]


async def test_four_eyes_steps_and_a_node_of_another_site(desk: Bench) -> None:
    operator, supervisor = desk["operator"], desk["supervisor"]
    assert said(await act(operator, "CUT", "complete")) == (200, "done")
    assert said(await act(operator, "CUT", "confirm")) == (409, "second_person")
    confirmed = await act(supervisor, "CUT", "confirm")
    assert (confirmed.json()["events"][0]["kind"], confirmed.json()["node"]["state"]) == ("node_confirmed", "done")
    assert said(await act(operator, "SEW", "step", step="sleeve")) == (422, "step_unknown")
    assert said(await act(operator, "SEW", "step", step="collar")) == (200, "done")
    assert said(await act(operator, "SEW", "report", pieces=2)) == (200, "done")
    path = "/api/v1/work-orders/WO-2/nodes/PACK/actions"
    early = (await operator.post(path, json={"action": "quality", "result": "passed", "pieces": 1})).json()["node"]
    assert early["missing_before"] == [{"lack": "predecessor", "subject": "SEW", "done": 2, "needed": 3}]
    complete = (await act(operator, "SEW", "complete")).json()["node"]
    assert complete["missing_at_end"] == [{"lack": "steps", "subject": "cuffs", "done": 0, "needed": 1}]
    assert (await act(operator, "SEW", "step", step="cuffs")).json()["node"]["state"] == "done"
    late = (await operator.post(path, json={"action": "report", "pieces": 1})).json()["node"]
    assert (late["missing_before"], late["state"]) == ([], "in_progress")


@pytest.mark.requirement(
    "R83", part="people on the floor enter what their role allows and see neither customers nor cost"
)
async def test_what_supervisors_do_operators_may_not(desk: Bench) -> None:
    for action, body in (("skip", {"reason": "not_needed"}), ("reopen", {"reason": "x_y"}), ("reject", {})):
        assert (await act(desk["operator"], "CUT", action, **body)).status_code == 403
    assert said(await act(desk["supervisor"], "CUT", "skip", reason="not_needed")) == (200, "done")
    assert said(await act(desk["supervisor"], "CUT", "skip", reason="not_needed")) == (200, "already")
    assert said(await act(desk["operator"], "CUT", "start")) == (409, "is_skipped")
    assert said(await act(desk["supervisor"], "CUT", "reopen", reason="wrong_scan")) == (200, "done")
    assert said(await act(desk["operator"], "CUT", "start")) == (200, "done")
    assert said(await act(desk["operator"], "CUT", "hold", reason="no_material")) == (200, "done")
    refused = await act(desk["operator"], "CUT", "complete")
    assert (said(refused), refused.json()["accepted"]) == ((409, "on_hold"), "resume")


async def test_unknown_nodes_are_404_and_words_that_are_no_codes_are_422(desk: Bench) -> None:
    assert (await act(desk["operator"], "GLUE", "start")).status_code == 404
    other = await desk["operator"].post("/api/v1/work-orders/WO-9/nodes/CUT/actions", json={"action": "start"})
    assert other.status_code == 404
    for body in ({"action": "fly"}, {"action": "hold", "reason": "No Material"}, {"action": "start", "x": 1}):
        assert (await desk["operator"].post(f"{WORK}/CUT/actions", json=body)).status_code == 422


async def order_act(client: httpx.AsyncClient, action: str, **body: Any) -> httpx.Response:
    return await client.post("/api/v1/orders/A-1/actions", json={"action": action, **body})


@pytest.mark.requirement("R84", part="who may hold, cancel and reprioritise an order")
async def test_an_order_is_held_resumed_made_urgent_and_cancelled(desk: Bench) -> None:
    supervisor, manager = desk["supervisor"], desk["manager"]
    held = await order_act(supervisor, "hold", reason="customer_asks")
    assert said(held) == (200, "done")
    assert said(await act(desk["operator"], "CUT", "start")) == (409, "order_on_hold")
    assert said(await order_act(supervisor, "resume")) == (200, "done")
    assert (await order_act(supervisor, "cancel", reason="customer_asks")).status_code == 403
    assert (await order_act(supervisor, "prioritise", priority=5)).status_code == 403
    assert said(await order_act(manager, "prioritise", priority=5)) == (200, "done")
    assert said(await order_act(desk["orders"], "prioritise", priority=5)) == (200, "already")
    record = desk.collector.ledger.reads.get_order("A-1")
    assert record is not None
    assert record.plan.priority == 5
    cancelled = await order_act(manager, "cancel", reason="customer_asks")
    kinds = [event["kind"] for event in cancelled.json()["events"]]
    assert kinds == ["order_cancelled", "work_order_cancelled", "work_order_cancelled"]
    assert said(await act(desk["operator"], "CUT", "start")) == (409, "order_cancelled")
    undone = await manager.post("/api/v1/actions/undo", json={"undo": cancelled.json()["undo"]})
    assert [event["kind"] for event in undone.json()["events"]] == ["event_voided"] * 3
    assert said(await act(desk["operator"], "CUT", "start")) == (200, "done")
    assert (await desk["manager"].post("/api/v1/orders/A-9/actions", json={"action": "resume"})).status_code == 404


async def test_after_shipment_a_manager_takes_back_and_nobody_else(desk: Bench) -> None:
    started = (await act(desk["operator"], "SEW", "start")).json()["undo"]
    moved = ShipmentMoved(
        id="0e8f1d1e-0000-4000-8000-000000000001",
        at=NOW,
        source=CARRIER,
        shipment="S-1",
        status=ShipmentStatus.PICKED_UP,
        order="A-1",
    )
    await desk.tell(moved)
    body = {"undo": started, "reason": "wrong_scan"}
    for role in ("operator", "supervisor"):
        assert said(await desk[role].post("/api/v1/actions/undo", json=body)) == (403, "higher_rank")
    assert said(await order_act(desk["manager"], "cancel", reason="customer_asks")) == (409, "shipped")
    assert said(await desk["manager"].post("/api/v1/actions/undo", json=body)) == (200, "done")


async def test_a_problem_is_heard_at_once_and_ends_with_its_cause(desk: Bench) -> None:
    operator = desk["operator"]
    body = {"category": "material", "work_order": "WO-1", "node": "CUT"}
    reported = await operator.post("/api/v1/problems", json=body)
    assert reported.status_code == 201
    (event,) = reported.json()["events"]
    assert (event["kind"], event["order"], event["site"]) == ("problem_reported", "A-1", "s1")
    path = f"/api/v1/problems/{event['id']}"
    assert said(await operator.post(f"{path}/resolve", json={})) == (409, "cause_missing")
    assert said(await operator.post(f"{path}/explain", json={"cause": "breakdown"})) == (422, "unknown_word")
    assert said(await operator.post(f"{path}/explain", json={"cause": "other"})) == (422, "reason_missing")
    assert said(await operator.post(f"{path}/explain", json={"cause": "too_little"})) == (200, "done")
    assert said(await operator.post(f"{path}/resolve", json={"note": "cloth came"})) == (200, "done")
    assert said(await operator.post(f"{path}/resolve", json={})) == (200, "already")
    words = (await operator.get("/api/v1/problem-words")).json()["categories"]
    assert words["material"] == ["not_delivered", "wrong_material", "too_little", "damaged_material", "other"]
    assert (await operator.post("/api/v1/problems", json={"category": "machine"})).status_code == 422
    unknown = await operator.post("/api/v1/problems/none/explain", json={"cause": "other"})
    assert unknown.status_code == 404


async def test_material_is_received_issued_and_counted(desk: Bench) -> None:
    operator = desk["operator"]

    async def move(movement: str, **body: Any) -> httpx.Response:
        return await operator.post(f"/api/v1/materials/{movement}", json=body)

    received = await move("received", item="cloth", amount=20.5, uom="m", supplier="Weaver")
    assert received.json()["events"][0]["kind"] == "material_received"
    issued = (await move("issued", item="cloth", amount=16, work_order="WO-1")).json()["events"][0]
    assert (issued["kind"], issued["uom"], issued["amount"], issued["site"]) == ("material_issued", "m", 16.0, "s1")
    assert said(await move("issued", item="silk", amount=1, work_order="WO-1")) == (422, "reason_missing")
    assert said(await move("issued", item="cloth", amount=1)) == (422, "node_unknown")
    assert (await move("issued", item="cloth", amount=1, work_order="WO-9")).status_code == 422
    assert (await move("counted", item="cloth", amount=4.5, uom="m")).json()["events"][0]["amount"] == 4.5
    assert (await move("burnt", item="cloth", amount=1)).status_code == 422


async def test_two_who_complete_at_once_complete_once(desk: Bench) -> None:
    answers = await asyncio.gather(
        *(act(desk[role], "SEW", "complete") for role in ("operator", "supervisor", "manager", "admin"))
    )
    assert sorted(said(answer)[1] for answer in answers) == ["already", "already", "already", "done"]


async def test_a_request_that_is_repeated_at_once_is_done_once(desk: Bench) -> None:
    body, headers = {"category": "machine", "station": "CUT-1"}, {"Idempotency-Key": "p-1"}
    answers = await asyncio.gather(
        *(desk["operator"].post("/api/v1/problems", json=body, headers=headers) for _ in range(4))
    )
    assert sorted(said(answer)[1] for answer in answers) == ["done", "repeated", "repeated", "repeated"]
    assert len({answer.json()["events"][0]["id"] for answer in answers}) == 1
    log = (await desk["reader"].get("/api/v1/events", params={"limit": 1000})).json()["items"]
    assert sum(event["kind"] == "problem_reported" for event in log) == 1


async def test_people_are_told_apart_although_their_names_are_sealed(desk: Bench, tmp_path: Path) -> None:
    """An account that is somebody's name stands sealed in the log; a second person must still be another one."""
    accounts = desk.collector.authority.accounts
    for name in ("li-wei", "chen-min"):
        accounts.set_password(name, "x", must_choose=False, role=Role.OPERATOR)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(desk.collector.app), base_url=BASE, headers={"Origin": BASE}
        ) as client:
            client.cookies.set("genba_session", accounts.open_session(name))
            if name == "li-wei":
                assert said(await act(client, "CUT", "complete")) == (200, "done")
                assert said(await act(client, "CUT", "confirm")) == (409, "second_person")
            else:
                assert said(await act(client, "CUT", "confirm")) == (200, "done")
    with sqlite3.connect(tmp_path / "genba.db") as connection:
        bodies = b"".join(row[0] for row in connection.execute("SELECT body FROM log"))
    assert b"li-wei" not in bodies
    assert b"node_confirmed" in bodies


async def test_the_log_of_a_days_actions_proves_and_rebuilds(desk: Bench) -> None:
    await act(desk["operator"], "CUT", "start")
    done = (await act(desk["operator"], "CUT", "complete", pieces=7, reason="scrap")).json()
    await desk["operator"].post("/api/v1/actions/undo", json={"undo": done["undo"]})
    await act(desk["operator"], "CUT", "quality", result="failed", pieces=1, defects=["wrong_size"])
    await act(desk["operator"], "CUT", "rework", pieces=1, reason="wrong_size")
    assert await desk.collector.ledger.rebuild() > 0
    verified = await desk.collector.ledger.verify()
    assert verified.differences == ()


@pytest.mark.requirement("R87", part="every route has a guard, and no event of the floor goes around its rights")
async def test_no_event_of_the_floor_goes_round_its_rights(desk: Bench) -> None:
    """Whoever may only send events cannot confirm, void or cancel by sending such an event."""
    common = {"at": "2026-01-05T09:00:00.000Z", "source": {"type": "person", "ref": "u1"}, "reason": "x"}
    more = {"work_order": "WO-1", "node": "CUT", "target": "x", "order": "A-1", "pieces": 1, "note": "x"}
    more |= {"step": "x", "result": "passed", "code_id": "x", "item": "x", "amount": 1.0, "category": "x", "cause": "x"}
    for number, kind in enumerate(sorted(kind.kind for kind in FLOOR_NEEDS)):
        fields = {field for field in more if field in KINDS[kind].__dataclass_fields__}
        event = {"id": f"00000000-0000-4000-8000-{number:012d}", "kind": kind, **common}
        event |= {field: more[field] for field in fields}
        refused = (await desk["events"].post("/api/v1/events", json={"events": [event]})).json()["refused"]
        assert len(refused) == 1, kind
        said = "say it to POST /api/v1/problems" if kind == "problem_resolved" else "needs the right to"
        assert said in refused[0]["reason"], (kind, refused)
