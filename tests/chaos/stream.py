"""What the gateways of a campaign say: events that the real derivation makes of a plant, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from genba_edge.app.pace import pace_of
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Observation, Sample, TagRead, Unchanged
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, StationDispatch, TagBinding
from genba_shared.events import Event

BEGIN: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
NO_EPOCH: Final = "e" * 32
"""Stands for the epoch of the outbox, which is random and known only when the outbox is there."""
MACHINES: Final = 4
QUANTITY: Final = 60
CYCLE_S: Final = 4.0
_STATES: Final = {0: "idle", 1: "running", 2: "setup"}
_MACHINE: Final = """
  - id: m{n}
    protocol: modbus
    host: 127.0.0.{n}:502
    poll: {{fast: 1s}}
    points:
      good: {{at: 40001, type: uint16, counter: {{max_rate: 60/min}}}}
      scrap: {{at: 40002, type: uint16, counter: {{max_rate: 60/min}}}}
      state: {{at: 40003, type: uint16, labels: {{0: idle, 1: running, 2: setup}}}}"""
_GATE: Final = """
  - id: gate
    protocol: llrp
    host: 127.0.0.1:5084
    antennas: {{1: {{read_point: {gateway}-in}}, 2: {{read_point: {gateway}-out}}}}
    presence: {{min_reads: 1, depart_after: 5s, move_margin: 6dB}}"""


@dataclass(slots=True)
class _Machine:
    """What one machine does: 20 to 200 seconds of work, then it stands or is set up."""

    chance: random.Random
    good: int = 65_000  # wraps within the first hour
    scrap: int = 0
    state: int = 0
    next_piece_s: float = 0.0
    next_change_s: float = 0.0
    shown: dict[str, int] = field(default_factory=dict)

    def work(self, second: int) -> None:
        if second >= self.next_change_s:
            self.state = self.chance.choice((0, 2)) if self.state == 1 else 1
            self.next_change_s = second + self.chance.uniform(20, 200) / (1 if self.state == 1 else 4)
        while self.state == 1 and self.next_piece_s <= second:
            self.next_piece_s = max(self.next_piece_s, second - CYCLE_S) + CYCLE_S * self.chance.uniform(0.7, 1.3)
            if self.chance.random() < 0.03:
                self.scrap += 1
            else:
                self.good = (self.good + 1) % 65_536

    def observed(self, device: str, at: datetime) -> list[Observation]:
        values = {"good": self.good, "scrap": self.scrap, "state": self.state}
        same = tuple(point for point, value in values.items() if self.shown.get(point) == value)
        told: list[Observation] = [
            Sample(device=device, point=point, value=value, at=at, seen_at=at)
            for point, value in values.items()
            if point not in same
        ]
        if same:
            told.append(Unchanged(device=device, points=same, at=at))
        self.shown = values
        return [*told, DeviceAlive(device=device, at=at)]


def device_map(gateway: str) -> DeviceMap:
    """Four machines, each a station with a node of its own, and a gate whose tags enter and leave a zone."""
    machines = range(1, MACHINES + 1)
    text = f"version: 1\ngateway: {{id: {gateway}, site: plant-a, timezone: UTC}}\ndevices:"
    text += "".join(_MACHINE.format(n=n) for n in machines) + _GATE.format(gateway=gateway) + "\nstations:\n"
    text += "".join(
        f"  {gateway}-{n}: {{device: m{n}, counts: {{good: good, scrap: scrap}}, state: state}}\n" for n in machines
    )
    text += f"zones:\n  {gateway}-hall: {{enter: [gate/{gateway}-in], leave: [gate/{gateway}-out]}}\nnodes:\n"
    done = "done_when: {good: node.quantity}"
    text += "".join(
        f"  N{n}: {{stations: [{gateway}-{n}], work_order: {{from: dispatch}}, {done}}}\n" for n in machines
    )
    return load_device_map(Path("plant.yaml"), text=text)


def work_order(gateway: str, number: int) -> str:
    """The name of the gateway's work order with this number, from 0."""
    return f"WO-{gateway}-{number}"


def work_orders(events: int) -> int:
    """How many work orders a gateway has listed, so that a stream of so many events does not run out of them."""
    return 2 + events // 60


