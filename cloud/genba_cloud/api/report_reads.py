"""What a viewer may read of reports and figures: bounded reads of views and of the log by time, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.api.order_reads import opened_responses
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.report_figures import FIGURE_KINDS, NO_FLOOR, Floor, Known, figures_of
from genba_cloud.api.visible import Desk, VisibleReads
from genba_cloud.core.assess import site_of_last_node
from genba_cloud.core.deviation import Level
from genba_cloud.core.facts.material import StockFacts
from genba_cloud.core.kpis import Figure, Kpi, OrderSeen, Period, plan_by_day
from genba_cloud.core.kpis.seeing import order_seen
from genba_cloud.core.order_list import OrderLine, line_of
from genba_cloud.core.reports import (
    MorningReport,
    Trouble,
    WeeklyReport,
    morning_report,
    to_talk_about,
    weekly_report,
    with_trouble,
)
from genba_cloud.core.reports.morning import MOST_ORDERS as MOST_ORDERS_SHOWN
from genba_cloud.core.reports.morning import changes_of, levels_at
from genba_cloud.core.viewer import Sight, Subject, Viewer, sight
from genba_cloud.core.working_time import ALWAYS_WORKING, sub, working_day_seconds
from genba_cloud.store.past import Past, TooMuchPastError
from genba_cloud.store.read import ArchivedError, LoggedEvent, OrderRecord
from genba_cloud.store.tables import REVIEW_KINDS
from genba_cloud.store.told import Response, ResponseFilter, ResponseKind
from genba_shared.clock import format_time
from genba_shared.events import Event

LONGEST: Final = timedelta(days=31)
USUAL: Final = timedelta(days=7)
MOST_ORDERS: Final = 5000
MOST_TALKED_ABOUT: Final = 2 * MOST_ORDERS_SHOWN
"""Orders that are read for the morning meeting, though fewer are shown: some turn out to be finished meanwhile."""
EFFECTS_FOR: Final = timedelta(days=28)
TROUBLE_FOR: Final = timedelta(days=60)
_DAY: Final = timedelta(hours=24)
_PAGE: Final = 500
_MOST_RESPONSES: Final = 2000
_MOVED: Final = ("node_completed", "node_confirmed", "node_skipped", "node_started")
_EPISODES: Final = ("episode_closed", "episode_escalated", "episode_opened")
_WEEKLY: Final = (
    Kpi.LEAD_TIME,
    Kpi.PROMISE_ATTAINMENT,
    Kpi.ON_TIME,
    Kpi.COMPLETION_TREND,
    Kpi.WAITING,
    Kpi.ON_TIME_UPDATES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSet:
    """Every figure of a period, as of `at`."""

    period: Period
    at: datetime
    figures: tuple[Figure, ...]


class ReportReads:
    """Reports as one viewer sees them. Every method is synchronous and raises ApiProblem: 403 for what is hidden, 410
    for what is archived, 422 for what is too much."""

    def __init__(self, desk: Desk, viewer: Viewer) -> None:
        self._desk = desk
        self._viewer = viewer
        self._reads = VisibleReads(desk, viewer)

    def now(self) -> datetime:
        """Plant time."""
        return self._desk.now()

    def period(self, begin: datetime | None, end: datetime | None) -> Period:
        """The period that is asked for: without an end until now, without a begin a week."""
        until = end or self._desk.now()
        since = begin or until - USUAL
        if not timedelta(0) < until - since <= LONGEST:
            raise ApiProblem(422, "from must lie before to, and at most 31 days before it")
        return Period(begin=since, end=until)

    def kpis(self, period: Period) -> FigureSet:
        """Every figure."""
        self._require()
        now = self._desk.now()
        touched, (opened, _) = self._touched(period), self._desk.index.numbers()
        seen = {order.order: order for order in self._seen(self._bounded({*touched, *opened}))}
        figures = self._figures(
            period,
            now,
            [seen[number] for number in touched if number in seen],
            [seen[number] for number in opened if number in seen],
            self._floor(period, now),
        )
        return FigureSet(period=period, at=now, figures=figures)

    def morning(self, since: datetime | None) -> MorningReport:
        """The morning meeting; without `since` since yesterday's, or that of the working day before."""
        self._require()
        now = self._desk.now()
        before = since or self._last_meeting(now)
        period = self.period(before, now + timedelta(milliseconds=1))
        lines = self._lines()
        with self._past() as past:
            moved = past.worked_on(_MOVED, begin=before, end=period.end)
            events = self._desk.opened([one.event for one in past.between(REVIEW_KINDS, begin=before, end=period.end)])
        owners = {work: line.order for line in lines for work in line.work_orders}
        wanted = to_talk_about(lines, changes_of(events, owners))[:MOST_TALKED_ABOUT]
        orders = self._reads.orders(self._bounded({*moved, *(line.order for line in wanted)}))
        owners.update((work.work_order, order.plan.order) for order in orders for work in order.plan.work_orders)
        with self._past() as past:
            episodes = past.of_orders([line.order for line in wanted], _EPISODES)
        trouble = self._trouble(now)
        report = morning_report(
            lines,
            orders,
            changes_of(events, owners),
            trouble.by_order(owners),
            since=before,
            now=now,
            levels_before=levels_at(_events(episodes), before),
        )
        left_out = max(report.left_out, len(to_talk_about(lines, changes_of(events, owners))) - MOST_ORDERS_SHOWN)
        return with_trouble(replace(report, left_out=left_out), trouble, until=now + _DAY)

    def weekly(self, period: Period) -> WeeklyReport:
        """The weekly review."""
        self._require()
        now = self._desk.now()
        trouble = self._trouble(period.end)
        touched = self._touched(period)
        late_now = {line.order for line in self._lines() if line.level is not Level.NONE}
        planned_since = period.end - EFFECTS_FOR
        acted = {
            task.order for task in trouble.tasks if task.order and task.planned_at and task.planned_at >= planned_since
        }
        with self._past() as past:
            late = [one.event for one in past.between(_EPISODES, begin=period.begin, end=period.end)]
            named = {number for event in late if (number := getattr(event, "order", None)) is not None}
            orders = self._reads.orders(self._bounded({*touched, *late_now, *acted, *named}))
            episodes = past.of_orders([order.plan.order for order in orders], _EPISODES)
        seen = self._seen(touched)
        nodes = [node for order in seen for node in order.nodes]
        return weekly_report(
            orders,
            _events(episodes),
            trouble,
            period=period,
            days=plan_by_day(nodes, period),
            figures=tuple(one for one in self._figures(period, now, seen, (), NO_FLOOR) if one.kpi in _WEEKLY),
            planned_since=planned_since,
        )

    def _figures(
        self, period: Period, now: datetime, orders: Sequence[OrderSeen], opened: Sequence[OrderSeen], floor: Floor
    ) -> tuple[Figure, ...]:
        with self._past() as past:
            told = past.between(FIGURE_KINDS, begin=period.begin, end=period.end)
        with self._desk.reads.told() as whole:
            stocks: tuple[StockFacts, ...] = whole.stock()
        known = Known(
            orders=orders,
            open_orders=opened,
            events=self._desk.opened([one.event for one in told]),
            stocks=stocks,
            update_within_s=self._desk.policy.of_site("").service.update_within_s,
        )
        return figures_of(known, floor, period, now)

    def _floor(self, period: Period, now: datetime) -> Floor:
        end = min(period.end, now)
        names = self._reads.station_names()
        timelines = self._reads.station_timelines(names, begin=period.begin, end=end) if period.begin < end else ()
        queued = [(row.station, row.work_order) for row in self._desk.reads.queues()]
        stations = self._desk.reads.stations()
        queued += [(one.station, one.dispatch.work_order) for one in stations if one.dispatch is not None]
        return Floor(
            timelines={one.station: one.intervals for one in timelines},
            heard={one.station: one.data_at for one in stations if one.data_at is not None},
            worked_at=queued,
            calendar_of=self._desk.policy.calendar_of,
        )

    def _touched(self, period: Period) -> list[str]:
        """Orders that were worked on in the period, or of which something was planned to be finished in it."""
        with self._past() as past:
            moved = past.worked_on(_MOVED, begin=period.begin, end=period.end)
            planned = past.planned(begin=period.begin, end=period.end)
        return self._bounded({*moved, *planned})

    def _seen(self, numbers: Sequence[str]) -> list[OrderSeen]:
        records: tuple[OrderRecord, ...] = self._desk.reads.orders(numbers)
        with self._desk.reads.past() as past:
            promises = past.of_orders([record.plan.order for record in records], ("promise_set",))
        policy = self._desk.policy
        return [
            order_seen(
                record.plan,
                record.facts,
                said=record.said,
                baseline=(record.baseline_start, record.baseline_finish),
                promises=self._desk.opened([one.event for one in promises.get(record.plan.order, ())]),
                calendar_of=policy.calendar_of,
                tolerance_s=policy.of_site(site_of_last_node(record.plan)).levels.tolerance_s,
            )
            for record in records
        ]

    def _trouble(self, at: datetime) -> Trouble:
        """What is open, and what came up in the last weeks."""
        found: dict[str, Response] = {}
        with self._desk.reads.told() as told:
            for kind in ResponseKind:
                where = ResponseFilter(kind=kind, is_open=True)
                found.update((one.id, one) for one in told.responses(where=where, limit=_PAGE).items)
                cursor: str | None = None
                for _ in range(_MOST_RESPONSES // _PAGE):
                    page = told.responses(where=ResponseFilter(kind=kind), cursor=cursor, limit=_PAGE)
                    found.update((one.id, one) for one in page.items)
                    cursor = page.next
                    if cursor is None or _begun(page.items[-1]) < at - TROUBLE_FOR:
                        break
        return Trouble.of(opened_responses(self._desk, found.values()))

    def _last_meeting(self, now: datetime) -> datetime:
        """A day ago; where the factory did not work since then, one working day ago."""
        calendars = [self._desk.policy.calendar_of(site) for site in self._sites()]
        backs = [
            sub(calendar, now, working_day_seconds(calendar, now))
            for calendar in calendars
            if calendar != ALWAYS_WORKING
        ]
        return max(now - LONGEST, min([now - _DAY, *backs]))

    def _sites(self) -> set[str]:
        lines, _ = self._desk.index.lines()
        return {site for line in lines for site in line.sites}

    def _lines(self) -> list[OrderLine]:
        """Every open order, as the last look at it found it."""
        lines, unseen = self._desk.index.lines()
        found = [line for line in lines if not line.is_finished]
        return found + ([line_of(order) for order in self._reads.orders(unseen)] if unseen else [])

    @contextmanager
    def _past(self) -> Iterator[Past]:
        try:
            with self._desk.reads.past() as past:
                yield past
        except ArchivedError as exc:
            said = f"what happened until {format_time(exc.until)} is archived: ask for a later time"
            raise ApiProblem(410, said, archived_until=format_time(exc.until)) from None
        except TooMuchPastError:
            raise ApiProblem(422, "too much happened in that time: ask for a shorter one") from None

    @staticmethod
    def _bounded(numbers: Iterable[str]) -> list[str]:
        found = sorted(numbers)
        if len(found) > MOST_ORDERS:
            raise ApiProblem(422, f"more than {MOST_ORDERS} orders were worked on in that time: ask for a shorter one")
        return found

    def _require(self) -> None:
        if sight(self._viewer, Subject.REPORTS, enterprise=self._desk.enterprise) is Sight.NOTHING:
            raise ApiProblem(403, f"this needs the right to read {Subject.REPORTS}")


def _events(logged: Mapping[str, Sequence[LoggedEvent]]) -> dict[str, list[Event]]:
    return {order: [one.event for one in some] for order, some in logged.items()}


def _begun(response: Response) -> datetime:
    return min(event.at for event in response.fold.events.values())
