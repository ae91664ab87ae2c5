"""Master data over the API: put in, read, refused with the place; orders planned from it; thresholds that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from genba_cloud.core.viewer import Scope
from genba_shared.clock import format_time
from tests.browser.support import NOW, Bench, bench, completed, counted, order_body, started

STANDARD = ["order", "material", "start", "core", "quality", "pack", "dispatch"]
WEEK = {"zone": "Asia/Shanghai", "shifts": [{"days": "mon-fri", "work": "08:00-17:00", "breaks": ["12:00-13:00"]}]}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


async def put(desk: Bench, path: str, body: dict[str, Any], *, status: int = 201) -> dict[str, Any]:
    answer = await desk["admin"].put(f"/api/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines_body(order: str = "A-7", **changes: Any) -> dict[str, Any]:
    """An order of one line, promised in four weeks."""
    return {
        "order": order,
        "system": "erp",
        "external_id": order,
        "customer": "Blue Shirt Co",
        "promised": format_time(NOW + timedelta(days=28)),
        "lines": [{"item": "SHIRT", "quantity": 100}],
        **changes,
    }


async def test_a_document_is_kept_in_versions_and_the_same_again_changes_nothing(desk: Bench) -> None:
    first = await put(desk, "items/SHIRT", {"label": {"en": "Shirt"}, "routing": "garment"})
    same = await put(desk, "items/SHIRT", {"label": {"en": "Shirt"}, "routing": "garment"}, status=200)
    other = await put(desk, "items/SHIRT", {"label": {"en": "Shirt"}, "routing": "starter"}, status=200)
    assert first == {"id": "SHIRT", "version": 1, "outcome": "created"}
    assert same == {"id": "SHIRT", "version": 1, "outcome": "unchanged"}
    assert other == {"id": "SHIRT", "version": 2, "outcome": "changed"}
    now = (await desk["reader"].get("/api/v1/items/SHIRT")).json()
    before = (await desk["reader"].get("/api/v1/items/SHIRT", params={"version": 1})).json()
    assert (now["body"]["routing"], before["body"]["routing"]) == ("starter", "garment")
    events = (await desk["reader"].get("/api/v1/events", params={"kind": "master_data_changed"})).json()["items"]
    told = [(one["what"], one["name"], one["version"], one["source"]["type"]) for one in events]
    assert told == [("items", "SHIRT", 1, "person"), ("items", "SHIRT", 2, "person")]


async def test_the_standard_templates_are_there_without_being_put_in(desk: Bench) -> None:
    page = (await desk["reader"].get("/api/v1/routings")).json()
    names = [one["id"] for one in page["items"]]
    assert names == ["garment", "print-3d", "sheet-metal", "standard", "starter", "wood"]
    assert all(one["built_in"] and one["version"] == 1 for one in page["items"])
    nodes = (await desk["reader"].get("/api/v1/routings/standard")).json()["body"]["nodes"]
    assert [node["node"] for node in nodes] == STANDARD


async def test_an_order_with_lines_is_planned_and_frozen(desk: Bench) -> None:
    await put(desk, "calendars/default", WEEK)
    first = await desk["orders"].post("/api/v1/orders", json=lines_body())
    assert (first.status_code, first.json()) == (201, {"order": "A-7", "outcome": "created"})
    again = await desk["orders"].post("/api/v1/orders", json=lines_body())
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    order = (await desk["reader"].get("/api/v1/orders/A-7")).json()
    (work,) = order["work_orders"]
    assert (work["work_order"], work["site"], work["quantity"]) == ("A-7-1", "main", 100)
    assert [node["node"] for node in work["nodes"]] == STANDARD
    assert len((await desk["reader"].get("/api/v1/orders")).json()["items"]) == 1
    events = (await desk["reader"].get("/api/v1/events", params={"kind": "work_order_released"})).json()["items"]
    assert [one["work_order"] for one in events] == ["A-7-1"]


async def test_a_frozen_line_stays_as_it_is_and_new_lines_are_added(desk: Bench) -> None:
    await desk["orders"].post("/api/v1/orders", json=lines_body())
    first = (await desk["reader"].get("/api/v1/orders/A-7")).json()["work_orders"]
    other = await desk["orders"].post("/api/v1/orders", json=lines_body(lines=[{"item": "SHIRT", "quantity": 90}]))
    assert (other.status_code, other.json()["title"]) == (409, "Conflict")
    assert "frozen since it was confirmed: its quantity is 100, not 90" in other.json()["detail"]
    await put(desk, "routings/standard", STARTER, status=200)
    more = lines_body(lines=[{"item": "SHIRT", "quantity": 100}, {"item": "TIE", "quantity": 5}])
    added = await desk["orders"].post("/api/v1/orders", json=more)
    assert added.json()["outcome"] == "changed"
    works = (await desk["reader"].get("/api/v1/orders/A-7")).json()["work_orders"]
    assert works[:1] == first
    assert [node["node"] for node in works[1]["nodes"]] == ["core"]


STARTER = {"nodes": [{"node": "core", "label": "Core", "criterion": "quantity", "setup_s": 60, "piece_s": 60}]}


async def test_what_an_order_was_frozen_from_is_kept_when_the_template_changes(desk: Bench) -> None:
    await desk["orders"].post("/api/v1/orders", json=lines_body())
    assert (await put(desk, "routings/standard", STARTER, status=200))["version"] == 2
    frozen = (await desk["reader"].get("/api/v1/routings/standard", params={"version": 1})).json()
    assert [node["node"] for node in frozen["body"]["nodes"]] == STANDARD
    assert (await desk["reader"].get("/api/v1/routings/standard")).json()["built_in"] is False
    old = lines_body("A-8", lines=[{"item": "X", "quantity": 1, "routing": "standard@1"}])
    assert (await desk["orders"].post("/api/v1/orders", json=old)).status_code == 201
    (work,) = (await desk["reader"].get("/api/v1/orders/A-8")).json()["work_orders"]
    assert len(work["nodes"]) == 7


@pytest.mark.requirement("R6")
async def test_two_nodes_work_end_to_end_and_more_are_added_without_migration(desk: Bench) -> None:
    line = {"item": "SHIRT", "quantity": 8, "routing": "starter"}
    assert (await desk["orders"].post("/api/v1/orders", json=lines_body(lines=[line]))).status_code == 201
    await desk.tell(started("A-7-1", "core"), counted("A-7-1", "core", 8), completed("A-7-1", "core", 8))
    await desk.tell(started("A-7-1", "dispatch"), completed("A-7-1", "dispatch", 8))
    (work,) = (await desk["reader"].get("/api/v1/orders/A-7")).json()["work_orders"]
    assert [node["node"] for node in work["nodes"]] == ["core", "dispatch"]
    assert work["nodes"][0]["status"] == "done"
    nodes = (await desk["reader"].get("/api/v1/routings/starter")).json()["body"]["nodes"]
    pack = {"node": "pack", "label": {"en": "Packing"}, "criterion": "quantity", "setup_s": 60, "piece_s": 5}
    changed = {"nodes": [nodes[0], pack, nodes[1]]}
    assert (await put(desk, "routings/starter", changed, status=200))["version"] == 2
    assert (await desk["orders"].post("/api/v1/orders", json=lines_body("A-8", lines=[line]))).status_code == 201
    shown = {
        number: [
            node["node"]
            for node in (await desk["reader"].get(f"/api/v1/orders/{number}")).json()["work_orders"][0]["nodes"]
        ]
        for number in ("A-7", "A-8")
    }
    assert shown == {"A-7": ["core", "dispatch"], "A-8": ["core", "pack", "dispatch"]}


WRONG: tuple[tuple[str, dict[str, Any], str, str, str], ...] = (
    ("items/X", {"routng": "a"}, "routng", "'routng' is not a setting of an item", "Did you mean 'routing'?"),
    ("items/X", {"routing": "nonsense"}, "routing", "'nonsense' is not among the routings", "Put it in first"),
    ("stations/S", {"work_centre": "sew"}, "work_centre", "'sew' is not among the work centres", "Put it in first"),
    ("calendars/c", {"zone": "Mars", "shifts": []}, "zone", "'Mars' is not a time zone", "Asia/Shanghai"),
    ("routings/r", {"nodes": [{"node": "a", "label": "A"}]}, "nodes.0", "'criterion' is missing", "criterion:"),
    ("boms/X", {"lines": [{"item": "X", "amount": 1}]}, "lines", "X cannot be a part of itself", "Take the line"),
    ("items/X", {"item": "Y"}, "item", "'Y' is another one than 'X' of the path", "Leave it out"),
)


async def test_a_document_that_is_not_right_is_refused_with_where_what_and_instead(desk: Bench) -> None:
    for path, body, where, said, instead in WRONG:
        answer = await desk["admin"].put(f"/api/v1/{path}", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), body
        error = answer.json()["errors"][0]
        assert (error["path"], said in error["message"], instead in error["instead"]) == (where, True, True), error
        assert (await desk["reader"].get(f"/api/v1/{path}")).status_code == 404, body


async def test_a_body_that_is_no_object_is_refused(desk: Bench) -> None:
    for content in ("{", "[]", "\x00", '{"a": ' * 10_000, '"text"'):
        assert (await desk["admin"].put("/api/v1/items/X", content=content)).status_code == 422, content[:20]


async def test_yaml_is_taken_and_its_problems_have_lines(desk: Bench) -> None:
    headers = {"Content-Type": "application/yaml"}
    good = "zone: Asia/Tokyo\nshifts:\n  - {days: mon-fri, work: 08:00-17:00}\n"
    assert (await desk["admin"].put("/api/v1/calendars/osaka", content=good, headers=headers)).status_code == 201
    bad = "calendar: osaka\nzone: Asia/Tokyo\nshifts:\n  - {days: mon-fri, work: 8 to 5}\n"
    answer = await desk["admin"].put("/api/v1/calendars/osaka", content=bad, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["line"]) == (422, 4)


async def test_a_change_of_a_version_that_somebody_changed_meanwhile_is_refused(desk: Bench) -> None:
    await put(desk, "items/X", {"uom": "m"})
    client = desk["admin"]
    read = await client.get("/api/v1/items/X")
    assert read.headers["ETag"] == '"1"'
    assert (await client.get("/api/v1/items/X", headers={"If-None-Match": '"1"'})).status_code == 304
    mine = {"If-Match": read.headers["ETag"]}
    assert (await client.put("/api/v1/items/X", json={"uom": "kg"}, headers=mine)).status_code == 200
    late = await client.put("/api/v1/items/X", json={"uom": "g"}, headers=mine)
    assert (late.status_code, late.json()["accepted"]) == (412, "version 2")
    assert (await client.put("/api/v1/items/X", json={}, headers={"If-Match": "x"})).status_code == 422


async def test_lists_come_in_pages_with_built_in_templates_among_them(desk: Bench) -> None:
    await put(desk, "routings/zzz", STARTER)
    await put(desk, "routings/middle", STARTER)
    seen: list[str] = []
    cursor = None
    for _ in range(9):
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = (await desk["reader"].get("/api/v1/routings", params=query)).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert (await desk["reader"].get("/api/v1/items", params={"cursor": "a\0"})).status_code == 422
    assert seen == ["garment", "middle", "print-3d", "sheet-metal", "standard", "starter", "wood", "zzz"]


async def test_a_key_for_master_data_may_put_it_in_and_no_other_key(desk: Bench) -> None:
    accounts = desk.collector.authority.accounts
    key = accounts.create_key("plm", frozenset({Scope.MASTER_WRITE}))
    headers = {"Authorization": f"Bearer {key}"}
    client = desk["nobody"]
    assert (await client.put("/api/v1/items/X", json={}, headers=headers)).status_code == 201
    assert (await client.get("/api/v1/items/X", headers=headers)).status_code == 403
    for role in ("orders", "reader", "dispatch", "events", "answers"):
        assert (await desk[role].put("/api/v1/items/X", json={})).status_code == 403, role


async def test_a_client_cannot_say_that_master_data_changed(desk: Bench) -> None:
    event = {
        "id": "018f0000-0000-7000-8000-000000000000", "kind": "master_data_changed", "at": format_time(NOW),
        "source": {"type": "api", "ref": "x"}, "what": "items", "name": "X", "version": 9,
    }  # fmt: skip
    answer = (await desk["events"].post("/api/v1/events", json={"events": [event]})).json()
    assert (answer["accepted"], "written by the collector only" in answer["refused"][0]["reason"]) == (0, True)


async def test_stations_as_master_data_stand_beside_what_stations_do(desk: Bench) -> None:
    await put(desk, "sites/a", {})
    await put(desk, "work-centres/sewing", {"site": "a"})
    await put(desk, "stations/SEW-1", {"work_centre": "sewing", "machines": 8, "skills": ["overlock"]})
    (one,) = (await desk["reader"].get("/api/v1/stations/registered")).json()["items"]
    assert one["body"] == {"station": "SEW-1", "work_centre": "sewing", "machines": 8, "skills": ["overlock"]}
    assert (await desk["reader"].get("/api/v1/stations/SEW-1")).json()["version"] == 1
    assert (await desk["reader"].get("/api/v1/stations")).json() == {"items": [], "next": None}


async def level_of(desk: Bench, wanted: str) -> None:
    """Wait until the order is shown with this level."""
    async with asyncio.timeout(60):
        while True:
            if (await desk["reader"].get("/api/v1/orders/A-1001")).json()["level"] == wanted:
                return
            await asyncio.sleep(0.05)


@pytest.mark.requirement("R55")
async def test_thresholds_and_calendars_of_a_site_are_in_force_when_they_are_put_in(desk: Bench) -> None:
    """The order is an hour late on a lead of a working day: yellow, unless its site's policy allows two hours."""
    body = order_body(start=NOW - timedelta(hours=7), hours=2)
    assert (await desk["orders"].post("/api/v1/orders", json=body)).status_code == 201
    level_before = (await desk["reader"].get("/api/v1/orders/A-1001")).json()["level"]
    assert level_before != "none"
    await put(desk, "policies/patient", {"levels": {"tolerance_s": 100_000}})
    await put(desk, "sites/demo", {"policy": "patient"})
    await level_of(desk, "none")
    await put(desk, "policies/patient", {"levels": {"tolerance_s": 60}}, status=200)
    await level_of(desk, level_before)
    nobody_works = {"zone": "UTC", "shifts": [{"days": "sun", "work": "08:00-09:00"}]}
    await put(desk, "calendars/never", nobody_works)
    await put(desk, "sites/demo", {"calendar": "never"}, status=200)
    await level_of(desk, "none")


