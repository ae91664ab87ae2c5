"""A plant with every trouble of real counters: registers, machines, the line to the gateway, and three naive rules.

Shares no code with the gateway; the truth is what the machines made.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

Reading = int | bool
RESETS: Final = 20
WRAPS: Final = 5
BOUNCES: Final = 5
WRONG: Final = 0.001  # of all readings: torn, spiked or old
IN_FLIGHT: Final = 0.05  # of the resets: pressed while the machine runs; the others while it stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """A counter register of the plant, and how the map describes it."""

    station: str
    type: str
    counter: str
    evidence: str
    range: int
    lowest: int = 0
    down: bool = False

    def shown(self, position: int) -> int:
        """What the device shows; positions go up from the lowest value (down: from the greatest one)."""
        return self.range - 1 - position if self.down else position + self.lowest

    def position(self, shown: int) -> int:
        """The other way round."""
        return self.range - 1 - shown if self.down else shown - self.lowest


def _registers() -> tuple[Register, ...]:
    """A range so short that 10,000 pieces wrap five times beside 20 resets; and the ranges of real types."""
    small = "limit: 999"
    return (
        Register(station="button", type="uint16", counter=small, evidence="{point: %s_button}", range=1000),
        Register(station="uptime", type="uint16", counter=small, evidence="{falls: %s_uptime}", range=1000),
        Register(station="boot", type="uint16", counter=small, evidence="{changes: %s_boot}", range=1000),
        Register(station="wide", type="uint32", counter="", evidence="{changes: %s_boot}", range=2**32),
        Register(
            station="signed",
            type="int16",
            counter="limit: 499, lowest: -500",
            evidence="{changes: %s_boot}",
            range=1000,
            lowest=-500,
        ),
        Register(
            station="down",
            type="uint16",
            counter=f"{small}, direction: down",
            evidence="{point: %s_button}",
            range=1000,
            down=True,
        ),
        Register(station="bare", type="uint16", counter=small, evidence="", range=1000),
        Register(station="bare-wide", type="uint32", counter="", evidence="", range=2**32),
    )


REGISTERS: Final = _registers()
RATE_PER_MIN: Final = 30


def map_text(registers: Sequence[Register] = REGISTERS) -> str:
    """The device map of the plant."""
    lines = [
        "version: 1",
        "gateway: {id: gw-1, site: plant-a, timezone: UTC}",
        "devices:",
        "  - id: plc",
        "    protocol: modbus",
        "    host: 127.0.0.1:5020",
        "    poll: {fast: 500ms}",
        "    points:",
    ]
    for number, register in enumerate(registers):
        name, at = register.station.replace("-", "_"), 100 * number
        parts = [f"max_rate: {RATE_PER_MIN}/min", register.counter]
        parts += [f"reset_by: {register.evidence % name}"] if register.evidence else []
        counter = ", ".join(filter(None, parts))
        lines += [
            f"      {name}: {{at: {{holding: {at}}}, type: {register.type}, group: fast, counter: {{{counter}}}}}",
            f"      {name}_button: {{at: {{coil: {at}}}, type: bool, group: fast}}",
            f"      {name}_uptime: {{at: {{holding: {at + 10}}}, type: uint32, group: fast}}",
            f"      {name}_boot: {{at: {{holding: {at + 20}}}, type: uint32, group: fast}}",
        ]
    lines.append("stations:")
    for register in registers:
        name = register.station.replace("-", "_")
        lines.append(f"  {register.station.upper()}: {{device: plc, counts: {{good: {name}}}}}")
    return "\n".join(lines) + "\n"


def plan_of(numbers: random.Random, pieces: int, *, wraps: bool) -> dict[int, str]:
    """At which piece something happens: long runs that wrap and short ones between resets, in any order; and boots."""
    long = 13 * pieces // 100 if wraps else pieces // (RESETS + 1)
    short = (pieces - WRAPS * long) // (RESETS - WRAPS + 1)
    runs = [long] * WRAPS + [short] * (RESETS - WRAPS)
    numbers.shuffle(runs)
    plan: dict[int, str] = {}
    at = 0
    for number, run in enumerate(runs):
        at += run
        plan[at] = "flying" if number < round(RESETS * IN_FLIGHT) else "reset"
    free = [piece for piece in range(20, pieces - 20) if not any(piece + near in plan for near in range(-15, 16))]
    plan.update(dict.fromkeys(numbers.sample(free, BOUNCES), "bounce"))
    return plan


@dataclass(slots=True, kw_only=True)
class Machine:
    """One station of the plant: what it really made, and what its register shows.

    `plan` says at which piece something happens to its counter. Times are seconds since the beginning.
    """

    register: Register
    random: random.Random
    pieces: int
    plan: dict[int, str]
    position: int
    made: int = 0
    next_piece_s: float = 3.0
    reset_at_s: float | None = None
    boot_at_s: float | None = None
    remembers_s: float = 0.0
    kept: int | None = None
    boots: int = 0
    booted_s: float = -5000.0
    button_until_s: float = -1.0
    quiet_since_s: float = 0.0
    wraps: int = 0

    def pass_time(self, now_s: float) -> None:
        """Everything that happens up to `now_s`."""
        if self.boot_at_s is not None and now_s >= self.boot_at_s:
            self._boot(self.boot_at_s)
            self.kept, self.position, self.boot_at_s = self.position, self._origin(), None
        if self.kept is not None and now_s >= self.remembers_s:
            self.position, self.kept, self.quiet_since_s = self.kept, None, now_s
        while True:
            reset_s = self.reset_at_s
            if reset_s is not None and reset_s <= min(now_s, self.next_piece_s):
                self._clear(reset_s)
            elif self.made < self.pieces and self.next_piece_s <= now_s:
                self._make(self.next_piece_s)
            else:
                return

    def is_quiet(self, now_s: float) -> bool:
        """Whether everything that can be known of it must be told by now."""
        waits = self.kept is not None or self.boot_at_s is not None
        return not waits and now_s - self.quiet_since_s > 15

    def evidence(self, now_s: float) -> tuple[Reading, Reading, Reading]:
        """Its reset button, its uptime and its number of boots."""
        return now_s < self.button_until_s, int(now_s - self.booted_s), self.boots

    def _make(self, at_s: float) -> None:
        self.made += 1
        self.position += 1
        self.quiet_since_s = at_s
        if self.position == self.register.range:
            self.position, self.wraps = 0, self.wraps + 1
        cycle_s = 60 / RATE_PER_MIN
        self.next_piece_s = at_s + cycle_s * self.random.choice((1.0, 1.05, 1.2, 1.2, 1.5))
        if self.random.random() < 0.01:  # a short stop
            self.next_piece_s += self.random.uniform(10, 60)
        match self.plan.get(self.made):
            case "reset":  # in set-up
                self.next_piece_s = at_s + self.random.uniform(60, 120)
                self.reset_at_s = at_s + self.random.uniform(20, 45)
            case "flying":
                self.reset_at_s = at_s + self.random.uniform(0.0, 2 * cycle_s)
            case "bounce":
                self.next_piece_s = at_s + 90
                self.boot_at_s = at_s + self.random.uniform(3, 40)
                self.remembers_s = self.boot_at_s + self.random.uniform(0.2, 20)
            case _:
                pass

    def _origin(self) -> int:
        return 0 if self.register.down else -self.register.lowest

    def _clear(self, at_s: float) -> None:
        self.position = self._origin()
        self.reset_at_s = None
        self.button_until_s = at_s + 1.5
        self._boot(at_s)

    def _boot(self, at_s: float) -> None:
        self.boots, self.booted_s, self.quiet_since_s = self.boots + 1, at_s, at_s


@dataclass(slots=True)
class Line:
    """Between PLC and gateway: what a poll reads. Now and then a value is wrong, once."""

    random: random.Random
    register: Register
    before: int = 0
    right_since: int = 0

    def read(self, position: int) -> int:
        """What the device shows, or half of it, or what it showed before, or anything."""
        shown, before = self.register.shown(position), self.before
        self.before, self.right_since = shown, self.right_since + 1
        if self.right_since < 5:
            return shown
        if self.register.range == 2**32 and shown >> 16 != before >> 16 and shown > before:
            self.right_since = 0  # the two words of a 32-bit value are of different moments
            return self.random.choice((shown >> 16 << 16 | before & 0xFFFF, before >> 16 << 16 | shown & 0xFFFF))
        if self.random.random() < WRONG:
            self.right_since = 0
            far = self.register.shown((position + min(self.register.range // 2, 10_000)) % self.register.range)
            return self.random.choice((far, before))
        return shown


@dataclass(slots=True)
class Naive:
    """Three rules that many gateways count by, on the same polls without the wrong values."""

    range: int
    last: int | None = None
    totals: dict[str, int] = field(default_factory=lambda: {"delta": 0, "modulo": 0, "drop": 0})

    def read(self, position: int) -> None:
        """One reading, counted upwards."""
        last, self.last = self.last, position
        if last is None:
            return
        change = position - last
        self.totals["delta"] += max(0, change)
        self.totals["modulo"] += change % self.range
        if change >= 0:
            self.totals["drop"] += change
        elif position < 0.9 * last:
            self.totals["drop"] += position
