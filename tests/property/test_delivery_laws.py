"""Delivery over a link that loses, repeats and delays, to a collector that crashes, restarts and is restored."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.delivery import (
    Answered,
    Connected,
    Delivery,
    DeliverySettings,
    Disconnected,
    Halved,
    Held,
    IdentityInDoubt,
    Input,
    Release,
    Row,
    Send,
    TimePassed,
    advance,
    wakes_at,
    wants_rows,
)

LIMITS = DeliverySettings(window_envelopes=4, window_bytes=900, envelope_events=6, envelope_bytes=500)
COSTLY = replace(LIMITS, delay_s=0.8)
STATE_EVERY_S = 10.0
ANSWER_WAIT_S = 5.0


@dataclass
class Collector:
    """What the contract says of the collector, in its shortest form; it shares nothing with the product's own."""

    poison: frozenset[int]
    upto: int = 0
    log: list[int] = field(default_factory=list)
    quarantine: set[int] = field(default_factory=set)
    declared: set[int] = field(default_factory=set)
    ever: int = 0
    backup: tuple[int, list[int], set[int], set[int]] | None = None

    def take(self, send: Send) -> int:
        """The answer to an envelope."""
        events = [
            seq for seq in range(send.first, send.last + 1) if not any(low <= seq <= high for low, high in send.dropped)
        ]
        if send.last <= self.upto or send.prev > max(self.upto, send.acked):
            return self.upto
        new = [seq for seq in events if seq > self.upto]
        if any(seq in self.poison for seq in new):
            if len(events) > 1:
                return self.upto
            self.quarantine.update(new)
            new = []
        if send.acked > self.upto and send.first > self.upto + 1:
            self.declared.update(range(self.upto + 1, send.first))
        for low, high in send.dropped:
            self.declared.update(seq for seq in range(low, high + 1) if seq > self.upto)
        self.log.extend(new)
        self.upto = send.last
        self.ever = max(self.ever, self.upto)
        return self.upto

    def save(self) -> None:
        self.backup = (self.upto, list(self.log), set(self.quarantine), set(self.declared))

    def restore(self) -> None:
        if self.backup is not None:
            self.upto, self.log = self.backup[0], list(self.backup[1])
            self.quarantine, self.declared = set(self.backup[2]), set(self.backup[3])