CABINET = {
    "item": "CABINET",
    "routing": "wood",
    "modules": [
        {"module": "door", "options": [
            {"option": "plain"},
            {"option": "glass", "lines": [{"item": "GLASS", "amount": 2, "scrap_share": 0.5}],
             "work": [{"node": "core", "piece_s": 300}]},
        ]},
        {"module": "frame", "options": [{"option": "oak"}, {"option": "steel", "routing": "sheet-metal"}]},
    ],
    "rules": [{"rule": "glass-needs-steel", "when": {"door": "glass"}, "requires": {"frame": "steel"},
               "message": {"en": "Glass is too heavy for wood."}}],
}  # fmt: skip


async def test_a_choice_is_resolved_or_refused_with_the_rule_named(desk: Bench) -> None:
    await put(desk, "configurations/cabinet", CABINET)
    path = "/api/v1/configurations/cabinet/resolve"
    good = await desk["reader"].post(path, json={"choices": {"door": "glass", "frame": "steel"}, "quantity": 3})
    made = good.json()
    assert (good.status_code, made["item"], made["routing"]) == (200, "CABINET", "sheet-metal@1")
    assert made["parameters"] == {"door": "glass", "frame": "steel"}
    assert made["bom"] == [
        {"item": "GLASS", "amount": 2.0, "uom": "pcs", "scrap_share": 0.5, "node": None, "total": 12.0}
    ]
    assert {"node": "core", "setup_s": 5400, "piece_s": 780.0} in made["nodes"]
    bad = await desk["reader"].post(path, json={"choices": {"door": "glass", "frame": "oak"}})
    assert bad.status_code == 422
    assert bad.json()["detail"] == "rule glass-needs-steel: door: glass needs frame: steel, not oak"
    told = [(one["path"], one["why"]["en"]) for one in bad.json()["errors"]]
    assert told == [("choices.frame", "Glass is too heavy for wood.")]
    assert (await desk["reader"].post("/api/v1/configurations/none/resolve", json={"choices": {}})).status_code == 404


