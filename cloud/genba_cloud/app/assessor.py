"""Looks at every open order again when something about it changed and every few seconds, and writes down decisions.

Of several processes one decides (a lease says which); the others only look, for their boards and streams.

Statuses change by the clock alone (a planned finish passes), so that waiting for events is not enough. What is shown is
never stored; only decisions are, as events: on episodes of orders here, on all other alerts by the `Responder`, which
is asked at every look at all open orders.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from genba_cloud.api import Desk, Live, assessed
from genba_cloud.app.forecast_teller import ForecastTeller
from genba_cloud.app.loads import loads_of
from genba_cloud.app.responder import Responder
from genba_cloud.core.alerts import Late, OrderSeen, Pen, announce
from genba_cloud.core.assess import AssessedOrder, Policy, site_of_last_node
from genba_cloud.core.deviation import Decision, Episode, Level, decide, finish
from genba_cloud.ledger import Appended, Ledger
from genba_cloud.store import LeaseLost
from genba_cloud.store.read import LoggedEvent, OrderRecord
from genba_shared.events import (
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    NoticeSent,
)

logger = logging.getLogger(__name__)

PERIOD_S: Final = 2.0
RESPOND_EVERY: Final = 5
"""Looks at all open orders between two questions to the rules of alerts, where nothing happened that they look at."""
BREATH_S: Final = 0.1  # many commits in a row are looked at together
SCAN_PAGE: Final = 500
EPISODE_EVENTS: Final = (EpisodeOpened, EpisodeEscalated, EpisodeClosed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What one look at one order found."""

    record: OrderRecord
    order: AssessedOrder
    episode: Episode
    decisions: tuple[Decision, ...]