class World:
    """Gateway, link and collector on one simulated clock; every draw comes from hypothesis."""

    def __init__(
        self, draw: st.DataObject, *, poison: frozenset[int], dropped: frozenset[int], limits: DeliverySettings
    ) -> None:
        self._draw = draw
        self._limits = limits
        self._late: tuple[float, int] | None = None  # when the collector gives the answer that may wait, and the answer
        self.collector = Collector(poison)
        self.now_s = 0.0
        self.state = Delivery(acked=0)
        self.store: list[int] = []
        self.dropped = dropped
        self.next_seq = 1
        self.loaded = 0
        self.connected = False
        self.is_answered = False
        self.is_perfect = False
        self.sends: list[Send] = []
        self._wire: list[tuple[float, int, Send | int, int]] = []
        self._tie = itertools.count()
        self._connection = 0
        self._hello_at = 0.0

    def produce(self, count: int) -> None:
        for _ in range(count):
            if self.next_seq not in self.dropped:
                self.store.append(self.next_seq)
            self.next_seq += 1
        self._load()

    def connect(self) -> None:
        self._connection += 1
        self.connected, self.is_answered = True, False
        self._hello_at = self.now_s
        self._happen(Connected())

    def disconnect(self) -> None:
        self._connection += 1  # what is on the wire belongs to the old connection and is gone
        self.connected = False
        self._late = None
        self._happen(Disconnected())

    def restart_gateway(self) -> None:
        self.disconnect()
        self.state = Delivery(acked=self.state.acked)
        self.loaded = 0

    def run(self, until_s: float) -> None:
        while self.now_s < until_s:
            times = [until_s, self._hello_at if self.connected else until_s]
            wake = wakes_at(self.state, self._limits)
            times += [] if wake is None else [wake]
            times += [] if self._late is None else [self._late[0]]
            times += [self._wire[0][0]] if self._wire else []
            self.now_s = max(self.now_s, min(times))
            if self.connected and self.now_s >= self._hello_at:
                self._hello_at = self.now_s + STATE_EVERY_S
                self._answer(self.collector.upto)
            if self._late is not None and self.now_s >= self._late[0]:
                self._answer(self._late[1])
            if self._wire and self._wire[0][0] <= self.now_s:
                self._arrive(*heapq.heappop(self._wire)[2:])
            else:
                self._happen(TimePassed())

    def _arrive(self, what: Send | int, connection: int) -> None:
        if connection != self._connection:
            return
        if isinstance(what, Send):
            answer = self.collector.take(what)
            if what.patient and answer == what.last:
                self._late = (self._late[0] if self._late else self.now_s + ANSWER_WAIT_S, answer)
            else:
                self._answer(answer)
            return
        self.is_answered = True
        self._happen(Answered(upto=what, next_seq=self.next_seq))
        self._load()

    def _answer(self, upto: int) -> None:
        late, self._late = self._late, None
        self._put(upto if late is None else max(upto, late[1]))

    def _put(self, what: Send | int) -> None:
        copies = 1 if self.is_perfect else self._draw.draw(st.sampled_from([1, 1, 1, 0, 2]))
        for _ in range(copies):
            delay = 0.05 if self.is_perfect else self._draw.draw(st.sampled_from([0.01, 0.05, 0.3, 4.0]))
            heapq.heappush(self._wire, (self.now_s + delay, next(self._tie), what, self._connection))

    def _load(self) -> None:
        room = wants_rows(self.state, self._limits)
        rows = [seq for seq in self.store if seq > max(self.loaded, self.state.acked)][:room]
        if rows:
            self.loaded = rows[-1]
            self._happen(Held(rows=tuple(Row(seq=seq, size=100) for seq in rows)))

    def _happen(self, happened: Input) -> None:
        self.state, outputs = advance(self.state, happened, now_s=self.now_s, settings=self._limits)
        for output in outputs:
            match output:
                case Send():
                    assert self.connected
                    assert self.is_answered, "sent before the collector spoke"
                    assert output.first > self.state.acked
                    assert output.prev < output.first
                    self.sends.append(output)
                    self._put(output)
                case Release():
                    assert output.upto <= self.collector.ever, "released what was never accounted for"
                    self.store = [seq for seq in self.store if seq > output.upto]
                case Halved():
                    assert self.is_answered
                case IdentityInDoubt():
                    raise AssertionError("nobody shares this identity")
        assert len(self.state.flights) <= LIMITS.window_envelopes
        assert sum(flight.size for flight in self.state.flights) <= LIMITS.window_bytes + LIMITS.envelope_bytes


ACTIONS = st.sampled_from(["produce", "produce", "run", "run", "cut", "gateway", "collector", "save", "restore"])


@pytest.mark.requirement(
    "R26", part="links that break at any time lose and double nothing (a whole day is measured by a benchmark)"
)
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_and_order_is_kept_whatever_the_link_and_the_collector_do(data: st.DataObject) -> None:
    seqs = st.frozensets(st.integers(1, 60), max_size=3)
    limits = data.draw(st.sampled_from([LIMITS, COSTLY]))
    world = World(data, poison=data.draw(seqs), dropped=data.draw(seqs), limits=limits)
    world.connect()
    restores = 0
    for _ in range(data.draw(st.integers(1, 12))):
        match data.draw(ACTIONS):
            case "produce":
                world.produce(data.draw(st.integers(1, 12)))
            case "run":
                world.run(world.now_s + data.draw(st.sampled_from([0.1, 1.0, 7.0])))
            case "cut":
                world.disconnect()
                world.connect()
            case "gateway":
                world.restart_gateway()
                world.connect()
            case "collector":  # dies with the embedded broker; what it committed stays
                world.disconnect()
                world.run(world.now_s + 2.0)
                world.connect()
            case "save":
                world.collector.save()
            case "restore":
                restores += world.collector.backup is not None
                world.collector.restore()
    world.produce(1 if world.next_seq not in world.dropped else 61)  # a last event, so that gaps before it are told
    _finish(world)
    collector = world.collector
    told = sorted([*collector.log, *collector.quarantine, *collector.declared])
    assert told == list(range(1, world.next_seq)), "every seq is accounted for exactly once"
    assert collector.log == sorted(collector.log)
    assert collector.quarantine <= collector.poison
    if restores == 0:
        assert collector.declared == {seq for seq in world.dropped if seq < world.next_seq}
    assert world.store == []


def _finish(world: World) -> None:
    """A link that works again brings everything home."""
    world.is_perfect = True
    world.disconnect()
    world.connect()
    world.run(world.now_s + 600.0)