@pytest.mark.requirement("R92", part="options become bill of material, routing and nodes, without a quote")
async def test_a_configured_line_becomes_an_order_by_itself(desk: Bench) -> None:
    await put(desk, "configurations/cabinet", CABINET)
    line = {"configuration": "cabinet", "choices": {"door": "glass", "frame": "steel"}, "quantity": 3}
    bad = lines_body(lines=[{**line, "choices": {"door": "glass", "frame": "oak"}}])
    refused = await desk["orders"].post("/api/v1/orders", json=bad)
    assert (refused.status_code, refused.json()["detail"].split(":")[0]) == (422, "rule glass-needs-steel")
    assert (await desk["orders"].post("/api/v1/orders", json=lines_body(lines=[line]))).status_code == 201
    assert (await desk["orders"].post("/api/v1/orders", json=lines_body(lines=[line]))).json()["outcome"] == "unchanged"
    record = desk.collector.ledger.reads.get_order("A-7")
    assert record is not None
    (work,) = record.plan.work_orders
    assert (work.item, work.routing, work.parameters) == (
        "CABINET", "sheet-metal@1", {"door": "glass", "frame": "steel"},
    )  # fmt: skip
    assert [(need.item, need.amount) for need in work.materials] == [("GLASS", 12.0)]


async def test_nodes_that_are_sent_planned_may_say_all_that_a_plan_says(desk: Bench) -> None:
    body = order_body()
    body["priority"], body["team"] = 7, [{"person": "p1", "role": "owner"}]
    work = body["work_orders"][0]
    work["routing"], work["parameters"] = "mine@4", {"size": "M"}
    work["materials"] = [{"item": "FABRIC", "amount": 12.5, "uom": "m", "node": "CUT"}]
    work["nodes"][1] |= {
        "predecessors": [], "dependencies": [{"node": "CUT", "transfer_quantity": 4, "lag_s": 60}],
        "criterion": "inspection", "evidence": "person", "confirm": "four_eyes", "scope": "order",
        "steps": [{"step": "a", "label": {"en": "A"}}], "setup_s": 60, "piece_s": 1.5, "work_centre": "sewing",
        "stations": ["SEW-1"], "key": True, "visible_to": ["customer"], "instructions": ["sop@2"],
    }  # fmt: skip
    for outcome in ("created", "unchanged"):
        assert (await desk["orders"].post("/api/v1/orders", json=body)).json()["outcome"] == outcome
    record = desk.collector.ledger.reads.get_order("A-1001")
    assert record is not None
    (kept,) = record.plan.work_orders
    sew = kept.nodes[1]
    assert (record.plan.priority, kept.routing, kept.materials[0].amount) == (7, "mine@4", 12.5)
    assert (sew.criterion, sew.confirm, sew.scope, sew.piece_s, sew.key) == (
        "inspection", "four_eyes", "order", 1.5, True,
    )  # fmt: skip
    assert (sew.dependencies[0].transfer_quantity, sew.instructions) == (4, ("sop@2",))


