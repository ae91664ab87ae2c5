"""A node may begin when what it needs is there: transfer quantities, lags, other work orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from genba_cloud.api.order_index import OrderIndex
from genba_cloud.core.assess import AssessedOrder, OrderAssessment, assess_order
from genba_cloud.core.facts.order import OrderFacts, ShipmentFacts
from genba_cloud.core.facts.plan import Confirm, Dependency, NodePlan, OrderPlan, Scope, WorkOrderPlan, check_order
from genba_cloud.core.facts.scope import shared
from genba_cloud.core.facts.views import Lifecycle, Mark, NodeFacts, WorkOrderFacts
from genba_cloud.core.readiness import is_ready
from genba_cloud.core.working_time import Calendar, Shift
from genba_shared.events import ShipmentStatus

DAY = datetime(2026, 1, 5, tzinfo=UTC)
SHIFT = Calendar(weekly=((Shift.between("06:00", "14:00"),),) * 7)


def clock(text: str) -> datetime:
    hours, minutes = (int(part) for part in text.split(":"))
    return DAY + timedelta(hours=hours, minutes=minutes)


def node(code: str, *dependencies: Dependency, scope: Scope = Scope.WORK_ORDER) -> NodePlan:
    return NodePlan(
        node=code,
        quantity=10,
        planned_start=clock("08:00"),
        planned_finish=clock("10:00"),
        label={},
        dependencies=dependencies,
        scope=scope,
    )


def facts(code: str, lifecycle: Lifecycle, *, good: int = 0, completed: str = "", begun: str = "") -> NodeFacts:
    return NodeFacts(
        node=code,
        lifecycle=lifecycle,
        quantity=10,
        good=good,
        scrap=0,
        rework=0,
        started_at=clock(begun) if begun else None,
        completed_at=clock(completed) if completed else None,
        data_at=clock("09:00"),
    )


def ready(need: Dependency, source: NodeFacts, now: str, *, calendar: Calendar | None = None) -> bool:
    where = need.work_order or "WO-1"
    seen = {where: WorkOrderFacts(work_order=where, nodes=(source,))}
    return is_ready(node("SEW", need), "WO-1", seen, clock(now), **({"calendar": calendar} if calendar else {}))


@pytest.mark.trap("strict sequence")
@pytest.mark.parametrize(
    ("wanted", "good", "is_there"),
    [(None, 9, False), (None, 10, True), (4, 3, False), (4, 4, True), (40, 9, False), (40, 10, True)],
)
def test_the_transfer_quantity_of_good_pieces_makes_it_ready(wanted: int | None, good: int, is_there: bool) -> None:
    source = facts("CUT", Lifecycle.IN_PROGRESS, good=good, begun="08:00")
    assert ready(Dependency(node="CUT", transfer_quantity=wanted), source, "09:00") is is_there


def test_a_node_that_is_done_has_handed_over_whatever_it_made() -> None:
    assert ready(Dependency(node="CUT"), facts("CUT", Lifecycle.DONE, good=8, completed="09:00"), "09:00")


def test_what_a_person_must_still_confirm_is_handed_over_by_its_pieces_alone() -> None:
    short = facts("CUT", Lifecycle.AWAITING_CONFIRMATION, good=8)
    assert not ready(Dependency(node="CUT"), short, "09:00")
    assert ready(Dependency(node="CUT"), replace(short, good=10), "09:00")


def test_a_lag_runs_in_working_time_from_the_completion() -> None:
    done = facts("CUT", Lifecycle.DONE, good=10, completed="13:00")
    drying = Dependency(node="CUT", lag_s=2 * 3600)
    assert not ready(drying, done, "14:59")
    assert ready(drying, done, "15:00")
    assert not ready(drying, done, "30:59", calendar=SHIFT)
    assert ready(drying, done, "31:00", calendar=SHIFT)


def test_the_lag_of_a_part_runs_from_when_the_part_was_there_pieces_coming_evenly() -> None:
    half = facts("CUT", Lifecycle.IN_PROGRESS, good=10, begun="08:00")  # its newest fact is of 09:00
    need = Dependency(node="CUT", transfer_quantity=5, lag_s=3600)
    assert not ready(need, half, "09:29")
    assert ready(need, half, "09:30")


@pytest.mark.requirement("R67")
def test_another_work_order_makes_it_ready_and_one_that_is_not_known_does_not() -> None:
    need = Dependency(node="CUT", work_order="WO-0")
    assert ready(need, facts("CUT", Lifecycle.DONE, completed="08:00"), "09:00")
    assert not is_ready(node("SEW", need), "WO-1", {}, clock("09:00"))


FIRST = WorkOrderPlan(work_order="WO-1", site="demo", item="part", quantity=10, nodes=(node("CUT"),))
SECOND = WorkOrderPlan(
    work_order="WO-2",
    site="other",
    item="shirt",
    quantity=10,
    nodes=(node("SEW", Dependency(node="CUT", work_order="WO-1", transfer_quantity=4)),),
)


def order(*works: WorkOrderPlan) -> OrderPlan:
    return OrderPlan(
        order="A-1", system="demo", external_id="A-1", customer="x", promised=clock("20:00"), work_orders=works
    )


def assess(now: str, *seen: WorkOrderFacts, said: OrderFacts | None = None) -> OrderAssessment:
    known = {one.work_order: one for one in seen}
    baseline = (clock("08:00"), clock("10:00"))
    return assess_order(order(FIRST, SECOND), known, clock(now), baseline=baseline, said=said)


@pytest.mark.requirement("R67")
def test_a_node_that_waits_for_another_site_is_late_only_once_its_pieces_are_there() -> None:
    def sew(good: int) -> str:
        cut = WorkOrderFacts(work_order="WO-1", nodes=(facts("CUT", Lifecycle.IN_PROGRESS, good=good, begun="08:00"),))
        return str(assess("08:16", cut).nodes["WO-2"][0].status)

    assert (sew(3), sew(4)) == ("pending", "delayed")


def test_a_cancelled_work_order_has_no_nodes_and_holds_nothing_up() -> None:
    cut = WorkOrderFacts(work_order="WO-1", nodes=(facts("CUT", Lifecycle.DONE, completed="09:00"),))
    sew = WorkOrderFacts(work_order="WO-2", nodes=(facts("SEW", Lifecycle.PENDING),), cancelled_at=clock("08:30"))
    seen = assess("11:00", cut, sew)
    assert (seen.finished, seen.cancelled, seen.nodes["WO-2"]) == (True, False, ())
    assert seen.expected_finish == clock("09:00")


def test_a_cancelled_order_is_over_and_never_late() -> None:
    seen = assess("99:00", said=OrderFacts(order="A-1", cancelled_at=clock("08:30")))
    assert (seen.finished, seen.cancelled, seen.level, seen.deviation.late_s) == (True, True, "none", 0)


def test_a_cancelled_order_is_in_no_list_of_a_board() -> None:
    index = OrderIndex()
    seen = assess("99:00", said=OrderFacts(order="A-1", cancelled_at=clock("08:30")))
    plan, baseline = order(FIRST, SECOND), (clock("08:00"), clock("10:00"))
    index.add(["A-1"])
    index.note([AssessedOrder(plan=plan, baseline=baseline, data_at=None, assessment=seen)])
    assert index.numbers() == ([], [])
    index.note([AssessedOrder(plan=plan, baseline=baseline, data_at=None, assessment=assess("09:00"))])
    assert index.numbers() == (["A-1"], [])


def test_a_hold_is_told_and_stops_no_delay() -> None:
    seen = assess("99:00", said=OrderFacts(order="A-1", on_hold=True))
    assert (seen.on_hold, seen.level) == (True, "red")
    assert {one.status for nodes in seen.nodes.values() for one in nodes} == {"delayed"}


@pytest.mark.requirement("R67")
def test_a_dependency_on_an_unknown_node_and_a_circle_over_dependencies_are_refused() -> None:
    unknown = replace(FIRST, nodes=(node("CUT", Dependency(node="DYE")),))
    assert "follows DYE, which is not a node of it" in str(check_order(order(unknown)))
    circle = (node("CUT", Dependency(node="SEW", transfer_quantity=1)), node("SEW", Dependency(node="CUT")))
    assert "in a circle" in str(check_order(order(replace(FIRST, nodes=circle))))


# --- nodes that are done once for an order or a shipment --------------------------------------------------------------


def test_what_is_done_for_the_order_is_done_in_all_its_work_orders() -> None:
    design = node("DESIGN", scope=Scope.ORDER)
    plan = order(replace(FIRST, nodes=(design,)), replace(SECOND, nodes=(design, node("SEW"))))
    seen = {
        "WO-1": WorkOrderFacts(work_order="WO-1", nodes=(facts("DESIGN", Lifecycle.DONE, good=10, completed="09:00"),)),
        "WO-2": WorkOrderFacts(
            work_order="WO-2", nodes=(facts("DESIGN", Lifecycle.PENDING), facts("SEW", Lifecycle.PENDING))
        ),
    }
    found = shared(plan, seen, None)
    assert [one.lifecycle for one in found["WO-2"].nodes] == [Lifecycle.DONE, Lifecycle.PENDING]
    assert found["WO-2"].nodes[0].completed_at == clock("09:00")


def shipment(name: str, status: ShipmentStatus, at: str) -> ShipmentFacts:
    return ShipmentFacts(shipment=name, status=status, at=clock(at))


def carried(*shipments: ShipmentFacts, confirm: Confirm = Confirm.AUTO) -> NodeFacts:
    plan = order(replace(FIRST, nodes=(replace(node("TRUCK", scope=Scope.SHIPMENT), confirm=confirm),)))
    seen = {"WO-1": WorkOrderFacts(work_order="WO-1", nodes=(facts("TRUCK", Lifecycle.PENDING),))}
    return shared(plan, seen, OrderFacts(order="A-1", shipments=shipments))["WO-1"].nodes[0]


@pytest.mark.requirement("R68", part="a transport moves its node; its time lies in the plan")
def test_a_node_of_a_shipment_follows_the_orders_shipments() -> None:
    planned = shipment("S-1", ShipmentStatus.PLANNED, "07:00")
    left, arrived = shipment("S-1", ShipmentStatus.PICKED_UP, "09:00"), shipment("S-1", ShipmentStatus.ARRIVED, "11:00")
    lost = shipment("S-2", ShipmentStatus.CANCELLED, "08:00")
    other = shipment("S-3", ShipmentStatus.UNDER_WAY, "10:00")
    assert carried(planned).lifecycle is Lifecycle.PENDING
    assert (carried(left).lifecycle, carried(left).started_at) == (Lifecycle.IN_PROGRESS, clock("09:00"))
    assert (carried(arrived, lost).lifecycle, carried(arrived, lost).completed_at) == (Lifecycle.DONE, clock("11:00"))
    assert carried(arrived, other).lifecycle is Lifecycle.IN_PROGRESS
    waiting = carried(arrived, confirm=Confirm.REQUIRED)
    assert (waiting.lifecycle, waiting.marks) == (Lifecycle.AWAITING_CONFIRMATION, (Mark.CONFIRMATION_OPEN,))
