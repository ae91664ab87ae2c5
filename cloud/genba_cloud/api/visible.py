"""Everything a viewer may read: the store behind the visibility function. No route holds the store itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.api.order_index import OrderIndex
from genba_cloud.api.problems import ApiProblem
from genba_cloud.core.assess import AssessedOrder, NodeAssessment, OrderAssessment, Policy, assess_order
from genba_cloud.core.facts import ChangeOver, StateInterval, changeovers, timeline
from genba_cloud.core.facts.views import Lifecycle, Question, StationFacts, TagBinding, ZoneFacts
from genba_cloud.core.horizon import known_until
from genba_cloud.core.viewer import Act, Sight, Subject, Viewer, may, sight, without_names
from genba_cloud.ledger.sealing import NO_KEY, Seals
from genba_cloud.store.read import (
    ArchivedError,
    EventFilter,
    EventPage,
    GatewayRecord,
    LoggedEvent,
    OrderRecord,
    QuestionFilter,
    QuestionPage,
    QueueRow,
    Reads,
    Unassigned,
)
from genba_cloud.store.station_events import TooManyEventsError
from genba_shared.clock import format_time
from genba_shared.events import Event, EventId

_MILLISECOND: Final = timedelta(milliseconds=1)
_HALVINGS: Final = 12
"""How often the time is halved that is looked at of a station that changes too often: from eight hours to seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What reading needs: the store of one enterprise, plant time, thresholds, and which orders are open."""

    reads: Reads
    enterprise: str
    now: Callable[[], datetime]
    policy: Policy
    index: OrderIndex
    seals: Seals = NO_KEY

    def opened_question(self, question: Question) -> Question:
        """The question with what people wrote, as it may be read."""
        return self.opened_questions([question])[0]

    def opened_questions(self, questions: Sequence[Question]) -> tuple[Question, ...]:
        """The questions with what people wrote, as it may be read."""
        with self.reads.proofs() as proofs:
            return self.seals.opened_questions(proofs, questions)

    def opened_page(self, page: EventPage) -> EventPage:
        """The events with what people wrote, as it may be read."""
        with self.reads.proofs() as proofs:
            return replace(page, items=self.seals.opened_events(proofs, page.items))

    def opened(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """The events with what people wrote, as it may be read."""
        with self.reads.proofs() as proofs:
            return self.seals.opened(proofs, events)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationTimeline:
    """What a station did from `begin` to `end`, and the change-overs that ended there."""

    station: str
    begin: datetime
    end: datetime
    intervals: tuple[StateInterval, ...]
    changeovers: tuple[ChangeOver, ...]


class VisibleReads:
    """The store as one viewer sees it. Every method is synchronous and raises ApiProblem 403 for what is hidden."""

    def __init__(self, desk: Desk, viewer: Viewer) -> None:
        self._desk = desk
        self._viewer = viewer

    def now(self) -> datetime:
        """Plant time."""
        return self._desk.now()

    def order(self, number: str) -> AssessedOrder | None:
        """The order by its number."""
        found = self.orders([number])
        return found[0] if found else None

    def orders(self, numbers: Sequence[str]) -> list[AssessedOrder]:
        """Those of the orders that exist."""
        seen = self._require(Subject.ORDERS)
        return [self._assessed(record, seen) for record in self._desk.reads.orders(numbers)]

    def order_page(self, *, cursor: str | None, limit: int) -> tuple[list[AssessedOrder], str | None]:
        """A page of orders by promise, and the cursor of the next."""
        seen = self._require(Subject.ORDERS)
        page = self._desk.reads.list_orders(cursor=cursor, limit=limit)
        return [self._assessed(record, seen) for record in page.items], page.next

    def board_orders(self) -> tuple[list[AssessedOrder], list[AssessedOrder]]:
        """Orders that are open, and those that were finished last (bounded)."""
        opened, finished = self._desk.index.numbers()
        orders = {order.plan.order: order for order in self.orders([*opened, *finished])}
        is_open = [orders[number] for number in opened if number in orders]
        is_done = [orders[number] for number in finished if number in orders]
        return is_open, is_done

    def wip(self) -> tuple[ZoneFacts, ...]:
        """Every zone."""
        self._require(Subject.WIP)
        return self._desk.reads.wip()

    def stations(self) -> tuple[StationFacts, ...]:
        """Every station."""
        self._require(Subject.STATIONS)
        return self._desk.reads.stations()

    def station_timeline(self, station: str, *, begin: datetime, end: datetime) -> StationTimeline | None:
        """What the station did between two instants; None: it was never heard of.

        Raises:
            ApiProblem: 403 for what is hidden, 422 for more than can be answered at once.
        """
        self._require(Subject.STATIONS)
        try:
            return self._timeline(station, begin=begin, end=end, looked_at=begin, until=self._horizons())
        except TooManyEventsError:
            raise ApiProblem(422, "the station changed too often in that time: ask for a shorter one") from None
        except ArchivedError as exc:
            said = f"what stations did until {format_time(exc.until)} is archived: ask for a later time"
            raise ApiProblem(410, said, archived_until=format_time(exc.until)) from None

    def station_names(self) -> tuple[str, ...]:
        """Every station, by name."""
        return tuple(station.station for station in self.stations())

    def station_timelines(
        self, stations: Sequence[str], *, begin: datetime, end: datetime
    ) -> tuple[StationTimeline, ...]:
        """What these stations did; those that were never heard of are left out. Raises ApiProblem 403.

        Of one that changed too often to be answered at once the newest part is told; what was before is unknown.
        """
        self._require(Subject.STATIONS)
        until = self._horizons()
        found = (self._newest_part(station, begin=begin, end=end, until=until) for station in stations)
        return tuple(each for each in found if each is not None)

    def _horizons(self) -> dict[str, datetime]:
        return {record.gateway: self._known_until(record) for record in self._desk.reads.gateways()}

    def _newest_part(
        self, station: str, *, begin: datetime, end: datetime, until: Mapping[str, datetime]
    ) -> StationTimeline | None:
        looked_at = begin
        for _ in range(_HALVINGS):
            try:
                return self._timeline(station, begin=begin, end=end, looked_at=looked_at, until=until)
            except ArchivedError as exc:
                looked_at = exc.until + _MILLISECOND
            except TooManyEventsError:
                looked_at = end - (end - looked_at) / 2
        return StationTimeline(
            station=station, begin=begin, end=end, intervals=timeline((), begin=begin, end=end), changeovers=()
        )

    def _timeline(
        self, station: str, *, begin: datetime, end: datetime, looked_at: datetime, until: Mapping[str, datetime]
    ) -> StationTimeline | None:
        events = self._desk.reads.station_events(station, begin=looked_at, end=end)
        if events is None:
            return None
        events = self._desk.opened(events)
        strangers = {made.gateway if (made := EventId.parse(event.id)) else "" for event in events} - until.keys()
        now = self._desk.now()
        return StationTimeline(
            station=station,
            begin=begin,
            end=end,
            intervals=timeline(events, begin=begin, end=end, known_until={**until, **dict.fromkeys(strangers, now)}),
            changeovers=changeovers(events, begin=begin, end=end),
        )

    def _known_until(self, record: GatewayRecord) -> datetime:
        return known_until(online=record.online, state=record.state, last_at=record.last_at, now=self._desk.now())

    def queue(self, station: str) -> tuple[QueueRow, ...]:
        """The queue of a station."""
        self._require(Subject.STATIONS)
        return self._desk.reads.queue(station)

    def unassigned(self) -> tuple[Unassigned, ...]:
        """Pieces without an owner."""
        self._require(Subject.UNASSIGNED)
        return self._desk.reads.unassigned()

    def questions(self, *, where: QuestionFilter, cursor: str | None, limit: int) -> QuestionPage:
        """What gateways could not decide."""
        self._require(Subject.QUESTIONS)
        page = self._desk.reads.questions(where=where, cursor=cursor, limit=limit)
        return replace(page, items=self._desk.opened_questions(page.items))

    def question(self, question: str) -> Question | None:
        """One of them."""
        self._require(Subject.QUESTIONS)
        found = self._desk.reads.question(question)
        return None if found is None else self._desk.opened_question(found)

    def open_questions(self) -> int | None:
        """How many wait for an answer; None where the viewer may not know."""
        if sight(self._viewer, Subject.QUESTIONS, enterprise=self._desk.enterprise) is Sight.NOTHING:
            return None
        return self._desk.reads.open_questions()

    def may_answer(self) -> bool:
        """Whether the viewer may answer them."""
        return may(self._viewer, Act.ANSWER, enterprise=self._desk.enterprise)

    def possible_owners(self) -> tuple[dict[str, list[tuple[str, str]]], list[tuple[str, str]]]:
        """Nodes (work order, node) that are not done: by station those dispatched or queued there, then all of them."""
        self._require(Subject.ORDERS)
        reads = self._desk.reads
        left = [
            (work.plan.work_order, node.node)
            for work in reads.work()
            for node in work.facts.nodes
            if work.is_open() and node.quantity is not None and node.lifecycle is not Lifecycle.DONE
        ]
        near: dict[str, list[tuple[str, str]]] = {
            station.station: [(station.dispatch.work_order, station.dispatch.node)]
            for station in reads.stations()
            if station.dispatch is not None
        }
        for row in reads.queues():
            near.setdefault(row.station, []).append((row.work_order, row.node))
        known = set(left)
        return {name: [one for one in dict.fromkeys(rows) if one in known] for name, rows in near.items()}, left

    def tags(self) -> tuple[TagBinding, ...]:
        """Bindings that hold now."""
        self._require(Subject.TAGS)
        return self._desk.reads.tags()

    def gateways(self) -> tuple[GatewayRecord, ...]:
        """Every gateway; the board learns only whether it is online and when it was heard."""
        seen = self._require(Subject.GATEWAYS)
        records = self._desk.reads.gateways()
        return records if seen is Sight.ALL else tuple(_outline(record) for record in records)

    def alerts(self) -> list[tuple[LoggedEvent, str]]:
        """The newest event of each open episode, with the order's customer (empty where it is hidden)."""
        seen = self._require(Subject.ALERTS)
        episodes: Mapping[str, LoggedEvent] = self._desk.reads.open_episodes()
        if seen is not Sight.ALL:
            return [(event, "") for event in episodes.values()]
        customers = {record.plan.order: record.plan.customer for record in self._desk.reads.orders(list(episodes))}
        return [(event, customers.get(order, "")) for order, event in episodes.items()]

    def events(self, *, after: int, limit: int, where: EventFilter) -> EventPage:
        """Events of the log."""
        self._require(Subject.EVENTS)
        return self._desk.opened_page(self._desk.reads.events(after=after, limit=limit, where=where))

    def from_log(self, after: int) -> VisibleReads:
        """Itself, where the log still holds everything behind a position; ApiProblem 410 where that is archived."""
        self._require(Subject.EVENTS)
        with self._desk.reads.proofs() as proofs:
            archived = proofs.archived_upto()
        if after < archived:
            said = f"events up to position {archived} are archived: read on with after={archived}"
            raise ApiProblem(410, said, archived_upto=archived)
        return self

    def last_position(self) -> int:
        """Position of the newest event."""
        return self._desk.reads.last_position()

    def _require(self, subject: Subject) -> Sight:
        seen = sight(self._viewer, subject, enterprise=self._desk.enterprise)
        if seen is Sight.NOTHING:
            raise ApiProblem(403, f"this needs the right to read {subject}")
        return seen

    def _assessed(self, record: OrderRecord, seen: Sight) -> AssessedOrder:
        order = assessed(record, self._desk.now(), self._desk.policy)
        if seen is Sight.ALL:
            return order
        return replace(order, plan=without_names(order.plan), assessment=_without_evidence(order.assessment))


def assessed(record: OrderRecord, now: datetime, policy: Policy) -> AssessedOrder:
    """An order of the store with its assessment now."""
    baseline = (record.baseline_start, record.baseline_finish)
    return AssessedOrder(
        plan=record.plan,
        baseline=baseline,
        data_at=record.data_at,
        assessment=assess_order(record.plan, record.facts, now, baseline=baseline, policy=policy, said=record.said),
    )


def _without_evidence(assessment: OrderAssessment) -> OrderAssessment:
    def bare(node: NodeAssessment) -> NodeAssessment:
        return replace(node, facts=replace(node.facts, evidence=()))

    return replace(
        assessment, nodes={work: tuple(bare(node) for node in nodes) for work, nodes in assessment.nodes.items()}
    )


def _outline(record: GatewayRecord) -> GatewayRecord:
    return GatewayRecord(
        gateway=record.gateway,
        enrolment=record.enrolment,
        online=record.online,
        seen_at=record.seen_at,
        alarm=record.alarm,
    )
