"""What the contract tests of stores put into them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.store import Store
from genba_cloud.store.port import Link, LogRow, StoredOrder
from genba_shared.events import Event, NodeStarted, Source, SourceType, to_line

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")

IMPLEMENTATIONS = ("postgres", "sqlite")

Reopen = Callable[[], AbstractContextManager[Store]]


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def started(seq: int, *, work_order: str = "WO-1", station: str = "CUT-1") -> Event:
    return NodeStarted(
        id=f"gw:{EPOCH}:{seq}", at=minute(seq), source=PLC, work_order=work_order, node="CUT", station=station
    )


def rows(*events: Event, first: int = 1) -> list[LogRow]:
    return [
        LogRow(position=position, received_at=minute(60), event=event, body=to_line(event).encode(), leaf=b"leaf" * 8)
        for position, event in enumerate(events, start=first)
    ]


def log(store: Store, *events: Event, first: int = 1) -> None:
    link = Link(number=first, first=first, last=first + len(events) - 1, hash=b"h" * 32)
    with store.transaction() as transaction:
        transaction.append_log(rows(*events, first=first), link)


def node(code: str, *predecessors: str) -> NodePlan:
    return NodePlan(
        node=code,
        quantity=8,
        planned_start=minute(0),
        planned_finish=minute(60),
        predecessors=predecessors,
        label={"en": code, "zh": "裁剪"},
    )


def order(number: str, *, promised: int = 90, work_orders: tuple[str, ...] = ()) -> StoredOrder:
    works = tuple(
        WorkOrderPlan(work_order=name, site="demo", item="shirt", quantity=8, nodes=(node("CUT"), node("SEW", "CUT")))
        for name in work_orders or (f"WO-{number}",)
    )
    plan = OrderPlan(
        order=number,
        system="demo",
        external_id=f"X-{number}",
        customer="Blue Shirt Co",
        promised=minute(promised),
        work_orders=works,
    )
    return StoredOrder(plan=plan, baseline_start=minute(0), baseline_finish=minute(60))
