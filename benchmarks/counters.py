"""Whether counts can be believed: a simulated plant with every trouble of real counters, ours beside three naive rules.

    genba bench counters [--pieces 10000] [--seeds 2] [--quick]

Eight stations make pieces at an irregular pace, at most at the `max_rate` of their map. Their counters wrap, count
down, go below zero and are reset (20 times), some with evidence and some without; PLCs lose their memory at a boot and
get it back; one poll in twenty is missed; now and then a value is torn, spiked or old. Every reading goes through the
real `Deriver` with a real device map. The truth is kept by the plant, and compared with what the events say whenever
the plant stands: a piece that is off and lies outside of what was declared is an undeclared error.

The naive rules see the same readings: *delta* (what is more than before), *modulo* (difference modulo the range), and
*drop* (a fall below 90 % is a reset, the new value was made since; a smaller one is noise).
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation, Sample, Value
from genba_edge.core.watch import Pace
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.events import Confidence, CountMethod, DataQuestioned, PiecesCounted

T0: Final = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
POLL_S: Final = 0.5
RESETS: Final = 20
WRAPS: Final = 5
BOUNCES: Final = 5
MISSED: Final = 0.05  # of all polls
WRONG: Final = 0.001  # of all readings: torn, spiked or old
IN_FLIGHT: Final = 0.05  # of the resets: pressed while the machine runs; the others while it stands
GOALS: Final = {"undeclared_error": 0.0, "ambiguous_share": 0.05, "mean_width": 2.0}


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


def _plan(numbers: random.Random, pieces: int, *, wraps: bool) -> dict[int, str]:
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

    def evidence(self, now_s: float) -> tuple[Value, Value, Value]:
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
    """Three rules that many gateways count by, on the same readings."""

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


@dataclass(slots=True, kw_only=True)
class Told:
    """What the events say of one station."""

    least: int = 0
    most: int = 0
    total: int = 0
    falls: int = 0
    ambiguous: int = 0
    widths: list[int] = field(default_factory=list)
    error: int = 0

    def take(self, event: PiecesCounted | DataQuestioned) -> None:
        """One event."""
        delta = event.delta if isinstance(event, PiecesCounted) else 0
        least = delta if event.least is None else event.least
        most = delta if event.most is None else event.most
        self.total, self.least, self.most = self.total + delta, self.least + least, self.most + most
        if isinstance(event, DataQuestioned) or event.method in _FALLS:
            self.falls += 1
            self.ambiguous += isinstance(event, DataQuestioned) or event.confidence is Confidence.AMBIGUOUS
            if most > least:
                self.widths.append(most - least)

    def compare(self, made: int) -> None:
        """How far the truth lies outside of what was declared."""
        self.error = max(self.error, self.least - made, made - self.most)


_FALLS: Final = frozenset({CountMethod.WRAP, CountMethod.RESET, CountMethod.MANUAL})


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One station in one run."""

    register: Register
    machine: Machine
    told: Told
    naive: Naive


class Run:
    """One plant from its first to its last piece."""

    def __init__(self, device_map: DeviceMap, *, seed: int, pieces: int) -> None:
        self._random = random.Random(seed)
        self._machines = [self._machine(register, pieces) for register in REGISTERS]
        self._lines = [Line(self._random, register) for register in REGISTERS]
        self._names = [register.station.replace("-", "_") for register in REGISTERS]
        self.outcomes = [
            Outcome(register=machine.register, machine=machine, told=Told(), naive=Naive(machine.register.range))
            for machine in self._machines
        ]
        self._of_station = {outcome.register.station.upper(): outcome.told for outcome in self.outcomes}
        self._deriver = Deriver(
            device_map,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=1,
            saved={},
            pace=Pace(poll_s={"plc": POLL_S}),
            moment=Moment(now=T0, mono_ms=0),
        )
        self.polls = self.missed = 0

    def _machine(self, register: Register, pieces: int) -> Machine:
        numbers = random.Random(self._random.random())
        wraps = register.range < 2**32
        return Machine(
            register=register,
            random=numbers,
            pieces=pieces,
            plan=_plan(numbers, pieces, wraps=wraps),
            position=-register.lowest if wraps else 65500,
        )

    def go(self) -> None:
        """Poll until every machine has made its pieces and everything is told."""
        self._observe([DeviceBack(device="plc", at=T0)], 0.0)
        now_s, end_s = 0.0, None
        while end_s is None or now_s < end_s:
            now_s += POLL_S
            self.polls += 1
            for machine in self._machines:
                machine.pass_time(now_s)
            if self._random.random() < MISSED:
                self.missed += 1
                continue
            self._poll(now_s)
            if end_s is None and all(machine.made == machine.pieces for machine in self._machines):
                end_s = now_s + 120  # what was planned for the last piece happens yet

    def _poll(self, now_s: float) -> None:
        at = T0 + timedelta(seconds=now_s + self._random.uniform(0, 0.02))
        found: list[Observation] = []
        for machine, line, name, outcome in zip(self._machines, self._lines, self._names, self.outcomes, strict=True):
            shown = line.read(machine.position)
            outcome.naive.read(machine.register.position(shown))
            found.append(Sample("plc", name, shown, at, at))
            if machine.register.evidence:
                evidence = zip(("button", "uptime", "boot"), machine.evidence(now_s), strict=True)
                found += [Sample("plc", f"{name}_{what}", value, at, at) for what, value in evidence]
        found.append(DeviceAlive(device="plc", at=at))
        self._observe(found, now_s)
        for outcome in self.outcomes:
            if outcome.machine.is_quiet(now_s):
                outcome.told.compare(outcome.machine.made)

    def _observe(self, observations: Sequence[Observation], now_s: float) -> None:
        moment = Moment(now=T0 + timedelta(seconds=now_s), mono_ms=round(now_s * 1000))
        self._deriver.observe(observations, moment)
        self._deriver.pass_time(moment)
        for failure in self._deriver.take_failures():
            raise failure.error
        commit = self._deriver.take_commit()
        for event in commit.events if commit else ():
            if isinstance(event, PiecesCounted | DataQuestioned) and event.station in self._of_station:
                self._of_station[event.station].take(event)


