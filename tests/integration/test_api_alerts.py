"""Alerts, tasks and problems over the API: found by the collector itself, answered by people, refused in words."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from genba_cloud.api import alerts as alerts_module
from genba_shared.clock import format_time
from genba_shared.events import (
    AlertClosed,
    Event,
    NodeCompleted,
    ProblemExplained,
    ProblemReported,
    ProblemResolved,
    Source,
    SourceType,
    TaskClosed,
    WipChanged,
    event_to_json,
)
from tests.api_examples import troubles
from tests.browser.support import NOW, Bench, bench, order_body

ALERTS, TASKS, PROBLEMS = "/api/v1/alerts", "/api/v1/tasks", "/api/v1/problems"
OPERATOR = Source(type=SourceType.PERSON, ref="op-7")
PLAN = {
    "cause": "breakdown",
    "plan": "cut the rest on the second machine",
    "owner": "op-9",
    "due": format_time(NOW + timedelta(hours=4)),
}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


async def until(desk: Bench, path: str, is_so: Callable[[Any], bool], role: str = "reader") -> Any:
    """The answer, once it is as wanted."""
    async with asyncio.timeout(30):
        while True:
            answer = await desk[role].get(path)
            assert answer.status_code == 200, answer.text
            if is_so(body := answer.json()):
                return body
            await asyncio.sleep(0.05)


async def red_order(desk: Bench) -> dict[str, Any]:
    """The alert of an order that should have begun 20 hours ago."""
    await desk.post_order(start=NOW - timedelta(hours=20))
    alerts = await until(desk, ALERTS, lambda body: any(one["rule"] == "lateness" for one in body["items"]))
    return next(one for one in alerts["items"] if one["rule"] == "lateness")


async def notices(desk: Bench) -> list[tuple[str, str]]:
    events = (await desk["reader"].get("/api/v1/events", params={"kind": "notice_sent", "limit": 1000})).json()
    return [(one["notice"], one["recipient"]) for one in events["items"]]


async def answer(desk: Bench, path: str, body: dict[str, Any]) -> httpx.Response:
    return await desk["answers"].post(f"/api/v1/{path}", json=body)


@pytest.mark.requirement("R54", part="management is told, a task opens, and without an answer it goes further")
async def test_a_red_order_tells_supervisor_and_management_once_and_opens_a_task(desk: Bench) -> None:
    alert = await red_order(desk)
    assert (alert["level"], alert["order"], alert["customer"]) == ("red", "A-1001", "Blue Shirt Co")
    assert alert["recipients"] == ["line_supervisor", "management"]
    (task,) = (await desk["reader"].get(TASKS)).json()["items"]
    assert (task["target"], task["level"], task["recipient"]) == (alert["alert"], "red", "management")
    assert task["due"] == format_time(NOW + timedelta(hours=1))
    await desk.collector.ledger.rebuild()
    desk.collector.missed()
    await until(desk, ALERTS, lambda body: [one["alert"] for one in body["items"]].count(alert["alert"]) == 1)
    told = [one for one in await notices(desk) if one[0] == "lateness:red"]
    assert told == [("lateness:red", "line_supervisor"), ("lateness:red", "management")]


@pytest.mark.requirement("R114", part="the team of an order hears of its alerts")
async def test_the_team_of_an_order_hears_of_its_alert(desk: Bench) -> None:
    body = order_body("A-7", start=NOW - timedelta(hours=20))
    await desk["orders"].post("/api/v1/orders", json={**body, "team": [{"person": "op-3", "role": "owner"}]})
    alerts = await until(desk, ALERTS, lambda body: any(one["rule"] == "lateness" for one in body["items"]))
    late = next(one for one in alerts["items"] if one["rule"] == "lateness")
    assert late["recipients"] == ["line_supervisor", "management", "op-3"]


@pytest.mark.requirement("R53")
async def test_a_task_is_closed_only_with_cause_plan_owner_and_due_time(desk: Bench) -> None:
    await red_order(desk)
    (task,) = (await until(desk, TASKS, lambda body: body["items"]))["items"]
    path = f"tasks/{task['task']}"
    too_early = await answer(desk, f"{path}/close", {"effect": "we caught up"})
    assert (too_early.status_code, too_early.json()["accepted"]) == (409, "plan it first: cause, plan, owner, due")
    for wrong, said in (
        ({"plan": " "}, "plan: say what is done about it"),
        ({"plan": "x"}, "plan: say what is done about it"),
        ({"owner": "x"}, "owner: say who does it"),
        ({"due": format_time(NOW - timedelta(minutes=1))}, "due: that is no time at which it could be done"),
        ({"cause": "weather"}, "cause: 'weather' is no code of a cause"),
    ):
        refused = await answer(desk, f"{path}/plan", {**PLAN, **wrong})
        assert (refused.status_code, refused.json()["detail"]) == (422, said)
    planned = (await answer(desk, f"{path}/plan", PLAN)).json()
    assert (planned["is_planned"], planned["cause"], planned["owner"]) == (True, "breakdown", "op-9")
    assert planned["plan"] == "cut the rest on the second machine"
    assert (await answer(desk, f"{path}/close", {"effect": "ok"})).status_code == 422
    closed = (await answer(desk, f"{path}/close", {"effect": "two hours caught up"})).json()
    assert (closed["is_open"], closed["effect"], closed["closed_by"]) == (
        False,
        "two hours caught up",
        closed["planned_by"],
    )
    assert (await answer(desk, f"{path}/plan", PLAN)).status_code == 409


async def test_an_alert_of_a_late_order_is_acknowledged_and_planned_but_not_closed_by_hand(desk: Bench) -> None:
    alert = await red_order(desk)
    path = f"alerts/{alert['alert']}"
    acknowledged = (await answer(desk, f"{path}/acknowledge", {"note": "on my way"})).json()
    assert acknowledged["acknowledged_at"] == format_time(NOW)
    planned = (await answer(desk, f"{path}/plan", PLAN)).json()
    assert (planned["cause"], len(planned["tasks"])) == ("breakdown", 1)
    refused = await answer(desk, f"{path}/close", {"note": "it is fine"})
    assert (refused.status_code, refused.json()["accepted"]) == (409, "acknowledge it, or give it a plan")
    assert (await answer(desk, "alerts/none/acknowledge", {})).status_code == 404


@pytest.mark.requirement("R13")
async def test_a_problem_is_heard_at_once_and_escalates_without_a_cause_after_30_minutes(desk: Bench) -> None:
    young = ProblemReported(
        id=str(uuid.uuid4()), at=NOW - timedelta(minutes=29), source=OPERATOR, category="machine", order="A-1"
    )
    old = ProblemReported(
        id=str(uuid.uuid4()),
        at=NOW - timedelta(minutes=30),
        source=OPERATOR,
        category="material",
        order="A-1",
        note="no cloth",
    )
    await desk.tell(young, old)
    alerts = await until(desk, ALERTS, lambda body: sum(len(one["recipients"]) for one in body["items"]) == 3)
    told = {one["subject"]: one["recipients"] for one in alerts["items"]}
    assert told == {
        f"problem:{young.id}": ["line_supervisor"],
        f"problem:{old.id}": ["line_supervisor", "management"],
    }
    problems = (await desk["reader"].get(PROBLEMS)).json()["items"]
    assert [(one["category"], one["cause"], one["note"]) for one in problems] == [
        ("machine", None, None),
        ("material", None, "no cloth"),
    ]
    await desk.tell(
        ProblemExplained(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, target=old.id, cause="not_delivered"),
        ProblemResolved(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, target=old.id),
    )
    left = await until(desk, ALERTS, lambda body: len(body["items"]) == 1)
    assert left["items"][0]["subject"] == f"problem:{young.id}"
    closed = (await desk["reader"].get(PROBLEMS, params={"state": "closed"})).json()["items"]
    assert [(one["problem"], one["cause"]) for one in closed] == [(old.id, "not_delivered")]


async def test_an_alert_is_closed_by_hand_with_a_reason_and_rests(desk: Bench) -> None:
    limits = {"policy": "usual", "alerts": {"wip": {"sewing": 20}}}
    assert (await desk["admin"].put("/api/v1/policies/usual", json=limits)).status_code == 201
    await desk.tell(
        WipChanged(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, zone="sewing", count=21, by=21, error_estimate=0)
    )
    site = {"site": "demo", "policy": "usual"}
    assert (answered := await desk["admin"].put("/api/v1/sites/demo", json=site)).status_code == 201, answered.text
    (alert,) = (await until(desk, ALERTS, lambda body: body["items"]))["items"]
    assert (alert["rule"], alert["subject"], alert["note"]) == ("wip_limit", "zone:sewing", "21 > 20")
    path = f"alerts/{alert['alert']}"
    assert (await answer(desk, f"{path}/close", {"note": "counted twice"})).status_code == 409
    await answer(desk, f"{path}/acknowledge", {})
    assert (await answer(desk, f"{path}/close", {"note": " "})).status_code == 422
    closed = (await answer(desk, f"{path}/close", {"note": "counted twice"})).json()
    assert (closed["is_open"], closed["closed_at"]) == (False, format_time(NOW))
    await desk.tell(
        WipChanged(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, zone="sewing", count=30, by=9, error_estimate=0)
    )
    problem = ProblemReported(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, category="machine", order="A-1")
    await desk.tell(problem)  # its alert shows that the rules were asked again
    items = (await until(desk, ALERTS, lambda body: body["items"]))["items"]
    assert [one["subject"] for one in items] == [f"problem:{problem.id}"]


def entered(node: str, minutes: int) -> NodeCompleted:
    """Somebody types in now what was completed so many minutes ago."""
    return NodeCompleted(
        id=str(uuid.uuid4()),
        at=NOW - timedelta(minutes=minutes),
        entered_at=NOW,
        source=OPERATOR,
        work_order="WO-1001",
        node=node,
        pieces=8,
    )


async def test_a_completion_entered_more_than_two_hours_late_is_flagged_once(desk: Bench) -> None:
    await desk.post_order(start=NOW - timedelta(hours=4))
    await desk.tell(entered("CUT", 121), entered("SEW", 120))
    path = "/api/v1/events?kind=late_update_flagged"
    flagged = await until(desk, path, lambda body: body["items"])
    assert [(one["node"], one["recipient"], one["due"]) for one in flagged["items"]] == [
        ("CUT", "operator", format_time(NOW - timedelta(minutes=1)))
    ]
    await desk.tell(entered("CUT", 130), entered("PACK", 121))
    await until(desk, path, lambda body: len(body["items"]) > 1)
    desk.collector.missed()
    await desk.tell(
        entered("PACK", 122), ProblemReported(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, category="machine")
    )
    await until(desk, ALERTS, lambda body: any(one["rule"] == "problem" for one in body["items"]))
    nodes = [one["node"] for one in (await desk["reader"].get(path)).json()["items"]]
    assert nodes == ["CUT", "PACK"]


async def test_a_board_sees_that_there_is_an_alert_and_no_name(desk: Bench) -> None:
    alert = await red_order(desk)
    await answer(desk, f"alerts/{alert['alert']}/acknowledge", {"note": "on my way"})
    shown = (await desk["board"].get(f"{ALERTS}/{alert['alert']}")).json()
    assert (shown["rule"], shown["level"], shown["customer"]) == ("lateness", "red", "")
    assert (shown["acknowledged_by"], shown["note"], shown["recipients"]) == (None, None, [])
    assert (await desk["board"].get(TASKS)).status_code == 403


async def test_an_answer_sent_again_with_its_key_is_given_once(desk: Bench) -> None:
    alert = await red_order(desk)
    for _ in range(2):
        sent = await desk["answers"].post(
            f"{ALERTS}/{alert['alert']}/plan", json=PLAN, headers={"Idempotency-Key": "plan-1"}
        )
        assert sent.status_code == 200
    events = (await desk["reader"].get("/api/v1/events", params={"kind": "task_planned"})).json()["items"]
    assert len(events) == 1


async def test_no_answer_goes_around_its_checks_as_an_event(desk: Bench) -> None:
    problem = str(uuid.uuid4())
    await desk.tell(ProblemReported(id=problem, at=NOW, source=OPERATOR, category="machine", order="A-1"))
    around: list[Event] = [
        ProblemResolved(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, target=problem),
        AlertClosed(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, target=problem),
        TaskClosed(id=str(uuid.uuid4()), at=NOW, source=OPERATOR, target=problem),
    ]
    sent = await desk["events"].post("/api/v1/events", json={"events": [event_to_json(event) for event in around]})
    assert sent.json()["accepted"] == 0
    assert [one["reason"] for one in sent.json()["refused"]] == [
        "problem_resolved: say it to POST /api/v1/problems/{problem}/resolve",
        "alert_closed is written by the collector only",
        "task_closed is written by the collector only",
    ]
    assert len((await desk["reader"].get(PROBLEMS)).json()["items"]) == 1


EXAMPLES = Path(alerts_module.__file__).parent / "examples" / "25_alerts.yaml"


async def test_every_example_works_in_the_order_in_which_they_stand(desk: Bench) -> None:
    await desk.tell(*troubles())
    examples = yaml.safe_load(EXAMPLES.read_text())
    for operation, example in examples.items():
        method, path = operation.split(" ")
        where = f"/api/v1{path.format(**example.get('path', {}))}"
        sent = await desk["admin"].request(method, where, params=example.get("query"), json=example.get("body"))
        assert sent.status_code == 200, (operation, sent.text)
    routes = {f"{method} {route.path}" for route in alerts_module.router.routes for method in route.methods}
    assert set(examples) == routes - {"GET /alerts"}
