"""The forecast case by case: what is left of a node, who gets which machine, what stands out, what is told again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genba_cloud.core.facts.plan import Criterion, Dependency, NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.facts.views import Lifecycle, NodeFacts, OpenDispatch, StationFacts, Word, WorkOrderFacts
from genba_cloud.core.forecast import (
    CentreKey,
    ForecastPolicy,
    NodeForecast,
    NodeKey,
    OpenOrder,
    Queued,
    QueuePolicy,
    Shop,
    WorkCentre,
    WorkCentreQueue,
    forecast_by_due_date,
    is_news,
    promise_outlook,
    queues_now,
    resources_of,
    stands_out,
)
from genba_cloud.core.forecast.remaining import remaining_of
from genba_cloud.core.working_time import ALWAYS_WORKING, Calendar, Shift, last_shift

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
DAY_SHIFT = Calendar(weekly=((Shift.between("08:00", "17:00", breaks=[("12:00", "13:00")]),),) * 5 + ((), ()))


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def node(code: str, hours: float = 1, **more: Any) -> NodePlan:
    values = {"quantity": 10, "planned_start": NOW, "planned_finish": at(hours), "label": {}, **more}
    return NodePlan(node=code, **values)


def facts(code: str, lifecycle: Lifecycle, *, good: int = 0, started: float | None = None, **more: Any) -> NodeFacts:
    return NodeFacts(
        node=code,
        lifecycle=lifecycle,
        quantity=10,
        good=good,
        scrap=0,
        rework=0,
        started_at=None if started is None else at(started),
        **more,
    )


def order(
    name: str, *nodes: NodePlan, promised: float = 50, seen: tuple[NodeFacts, ...] = (), **more: Any
) -> OpenOrder:
    work = WorkOrderPlan(work_order=f"W{name}", site="suzhou", item="shirt", quantity=10, nodes=nodes)
    plan = OrderPlan(
        order=name, system="demo", external_id=name, customer="", promised=at(promised), work_orders=(work,), **more
    )
    return OpenOrder(plan=plan, facts={f"W{name}": WorkOrderFacts(work_order=f"W{name}", nodes=seen)})


def shop(*orders: OpenOrder, **resources: Any) -> Shop:
    return Shop(orders=orders, resources=resources_of(orders, **resources), calendar_of=lambda site: ALWAYS_WORKING)


def forecast(*orders: OpenOrder, **resources: Any) -> dict[str, NodeForecast]:
    """By work order and node, as ``WA/CUT``."""
    found = forecast_by_due_date(shop(*orders, **resources), NOW).nodes
    return {f"{key.work_order}/{key.node}": value for key, value in found.items()}


def running_at(station: str, work_order: str, code: str = "CUT") -> StationFacts:
    dispatch = OpenDispatch(work_order=work_order, node=code, since=NOW, quantity=None, explicit=True)
    return StationFacts(station=station, dispatch=dispatch)


@pytest.mark.parametrize(
    ("plan", "seen", "seconds"),
    [
        (node("CUT", 2), facts("CUT", Lifecycle.PENDING), 7_200),
        (node("CUT", 2), facts("CUT", Lifecycle.IN_PROGRESS, started=-0.5, good=9), 5_400),
        (node("CUT", 2), facts("CUT", Lifecycle.IN_PROGRESS, started=-5, good=9), 0),
        (node("CUT", 2), facts("CUT", Lifecycle.IN_PROGRESS, started=-0.5, good=10), 0),
        (node("CUT", 2, setup_s=600, piece_s=60.0), facts("CUT", Lifecycle.PENDING), 1_200),
        (node("CUT", 2, setup_s=600, piece_s=60.0), facts("CUT", Lifecycle.IN_PROGRESS, started=-5, good=4), 360),
        (node("CUT", 2, setup_s=600, piece_s=60.0), facts("CUT", Lifecycle.IN_PROGRESS, started=-0.05), 1_020),
        (node("CUT", 2, setup_s=600), facts("CUT", Lifecycle.PENDING), 600),
        (
            node("CUT", 2, setup_s=600, piece_s=60.0, criterion=Criterion.REPORT),
            facts("CUT", Lifecycle.IN_PROGRESS, started=-0.25),
            300,
        ),
    ],
    ids=[
        "planned duration",
        "less the time worked",
        "never less than nothing",
        "nothing once all pieces are there",
        "set-up and pieces",
        "pieces that are missing",
        "what is left of the set-up",
        "set-up alone",
        "a node without pieces goes by time",
    ],
)
def test_what_is_left_of_a_node(plan: NodePlan, seen: NodeFacts, seconds: int) -> None:
    assert remaining_of(plan, seen, NOW, ALWAYS_WORKING).seconds == seconds


def test_started_work_keeps_its_machine_before_a_more_urgent_order() -> None:
    cut = node("CUT", stations=("C-1",))
    slow = order("A", cut, promised=90, seen=(facts("CUT", Lifecycle.IN_PROGRESS, started=0),))
    found = forecast(slow, order("B", cut, promised=5), stations=[running_at("C-1", "WA")])
    assert (found["WA/CUT"].begin, found["WB/CUT"].begin) == (NOW, at(1))
    assert found["WB/CUT"].station == "C-1"


@pytest.mark.parametrize(
    ("said", "left_h"),
    [
        ([("node_held", -3)], 3),
        ([("node_held", -3), ("node_resumed", -1)], 2),
        ([("node_held", -3), ("node_held", -2), ("node_resumed", -1)], 2),
        ([("node_held", -5), ("node_resumed", -3)], 1),
    ],
    ids=["it lasts", "it is over", "it was said twice", "it began before the work"],
)
def test_time_on_hold_is_no_time_worked(said: list[tuple[str, float]], left_h: int) -> None:
    """Four hours of work that began four hours ago."""
    words = tuple(Word(event=str(hours), kind=kind, at=at(hours), by="op-7") for kind, hours in said)
    seen = facts("CUT", Lifecycle.IN_PROGRESS, started=-4, words=words)
    assert remaining_of(node("CUT", 4), seen, NOW, ALWAYS_WORKING).seconds == 3600 * left_h


def test_work_on_hold_gives_its_machine_back() -> None:
    cut = node("CUT", stations=("C-1",))
    held = order("A", cut, promised=90, seen=(facts("CUT", Lifecycle.IN_PROGRESS, started=0, on_hold=True),))
    found = forecast(held, order("B", cut, promised=5))
    assert (found["WB/CUT"].begin, found["WA/CUT"].begin) == (NOW, at(1))


def test_priority_comes_before_the_promise_and_the_promise_before_the_number() -> None:
    cut = node("CUT", stations=("C-1",))
    found = forecast(
        order("A", cut, promised=20),
        order("B", cut, promised=10),
        order("C", cut, promised=90, priority=1),
        order("D", cut, promised=10),
    )
    assert sorted(found, key=lambda name: found[name].begin) == ["WC/CUT", "WB/CUT", "WD/CUT", "WA/CUT"]


def test_a_queue_of_a_station_says_where_a_node_runs() -> None:
    cut = node("CUT")
    rows = [Queued("C-9", NodeKey("WA", "CUT")), Queued("C-9", NodeKey("WB", "CUT"))]
    found = forecast(order("A", cut), order("B", cut), queued=rows)
    assert [(one.begin, one.station) for one in found.values()] == [(NOW, "C-9"), (at(1), "C-9")]


def test_nodes_without_a_place_and_of_a_centre_without_stations_wait_for_nobody() -> None:
    found = forecast(
        order("A", node("CUT"), node("SEW", work_centre="sew")), order("B", node("CUT"), node("SEW", work_centre="sew"))
    )
    assert {one.begin for one in found.values()} == {NOW}


def test_all_machines_of_a_work_centre_are_used() -> None:
    cut = node("CUT", work_centre="cut")
    centre = WorkCentre(work_centre="cut", site="suzhou", stations={"C-1": 1, "C-2": 2})
    found = forecast(*(order(name, cut) for name in "ABCD"), known=[centre])
    assert sorted(one.begin for one in found.values()) == [NOW, NOW, NOW, at(1)]


@pytest.mark.requirement("R67")
def test_a_node_waits_for_a_node_of_another_order_with_its_lag() -> None:
    sew = node("SEW", dependencies=(Dependency(node="CUT", work_order="WA", lag_s=1_800),))
    found = forecast(order("A", node("CUT", 2)), order("B", sew))
    assert (found["WB/SEW"].begin, found["WB/SEW"].finish) == (at(2.5), at(3.5))


def test_a_node_of_an_order_that_is_not_open_has_handed_over() -> None:
    sew = node("SEW", dependencies=(Dependency(node="CUT", work_order="GONE"),))
    assert forecast(order("B", sew))["WB/SEW"].begin == NOW


def test_orders_that_wait_for_one_another_in_a_circle_still_get_a_time() -> None:
    first = node("CUT", dependencies=(Dependency(node="CUT", work_order="WB"),), stations=("C-1",))
    second = node("CUT", dependencies=(Dependency(node="CUT", work_order="WA"),), stations=("C-1",))
    found = forecast(order("A", first, promised=5), order("B", second, promised=9))
    assert [(name, one.begin) for name, one in found.items()] == [("WA/CUT", NOW), ("WB/CUT", at(1))]


def test_a_cancelled_work_order_takes_no_machine() -> None:
    cut = node("CUT", stations=("C-1",))
    gone = order("A", cut, promised=5)
    gone = replace(gone, facts={"WA": WorkOrderFacts(work_order="WA", nodes=(), cancelled_at=NOW)})
    assert list(forecast(gone, order("B", cut))) == ["WB/CUT"]


def test_the_last_lot_still_goes_through_a_faster_successor() -> None:
    cut = node("CUT", 10)  # an hour for each piece
    sew = node("SEW", 1, dependencies=(Dependency(node="CUT", transfer_quantity=2),))
    found = forecast(order("A", cut, sew))
    assert found["WA/SEW"].begin == at(2)
    assert found["WA/SEW"].finish == at(10.2)  # two of ten pieces of an hour's work


def test_a_node_that_goes_on_with_work_on_hold_begins_when_that_goes_on() -> None:
    cut = node("CUT", 10, stations=("C-1",))
    sew = node("SEW", 1, dependencies=(Dependency(node="CUT", transfer_quantity=2),))
    held = order("A", cut, sew, seen=(facts("CUT", Lifecycle.IN_PROGRESS, good=5, started=-5, on_hold=True),))
    other = order("B", node("CUT", 3, stations=("C-1",)), seen=(facts("CUT", Lifecycle.IN_PROGRESS, started=0),))
    found = forecast(held, other)
    assert (found["WA/CUT"].begin, found["WA/SEW"].begin) == (at(3), at(3))


def test_a_lag_counts_from_when_the_pieces_were_made_at_an_even_pace() -> None:
    cut = node("CUT", 4)
    sew = node("SEW", 1, dependencies=(Dependency(node="CUT", transfer_quantity=4, lag_s=5_400),))
    begun = order("A", cut, sew, seen=(facts("CUT", Lifecycle.IN_PROGRESS, good=8, started=-2),))
    assert forecast(begun)["WA/SEW"].begin == at(0.5)  # 4 of 8 pieces in the first of two hours


def test_work_that_was_begun_too_early_goes_on_before_what_has_not_begun() -> None:
    sew = node("SEW", stations=("S-1",), predecessors=("CUT",))
    early = order("A", node("CUT"), sew, promised=90, seen=(facts("SEW", Lifecycle.IN_PROGRESS, started=0),))
    found = forecast(
        early, order("B", node("SEW", stations=("S-1",), planned_start=at(1), planned_finish=at(2)), promised=5)
    )
    assert (found["WA/SEW"].begin, found["WB/SEW"].begin) == (at(1), at(2))


def test_a_machine_that_serves_two_queues_takes_the_more_urgent_node_of_both() -> None:
    busy = [
        order(name, node("CUT", hours, stations=(station,)), seen=(facts("CUT", Lifecycle.IN_PROGRESS, started=0),))
        for name, hours, station in (("X", 1, "C-1"), ("Y", 9, "C-2"))
    ]
    one = order("A", node("CUT", stations=("C-1",)), promised=50)
    both = order("B", node("CUT", stations=("C-2", "C-1")), promised=5)
    found = forecast(*busy, one, both)
    assert (found["WB/CUT"].begin, found["WB/CUT"].station) == (at(1), "C-1")
    assert found["WA/CUT"].begin == at(2)


def test_queues_are_ranked_by_the_work_for_each_machine() -> None:
    orders = [order(f"A{number}", node("CUT", 5, work_centre="cut")) for number in range(4)]
    orders += [order("B", node("SEW", 10, stations=("S-1",)))]
    centre = WorkCentre(work_centre="cut", site="suzhou", stations={"C-1": 2, "C-2": 2})
    open_shop = shop(*orders, known=[centre])
    queues = queues_now(open_shop, forecast_by_due_date(open_shop, NOW))
    assert [(one.centre.work_centre, one.waiting_s, one.waiting_per_machine_s) for one in queues] == [
        ("S-1", 36_000, 36_000),
        ("cut", 72_000, 18_000),
    ]


def test_work_begins_in_working_time() -> None:
    friday = datetime(2026, 1, 9, 18, 0, tzinfo=UTC)
    orders = (order("A", node("CUT", 96, setup_s=60, piece_s=0.0)),)
    found = forecast_by_due_date(Shop(orders=orders, calendar_of=lambda site: DAY_SHIFT), friday)
    assert [one.begin for one in found.nodes.values()] == [datetime(2026, 1, 12, 8, 0, tzinfo=UTC)]


def test_a_first_node_waits_from_its_planned_start_and_a_later_one_from_when_all_is_there() -> None:
    cut = node("CUT", stations=("C-1",), planned_start=at(5), planned_finish=at(6))
    sew = node("SEW", stations=("S-1",), planned_start=at(5), planned_finish=at(6), predecessors=("CUT",))
    begun = order("B", cut, sew, seen=(facts("CUT", Lifecycle.DONE, good=10, started=-2, completed_at=at(-1)),))
    open_shop = shop(order("A", cut, sew), begun)
    queues = {one.centre.work_centre: one for one in queues_now(open_shop, forecast_by_due_date(open_shop, NOW))}
    assert (queues["C-1"].waiting_nodes, queues["C-1"].coming_nodes) == (0, 1)
    assert (queues["S-1"].waiting_nodes, queues["S-1"].coming_nodes) == (1, 1)


def queue(name: str, hours: float, machines: int | None = 1) -> WorkCentreQueue:
    return WorkCentreQueue(
        centre=CentreKey("suzhou", name), machines=machines, stations=(), waiting_s=int(3_600 * hours * (machines or 1))
    )


@pytest.mark.parametrize(
    ("queues", "was", "outstanding"),
    [
        ([("CUT", 12), ("SEW", 11), ("PACK", 12)], "", ""),
        ([("CUT", 7.9), ("SEW", 0), ("PACK", 0)], "", ""),
        ([("CUT", 8), ("SEW", 4), ("PACK", 4)], "", "CUT"),
        ([("CUT", 8), ("SEW", 4.1), ("PACK", 4)], "", ""),
        ([("CUT", 7), ("SEW", 4.1), ("PACK", 4)], "CUT", "CUT"),
        ([("CUT", 7), ("SEW", 5), ("PACK", 5)], "CUT", ""),
        ([("CUT", 5.9), ("SEW", 0), ("PACK", 0)], "CUT", ""),
        ([("SEW", 30), ("CUT", 24), ("PACK", 0), ("DYE", 0)], "CUT", "SEW CUT"),
        ([("SEW", 60), ("CUT", 8), ("PACK", 0), ("DYE", 0)], "CUT", "SEW"),
        ([("CUT", 90)], "", ""),
        ([], "", ""),
    ],
    ids=[
        "flat load",
        "little work",
        "twice the others",
        "not quite twice",
        "goes on",
        "no longer clear",
        "hardly any work",
        "two of four",
        "another overtook it by far",
        "alone",
        "nothing",
    ],
)
def test_what_stands_out(queues: list[tuple[str, float]], was: str, outstanding: str) -> None:
    found = stands_out([queue(*one) for one in queues], was=[CentreKey("suzhou", name) for name in was.split()])
    assert [one.centre.work_centre for one in found] == outstanding.split()


def test_a_work_centre_is_held_against_those_of_its_own_site() -> None:
    here, there = queue("CUT", 9), replace(queue("CUT", 9), centre=CentreKey("kunshan", "CUT"))
    busy, idle = queue("SEW", 9), replace(queue("SEW", 0), centre=CentreKey("kunshan", "SEW"))
    assert stands_out([here, there, busy, idle]) == (there,)


def test_a_work_centre_of_unknown_size_comes_last_and_never_stands_out() -> None:
    orders = (
        order(
            "A", node("CUT", 100, work_centre="cut"), node("SEW", stations=("S-1",)), node("PACK", stations=("P-1",))
        ),
    )
    open_shop = shop(*orders)
    queues = queues_now(open_shop, forecast_by_due_date(open_shop, NOW))
    assert [(one.centre.work_centre, one.machines) for one in queues] == [("P-1", 1), ("S-1", 1), ("cut", None)]
    assert stands_out(queues, policy=QueuePolicy(least_s=1)) == ()


@pytest.mark.parametrize(("hours", "is_told"), [(4, False), (4.01, True), (-4, False), (-4.01, True), (0, False)])
def test_an_expected_finish_is_told_again_when_it_moved_by_more_than_half_a_working_day(
    hours: float, is_told: bool
) -> None:
    assert is_news(NOW, at(hours), ALWAYS_WORKING, ForecastPolicy()) is is_told


def test_a_night_without_work_does_not_make_news() -> None:
    friday, monday = datetime(2026, 1, 9, 16, 0, tzinfo=UTC), datetime(2026, 1, 12, 11, 0, tzinfo=UTC)
    assert not is_news(friday, monday, DAY_SHIFT, ForecastPolicy())  # 1 h on Friday, 3 h on Monday


def test_a_promise_is_expected_to_be_broken_only_after_its_instant() -> None:
    kept = promise_outlook(expected=NOW, promised=NOW, calendar=DAY_SHIFT)
    broken = promise_outlook(expected=at(4), promised=NOW, calendar=DAY_SHIFT)
    assert (kept.expected_late, kept.late_s) == (False, 0)
    assert (broken.expected_late, broken.late_s) == (True, 3 * 3_600)


@pytest.mark.parametrize(
    ("now", "begin", "end"),
    [
        ("2026-01-05 10:00", "2026-01-02 08:00", "2026-01-02 17:00"),
        ("2026-01-05 17:00", "2026-01-05 08:00", "2026-01-05 17:00"),
        ("2026-01-06 02:00", "2026-01-05 08:00", "2026-01-05 17:00"),
    ],
)
def test_the_last_shift_is_the_one_that_ended_last(now: str, begin: str, end: str) -> None:
    def instant(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    assert last_shift(DAY_SHIFT, instant(now)) == (instant(begin), instant(end))


def test_without_a_calendar_the_last_shift_is_the_last_eight_hours() -> None:
    assert last_shift(ALWAYS_WORKING, NOW) == (at(-8), NOW)


def test_of_two_shifts_of_a_day_the_later_one_ended_last() -> None:
    two = Calendar(weekly=((Shift.between("06:00", "14:00"), Shift.between("22:00", "06:00")),) * 7)
    assert last_shift(two, datetime(2026, 1, 6, 7, 0, tzinfo=UTC)) == (
        datetime(2026, 1, 5, 22, 0, tzinfo=UTC),
        datetime(2026, 1, 6, 6, 0, tzinfo=UTC),
    )
