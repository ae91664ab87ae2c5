"""Key figures against numbers worked out by hand; without data there is no number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from genba_cloud.core.facts.material import StockFacts
from genba_cloud.core.facts.plan import Dependency, NodePlan
from genba_cloud.core.facts.timeline import StateInterval
from genba_cloud.core.facts.views import Lifecycle, Mark, NodeFacts, WorkOrderFacts
from genba_cloud.core.kpis import (
    Busy,
    Changed,
    DayOfPlan,
    Entry,
    Figure,
    Inspected,
    NodeSeen,
    OrderSeen,
    Part,
    Period,
    Promise,
    StationSeen,
    allocation_ratio,
    availability,
    busy_times,
    changeover,
    completion_trend,
    first_pass_yield,
    inventory_days,
    lead_time,
    on_time,
    on_time_updates,
    operation_time,
    plan_by_day,
    promise_attainment,
    promise_that_counts,
    quality_ratio,
    throughput_rate,
    utilisation_efficiency,
    visibility,
    waiting,
)
from genba_cloud.core.kpis.seeing import ready_at
from genba_cloud.core.working_time import Calendar, Shift
from genba_shared.events import StationState

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
DAY_SHIFT = Calendar(weekly=((Shift.between("08:00", "16:00"),),) * 5 + ((), ()))
WEEK = Period(begin=MONDAY, end=MONDAY + timedelta(days=7))


def at(day: int, hour: float) -> datetime:
    """`hour` o'clock of a day of the week; 0 is Monday."""
    return MONDAY + timedelta(days=day, hours=hour)


def node(
    code: str = "CUT",
    *,
    start: datetime | None = None,
    done: datetime | None = None,
    ready: datetime | None = None,
    good: int = 10,
    scrap: int = 0,
    rework: int = 0,
    planned: tuple[datetime, datetime] | None = None,
    work_order: str = "WO-1",
    key: bool = False,
    stations: tuple[str, ...] = (),
    marks: tuple[Mark, ...] = (),
    predecessors: tuple[str, ...] = (),
    data_at: datetime | None = None,
) -> NodeSeen:
    begin, finish = planned or (at(0, 8), at(0, 10))
    lifecycle = Lifecycle.DONE if done else Lifecycle.IN_PROGRESS if start else Lifecycle.PENDING
    plan = NodePlan(
        node=code,
        quantity=10,
        planned_start=begin,
        planned_finish=finish,
        predecessors=predecessors,
        label={},
        key=key,
        stations=stations,
    )
    facts = NodeFacts(
        node=code,
        lifecycle=lifecycle,
        quantity=10,
        good=good,
        scrap=scrap,
        rework=rework,
        started_at=start,
        completed_at=done,
        marks=marks,
        data_at=data_at,
    )
    return NodeSeen(work_order=work_order, site="demo", calendar=DAY_SHIFT, plan=plan, facts=facts, ready_at=ready)


def order(number: str, *nodes: NodeSeen, **values: object) -> OrderSeen:
    return replace(OrderSeen(order=number, nodes=nodes), **values)  # type: ignore[arg-type]  # fields by their names


def finished(number: str, confirmed: datetime, done: datetime, **values: object) -> OrderSeen:
    return order(number, confirmed_at=confirmed, finished_at=done, **values)


NOTHING: Sequence[Figure] = (
    lead_time((), WEEK),
    promise_attainment((), WEEK),
    on_time((), WEEK),
    completion_trend((), WEEK),
    waiting((), WEEK),
    operation_time((), WEEK),
    changeover((), WEEK),
    visibility((), {}, at(1, 0)),
    inventory_days((), {}, WEEK),
    on_time_updates((), frozenset(), WEEK, within_s=7200),
    first_pass_yield((), WEEK),
    utilisation_efficiency(()),
    availability(()),
    quality_ratio((), WEEK),
    allocation_ratio((), {}, WEEK),
    throughput_rate((), WEEK),
)


@pytest.mark.trap("metrics without data")
@pytest.mark.parametrize("figure", NOTHING, ids=lambda figure: str(figure.kpi))
def test_without_data_there_is_no_number(figure: Figure) -> None:
    assert (figure.value, figure.counted) == (None, 0)


@pytest.mark.requirement("R49", part="all but the share of automated decisions and cost against quote")
def test_lead_time_is_elapsed_from_confirmation_to_finish() -> None:
    orders = [
        finished("A-1", at(0, 0), at(2, 0)),  # 48 h
        finished("A-2", at(0, 0), at(4, 0)),  # 96 h
        finished("A-3", at(0, 0), at(9, 0)),  # finished after the week
        order("A-4", confirmed_at=at(0, 0)),  # still open
        order("A-5", finished_at=at(1, 0)),  # nobody knows when it was confirmed
    ]
    figure = lead_time(orders, WEEK)
    assert (figure.value, figure.counted) == (72 * 3600, 2)
    assert figure.elements == {"median_s": 72 * 3600, "longest_s": 96 * 3600}


