"""What a viewer may read of the forecast: an order's, where work waits, and load against capacity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.visible import Desk, VisibleReads, assessed
from genba_cloud.core.assess import AssessedOrder, site_of_last_node
from genba_cloud.core.facts import StateInterval, times_of
from genba_cloud.core.facts.views import Lifecycle
from genba_cloud.core.forecast import (
    CentreKey,
    CentreLoad,
    NodeForecast,
    NodeKey,
    OpenOrder,
    PromiseOutlook,
    Times,
    WorkCentreQueue,
    load_by_week,
    promise_outlook,
    queues_now,
    stands_out,
    walk,
)
from genba_cloud.core.viewer import Sight, Subject, Viewer, sight
from genba_cloud.core.working_time import last_shift


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderForecast:
    """What is expected of one order. `open_nodes`: those with work left, by what the shop's forecast says of them.

    `on_hold`: nodes of which nobody knows when they go on; they are taken as if it were now.
    """

    order: AssessedOrder
    made_at: datetime
    method: str
    promise: PromiseOutlook
    times: Mapping[NodeKey, Times]
    open_nodes: Mapping[NodeKey, NodeForecast]
    on_hold: tuple[NodeKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LastShift:
    """The last shift of a work centre's site. `utilisation` of its machines together; None: nobody knows."""

    begin: datetime
    end: datetime
    utilisation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """Where work waits now. `outstanding`: the work centres that people should be told of."""

    at: datetime
    queues: tuple[WorkCentreQueue, ...]
    shifts: Mapping[CentreKey, LastShift]
    outstanding: tuple[WorkCentreQueue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Load against capacity, week by week."""

    at: datetime
    centres: tuple[CentreLoad, ...]


class ForecastReads:
    """The forecast as one viewer sees it. Every method is synchronous and raises ApiProblem 403 for what is hidden."""

    def __init__(self, desk: Desk, viewer: Viewer) -> None:
        self._desk = desk
        self._viewer = viewer
        self._reads = VisibleReads(desk, viewer)

    def order(self, number: str) -> OrderForecast | None:
        """The forecast of an order, as of now; None: there is no such order."""
        self._require(Subject.ORDERS)
        record = next(iter(self._desk.reads.orders([number])), None)
        if record is None:
            return None
        now, policy = self._desk.now(), self._desk.policy
        look = self._desk.outlook.look(now)
        order = assessed(record, now, policy, look.floors)
        expected, promised = order.assessment.expected_finish, record.plan.promised
        calendar = policy.calendar_of(site_of_last_node(record.plan))
        times = walk(OpenOrder(plan=record.plan, facts=record.facts), now, policy.calendar_of, look.floors)
        return OrderForecast(
            order=order,
            made_at=now,
            method=look.forecast.method,
            promise=promise_outlook(expected=expected, promised=promised, calendar=calendar),
            times=times,
            open_nodes={key: look.forecast.nodes[key] for key in times if key in look.forecast.nodes},
            on_hold=tuple(
                NodeKey(work, node.node)
                for work, facts in record.facts.items()
                for node in facts.nodes
                if node.on_hold and node.lifecycle is not Lifecycle.DONE
            ),
        )

    def queues(self) -> Queues:
        """Where work waits now, with what the machines did in the last shift beside it."""
        self._require(Subject.STATIONS)
        now = self._desk.now()
        look = self._desk.outlook.look(now)
        queues = queues_now(look.shop, look.forecast)
        return Queues(
            at=look.forecast.made_at,
            queues=queues,
            shifts={queue.centre: self._last_shift(queue, now) for queue in queues},
            outstanding=stands_out(queues, policy=self._desk.policy.queues),
        )

    def capacity(self, *, weeks: int) -> Capacity:
        """Load against capacity of every work centre, this week first."""
        self._require(Subject.STATIONS)
        now = self._desk.now()
        look = self._desk.outlook.look(now)
        machines = {queue.centre: queue.machines for queue in queues_now(look.shop, look.forecast)}
        return Capacity(at=now, centres=load_by_week(look.shop, machines, now, weeks=weeks))

    def _last_shift(self, queue: WorkCentreQueue, now: datetime) -> LastShift:
        begin, end = last_shift(self._desk.policy.calendar_of(queue.centre.site), now)
        timelines = self._reads.station_timelines(queue.stations, begin=begin, end=end)
        intervals: chain[StateInterval] = chain.from_iterable(timeline.intervals for timeline in timelines)
        return LastShift(begin=begin, end=end, utilisation=times_of(intervals).utilisation)

    def _require(self, subject: Subject) -> None:
        if sight(self._viewer, subject, enterprise=self._desk.enterprise) is Sight.NOTHING:
            raise ApiProblem(403, f"this needs the right to read {subject}")
