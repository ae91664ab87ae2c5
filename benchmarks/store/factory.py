"""A factory of 20 stations through the gateway's own derivation: the commits that its outbox is given."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation, Sample, Unchanged
from genba_edge.core.watch import Pace
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, StationDispatch

LINES: Final = 5
STATIONS: Final = 4  # of a line; each line has one PLC
LOT: Final = 20  # pieces of a work order
ORDERS: Final = 100  # work orders that wait for each station
T0: Final = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
LOOK_S: Final = 5  # a device that has nothing new is asked so often
CHECKPOINT_S: Final = 60  # as the gateway does it when nothing happens
DAY_S: Final = 86_400
SHIFTS: Final = ((6 * 3600, 14 * 3600), (14 * 3600, 22 * 3600))
BREAK: Final = (4 * 3600, 4 * 3600 + 1800)  # within a shift
GATEWAY: Final = "gw-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A commit, and at which second of the day it is due."""

    second: int
    commit: Commit


@dataclass(slots=True, kw_only=True)
class _Station:
    device: str
    name: str
    cycle_s: float
    next_s: float = 0.0
    good: int = 0
    scrap: int = 0


class Factory:
    """A plant, second by second, and the derivation of its gateway."""

    def __init__(self, *, epoch: str, next_seq: int = 1, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self.stations = [
            _Station(device=f"plc{line}", name=f"L{line}-{number}", cycle_s=62 + 3.0 * number + line)
            for line in range(LINES)
            for number in range(STATIONS)
        ]
        device_map = load_device_map(Path("plant.yaml"), text=_map_text())
        self._points = {device.id: tuple(device.points) for device in device_map.devices.values()}
        self._deriver = Deriver(
            device_map,
            identity=Identity(gateway=GATEWAY, epoch=epoch, site="plant-a", boot="b" * 32),
            next_seq=next_seq,
            saved={},
            pace=Pace(poll_s=dict.fromkeys(device_map.devices, float(LOOK_S))),
            moment=self._moment(0),
        )
        self._deriver.take_dispatch(_document(device_map), self._moment(0))
        for device in self._points:
            first: list[Observation] = [DeviceBack(device=device, at=T0)]
            first += [
                self._sample(device, name, 200 if name.startswith("t") else 0, 0) for name in self._points[device]
            ]
            self._deriver.observe(first, self._moment(0))

    def day(self) -> Iterator[Made]:
        """24 hours of two shifts: stations with cycles of their own, breaks, stops, scrap, temperatures."""
        checkpoint_at = 0
        for second in range(1, DAY_S):
            moved = self._work(second) if _is_worked(second) else []
            if second % 30 == 0:
                moved += [
                    (device, f"t{each}", 200 + self._random.randrange(40)) for device in self._points for each in (1, 2)
                ]
            commit = self._step(second, moved, is_looked=second % LOOK_S == 0)
            if commit is None and second - checkpoint_at >= CHECKPOINT_S:
                commit = self._deriver.take_checkpoint()
            if commit is not None:
                checkpoint_at = second
                yield Made(second=second, commit=commit)

    def one_by_one(self, count: int) -> Iterator[Made]:
        """A piece each second, each time of the next station: commits of one event."""
        for second in range(1, count + 1):
            station = self.stations[second % len(self.stations)]
            station.good += 1
            commit = self._step(second, [(station.device, f"g{station.name[-1]}", station.good)], is_looked=True)
            if commit is not None:
                yield Made(second=second, commit=commit)

    def all_at_once(self, count: int) -> Iterator[Made]:
        """All 20 stations finish a piece in the same second, each 20 seconds: commits of 20 events."""
        for number in range(1, count + 1):
            for station in self.stations:
                station.good += 1
            moved = [(station.device, f"g{station.name[-1]}", station.good) for station in self.stations]
            for second in range(20 * number - 19, 20 * number + 1):
                commit = self._step(second, moved if second == 20 * number else [], is_looked=True)
                if commit is not None:
                    yield Made(second=second, commit=commit)

    def _work(self, second: int) -> list[tuple[str, str, int]]:
        moved = []
        for station in self.stations:
            if second < station.next_s:
                continue
            is_scrap = self._random.random() < 0.02
            stop_s = 600.0 if self._random.random() < 0.01 else 0.0
            station.next_s = second + station.cycle_s * self._random.uniform(0.8, 1.2) + stop_s
            if is_scrap:
                station.scrap += 1
            else:
                station.good += 1
            point = ("s" if is_scrap else "g") + station.name[-1]
            moved.append((station.device, point, station.scrap if is_scrap else station.good))
        return moved

    def _step(self, second: int, moved: Sequence[tuple[str, str, int]], *, is_looked: bool) -> Commit | None:
        moment = self._moment(second)
        for device, points in self._points.items():
            told: list[Observation] = [
                self._sample(device, name, value, second) for where, name, value in moved if where == device
            ]
            if told or is_looked:
                changed = {name for where, name, _ in moved if where == device}
                rest = tuple(name for name in points if name not in changed)
                told += [
                    Unchanged(device=device, points=rest, at=moment.now),
                    DeviceAlive(device=device, at=moment.now),
                ]
                self._deriver.observe(told, moment)
        self._deriver.pass_time(moment)
        return self._deriver.take_commit()

    @staticmethod
    def _sample(device: str, point: str, value: int, second: int) -> Sample:
        at = T0 + timedelta(seconds=second)
        return Sample(device, point, value, at, at)

    @staticmethod
    def _moment(second: int) -> Moment:
        return Moment(now=T0 + timedelta(seconds=second), mono_ms=second * 1000)


def _is_worked(second: int) -> bool:
    return any(begin <= second < end and not BREAK[0] <= second - begin < BREAK[1] for begin, end in SHIFTS)


def _map_text() -> str:
    lines = ["version: 1", f"gateway: {{id: {GATEWAY}, site: plant-a, timezone: UTC}}", "devices:"]
    counter = "group: fast, type: uint32, counter: {max_rate: 120/min}"
    for line in range(LINES):
        lines += [f"  - id: plc{line}", "    protocol: modbus", f"    host: 127.0.0.1:{5020 + line}"]
        lines += ["    poll: {fast: 5s}", "    points:"]
        for name, first in (("g", 40001), ("s", 40101)):
            lines += [f"      {name}{each}: {{at: {first + 2 * each}, {counter}}}" for each in range(STATIONS)]
        for each in (1, 2):
            lines.append(f"      t{each}: {{at: {40200 + each}, group: fast, type: int16, scale: 0.1, unit: °C}}")
    lines.append("stations:")
    names = [(line, number) for line in range(LINES) for number in range(STATIONS)]
    for line, number in names:
        lines.append(
            f"  L{line}-{number}: {{device: plc{line}, state: {{from: g{number}, idle_after: 5min}}, "
            f"counts: {{good: g{number}, scrap: s{number}}}, environment: plc{line}/t{1 + number % 2}}}"
        )
    lines.append("nodes:")
    lines += [f"  N{line}{number}: {{stations: [L{line}-{number}]}}" for line, number in names]
    return "\n".join(lines)


def _document(device_map: DeviceMap) -> DispatchDocument:
    stations = {}
    work_orders: dict[str, dict[str, int]] = {}
    for station in device_map.stations:
        node = f"N{station[1]}{station[3]}"
        orders = [f"WO-2026-{station[1]}{station[3]}{number:03}" for number in range(ORDERS)]
        rows = tuple(DispatchRow(work_order=order, node=node, quantity=LOT) for order in orders)
        stations[station] = StationDispatch(next=rows)
        work_orders |= {order: {node: LOT} for order in orders}
    return DispatchDocument(version=1, stations=stations, work_orders=work_orders, tags=())
