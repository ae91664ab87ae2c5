"""A work centre where much work waits is told once while it does, from the forecast of the shop to the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from genba_cloud.api import Desk, Live, OrderIndex, VisibleReads
from genba_cloud.app.assessor import Assessor
from genba_cloud.core.assess import Policy
from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.core.forecast import WorkCentre
from genba_cloud.core.policy import SitePolicy
from genba_cloud.ledger import Ledger
from genba_cloud.store import SqliteStore
from genba_shared.events import AlertClosed, AlertOpened, Event, NodeCompleted, Source, SourceType
from tests.browser.support import NOW

API = Source(type=SourceType.API, ref="mes")
ORDERS = 6
POLICY = Policy(
    centres=(
        WorkCentre(work_centre="sewing", site="demo", stations={"SEW-1": 1}),
        WorkCentre(work_centre="packing", site="demo", stations={"PACK-1": 1}),
    )
)


def plan(number: int) -> OrderPlan:
    """Two hours of sewing, which may begin now, and half an hour of packing."""
    sewn = NOW + timedelta(hours=2)
    nodes = (
        NodePlan(node="SEW", quantity=8, planned_start=NOW, planned_finish=sewn, label={}, work_centre="sewing"),
        NodePlan(
            node="PACK",
            quantity=8,
            planned_start=sewn,
            planned_finish=sewn + timedelta(minutes=30),
            predecessors=("SEW",),
            label={},
            work_centre="packing",
        ),
    )
    name = f"A-{number}"
    work = WorkOrderPlan(work_order=f"WO-{number}", site="demo", item="shirt", quantity=8, nodes=nodes)
    return OrderPlan(order=name, system="demo", external_id=name, customer="x", promised=sewn, work_orders=(work,))


async def test_a_work_centre_with_eight_hours_waiting_is_told_until_little_waits_there(tmp_path: Path) -> None:
    now = NOW
    store = SqliteStore(tmp_path)
    told: list[tuple[int, str, str]] = []
    async with Ledger(store, now=lambda: now) as ledger:
        desk = Desk(reads=ledger.reads, enterprise="default", now=lambda: now, policy=POLICY, index=OrderIndex())
        live = Live(reads_of=lambda viewer: VisibleReads(desk, viewer), enterprise="default", now=lambda: now)
        assessor = Assessor(ledger=ledger, desk=desk, live=live)
        ledger.subscribe(assessor.heard)
        for number in range(ORDERS):
            await ledger.upsert_order(plan(number))

        async def look(minutes: int, *said: Event) -> None:
            nonlocal now
            now = NOW + timedelta(minutes=minutes)
            await ledger.append_events(said)
            await assessor._look(all_open=True)
            await assessor._look(all_open=True)

        await look(1)
        await look(2)
        # two of twelve hours are left: less than six
        await look(10, *(sewn(number, now) for number in range(ORDERS - 1)))
        await look(39)
        assert [event for event in logged(ledger) if isinstance(event, AlertClosed)] == []
        await look(40)
        for event in logged(ledger):
            if isinstance(event, AlertOpened | AlertClosed):
                minute = int((event.at - NOW).total_seconds() // 60)
                told.append((minute, event.kind, getattr(event, "subject", "")))
    store.close()
    assert told == [(1, "alert_opened", "work_centre:demo/sewing"), (40, "alert_closed", "")]


async def test_a_site_that_wants_to_hear_of_four_hours_hears_of_six(tmp_path: Path) -> None:
    limits = replace(SitePolicy().alerts, waiting_work_s=4 * 3600, waiting_work_calm_s=2 * 3600)
    policy = replace(POLICY, sites={"demo": SitePolicy(alerts=limits)})
    assert [await alerts_of(tmp_path / name, one) for name, one in (("own", policy), ("usual", POLICY))] == [1, 0]


async def alerts_of(folder: Path, policy: Policy) -> int:
    """How many bottlenecks are told of with three orders, six hours of sewing."""
    store = SqliteStore(folder)
    async with Ledger(store, now=lambda: NOW) as ledger:
        desk = Desk(reads=ledger.reads, enterprise="default", now=lambda: NOW, policy=policy, index=OrderIndex())
        live = Live(reads_of=lambda viewer: VisibleReads(desk, viewer), enterprise="default", now=lambda: NOW)
        assessor = Assessor(ledger=ledger, desk=desk, live=live)
        ledger.subscribe(assessor.heard)
        for number in range(3):
            await ledger.upsert_order(plan(number))
        for _ in range(2):
            await assessor._look(all_open=True)
        opened = [one for one in logged(ledger) if isinstance(one, AlertOpened) and one.alert == "bottleneck"]
    store.close()
    return len(opened)


def sewn(number: int, at: datetime) -> Event:
    """The order's sewing is done."""
    return NodeCompleted(
        id=f"0190a000-0000-7000-8000-{number:012d}", at=at, source=API, work_order=f"WO-{number}", node="SEW", pieces=8
    )


def logged(ledger: Ledger) -> list[Event]:
    """Everything in the log."""
    return [row.event for row in ledger.reads.events(after=0, limit=500).items]
