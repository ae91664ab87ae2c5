"""How many readings one core derives in a second, and beside it the limit: the same readings decoded and left alone.

    genba bench derive [--seconds 2] [--rounds 5] [--only polled,…]

1,000 counters, each of a station of its own that works on a dispatched node, on 10 devices. Four ways in which readings
reach the derivation:

* `polled`: the answers of Modbus blocks, decoded as the driver does, once with every counter one piece further at every
  poll, once with no counter changed;
* `notified`: one sample for each reading, as an OPC UA subscription gives them, again all changed or none.

The limit is the first half of the work alone: bytes to samples for `polled`, the making of the samples for `notified`.
Time is this process's CPU time; limit and derivation take turns. Events are made and taken as for a commit, and the
saved state with them; nothing is written to disk.
"""

from __future__ import annotations

import argparse
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation, Sample
from genba_edge.core.registers import plan_group
from genba_edge.core.watch import Pace
from genba_edge.drivers.modbus_memory import BlockMemory
from genba_shared.device_map import DeviceMap, ModbusDevice, load_device_map
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, StationDispatch

DEVICES: Final = 10
POINTS: Final = 100
T0: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
GOALS: Final = {"unchanged_rate": 200_000.0, "changing_rate": 50_000.0}
"""The least that a figure may be, in readings a second."""

Decode = Callable[[int], Sequence[Sequence[Observation]]]
"""What the drivers tell in one second of the plant, device by device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Readings a second: decoded alone, and decoded and derived."""

    limit: float
    derived: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and the last line."""
    parser = argparse.ArgumentParser(prog="genba bench derive", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU seconds for each figure and round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the middle one counts")
    parser.add_argument("--only", default="polled,notified", help="of polled, notified")
    args = parser.parse_args(arguments)
    figures: dict[str, float] = {}
    print(f"{'':22}{'decoded':>12}{'and derived':>14}{'ratio':>8}   readings a second on one core")
    for change in ("unchanged", "changing"):
        lowest: list[Rates] = []
        for way in args.only.split(","):
            rates = _measure(way, change, seconds=args.seconds, rounds=args.rounds)
            lowest.append(rates)
            ratio = rates.derived / rates.limit
            print(f"{way + ', ' + change:22}{rates.limit:12,.0f}{rates.derived:14,.0f}{ratio:8.2f}", flush=True)
            figures[f"{change}_{way}_rate"] = rates.derived
            figures[f"{change}_{way}_limit"] = rates.limit
        figures[f"{change}_rate"] = min(rates.derived for rates in lowest)
    missed = [f"{name} {figures[name]:,.0f} < {least:,.0f}" for name, least in GOALS.items() if figures[name] < least]
    if missed:
        print(f"\nmissed: {', '.join(missed)}")
    print("\nderive: " + " ".join(f"{name}={value:.0f}" for name, value in figures.items()), flush=True)
    return 0


def _measure(way: str, change: str, *, seconds: float, rounds: int) -> Rates:
    limits, derived = [], []
    for _ in range(rounds):
        plant = _Plant(way, change)
        limits.append(_rate(plant.decode_only, seconds))
        derived.append(_rate(plant.derive, seconds))
    return Rates(limit=sorted(limits)[rounds // 2], derived=sorted(derived)[rounds // 2])


def _rate(turn: Callable[[], None], seconds: float) -> float:
    turn()  # what is only done once
    began = time.process_time()
    turns = 0
    while time.process_time() - began < seconds:
        turn()
        turns += 1
    return turns * DEVICES * POINTS / (time.process_time() - began)


class _Plant:
    """1,000 counters, a clock that goes on by one second a turn, and the derivation."""

    def __init__(self, way: str, change: str) -> None:
        self._step = 1 if change == "changing" else 0
        self._map = load_device_map(Path("plant.yaml"), text=_map_text(way))
        self._decode: Decode = _Polled(self._map).second if way == "polled" else _notified
        self._second = 0
        self._deriver = Deriver(
            self._map,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=1,
            saved={},
            pace=Pace(poll_s=dict.fromkeys(self._map.devices, 1.0) if way == "polled" else {}),
            moment=self._moment(),
        )
        self._deriver.take_dispatch(_document(self._map), self._moment())
        for device in self._map.devices:
            self._deriver.observe((DeviceBack(device=device, at=T0),), self._moment())

    def decode_only(self) -> None:
        """One second of the plant, decoded."""
        self._second += 1
        self._decode(self._second * self._step)

    def derive(self) -> None:
        """One second of the plant, decoded and derived."""
        self._second += 1
        moment = self._moment()
        for observations in self._decode(self._second * self._step):
            stamped = [*observations, DeviceAlive(device=observations[0].device, at=moment.now)]
            self._deriver.observe(stamped, moment)
        self._deriver.pass_time(moment)
        self._deriver.take_commit()

    def _moment(self) -> Moment:
        return Moment(now=T0 + timedelta(seconds=self._second), mono_ms=self._second * 1000)


class _Polled:
    """The answers of a Modbus device to one poll, through the driver's own decoding."""

    def __init__(self, device_map: DeviceMap) -> None:
        self._second = 0
        self._blocks = [
            [BlockMemory(block, device=device.id, bad=lambda name, why: (), good=lambda name: None) for block in blocks]
            for device, blocks in _planned(device_map)
        ]

    def second(self, count: int) -> Sequence[Sequence[Observation]]:
        self._second += 1
        at = T0 + timedelta(seconds=self._second)
        return [
            [each for memory in blocks for each in memory.take(_words(count, memory.block.byte_count), at)]
            for blocks in self._blocks
        ]


