"""The list of orders: each open order once, whatever runs at the same time; filters, sorting, pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.api.order_index import OrderIndex
from genba_cloud.core.assess import AssessedOrder, assess_order
from genba_cloud.core.deviation import Deviation, Level
from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, WorkOrderFacts
from genba_cloud.core.order_list import (
    OrderLine,
    OrderQuery,
    Sort,
    Stage,
    Standing,
    line_of,
    page_of,
    place_of,
    without_customer,
)
from genba_cloud.core.status import Status
from genba_cloud.web.orders import place_from, place_to

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PARALLEL = ("CUT", "PRINT", "SEW")  # cutting and printing run side by side, sewing needs both


def assessed(number: str, *states: Lifecycle, now: datetime = NOW) -> AssessedOrder:
    """An order of three nodes in these states; each is planned for the two hours from NOW on."""
    nodes = tuple(
        NodePlan(
            node=code,
            quantity=8,
            planned_start=NOW,
            planned_finish=NOW + timedelta(hours=2),
            predecessors=PARALLEL[:2] if code == "SEW" else (),
            label={"en": code.title()},
        )
        for code in PARALLEL
    )
    work = WorkOrderPlan(work_order=f"W{number}", site="demo", item="shirt", quantity=8, nodes=nodes)
    plan = OrderPlan(
        order=number,
        system="erp",
        external_id=number,
        customer="Blue Shirt Co",
        promised=NOW + timedelta(days=1),
        work_orders=(work,),
    )
    facts = tuple(
        NodeFacts(
            node=code,
            lifecycle=state,
            quantity=8,
            good=8 if state is Lifecycle.DONE else 0,
            scrap=0,
            rework=0,
            started_at=NOW if state is not Lifecycle.PENDING else None,
            completed_at=NOW if state is Lifecycle.DONE else None,
        )
        for code, state in zip(PARALLEL, states, strict=True)
    )
    baseline = (plan.start(), plan.finish())
    seen = {work.work_order: WorkOrderFacts(work_order=work.work_order, nodes=facts)}
    assessment = assess_order(plan, seen, now, baseline=baseline)
    return AssessedOrder(plan=plan, baseline=baseline, data_at=None, assessment=assessment)


PENDING, RUNNING, DONE = Lifecycle.PENDING, Lifecycle.IN_PROGRESS, Lifecycle.DONE
WAITING = Lifecycle.AWAITING_CONFIRMATION


@pytest.mark.parametrize(
    ("states", "status", "stage"),
    [
        ((PENDING, PENDING, PENDING), Status.PENDING, "CUT"),
        ((RUNNING, RUNNING, PENDING), Status.IN_PROGRESS, "CUT"),
        ((DONE, RUNNING, PENDING), Status.IN_PROGRESS, "PRINT"),
        ((PENDING, RUNNING, PENDING), Status.IN_PROGRESS, "PRINT"),
        ((DONE, DONE, PENDING), Status.IN_PROGRESS, "SEW"),
        ((RUNNING, WAITING, PENDING), Status.AWAITING_CONFIRMATION, "CUT"),
        ((DONE, DONE, DONE), Status.DONE, "SEW"),
    ],
)
def test_an_order_has_one_status_and_stands_at_one_node(
    states: tuple[Lifecycle, ...], status: Status, stage: str
) -> None:
    line = line_of(assessed("A-1", *states))
    assert (line.status, line.stage.node) == (status, stage)


def test_one_late_node_makes_the_order_late() -> None:
    line = line_of(assessed("A-1", RUNNING, WAITING, PENDING, now=NOW + timedelta(hours=3)))
    assert line.status is Status.DELAYED


@pytest.mark.requirement("R38")
def test_the_counts_hold_each_open_order_once_though_its_nodes_run_side_by_side() -> None:
    orders = [
        assessed("A-1", RUNNING, RUNNING, PENDING),
        assessed("A-2", PENDING, RUNNING, PENDING),
        assessed("A-3", PENDING, PENDING, PENDING),
        assessed("A-4", DONE, DONE, DONE),
    ]
    found = page_of([line_of(order) for order in orders], OrderQuery()).distribution
    assert found.total == 3
    assert sum(found.by_level.values()) == 3
    assert {status: count for status, count in found.by_status.items() if count} == {
        Status.PENDING: 1,
        Status.IN_PROGRESS: 2,
    }
    assert [(stage.node, count) for stage, count in found.by_stage] == [("CUT", 2), ("PRINT", 1)]


def line(number: str, level: Level = Level.NONE, *, late: int = 0, promised: int = 0, **values: object) -> OrderLine:
    usual = OrderLine(
        order=number,
        customer="Blue Shirt Co",
        sites=("demo",),
        items=("shirt",),
        work_orders=(f"W{number}",),
        quantity=8,
        status=Status.IN_PROGRESS,
        stage=Stage(node="CUT"),
        done=0,
        nodes=3,
        level=level,
        deviation=Deviation(late_s=late, lead_s=1000),
        promised=NOW + timedelta(days=promised),
        planned=NOW,
        expected=NOW,
        data_at=None,
    )
    return replace(usual, **values)  # type: ignore[arg-type]  # fields by their names


LINES = [
    line("A-1", promised=3),
    line("A-2", Level.RED, late=300, promised=2, sites=("osaka",)),
    line("A-3", Level.ORANGE, late=150, promised=1, customer="Cedar"),
    line("A-4", Level.RED, late=400, promised=4, items=("trousers",)),
    line("A-5", status=Status.DONE),
]


def numbers(query: OrderQuery) -> list[str]:
    return [one.order for one in page_of(LINES, query).items]


def test_the_most_severe_comes_first_then_the_greatest_deviation() -> None:
    assert numbers(OrderQuery()) == ["A-4", "A-2", "A-3", "A-1"]
    assert numbers(OrderQuery(sort=Sort.PROMISED)) == ["A-3", "A-2", "A-1", "A-4"]
    assert numbers(OrderQuery(sort=Sort.NUMBER)) == ["A-1", "A-2", "A-3", "A-4"]


def test_every_filter_that_is_set_must_match() -> None:
    assert numbers(OrderQuery(level=Level.RED)) == ["A-4", "A-2"]
    assert numbers(OrderQuery(level=Level.RED, site="osaka")) == ["A-2"]
    assert numbers(OrderQuery(customer="Cedar")) == ["A-3"]
    assert numbers(OrderQuery(text=" TROUS ")) == ["A-4"]
    assert numbers(OrderQuery(text="WA-3")) == ["A-3"]
    assert numbers(OrderQuery(status=Status.DELAYED)) == []
    assert numbers(OrderQuery(standing=Standing.FINISHED)) == ["A-5"]
    assert numbers(OrderQuery(stage="SEW")) == []


def test_pages_hold_every_order_once_though_orders_come_and_go_between_them() -> None:
    first = page_of(LINES, OrderQuery(limit=2))
    assert ([one.order for one in first.items], first.found) == (["A-4", "A-2"], 4)
    gone = [one for one in LINES if one.order != "A-2"]  # where the first page ended
    second = page_of(gone, OrderQuery(limit=2, after=first.next))
    assert ([one.order for one in second.items], second.next) == (["A-3", "A-1"], None)


def test_a_cursor_is_read_back_and_anything_else_is_none() -> None:
    place = place_of(LINES[1], Sort.URGENCY)
    assert place_from(place_to(place)) == place
    for text in ("", "x", "W10=", place_to((1,)), place_to(("a", "b")), "é", "bnVsbA=="):
        assert place_from(text) is None


def test_who_may_not_know_the_customer_does_not_find_orders_by_it() -> None:
    hidden = [without_customer(one) for one in LINES]
    page = page_of(hidden, OrderQuery(text="cedar"))
    assert (page.items, page.customers) == ((), ())


def test_the_index_keeps_a_line_of_each_order_and_names_those_that_it_has_not_seen() -> None:
    index = OrderIndex(finished_kept=1)
    index.add(["A-1", "A-9"])
    index.note([assessed("A-1", RUNNING, PENDING, PENDING), assessed("A-2", DONE, DONE, DONE)])
    index.note([assessed("A-3", DONE, DONE, DONE, now=NOW + timedelta(hours=1))])
    lines, unseen = index.lines()
    assert [one.order for one in lines if not one.is_finished] == ["A-1"]
    assert len([one for one in lines if one.is_finished]) == 1
    assert unseen == ["A-9"]
