"""The lines of the truth and of the plan file, written out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from genba_sim.happenings import (
    Announced,
    NodeCompleted,
    PieceMade,
    PlantStopped,
    Result,
    SetUpBegan,
    State,
    StateChanged,
    TagPassed,
)
from genba_sim.orders import Bundle, Order, Planned, WorkOrder
from genba_sim.settings import FAMILIES, Node, ReadPoint, Station, Zone
from genba_sim.truth import plan_line, truth_line

AT = datetime(2026, 1, 5, 7, 0, 0, 250_000, tzinfo=UTC)


def test_a_piece_in_the_truth() -> None:
    piece = PieceMade(at=AT, station=Station.INS, work_order="WO-1001", node=Node.INS, result=Result.REWORK)
    assert truth_line(piece) == {
        "truth": "piece",
        "at": "2026-01-05T07:00:00.250Z",
        "station": "INS-1",
        "work_order": "WO-1001",
        "node": "INS",
        "result": "rework",
    }


def test_a_completed_node_in_the_truth() -> None:
    assert truth_line(NodeCompleted(at=AT, work_order="WO-1001", node=Node.CUT, pieces=8)) == {
        "truth": "node_completed",
        "at": "2026-01-05T07:00:00.250Z",
        "work_order": "WO-1001",
        "node": "CUT",
        "pieces": 8,
    }


def test_a_passage_in_the_truth() -> None:
    passage = TagPassed(
        at=AT, tag="3034257bf700000000000001", read_point=ReadPoint.SEWING_OUT, work_order="WO-1001", pieces=5
    )
    assert truth_line(passage) == {
        "truth": "tag_passed",
        "at": "2026-01-05T07:00:00.250Z",
        "tag": "3034257bf700000000000001",
        "read_point": "sewing-out",
        "zone": "sewing",
        "direction": "leave",
        "work_order": "WO-1001",
        "pieces": 5,
    }


def test_the_stop_in_the_truth() -> None:
    wip = {Zone.SEWING: 5, Zone.PACKING: 0, Zone.CUT_BUFFER: 12}
    assert truth_line(PlantStopped(at=AT, wip=wip)) == {
        "truth": "stopped",
        "at": "2026-01-05T07:00:00.250Z",
        "wip": {"sewing": 5, "packing": 0, "cut-buffer": 12},
    }


def test_a_machine_state_is_told() -> None:
    assert truth_line(StateChanged(at=AT, station=Station.CUT, state=State.DOWN)) == {
        "truth": "state",
        "at": "2026-01-05T07:00:00.250Z",
        "station": "CUT-1",
        "state": "down",
    }


def test_the_beginning_of_a_set_up_is_told_by_the_machine_state_alone() -> None:
    assert truth_line(SetUpBegan(at=AT, station=Station.CUT, work_order="WO-1001")) is None


def test_an_order_in_the_plan() -> None:
    planned = {
        node: Planned(start=AT + timedelta(minutes=place), finish=AT + timedelta(minutes=place + 1))
        for place, node in enumerate(Node)
    }
    work_order = WorkOrder(
        number="WO-1002",
        family=FAMILIES["trousers"],
        quantity=6,
        bundles=(
            Bundle(tag="3034257bf700000000000001", pieces=5),
            Bundle(tag="3034257bf700000000000002", pieces=1),
        ),
    )
    order = Order(
        number="A-1002",
        customer="江南服饰",
        promised=AT + timedelta(hours=1),
        work_order=work_order,
        plan=MappingProxyType(planned),
    )
    line = plan_line(Announced(at=AT, order=order), site="demo")
    nodes = line["order"]["work_orders"][0].pop("nodes")
    assert line == {
        "announced_at": "2026-01-05T07:00:00.250Z",
        "order": {
            "order": "A-1002",
            "system": "demo",
            "external_id": "A-1002",
            "customer": "江南服饰",
            "promised": "2026-01-05T08:00:00.250Z",
            "work_orders": [{"work_order": "WO-1002", "site": "demo", "item": "trousers", "quantity": 6}],
        },
        "queue": [
            {"station": "CUT-1", "work_order": "WO-1002", "node": "CUT", "quantity": 6},
            {"station": "SEW-2", "work_order": "WO-1002", "node": "SEW", "quantity": 6},
            {"station": "INS-1", "work_order": "WO-1002", "node": "INS", "quantity": 6},
        ],
        "tags": [
            {"tag": "3034257bf700000000000001", "work_order": "WO-1002", "pieces": 5},
            {"tag": "3034257bf700000000000002", "work_order": "WO-1002", "pieces": 1},
        ],
    }
    assert [(node["node"], node["predecessors"]) for node in nodes] == [
        ("CUT", []),
        ("SEW", ["CUT"]),
        ("INS", ["SEW"]),
        ("PACK", ["INS"]),
    ]
    assert nodes[1] == {
        "node": "SEW",
        "label": {"en": "Sewing", "zh": "缝制", "ja": "縫製"},
        "planned_start": "2026-01-05T07:01:00.250Z",
        "planned_finish": "2026-01-05T07:02:00.250Z",
        "predecessors": ["CUT"],
    }
