"""Copies of one state folder deliver in turns and at once: each event is in the log once, or in quarantine with alarm.

Both cores are the product's own; between them is a link that loses, repeats and delays, and a collector of a few lines.
"""

from __future__ import annotations

import copy
import heapq
import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_cloud.core.delivery import Answer, Reach, Standing, Take, decide, greet
from genba_edge.core.delivery import (
    Answered,
    Connected,
    Delivery,
    DeliverySettings,
    Disconnected,
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

LIMITS = DeliverySettings(window_envelopes=3, envelope_events=4)
COSTLY = replace(LIMITS, delay_s=0.8)
HELLO_EVERY_S = 10.0
ANSWER_WAIT_S = 5.0

Content = str  # of an event: who made it, and its number there


@dataclass(kw_only=True)
class Envelope:
    epoch: int
    run: str
    send: Send
    rows: dict[int, Content]


@dataclass(kw_only=True)
class Hello:
    epoch: int
    run: str
    acked: int


@dataclass(kw_only=True)
class Reply:
    epoch: int
    run: str
    upto: int
    ahead: int = 0
    forked: bool = False


@dataclass
class Collector:
    standing: dict[int, Standing] = field(default_factory=dict)
    log: list[tuple[int, int, Content]] = field(default_factory=list)
    quarantine: set[tuple[int, int, Content]] = field(default_factory=set)
    alarms: int = 0

    def hear(self, message: Envelope | Hello) -> Reply:
        standing = self.standing.get(message.epoch, Standing())
        if isinstance(message, Hello):
            upto, ahead = greet(standing, run=message.run, acked=message.acked)
            return Reply(epoch=message.epoch, run=message.run, upto=upto, ahead=ahead or 0)
        send = message.send
        reach = Reach(
            first=send.first,
            last=send.last,
            prev=send.prev,
            acked=send.acked,
            run=message.run,
            disputed=send.disputed,
        )
        match decide(standing, reach):
            case Answer(upto=upto):
                return Reply(epoch=message.epoch, run=message.run, upto=upto)
            case Take() as take:
                forked = self._take(message, take)
                return Reply(epoch=message.epoch, run=message.run, upto=take.upto, forked=forked)

    def _take(self, message: Envelope, take: Take) -> bool:
        logged = {seq: content for epoch, seq, content in self.log if epoch == message.epoch}
        forked = False
        for seq, content in message.rows.items():
            if seq < take.first:
                continue
            if seq > take.known_upto:
                self.log.append((message.epoch, seq, content))
            elif logged.get(seq) != content:
                forked = True
                self.alarms += 1
                self.quarantine.add((message.epoch, seq, content))
        self.standing[message.epoch] = take.standing
        return forked


class Gateway:
    """One copy: what is on its card, and what is in its memory."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.epoch, self.next_seq, self.acked = 0, 1, 0
        self.held: dict[int, Content] = {}
        self.made = 0
        self.is_on = False

    def copied(self, name: str) -> Gateway:
        """The card as it is now, in another gateway."""
        other = copy.copy(self)
        other.name, other.held, other.made, other.is_on = name, dict(self.held), 0, False
        return other

    def start(self) -> None:
        self.run = f"{next(self.world.runs):08x}"
        self.state = Delivery(acked=self.acked)
        self.loaded = self.acked
        self.is_on = True
        self.connect()

    def connect(self) -> None:
        self.connection = next(self.world.connections)
        self.hello_at = self.world.now_s
        self.happen(Disconnected())
        self.happen(Connected())

    def stop(self) -> None:
        self.is_on = False
        self.connection = -1

    def produce(self, count: int) -> None:
        for _ in range(count):
            self.made += 1
            self.held[self.next_seq] = f"{self.name}{self.made}"
            self.world.made.add(self.held[self.next_seq])
            self.next_seq += 1
        self.load()

    def load(self) -> None:
        if self.is_on and (room := wants_rows(self.state, self.world.limits)):
            rows = [Row(seq=seq, size=10) for seq in sorted(self.held) if seq > max(self.loaded, self.state.acked)]
            if rows := rows[:room]:
                self.loaded = rows[-1].seq
                self.happen(Held(rows=tuple(rows)))

    def say_hello(self) -> None:
        self.hello_at = self.world.now_s + HELLO_EVERY_S
        self.world.put(self, Hello(epoch=self.epoch, run=self.run, acked=self.state.acked))

    def hear(self, reply: Reply) -> None:
        if (reply.epoch, reply.run) == (self.epoch, self.run):
            answer = Answered(upto=reply.upto, next_seq=self.next_seq, ahead=reply.ahead, forked=reply.forked)
            self.happen(answer)
            self.load()
            if self.state.in_doubt and not self.held:
                self.epoch, self.next_seq, self.acked, self.loaded = next(self.world.epochs), 1, 0, 0
                self.state = Delivery(acked=0)
                self.connect()

    def happen(self, happened: Input) -> None:
        self.state, outputs = advance(self.state, happened, now_s=self.world.now_s, settings=self.world.limits)
        for output in outputs:
            match output:
                case Send():
                    rows = {seq: self.held[seq] for seq in range(output.first, output.last + 1) if seq in self.held}
                    self.world.put(self, Envelope(epoch=self.epoch, run=self.run, send=output, rows=rows))
                case Release(upto=upto):
                    self.acked = upto
                    self.held = {seq: content for seq, content in self.held.items() if seq > upto}
                case IdentityInDoubt():
                    assert len(self.world.gateways) > 1, "nobody shares this identity"
                case _:
                    pass


class World:
    def __init__(self, draw: st.DataObject, limits: DeliverySettings) -> None:
        self.limits = limits
        self.late: dict[tuple[int, str], tuple[float, Gateway, Reply]] = {}  # answers that may wait, by run
        self.draw, self.now_s, self.is_perfect = draw, 0.0, False
        self.runs, self.connections, self.epochs = itertools.count(), itertools.count(), itertools.count(1)
        self.collector = Collector()
        self.made: set[Content] = set()
        self.wire: list[tuple[float, int, Gateway, int, Any]] = []
        self._tie = itertools.count()
        self.gateways = [Gateway(self, "a")]
        self.gateways[0].start()

    def put(self, gateway: Gateway, message: Any) -> None:
        copies = 1 if self.is_perfect else self.draw.draw(st.sampled_from([1, 1, 0, 2]))
        for _ in range(copies):
            delay_s = 0.05 if self.is_perfect else self.draw.draw(st.sampled_from([0.01, 0.3, 5.0]))
            entry = (self.now_s + delay_s, next(self._tie), gateway, gateway.connection, message)
            heapq.heappush(self.wire, entry)

    def answer(self, gateway: Gateway, message: Envelope | Hello) -> None:
        """Now, or later where the gateway can wait and all was taken; what waited goes with it."""
        reply = self.collector.hear(message)
        due_s, _, earlier = self.late.pop((reply.epoch, reply.run), (self.now_s + ANSWER_WAIT_S, gateway, reply))
        reply.upto = max(reply.upto, earlier.upto)
        is_usual = not (reply.ahead or reply.forked)
        if isinstance(message, Envelope) and message.send.patient and is_usual and reply.upto == message.send.last:
            self.late[reply.epoch, reply.run] = due_s, gateway, reply
        else:
            self.put(gateway, reply)

    def run(self, for_s: float) -> None:
        until_s = self.now_s + for_s
        while self.now_s < until_s:
            live = [gateway for gateway in self.gateways if gateway.is_on]
            times = [until_s, *(gateway.hello_at for gateway in live), *(entry[0] for entry in self.wire[:1])]
            times += [wake for gateway in live if (wake := wakes_at(gateway.state, self.limits)) is not None]
            times += [due_s for due_s, _, _ in self.late.values()]
            self.now_s = max(self.now_s, min(times))
            for gateway in live:
                if gateway.hello_at <= self.now_s:
                    gateway.say_hello()
            for key in [key for key, (due_s, _, _) in self.late.items() if due_s <= self.now_s]:
                _, gateway, reply = self.late.pop(key)
                self.put(gateway, reply)
            if self.wire and self.wire[0][0] <= self.now_s:
                _, _, gateway, connection, message = heapq.heappop(self.wire)
                if isinstance(message, Reply):
                    if gateway.connection == connection:
                        gateway.hear(message)
                else:  # what was sent may arrive after its sender is gone
                    self.answer(gateway, message)
            for gateway in live:
                if gateway.is_on:
                    gateway.happen(TimePassed())


ACTIONS = st.sampled_from(["produce", "produce", "run", "run", "cut", "restart", "stop", "copy"])


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_every_event_of_every_copy_is_in_the_log_once_or_in_quarantine_with_an_alarm(data: st.DataObject) -> None:
    world = World(data, data.draw(st.sampled_from([LIMITS, COSTLY])))
    for _ in range(data.draw(st.integers(2, 14))):
        gateway = data.draw(st.sampled_from(world.gateways))
        match data.draw(ACTIONS):
            case "produce":
                gateway.produce(data.draw(st.integers(1, 7)))
            case "run":
                world.run(data.draw(st.sampled_from([0.1, 1.0, 8.0])))
            case "cut" if gateway.is_on:
                gateway.connect()
            case "restart":
                gateway.stop()
                gateway.start()
            case "stop":
                gateway.stop()
            case "copy" if len(world.gateways) < 3:
                world.gateways.append(gateway.copied("bc"[len(world.gateways) - 1]))
    _bring_home(world)
    collector = world.collector
    logged = [content for _, _, content in collector.log]
    quarantined = {content for _, _, content in collector.quarantine}
    assert len(logged) == len(set(logged)), "twice"
    assert set(logged) | quarantined == world.made, "silently dropped"
    assert not set(logged) & quarantined
    assert not quarantined or collector.alarms
    assert all(not gateway.held for gateway in world.gateways)
    if len(world.gateways) == 1:
        assert not quarantined


def _bring_home(world: World) -> None:
    """A link that works again: first one copy after the other, then all at once."""
    world.is_perfect = True
    for gateway in world.gateways:
        gateway.stop()
    for gateway in world.gateways:
        gateway.start()
        world.run(200.0)
        gateway.produce(1)
    for gateway in world.gateways:
        gateway.connect()
    world.run(600.0)
