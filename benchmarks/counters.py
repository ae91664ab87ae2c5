"""Whether counts can be believed: a simulated plant with every trouble of real counters, ours beside three naive rules.

    genba bench counters [--pieces 10000] [--seeds 2] [--quick]

Eight stations make pieces at an irregular pace, at most at the `max_rate` of their map. Their counters wrap, count
down, go below zero and are reset (20 times), some with evidence and some without; PLCs lose their memory at a boot and
get it back; one poll in twenty is missed; now and then a value is torn, spiked or old. Every reading goes through the
real `Deriver` with a real device map. The truth is kept by the plant, and compared with what the events say whenever
the plant stands: a piece that is off and lies outside of what was declared is an undeclared error.

The naive rules see the same polls, and are spared the wrong values: *delta* (what is more than before), *modulo*
(difference modulo the range), and *drop* (a fall below 90 % is a reset, the new value was made since; a smaller one is
noise).
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

from benchmarks.counting.plant import REGISTERS, Line, Machine, Naive, Register, map_text, plan_of
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, Observation, Sample
from genba_edge.core.watch import Pace
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.events import Confidence, CountMethod, DataQuestioned, PiecesCounted

T0: Final = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
POLL_S: Final = 0.5
MISSED: Final = 0.05  # of all polls
GOALS: Final = {"undeclared_error": 0.0, "ambiguous_share": 0.05, "mean_width": 2.0}


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
            plan=plan_of(numbers, pieces, wraps=wraps),
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
            outcome.naive.read(machine.position)
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
