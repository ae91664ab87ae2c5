"""Plants whose controllers hold registers, and a map that reads them, right or wrong; chance decides what happens.

Nothing here is shared with what is tested: registers are joined by the few lines of `Reader`, and what a machine does
is drawn piece by piece. The map's text is written from the same `Wiring` that the reader reads by, so that a mistake
planted in it is a mistake of the map, not of the plant.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Observation, Sample

T0 = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
POLL_S = 2.0
IDLE, RUNNING, SETUP = 0, 1, 2


@dataclass(kw_only=True)
class Point:
    """How the map reads one point: protocol address, type (a bool is a coil), order, and the rest of its YAML."""

    address: int
    type: str
    order: str = "ABCD"
    more: str = ""
    shift: int = 0
    """What the map adds to the address by mistake."""

    def yaml(self) -> str:
        table = "coil" if self.type == "bool" else "holding"
        parts = [f"at: {{{table}: {self.address + self.shift}}}"]
        if self.type != "bool":
            parts.append(f"type: {self.type}")
        if self.type in {"uint32", "float32"}:
            parts.append(f"byte_order: {self.order}")
        return ", ".join(filter(None, [*parts, self.more]))


@dataclass(kw_only=True)
class Machine:
    """One machine: when it makes a piece, what its counter does, and what else happens to it."""

    interval_s: float
    jitter: float
    batch_s: float
    start: int
    limit: int
    counts_down: bool
    reset_every: int
    scrap_share: float
    per_piece: int
    max_rate: float | None
    stop_s: tuple[float, float]
    press_s: tuple[float, float] = (4 * POLL_S, 10 * POLL_S)
    """How long the button is held that resets the counter."""


@dataclass(kw_only=True)
class Plant:
    """One controller with the registers of one machine."""

    chance: random.Random
    machine: Machine
    order: str
    registers: dict[int, int] = field(default_factory=dict)
    good: int = 0
    scrap: int = 0
    shown: int = 0
    state: int = RUNNING
    made_in_job: int = 0
    job: int = 1000
    next_piece_s: float = 0.0
    next_batch_s: float = 0.0
    next_turn_s: float = 0.0
    button_until_s: float = -1.0
    bounce_until_s: float = -1.0
    coil: bool = False
    frozen: bool = False

    def __post_init__(self) -> None:
        self.good = self.shown = self.machine.start
        self.next_turn_s = self.chance.uniform(600, 3600)

    def run_until(self, now_s: float) -> None:
        """Everything that happens up to a time."""
        while self.next_piece_s <= now_s:
            if self.state == RUNNING:
                self._make()
            pause = self.machine.interval_s * self.chance.uniform(1 - self.machine.jitter, 1 + self.machine.jitter)
            self.next_piece_s += pause
        if self.next_turn_s <= now_s:
            self._turn(now_s)
        if now_s >= self.next_batch_s:
            self.shown, self.next_batch_s = self.good, now_s + self.machine.batch_s
        if self.machine.reset_every and self.made_in_job >= self.machine.reset_every:
            self.made_in_job, self.good, self.shown = 0, 0, 0
            self.job += 1
            self.button_until_s = now_s + self.chance.uniform(*self.machine.press_s)
        self._write(now_s)

    def _make(self) -> None:
        machine = self.machine
        if self.chance.random() < machine.scrap_share:
            self.scrap += 1
            return
        self.made_in_job += 1
        self.good = (self.good + machine.per_piece) % (machine.limit + 1)

    def _turn(self, now_s: float) -> None:
        self.state = self.chance.choice([IDLE, SETUP]) if self.state == RUNNING else RUNNING
        low, high = self.machine.stop_s if self.state != RUNNING else (600, 5400)
        self.next_turn_s = now_s + self.chance.uniform(low, high)
        if self.chance.random() < 0.2:
            self.bounce_until_s = now_s + POLL_S

    def _write(self, now_s: float) -> None:
        good = 0 if now_s <= self.bounce_until_s else self.shown
        if self.machine.counts_down:
            good = self.machine.limit - good
        if not self.frozen:
            self._put(100, struct.pack(">I", good))
        self._put(102, struct.pack(">I", self.scrap))
        self.registers[104] = self.state
        self.registers[105] = self.job
        self.registers[110] = 0
        if now_s % 30 == 0:
            self.registers[111] = 5000 + self.chance.randrange(-400, 400)  # a pressure
            self._put(108, struct.pack(">f", 21.0 + 4 * self.chance.random()))
        self.registers[112] = int(now_s) % 65536  # an uptime
        self.coil = now_s < self.button_until_s

    def _put(self, address: int, data: bytes) -> None:
        first, second = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
        if self.order in {"BADC", "DCBA"}:
            first, second = (word >> 8 | (word & 0xFF) << 8 for word in (first, second))
        if self.order in {"CDAB", "DCBA"}:
            first, second = second, first
        self.registers[address], self.registers[address + 1] = first, second


FORMS = {"uint32": ">I", "float32": ">f", "uint16": ">H"}


class Reader:
    """Reads a plant as a map says, and tells what changed, as a driver does."""

    def __init__(self, plant: Plant, points: dict[str, Point]) -> None:
        self.plant, self.points = plant, points
        self._last: dict[str, object] = {}

    def poll(self, now_s: float) -> list[Observation]:
        at = T0 + timedelta(seconds=now_s)
        told: list[Observation] = []
        for name, point in self.points.items():
            value = self._value(point)
            if value != self._last.get(name):
                self._last[name] = value
                told.append(Sample("cell", name, value, at, at))
        told.append(DeviceAlive(device="cell", at=at))
        return told

    def forget(self) -> None:
        self._last.clear()

    def _value(self, point: Point) -> float:
        if point.type == "bool":
            return self.plant.coil
        address = point.address + point.shift
        words = [self.plant.registers.get(address, 0)]
        if point.type != "uint16":
            words.append(self.plant.registers.get(address + 1, 0))
            if point.order in {"CDAB", "DCBA"}:
                words.reverse()
        if point.order in {"BADC", "DCBA"}:
            words = [word >> 8 | (word & 0xFF) << 8 for word in words]
        (value,) = struct.unpack(FORMS[point.type], b"".join(word.to_bytes(2, "big") for word in words))
        return value  # type: ignore[no-any-return] # a number


@dataclass(kw_only=True)
class Wiring:
    """A plant and the points by which a map reads it."""

    plant: Plant
    points: dict[str, Point]
    outages: list[tuple[float, float]]
    misreads: float
    """Share of polls in which a register is torn."""

    def map_text(self) -> str:
        lines = [f"      {name}: {{{point.yaml()}}}" for name, point in self.points.items()]
        return "\n".join(
            [
                "version: 1",
                "gateway: {id: gw-1, site: plant-a, timezone: UTC}",
                "devices:",
                "  - id: cell",
                "    protocol: modbus",
                "    host: 10.1.2.3",
                f"    poll: {{fast: {POLL_S:.0f}s}}",
                "    points:",
                *lines,
                "stations:",
                "  CELL: {device: cell, counts: {good: good, scrap: scrap}, state: state}",
                "nodes:",
                "  CUT: {stations: [CELL], work_order: {from: cell/job}, done_when: {good: node.quantity}}",
                "",
            ]
        )

    def observed(self, hours: float) -> Iterator[tuple[datetime, list[Observation]]]:
        """What a driver tells, poll by poll; of an outage, that it began and ended."""
        reader, chance, now_s, is_up = Reader(self.plant, self.points), self.plant.chance, 0.0, False
        while now_s <= hours * 3600:
            self.plant.run_until(now_s)
            at = T0 + timedelta(seconds=now_s)
            is_out = any(begin <= now_s < end for begin, end in self.outages)
            if is_out and is_up:
                is_up = False
                reader.forget()
                yield at, [DeviceLost(device="cell", at=at, reason="silent")]
            elif not is_out:
                told: list[Observation] = [] if is_up else [DeviceBack(device="cell", at=at)]
                is_up = True
                if chance.random() < self.misreads:
                    address = chance.choice([100, 101])
                    kept = self.plant.registers.get(address, 0)
                    self.plant.registers[address] = chance.randrange(65536)
                    told += reader.poll(now_s)
                    self.plant.registers[address] = kept
                else:
                    told += reader.poll(now_s)
                yield at, told
            now_s += POLL_S


def any_machine(chance: random.Random) -> Machine:
    """Slow, usual, fast, in batches, in thousands; with and without resets; started anywhere."""
    interval_s = chance.choice([3.0, 8.0, 25.0, 90.0, 400.0])
    jitter = chance.choice([0.05, 0.4])
    per_piece = chance.choice([1, 1, 1, 1, 2, 12, 256, 1000, 40000])
    limit = chance.choice([2**32 - 1, 2**32 - 1, 65535, 9999, 999_999]) if per_piece < 256 else 2**32 - 1
    near = [0, 65_530, 131_060, 65_536 * 7 + 3, 255, limit - 20, chance.randrange(limit)]
    fastest = per_piece / (interval_s * (1 - jitter))
    rate = None if chance.random() < 0.25 or fastest * 5 > 90_000 else fastest * chance.uniform(1.1, 5)
    batch_s = chance.choice([0.0, 0.0, 45.0, 300.0])
    reset_every = chance.choice([0, 0, 3, 40, 500])
    return Machine(
        interval_s=interval_s,
        jitter=jitter,
        batch_s=batch_s,
        start=min(limit, chance.choice(near)),
        limit=limit,
        counts_down=chance.random() < 0.15,
        reset_every=reset_every if reset_every * interval_s > 2 * batch_s else 0,  # else it would show nothing
        scrap_share=chance.choice([0.0, 0.02, 0.1]),
        per_piece=per_piece,
        max_rate=rate,
        stop_s=chance.choice([(60.0, 900.0), (1200.0, 7200.0)]),
    )


def any_wiring(seed: int, *, machine: Machine | None = None, order: str | None = None) -> Wiring:
    """A healthy plant, read as it should be."""
    chance = random.Random(seed)
    machine = machine or any_machine(chance)
    order = order or chance.choice(["ABCD", "CDAB", "BADC", "DCBA"])
    plant = Plant(chance=chance, machine=machine, order=order)
    rate = "" if machine.max_rate is None else f"max_rate: {max(machine.max_rate * 60, 0.01):.4f}/min, "
    way = "direction: down, " if machine.counts_down else ""
    limit = "" if machine.limit == 2**32 - 1 else f"limit: {machine.limit}, "
    reset = "reset_by: {point: button}, " if chance.random() < 0.5 else ""
    labels = "labels: {0: idle, 1: running, 2: setup}"
    scrap_rate = 60 / machine.interval_s * 3
    points = {
        "good": Point(address=100, type="uint32", order=order, more=f"counter: {{{rate}{way}{limit}{reset}}}"),
        "scrap": Point(address=102, type="uint32", order=order, more=f"counter: {{max_rate: {scrap_rate:.4f}/min}}"),
        "state": Point(address=104, type="uint16", more=labels),
        "job": Point(address=105, type="uint16"),
        "button": Point(address=0, type="bool"),
        "temp": Point(address=108, type="float32", order=order),
    }
    outages = []
    for _ in range(chance.choice([0, 1, 3])):
        begin = chance.uniform(300, 6 * 3600)
        outages.append((begin, begin + chance.choice([20, 200, 2000])))
    return Wiring(plant=plant, points=points, outages=outages, misreads=chance.choice([0.0, 0.0, 0.0005]))


def usual_machine(chance: random.Random) -> Machine:
    """One that makes enough pieces in a shift for a mistake to show."""
    interval_s = chance.choice([3.0, 8.0, 25.0])
    return Machine(
        interval_s=interval_s,
        jitter=chance.choice([0.05, 0.4]),
        batch_s=chance.choice([0.0, 0.0, 45.0]),
        start=chance.choice([0, 17, 65_530, 131_060, chance.randrange(10**6)]),
        limit=2**32 - 1,
        counts_down=False,
        reset_every=chance.choice([0, 0, 40, 500]),
        scrap_share=chance.choice([0.02, 0.1]),
        per_piece=chance.choice([1, 1, 2, 12]),
        max_rate=None,
        stop_s=(60.0, 900.0),
    )
