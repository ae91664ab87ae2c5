"""What polling costs at the edge: our gateway and thingsboard-gateway in turns, on the same devices and broker.

    genba bench edge-poll [--seconds 15] [--rounds 2] [--only modbus,opcua,…] [--quick] [--ours-only]

CPU is what the scheduler counted for all threads of the gateway's process, in nanoseconds; memory is its resident set.
The devices are a Modbus server in C, where the instant of every change follows from the value, and a node-opcua server.
The peer forwards every point to its server; ours derives production from those that mean something and checks the
rest, and the table says what it was given. Everything runs on 127.0.0.1, and everything that is started is ended.

Exit code 2: something that the measurement needs cannot be had; the message says what.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.edge import gateways, thingsboard
from benchmarks.edge.collector import Collector, broker
from benchmarks.edge.loads import SCENES, Bench, measure_scene
from benchmarks.edge.processes import CannotMeasure
from benchmarks.edge.timing import (
    measure_dense,
    measure_latency,
    measure_many,
    measure_overload,
    measure_peer_latency,
    measure_sparse,
)

DEVICES: Final = 16
POINTS: Final = 1000
LATENCY_DEVICES: Final = 10
GOALS: Final = {
    "modbus_cpu_ratio": 0.05,
    "opcua_cpu_ratio": 0.34,
    "idle_cpu_ratio": 0.2,
    "rss_ratio": 0.8,
    "requests_per_block": 1.0,
    "sparse_ratio": 1.2,
    "latency_p99_ms": 40.0,
    "points_16000_late": 0.0,
}
"""The most that a figure may be."""


@dataclass(slots=True)
class Report:
    """The table, and the figures of the last line."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def add(self, *columns: str) -> None:
        """A row of the table."""
        self.rows.append(columns)

    def print(self) -> None:
        """Table, missed goals, last line."""
        widths = [max(len(row[column]) for row in self.rows) for column in range(3)]
        print()
        for row in self.rows:
            print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        missed = [name for name, most in GOALS.items() if name in self.figures and self.figures[name] > most]
        if missed:
            print("\nmissed: " + ", ".join(f"{name} {self.figures[name]:.4g} > {GOALS[name]:g}" for name in missed))
        print("\nedge-poll: " + " ".join(f"{name}={value:.4g}" for name, value in self.figures.items()), flush=True)


def load_part(name: str, bench: Bench, report: Report, *, rounds: int, peers: Sequence[str]) -> None:
    """CPU and memory of one scene, ours and the peer's."""
    scene = next(scene for scene in SCENES if scene.name == name)
    rows = measure_scene(bench, scene, rounds=rounds, peers=peers)
    peer = rows.get(gateways.THEIRS)
    for row, measured in rows.items():
        is_peer = row == gateways.THEIRS
        who = f"{scene.name} {scene.points} points, {gateways.THEIRS if is_peer else gateways.OURS}"
        given = "every point forwarded" if is_peer else scene.given[row]
        cost = f"{measured.cpu * 100:.2f} % of a core, {measured.rss_mb:.0f} MB"
        ratio = "" if is_peer or peer is None else f" (CPU {measured.cpu / peer.cpu:.3f} of the peer's)"
        report.add(who, given, f"{cost}, {measured.rate:.1f} {'values' if is_peer else 'events'}/s{ratio}")
        if not is_peer:
            report.figures[f"{row}_cpu_pct"] = measured.cpu * 100
            if peer is not None:
                report.figures[f"{row}_cpu_ratio"] = measured.cpu / peer.cpu
    if name == "modbus":
        report.figures["rss_mb"] = rows["modbus"].rss_mb
        if peer is not None:
            report.figures["rss_ratio"] = rows["modbus"].rss_mb / peer.rss_mb


def blocks_part(bench: Bench, report: Report) -> None:
    """Requests of a poll."""
    dense, sparse = measure_dense(bench, points=POINTS), measure_sparse(bench)
    report.figures["requests_per_block"] = dense.requests / dense.best_requests
    report.figures["sparse_ratio"] = sparse.requests / sparse.best_requests
    for name, merge in (("dense map", dense), ("sparse map", sparse)):
        report.add(
            f"requests, {name}",
            f"best: {merge.best_requests} requests, {merge.best_registers} registers",
            f"{merge.requests:.1f} requests, {merge.registers:.0f} registers a poll",
        )