class Assessor:
    """Feeds the live stream and the index of open orders, and decides on episodes."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        desk: Desk,
        live: Live,
        period_s: float = PERIOD_S,
        responder: Responder | None = None,
    ) -> None:
        self._ledger = ledger
        self._desk = desk
        self._live = live
        self._period_s = period_s
        self._responder = responder or Responder(desk=desk, new_id=ledger.new_id, loads=lambda: loads_of(desk))
        self._records: dict[str, OrderRecord] = {}
        self._episodes: dict[str, Episode] = {}
        self._shown: dict[str, object] = {}
        self._changed: set[str] = set()
        self._token: int | None = None
        self._must_scan = False
        self._teller = ForecastTeller(reads=desk.reads, policy=lambda: desk.policy, new_id=ledger.new_id)
        self._looks = RESPOND_EVERY
        self._wake = asyncio.Event()

    def heard(self, appended: Appended) -> None:
        """A commit: tell the live stream at once, and look at the orders again soon. A ledger listener."""
        changed = appended.changed
        is_decision = any(isinstance(logged.event, EPISODE_EVENTS) for logged in appended.events)
        self._responder.heard(appended)
        self._desk.index.add(changed.orders)
        if changed.orders or changed.stations:
            self._desk.outlook.changed(changed.orders)
        self._live.changed(
            orders=changed.orders,
            wip=bool(changed.zones),
            gateways=bool(changed.gateways),
            alerts=is_decision or bool(changed.responses),
            questions=bool(changed.questions),
        )
        if changed.orders:
            self._changed |= changed.orders
            self._wake.set()

    def missed(self) -> None:
        """Commits of other processes may have gone unheard: show everything anew, and look at all orders again."""
        numbers, _ = self._desk.index.numbers()
        self._desk.outlook.missed()
        self._responder.forget()
        self._live.changed(orders=numbers, wip=True, gateways=True, alerts=True, questions=True)
        self._must_scan = True
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled. Started again after a failure, it reads everything anew."""
        self._token = None
        await self._scan()
        loop = asyncio.get_running_loop()
        tick_at = loop.time() + self._period_s
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(tick_at):
                    await self._wake.wait()
            self._wake.clear()
            is_tick = loop.time() >= tick_at
            if is_tick:
                tick_at = loop.time() + self._period_s
            if self._must_scan:
                await self._scan()
            await self._look(all_open=is_tick)
            await asyncio.sleep(BREATH_S)

    async def _scan(self) -> None:
        """Find the open orders among all that there are."""
        self._must_scan = False
        self._records.clear()
        cursor: str | None = None
        while True:
            page = await asyncio.to_thread(self._desk.reads.list_orders, cursor=cursor, limit=SCAN_PAGE)
            await self._judge(page.items)
            if page.next is None:
                return
            cursor = page.next

    async def _look(self, *, all_open: bool) -> None:
        await asyncio.to_thread(self._desk.outlook.refresh, self._desk.now())
        numbers = frozenset(self._changed)
        if numbers:
            # What changes while we look stays noted even where it is one of these; a look that fails forgets nothing.
            self._changed.clear()
            failed = True
            try:
                await self._judge(await asyncio.to_thread(self._desk.reads.orders, sorted(numbers)))
                failed = False
            finally:
                if failed:
                    self._changed |= numbers
        if all_open:
            verdicts = await self._judge(tuple(self._records.values()))
            self._looks += 1
            if self._responder.is_stale or self._looks >= RESPOND_EVERY:
                self._looks = 0
                await self._respond(verdicts)

    async def _respond(self, verdicts: Iterable[_Verdict]) -> None:
        """Ask the rules of all other alerts about the open orders as they were just seen."""
        if self._token is None:
            return
        seen = [
            OrderSeen(order=verdict.order, works=verdict.record.facts)
            for verdict in verdicts
            if not verdict.order.assessment.finished
        ]
        events, calm = await asyncio.to_thread(self._responder.decisions, seen, self._desk.now())
        if await self._write(events):
            self._responder.wrote(events, calm)

    async def _write(self, events: Sequence[Event]) -> bool:
        """Write decisions down; False: another process decides now."""
        if not events:
            return True
        try:
            await self._ledger.append_decisions(events)
        except LeaseLost as exc:
            logger.info("decisions left to another process reason=%s", exc)
            self._token = None
            return False
        for event in events:
            if event.kind != NoticeSent.kind:
                logger.info("decided kind=%s id=%s order=%s", event.kind, event.id, getattr(event, "order", None))
        return True

    async def _judge(self, records: Iterable[OrderRecord]) -> list[_Verdict]:
        now = self._desk.now()
        await self._take_office()
        verdicts = await asyncio.to_thread(self._verdicts, tuple(records), now)
        if self._token is not None:
            await self._decide(verdicts, now)
        self._desk.index.note(verdict.order for verdict in verdicts)
        self._live.changed(orders=[order for verdict in verdicts if (order := self._moved(verdict)) is not None])
        return verdicts

    async def _take_office(self) -> None:
        """Note whether we decide; who begins to decide goes on where the one before left off."""
        token = self._ledger.decides_under
        if token is not None and token != self._token:
            self._responder.forget()
            self._episodes = await asyncio.to_thread(self._read_episodes)
            self._teller.forget()
            self._token = token
            await self._write(await asyncio.to_thread(self._responder.tidy, self._episodes, self._desk.now()))
            return
        self._token = token

    async def _decide(self, verdicts: Sequence[_Verdict], now: datetime) -> None:
        orders = [verdict.order for verdict in verdicts]
        await asyncio.to_thread(self._teller.recall, [order for order in orders if not order.assessment.finished])
        deciding = [verdict for verdict in verdicts if verdict.decisions]
        events = await asyncio.to_thread(self._events, deciding, now) if deciding else []
        told = self._teller.news(orders, now)
        if not await self._write([*events, *told]):
            return
        self._teller.note(told, orders)
        for verdict in verdicts:
            self._remember(verdict)

    def _verdicts(self, records: tuple[OrderRecord, ...], now: datetime) -> list[_Verdict]:
        found: list[_Verdict] = []
        floors = self._desk.outlook.floors()
        for record in records:
            order = assessed(record, now, self._desk.policy, floors)
            episode = self._episodes.get(order.plan.order, Episode())
            if not order.assessment.finished:
                self._records[order.plan.order] = record
                after, decisions = _decided(order, episode, now, self._desk.policy)
            else:
                self._records.pop(order.plan.order, None)
                after, decisions = finish(episode)
            found.append(_Verdict(record=record, order=order, episode=after, decisions=decisions))
        return found

    def _events(self, verdicts: Iterable[_Verdict], now: datetime) -> list[Event]:
        pen = Pen(now=now, next_id=self._ledger.new_id)
        events: list[Event] = []
        for verdict in verdicts:
            plan, policy = verdict.order.plan, self._desk.policy
            site = site_of_last_node(plan)
            alert = self._responder.alert_of(plan.order)
            tasks = self._responder.tasks_of(alert)
            late = Late(plan=plan, site=site, rules=policy.of_site(site), alert=alert, tasks=tasks)
            for decision in verdict.decisions:
                events += announce(decision, late, pen)
        return events

    def _remember(self, verdict: _Verdict) -> None:
        number = verdict.order.plan.order
        if verdict.order.assessment.finished:
            self._episodes.pop(number, None)
        else:
            self._episodes[number] = verdict.episode

    def _moved(self, verdict: _Verdict) -> str | None:
        """The order's number where what a board shows of it is no longer what it was at the last look."""
        order = verdict.order
        number, assessment = order.plan.order, order.assessment
        shown = (
            assessment.level,
            assessment.deviation.percent,
            assessment.expected_finish.replace(second=0, microsecond=0),
            tuple((node.status, node.late_s is None) for nodes in assessment.nodes.values() for node in nodes),
        )
        if assessment.finished:
            self._shown.pop(number, None)
            return None  # its last change was an event, which the stream has sent
        is_same = self._shown.get(number) == shown
        self._shown[number] = shown
        return None if is_same else number

    def _read_episodes(self) -> dict[str, Episode]:
        return {order: Episode(level=_level(logged)) for order, logged in self._desk.reads.open_episodes().items()}


def _decided(
    order: AssessedOrder, episode: Episode, now: datetime, policy: Policy
) -> tuple[Episode, tuple[Decision, ...]]:
    site = site_of_last_node(order.plan)
    levels = policy.of_site(site).levels
    return decide(episode, order.assessment.deviation, now, calendar=policy.calendar_of(site), policy=levels)


def _level(logged: LoggedEvent) -> Level:
    event = logged.event
    return Level(event.level) if isinstance(event, EpisodeOpened | EpisodeEscalated) else Level.NONE
