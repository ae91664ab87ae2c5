"""Asks the rules of alerts what the present situation needs, for the one process that decides; it writes nothing.

What was decided before is read back from the store, and so is what people answered. Only since when an alert has been
calm is remembered here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final, TypeVar

from genba_cloud.api import Desk
from genba_cloud.core.alerts import (
    NEVER_CALM,
    Calm,
    CentreLoad,
    OrderSeen,
    Owner,
    Pen,
    Situation,
    SourceSeen,
    decide,
    late_entries,
)
from genba_cloud.core.alerts.model import SOURCE
from genba_cloud.core.assess import Policy
from genba_cloud.core.facts.material import StockFacts
from genba_cloud.core.facts.response import LATENESS, AlertFacts, ProblemFacts, ResponseFacts, TaskFacts
from genba_cloud.core.facts.views import ZoneFacts
from genba_cloud.core.horizon import known_until
from genba_cloud.core.policy import SitePolicy
from genba_cloud.ledger import Appended
from genba_cloud.store.read import Enrolment, EventFilter, GatewayRecord
from genba_shared.clock import parse_time, to_milliseconds
from genba_shared.events import AlertClosed, Event, LateUpdateFlagged, NodeCompleted

RARELY_TELLS_S: Final = 60
"""A gateway that is connected tells its state at least so often, also on a link that costs."""
LONGEST_REST: Final = timedelta(days=366)
PAGE: Final = 1000
LOST: Final = frozenset({"lost", "connecting"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stale:
    """What must be read again before the next decision."""

    responses: bool = True
    gateways: bool = True
    zones: bool = True
    stock: bool = True
    entries: bool = True


_NOTHING: Final = _Stale(responses=False, gateways=False, zones=False, stock=False, entries=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What was read last."""

    problems: tuple[ProblemFacts, ...] = ()
    alerts: tuple[AlertFacts, ...] = ()
    tasks: tuple[TaskFacts, ...] = ()
    closed: tuple[AlertFacts, ...] = ()
    gateways: tuple[GatewayRecord, ...] = ()
    sites: Mapping[str, str] = field(default_factory=dict)
    zones: tuple[ZoneFacts, ...] = ()
    stock: Mapping[str, tuple[StockFacts, ...]] = field(default_factory=dict)