def events_of(gateway: str, *, seed: int, count: int) -> list[Event]:
    """The first `count` events of a gateway; their ids have the epoch `NO_EPOCH` and the seqs 1, 2, 3 …"""
    told = _derived(gateway, random.Random(f"{gateway} {seed}"), count)
    return [event for event, _ in zip(told, range(count), strict=False)]


def _derived(gateway: str, chance: random.Random, count: int) -> Iterator[Event]:
    the_map = device_map(gateway)
    deriver = Deriver(
        the_map,
        identity=Identity(gateway=gateway, epoch=NO_EPOCH, site="plant-a", boot="b" * 32),
        next_seq=1,
        saved={},
        pace=pace_of(the_map, 1.0),
        moment=_moment(0),
    )
    deriver.take_dispatch(_dispatch(gateway, count), _moment(0))
    machines = {f"m{n}": _Machine(chance=random.Random(chance.random())) for n in range(1, MACHINES + 1)}
    tags = _tag_reads(gateway, chance)
    away: dict[str, int] = {}
    second = 0
    while True:
        for device, machine in machines.items():
            machine.work(second)
            deriver.observe(_heard(device, machine, away, chance, second), _moment(second))
        at = BEGIN + timedelta(seconds=second)
        gate: list[Observation] = [DeviceBack(device="gate", at=at)] if second == 0 else []
        deriver.observe([*gate, *next(tags), DeviceAlive(device="gate", at=at)], _moment(second))
        deriver.pass_time(_moment(second))
        commit = deriver.take_commit()
        if commit is not None:
            yield from commit.events
        second += 1


def _heard(
    device: str, machine: _Machine, away: dict[str, int], chance: random.Random, second: int
) -> list[Observation]:
    """What the gateway hears of a machine; now and then the machine does not answer for a while."""
    at = BEGIN + timedelta(seconds=second)
    if device in away:
        if second < away[device]:
            return []
        del away[device]
        return [DeviceBack(device=device, at=at), *machine.observed(device, at)]
    if second and chance.random() < 1 / 1500:
        away[device] = second + chance.randint(5, 40)
        return [DeviceLost(device=device, at=at, reason="no answer")]
    first: list[Observation] = [] if second else [DeviceBack(device=device, at=at)]
    return [*first, *machine.observed(device, at)]


def _tag_reads(gateway: str, chance: random.Random) -> Iterator[list[Observation]]:
    """Second by second: every 15 seconds or so a tag enters, and leaves some minutes later."""
    leaving: list[tuple[int, str]] = []
    second = number = 0
    while True:
        at = BEGIN + timedelta(seconds=second)
        reads: list[Observation] = []
        if chance.random() < 1 / 15:
            tag = _tag(gateway, number)
            reads.append(_read(tag, 1, at))
            leaving.append((second + chance.randint(60, 400), tag))
            number += 1
        reads += [_read(tag, 2, at) for due, tag in leaving if due == second]
        leaving = [(due, tag) for due, tag in leaving if due > second]
        yield reads
        second += 1


def _read(tag: str, antenna: int, at: datetime) -> TagRead:
    return TagRead(
        device="gate", antenna=antenna, tag=tag, first_seen=at, last_seen=at, seen_at=at, reads=4, rssi_dbm=-55.0
    )


def _tag(gateway: str, number: int) -> str:
    return f"{gateway.encode().hex()}{number:06x}"


def _dispatch(gateway: str, count: int) -> DispatchDocument:
    names = [work_order(gateway, number) for number in range(work_orders(count))]
    nodes = [f"N{n}" for n in range(1, MACHINES + 1)]
    return DispatchDocument(
        version=1,
        stations={
            f"{gateway}-{n}": StationDispatch(
                next=tuple(DispatchRow(work_order=name, node=f"N{n}", quantity=QUANTITY) for name in names)
            )
            for n in range(1, MACHINES + 1)
        },
        work_orders={name: dict.fromkeys(nodes, QUANTITY) for name in names},
        tags=tuple(
            TagBinding(tag=_tag(gateway, number), work_order=names[number % len(names)], pieces=5, since=BEGIN)
            for number in range(count)
        ),
    )


def _moment(second: int) -> Moment:
    return Moment(now=BEGIN + timedelta(seconds=second, milliseconds=3), mono_ms=1000 * second)
