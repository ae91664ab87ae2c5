"""The truth of a zone lies within the told count, give or take the told error, whatever was reset, silent or killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Observation, Sample
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.events import Confidence, Event, PiecesCounted, WipChanged
from tests.unit.edge.gateway_world import at

MAP = load_device_map(
    Path("plant.yaml"),
    text="""
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: cutter
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 1s}
    points: {made: {at: 40001, type: uint16, group: fast, counter: {max_rate: 60/min}}}
  - id: sewer
    protocol: modbus
    host: 127.0.0.1:5021
    poll: {fast: 1s}
    points: {made: {at: 40001, type: uint16, group: fast, counter: {max_rate: 60/min}}}
stations:
  CUT: {device: cutter, counts: {good: made}}
  SEW: {device: sewer, counts: {good: made}}
zones:
  buffer: {in: CUT/good, out: SEW/good}
""",
)
QUIET_S = 14  # longer than counts are joined


class Happening(StrEnum):
    NOTHING = "nothing"
    CUTTER_SILENT = "cutter silent"
    SEWER_SILENT = "sewer silent"
    BOTH_SILENT = "both silent"
    KILLED = "killed"


class Phase(NamedTuple):
    """Ten seconds of production and some quiet ones. Resets happen before the pieces of the phase."""

    happening: Happening
    cut: int
    sewn: int
    cutter_resets: bool
    sewer_resets: bool


PHASES = st.lists(
    st.builds(
        Phase,
        st.sampled_from(Happening),
        st.integers(0, 10),
        st.integers(0, 10),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@dataclass
class Machine:
    """The truth of one machine: a counter that may be reset once, from a value that no later one reaches."""

    device: str
    shown: int = 1000
    made: int = 0
    was_reset: bool = False

    def reset(self) -> None:
        if not self.was_reset:
            self.shown, self.was_reset = 0, True

    def make(self) -> None:
        self.shown += 1
        self.made += 1


@dataclass
class Line:
    """Two machines, a gateway that reads them each second, and what the gateway told."""

    cutter: Machine = field(default_factory=lambda: Machine("cutter"))
    sewer: Machine = field(default_factory=lambda: Machine("sewer"))
    second: int = 0
    saved: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.deriver = self.start()
        self.see([DeviceBack(device="cutter", at=at(0)), DeviceBack(device="sewer", at=at(0))])
        self.poll()

    def start(self) -> Deriver:
        return Deriver(
            MAP,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=len(self.events) + 1,
            saved=self.saved,
            pace=Pace(poll_s={"cutter": 1.0, "sewer": 1.0}),
            moment=self.moment(),
        )

    def moment(self) -> Moment:
        return Moment(now=at(self.second), mono_ms=0)

    def see(self, observations: list[Observation]) -> None:
        self.deriver.observe(observations, self.moment())
        self.commit()

    def commit(self) -> None:
        assert self.deriver.take_failures() == ()
        commit = self.deriver.take_checkpoint()
        self.events += commit.events
        for key, value in commit.state.items():
            if value is None:
                self.saved.pop(key, None)
            else:
                self.saved[key] = value

    def poll(self) -> None:
        self.second += 1
        now = at(self.second)
        for machine in (self.cutter, self.sewer):
            if machine.device not in self.silent:
                read = Sample(device=machine.device, point="made", value=machine.shown, at=now, seen_at=now)
                self.see([read, DeviceAlive(device=machine.device, at=now)])
        self.deriver.pass_time(self.moment())
        self.commit()

    def silence(self, devices: set[str]) -> None:
        for device in sorted(devices - self.silent):
            self.see([DeviceLost(device=device, at=at(self.second), reason="no answer")])
        back = sorted(self.silent - devices)
        self.silent = devices
        if back:
            self.second += 1
            now = at(self.second)
            for device in back:
                machine = self.cutter if device == "cutter" else self.sewer
                read = Sample(device=device, point="made", value=machine.shown, at=now, seen_at=now)
                self.see([DeviceBack(device=device, at=now), read, DeviceAlive(device=device, at=now)])

    def live_through(self, phase: Phase) -> None:
        silent = {
            Happening.CUTTER_SILENT: {"cutter"},
            Happening.SEWER_SILENT: {"sewer"},
            Happening.BOTH_SILENT: {"cutter", "sewer"},
        }
        self.silence(silent.get(phase.happening, set()))
        if phase.happening is Happening.KILLED:
            self.second += 30
            self.deriver = self.start()
            for device in ("cutter", "sewer"):
                self.see([DeviceBack(device=device, at=at(self.second))])
            self.poll()
        if phase.cutter_resets:
            self.cutter.reset()
        if phase.sewer_resets:
            self.sewer.reset()
        self.poll()
        for second in range(10):
            if second < phase.cut:
                self.cutter.make()
            if second < phase.sewn and self.sewer.made < self.cutter.made:
                self.sewer.make()
            self.poll()
        for _ in range(QUIET_S):
            self.poll()

    @property
    def inside(self) -> int:
        return self.cutter.made - self.sewer.made

    @property
    def told(self) -> tuple[int, int]:
        told = [event for event in self.events if isinstance(event, WipChanged)]
        return (told[-1].count, told[-1].error_estimate) if told else (0, 0)


@settings(max_examples=60, deadline=None)
@given(PHASES)
def test_truth_lies_within_the_told_error(phases: list[Phase]) -> None:
    line = Line()
    for phase in phases:
        line.live_through(phase)
        count, error = line.told
        assert abs(count - line.inside) <= error, (count, error, line.inside, line.second)


@settings(max_examples=60, deadline=None)
@given(PHASES)
def test_error_is_nothing_where_nothing_was_ambiguous_and_nobody_is_silent(phases: list[Phase]) -> None:
    line = Line()
    for phase in phases:
        line.live_through(phase)
    line.silence(set())
    for _ in range(2 * QUIET_S):
        line.poll()
    counted = [event for event in line.events if isinstance(event, PiecesCounted)]
    if all(event.confidence is Confidence.CERTAIN for event in counted):
        assert line.told == (line.inside, 0)