@pytest.mark.requirement("R49", part="all but the share of automated decisions and cost against quote")
def test_promise_attainment_counts_the_second_of_the_promise_as_kept() -> None:
    orders = [
        finished("A-1", at(0, 0), at(2, 12), promised=at(2, 12)),
        finished("A-2", at(0, 0), at(2, 13), promised=at(2, 12)),
        finished("A-3", at(0, 0), at(3, 0), promised=at(5, 0)),
        finished("A-4", at(0, 0), at(3, 0)),  # never promised
    ]
    figure = promise_attainment(orders, WEEK)
    assert (figure.value, figure.counted) == (pytest.approx(2 / 3), 3)


def test_the_first_promise_counts_unless_the_customer_asked_for_another() -> None:
    first = Promise(at=at(0, 1), promised=at(3, 0))
    moved = Promise(at=at(1, 1), promised=at(6, 0), reason="capacity")
    asked = Promise(at=at(1, 2), promised=at(5, 0), reason="customer_request")
    assert promise_that_counts([first, moved]) == at(3, 0)
    assert promise_that_counts([first, moved, asked]) == at(5, 0)
    assert promise_that_counts([]) is None


@pytest.mark.requirement("R49", part="all but the share of automated decisions and cost against quote")
def test_on_time_allows_the_tolerance_and_no_second_more() -> None:
    orders = [
        finished("A-1", at(0, 0), at(1, 0), late_s=900, tolerance_s=900),
        finished("A-2", at(0, 0), at(1, 0), late_s=901, tolerance_s=900),
        finished("A-3", at(0, 0), at(1, 0), late_s=-60, tolerance_s=900),
        order("A-4"),
    ]
    figure = on_time(orders, WEEK)
    assert (figure.value, figure.counted) == (pytest.approx(2 / 3), 3)
    assert figure.elements == {"on_time": 2, "finished": 3, "mean_late_s": 901}


@pytest.mark.requirement("R40")
def test_operation_time_is_working_time_and_leaves_out_what_was_skipped() -> None:
    nodes = [
        node(start=at(0, 14), done=at(1, 10)),  # 2 h on Monday and 2 h on Tuesday
        node(start=at(2, 8), done=at(2, 10)),  # 2 h
        node("SEW", start=at(2, 8), done=at(2, 9)),  # 1 h
        node(start=at(3, 8), done=at(3, 9), marks=(Mark.SKIPPED,)),
        node(done=at(3, 9)),  # nobody saw it begin
        node(start=at(3, 8)),  # not done
    ]
    figure = operation_time(nodes, WEEK)
    assert (figure.value, figure.counted) == (pytest.approx(7 / 3 * 3600), 3)
    assert figure.parts == (Part(name="CUT", value=3 * 3600, counted=2), Part(name="SEW", value=3600, counted=1))


@pytest.mark.requirement("R108", part="queue time in working time, and hours of work that wait in front of machines")
def test_waiting_is_working_time_from_ready_to_start() -> None:
    nodes = [
        node("SEW", ready=at(0, 15), start=at(1, 9)),  # 1 h on Monday and 1 h on Tuesday
        node("SEW", ready=at(2, 9), start=at(2, 8)),  # began before everything was there
        node("PACK", ready=at(4, 15), start=at(7, 9)),  # started after the week
        node("CUT", start=at(0, 8)),  # waited for nothing
    ]
    figure = waiting(nodes, WEEK)
    assert (figure.value, figure.counted, figure.elements) == (3600, 2, {"total_s": 7200})
    assert figure.parts == (Part(name="SEW", value=3600, counted=2),)


def test_a_node_is_ready_when_the_last_thing_it_needs_is_there_and_dry() -> None:
    glued = node("GLUE", done=at(0, 15)).facts
    cut = node("CUT", done=at(0, 9)).facts
    facts = {"WO-1": WorkOrderFacts(work_order="WO-1", nodes=(glued, cut))}
    plan = node("SEW", predecessors=("CUT",)).plan
    drying = replace(plan, dependencies=(Dependency(node="GLUE", lag_s=7200),))
    part = replace(plan, dependencies=(Dependency(node="GLUE", transfer_quantity=3),))
    assert ready_at(plan, "WO-1", facts, DAY_SHIFT) == at(0, 9)
    assert ready_at(drying, "WO-1", facts, DAY_SHIFT) == at(1, 9)  # 1 h left on Monday, 1 h on Tuesday
    assert ready_at(part, "WO-1", facts, DAY_SHIFT) is None
    assert ready_at(node("CUT").plan, "WO-1", facts, DAY_SHIFT) is None


