"""Mistakes that programs of this kind make, each in a small case in which the usual way would be wrong.

The others stand where their subject is tested; docs/requirements.md lists them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from genba_cloud.core.assess import OrderAssessment, Policy, assess_order
from genba_cloud.core.facts import Aggregate, Lifecycle, NodeFacts, NodePlan, OrderPlan, ViewKey, WorkOrderPlan
from genba_cloud.core.facts.views import WorkOrderFacts
from genba_cloud.core.working_time import Calendar, Shift
from genba_cloud.store.work import facts_of
from genba_shared.events import (
    DispatchOpened,
    Event,
    NodeCompleted,
    NodeConfirmed,
    NodeStarted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
)
from tests.property.memory_ledger import MemoryLedger

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")
PERSON = Source(type=SourceType.PERSON, ref="op-1")
NODES = ("CUT", "SEW", "PACK")


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def work(name: str) -> WorkOrderPlan:
    """Ten pieces through three nodes of an hour each, one behind the other."""
    nodes = tuple(
        NodePlan(
            node=code,
            quantity=10,
            planned_start=minute(60 * number),
            planned_finish=minute(60 * number + 60),
            predecessors=NODES[number - 1 : number] if number else (),
            label={"en": code},
        )
        for number, code in enumerate(NODES)
    )
    return WorkOrderPlan(work_order=name, site="demo", item="shirt", quantity=10, nodes=nodes)


PLANS = (work("WO-1"), work("WO-2"))
ORDER = OrderPlan(order="A-1", system="s", external_id="A-1", customer="x", promised=minute(600), work_orders=PLANS[:1])


def counted(seq: int, at: int, total: int, delta: int, *, epoch: int = 1, **more: Any) -> Event:
    """A counter that has shown `total` pieces since its epoch began, `delta` of them since the count before."""
    values: dict[str, Any] = {"work_order": "WO-1", "node": "CUT", "station": "S-1", **more}
    return PiecesCounted(
        id=f"gw:{EPOCH}:{seq}",
        at=minute(at),
        since=minute(at - 1),
        source=PLC,
        point=f"{values['station']}/good",
        result=Result.GOOD,
        delta=delta,
        total=total,
        counter_epoch=epoch,
        **values,
    )


def told(*events: Event) -> MemoryLedger:
    ledger = MemoryLedger(PLANS)
    for event in events:
        ledger.append([event])
    return ledger


def facts(ledger: MemoryLedger, work_order: str = "WO-1") -> WorkOrderFacts:
    plan = next(plan for plan in PLANS if plan.work_order == work_order)
    return facts_of(work_order, plan, ledger.kept()[ViewKey(Aggregate.WORK_ORDER, work_order)])


def node(ledger: MemoryLedger, code: str = "CUT", work_order: str = "WO-1") -> NodeFacts:
    found = facts(ledger, work_order).node(code)
    assert found is not None
    return found


def seen(ledger: MemoryLedger, now: datetime) -> OrderAssessment:
    return assess_order(ORDER, {"WO-1": facts(ledger)}, now, baseline=(minute(0), minute(180)))


@pytest.mark.trap("delta counters without epoch")
def test_a_count_that_is_lost_late_or_told_again_neither_hides_nor_doubles_pieces() -> None:
    """3 pieces, 2 more, those 5 once more in one count, then 2 of a counter that began anew. Deltas would make 12."""
    counts = [counted(1, 1, 3, 3), counted(2, 2, 5, 2), counted(3, 3, 5, 5), counted(4, 4, 2, 2, epoch=2)]
    assert {node(told(*arrival)).good for arrival in permutations(counts)} == {7}
    assert node(told(counts[3], counts[2])).good == 7


@pytest.mark.trap("one quantity per order")
def test_pieces_are_those_of_each_node_and_of_no_order() -> None:
    ledger = told(counted(1, 1, 10, 10), counted(2, 9, 4, 4, node="SEW", station="S-2"))
    assert [(node.node, node.good, node.quantity) for node in facts(ledger).nodes] == [
        ("CUT", 10, 10),
        ("SEW", 4, 10),
        ("PACK", 0, 10),
    ]


@pytest.mark.trap("attribution by now")
def test_pieces_belong_to_what_was_worked_on_when_they_were_made_and_not_when_they_were_told() -> None:
    """The count of minute 5 comes when the station has long been on other work, and the first dispatch comes last."""
    nobody: dict[str, Any] = {"work_order": None, "node": None}
    first, second = (
        DispatchOpened(id=f"gw:{EPOCH}:{at + 1}", at=minute(at), source=PLC, station="S-1", work_order=name, node="CUT")
        for name, at in (("WO-1", 0), ("WO-2", 10))
    )
    early, late = counted(90, 5, 4, 4, **nobody), counted(91, 15, 7, 3, **nobody)
    for arrival in permutations([first, second, early, late]):
        ledger = told(*arrival)
        assert [node(ledger, work_order=name).good for name in ("WO-1", "WO-2")] == [4, 3]


def names_in(value: object) -> Iterator[str]:
    """Every key of a document, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from names_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from names_in(inner)


