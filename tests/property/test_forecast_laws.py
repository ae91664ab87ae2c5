"""Laws of the forecast by queues: what holds for every shop, whatever its orders and machines are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.forecast import (
    OpenOrder,
    Shop,
    WorkCentre,
    forecast_by_due_date,
    resources_of,
    walk,
)
from genba_cloud.core.working_time import Calendar, working_seconds
from tests.property.shops import NOW, alone, calendar_of, open_orders, shop_of

shops = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])  # a shop takes long to draw


@shops
@given(open_orders(apart=True))
def test_without_a_queue_every_node_ends_as_in_the_walk_of_its_order(orders: tuple[OpenOrder, ...]) -> None:
    bare = tuple(_without_places(order) for order in orders)
    forecast = forecast_by_due_date(alone(bare), NOW)
    assert forecast.floors() == {}
    for order in bare:
        walked = walk(order, NOW, calendar_of)
        for key, node in forecast.nodes.items():
            if key in walked:
                assert (node.begin, node.finish) == (walked[key].begin, walked[key].finish)


@shops
@given(open_orders())
def test_the_walk_of_an_order_with_the_floors_of_the_forecast_ends_as_the_forecast(
    orders: tuple[OpenOrder, ...],
) -> None:
    forecast = forecast_by_due_date(shop_of(orders), NOW)
    walked = {key: times for order in orders for key, times in walk(order, NOW, calendar_of, forecast.floors()).items()}
    assert {key: node.finish for key, node in forecast.nodes.items()} == {
        key: walked[key].finish for key in forecast.nodes
    }


@pytest.mark.requirement("R42", part="one expected finish by the queues in front of machines, told anew when it moves")
@shops
@given(open_orders())
def test_every_open_node_has_a_time_and_none_lies_before_now(orders: tuple[OpenOrder, ...]) -> None:
    forecast = forecast_by_due_date(shop_of(orders), NOW)
    is_open = {
        (work.work_order, node.node)
        for order in orders
        for work in order.plan.work_orders
        for node in order.facts[work.work_order].nodes
        if node.lifecycle in {"pending", "in_progress"}
    }
    assert set(forecast.nodes) == is_open
    assert all(NOW <= node.begin <= node.finish for node in forecast.nodes.values())
    assert all(node.ready <= node.begin for node in forecast.nodes.values())


@shops
@given(open_orders(apart=True))
def test_no_order_ends_earlier_in_the_shop_than_alone(orders: tuple[OpenOrder, ...]) -> None:
    forecast = forecast_by_due_date(shop_of(orders), NOW)
    for order in orders:
        for key, times in walk(order, NOW, calendar_of).items():
            if key in forecast.nodes:
                assert forecast.nodes[key].finish >= times.finish


@shops
@given(open_orders(), st.randoms())
def test_the_forecast_does_not_depend_on_the_sequence_in_which_orders_are_given(
    orders: tuple[OpenOrder, ...], chance: Random
) -> None:
    mixed = list(orders)
    chance.shuffle(mixed)
    assert forecast_by_due_date(shop_of(tuple(mixed)), NOW) == forecast_by_due_date(shop_of(orders), NOW)


@shops
@given(open_orders())
def test_no_machine_works_on_two_nodes_at_once(orders: tuple[OpenOrder, ...]) -> None:
    shop = shop_of(orders)
    forecast = forecast_by_due_date(shop, NOW)
    at_station: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for node in forecast.nodes.values():
        if node.station is not None:
            at_station[node.station].append((node.begin, node.finish))
    for station, spans in at_station.items():
        machines = len(shop.resources.machines_of([station]))
        for begin, _ in spans:
            assert sum(1 for first, last in spans if first <= begin < last) <= machines


@shops
@given(open_orders())
def test_nothing_waits_while_a_machine_that_may_take_it_has_no_work(orders: tuple[OpenOrder, ...]) -> None:
    shop = shop_of(orders)
    forecast = forecast_by_due_date(shop, NOW)
    for node in forecast.nodes.values():
        if node.begin == node.ready or not node.machines:
            continue
        for station in {machine.station for machine in node.machines}:
            busy = [
                (max(other.begin, node.ready), min(other.finish, node.begin))
                for other in forecast.nodes.values()
                if other.station == station
            ]
            calendar = _calendar(orders, node.key.work_order)
            worked = sum(working_seconds(calendar, first, last) for first, last in busy if first < last)
            waited = working_seconds(calendar, node.ready, node.begin)
            if shop.resources.machines_of([station]) == ((station, 1),) and station.startswith(("suzhou", "always")):
                assert worked == waited


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20_000)), min_size=1, max_size=12),
    st.tuples(st.integers(1, 50), st.integers(1, 20_000)),
    st.integers(1, 4),
)
def test_more_work_in_a_queue_makes_nothing_in_it_earlier(
    jobs: list[tuple[int, int]], more: tuple[int, int], machines: int
) -> None:
    before = _one_queue(jobs, machines)
    after = _one_queue([*jobs, more], machines)
    assert all(after[name] >= finish for name, finish in before.items())


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20_000)), min_size=1, max_size=12))
def test_a_queue_is_served_in_the_order_of_the_promises(jobs: list[tuple[int, int]]) -> None:
    ends = _one_queue(jobs, 1)
    by_promise = sorted(range(len(jobs)), key=lambda number: (jobs[number][0], f"A{number:02}"))
    spent = 0
    expected: dict[str, datetime] = {}
    for number in by_promise:
        spent += jobs[number][1]
        expected[f"A{number:02}"] = NOW + timedelta(seconds=spent)
    assert ends == expected


def _one_queue(jobs: list[tuple[int, int]], machines: int) -> dict[str, datetime]:
    """When orders end that wait at one work centre which always works; a job is (hours to promise, seconds)."""
    orders = tuple(_job(number, *job) for number, job in enumerate(jobs))
    centre = WorkCentre(work_centre="cut", site="always", stations={"C-1": machines})
    shop = Shop(orders=orders, resources=resources_of(orders, known=[centre]), calendar_of=calendar_of)
    return {node.order: node.finish for node in forecast_by_due_date(shop, NOW).nodes.values()}


def _job(number: int, promised_h: int, seconds: int) -> OpenOrder:
    node = NodePlan(
        node="CUT", quantity=1, planned_start=NOW, planned_finish=NOW, label={}, setup_s=seconds, work_centre="cut"
    )
    work = WorkOrderPlan(work_order=f"W{number:02}", site="always", item="shirt", quantity=1, nodes=(node,))
    plan = OrderPlan(
        order=f"A{number:02}",
        system="demo",
        external_id=f"A{number:02}",
        customer="",
        promised=NOW + timedelta(hours=promised_h),
        work_orders=(work,),
    )
    return OpenOrder(plan=plan, facts={})


def _without_places(order: OpenOrder) -> OpenOrder:
    works = tuple(
        replace(work, nodes=tuple(replace(node, work_centre=None, stations=()) for node in work.nodes))
        for work in order.plan.work_orders
    )
    return replace(order, plan=replace(order.plan, work_orders=works))


def _calendar(orders: tuple[OpenOrder, ...], work_order: str) -> Calendar:
    return next(
        calendar_of(work.site) for order in orders for work in order.plan.work_orders if work.work_order == work_order
    )