@pytest.mark.requirement("R39")
def test_completion_rate_is_done_by_planned_day_by_day() -> None:
    monday, tuesday = (at(0, 8), at(0, 10)), (at(1, 8), at(1, 10))
    nodes = [
        node(planned=monday, start=at(0, 8), done=at(0, 10.25)),  # 15 minutes late are on time
        node(planned=monday, start=at(0, 8), done=at(1, 9)),
        node(planned=tuesday),
        node(planned=(at(8, 8), at(8, 10)), start=at(1, 8), done=at(1, 12)),  # ahead of its week
    ]
    assert plan_by_day(nodes, WEEK) == (
        DayOfPlan(day=date(2026, 1, 5), planned=2, completed=1, kept=1),
        DayOfPlan(day=date(2026, 1, 6), planned=1, completed=2, kept=0),
    )
    figure = completion_trend(nodes, WEEK)
    assert (figure.value, figure.elements) == (1.0, {"completed": 3, "planned": 3})
    assert [part.value for part in figure.parts] == [0.5, 2.0]


def test_a_day_is_one_of_the_site() -> None:
    tokyo = Calendar(zone="Asia/Tokyo", weekly=DAY_SHIFT.weekly)
    late = replace(node(planned=(at(0, 8), at(0, 16)), start=at(0, 8), done=at(0, 15.5)), calendar=tokyo)
    assert [(day.day, day.planned, day.completed) for day in plan_by_day([late], WEEK)] == [(date(2026, 1, 6), 1, 1)]


@pytest.mark.requirement("R49", part="all but the share of automated decisions and cost against quote")
def test_changeover_is_the_mean_over_stations_the_longest_first() -> None:
    changes = [
        Changed(station="CUT-1", begin=at(0, 9), end=at(0, 9.5)),
        Changed(station="CUT-1", begin=at(1, 9), end=at(1, 10)),
        Changed(station="SEW-1", begin=at(0, 9), end=at(0, 9.25)),
        Changed(station="SEW-1", begin=at(6, 23), end=at(7, 1)),  # ended after the week
    ]
    figure = changeover(changes, WEEK)
    assert (figure.value, figure.counted) == (2100, 3)
    assert figure.parts == (Part(name="CUT-1", value=2700, counted=2), Part(name="SEW-1", value=900, counted=1))


@pytest.mark.requirement("R50")
def test_visibility_counts_each_key_node_of_a_site_once() -> None:
    now = at(2, 0)
    nodes = [
        node("CUT", key=True, data_at=at(1, 1)),
        node("CUT", key=True, work_order="WO-2"),  # the same node of another order
        node("SEW", key=True, stations=("SEW-1",)),
        node("PACK", key=True, data_at=at(0, 23.9)),  # more than 24 h ago
        node("FOLD", data_at=at(1, 23)),  # no key node
    ]
    figure = visibility(nodes, {"SEW-1": at(1, 20)}, now)
    assert (figure.value, figure.counted) == (pytest.approx(2 / 3), 3)
    assert [(part.name, part.value) for part in figure.parts] == [
        ("demo/CUT", 1.0),
        ("demo/PACK", 0.0),
        ("demo/SEW", 1.0),
    ]


@pytest.mark.requirement("R49", part="all but the share of automated decisions and cost against quote")
def test_inventory_days_are_stock_by_daily_use_of_items_that_were_used() -> None:
    stocks = [
        StockFacts(item="cloth", uom="m", on_hand=140.0, least=140.0, most=140.0),
        StockFacts(item="button", uom="pcs", on_hand=30.0, least=30.0, most=30.0),
        StockFacts(item="zip", uom="pcs", on_hand=99.0, least=99.0, most=99.0),
    ]
    figure = inventory_days(stocks, {("cloth", "m"): 70.0, ("button", "pcs"): 210.0}, WEEK)
    assert (figure.value, figure.counted) == (pytest.approx(7.5), 2)
    assert [(part.name, part.value) for part in figure.parts] == [("cloth (m)", 14.0), ("button (pcs)", 1.0)]


@pytest.mark.requirement("R12")
@pytest.mark.requirement("R99", part="the share that was entered in time, of all together")
def test_updates_are_on_time_within_two_hours_and_not_where_somebody_had_to_be_reminded() -> None:
    entries = [
        Entry(work_order="WO-1", node="CUT", at=at(0, 9), entered_at=at(0, 11)),
        Entry(work_order="WO-1", node="CUT", at=at(0, 9), entered_at=at(0, 15)),  # said once more
        Entry(work_order="WO-1", node="SEW", at=at(0, 9), entered_at=at(0, 11) + timedelta(seconds=1)),
        Entry(work_order="WO-1", node="PACK", at=at(0, 9), entered_at=at(0, 10)),
    ]
    figure = on_time_updates(entries, {("WO-1", "PACK"), ("WO-2", "CUT")}, WEEK, within_s=7200)
    assert (figure.value, figure.elements) == (0.25, {"on_time": 1, "updates": 4})