def figures_of(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The figures of some stations."""
    falls = sum(outcome.told.falls for outcome in outcomes)
    widths = [width for outcome in outcomes for width in outcome.told.widths]
    return {
        "undeclared_error": sum(max(0, outcome.told.error) for outcome in outcomes),
        "off": sum(abs(outcome.told.total - outcome.machine.made) for outcome in outcomes),
        "ambiguous_share": sum(outcome.told.ambiguous for outcome in outcomes) / falls,
        "mean_width": sum(widths) / len(widths) if widths else 0.0,
        "bounded_share": len(widths) / falls,
        "falls": falls,
    }


def naive_errors(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Pieces off, by rule."""
    return {
        rule: sum(abs(outcome.naive.totals[rule] - outcome.machine.made) for outcome in outcomes)
        for rule in ("delta", "modulo", "drop")
    }


def _print(outcomes: Sequence[Outcome]) -> None:
    head = ("station", "made", "counted", "declared", "falls", "ambiguous", "mean width", "delta", "modulo", "drop")
    rows = [head]
    for name in dict.fromkeys(outcome.register.station for outcome in outcomes):
        some = [outcome for outcome in outcomes if outcome.register.station == name]
        figures, naive = figures_of(some), naive_errors(some)
        rows.append(
            (
                name,
                f"{sum(outcome.machine.made for outcome in some)}",
                f"{sum(outcome.told.total for outcome in some)}",
                f"{sum(outcome.told.least for outcome in some)}..{sum(outcome.told.most for outcome in some)}",
                f"{figures['falls']:.0f}",
                f"{figures['ambiguous_share']:.1%}",
                f"{figures['mean_width']:.2f}",
                *(f"{naive[rule]} off" for rule in ("delta", "modulo", "drop")),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)))


def measure(*, pieces: int, seeds: int) -> tuple[list[Outcome], dict[str, float]]:
    """All runs, and the figures of the last line."""
    device_map = load_device_map(Path("counters.yaml"), text=map_text())
    runs = [Run(device_map, seed=seed, pieces=pieces) for seed in range(1, seeds + 1)]
    for run in runs:
        run.go()
    outcomes = [outcome for run in runs for outcome in run.outcomes]
    known = figures_of([outcome for outcome in outcomes if outcome.register.evidence])
    bare = figures_of([outcome for outcome in outcomes if not outcome.register.evidence])
    naive = naive_errors(outcomes)
    return outcomes, {
        "undeclared_error": known["undeclared_error"] + bare["undeclared_error"],
        "naive_error": min(naive.values()),
        "ambiguous_share": known["ambiguous_share"],
        "mean_width": known["mean_width"],
        "bounded_share": known["bounded_share"],
        "off": known["off"] + bare["off"],
        "ambiguous_share_bare": bare["ambiguous_share"],
        "mean_width_bare": bare["mean_width"],
        "missed": sum(run.missed for run in runs) / sum(run.polls for run in runs),
    }


def main() -> None:
    """Run the benchmark and print the figures as the last line."""
    parser = argparse.ArgumentParser(prog="genba bench counters", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--pieces", type=int, default=10_000, help="pieces of each station (default 10000)")
    parser.add_argument("--seeds", type=int, default=2, help="how many plants (default 2)")
    parser.add_argument("--quick", action="store_true", help="one plant of 2000 pieces a station")
    args = parser.parse_args()
    if args.quick:
        args.pieces, args.seeds = 2000, 1
    began = time.monotonic()
    outcomes, figures = measure(pieces=args.pieces, seeds=args.seeds)
    _print(outcomes)
    missed = [f"{name} {figures[name]:.3g} > {most:g}" for name, most in GOALS.items() if figures[name] > most]
    if missed:
        print("\nmissed: " + ", ".join(missed))
    print(f"\n{args.seeds} plants of {len(REGISTERS)} stations in {time.monotonic() - began:.0f} s")
    print("\ncounters: " + " ".join(f"{name}={value:.4g}" for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
