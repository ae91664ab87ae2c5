"""Running time from the rhythm of pieces alone, beside what the machines of the simulated plant did."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from genba_cloud.core.facts import timeline, times_of
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation, Sample
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.events import Event, StationState
from genba_sim.happenings import Happening, PieceMade, Result, State, StateChanged
from genba_sim.plant import Plant
from genba_sim.settings import Pace as PlantPace
from genba_sim.settings import PlantSettings, Station

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
END = T0 + timedelta(hours=4)
POLL_S = 5
POINTS = {Station.CUT: "cut", Station.SEW_1: "sewn1", Station.SEW_2: "sewn2", Station.INS: "inspected"}
MAP = load_device_map(
    Path("plant.yaml"),
    text="""
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: cell
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 5s}
    points:
      cut: {at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min}}
      sewn1: {at: 40003, type: uint32, group: fast, counter: {max_rate: 60/min}}
      sewn2: {at: 40005, type: uint32, group: fast, counter: {max_rate: 60/min}}
      inspected: {at: 40007, type: uint32, group: fast, counter: {max_rate: 60/min}}
      again: {at: 40009, type: uint32, group: fast, counter: {max_rate: 60/min}}
stations:
  CUT-1: {device: cell, counts: {good: cut}, state: {from: cut, idle_after: 60s}}
  SEW-1: {device: cell, counts: {good: sewn1}, state: {from: sewn1, idle_after: 60s}}
  SEW-2: {device: cell, counts: {good: sewn2}, state: {from: sewn2, idle_after: 65s}}
  INS-1: {device: cell, counts: {good: inspected, rework: again}, state: {from: inspected, idle_after: 60s}}
""",
)


class Shift:
    """Four hours of the plant, polled every five seconds; nobody looks at its state words."""

    def __init__(self, seed: int) -> None:
        self.counts = Counter(dict.fromkeys([*POINTS.values(), "again"], 0))
        self.changes: dict[Station, list[tuple[datetime, State]]] = {station: [] for station in POINTS}
        self.events: list[Event] = []
        settings = PlantSettings()
        # The state word says running while a finished lot is taken off; no piece comes then, and no rhythm can show it.
        settings = replace(settings, work=replace(settings.work, unload_s=0.0))
        self.plant = Plant(settings, self._hear, origin=T0, seed=seed, pace=PlantPace())
        self._derive()

    def _hear(self, happening: Happening) -> None:
        match happening:
            case PieceMade():
                self.counts["again" if happening.result is Result.REWORK else POINTS[happening.station]] += 1
            case StateChanged():
                self.changes[happening.station].append((happening.at, happening.state))
            case _:
                pass

    def _derive(self) -> None:
        identity = Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32)
        pace, start = Pace(poll_s={"cell": float(POLL_S)}), Moment(now=T0, mono_ms=0)
        deriver = Deriver(MAP, identity=identity, next_seq=1, saved={}, pace=pace, moment=start)
        now = T0
        while now < END:
            now += timedelta(seconds=POLL_S)
            self.plant.run_until(now)
            told: list[Observation] = [Sample("cell", point, count, now, now) for point, count in self.counts.items()]
            if now == T0 + timedelta(seconds=POLL_S):
                told.insert(0, DeviceBack(device="cell", at=now))
            deriver.observe([*told, DeviceAlive(device="cell", at=now)], Moment(now=now, mono_ms=0))
            deriver.pass_time(Moment(now=now, mono_ms=0))
            commit = deriver.take_commit()
            self.events.extend(commit.events if commit is not None else ())

    def ran(self, station: Station) -> timedelta:
        """Running time by the plant's own account."""
        changes = self.changes[station]
        ends = [*(at for at, _ in changes[1:]), END]
        spans = ((at, end) for (at, state), end in zip(changes, ends, strict=True) if state is State.RUNNING)
        return sum((min(end, END) - at for at, end in spans if at < END), timedelta())


@pytest.mark.parametrize("seed", [1, 2])
def test_running_time_from_the_rhythm_is_that_of_the_machines(seed: int) -> None:
    shift = Shift(seed)
    for station in POINTS:
        events = [event for event in shift.events if event.station == station]
        said = times_of(timeline(events, begin=T0, end=END)).of(StationState.RUNNING)
        assert shift.ran(station) > timedelta(hours=1)
        assert abs(said - shift.ran(station)) / (END - T0) < 0.015, station