@pytest.mark.requirement("R49", part="all but the share of automated decisions and cost against quote")
def test_first_pass_yield_is_by_pieces() -> None:
    inspections = [
        Inspected(node="INS", at=at(0, 9), pieces=90, passed=90),
        Inspected(node="INS", at=at(0, 10), pieces=10, passed=0),
        Inspected(node="INS", at=at(8, 10), pieces=10, passed=0),
    ]
    figure = first_pass_yield(inspections, WEEK)
    assert (figure.value, figure.counted) == (0.9, 100)


def states(*parts: tuple[StationState, float, float]) -> tuple[StateInterval, ...]:
    return tuple(StateInterval(state=state, since=at(0, begin), until=at(0, end)) for state, begin, end in parts)


CUTTER = StationSeen(
    station="CUT-1",
    calendar=DAY_SHIFT,
    intervals=states(
        (StationState.OFF, 0, 8),
        (StationState.SETUP, 8, 9),
        (StationState.RUNNING, 9, 13),
        (StationState.DOWN, 13, 14),
        (StationState.IDLE, 14, 15),
        (StationState.UNKNOWN, 15, 24),
    ),
)
SEWER = StationSeen(
    station="SEW-1",
    intervals=states((StationState.RUNNING, 8, 10), (StationState.BLOCKED, 10, 12), (StationState.UNKNOWN, 12, 24)),
)


def test_utilisation_efficiency_has_its_elements_and_leaves_unknown_time_out() -> None:
    figure = utilisation_efficiency([CUTTER, SEWER])
    assert figure.value == pytest.approx(6 / 10)
    hours = {name: seconds / 3600 for name, seconds in figure.elements.items()}
    assert hours == {"APT_s": 6, "AUST_s": 1, "ADET_s": 3, "AUBT_s": 10, "unknown_s": 21}
    assert [(part.name, part.value) for part in figure.parts] == [
        ("CUT-1", pytest.approx(4 / 6)),
        ("SEW-1", pytest.approx(0.5)),
    ]


def test_availability_is_of_the_working_time_that_somebody_saw() -> None:
    figure = availability([CUTTER, SEWER])  # of the sewer nobody knows the site
    assert figure.value == pytest.approx(4 / 7)  # 8 to 15 was seen of a shift of 8 to 16
    assert figure.elements == {"APT_s": 4 * 3600, "PBT_s": 7 * 3600}
    assert figure.counted == 1


def test_quality_ratio_is_good_by_all_pieces() -> None:
    nodes = [
        node(start=at(0, 8), done=at(0, 9), good=18, scrap=1, rework=1),
        node("SEW", start=at(0, 8), done=at(0, 9), good=20),
        node("SEW", start=at(0, 8), good=5, scrap=5),  # not done
    ]
    figure = quality_ratio(nodes, WEEK)
    assert (figure.value, figure.elements) == (0.95, {"GQ": 38, "PQ": 40})
    assert figure.parts == (Part(name="CUT", value=0.9, counted=20), Part(name="SEW", value=1.0, counted=20))


def test_allocation_ratio_is_busy_time_by_execution_time() -> None:
    busy = busy_times(
        [CUTTER, SEWER],
        [
            Busy(station="CUT-1", work_order="WO-1", begin=at(0, 8.5), end=at(0, 14.5)),  # busy until 14: 5.5 h
            Busy(station="SEW-1", work_order="WO-1", begin=at(0, 11), end=at(0, 20)),  # blocked until 12: 1 h
            Busy(station="SEW-9", work_order="WO-1", begin=at(0, 11), end=at(0, 20)),  # nobody heard of it
        ],
    )
    assert busy == {"WO-1": 6.5 * 3600}
    orders = [
        order("A-1", node(start=at(0, 8), done=at(0, 21)), finished_at=at(0, 21)),
        order("A-2", node(start=at(0, 8), work_order="WO-2")),  # no station was seen with it
    ]
    figure = allocation_ratio(orders, busy, WEEK)
    assert (figure.value, figure.counted) == (0.5, 1)
    assert figure.elements == {"AUBT_s": 6.5 * 3600, "AOET_s": 13 * 3600}


def test_throughput_rate_counts_the_pieces_of_the_last_node() -> None:
    made = order(
        "A-1",
        node("PACK", start=at(0, 15), done=at(1, 0), good=18, scrap=2, predecessors=("CUT",)),
        node("CUT", start=at(0, 14), done=at(0, 15), good=25),
        finished_at=at(1, 0),
    )
    figure = throughput_rate([made, order("A-2", finished_at=at(1, 0))], WEEK)
    assert (figure.value, figure.counted) == (2.0, 1)
    assert figure.elements == {"PQ": 20, "AOET_s": 36_000}