@pytest.mark.requirement("R67")
async def test_links_that_cannot_be_kept_are_refused(desk: Bench) -> None:
    body = order_body()
    body["work_orders"][0]["nodes"][0]["dependencies"] = [{"node": "PACK"}]
    circle = await desk["orders"].post("/api/v1/orders", json=body)
    assert (circle.status_code, "in a circle" in circle.json()["detail"]) == (422, True)
    body["work_orders"][0]["nodes"][0]["dependencies"] = [{"node": "CUT", "work_order": "WO-9"}]
    assert "not a node of this order" in (await desk["orders"].post("/api/v1/orders", json=body)).json()["detail"]


ORDERS_CSV = (
    "订单号,品号,数量,交期,工艺路线\nA-1,SHIRT,120,2026-02-20,garment\nA-2,SHIRT,x,2026-02-20,\nA-3,X,1,2026-02-20,zz\n"
)


@pytest.mark.requirement("R18", part="tables go out and in again without loss, and a bad row is named")
@pytest.mark.requirement("R91")
async def test_a_table_of_orders_goes_in_row_by_row_and_comes_out_again(desk: Bench) -> None:
    async def send(content: bytes) -> httpx.Response:
        return await desk["orders"].post("/api/v1/import/orders", content=content, params={"zone": "Asia/Shanghai"})

    first = (await send(ORDERS_CSV.encode())).json()
    counts = [first[key] for key in ("rows", "created", "changed", "unchanged")]
    assert counts == [3, 1, 0, 0]
    assert [(one["row"], one["letter"], one["column"]) for one in first["problems"]] == [
        (3, "C", "数量"), (4, "E", "工艺路线"),
    ]  # fmt: skip
    assert (await send(ORDERS_CSV.encode())).json()["unchanged"] == 1
    for file_format in ("csv", "xlsx"):
        query = {"format": file_format, "language": "ja"}
        table = await desk["reader"].get("/api/v1/export/orders", params=query)
        again = (await send(table.content)).json()
        assert (again["unchanged"], again["created"], again["problems"]) == (1, 0, []), file_format
    for content in (b"a,b\n1,2\n", b"PK\x03\x04 broken"):
        assert (await send(content)).status_code == 422, content
    for query in ({"zone": "Mars"}, *({"encoding": word} for word in ("idna", "nonsense", "a\0", "hex"))):
        wrong = await desk["orders"].post("/api/v1/import/orders", content=ORDERS_CSV, params=query)
        assert wrong.status_code == 422, query


