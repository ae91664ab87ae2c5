"""A collector for tests of API and pages: real store, ledger and accounts, a clock that stands still, keys."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from genba_cloud.api import BOARD_COOKIE, SESSION_COOKIE
from genba_cloud.app.collector import Collector, CollectorSettings, run_collector
from genba_cloud.app.settings import Address, ServeSettings
from genba_cloud.app.web_server import bind, serve_http, url_of
from genba_cloud.core.delivery import Reach
from genba_cloud.core.viewer import Role, Scope
from genba_cloud.core.webhooks import Targets
from genba_cloud.ledger import EnvelopeBatch
from genba_cloud.store import open_store
from genba_shared.clock import ProductionClock, format_time
from genba_shared.events import (
    Confidence,
    DataQuestioned,
    Event,
    EventId,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    QuestionCause,
    Result,
    Source,
    SourceType,
)

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
BASE = "http://genba.test"
ROLES = (
    "nobody",
    "newcomer",
    "admin",
    "reader",
    "orders",
    "dispatch",
    "events",
    "board",
    "answers",
    "operator",
    "supervisor",
    "manager",
    "actions",
)
PEOPLE = {"operator": "u1", "supervisor": "u2", "manager": "u3", "operator2": "u4"}
"""Accounts of people by what they are; the second operator has no client unless a test makes one."""
PLC = Source(type=SourceType.PLC, ref="cutter1/good")


@dataclass
class Bench:
    """A collector at 2026-01-05 09:00 UTC, and a client for each role."""

    collector: Collector
    clients: dict[str, httpx.AsyncClient]
    heard: dict[tuple[str, str], int] = field(default_factory=dict)

    def __getitem__(self, role: str) -> httpx.AsyncClient:
        return self.clients[role]

    async def post_order(self, **changes: Any) -> httpx.Response:
        return await self["orders"].post("/api/v1/orders", json=order_body(**changes))

    async def tell(self, *events: Event) -> None:
        await self.collector.ledger.append_events(events)

    async def hear(self, *events: Event) -> None:
        """What a gateway sends, event by event: each as an envelope of its own, in the order given."""
        for event in events:
            made = EventId.parse(event.id)
            assert made is not None, event.id
            prev = self.heard.get((made.gateway, made.epoch), 0)
            reach = Reach(first=made.seq, last=made.seq, prev=prev, acked=prev)
            batch = EnvelopeBatch(gateway=made.gateway, lane="facts", epoch=made.epoch, reach=reach, events=(event,))
            assert (await self.collector.ledger.append(batch)).upto == made.seq
            self.heard[made.gateway, made.epoch] = made.seq


@asynccontextmanager
async def bench(
    folder: Path, *, now: datetime = NOW, speed: float = 1e-9, targets: Targets = Targets.PUBLIC
) -> AsyncIterator[Bench]:
    """A running collector without sockets. `speed` of the clock: it stands still unless a test says otherwise."""
    clock = ProductionClock(origin=now, wall_origin_s=time.time(), speed=speed)
    store = open_store(folder)
    try:
        settings = CollectorSettings(data_dir=folder, zone=UTC, assess_every_s=0.2, webhook_targets=targets)
        async with run_collector(store, settings, clock) as collector:
            clients = {role: _client(collector) for role in ROLES}
            try:
                _sign_in(collector, clients)
                yield Bench(collector=collector, clients=clients)
            finally:
                for client in clients.values():
                    await client.aclose()
    finally:
        store.close()


def _client(collector: Collector) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(collector.app), base_url=BASE, headers={"Origin": BASE})


def _sign_in(collector: Collector, clients: dict[str, httpx.AsyncClient]) -> None:
    """Sessions, keys and a board link, straight from the authority: the forms have tests of their own."""
    authority = collector.authority
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    authority.accounts.set_password("admin", cheap, must_choose=False)
    clients["admin"].cookies.set(SESSION_COOKIE, authority.accounts.open_session("admin"))
    authority.accounts.set_password("newcomer", cheap, must_choose=True)
    clients["newcomer"].cookies.set(SESSION_COOKIE, authority.accounts.open_session("newcomer"))
    for role, name in PEOPLE.items():
        authority.accounts.set_password(name, cheap, must_choose=False, role=Role(role.rstrip("2")))
        if role in clients:
            clients[role].cookies.set(SESSION_COOKIE, authority.accounts.open_session(name))
    clients["board"].cookies.set(BOARD_COOKIE, authority.board_token())
    scopes = {
        "reader": Scope.READ,
        "orders": Scope.ORDERS_WRITE,
        "dispatch": Scope.DISPATCH_WRITE,
        "events": Scope.EVENTS_WRITE,
        "answers": Scope.ANSWERS_WRITE,
        "actions": Scope.ACTIONS_WRITE,
    }
    for role, scope in scopes.items():
        key = authority.accounts.create_key(role, frozenset({scope}))
        clients[role].headers["Authorization"] = f"Bearer {key}"


def order_body(
    order: str = "A-1001",
    *,
    customer: str = "Blue Shirt Co",
    start: datetime = NOW,
    quantity: int = 8,
    nodes: Sequence[str] = ("CUT", "SEW", "PACK"),
    hours: float = 2,
    promised: datetime | None = None,
) -> dict[str, Any]:
    """An order of one work order, its nodes one after the other, `hours` each."""
    work_order = order.replace("A-", "WO-")
    planned = [
        {
            "node": node,
            "label": LABELS.get(node, {"en": node}),
            "planned_start": format_time(start + timedelta(hours=hours * index)),
            "planned_finish": format_time(start + timedelta(hours=hours * (index + 1))),
            "predecessors": [nodes[index - 1]] if index else [],
        }
        for index, node in enumerate(nodes)
    ]
    return {
        "order": order,
        "system": "demo",
        "external_id": order,
        "customer": customer,
        "promised": format_time(promised or start + timedelta(hours=hours * len(nodes) + 2)),
        "work_orders": [
            {"work_order": work_order, "site": "demo", "item": "shirt", "quantity": quantity, "nodes": planned}
        ],
    }


LABELS = {
    "CUT": {"en": "Cutting", "zh": "裁剪", "ja": "裁断"},
    "SEW": {"en": "Sewing", "zh": "缝制", "ja": "縫製"},
    "INS": {"en": "Inspection", "zh": "检验", "ja": "検査"},
    "PACK": {"en": "Packing", "zh": "包装", "ja": "梱包"},
}


def started(work_order: str, node: str, at: datetime = NOW) -> NodeStarted:
    """The node was started."""
    return NodeStarted(id=str(uuid.uuid4()), at=at, source=PLC, work_order=work_order, node=node, station="CUT-1")


def counted(work_order: str, node: str, pieces: int, *, total: int | None = None, at: datetime = NOW) -> PiecesCounted:
    """A counter of its own for each node went up to `total` (its first count: from 0)."""
    return PiecesCounted(
        id=str(uuid.uuid4()),
        at=at,
        source=PLC,
        station=f"{node}-1",
        work_order=work_order,
        node=node,
        point=f"{work_order}/{node}",
        result=Result.GOOD,
        delta=pieces,
        total=pieces if total is None else total,
        counter_epoch=1,
        since=at - timedelta(minutes=1),
    )


def completed(
    work_order: str, node: str, pieces: int, at: datetime = NOW, confidence: Confidence = Confidence.CERTAIN
) -> NodeCompleted:
    """The node is claimed to be completed."""
    return NodeCompleted(
        id=str(uuid.uuid4()),
        at=at,
        source=PLC,
        work_order=work_order,
        node=node,
        pieces=pieces,
        station=f"{node}-1",
        confidence=confidence,
    )


@asynccontextmanager
async def served(running: Bench) -> AsyncIterator[str]:
    """The bench on a real socket of 127.0.0.1; its URL."""
    address = Address(host="127.0.0.1", port=0)
    with contextlib.closing(bind(address)) as listener:
        settings = ServeSettings(data_dir=Path(), listen=address)
        async with serve_http(running.collector.app, listener, settings):
            try:
                yield url_of(listener, tls=False)
            finally:
                running.collector.live.end()


@dataclass
class Message:
    """One message of the live stream."""

    kind: str
    data: Any
    id: int | None


async def messages(response: httpx.Response) -> AsyncIterator[Message]:
    """Read Server-Sent Events as a browser does; comments are skipped."""
    kind, data, number = "message", "", None
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if not line and data:
            yield Message(kind=kind, data=json.loads(data), id=number)
            kind, data, number = "message", "", None
        elif name == "event":
            kind = value
        elif name == "data":
            data += value
        elif name == "id":
            number = int(value)


EPOCH = "0123456789abcdef0123456789abcdef"


def doubted(
    seq: int,
    pieces: int,
    *,
    options: Sequence[str] = (),
    owner: tuple[str, str] | None = ("WO-1001", "CUT"),
    confidence: Confidence = Confidence.AMBIGUOUS,
    at: datetime = NOW,
) -> PiecesCounted:
    """A gateway's count (its `seq`-th event; the first of a counter epoch), with the numbers that were possible."""
    numbers = [int(option.partition(":")[2]) for option in options]
    return PiecesCounted(
        id=f"gw:{EPOCH}:{seq}",
        at=at,
        source=PLC,
        station="CUT-1",
        work_order=owner[0] if owner else None,
        node=owner[1] if owner else None,
        point="cutter1/good",
        result=Result.GOOD,
        delta=pieces,
        total=pieces,
        counter_epoch=seq,
        since=at - timedelta(minutes=9),
        confidence=confidence,
        least=min(numbers, default=None),
        most=max(numbers, default=None),
        options=tuple(options),
    )


def questioned(
    seq: int, *, options: Sequence[str], owner: tuple[str, str] | None = ("WO-1001", "CUT"), at: datetime = NOW
) -> DataQuestioned:
    """A reading that a gateway has no explanation for; none of its pieces was counted."""
    numbers = [int(option.partition(":")[2]) for option in options]
    return DataQuestioned(
        id=f"gw:{EPOCH}:{seq}",
        at=at,
        source=PLC,
        station="CUT-1",
        work_order=owner[0] if owner else None,
        node=owner[1] if owner else None,
        point="cutter1/good",
        note="read 7 after 65531: at most 4 counts were possible",
        cause=QuestionCause.STEP,
        result=Result.GOOD,
        since=at - timedelta(minutes=9),
        least=min(numbers),
        most=max(numbers),
        options=tuple(options),
    )
