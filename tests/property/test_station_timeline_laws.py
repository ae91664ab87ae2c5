"""Whatever happens to samples, devices, gateway and clock, a timeline shows no state where nobody looked.

The history is made here, with what was observed and what was not; gateway and collector know nothing of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from genba_cloud.core.facts import StateInterval, timeline, times_of
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Quality, Sample
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, StationDispatch
from genba_shared.events import (
    DataGapSeen,
    Event,
    GapCause,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)
from tests.unit.edge.gateway_world import T0, at

POLL_S = 10
IDLE_AFTER_S = 60
MAP = load_device_map(
    Path("plant.yaml"),
    text="""
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: press
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 10s}
    points:
      good: {at: 40001, type: uint32, group: fast, counter: {max_rate: 600/min}}
      state: {at: 40003, type: uint16, group: fast, labels: {0: idle, 1: running, 2: setup, 3: down}}
stations:
  WORD: {device: press, state: state}
  RHYTHM: {device: press, counts: {good: good}, state: {from: good, idle_after: 60s, down_after_cycles: 8}}
nodes:
  PRESS: {stations: [RHYTHM], work_order: {from: dispatch}, done_when: {good: node.quantity}}
""",
)
LABELS = {0: StationState.IDLE, 1: StationState.RUNNING, 2: StationState.SETUP, 3: StationState.DOWN}


@dataclass
class Plant:
    """A gateway that polls a press; beside it the truth: what nobody observed, what was read, when pieces came."""

    now: float = 0.0
    made: int = 0
    word: int = 0
    contact: float | None = None
    is_seen: bool = False
    events: list[Event] = field(default_factory=list)
    saved: dict[str, str] = field(default_factory=dict)
    unobserved: list[tuple[float, float]] = field(default_factory=list)
    words: list[tuple[float, int | None]] = field(default_factory=list)
    pieces: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deriver = self._start()

    def _moment(self) -> Moment:
        return Moment(now=at(self.now), mono_ms=0)

    def _start(self) -> Deriver:
        identity = Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32)
        return Deriver(
            MAP,
            identity=identity,
            next_seq=len(self.events) + 1,
            saved=dict(self.saved),
            pace=Pace(poll_s={"press": float(POLL_S)}),
            moment=self._moment(),
        )

    def dispatch(self) -> None:
        rows = tuple(DispatchRow(work_order=f"WO-{n}", node="PRESS", quantity=3) for n in range(1, 9))
        document = DispatchDocument(
            version=1,
            stations={"RHYTHM": StationDispatch(next=rows)},
            work_orders={row.work_order: {"PRESS": 3} for row in rows},
            tags=(),
        )
        self.deriver.take_dispatch(document, self._moment())
        self._commit()

    def poll(self, *, after_s: float, pieces: int, word: int | None) -> None:
        """Let time pass and read the press; `word` None: its state cannot be read."""
        was_seen = self.is_seen
        self._pass(after_s)
        self.made += pieces
        told: list[Any] = [] if was_seen else [DeviceBack(device="press", at=at(self.now))]
        quality = Quality.BAD if word is None else Quality.GOOD
        told.append(Sample("press", "good", self.made, at(self.now), at(self.now)))
        told.append(Sample("press", "state", word, at(self.now), at(self.now), quality))
        self.deriver.observe([*told, DeviceAlive(device="press", at=at(self.now))], self._moment())
        self._commit()
        if self.contact is not None and (not was_seen or self.now - self.contact > 2 * POLL_S):
            self.unobserved.append((self.contact, self.now))
        elif self.contact is not None and pieces:
            self.pieces.append(self.now)
        self.words.append((self.now, word))
        self.contact, self.is_seen = self.now, True

    def lose(self, *, after_s: float) -> None:
        """The press does not answer any more."""
        self._pass(after_s)
        if self.is_seen:
            self.deriver.observe([DeviceLost(device="press", at=at(self.now), reason="no answer")], self._moment())
            self.is_seen = False
            self._commit()

    def kill(self, *, after_s: float) -> None:
        """The gateway dies, and starts again; it had written down when it last heard of the press."""
        self._keep(self.deriver.take_checkpoint())
        self._pass(after_s, runs=False)
        self.is_seen = False
        self.deriver = self._start()

    def set_clock_back(self, by_s: float) -> None:
        self.now -= by_s
        self.deriver.pass_time(self._moment())
        self._commit()

    def _pass(self, seconds: float, *, runs: bool = True) -> None:
        end = self.now + seconds
        while runs and self.now + 5 < end:
            self.now += 5
            self.deriver.pass_time(self._moment())
            self._commit()
        self.now = end

    def _commit(self) -> None:
        for failure in self.deriver.take_failures():
            raise failure.error
        commit = self.deriver.take_commit()
        if commit is not None:
            self._keep(commit)

    def _keep(self, commit: Commit) -> None:
        self.events.extend(commit.events)
        for key, value in commit.state.items():
            self.saved.pop(key, None)
            if value is not None:
                self.saved[key] = value

    def told(self, station: str) -> list[Event]:
        """What the gateway said that concerns the station."""
        return [event for event in self.events if event.station in (None, station)]


POLLS = st.tuples(
    st.just("poll"),
    st.sampled_from([10, 10, 10, 10, 20, 35]),
    st.sampled_from([0, 0, 1, 1, 2]),
    st.sampled_from([0, 1, 2, 3, 7, None]),
)
TROUBLES = st.tuples(st.sampled_from(["lose", "kill"]), st.sampled_from([5, 45]), st.just(0), st.just(0))
STEPS = st.lists(st.one_of(POLLS, POLLS, POLLS, POLLS, TROUBLES), min_size=2, max_size=40)


def lived(steps: Sequence[tuple[str, int, int, int | None]]) -> Plant:
    plant = Plant()
    plant.dispatch()
    for what, after_s, pieces, word in steps:
        match what:
            case "poll":
                plant.poll(after_s=after_s, pieces=pieces, word=word)
            case "lose":
                plant.lose(after_s=after_s)
            case _:
                plant.kill(after_s=after_s)
    plant.poll(after_s=10, pieces=0, word=1)
    return plant


def assert_whole(intervals: Sequence[StateInterval], begin: datetime, end: datetime) -> None:
    """One piece from begin to end, without overlap, and neighbours that differ."""
    assert (intervals[0].since, intervals[-1].until) == (begin, end)
    for one, following in pairwise(intervals):
        assert one.until == following.since
        assert (one.state, one.reason) != (following.state, following.reason)
    assert all(interval.since < interval.until for interval in intervals)
    assert times_of(intervals).total == end - begin


def known(intervals: Sequence[StateInterval]) -> list[tuple[datetime, datetime, StateInterval]]:
    return [(each.since, each.until, each) for each in intervals if each.state is not StationState.UNKNOWN]


@settings(max_examples=60)
@given(STEPS, st.sampled_from(["WORD", "RHYTHM"]))
@example([("poll", 10, 0, 0), ("poll", 10, 0, 0), ("poll", 35, 0, None)], "WORD")  # bad at the very end of a gap
@example([("poll", 10, 0, 0), ("poll", 10, 1, 0), ("lose", 45, 0, 0), ("poll", 10, 1, 0)], "RHYTHM")
def test_no_state_is_known_where_nobody_looked(steps: list[Any], station: str) -> None:
    plant = lived(steps)
    begin, end = at(0), at(plant.now)
    told = plant.told(station)
    states = [event for event in told if isinstance(event, StationStateChanged)]
    for events in (told, states):  # the state events say it by themselves
        intervals = timeline(events, begin=begin, end=end)
        assert_whole(intervals, begin, end)
        for low, high in plant.unobserved:
            seen = [each for since, until, each in known(intervals) if max(since, at(low)) < min(until, at(high))]
            assert not seen, (low, high, seen)


@settings(max_examples=60)
@given(STEPS)
def test_a_known_state_is_that_of_the_state_word(steps: list[Any]) -> None:
    plant = lived(steps)
    intervals = timeline(plant.told("WORD"), begin=at(0), end=at(plant.now))
    readings = [*plant.words, (plant.now, None)]
    for (since, word), (until, _) in pairwise(readings):
        label = LABELS.get(-1 if word is None else word, StationState.UNKNOWN)
        for low, high, each in known(intervals):
            if max(low, at(since)) < min(high, at(until)):
                assert each.state is label, (since, each)


@settings(max_examples=60)
@given(STEPS)
def test_no_piece_comes_while_a_rhythm_stands_still(steps: list[Any]) -> None:
    plant = lived(steps)
    intervals = timeline(plant.told("RHYTHM"), begin=at(0), end=at(plant.now))
    for since, until, each in known(intervals):
        inside = [second for second in plant.pieces if since < at(second) < until]
        assert each.state is StationState.RUNNING or not inside, (each, inside)
        if each.state is StationState.RUNNING:
            length = (until - since).total_seconds()
            assert length < IDLE_AFTER_S or inside or until == at(plant.now), each


@settings(max_examples=40)
@given(STEPS, st.integers(0, 40), st.sampled_from([7.0, 300.0, 90_000.0]))
def test_a_clock_that_is_set_back_leaves_a_timeline_whole(steps: list[Any], when: int, by_s: float) -> None:
    plant = Plant()
    plant.dispatch()
    begin = at(0)
    for number, (what, after_s, pieces, word) in enumerate(steps):
        if number == when:
            plant.set_clock_back(by_s)
            begin = min(begin, at(plant.now))
        if what == "poll":
            plant.poll(after_s=after_s, pieces=pieces, word=word)
        elif what == "lose":
            plant.lose(after_s=after_s)
        else:
            plant.kill(after_s=after_s)
    end = max([begin + timedelta(seconds=1), at(plant.now), *(event.at for event in plant.events)])
    for station in ("WORD", "RHYTHM"):
        states = [event for event in plant.events if isinstance(event, StationStateChanged)]
        assert all(event.since <= event.at for event in states)
        told = [event.at for event in states if event.station == station]
        assert told == sorted(told)
        assert_whole(timeline(plant.told(station), begin=begin, end=end), begin, end)


SOURCES = st.sampled_from(["press/state", "press/good", "cutter/state"])
MINUTES = st.integers(0, 30).map(lambda minute: T0 + timedelta(minutes=minute))


@st.composite
def any_events(draw: st.DrawFn, number: int) -> Event:
    common: dict[str, Any] = {"at": draw(MINUTES), "id": f"gw:{draw(st.sampled_from(['0', 'f'])) * 32}:{number + 1}"}
    if draw(st.integers(0, 9)) == 0:
        common["id"] = f"00000000-0000-7000-8000-{number:012x}"
    if draw(st.booleans()):
        first, second = sorted((draw(MINUTES), draw(MINUTES)))
        subject = draw(st.sampled_from(["press", "cutter", "gw"]))
        source = Source(type=SourceType.SYSTEM, ref="gw")
        return DataGapSeen(
            **common, source=source, begin=first, end=second, cause=GapCause.CONNECTIVITY, subject=subject
        )
    return StationStateChanged(
        **common,
        source=Source(type=SourceType.PLC, ref=draw(SOURCES)),
        station="S-1",
        state=draw(st.sampled_from(StationState)),
        since=draw(MINUTES),
        reason=draw(st.sampled_from([None, "starved"])),
    )


HISTORIES = st.integers(1, 20).flatmap(lambda size: st.tuples(*(any_events(number) for number in range(size))))


@given(st.data(), HISTORIES)
def test_any_order_and_any_repeats_give_the_same_timeline(data: st.DataObject, history: tuple[Event, ...]) -> None:
    begin, end = T0 + timedelta(minutes=3), T0 + timedelta(minutes=27)
    repeats = data.draw(st.lists(st.sampled_from(history), max_size=5))
    other = data.draw(st.permutations([*history, *repeats]))
    limits = data.draw(st.dictionaries(st.just("gw"), MINUTES))
    told = timeline(history, begin=begin, end=end, known_until=limits)
    assert timeline(other, begin=begin, end=end, known_until=limits) == told
    assert_whole(told, begin, end)
    gaps = [event for event in history if isinstance(event, DataGapSeen) and event.subject == "gw"]
    for since, until, each in known(told):
        assert not [gap for gap in gaps if max(gap.begin, since) < min(gap.end, until)] or not _is_of_gw(history, each)
        assert "gw" not in limits or until <= limits["gw"] or not _is_of_gw(history, each)


def _is_of_gw(history: Sequence[Event], each: StateInterval) -> bool:
    """Whether every event that could have told this interval is the gateway's."""
    able = [event for event in history if isinstance(event, StationStateChanged) and event.state is each.state]
    return all(event.id.startswith("gw:") for event in able)
