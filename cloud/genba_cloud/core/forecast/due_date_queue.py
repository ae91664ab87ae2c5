"""The first forecaster: a queue in front of each machine, served in the order of the promises.

Working time is simulated from one event to the next: a machine that becomes free takes, of all that is there for it,
the node whose order is the most urgent (priority, then promise). Started work goes on where it is. Every duration is
the standard time. The simulation is deterministic and knows of no breakdown, no scrap and no sickness: it says where
orders end if all goes as planned from now on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from genba_cloud.core.facts.plan import FIRST_INSTANT, Dependency
from genba_cloud.core.forecast.orders import (
    NodeKey,
    PlannedNode,
    Times,
    arrives_at,
    finish_of,
    goes_on_with,
    lagged,
    planned_nodes,
    there_at,
    work_from,
)
from genba_cloud.core.forecast.port import NodeForecast, Shop, ShopForecast
from genba_cloud.core.forecast.resources import Machine, Place

METHOD: Final = "due_date_queue"
_MACHINE, _NODE = 0, 1


def forecast_by_due_date(shop: Shop, now: datetime) -> ShopForecast:
    """The forecast of a shop; see the module. Effort grows with the number of open nodes."""
    now = now.replace(microsecond=0)
    simulation = _Simulation(_jobs(shop, now), now)
    simulation.run()
    nodes = {job.node.key: _told(job, job.times) for job in simulation.jobs if job.times is not None}
    return ShopForecast(method=METHOD, made_at=now, nodes=nodes)


class _Follower(NamedTuple):
    """A job that waits for another to begin. `has_come`: what it needs of that is there, it only goes on with it."""

    need: Dependency
    number: int
    has_come: bool


@dataclass(slots=True, kw_only=True)
class _Job:
    """An open node on its way through the simulation. `unmet`: how much it still waits for that will come."""

    node: PlannedNode
    order: str
    place: Place | None
    seconds: int
    came: datetime
    ready: datetime
    others: bool
    unmet: int = 0
    is_there: bool = False
    overlapped: list[tuple[Dependency, int]] = field(default_factory=list)
    followers: list[_Follower] = field(default_factory=list)
    times: Times | None = None
    station: str | None = None


def _jobs(shop: Shop, now: datetime) -> list[_Job]:
    """Every open node as a job, the most urgent first; what each needs is looked up among all orders."""
    nodes: dict[NodeKey, PlannedNode] = {}
    urgency: dict[NodeKey, tuple[object, ...]] = {}
    owner: dict[NodeKey, str] = {}
    for order in shop.orders:
        for number, (key, node) in enumerate(planned_nodes(order, now, shop.calendar_of).items()):
            nodes[key], owner[key] = node, order.plan.order
            if node.left is not None:
                urgency[key] = (-order.plan.priority, order.plan.promised, order.plan.order, number)
    in_turn = sorted(urgency, key=lambda key: (not nodes[key].is_started, urgency[key]))
    rank = {key: index for index, key in enumerate(in_turn)}
    jobs = [_job(nodes[key], owner, shop, now) for key in in_turn]
    for job in jobs:
        _connect(job, jobs, rank, nodes, now)
    return jobs


def _job(node: PlannedNode, owner: dict[NodeKey, str], shop: Shop, now: datetime) -> _Job:
    own = owner[node.key]
    seconds = node.left.seconds if node.left else 0
    return _Job(
        node=node,
        order=own,
        place=shop.resources.place_of(node.key, node.plan, node.site),
        seconds=seconds,
        came=FIRST_INSTANT if node.needs else node.plan.planned_start,
        ready=node.released_at(now),
        others=any(owner.get(key, own) != own for key, _ in node.needs),
    )


def _connect(
    job: _Job, jobs: list[_Job], rank: dict[NodeKey, int], nodes: dict[NodeKey, PlannedNode], now: datetime
) -> None:
    """Note for what a job waits. A node of an order that is not open has handed everything over."""
    own = rank[job.node.key]
    for key, need in job.node.needs:
        source = nodes.get(key)
        if source is None:
            continue
        there = there_at(need, source, now)
        if there is not None:
            _arrive(job, lagged(need, there, job.node.calendar))
        if goes_on_with(job.node, need, source):
            job.overlapped.append((need, rank[key]))
        elif there is not None:
            continue
        job.unmet += 1
        jobs[rank[key]].followers.append(_Follower(need=need, number=own, has_come=there is not None))


def _arrive(job: _Job, at: datetime) -> None:
    job.came = max(job.came, at)
    job.ready = max(job.ready, at)


class _Simulation:
    """Machines, the jobs that wait for each group of them, and what happens next."""

    def __init__(self, jobs: list[_Job], now: datetime) -> None:
        self.jobs = jobs
        self._now = now
        self._floor = _Floor(job.place.machines for job in jobs if job.place is not None)
        self._events: list[tuple[datetime, int, int]] = []

    def run(self) -> None:
        """Give every job its times."""
        self._go_on_with_started_work()
        self._events += [
            (self._wanted(job), _NODE, number)
            for number, job in enumerate(self.jobs)
            if job.unmet == 0 and not job.is_there
        ]
        heapify(self._events)
        circle = iter(range(len(self.jobs)))
        while True:
            while self._events:
                self._step()
            stuck = next((number for number in circle if self.jobs[number].times is None), None)
            if stuck is None:
                return
            heappush(self._events, (self._wanted(self.jobs[stuck]), _NODE, stuck))  # it waits for itself

    def _go_on_with_started_work(self) -> None:
        """Started nodes keep their machines. One whose predecessor has not handed over waits without a machine."""
        started = [
            (number, job)
            for number, job in enumerate(self.jobs)
            if job.node.is_started and job.unmet == 0 and job.ready <= self._now
        ]
        for number, job in started:
            machine = self._floor.idle_in(self._lane_of(job))
            self._begin(number, self._wanted(job), machine)

    def _step(self) -> None:
        """Everything that happens at the next instant, then what free machines take of it."""
        at = self._events[0][0]
        touched: set[int] = set()
        while self._events and self._events[0][0] == at:
            _, kind, number = heappop(self._events)
            if kind == _MACHINE:
                touched |= self._floor.free(number)
            elif not self.jobs[number].is_there:
                self.jobs[number].is_there = True
                lane = self._lane_of(self.jobs[number])
                if lane is None:
                    self._begin(number, at, None)
                else:
                    self._floor.wait(lane, number)
                    touched.add(lane)
        while (taken := self._floor.take(touched)) is not None:
            self._begin(taken[0], at, taken[1])

    def _lane_of(self, job: _Job) -> int | None:
        return self._floor.lane_of(job.place) if job.seconds else None

    def _wanted(self, job: _Job) -> datetime:
        return work_from(job.node.calendar, job.ready, job.seconds)

    def _begin(self, number: int, at: datetime, machine: int | None) -> None:
        job = self.jobs[number]
        overlapped = ((need, times.finish) for need, other in job.overlapped if (times := self.jobs[other].times))
        job.is_there = True
        job.times = Times(begin=at, finish=finish_of(job.node, at, overlapped))
        if machine is not None:
            job.station = self._floor.machines[machine].station
            self._floor.occupy(machine)
            heappush(self._events, (work_from(job.node.calendar, job.times.finish, 1), _MACHINE, machine))
        for need, follower, has_come in job.followers:
            other = self.jobs[follower]
            if has_come:
                other.ready = max(other.ready, job.times.begin)
            else:
                _arrive(other, lagged(need, arrives_at(need, job.node, job.times), other.node.calendar))
            other.unmet -= 1
            if other.unmet == 0:
                heappush(self._events, (self._wanted(other), _NODE, follower))


class _Floor:
    """The machines, and the queues in front of them. A lane is a queue for one set of machines; they may overlap."""

    def __init__(self, sets: Iterable[tuple[Machine, ...]]) -> None:
        lanes = dict.fromkeys(machines for machines in sets if machines)
        self.machines = sorted({machine for machines in lanes for machine in machines})
        number = {machine: index for index, machine in enumerate(self.machines)}
        self._lanes = {machines: index for index, machines in enumerate(lanes)}
        self._waiting: list[list[int]] = [[] for _ in lanes]
        self._idle = [{number[machine] for machine in machines} for machines in lanes]
        self._served: list[list[int]] = [[] for _ in self.machines]
        for lane, machines in enumerate(self._idle):
            for machine in machines:
                self._served[machine].append(lane)

    def lane_of(self, place: Place | None) -> int | None:
        """The lane of a place; None: no limit."""
        return self._lanes.get(place.machines) if place is not None else None

    def idle_in(self, lane: int | None) -> int | None:
        """A machine for work that runs already; None: it has one that nobody named."""
        return min(self._idle[lane], default=None) if lane is not None else None

    def occupy(self, machine: int) -> None:
        """It runs."""
        for lane in self._served[machine]:
            self._idle[lane].discard(machine)

    def free(self, machine: int) -> set[int]:
        """It runs no more; the lanes that it serves."""
        for lane in self._served[machine]:
            self._idle[lane].add(machine)
        return set(self._served[machine])

    def wait(self, lane: int, job: int) -> None:
        """The job is there."""
        heappush(self._waiting[lane], job)

    def take(self, lanes: set[int]) -> tuple[int, int] | None:
        """The most urgent job that waits in one of these lanes with an idle machine, and that machine; it is taken."""
        open_lanes = [lane for lane in lanes if self._waiting[lane] and self._idle[lane]]
        if not open_lanes:
            return None
        lane = min(open_lanes, key=lambda one: self._waiting[one][0])
        return heappop(self._waiting[lane]), min(self._idle[lane])


def _told(job: _Job, times: Times) -> NodeForecast:
    return NodeForecast(
        key=job.node.key,
        order=job.order,
        centre=job.place.centre if job.place else None,
        machines=job.place.machines if job.place else (),
        station=job.station,
        is_started=job.node.is_started,
        came=job.came,
        ready=work_from(job.node.calendar, job.ready, job.seconds),
        begin=times.begin,
        finish=times.finish,
        work_s=job.seconds,
        others=job.others,
    )
