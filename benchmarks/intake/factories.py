"""Factories whose gateways say what gateways say: counts, passages, completions, states and environment.

Every event is stamped by the gateway's own journal and put into envelopes by its own uplink, so that what the collector
reads has the fields, the ids and the bytes of a real one. About one event a second for each gateway.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_edge.core.delivery import Send
from genba_edge.core.journal import Identity, Journal, Moment
from genba_edge.uplink.envelopes import Sender, make_envelope
from genba_shared import topics
from genba_shared.clock import ProductionClock
from genba_shared.codec import MAX_ENVELOPE
from genba_shared.errors import ContractError
from genba_shared.events import (
    Direction,
    DispatchClosed,
    DispatchOpened,
    EnvironmentSummarised,
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
    TagPassed,
    WipChanged,
)

NODES: Final = ("CUT", "SEW", "IRON", "PACK")
LINES: Final = 3
"""Lines of a factory; each has a station for every node, so that a gateway serves twelve stations."""
QUANTITY: Final = 120
BUNDLE: Final = 10
"""Pieces that one tag stands for."""
TICK: Final = timedelta(seconds=10)
"""A moving counter is told every ten seconds."""
START: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
_CLOCK: Final = ProductionClock(origin=START)
_RUN: Final = "0000000f"


@dataclass(slots=True)
class Station:
    """A machine with a counter, working through the work orders of its line one by one."""

    name: str
    node: str
    line: int
    total: int = 0
    order: int = 0
    made: int = 0
    passed: int = 0
    state: StationState = StationState.UNKNOWN
    since: datetime = START


@dataclass(slots=True)
class Factory:
    """One gateway and the stations that it reads. `number` is also what chance starts from."""

    number: int
    now: datetime = START
    stations: list[Station] = field(init=False)
    journal: Journal = field(init=False)
    _chance: random.Random = field(init=False)
    _zones: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.number)
        epoch = hashlib.sha256(self.gateway.encode()).hexdigest()[:32]
        identity = Identity(gateway=self.gateway, epoch=epoch, site=f"site-{self.number}", boot=epoch[::-1])
        self.journal = Journal(identity=identity, next_seq=1, moment=Moment(now=self.now, mono_ms=0))
        self.stations = [
            Station(name=f"{self.gateway}-{node.lower()}-{line}", node=node, line=line)
            for line in range(LINES)
            for node in NODES
        ]

    @property
    def gateway(self) -> str:
        """Its id."""
        return f"gw-{self.number:03}"

    def work_order(self, line: int, order: int) -> str:
        """The number of a work order of one of its lines."""
        return f"WO-{self.number:03}-{line}-{order:04}"

    def order(self, order: int) -> OrderPlan:
        """The customer order whose work orders are the `order`-th of every line, as planners tell the collector."""
        nodes = tuple(
            NodePlan(
                node=code,
                quantity=QUANTITY,
                planned_start=START,
                planned_finish=START + timedelta(hours=8),
                predecessors=NODES[:place][-1:],
                label={"en": code.title()},
            )
            for place, code in enumerate(NODES)
        )
        name = f"A-{self.number:03}-{order:04}"
        return OrderPlan(
            order=name,
            system="bench",
            external_id=name,
            customer="Blue Shirt Co",
            promised=START + timedelta(days=3),
            work_orders=tuple(
                WorkOrderPlan(
                    work_order=self.work_order(line, order),
                    site=f"site-{self.number}",
                    item="shirt",
                    quantity=QUANTITY,
                    nodes=nodes,
                )
                for line in range(LINES)
            ),
        )

    def events(self) -> Iterator[Event]:
        """What the gateway says, without end, in the order of its seqs."""
        for station in self.stations:
            self._open(station)
        while True:
            self.now += TICK
            self.journal.moment = Moment(now=self.now, mono_ms=(self.now - START) // timedelta(milliseconds=1))
            for station in self.stations:
                self._work(station)
            yield from self.journal.take().events

    def _work(self, station: Station) -> None:
        chance = self._chance.random()
        if chance < 0.04:
            self._stand_still(station)
        elif chance < 0.9:
            self._count(station)
        if self._chance.random() < 0.02:
            self._measure(station)

    def _count(self, station: Station) -> None:
        if station.state is not StationState.RUNNING:
            self._change_state(station, StationState.RUNNING)
        result = Result.SCRAP if self._chance.random() < 0.03 else Result.GOOD
        pieces = 1 if result is Result.SCRAP else min(self._chance.randint(1, 5), QUANTITY - station.made)
        source = Source(type=SourceType.PLC, ref=f"{station.name}/{result}")
        if result is Result.GOOD:
            station.total += pieces
            station.made += pieces
        first = station.made == pieces
        counted = self.journal.emit(
            PiecesCounted,
            at=self._lately(),
            source=source,
            station=station.name,
            work_order=self.work_order(station.line, station.order),
            node=station.node,
            point=f"{station.name}/{result}",
            result=result,
            delta=pieces,
            total=station.total if result is Result.GOOD else station.order * 100 + station.made,
            counter_epoch=1,
            since=self.now - TICK,
        )
        if first:
            self._say(NodeStarted, station, source, because=(counted.id,))
        if station.made // BUNDLE > station.passed:
            self._pass(station)
        if station.made >= QUANTITY:
            self._say(NodeCompleted, station, source, because=(counted.id,), pieces=QUANTITY)
            self._say(DispatchClosed, station, source)
            station.order, station.made, station.passed = station.order + 1, 0, 0
            self._open(station)

    def _open(self, station: Station) -> None:
        source = Source(type=SourceType.SYSTEM, ref=self.gateway)
        self._say(DispatchOpened, station, source, pieces=QUANTITY)

    def _say(
        self,
        kind: type[NodeStarted | NodeCompleted | DispatchOpened | DispatchClosed],
        station: Station,
        source: Source,
        because: Sequence[str] = (),
        **fields: int,
    ) -> None:
        self.journal.emit(
            kind,
            at=self._lately(),
            source=source,
            because=because,
            station=station.name,
            work_order=self.work_order(station.line, station.order),
            node=station.node,
            **fields,
        )

    def _pass(self, station: Station) -> None:
        station.passed += 1
        zone = f"{self.gateway}-buffer-{station.line}"
        reader = f"{self.gateway}-gate-{station.line}"
        passed = self.journal.emit(
            TagPassed,
            at=self._lately(),
            source=Source(type=SourceType.RFID, ref=f"{reader}/{station.node.lower()}-out"),
            work_order=self.work_order(station.line, station.order),
            node=station.node,
            read_point=f"{station.node.lower()}-out",
            reader=reader,
            tag=f"3034{self.number:04x}{station.line:02x}{station.order:04x}{station.passed:04x}",
            direction=Direction.LEAVE,
            first_seen=self.now - timedelta(seconds=3),
            last_seen=self.now - timedelta(seconds=1),
            reads=self._chance.randint(3, 40),
            zone=zone,
            antenna=1 + station.line,
            pieces=BUNDLE,
        )
        by = BUNDLE if station.node == NODES[0] else -BUNDLE if station.node == NODES[-1] else 0
        self._zones[zone] = self._zones.get(zone, 0) + by
        self.journal.emit(
            WipChanged,
            at=passed.at,
            source=passed.source,
            because=(passed.id,),
            zone=zone,
            count=self._zones[zone],
            by=by,
            error_estimate=2,
        )

    def _stand_still(self, station: Station) -> None:
        state = self._chance.choice((StationState.IDLE, StationState.SETUP, StationState.DOWN))
        if state is not station.state:
            self._change_state(station, state)

    def _change_state(self, station: Station, state: StationState) -> None:
        station.state = state
        self.journal.emit(
            StationStateChanged,
            at=self._lately(),
            source=Source(type=SourceType.PLC, ref=f"{station.name}/state"),
            station=station.name,
            state=state,
            since=self.now - timedelta(seconds=5),
        )

    def _measure(self, station: Station) -> None:
        mean = 21.0 + self._chance.randint(0, 40) / 10
        self.journal.emit(
            EnvironmentSummarised,
            at=self.now,
            source=Source(type=SourceType.SENSOR, ref=f"{station.name}/temperature"),
            station=station.name,
            work_order=self.work_order(station.line, station.order),
            node=station.node,
            point=f"{station.name}/temperature",
            begin=self.now - timedelta(minutes=5),
            end=self.now,
            least=mean - 0.4,
            mean=mean,
            most=mean + 0.5,
            samples=300,
            uom="°C",
        )

    def _lately(self) -> datetime:
        return self.now - timedelta(milliseconds=self._chance.randint(0, 900))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events of one gateway, and the messages (topic, payload) in which they cross the broker."""

    events: tuple[Event, ...]
    messages: tuple[tuple[str, bytes], ...]


