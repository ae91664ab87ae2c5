"""What holds of counting whatever a plant does: the truth is what was counted, or lies in what was declared.

A true plant makes pieces at most at `max_rate`; its PLC wraps, saturates, counts down, goes below zero, is reset with
or without evidence, boots, is corrected. A line between loses polls, delivers them late, tears, spikes and repeats old
values. The gateway is killed at any point, with whatever it did not commit. Everything goes through the real `Deriver`
and its commits.

What the plant does not do, because no reading could tell: make pieces in the first readings after a boot, be corrected
without three readings of it, or be reset between two polls when there is no evidence and the counter stands higher
afterwards than before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Observation, Sample, Unchanged, Value
from genba_edge.core.watch import Pace
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.events import Confidence, DataGapSeen, DataQuestioned, Event, PiecesCounted, QuestionCause
from tests.property.counter_plant import CounterKind, Plc, torn

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
POLL_S = 1.0
MEMORY_S = 65  # a little longer than the gateway waits for the memory of a PLC
KINDS = (
    CounterKind("uint16", greatest=65535, first=65500),
    CounterKind("uint16", greatest=65535, first=1000),
    CounterKind("uint32", greatest=2**32 - 1, first=65525),
    CounterKind("uint16", greatest=99, first=60),
    CounterKind("int16", greatest=32767, first=32750, lowest=-32768),
    CounterKind("uint16", greatest=900, first=30, step=-1),
    CounterKind("uint16", greatest=120, first=100, stays=True),
)
EVIDENCE = {"none": "", "button": "{point: button}", "uptime": "{falls: uptime}", "boot": "{changes: boot}"}


def map_of(kind: CounterKind, evidence: str, driver: str, rate_per_min: int) -> str:
    counter = [f"max_rate: {rate_per_min}/min", f"limit: {kind.greatest}"]
    counter += [f"lowest: {kind.lowest}"] if kind.lowest else []
    counter += ["direction: down"] if kind.step < 0 else []
    counter += ["at_limit: saturate"] if kind.stays else []
    counter += [f"reset_by: {EVIDENCE[evidence]}"] if EVIDENCE[evidence] else []
    if driver == "polled":
        head = "protocol: modbus\n    host: 127.0.0.1:5020\n    poll: {fast: 1s}"
        places = ("at: 40001", "at: 10001", "at: 40011", "at: 40021")
    else:
        head = "protocol: opcua\n    url: opc.tcp://127.0.0.1:4840"
        places = tuple(f'node: "ns=2;s=P{number}"' for number in range(4))
    good, button, uptime, boot = places
    return f"""
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: UTC}}
devices:
  - id: plc
    {head}
    points:
      good: {{{good}, type: {kind.name}, counter: {{{", ".join(counter)}}}}}
      button: {{{button}, type: bool}}
      uptime: {{{uptime}, type: uint32}}
      boot: {{{boot}, type: uint32}}
stations:
  S-1: {{device: plc, counts: {{good: good}}}}
