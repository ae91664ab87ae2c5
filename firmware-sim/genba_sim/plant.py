"""The line itself as a discrete-event simulation: no socket, no file, no wall clock.

Lots go CUT, SEW, INS, PACK; every station works in the order in which orders were announced; a lot moves on, bundle by
bundle through the RFID gate, when all of its pieces are done. SimPy counts in whole milliseconds of plant time. All
that happens is told to one listener, in order.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import simpy

from genba_sim.gate import passage_reads, stray_reads, stray_tag
from genba_sim.happenings import (
    Announced,
    CountersReset,
    Happening,
    Listener,
    NodeCompleted,
    PieceMade,
    PlantStopped,
    ResetPressed,
    ResetReleased,
    Result,
    SetUpBegan,
    State,
    StateChanged,
    TagPassed,
    TagSeen,
)
from genba_sim.orders import Bundle, Order, OrderBook, WorkOrder, random_stream
from genba_sim.planner import Progress, office_plan, realistic_plan
from genba_sim.settings import ANTENNAS, Node, Pace, PlantSettings, ReadPoint, Span, Station, Zone

Steps = Generator[simpy.Event, Any, None]

_NODE_OF: Final = {
    Station.CUT: Node.CUT,
    Station.SEW_1: Node.SEW,
    Station.SEW_2: Node.SEW,
    Station.INS: Node.INS,
    Station.PACK: Node.PACK,
}
_AFTER_NODE: Final = {
    Node.CUT: (ReadPoint.SEWING_IN, Node.SEW),
    Node.SEW: (ReadPoint.SEWING_OUT, Node.INS),
    Node.INS: (ReadPoint.PACKING_IN, Node.PACK),
}
_CYCLE_BOUNDS: Final = (0.7, 1.3)  # of the standard time: no machine is faster or slower than that


class _Job:
    """A work order on its way through the line. `arrived[node]` happens when its bundles lie ready at that node."""

    def __init__(self, env: simpy.Environment, progress: Progress) -> None:
        self.progress = progress
        self.arrived: dict[Node, simpy.Event] = {node: env.event() for node in Node}

    @property
    def work_order(self) -> WorkOrder:
        return self.progress.work_order


class Plant:
    """One run of the line from `origin` on, the same for the same settings, pace and seed.

    At `stop_at` everything stands still: no piece and no passage begins any more, a passage under way is finished, and
    `PlantStopped` is told last.
    """

    def __init__(
        self,
        settings: PlantSettings,
        listener: Listener,
        *,
        origin: datetime,
        seed: int,
        pace: Pace,
        stop_at: datetime | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._origin = origin
        self._pace = pace
        self._env = simpy.Environment()
        self._stop_ms = None if stop_at is None else max(0, _milliseconds(stop_at - origin))
        self._orders = OrderBook(settings, seed=seed)
        self._office = random_stream(seed, "office")
        self._air = random_stream(seed, "air")
        self._hands = random_stream(seed, "hands")
        self._machine_random = {station: random_stream(seed, station) for station in Station}
        self._queues = {station: simpy.Store(self._env) for station in Station}
        self._open: list[Progress] = []
        self._a_place_is_free = self._env.event()
        self._announced = 0
        self._passing = 0
        self._passed_ms: dict[str, int] = {}
        self._wip: dict[Zone, int] = dict.fromkeys(Zone, 0)
        self._start()

    @property
    def wip(self) -> Mapping[Zone, int]:
        """Pieces in each zone now."""
        return dict(self._wip)

    def run_until(self, at: datetime) -> None:
        """Let everything happen that happens before `at`; nothing where the plant is already there."""
        until_ms = _milliseconds(at - self._origin)
        if until_ms > self._env.now:
            self._env.run(until=until_ms)

    # --- time ---

    def _now(self) -> datetime:
        return self._origin + timedelta(milliseconds=int(self._env.now))

    def _tell(self, happening: Happening) -> None:
        self._listener(happening)

    def _wait(self, seconds: float) -> Steps:
        """Let time pass; whoever wakes up after the stop never goes on."""
        yield self._env.timeout(round(seconds * 1000))
        if self._stop_ms is not None and self._env.now >= self._stop_ms:
            yield self._env.event()

    def _start(self) -> None:
        self._env.process(self._release())
        for station in (Station.CUT, Station.SEW_1, Station.SEW_2, Station.INS):
            self._env.process(self._run_machine(station))
        self._env.process(self._pack())
        self._env.process(self._strange_tags())
        if self._stop_ms is not None:
            self._env.process(self._stop(self._stop_ms))

    def _stop(self, stop_ms: int) -> Steps:
        yield self._env.timeout(stop_ms)
        while self._passing:
            yield self._env.timeout(100)
        self._tell(PlantStopped(at=self._now(), wip=self.wip))

    # --- office ---

    def _release(self) -> Steps:
        yield from self._wait(0)
        settings = self._settings.orders
        for _ in range(settings.at_start):
            self._announce(self._pace.first_lead_s)
        while True:
            yield from self._wait(_draw(settings.every_s, self._office))
            while len(self._open) >= settings.most_open:
                self._a_place_is_free = self._env.event()
                yield self._a_place_is_free
                yield from self._wait(0)
            self._announce(self._pace.lead_s)

    def _announce(self, lead_s: float) -> None:
        now = self._now()
        self._announced += 1
        work_order = self._orders.next_work_order(self._announced)
        progress = Progress(work_order=work_order, not_before=now + timedelta(seconds=lead_s))
        plan = office_plan(
            realistic_plan(progress, self._open, self._settings, now=now),
            self._settings.plan,
            count=self._announced,
            now=now,
        )
        slack = timedelta(seconds=round(_draw(self._settings.plan.slack_s, self._office)))
        order = Order(
            number=f"A-{1000 + self._announced}",
            customer=self._office.choice(self._settings.orders.customers),
            promised=plan[Node.PACK].finish + slack,
            work_order=work_order,
            plan=plan,
        )
        self._open.append(progress)
        job = _Job(self._env, progress)
        for node in Node:
            self._queues[work_order.family.station_of(node)].put(job)
        self._tell(Announced(at=now, order=order))
        self._env.process(self._release_to_cutting(job, lead_s))

    def _release_to_cutting(self, job: _Job, lead_s: float) -> Steps:
        yield from self._wait(lead_s)
        job.arrived[Node.CUT].succeed()

    # --- machines ---

    def _run_machine(self, station: Station) -> Steps:
        node = _NODE_OF[station]
        resets = self._reset_times() if station is Station.INS else None
        breakdowns = self._breakdown_times(station)
        yield from self._wait(0)
        self._tell(StateChanged(at=self._now(), station=station, state=State.IDLE))
        while True:
            job: _Job = yield self._queues[station].get()
            yield job.arrived[node]
            yield from self._set_up(station, job, resets)
            for _ in range(job.work_order.quantity):
                yield from self._break_down(station, breakdowns)
                yield from self._make(station, job)
            self._complete(job, node)
            yield from self._wait(self._settings.work.unload_s)
            self._tell(StateChanged(at=self._now(), station=station, state=State.IDLE))
            self._env.process(self._carry(job, node))

    def _set_up(self, station: Station, job: _Job, resets: _Times | None) -> Steps:
        self._tell(SetUpBegan(at=self._now(), station=station, work_order=job.work_order.number))
        self._tell(StateChanged(at=self._now(), station=station, state=State.SETUP))
        if resets is not None and resets.are_due(self._env.now):
            self._tell(ResetPressed(at=self._now(), station=station))
            yield from self._wait(self._pace.before_reset_s)
            self._tell(CountersReset(at=self._now(), station=station))
            yield from self._wait(self._pace.after_reset_s)
            self._tell(ResetReleased(at=self._now(), station=station))
            resets.next_after(self._env.now)
        yield from self._wait(_draw(self._settings.work.set_up_s, self._machine_random[station]))
        self._tell(StateChanged(at=self._now(), station=station, state=State.RUNNING))

    def _make(self, station: Station, job: _Job) -> Steps:
        node = _NODE_OF[station]
        yield from self._wait(self._cycle(station, job, node))
        numbers = self._machine_random[station]
        if node is Node.INS and numbers.random() < self._settings.work.rework:
            self._count(station, job, Result.REWORK)
            yield from self._wait(_draw(self._settings.work.repair_s, numbers))
            yield from self._wait(self._cycle(station, job, node))
        self._count(station, job, Result.GOOD)

    def _cycle(self, station: Station, job: _Job, node: Node) -> float:
        low, high = _CYCLE_BOUNDS
        spread = self._machine_random[station].gauss(1.0, self._settings.work.spread)
        return job.work_order.family.cycle_s[node] * min(max(spread, low), high)

    def _count(self, station: Station, job: _Job, result: Result) -> None:
        node = _NODE_OF[station]
        if result is Result.GOOD:
            job.progress.done[node] += 1
            self._wip[Zone.CUT_BUFFER] += {Node.CUT: 1, Node.SEW: -1}.get(node, 0)
        self._tell(
            PieceMade(at=self._now(), station=station, work_order=job.work_order.number, node=node, result=result)
        )

    def _break_down(self, station: Station, breakdowns: _Times) -> Steps:
        if breakdowns.are_due(self._env.now):
            self._tell(StateChanged(at=self._now(), station=station, state=State.DOWN))
            yield from self._wait(_draw(self._settings.work.breakdown_s, self._machine_random[station]))
            self._tell(StateChanged(at=self._now(), station=station, state=State.RUNNING))
            breakdowns.next_after(self._env.now)

    def _breakdown_times(self, station: Station) -> _Times:
        return _Times(self._settings.work.breakdown_every_s, self._machine_random[station])

    def _reset_times(self) -> _Times:
        return _Times(self._settings.work.reset_every_s, self._machine_random[Station.INS])

    def _complete(self, job: _Job, node: Node) -> None:
        work_order = job.work_order
        self._tell(NodeCompleted(at=self._now(), work_order=work_order.number, node=node, pieces=work_order.quantity))

    # --- bundles ---

    def _carry(self, job: _Job, done: Node) -> Steps:
        read_point, node = _AFTER_NODE[done]
        yield from self._wait(_draw(self._settings.work.carry_s, self._hands))
        for bundle in job.work_order.bundles:
            yield from self._pass(job, bundle, read_point)
            yield from self._wait(_draw(self._settings.work.between_bundles_s, self._hands))
        job.arrived[node].succeed()

    def _pack(self) -> Steps:
        """The packing bench has no machine: only the gate sees what happens there."""
        numbers = self._machine_random[Station.PACK]
        while True:
            job: _Job = yield self._queues[Station.PACK].get()
            yield job.arrived[Node.PACK]
            yield from self._wait(_draw(self._settings.work.set_up_s, numbers))
            for bundle in job.work_order.bundles:
                for _ in range(bundle.pieces):
                    yield from self._wait(self._cycle(Station.PACK, job, Node.PACK))
                    job.progress.done[Node.PACK] += 1
                yield from self._pass(job, bundle, ReadPoint.PACKING_OUT)
            self._complete(job, Node.PACK)
            self._open.remove(job.progress)
            if not self._a_place_is_free.triggered:
                self._a_place_is_free.succeed()

    def _pass(self, job: _Job, bundle: Bundle, read_point: ReadPoint) -> Steps:
        """Take a bundle through a read point, at the earliest `apart_s` after its passage before."""
        earliest_ms = self._passed_ms.get(bundle.tag, 0) + round(self._settings.gate.apart_s * 1000)
        yield from self._wait(max(0, earliest_ms - int(self._env.now)) / 1000 if bundle.tag in self._passed_ms else 0)
        self._passing += 1
        reads = passage_reads(read_point, self._air, cross_reads=self._settings.gate.cross_reads)
        began_ms = self._env.now
        for read in reads:
            yield self._env.timeout(began_ms + read.after_ms - self._env.now)
            self._tell(TagSeen(at=self._now(), antenna=read.antenna, epc=bundle.tag, rssi_dbm=read.rssi_dbm))
        self._passing -= 1
        self._passed_ms[bundle.tag] = int(self._env.now)
        antenna = ANTENNAS[read_point]
        self._wip[antenna.zone] += bundle.pieces if antenna.direction == "enter" else -bundle.pieces
        self._tell(
            TagPassed(
                at=self._now(),
                tag=bundle.tag,
                read_point=read_point,
                work_order=job.work_order.number,
                pieces=bundle.pieces,
            )
        )

    def _strange_tags(self) -> Steps:
        while True:
            yield from self._wait(_draw(self._settings.gate.stray_every_s, self._air))
            epc = stray_tag(self._air)
            began_ms = self._env.now
            for read in stray_reads(self._air):
                yield from self._wait((began_ms + read.after_ms - self._env.now) / 1000)
                self._tell(TagSeen(at=self._now(), antenna=read.antenna, epc=epc, rssi_dbm=read.rssi_dbm))


class _Times:
    """Instants that come every now and then: `are_due` from one on, until `next_after` sets the next one."""

    def __init__(self, every_s: Span, numbers: random.Random) -> None:
        self._every_s = every_s
        self._numbers = numbers
        self.next_after(0)

    def are_due(self, now_ms: float) -> bool:
        return now_ms >= self._due_ms

    def next_after(self, now_ms: float) -> None:
        self._due_ms = now_ms + 1000 * _draw(self._every_s, self._numbers)


def _draw(span: Span, numbers: random.Random) -> float:
    return float(numbers.uniform(span.least, span.most))


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