async def test_tables_of_master_data_and_yaml_move_to_another_installation(desk: Bench, tmp_path: Path) -> None:
    factory = (Path(__file__).parents[2] / "examples" / "master" / "factory.yaml").read_text(encoding="utf-8")
    headers = {"Content-Type": "application/yaml"}
    first = (await desk["admin"].post("/api/v1/import/documents", content=factory, headers=headers)).json()
    assert (first["problems"], first["created"] > 10) == ([], True)
    tables = {
        kind: (await desk["reader"].get(f"/api/v1/export/{kind}", params={"format": "xlsx"})).content
        for kind in ("calendars", "stations", "partners", "items", "boms")
    }
    everything = (await desk["reader"].get("/api/v1/export/documents")).content
    for kind, content in tables.items():
        again = (await desk["admin"].post(f"/api/v1/import/{kind}", content=content)).json()
        assert (again["problems"], again["created"], again["changed"]) == ([], 0, 0), kind
        assert again["unchanged"] > 0, kind
    async with bench(tmp_path / "other") as other:
        moved = await other["admin"].post("/api/v1/import/documents", content=everything, headers=headers)
        assert (moved.json()["problems"], moved.json()["created"]) == ([], first["created"])
        assert (await other["reader"].get("/api/v1/export/documents")).content == everything
    bad = await desk["admin"].post("/api/v1/import/documents", content="sites: [{site: }]", headers=headers)
    assert (bad.status_code, bad.json()["errors"][0]["line"]) == (422, 1)
