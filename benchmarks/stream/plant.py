"""A factory of thirty stations: what its PLCs hold and its readers see, second by second; the same of the same seed.

Six lines of five stations (cutting, three sewing stations, inspection), one PLC a line. Bundles of the work orders
leave the lines through gates with tags on them. Every line measures temperature and humidity.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

LINES: Final = 6
STEPS: Final = ("cut", "sew-a", "sew-b", "sew-c", "ins")
T0: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
QUANTITIES: Final = (24, 36, 48, 60)
ORDERS: Final = 400  # of each line: more than a day needs
BUNDLE: Final = 6
GATES: Final = 2  # into the hand-over zone and out of it
_CYCLE_S: Final = (18.0, 48.0)
_STOP_EACH: Final = 0.015  # of the pieces are followed by a stop
_SCRAP: Final = 0.02


def device_map() -> str:
    """The map of the gateway of this factory."""
    lines = ["version: 1", "gateway: {id: gw-suzhou-01, site: suzhou-a, timezone: Asia/Shanghai}", "devices:"]
    for line in range(1, LINES + 1):
        lines += [
            f"  - id: line{line}",
            "    protocol: modbus",
            f"    host: 10.1.2.{line}:502",
            "    poll: {fast: 1s}",
            "    points:",
        ]
        for number, step in enumerate(STEPS):
            name, at = step.replace("-", "_"), 10 * number
            lines += [
                f"      {name}_good: {{at: {{holding: {at}}}, type: uint32, counter: {{max_rate: 12/min}}}}",
                f"      {name}_scrap: {{at: {{holding: {at + 2}}}, type: uint32, counter: {{max_rate: 12/min}}}}",
                f"      {name}_state: {{at: {{holding: {at + 4}}}, bit: 3, labels: {{0: idle, 1: running}}}}",
            ]
        lines += [
            '      temp: {at: {holding: 100}, type: int16, scale: 0.1, unit: "°C"}',
            '      humidity: {at: {holding: 101}, type: int16, scale: 0.1, unit: "%"}',
        ]
    antennas = ", ".join(
        f"{GATES * (line - 1) + gate}: {{read_point: l{line}-{('in', 'out')[gate - 1]}}}"
        for line in range(1, LINES + 1)
        for gate in range(1, GATES + 1)
    )
    lines += [
        "  - id: gates",
        "    protocol: llrp",
        "    host: 10.1.2.40",
        f"    antennas: {{{antennas}}}",
        '    tags: {accept: "^3034"}',
        "stations:",
    ]
    for line in range(1, LINES + 1):
        for step in STEPS:
            name = step.replace("-", "_")
            counts = f"counts: {{good: {name}_good, scrap: {name}_scrap}}, state: {name}_state"
            climate = f"environment: [line{line}/temp, line{line}/humidity]"
            lines.append(f"  {station(line, step)}: {{device: line{line}, {counts}, {climate}}}")
    lines.append("zones:")
    lines += [
        f"  handover-{line}: {{enter: gates/l{line}-in, leave: gates/l{line}-out}}" for line in range(1, LINES + 1)
    ]
    lines.append("nodes:")
    lines += [
        f"  {node(line, step)}: {{stations: [{station(line, step)}]}}" for line in range(1, LINES + 1) for step in STEPS
    ]
    return "\n".join(lines) + "\n"


def station(line: int, step: str) -> str:
    """The name of a station."""
    return f"L{line}-{step.upper()}"


def node(line: int, step: str) -> str:
    """The name of the node that a station makes."""
    return f"{step.upper()}-{line}"


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a line makes one after the other, with a tag on each bundle."""

    name: str
    line: int
    quantity: int
    tags: tuple[str, ...]


def work_orders(seed: int) -> list[WorkOrder]:
    """The work orders of all lines."""
    chance = random.Random(seed)
    found = []
    for line in range(1, LINES + 1):
        for number in range(ORDERS):
            quantity = chance.choice(QUANTITIES)
            tags = tuple(f"3034{chance.getrandbits(80):020x}" for _ in range(quantity // BUNDLE))
            found.append(WorkOrder(f"WO-26{line}{number:04d}", line, quantity, tags))
    return found


@dataclass(slots=True, kw_only=True)
class Machine:
    """One station: its counters and its state bit."""

    chance: random.Random
    cycle_s: float
    good: int
    scrap: int = 0
    is_running: bool = True
    next_s: float = 0.0
    resumes_s: float = 0.0
    until_full: int = field(default=BUNDLE)

    def pass_second(self, second: int) -> int:
        """What happens up to this second; how many bundles became full in it."""
        full = 0
        if not self.is_running and second >= self.resumes_s:
            self.is_running = True
            self.next_s = self.resumes_s + self.cycle_s
        while self.is_running and self.next_s <= second:
            if self.chance.random() < _SCRAP:
                self.scrap += 1
            else:
                self.good += 1
                self.until_full -= 1
                if not self.until_full:
                    full, self.until_full = full + 1, BUNDLE
            self.next_s += self.cycle_s * self.chance.uniform(0.85, 1.3)
            if self.chance.random() < _STOP_EACH:
                self.is_running = False
                self.resumes_s = self.next_s + self.chance.expovariate(1 / 240)
        return full


@dataclass(frozen=True, slots=True)
class Crossing:
    """A tag in the field of an antenna during some seconds."""

    tag: str
    antenna: int
    begin_s: float
    end_s: float


class Plant:
    """All machines, tags and sensors."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed + 1)
        self.machines = {
            (line, step): Machine(
                chance=random.Random(f"{seed}/{line}/{step}"),
                cycle_s=self._chance.uniform(*_CYCLE_S),
                good=self._chance.randrange(200_000),
                next_s=self._chance.uniform(0, 30),
            )
            for line in range(1, LINES + 1)
            for step in STEPS
        }
        self._climate = {line: [self._chance.randint(215, 240), self._chance.randint(480, 560)] for line in self.lines}
        self._to_pass = {
            line: iter([tag for order in work_orders(seed) if order.line == line for tag in order.tags])
            for line in self.lines
        }

    @property
    def lines(self) -> range:
        """The numbers of the lines."""
        return range(1, LINES + 1)

    def registers(self, line: int) -> dict[int, int]:
        """The words of a line's PLC by address."""
        words: dict[int, int] = {}
        for number, step in enumerate(STEPS):
            machine, at = self.machines[line, step], 10 * number
            for place, value in ((at, machine.good), (at + 2, machine.scrap)):
                words[place], words[place + 1] = value >> 16, value & 0xFFFF
            words[at + 4] = machine.is_running << 3
        words[100], words[101] = self._climate[line]
        return words

    def pass_second(self, second: int) -> Iterator[Crossing]:
        """Everything that happens up to this second; the tags that begin to cross."""
        for (line, step), machine in self.machines.items():
            for _ in range(machine.pass_second(second)):
                if step == STEPS[-1]:
                    yield from self._send_on(line, second)
        for climate in self._climate.values():
            for place in (0, 1):
                if self._chance.random() < 0.05:
                    climate[place] += self._chance.choice((-1, 1))

    def _send_on(self, line: int, second: int) -> Iterator[Crossing]:
        tag = next(self._to_pass[line])
        begin_s = second + self._chance.uniform(20, 60)
        for gate in range(1, GATES + 1):
            yield Crossing(tag, GATES * (line - 1) + gate, begin_s, begin_s + self._chance.uniform(2, 5))
            begin_s += self._chance.uniform(120, 1200)


def instant(second: float) -> datetime:
    """A second of the plant as a time."""
    return T0 + timedelta(milliseconds=round(second * 1000))