def latency_part(bench: Bench, report: Report, *, peers: Sequence[str]) -> None:
    """Register change → MQTT, beyond the wait for the poll."""
    ours = measure_latency(bench, devices=LATENCY_DEVICES, points=POINTS // LATENCY_DEVICES)
    report.figures["latency_p50_ms"] = ours.percentile_ms(0.5)
    report.figures["latency_p99_ms"] = ours.percentile_ms(0.99)
    found = [(gateways.OURS, f"{LATENCY_DEVICES} devices; a station's state: derived, committed, sent", ours)]
    if peers:
        theirs = measure_peer_latency(bench, devices=LATENCY_DEVICES, points=POINTS // LATENCY_DEVICES)
        report.figures["peer_latency_p99_ms"] = theirs.percentile_ms(0.99)
        found.append((gateways.THEIRS, f"{LATENCY_DEVICES} devices; every point forwarded from memory", theirs))
    for who, given, latency in found:
        report.add(
            f"change → MQTT beyond the poll wait, {who}",
            given,
            f"p50 {latency.percentile_ms(0.5):.1f} ms, p99 {latency.percentile_ms(0.99):.1f} ms, "
            f"max {latency.percentile_ms(1.0):.1f} ms of {len(latency.beyond_poll)} changes",
        )


def many_part(bench: Bench, report: Report) -> None:
    """16,000 points at 1 Hz."""
    many = measure_many(bench, devices=DEVICES, points=POINTS)
    report.figures["points_16000_late"] = float(many.polls.late)
    report.figures["points_16000_latest_ms"] = many.polls.latest_s * 1000
    report.figures["points_16000_cpu_pct"] = many.cpu * 100
    report.add(
        f"{DEVICES * POINTS} points at 1 Hz, {gateways.OURS}",
        f"{DEVICES} devices, 20 stations each",
        f"{many.polls.late} of {many.polls.readings} readings late, the latest by {many.polls.latest_s * 1000:.0f} ms; "
        f"{many.cpu * 100:.1f} % of a core, {many.rss_mb:.0f} MB",
    )


def overload_part(bench: Bench, report: Report) -> None:
    """A device that cannot keep up."""
    overload = measure_overload(bench, points=POINTS)
    report.figures["overload_age_s"] = overload.age_s
    report.figures["overload_bound_s"] = overload.bound_s
    report.figures["overload_reported"] = float(overload.is_reported)
    report.add(
        f"overloaded device, {gateways.OURS}",
        f"a poll takes 2 s, its period is 1 s; bound {overload.bound_s:.2f} s",
        f"values at most {overload.age_s:.2f} s old, {'reported' if overload.is_reported else 'NOT REPORTED'}",
    )


PARTS: Final = ("modbus", "opcua", "idle", "blocks", "latency", "many", "overload")


def measure(bench: Bench, parts: Sequence[str], *, rounds: int, peers: Sequence[str]) -> Report:
    """Measure the parts one after the other."""
    report = Report()
    steps: dict[str, Callable[[], None]] = {
        "blocks": lambda: blocks_part(bench, report),
        "latency": lambda: latency_part(bench, report, peers=peers),
        "many": lambda: many_part(bench, report),
        "overload": lambda: overload_part(bench, report),
    }
    for part in parts:
        print(f"measuring {part}", flush=True)
        if part in steps:
            steps[part]()
        else:
            load_part(part, bench, report, rounds=rounds, peers=peers)
    return report


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="genba bench edge-poll", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each gateway is measured (default 15)")
    parser.add_argument("--rounds", type=int, default=2, help="how often ours and the peer take turns (default 2)")
    parser.add_argument("--only", metavar="PART[,PART]", help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s: shows that it works, proves nothing")
    parser.add_argument("--ours-only", action="store_true", help="without the peer; no ratios")
    args = parser.parse_args()
    wanted = args.only.split(",") if args.only else list(PARTS)
    if unknown := [part for part in wanted if part not in PARTS]:
        parser.error(f"--only {','.join(unknown)}: the parts are {', '.join(PARTS)}")
    args.parts = [part for part in PARTS if part in wanted]
    if args.quick:
        args.seconds, args.rounds = 2.0, 1
    return args


def main() -> None:
    """Run the benchmark and print the figures as the last line."""
    args = _arguments()
    peers = [] if args.ours_only else [gateways.THEIRS]
    try:
        if peers:
            thingsboard.installed_python()
        with tempfile.TemporaryDirectory(prefix="genba-bench-") as name:
            folder = Path(name)
            with broker(folder) as mqtt, Collector(mqtt) as collector:
                bench = Bench(
                    folder=folder,
                    mqtt=mqtt,
                    collector=collector,
                    seconds=args.seconds,
                    warm_s=0.5 if args.quick else 5.0,
                )
                report = measure(bench, args.parts, rounds=args.rounds, peers=peers)
    except CannotMeasure as exc:
        print(f"edge-poll cannot measure: {exc}", file=sys.stderr)
        sys.exit(2)
    report.print()


if __name__ == "__main__":
    main()
