"""Looks at every open order again when something about it changed and every few seconds, and writes down decisions.

Of several processes one decides (a lease says which); the others only look, for their boards and streams.

Statuses change by the clock alone (a planned finish passes), so that waiting for events is not enough. What is shown is
never stored; only episode decisions are, as events.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from genba_cloud.api import Desk, Live, assessed
from genba_cloud.app.forecast_teller import ForecastTeller
from genba_cloud.core.assess import AssessedOrder, Policy, site_of_last_node
from genba_cloud.core.deviation import Closed, Decision, Episode, Level, LevelChanged, Opened, decide, finish
from genba_cloud.ledger import Appended, Ledger
from genba_cloud.store import LeaseLost
from genba_cloud.store.read import LoggedEvent, OrderRecord
from genba_shared.clock import to_milliseconds
from genba_shared.events import (
    EpisodeClosed,
    EpisodeEscalated,
    EpisodeOpened,
    Event,
    Source,
    SourceType,
)

logger = logging.getLogger(__name__)

PERIOD_S: Final = 2.0
BREATH_S: Final = 0.1  # many commits in a row are looked at together
SCAN_PAGE: Final = 500
SOURCE: Final = Source(type=SourceType.SYSTEM, ref="assessor")
EPISODE_EVENTS: Final = (EpisodeOpened, EpisodeEscalated, EpisodeClosed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What one look at one order found."""

    order: AssessedOrder
    episode: Episode
    decisions: tuple[Decision, ...]


class Assessor:
    """Feeds the live stream and the index of open orders, and decides on episodes."""

    def __init__(self, *, ledger: Ledger, desk: Desk, live: Live, period_s: float = PERIOD_S) -> None:
        self._ledger = ledger
        self._desk = desk
        self._live = live
        self._period_s = period_s
        self._records: dict[str, OrderRecord] = {}
        self._episodes: dict[str, Episode] = {}
        self._shown: dict[str, object] = {}
        self._changed: set[str] = set()
        self._token: int | None = None
        self._must_scan = False
        self._teller = ForecastTeller(reads=desk.reads, policy=lambda: desk.policy, new_id=ledger.new_id)
        self._wake = asyncio.Event()

    def heard(self, appended: Appended) -> None:
        """A commit: tell the live stream at once, and look at the orders again soon. A ledger listener."""
        changed = appended.changed
        is_decision = any(isinstance(logged.event, EPISODE_EVENTS) for logged in appended.events)
        self._desk.index.add(changed.orders)
        if changed.orders or changed.stations:
            self._desk.outlook.changed(changed.orders)
        self._live.changed(
            orders=changed.orders,
            wip=bool(changed.zones),
            gateways=bool(changed.gateways),
            alerts=is_decision,
            questions=bool(changed.questions),
        )
        if changed.orders:
            self._changed |= changed.orders
            self._wake.set()

    def missed(self) -> None:
        """Commits of other processes may have gone unheard: show everything anew, and look at all orders again."""
        numbers, _ = self._desk.index.numbers()
        self._desk.outlook.missed()
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
            await self._judge(tuple(self._records.values()))

    async def _judge(self, records: Iterable[OrderRecord]) -> None:
        now = self._desk.now()
        await self._take_office()
        verdicts = await asyncio.to_thread(self._verdicts, tuple(records), now)
        if self._token is not None:
            await self._decide(verdicts, now)
        self._desk.index.note(verdict.order for verdict in verdicts)
        self._live.changed(orders=[order for verdict in verdicts if (order := self._moved(verdict)) is not None])

    async def _take_office(self) -> None:
        """Note whether we decide; who begins to decide goes on where the one before left off."""
        token = self._ledger.decides_under
        if token is not None and token != self._token:
            self._episodes = await asyncio.to_thread(self._read_episodes)
            self._teller.forget()
        self._token = token

    async def _decide(self, verdicts: Sequence[_Verdict], now: datetime) -> None:
        orders = [verdict.order for verdict in verdicts]
        await asyncio.to_thread(self._teller.recall, [order for order in orders if not order.assessment.finished])
        events = [event for verdict in verdicts for event in self._events(verdict, now)]
        told = self._teller.news(orders, now)
        if events or told:
            try:
                await self._ledger.append_decisions([*events, *told])
            except LeaseLost as exc:
                logger.info("decisions left to another process reason=%s", exc)
                self._token = None
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
            found.append(_Verdict(order=order, episode=after, decisions=decisions))
        return found

    def _events(self, verdict: _Verdict, now: datetime) -> list[Event]:
        return [self._event(decision, verdict.order, now) for decision in verdict.decisions]

    def _event(self, decision: Decision, order: AssessedOrder, now: datetime) -> Event:
        number, at, event_id = order.plan.order, to_milliseconds(now), self._ledger.new_id()
        match decision:
            case Opened(level=level, deviation=deviation):
                kind: type[EpisodeOpened | EpisodeEscalated] = EpisodeOpened
            case LevelChanged(level=level, deviation=deviation):
                kind = EpisodeEscalated
            case Closed(reason=reason):
                logger.info("episode closed order=%s reason=%s", number, reason)
                return EpisodeClosed(id=event_id, at=at, source=SOURCE, order=number, reason=reason)
            case _:
                assert_never(decision)
        logger.info("episode level order=%s level=%s deviation=%s", number, level, deviation.percent)
        return kind(
            id=event_id,
            at=at,
            source=SOURCE,
            order=number,
            level=str(level),
            late_s=deviation.late_s,
            lead_s=deviation.lead_s,
        )

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
