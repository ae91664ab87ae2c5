"""The worked example of docs/forecast.md: what is derived there by hand is what the forecast says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from genba_cloud.core.facts.plan import Dependency, NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, OpenDispatch, StationFacts, WorkOrderFacts
from genba_cloud.core.forecast import (
    NodeKey,
    OpenOrder,
    Shop,
    forecast_by_due_date,
    load_by_week,
    queues_now,
    resources_of,
    walk,
)
from genba_cloud.core.working_time import Calendar, Shift

PAGE = Path(__file__).parents[3] / "docs" / "forecast.md"
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
NOW = MONDAY + timedelta(hours=10)
CALENDAR = Calendar(weekly=((Shift.between("08:00", "17:00", breaks=[("12:00", "13:00")]),),) * 5 + ((), ()))
STATIONS = {"CUT": ("CUT-1",), "SEW": ("SEW-1", "SEW-2")}


def order(name: str, *, days: int, pieces: int, setup_min: int, sew_min: int, first: int | None = None) -> OpenOrder:
    start = MONDAY + timedelta(hours=8)

    def node(code: str, setup_s: int, piece_min: int, needs: tuple[Dependency, ...] = ()) -> NodePlan:
        return NodePlan(
            node=code,
            quantity=pieces,
            planned_start=start,
            planned_finish=start + timedelta(hours=4),
            label={},
            dependencies=needs,
            setup_s=setup_s,
            piece_s=60.0 * piece_min,
            work_centre=code,
            stations=STATIONS[code],
        )

    sew = node("SEW", 0, sew_min, (Dependency(node="CUT", transfer_quantity=first),))
    work = WorkOrderPlan(
        work_order=f"WO-{name}",
        site="suzhou",
        item="shirt",
        quantity=pieces,
        nodes=(node("CUT", 60 * setup_min, 6), sew),
    )
    plan = OrderPlan(
        order=name,
        system="demo",
        external_id=name,
        customer="",
        promised=MONDAY + timedelta(days=days, hours=17),
        work_orders=(work,),
    )
    return OpenOrder(plan=plan, facts={})


def cutting(good: int) -> WorkOrderFacts:
    cut = NodeFacts(
        node="CUT",
        lifecycle=Lifecycle.IN_PROGRESS,
        quantity=20,
        good=good,
        scrap=0,
        rework=0,
        started_at=MONDAY + timedelta(hours=9),
    )
    return WorkOrderFacts(work_order="WO-B", nodes=(cut,))


def example() -> Shop:
    late = OpenOrder(plan=order("B", days=2, pieces=20, setup_min=0, sew_min=12).plan, facts={"WO-B": cutting(10)})
    orders = (
        order("C", days=3, pieces=10, setup_min=0, sew_min=12),
        late,
        order("A", days=1, pieces=10, setup_min=30, sew_min=30, first=5),
    )
    dispatch = OpenDispatch(work_order="WO-B", node="CUT", since=NOW, quantity=None, explicit=True)
    stations = (StationFacts(station="CUT-1", dispatch=dispatch),)
    return Shop(orders=orders, resources=resources_of(orders, stations=stations), calendar_of=lambda site: CALENDAR)


def table_of_the_page() -> dict[tuple[str, str], tuple[str, str, str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and "2026-01-0" in line
    ]
    return {(name, node): (machine, begin, end) for name, node, machine, begin, end in rows}


def test_the_forecast_of_the_example_is_the_table_of_its_page() -> None:
    forecast = forecast_by_due_date(example(), NOW)
    told = {
        (node.order, node.key.node): (
            str(node.station),
            f"{node.begin:%Y-%m-%d %H:%M}",
            f"{node.finish:%Y-%m-%d %H:%M}",
        )
        for node in forecast.nodes.values()
    }
    assert len(told) == 6
    assert told == table_of_the_page()


def test_alone_order_c_of_the_example_ends_on_monday() -> None:
    shop = example()
    times = walk(shop.orders[0], NOW, shop.calendar_of)
    assert times[NodeKey("WO-C", "SEW")].finish == MONDAY + timedelta(hours=14)


def test_in_the_example_work_waits_for_cutting() -> None:
    shop = example()
    cut, sew = queues_now(shop, forecast_by_due_date(shop, NOW))
    assert (cut.centre.work_centre, cut.machines, cut.waiting_per_machine_s) == ("CUT", 1, 9_000)
    assert (cut.waiting_nodes, cut.running_s, cut.running_nodes, cut.coming_s) == (2, 3_600, 1, 0)
    assert (sew.centre.work_centre, sew.machines, sew.waiting_per_machine_s) == ("SEW", 2, 0)
    assert (sew.coming_s, sew.coming_nodes, sew.stations) == (11 * 3_600, 3, ("SEW-1", "SEW-2"))


@pytest.mark.requirement("R44")
def test_the_load_of_the_example_lies_in_the_week_in_which_it_would_run() -> None:
    shop = example()
    machines = {queue.centre: queue.machines for queue in queues_now(shop, forecast_by_due_date(shop, NOW))}
    cut, sew = load_by_week(shop, machines, NOW, weeks=2)
    # 6 h are left of Monday, then four days of 8 h; a whole week has 40 h
    assert [(week.load_s, week.capacity_s) for week in cut.weeks] == [(12_600, 38 * 3_600), (0, 40 * 3_600)]
    assert [(week.load_s, week.capacity_s) for week in sew.weeks] == [(39_600, 76 * 3_600), (0, 80 * 3_600)]
    assert [week.begin for week in cut.weeks] == [NOW, MONDAY + timedelta(days=7)]
    assert (cut.later_s, sew.later_s) == (0, 0)