def _planned(device_map: DeviceMap) -> list[tuple[ModbusDevice, tuple[object, ...]]]:
    devices = [device for device in device_map.devices.values() if isinstance(device, ModbusDevice)]
    return [(device, plan_group(device, "fast")) for device in devices]


def _words(count: int, byte_count: int) -> bytes:
    """An answer full of counters that all stand at `count`."""
    return struct.pack(">I", count) * (byte_count // 4)


_told_s = 0


def _notified(count: int) -> Sequence[Sequence[Observation]]:
    """What a subscription tells in one second."""
    global _told_s
    _told_s += 1
    at = T0 + timedelta(seconds=_told_s)
    return [[Sample(device, name, count, at, at) for name in _NAMES] for device in _DEVICES]


_NAMES: Final = tuple(f"c{number}" for number in range(POINTS))
_DEVICES: Final = tuple(f"plc{number}" for number in range(DEVICES))


def _map_text(way: str) -> str:
    lines = ["version: 1", "gateway: {id: gw-1, site: plant-a, timezone: UTC}", "devices:"]
    for device in _DEVICES:
        lines.append(f"  - id: {device}")
        if way == "polled":
            lines += ["    protocol: modbus", "    host: 127.0.0.1:5020", "    poll: {fast: 1s}", "    points:"]
        else:
            lines += ["    protocol: opcua", "    url: opc.tcp://127.0.0.1:4840", "    security: {policy: none}"]
            lines.append("    points:")
        for number, name in enumerate(_NAMES):
            where = f"at: {40001 + 2 * number}, group: fast" if way == "polled" else f'node: "ns=2;s={name}"'
            lines.append(f"      {name}: {{{where}, type: uint32, counter: {{max_rate: 120/min}}}}")
    lines.append("stations:")
    stations = [f"{device}-{name}" for device in _DEVICES for name in _NAMES]
    for station in stations:
        device, name = station.split("-")
        lines.append(f"  {station}: {{device: {device}, counts: {{good: {name}}}}}")
    lines += ["nodes:", f"  MAKE: {{stations: [{', '.join(stations)}]}}"]
    return "\n".join(lines)


def _document(device_map: DeviceMap) -> DispatchDocument:
    names = {station: f"WO-{number}" for number, station in enumerate(device_map.stations)}
    quantity = 10**8
    return DispatchDocument(
        version=1,
        stations={
            station: StationDispatch(next=(DispatchRow(work_order=name, node="MAKE", quantity=quantity),))
            for station, name in names.items()
        },
        work_orders={name: {"MAKE": quantity} for name in names.values()},
        tags=(),
    )


if __name__ == "__main__":
    raise SystemExit(main())