"""


@cache
def loaded(map_text: str) -> DeviceMap:
    return load_device_map(Path("plant.yaml"), text=map_text)


class Gateway:
    """The real derivation over a store that keeps what was committed, and nothing else."""

    def __init__(self, map_text: str, driver: str) -> None:
        self.map = loaded(map_text)
        self.pace = Pace(poll_s={"plc": POLL_S} if driver == "polled" else {})
        self.saved: dict[str, str] = {}
        self.events: list[Event] = []
        self.start(0.0)

    def start(self, now: float) -> None:
        self.deriver = Deriver(
            self.map,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=len(self.events) + 1,
            saved=self.saved,
            pace=self.pace,
            moment=self.moment(now),
        )
        self.is_known = False

    def moment(self, now: float) -> Moment:
        return Moment(now=T0 + timedelta(seconds=now), mono_ms=0)

    def observe(self, observations: Sequence[Observation], now: float) -> None:
        self.deriver.observe(observations, self.moment(now))
        self.deriver.pass_time(self.moment(now))
        failures = self.deriver.take_failures()
        assert not failures, failures

    def commit(self) -> None:
        commit = self.deriver.take_checkpoint()
        for key, value in commit.state.items():
            if value is None:
                self.saved.pop(key, None)
            else:
                self.saved[key] = value
        self.events += commit.events


class CounterLaws(RuleBasedStateMachine):
    """Rules are what plant, line and gateway do; invariants are the laws."""

    @initialize(
        kind=st.sampled_from(KINDS),
        evidence=st.sampled_from(sorted(EVIDENCE)),
        driver=st.sampled_from(("polled", "subscribed")),
        cycle_s=st.sampled_from((5.0, 1.5)),
        tells_unchanged=st.booleans(),
    )
    def begin(self, kind: CounterKind, evidence: str, driver: str, cycle_s: float, tells_unchanged: bool) -> None:
        self.plc, self.evidence, self.driver, self.cycle_s = Plc(kind), evidence, driver, cycle_s
        self.tells_unchanged = tells_unchanged and driver == "polled"
        self.gateway = Gateway(map_of(kind, evidence, driver, round(60 / cycle_s)), driver)
        self.now = 0.0
        self.piece_at = -100.0
        self.is_lost = self.button = False
        self.clean = 9  # good polls since something strange happened
        self.told: dict[str, Value] = {}
        self.sent: dict[str, Value] = {}
        self.strange = self.wrongs = 0
        self.put_back_at: list[datetime] = []
        self.look()

    # The plant.

    def one_piece(self) -> None:
        self.piece_at = max(self.now, self.piece_at + self.cycle_s)
        self.now = self.piece_at
        self.plc.make()

    @rule(wait_s=st.sampled_from((0.0, 0.3, 0.6)))
    def make(self, wait_s: float) -> None:
        """A piece, at the earliest a cycle after the one before; polls go on until then."""
        if self.plc.kept is not None and self.clean < 3:
            return
        while self.piece_at + self.cycle_s > self.now + POLL_S:
            self.look()
        self.now += wait_s
        self.one_piece()
        self.look_soon()

    @rule()
    def run_a_while(self) -> None:
        for _ in range(6):
            self.make(0.0)

    @rule()
    def stand(self) -> None:
        for _ in range(5):
            self.look()

    @precondition(lambda self: self.plc.kept is None and self.clean >= 3)
    @rule(held=st.booleans())
    def reset(self, held: bool) -> None:
        self.strange += 1
        self.put_back_at.append(self.at())
        self.clean = 0
        if self.evidence in ("uptime", "boot"):
            self.plc.boot(self.now)
            self.plc.kept = None
        else:
            self.plc.clear()
        self.button = True
        if held:
            self.look_soon()
        else:
            self.look()
        self.button = False

    @precondition(lambda self: self.plc.kept is None and self.clean >= 3)
    @rule(polls=st.integers(0, 4))
    def bounce(self, polls: int) -> None:
        if self.evidence == "button":
            return
        self.strange += 1
        self.put_back_at.append(self.at())
        self.clean = 0
        self.plc.boot(self.now)
        for _ in range(polls):
            self.look()

    @precondition(lambda self: self.is_lost and self.plc.kept is None and self.evidence != "button")
    @rule(pieces=st.integers(0, 30))
    def reset_and_boot_unseen(self, pieces: int) -> None:
        """Nobody reads the counter between its reset, the pieces after it and the start of the PLC."""
        self.strange += 1
        self.put_back_at.append(self.at())
        self.plc.clear()
        for _ in range(pieces):
            self.one_piece()
        self.put_back_at.append(self.at())
        self.plc.boot(self.now)
        self.clean = 0

    @precondition(lambda self: self.plc.kept is not None)
    @rule()
    def remember(self) -> None:
        self.put_back_at.append(self.at())
        self.plc.remember()
        self.clean = 0
        self.look()
        self.look()

    @precondition(lambda self: self.plc.kept is None and self.clean >= 3)
    @rule(counts=st.integers(1, 8))
    def correct(self, counts: int) -> None:
        away = abs(self.plc.shown - self.plc.kind.cleared)
        if (
            self.is_lost
            or not self.gateway.is_known
            or away < 30
            or (self.plc.kind.stays and self.plc.shown == self.plc.kind.greatest)
        ):
            return
        if not self.plc.kind.lowest <= self.plc.shown - counts * self.plc.kind.step <= self.plc.kind.greatest:
            return
        self.strange += 1
        self.clean = 0
        self.plc.correct(counts)
        for _ in range(3):
            self.look()

    # The line.

    def readings(self, shown: int) -> dict[str, Value]:
        uptime = max(0, int(self.now - self.plc.booted_at))
        return {"good": shown, "button": self.button, "uptime": uptime, "boot": self.plc.boots}

    def look_soon(self) -> None:
        self.look(after_s=0.4)

    def look(self, after_s: float = POLL_S, *, shown: int | None = None, keep: bool = True) -> None:
        """A poll (or what a subscription sends); `keep` False: the gateway dies before it commits."""
        self.now += after_s
        if self.is_lost:
            return
        if not self.gateway.is_known:
            self.tell([DeviceBack(device="plc", at=self.at())])
            self.gateway.is_known = True
            self.sent.clear()
        value = self.plc.shown if shown is None else shown
        found: list[Observation] = []
        same: list[str] = []
        for point, read in self.readings(value).items():
            if self.sent.get(point) == read and type(self.sent.get(point)) is type(read):
                same.append(point)
                if self.driver == "subscribed" or self.tells_unchanged:
                    continue
            self.sent[point] = read
            found.append(Sample("plc", point, read, self.at(), self.at()))
        if same and self.tells_unchanged:
            found.append(Unchanged(device="plc", points=tuple(same), at=self.at()))
        found.append(DeviceAlive(device="plc", at=self.at()))
        self.tell(found, keep=keep)
        if keep:
            self.clean += 1

    def at(self) -> datetime:
        return T0 + timedelta(milliseconds=round(self.now * 1000))

    def tell(self, observations: Sequence[Observation], *, keep: bool = True) -> None:
        self.gateway.observe(observations, self.now)
        if keep:
            self.gateway.commit()

    @rule(polls=st.integers(1, 2))
    def miss_polls(self, polls: int) -> None:
        self.now += polls * POLL_S

    @precondition(lambda self: self.clean >= 3 and self.plc.kept is None and not self.is_lost)
    @rule(value=st.sampled_from((0, 1, 37, 4000, 65000)))
    def spike(self, value: int) -> None:
        """One wrong reading, too far off to be a few pieces."""
        kind = self.plc.kind
        if (value - self.plc.shown) * kind.step % (kind.greatest - kind.lowest + 1) > 10:
            self.wrong(value)

    @precondition(lambda self: self.clean >= 3 and self.plc.kept is None and not self.is_lost)
    @rule()
    def stale(self) -> None:
        """The value before the last one comes once more."""
        if self.plc.kind.lowest <= self.plc.shown - self.plc.kind.step <= self.plc.kind.greatest:
            self.wrong(self.plc.shown - self.plc.kind.step)

    @precondition(lambda self: self.plc.kind.name == "uint32" and self.clean >= 3 and not self.is_lost)
    @rule(new_high=st.booleans())
    def tear(self, new_high: bool) -> None:
        before = self.plc.shown
        while self.piece_at + self.cycle_s > self.now + POLL_S:
            self.look()
        self.one_piece()
        self.wrong(torn(before, self.plc.shown, new_high=new_high))

    def wrong(self, value: int) -> None:
        self.wrongs += 1
        self.look(shown=value)
        self.clean = 0
        self.look()
        self.look()

    @precondition(lambda self: not self.is_lost and self.gateway.is_known)
    @rule()
    def lose(self) -> None:
        self.tell([DeviceLost(device="plc", at=self.at(), reason="no answer")])
        self.is_lost = True

    @precondition(lambda self: self.is_lost)
    @rule(after_s=st.sampled_from((3.0, 40.0, 900.0)), pieces=st.integers(0, 500))
    def find(self, after_s: float, pieces: int) -> None:
        end = self.now + after_s
        for _ in range(pieces):
            if max(self.now, self.piece_at + self.cycle_s) < end:
                self.one_piece()
        self.now = max(self.now, end)
        self.is_lost = False
        self.gateway.is_known = False
        self.clean = 0
        self.look()

    # The gateway.

    @rule(away_s=st.sampled_from((0.5, 20.0)))
    def kill(self, away_s: float) -> None:
        """Killed after a look that was derived and not committed."""
        if not self.is_lost:
            self.look(keep=False)
        self.now += away_s
        self.gateway.start(self.now)
        self.clean = 0

    # The laws.

    def declared(self) -> tuple[int, float]:
        """Least and most that the events say was made.

        A counter that was put back while nobody watched and went on over its old value looks as if it had gone on: that
        is why the gap is declared.
        """
        least, most = 0, 0.0
        for event in self.gateway.events:
            match event:
                case PiecesCounted():
                    least += event.delta if event.least is None else event.least
                    most += event.delta if event.most is None else event.most
                case DataQuestioned(cause=QuestionCause.STEP):
                    assert event.most is not None
                    least += event.least or 0
                    most += event.most
                case DataGapSeen(begin=begin, end=end) if any(begin <= at <= end for at in self.put_back_at):
                    most += 1.5 * (end - begin).total_seconds() / self.cycle_s + 3
                case _:
                    pass
        at_limit = self.plc.kind.stays and self.plc.shown == self.plc.kind.greatest
        return least, math.inf if at_limit else most

    @invariant()
    def total_never_falls(self) -> None:
        totals = [event.total for event in self.gateway.events if isinstance(event, PiecesCounted)]
        assert totals == sorted(totals)
        deltas = [event.delta for event in self.gateway.events if isinstance(event, PiecesCounted)]
        assert totals[-1:] == [sum(deltas)][: len(totals)]

    @invariant()
    def nothing_is_counted_that_was_not_made(self) -> None:
        assert self.declared()[0] <= self.plc.made

    @invariant()
    def every_event_holds_its_own_number(self) -> None:
        for event in self.gateway.events:
            if isinstance(event, PiecesCounted):
                assert (event.least is None) == (event.most is None)
                assert event.least is None or event.least <= event.delta <= (event.most or 0)
                assert event.confidence is Confidence.CERTAIN or event.most is not None

    @invariant()
    def bounds_are_no_wider_than_what_the_machine_can_make(self) -> None:
        for event in self.gateway.events:
            if isinstance(event, PiecesCounted) and event.most is not None and not self.plc.kind.stays:
                window_s = (event.at - event.since).total_seconds()
                assert event.most - (event.least or 0) <= 1.5 * window_s / self.cycle_s + 3

    def settle(self) -> None:
        """The plant stands until everything that was held is decided and everything that was joined is told."""
        if self.is_lost:
            self.find(3.0, 0)
        self.plc.remember()
        for _ in range(14):
            self.look()
        for _ in range(MEMORY_S):
            if not self.is_undecided():
                break
            self.look()

    def is_undecided(self) -> bool:
        """Whether a fall is held that may be a PLC without its memory."""
        saved = self.gateway.saved.get("counter/plc/good")
        return saved is not None and json.loads(saved)["held"] is not None

    @rule()
    def compare(self) -> None:
        self.settle()
        least, most = self.declared()
        assert least <= self.plc.made <= most
        doubted = [event for event in self.counted_in_sight() if event.confidence is Confidence.AMBIGUOUS]
        assert len(doubted) <= 2 * self.strange + self.plc.turns  # a bad line and kills put nothing in doubt
        gaps = [event for event in self.gateway.events if isinstance(event, DataGapSeen)]
        if not self.strange and not self.plc.turns and not self.plc.kind.stays and not gaps:
            assert most - least <= 4 * self.wrongs

    def counted_in_sight(self) -> list[PiecesCounted]:
        """Events of steps that were not in a gap."""
        gaps = [event.end for event in self.gateway.events if isinstance(event, DataGapSeen)]
        counted = [event for event in self.gateway.events if isinstance(event, PiecesCounted)]
        return [event for event in counted if not any(event.since <= end <= event.at for end in gaps)]

    def teardown(self) -> None:
        if hasattr(self, "gateway"):
            self.compare()


TestCounterLaws = CounterLaws.TestCase
TestCounterLaws.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
