"""From plans, facts and events to what figures are worked out from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from genba_cloud.api.report_figures import Floor, Known, figures_of
from genba_cloud.core.facts.material import StockFacts
from genba_cloud.core.facts.order import OrderFacts
from genba_cloud.core.facts.timeline import StateInterval
from genba_cloud.core.facts.views import WorkOrderFacts
from genba_cloud.core.kpis import Figure, Kpi, OrderSeen, Period
from genba_cloud.core.kpis.seeing import order_seen
from genba_cloud.core.working_time import ALWAYS_WORKING
from genba_shared.events import (
    DispatchClosed,
    DispatchOpened,
    Event,
    EventVoided,
    LateUpdateFlagged,
    MaterialConsumed,
    MaterialIssued,
    NodeConfirmed,
    PromiseSet,
    QualityRecorded,
    QualityResult,
    Source,
    SourceType,
    StationState,
)
from tests.unit.cloud.test_order_list import DONE, NOW, PENDING, RUNNING, assessed

HOUR = timedelta(hours=1)
PERIOD = Period(begin=NOW - 7 * 24 * HOUR, end=NOW + 8 * HOUR)
PERSON = Source(type=SourceType.PERSON, ref="op-7")
SYSTEM = Source(type=SourceType.SYSTEM, ref="collector")


def seen(said: OrderFacts | None = None, promises: Sequence[Event] = (), *, cancelled: bool = False) -> OrderSeen:
    """An order that was finished at NOW; its node CUT was planned until two hours later."""
    order = assessed("A-1", DONE, DONE, DONE)
    facts = WorkOrderFacts(
        work_order="WA-1",
        nodes=tuple(node.facts for node in order.assessment.nodes["WA-1"]),
        cancelled_at=NOW if cancelled else None,
    )
    return order_seen(
        order.plan,
        {"WA-1": facts},
        said=said,
        baseline=order.baseline,
        promises=promises,
        calendar_of=lambda _site: ALWAYS_WORKING,
        tolerance_s=900,
    )


def test_an_order_is_measured_against_its_first_baseline_whatever_was_planned_later() -> None:
    assert seen().late_s == -2 * 3600
    baselines = ((NOW, NOW, NOW - HOUR), (NOW, NOW, NOW + 5 * HOUR))
    assert seen(OrderFacts(order="A-1", baselines=baselines)).late_s == 3600


def test_an_order_that_is_cancelled_or_has_work_left_is_not_finished() -> None:
    assert seen().finished_at == NOW
    assert seen(OrderFacts(order="A-1", cancelled_at=NOW)).finished_at is None
    assert (seen(cancelled=True).finished_at, seen(cancelled=True).nodes) == (None, ())


def test_the_promise_is_the_first_that_was_set_and_else_that_of_the_order() -> None:
    def promise(number: int, reason: str | None = None) -> Event:
        at = NOW - (9 - number) * HOUR
        return PromiseSet(
            id=f"p{number}", at=at, source=SYSTEM, order="A-1", promised=NOW + number * HOUR, reason=reason
        )

    assert seen().promised == NOW + timedelta(days=1)
    assert seen(promises=[promise(1), promise(2, "capacity")]).promised == NOW + HOUR
    assert seen(promises=[promise(1), promise(3, "customer_request"), promise(4)]).promised == NOW + 3 * HOUR


def figure(
    kpi: Kpi,
    events: Sequence[Event],
    *,
    orders: Sequence[OrderSeen] = (),
    stocks: Sequence[StockFacts] = (),
    worked_at: Sequence[tuple[str, str]] = (),
) -> Figure:
    running = StateInterval(state=StationState.RUNNING, since=NOW - 4 * HOUR, until=NOW + 4 * HOUR)
    known = Known(orders=orders, open_orders=(), events=events, stocks=stocks, update_within_s=7200)
    floor = Floor(
        timelines={"CUT-1": (running,)}, heard={}, worked_at=worked_at, calendar_of=lambda _site: ALWAYS_WORKING
    )
    return next(one for one in figures_of(known, floor, PERIOD, NOW + 4 * HOUR) if one.kpi is kpi)


def opened(work_order: str, at: datetime) -> Event:
    return DispatchOpened(id=f"o{work_order}", at=at, source=SYSTEM, station="CUT-1", work_order=work_order, node="CUT")


def closed(work_order: str, at: datetime) -> Event:
    return DispatchClosed(id=f"c{work_order}", at=at, source=SYSTEM, station="CUT-1", work_order=work_order, node="CUT")


def running_order() -> OrderSeen:
    """An order that was begun at NOW and is not finished."""
    order = assessed("A-1", RUNNING, PENDING, PENDING)
    facts = WorkOrderFacts(work_order="WA-1", nodes=tuple(one.facts for one in order.assessment.nodes["WA-1"]))
    return order_seen(
        order.plan,
        {"WA-1": facts},
        said=None,
        baseline=order.baseline,
        promises=(),
        calendar_of=lambda _site: ALWAYS_WORKING,
        tolerance_s=900,
    )


@pytest.mark.parametrize(
    ("after", "busy_hours"),
    [
        ([], 4),  # until now
        ([closed("WA-1", NOW + HOUR)], 1),
        ([opened("WA-2", NOW + 2 * HOUR)], 2),  # another work order took its place
        ([closed("WA-2", NOW + HOUR)], 4),  # the end of another one says nothing of it
    ],
)
def test_a_station_is_busy_with_a_work_order_while_it_has_it(after: list[Event], busy_hours: int) -> None:
    found = figure(Kpi.ALLOCATION_RATIO, [opened("WA-1", NOW), *after], orders=[running_order()])
    assert found.elements == {"AUBT_s": busy_hours * 3600, "AOET_s": 4 * 3600}


def test_a_station_whose_site_is_not_known_has_no_planned_busy_time() -> None:
    assert figure(Kpi.AVAILABILITY, [], orders=[running_order()]).value is None
    known = figure(Kpi.AVAILABILITY, [], orders=[running_order()], worked_at=[("CUT-1", "WA-1")])
    assert known.elements == {"APT_s": 8 * 3600, "PBT_s": 8 * 3600}


def issued(number: int, amount: float) -> Event:
    return MaterialIssued(
        id=f"i{number}", at=NOW, source=PERSON, work_order="WA-1", item="cloth", amount=amount, uom="m"
    )


def used(item: str, amount: float) -> Event:
    return MaterialConsumed(id=f"u{item}", at=NOW, source=PERSON, work_order="WA-1", item=item, amount=amount, uom="m")


def test_what_was_issued_is_the_use_and_what_was_consumed_where_nobody_issues() -> None:
    stocks = [StockFacts(item=item, uom="m", on_hand=22.0, least=22.0, most=22.0) for item in ("cloth", "tape")]
    events = [issued(1, 15), issued(2, -4), used("cloth", 99), used("tape", 22)]
    found = figure(Kpi.INVENTORY_DAYS, events, stocks=stocks)
    days = PERIOD.days
    assert {part.name: part.value for part in found.parts} == {
        "cloth (m)": pytest.approx(2 * days),
        "tape (m)": pytest.approx(days),
    }


def test_what_was_taken_back_is_left_out() -> None:
    stocks = [StockFacts(item="cloth", uom="m", on_hand=22.0, least=22.0, most=22.0)]
    void = EventVoided(id="v", at=NOW, source=PERSON, target="i2", reason="wrong")
    found = figure(Kpi.INVENTORY_DAYS, [issued(1, 11), issued(2, 500), void], stocks=stocks)
    assert found.value == pytest.approx(2 * PERIOD.days)


def test_updates_count_where_a_person_says_when_it_was_entered() -> None:
    entry = NodeConfirmed(id="1", at=NOW, entered_at=NOW + HOUR, source=PERSON, work_order="WA-1", node="CUT")
    by_machine = replace(entry, id="2", node="SEW", source=Source(type=SourceType.PLC, ref="sew1"))
    unknown = replace(entry, id="3", node="INS", entered_at=None)
    flag = LateUpdateFlagged(
        id="4",
        at=NOW,
        source=SYSTEM,
        work_order="WA-1",
        node="PACK",
        finished_at=NOW,
        due=NOW,
        recipient="operator",
    )
    found = figure(Kpi.ON_TIME_UPDATES, [entry, by_machine, unknown, flag])
    assert found.elements == {"on_time": 1, "updates": 2}


def test_only_first_inspections_count_and_a_concession_is_no_pass() -> None:
    first = QualityRecorded(
        id="1", at=NOW, source=PERSON, work_order="WA-1", node="INS", result=QualityResult.PASSED, pieces=6
    )
    conceded = replace(first, id="2", result=QualityResult.CONDITIONAL, pieces=2)
    again = replace(first, id="3", because=("2",), pieces=50)
    assert figure(Kpi.FIRST_PASS_YIELD, [first, conceded, again]).elements == {"passed": 6, "inspected": 8}