class Stream:
    """Batches of `size` events from `factories` gateways in turn."""

    def __init__(self, *, factories: int, size: int) -> None:
        self.factories = [Factory(number) for number in range(1, factories + 1)]
        self._said = [factory.events() for factory in self.factories]
        self._size = size
        self._turn = 0

    def take(self, count: int) -> list[Batch]:
        """The next `count` batches."""
        return [self._next() for _ in range(count)]

    def orders(self) -> Iterator[OrderPlan]:
        """Every order that was worked on in what was taken so far, and the one after it."""
        for factory in self.factories:
            newest = max(station.order for station in factory.stations)
            yield from (factory.order(number) for number in range(newest + 2))

    def _next(self) -> Batch:
        turn, self._turn = self._turn, (self._turn + 1) % len(self.factories)
        factory, said = self.factories[turn], self._said[turn]
        events = tuple(next(said) for _ in range(self._size))
        return Batch(events=events, messages=tuple(_messages(factory, events)))


def _messages(factory: Factory, events: Sequence[Event]) -> Iterator[tuple[str, bytes]]:
    """As few envelopes as hold the events."""
    first = int(events[0].id.rpartition(":")[2])
    last = first + len(events) - 1
    send = Send(first=first, last=last, dropped=(), prev=first - 1, acked=first - 1)
    identity = factory.journal.identity
    topic = topics.up(factory.gateway)
    try:
        sender = Sender(gateway=identity.gateway, epoch=identity.epoch, run=_RUN, clock=_CLOCK)
        payload = make_envelope(send, events, sender)
    except ContractError as exc:
        if f"at most {MAX_ENVELOPE}" not in str(exc):
            raise
        half = len(events) // 2
        yield from _messages(factory, events[:half])
        yield from _messages(factory, events[half:])
    else:
        yield topic, payload