@pytest.mark.trap("stale stored status")
def test_a_status_follows_the_clock_and_nothing_that_is_stored_holds_one() -> None:
    ledger = told(counted(1, 1, 4, 4))
    statuses = {at: str(seen(ledger, minute(at)).nodes["WO-1"][0].status) for at in (30, 75, 76, 600)}
    assert statuses == {30: "in_progress", 75: "in_progress", 76: "delayed", 600: "delayed"}
    assert seen(ledger, minute(600)).level == "red"
    content = ledger.content()
    assert content
    stored = {name for one in content.values() for name in names_in(one)}
    assert (
        stored & {"status", "level", "late_s", "delayed", "is_late", "deviation", "percent", "expected_finish"} == set()
    )


@pytest.mark.trap("shortfall as loss")
def test_what_is_missing_waits_for_a_person_and_is_short_and_no_scrap() -> None:
    claimed = NodeCompleted(id=f"gw:{EPOCH}:2", at=minute(50), source=PLC, work_order="WO-1", node="CUT", pieces=8)
    confirmed = NodeConfirmed(id="said-1", at=minute(90), source=PERSON, work_order="WO-1", node="CUT")
    waiting = node(told(counted(1, 40, 8, 8), claimed))
    assert (waiting.lifecycle, waiting.scrap) == (Lifecycle.AWAITING_CONFIRMATION, 0)
    settled = node(told(counted(1, 40, 8, 8), claimed, confirmed))
    assert (settled.lifecycle, settled.good, settled.short) == (Lifecycle.DONE, 8, 2)
    assert (settled.scrap, settled.rework) == (0, 0)


@pytest.mark.trap("progress by time spent")
def test_time_that_passes_completes_nothing() -> None:
    started = NodeStarted(id=f"gw:{EPOCH}:1", at=minute(0), source=PLC, work_order="WO-1", node="CUT", station="S-1")
    ledger = told(started, counted(2, 1, 4, 4))
    for hours in (1, 2, 24, 24 * 365):
        order = seen(ledger, START + timedelta(hours=hours))
        assert [(one.facts.good, one.facts.lifecycle) for one in order.nodes["WO-1"]] == [
            (4, Lifecycle.IN_PROGRESS),
            (0, Lifecycle.PENDING),
            (0, Lifecycle.PENDING),
        ]
        assert str(order.nodes["WO-1"][0].status) == ("in_progress" if hours == 1 else "delayed")


@pytest.mark.trap("holidays and midnight shifts")
def test_a_node_that_is_planned_before_a_holiday_is_not_late_on_the_holiday() -> None:
    """A night shift that ends at 02:00 of the holiday still belongs to the day before, and the next one is off."""
    night = (Shift.between("18:00", "02:00"),)
    calendar = Calendar(weekly=(night,) * 7, exceptions={datetime(2026, 1, 6, tzinfo=UTC).date(): ()})
    plan = NodePlan(
        node="CUT",
        quantity=10,
        planned_start=datetime(2026, 1, 5, 22, 0, tzinfo=UTC),
        planned_finish=datetime(2026, 1, 6, 1, 50, tzinfo=UTC),
        label={},
    )
    works = WorkOrderPlan(work_order="WO-1", site="demo", item="shirt", quantity=10, nodes=(plan,))
    order = OrderPlan(
        order="A-1", system="s", external_id="A-1", customer="x", promised=minute(9000), work_orders=(works,)
    )
    running = facts(told(counted(1, 900, 10, 10)))  # all pieces are there, and nobody says that it is over

    policy = Policy(calendars={"demo": calendar})

    def status(day: int, clock: str) -> str:
        now = datetime.fromisoformat(f"2026-01-{day:02}T{clock}:00+00:00")
        baseline = (plan.planned_start, plan.planned_finish)
        shown = assess_order(order, {"WO-1": running}, now, baseline=baseline, policy=policy)
        return str(shown.nodes["WO-1"][0].status)

    assert status(6, "01:59") == "in_progress"
    assert status(6, "23:00") == "in_progress"  # the holiday: nobody works, nothing gets later
    assert status(7, "18:05") == "in_progress"  # 10 minutes of the shift before, 5 of this one: 15 are on time
    assert status(7, "18:06") == "delayed"
