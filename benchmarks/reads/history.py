"""A thousand open orders, and a log of what was counted for them: the state that the API is read in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from genba_cloud.core.delivery import Reach
from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.ledger import EnvelopeBatch, Ledger
from genba_shared.events import (
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
    WipChanged,
)

NODES: Final = ("CUT", "SEW", "IRON", "INS", "PACK", "SHIP")
SITES: Final = ("east", "west")
GATEWAYS: Final = 10
ENVELOPE: Final = 500
QUANTITY: Final = 1000
PER_COUNT: Final = 5
"""Pieces that a count tells: a node takes 200 counts, so that a million events leave four of six nodes done."""
STATES_EVERY: Final = 20
"""After so many counts of a node its station changes state and the number of pieces in a zone changes."""
ORDER_EVENTS: Final = 1200
"""Events after which an order would be finished: the log must not have more for each order."""
_EPOCH: Final = "0123456789abcdef0123456789abcdef"
_PLC: Final = Source(type=SourceType.PLC, ref="plc/good")

Make = Callable[[str], Event]
"""Makes an event, given its id."""


def order_plan(number: int, now: datetime) -> OrderPlan:
    """Order `number`: begun a day or so ago, promised within the next days; one in ten is late."""
    begin = now - timedelta(hours=30) + timedelta(minutes=number % 240)
    hours = 5 if number % 10 == 0 else 12
    nodes = tuple(
        NodePlan(
            node=code,
            quantity=QUANTITY,
            planned_start=begin + timedelta(hours=hours * place),
            planned_finish=begin + timedelta(hours=hours * (place + 1)),
            predecessors=NODES[:place][-1:],
            label={"en": code.title(), "zh": "工序", "ja": "工程"},
        )
        for place, code in enumerate(NODES)
    )
    work = WorkOrderPlan(
        work_order=work_order(number), site=SITES[number % 2], item="shirt", quantity=QUANTITY, nodes=nodes
    )
    return OrderPlan(
        order=f"A-{number:05}",
        system="erp",
        external_id=f"SO-{number:05}",
        customer=f"Customer {number % 4}",
        promised=now + timedelta(hours=number % 200),
        work_orders=(work,),
    )


def work_order(number: int) -> str:
    """The work order of order `number`."""
    return f"WO-{number:05}"


async def fill(ledger: Ledger, *, orders: int, events: int, now: datetime) -> int:
    """Take the orders, then the events as gateways would send them; how many events the log has in the end."""
    for number in range(orders):
        await ledger.upsert_order(order_plan(number, now))
    gateways = [_Gateway(one, orders, now) for one in range(GATEWAYS)]
    left = events
    while left > 0:
        for result in await ledger.append_all([gateway.envelope() for gateway in gateways]):
            if isinstance(result, BaseException):
                raise result
            left -= len(result.events)
    return ledger.reads.last_position()


class _Gateway:
    """Envelopes of one gateway, which counts for a tenth of the orders."""

    def __init__(self, number: int, orders: int, now: datetime) -> None:
        self._name = f"gw-{number}"
        self._made = _round([_order(self._name, one, now) for one in range(orders) if one % GATEWAYS == number])
        self._seq = 0

    def envelope(self) -> EnvelopeBatch:
        """The next events."""
        first = self._seq + 1
        events: list[Event] = []
        for _ in range(ENVELOPE):
            self._seq += 1
            events.append(next(self._made)(f"{self._name}:{_EPOCH}:{self._seq}"))
        reach = Reach(first=first, last=self._seq, prev=first - 1, acked=first - 1)
        return EnvelopeBatch(gateway=self._name, lane="facts", epoch=_EPOCH, reach=reach, events=tuple(events))


def _round(orders: list[Iterator[Make]]) -> Iterator[Make]:
    """An event of each order, again and again."""
    while True:
        for order in orders:
            yield next(order)


def _order(gateway: str, number: int, now: datetime) -> Iterator[Make]:
    """What is told of one order: its nodes one after the other, each started, counted and completed."""
    at = now - timedelta(hours=30) + timedelta(minutes=number % 240)
    place = {"source": _PLC, "site": SITES[number % 2], "work_order": work_order(number)}
    for code in NODES:
        where = place | {"station": f"{gateway}-{code.lower()}", "node": code}
        yield _maker(NodeStarted, at=at, **where)
        for count in range(1, QUANTITY // PER_COUNT + 1):
            since, at = at, at + timedelta(seconds=70)
            yield _maker(
                PiecesCounted,
                at=at,
                since=since,
                point=f"{work_order(number)}/{code}",
                result=Result.GOOD,
                delta=PER_COUNT,
                total=count * PER_COUNT,
                counter_epoch=1,
                **where,
            )
            if count % STATES_EVERY == 0:
                state = StationState.IDLE if count % (2 * STATES_EVERY) else StationState.RUNNING
                yield _maker(StationStateChanged, at=at, since=at, state=state, source=_PLC, station=where["station"])
                yield _maker(WipChanged, at=at, zone=f"{gateway}-{code.lower()}", count=count, by=1, source=_PLC)
        yield _maker(NodeCompleted, at=at, pieces=QUANTITY, **where)


def _maker(kind: type[Event], **fields: Any) -> Make:
    return lambda event_id: kind(id=event_id, **fields)