class Responder:
    """Everything but `heard`, `forget` and `wrote` blocks: call it from a worker thread, one call at a time.

    `loads`: work that waits at each work centre now. `wall`: wall time, in which gateways are heard.
    """

    def __init__(
        self,
        *,
        desk: Desk,
        new_id: Callable[[], str],
        loads: Callable[[], Sequence[CentreLoad]] = tuple,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._desk = desk
        self._new_id = new_id
        self._loads = loads
        self._wall = wall
        self._lock = Lock()
        self._stale = _Stale()
        self._known = _Known()
        self._calm: Calm = NEVER_CALM
        self._read_upto = 0
        self._flagged: frozenset[tuple[str, str]] | None = None

    def heard(self, appended: Appended) -> None:
        """A commit: note what must be read again."""
        changed = appended.changed
        is_entered = any(
            isinstance(logged.event, NodeCompleted) and logged.event.entered_at is not None
            for logged in appended.events
        )
        with self._lock:
            self._stale = _Stale(
                responses=self._stale.responses or bool(changed.responses),
                gateways=self._stale.gateways or bool(changed.gateways),
                zones=self._stale.zones or bool(changed.zones),
                stock=self._stale.stock or bool(changed.items or changed.work_orders),
                entries=self._stale.entries or is_entered or not appended.events,
            )

    def forget(self) -> None:
        """Commits may have gone unheard, or somebody else decided: read everything again."""
        with self._lock:
            self._stale = _Stale()
        self._calm = NEVER_CALM
        self._flagged = None

    def alert_of(self, order: str) -> AlertFacts | None:
        """The open alert of an order that is late."""
        self._refresh()
        mine = (one for one in self._known.alerts if one.rule == LATENESS and one.order == order)
        return max(mine, key=lambda one: one.opened_at, default=None)

    def tasks_of(self, alert: AlertFacts | None) -> tuple[TaskFacts, ...]:
        """The open tasks about an alert."""
        return tuple(task for task in self._known.tasks if alert is not None and task.target == alert.alert)

    def tidy(self, late: Iterable[str], now: datetime) -> list[Event]:
        """Ends of alerts of orders that are late no more: versions that knew no alerts left them open."""
        self._refresh()
        really_late, seen = set(late), set[str]()
        left: list[AlertFacts] = []
        for alert in sorted(self._known.alerts, key=lambda one: one.opened_at, reverse=True):
            if alert.rule == LATENESS and (alert.order not in really_late or alert.order in seen):
                left.append(alert)
            elif alert.rule == LATENESS:
                seen.add(alert.order or "")
        return [
            AlertClosed(
                id=self._new_id(), at=to_milliseconds(now), source=SOURCE, target=alert.alert, order=alert.order
            )
            for alert in left
        ]

    def decisions(self, orders: Sequence[OrderSeen], now: datetime) -> tuple[list[Event], Calm]:
        """What is to be written down now, and what to remember once it is."""
        self._refresh()
        pen = Pen(now=now, next_id=self._new_id)
        decided = decide(self._situation(orders, now), self._calm, pen)
        return [*decided.events, *self._late_entries(pen)], decided.calm

    def wrote(self, events: Sequence[Event], calm: Calm) -> None:
        """Decisions are written down: they are read back from the store before the next ones."""
        self._calm = calm
        if events:
            with self._lock:
                self._stale = replace(self._stale, responses=True)
        flags = {(event.work_order or "", event.node or "") for event in events if isinstance(event, LateUpdateFlagged)}
        if flags and self._flagged is not None:
            self._flagged |= flags

    def _situation(self, orders: Sequence[OrderSeen], now: datetime) -> Situation:
        known, wall = self._known, self._wall()
        return Situation(
            now=now,
            policy=self._desk.policy,
            orders=tuple(orders),
            problems=known.problems,
            alerts=known.alerts,
            tasks=known.tasks,
            closed=known.closed,
            sources=tuple(
                _source(record, known.sites.get(record.gateway, ""), now=now, wall=wall) for record in known.gateways
            ),
            zones=known.zones,
            stock=known.stock,
            loads=tuple(self._loads()),
        )

    def _refresh(self) -> None:
        """Read again what changed; where that fails, everything at the next time."""
        with self._lock:
            stale, self._stale = self._stale, replace(_NOTHING, entries=self._stale.entries)
        is_read = False
        try:
            self._read(stale)
            is_read = True
        finally:
            if not is_read:
                with self._lock:
                    self._stale = _Stale()

    def _read(self, stale: _Stale) -> None:
        reads, known = self._desk.reads, self._known
        if stale.responses or stale.stock:
            with reads.alert_rows() as rows:
                found = [one.facts for one in rows.every_open()]
                closed = [one.facts for one in rows.closed_by_people(self._since())]
                stock = rows.stock() if stale.stock else known.stock
            known = replace(
                known,
                problems=_of(ProblemFacts, found),
                alerts=_of(AlertFacts, found),
                tasks=_of(TaskFacts, found),
                closed=_of(AlertFacts, closed),
                stock=stock,
            )
        if stale.gateways:
            gateways = tuple(one for one in reads.gateways() if one.enrolment is not Enrolment.REMOVED)
            sites = {one.gateway: one.site or "" for one in reads.identities()}
            known = replace(known, gateways=gateways, sites=sites)
        if stale.zones:
            known = replace(known, zones=reads.wip())
        self._known = known

    def _since(self) -> datetime:
        longest = max(rules.service.rest_s for rules in _all_rules(self._desk.policy))
        return self._desk.now() - min(timedelta(seconds=longest), LONGEST_REST)

    def _late_entries(self, pen: Pen) -> list[Event]:
        """Flags for what was entered too late since the last look. The first look is at the whole log."""
        with self._lock:
            is_stale, self._stale = self._stale.entries, replace(self._stale, entries=False)
        if not is_stale:
            return []
        if self._flagged is None:
            self._read_upto = 0
            self._flagged = frozenset(
                (event.work_order or "", event.node or "") for event in self._logged(LateUpdateFlagged.kind, 0)
            )
        soonest = min(rules.service.update_within_s for rules in _all_rules(self._desk.policy))
        slow = [
            event
            for event in self._logged(NodeCompleted.kind, self._read_upto)
            if event.entered_at is not None and event.entered_at - event.at > timedelta(seconds=soonest)
        ]
        owners = self._owners(event.work_order or "" for event in slow)
        return late_entries(slow, owners, self._flagged, self._desk.policy, pen)

    def _logged(self, kind: str, after: int) -> Iterable[Event]:
        """Events of a kind behind a position, to the end of the log; completions move the position on."""
        position: int | None = after
        while position is not None:
            page = self._desk.reads.events(after=position, limit=PAGE, where=EventFilter(kinds=(kind,)))
            for logged in page.items:
                if kind == NodeCompleted.kind:
                    self._read_upto = max(self._read_upto, logged.position)
                yield logged.event
            position = page.next

    def _owners(self, work_orders: Iterable[str]) -> dict[str, Owner]:
        owners: dict[str, Owner] = {}
        for name in dict.fromkeys(work_orders):
            record = self._desk.reads.work_order(name)
            if record is not None:
                site = next(work.site for work in record.plan.work_orders if work.work_order == name)
                owners[name] = Owner(plan=record.plan, site=site)
        return owners


def _of(kind: type[T], found: Iterable[ResponseFacts]) -> tuple[T, ...]:
    return tuple(one for one in found if isinstance(one, kind))


def _all_rules(policy: Policy) -> list[SitePolicy]:
    return [policy.of_site(""), *policy.sites.values()]


def _source(record: GatewayRecord, site: str, *, now: datetime, wall: datetime) -> SourceSeen:
    lost = {name: since for name, told in record.devices.items() if (since := _lost_since(told)) is not None}
    return SourceSeen(
        gateway=record.gateway,
        site=site,
        silent_s=None if record.seen_at is None else int((wall - record.seen_at).total_seconds()),
        told_s=RARELY_TELLS_S if record.online else 0,
        known_until=known_until(online=record.online, state=record.state, last_at=record.last_at, now=now),
        nodes=frozenset(record.nodes),
        lost=lost,
    )


def _lost_since(told: Mapping[str, object]) -> datetime | None:
    since = told.get("since")
    if told.get("status") not in LOST or not isinstance(since, str):
        return None
    try:
        return parse_time(since)
    except ValueError:
        return None
