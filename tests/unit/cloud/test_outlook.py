"""The forecast that is kept in memory: when it is worked out again, and what it reads for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genba_cloud.api.order_index import OrderIndex
from genba_cloud.api.outlook import Outlook
from genba_cloud.core.assess import Policy
from genba_cloud.core.facts.order import OrderFacts
from genba_cloud.core.facts.plan import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.forecast import NodeKey, WorkCentre
from genba_cloud.core.working_time import Calendar, Shift
from genba_cloud.store.read import OrderRecord, QueueRow

NOW = datetime(2026, 1, 5, 10, 0, 5, tzinfo=UTC)
CENTRES = (WorkCentre(work_centre="cut", site="suzhou", stations={"C-1": 1}),)
DAY_SHIFT = Calendar(weekly=((Shift.between("08:00", "17:00"),),) * 7)


class Shelf:
    """A store with orders of one node, and a note of which were read."""

    def __init__(self, *numbers: str) -> None:
        self.records = {number: record(number) for number in numbers}
        self.read: list[list[str]] = []

    def orders(self, numbers: Sequence[str]) -> tuple[OrderRecord, ...]:
        self.read.append(sorted(numbers))
        return tuple(self.records[number] for number in numbers if number in self.records)

    def stations(self) -> tuple[Any, ...]:
        return ()

    def queues(self) -> tuple[QueueRow, ...]:
        return ()


def record(number: str, *, hours: float = 1) -> OrderRecord:
    start = NOW.replace(second=0)
    node = NodePlan(
        node="CUT",
        quantity=1,
        planned_start=start,
        planned_finish=start + timedelta(hours=hours),
        label={},
        work_centre="cut",
    )
    work = WorkOrderPlan(work_order=f"W{number}", site="suzhou", item="shirt", quantity=1, nodes=(node,))
    plan = OrderPlan(order=number, system="demo", external_id=number, customer="", promised=NOW, work_orders=(work,))
    return OrderRecord(plan=plan, baseline_start=start, baseline_finish=node.planned_finish, facts={}, data_at=None)


class Watched:
    """An outlook with its shelf; `policy` may be replaced."""

    def __init__(self, *numbers: str) -> None:
        self.shelf = Shelf(*numbers)
        self.policy = Policy(centres=CENTRES)
        index = OrderIndex()
        index.add(numbers)
        self.outlook = Outlook(
            reads=self.shelf,  # type: ignore[arg-type]  # it has what an outlook reads
            index=index,
            policy=lambda: self.policy,
        )

    def begins(self, number: str, now: datetime = NOW) -> datetime:
        return self.outlook.look(now).forecast.nodes[NodeKey(f"W{number}", "CUT")].begin


def test_a_look_serves_again_while_nothing_changes_and_for_a_minute_at_most() -> None:
    watched = Watched("A", "B")
    first = watched.outlook.look(NOW)
    assert watched.outlook.look(NOW + timedelta(seconds=54)) is first
    assert watched.outlook.look(NOW + timedelta(seconds=55)) is not first
    assert watched.shelf.read == [["A", "B"], []]


def test_only_what_changed_is_read_again() -> None:
    watched = Watched("A", "B")
    assert watched.begins("B") == NOW + timedelta(hours=1)
    watched.shelf.records["A"] = record("A", hours=3)
    assert watched.begins("B") == NOW + timedelta(hours=1)  # nobody said that it changed
    watched.outlook.changed(["A"])
    assert watched.begins("B") == NOW + timedelta(hours=3)
    assert watched.shelf.read == [["A", "B"], ["A"]]


def test_a_change_of_a_station_alone_makes_a_new_look() -> None:
    watched = Watched("A")
    first = watched.outlook.look(NOW)
    watched.outlook.changed(())
    assert watched.outlook.look(NOW) is not first


def test_everything_is_read_again_after_commits_that_nobody_heard() -> None:
    watched = Watched("A", "B")
    watched.outlook.look(NOW)
    watched.outlook.missed()
    watched.outlook.look(NOW)
    assert watched.shelf.read == [["A", "B"], ["A", "B"]]


def test_another_calendar_makes_a_new_look() -> None:
    watched = Watched("A", "B")
    late = NOW.replace(hour=16, minute=30)
    assert watched.begins("B", late) == late + timedelta(hours=1)
    watched.policy = Policy(calendars={"suzhou": DAY_SHIFT}, centres=CENTRES)
    assert watched.begins("B", late) == datetime(2026, 1, 6, 8, 30, 5, tzinfo=UTC)


def test_a_second_machine_makes_a_new_look() -> None:
    watched = Watched("A", "B")
    assert watched.begins("B") == NOW + timedelta(hours=1)
    watched.policy = Policy(centres=(WorkCentre(work_centre="cut", site="suzhou", stations={"C-1": 2}),))
    assert watched.begins("B") == NOW


def test_a_cancelled_order_takes_no_machine() -> None:
    watched = Watched("A", "B")
    watched.shelf.records["A"] = replace(watched.shelf.records["A"], said=OrderFacts(order="A", cancelled_at=NOW))
    assert watched.begins("B") == NOW


def test_a_look_that_fails_forgets_no_change() -> None:
    watched = Watched("A")
    watched.outlook.look(NOW)
    watched.outlook.changed(["A"])
    whole, watched.shelf.records = watched.shelf.records, None  # type: ignore[assignment]  # the store is away
    with pytest.raises(TypeError):
        watched.outlook.look(NOW)
    watched.shelf.records = whole
    watched.outlook.look(NOW)
    assert watched.shelf.read[-1] == ["A"]


def test_before_the_first_look_nothing_is_known_of_machines() -> None:
    watched = Watched("A", "B")
    assert watched.outlook.floors() == {}
    watched.outlook.refresh(NOW)
    assert set(watched.outlook.floors()) == {NodeKey("WB", "CUT")}


def test_a_large_shop_is_looked_at_less_often_and_a_small_one_after_every_change() -> None:
    for orders, is_again in ((250, True), (251, False)):
        watched = Watched(*(f"A{number:03}" for number in range(orders)))
        watched.outlook.refresh(NOW)
        watched.outlook.changed(["A000"])
        watched.outlook.refresh(NOW + timedelta(milliseconds=100))
        assert (len(watched.shelf.read) == 2) is is_again
        watched.outlook.refresh(NOW + timedelta(milliseconds=126))
        assert len(watched.shelf.read) == 2
