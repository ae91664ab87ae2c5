"""Plays the week through the real ledger, store and assessor, under a clock that the script turns."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from genba_cloud.api import Desk, Live, OrderIndex, VisibleReads
from genba_cloud.api.visible import assessed
from genba_cloud.app.assessor import Assessor
from genba_cloud.app.responder import Responder
from genba_cloud.core.assess import AssessedOrder
from genba_cloud.core.delivery import Reach
from genba_cloud.core.facts import OrderPlan, Refused
from genba_cloud.core.facts.response import AlertFacts, TaskFacts
from genba_cloud.ledger import EnvelopeBatch, GatewaySeen, Ledger
from genba_cloud.ledger.responses import Acknowledge, CloseTask, every_open
from genba_cloud.ledger.sealing import InstallationKey, Seals
from genba_cloud.store import SqliteStore
from genba_cloud.store.read import OrderRecord
from genba_cloud.store.told import Response
from genba_shared.clock import format_time
from genba_shared.events import Event, EventId, Source, SourceType
from tests.golden.week.happenings import ANSWERS, OUTAGE, PROBLEMS, Answered
from tests.golden.week.script import EPOCH, GATEWAYS, Arrival, arrivals
from tests.golden.week.shop import POLICY, SUZHOU, ZONE, at, plans, posted_at

BEGIN: Final = at("Mon", "08:00")
END: Final = at("Mon2", "18:00")
LOOK: Final = timedelta(minutes=10)
"""The assessor looks every ten minutes while anybody is in the shop,"""
NIGHT_LOOK: Final = timedelta(hours=2)
"""and every two hours at night and on holidays."""
IN_THE_SHOP: Final = range(8, 18)
HOLIDAYS: Final = frozenset({3, 4})
SEALS: Final = Seals(installation=InstallationKey(bytes(32)))
SNAPSHOTS: Final = (
    at("Mon", "12:00"),
    at("Mon", "17:00"),
    at("Tue", "13:00"),
    at("Tue", "17:30"),
    at("Wed", "17:30"),
    at("Sat", "12:30"),
    at("Sun", "17:30"),
    at("Mon2", "18:00"),
)


@dataclass
class Clock:
    """Plant time, which stands still until it is set."""

    now: datetime = BEGIN


@dataclass(frozen=True, slots=True)
class Lived:
    """What the week came to: each snapshot, the whole log, and what stands at its end."""

    snapshots: tuple[tuple[datetime, tuple[AssessedOrder, ...]], ...]
    log: tuple[Event, ...]
    responses: tuple[Response, ...]
    records: tuple[OrderRecord, ...]
    facts: Sequence[str]
    rebuilt: Sequence[str]
    refused: tuple[str, ...]
    unsound: tuple[str, ...]


@dataclass
class Shop:
    """A ledger with an assessor that decides for it."""

    ledger: Ledger
    desk: Desk
    assessor: Assessor
    store: SqliteStore
    clock: Clock
    sent: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    async def deliver(self, found: Sequence[Arrival]) -> None:
        """Hand in what arrived: people's events in one request, each gateway's in its next envelope."""
        people = [one.event for one in found if one.gateway is None]
        if people:
            await self.ledger.append_events(people)
        for gateway in GATEWAYS.values():
            await self.send(gateway, [one.event for one in found if one.gateway == gateway])

    async def send(self, gateway: str, events: Sequence[Event]) -> None:
        """The next envelope of a gateway."""
        if events:
            before = self.sent.get(gateway, 0)
            reach = Reach(first=before + 1, last=before + len(events), prev=before, acked=before)
            await self.ledger.append(
                EnvelopeBatch(gateway=gateway, lane="facts", epoch=EPOCH, reach=reach, events=tuple(events))
            )
            self.sent[gateway] = before + len(events)

    async def hear(self) -> None:
        """Gateways tell that they are there; of the one without a network the broker tells that it is gone."""
        for site, gateway in GATEWAYS.items():
            is_lost = site == SUZHOU and OUTAGE[0] <= self.clock.now < OUTAGE[1]
            if is_lost and gateway in self.gone:
                continue
            state = {
                "online": not is_lost,
                "epoch": EPOCH,
                "at": format_time(self.clock.now),
                "nodes": ["CUT", "PACK"] if site == SUZHOU else ["FINISH"],
            }
            await self.ledger.see_gateway(GatewaySeen(gateway=gateway, state=state, seen_at=self.clock.now))
            (self.gone.add if is_lost else self.gone.discard)(gateway)

    async def answer(self, answered: Answered) -> None:
        """Somebody answers; what cannot be answered is noted."""
        with self.desk.reads.told() as told:
            found = [one.facts for one in every_open(told) if one.facts and one.facts.order == answered.order]
        source = Source(type=SourceType.PERSON, ref=answered.who)
        if isinstance(answered.answer, Acknowledge):
            alert = next(one for one in found if isinstance(one, AlertFacts) and one.rule == "lateness")
            result = await self.ledger.answer_alert(alert.alert, answered.answer, source=source)
        else:
            is_planned = isinstance(answered.answer, CloseTask)
            tasks = [one for one in found if isinstance(one, TaskFacts) and one.is_planned is is_planned]
            result = await self.ledger.answer_task(tasks[0].task, answered.answer, source=source)
        if result is None or isinstance(result, Refused):
            self.refused.append(f"{answered.order} {answered.who}: {result}")

    def shown(self) -> tuple[AssessedOrder, ...]:
        """All orders as a board shows them now."""
        floors = self.desk.outlook.floors()
        return tuple(assessed(record, self.clock.now, POLICY, floors) for record in self.records())

    def records(self) -> tuple[OrderRecord, ...]:
        """All orders that have come in."""
        return self.desk.reads.orders([plan.order for plan in plans()])

    def facts(self) -> list[str]:
        """Every facts view that does not depend on when something was taken or decided, a line for each."""
        reads = self.desk.reads
        lines = [f"{record.plan.order} {work}" for record in self.records() for work in record.facts.values()]
        lines += [f"{record.plan.order} {_said(record)}" for record in self.records()]
        lines += [str(one) for one in (*reads.wip(), *reads.stations(), *reads.unassigned(), *reads.tags())]
        with reads.told() as told:
            lines += [str(stock) for stock in told.stock()]
            lines += [str(found.facts) for found in told.responses_of(PROBLEMS.values()).values()]
        return [re.sub(r"~1:[^'\"]*", "sealed", line) for line in sorted(lines)]


def _said(record: OrderRecord) -> object:
    """What was said of the order as a whole, without when it came in."""
    said = record.said
    return said and (said.on_hold, said.held_at, said.hold_reason, said.cancelled_at, said.shipments)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Shop]:
    """An empty shop."""
    clock = Clock()

    def now() -> datetime:
        return clock.now

    store = SqliteStore(folder)
    try:
        async with Ledger(store, now=now, seals=SEALS) as ledger:
            reads = ledger.reads
            desk = Desk(reads=reads, enterprise="default", now=now, policy=POLICY, index=OrderIndex(), seals=SEALS)
            live = Live(reads_of=lambda viewer: VisibleReads(desk, viewer), enterprise="default", now=now)
            responder = Responder(desk=desk, new_id=ledger.new_id, wall=now)
            assessor = Assessor(ledger=ledger, desk=desk, live=live, responder=responder)
            ledger.subscribe(assessor.heard)
            yield Shop(ledger=ledger, desk=desk, assessor=assessor, store=store, clock=clock)
    finally:
        store.close()


def looks() -> Iterator[datetime]:
    """When the assessor looks."""
    now = BEGIN
    while now <= END:
        yield now
        local = now.astimezone(ZONE)
        is_day = local.hour in IN_THE_SHOP and (local.date() - BEGIN.astimezone(ZONE).date()).days not in HOLIDAYS
        now += LOOK if is_day else NIGHT_LOOK


async def lived(folder: Path) -> Lived:
    """Play the week as it was, look at it as the assessor does, and fold it anew at the end."""
    snapshots: list[tuple[datetime, tuple[AssessedOrder, ...]]] = []
    waiting, posting, answers = list(arrivals()), list(plans()), list(ANSWERS)
    async with opened(folder) as shop:
        for now in looks():
            shop.clock.now = now
            while posting and posted_at(posting[0]) <= now:
                await _post(shop, posting.pop(0))
            due = [one for one in waiting if one.at <= now]
            del waiting[: len(due)]
            await shop.deliver(due)
            await shop.hear()
            while answers and answers[0].when <= now:
                await shop.answer(answers.pop(0))
            await shop.assessor._look(all_open=True)
            if now in SNAPSHOTS:
                snapshots.append((now, shop.shown()))
        log = _log(shop)
        facts = shop.facts()
        with shop.desk.reads.told() as told:
            every = told.responses_of(event.id for event in log)
            responses = tuple(every[event.id] for event in log if event.id in every)
        verified = await shop.ledger.verify()
        await shop.ledger.rebuild()
        return Lived(
            snapshots=tuple(snapshots),
            log=log,
            responses=responses,
            records=shop.records(),
            facts=facts,
            rebuilt=shop.facts(),
            refused=tuple(shop.refused),
            unsound=verified.differences,
        )


async def _post(shop: Shop, plan: OrderPlan) -> None:
    taken = await shop.ledger.upsert_order(plan)
    if isinstance(taken, Refused):
        shop.refused.append(f"{plan.order}: {taken.reason}")


def _log(shop: Shop) -> tuple[Event, ...]:
    found: list[Event] = []
    position: int | None = 0
    while position is not None:
        page = shop.desk.reads.events(after=position, limit=1000)
        found += shop.desk.opened([logged.event for logged in page.items])
        position = page.next
    return tuple(found)


async def shuffled(folder: Path, seed: int) -> tuple[Sequence[str], Sequence[str]]:
    """The same events and orders, in another order of arrival and with repeats: facts, live and folded anew.

    What a gateway sends stays in its sequence, as the wire demands; its envelopes are cut elsewhere, and come before,
    between and after orders and what people say.
    """
    dice = Random(seed)
    every = arrivals()
    people: list[Event | OrderPlan] = [*(one.event for one in every if one.gateway is None), *plans()]
    people += dice.sample(people, 100)
    dice.shuffle(people)
    streams: dict[str, list[Event]] = {
        gateway: sorted((one.event for one in every if one.gateway == gateway), key=_seq)
        for gateway in GATEWAYS.values()
    }
    async with opened(folder) as shop:
        shop.clock.now = END
        while people or any(streams.values()):
            name = dice.choice([*(name for name, left in streams.items() if left), *(["people"] if people else [])])
            source: list[Event] | list[Event | OrderPlan] = people if name == "people" else streams[name]
            size = dice.randint(1, 60)
            part = list(source[:size])
            del source[:size]
            if name == "people":
                await shop.ledger.append_events([one for one in part if isinstance(one, Event)])
                for one in part:
                    if isinstance(one, OrderPlan):
                        await _post(shop, one)
            else:
                await shop.send(name, [one for one in part if isinstance(one, Event)])
        facts = shop.facts()
        await shop.ledger.rebuild()
        return facts, shop.facts()


def _seq(event: Event) -> int:
    named = EventId.parse(event.id)
    return named.seq if named else 0


def play(folder: Path) -> Lived:
    """The week, outside of an event loop."""
    return asyncio.run(lived(folder))
