"""How much a gateway's store writes to its card, and beside it the limit: the same bytes appended to a plain file.

    genba bench wear [--dir DIR] [--single 600] [--group 150] [--only single,group20,day]

The commits are those of a factory of 20 stations through the gateway's own derivation: events, trails, and the state of
the core that is committed with them. The collector's acknowledgements come back as the uplink writes them, every three
seconds at the most; the store keeps history and moves its write-ahead log into the file as it does in the field.

* `single`: commits of one event; `group20`: commits of 20 events, for each event.
* `day`: 24 hours of two shifts, about 20,000 events.
* `limit_…`: the JSON lines, trails and state of the same commits appended to a file, with an fdatasync for each commit.

Bytes are those that reached the disk, `write_bytes` of /proc/PID/io, so DIR must be on a disk: on a RAM disk they are
0. Commit times are the middle ones, of our CPU time and of the wall.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.store.factory import GATEWAY, Factory, Made
from genba_edge.core.journal import Commit
from genba_edge.outbox import SqliteOutbox
from genba_shared.events import to_line

FLUSH_S: Final = 3  # as the uplink gives acknowledgements to the store
MARK_S: Final = 10  # as the gateway writes them down without a commit
GOALS: Final = {"single_kb": 14.0, "group20_kb": 1.5, "day_mb": 150.0}
"""The most that a figure may be: kB of a commit, kB of an event, MB of a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a stream of commits cost: events, commits, bytes to the disk, middle CPU and wall time of a commit."""

    events: int
    commits: int
    written: int
    cpu_ms: float
    wall_ms: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and the last line."""
    parser = argparse.ArgumentParser(prog="genba bench wear", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="folder on the disk that is measured")
    parser.add_argument("--single", type=int, default=600, help="commits of one event")
    parser.add_argument("--group", type=int, default=150, help="commits of 20 events")
    parser.add_argument("--only", default="single,group20,day", help="of single, group20, day")
    args = parser.parse_args(arguments)
    streams: dict[str, Callable[[Factory], Iterable[Made]]] = {
        "single": lambda factory: factory.one_by_one(args.single),
        "group20": lambda factory: factory.all_at_once(args.group),
        "day": Factory.day,
    }
    figures: dict[str, float] = {}
    print(f"{'':10}{'events':>8}{'commits':>9}{'kB/commit':>11}{'kB/event':>10}{'CPU ms':>8}{'wall ms':>9}")
    for name in args.only.split(","):
        with tempfile.TemporaryDirectory(dir=args.dir, prefix="wear-") as folder:
            made, ours = _ours(streams[name], Path(folder))
            limit = _limit(made, Path(folder) / "plain")
        unit = "mb" if name == "day" else "kb"
        for who, cost in (("", ours), ("limit_", limit)):
            print(f"{who + name:14}{_row(cost)}", flush=True)
            figures[f"{who}{name}_{unit}"] = _figure(name, cost)
    missed = [f"{name} {figures[name]:.2f} > {most}" for name, most in GOALS.items() if figures.get(name, 0) > most]
    if missed:
        print(f"\nmissed: {', '.join(missed)}")
    print("\nwear: " + " ".join(f"{name}={value:.2f}" for name, value in figures.items()), flush=True)
    return 0


def _ours(stream: Callable[[Factory], Iterable[Made]], folder: Path) -> tuple[list[Made], Written]:
    outbox = SqliteOutbox(folder, gateway=GATEWAY)
    mark = outbox.mark()
    made = list(stream(Factory(epoch=mark.epoch, next_seq=mark.next_seq)))
    flush_at = committed_at = 0

    def take(each: Made) -> None:
        nonlocal flush_at, committed_at
        upto = outbox.mark().next_seq - 1  # what was sent before this commit
        if each.second >= flush_at and upto > outbox.mark().acknowledged:
            outbox.acknowledge(upto)
            flush_at = each.second + FLUSH_S
        if each.second - committed_at > MARK_S:
            outbox.keep_mark()
        committed_at = each.second
        outbox.append(each.commit.events, each.commit.state, each.commit.trails)

    return made, _measured(made, take, outbox.close)


def _limit(made: Sequence[Made], path: Path) -> Written:
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def take(each: Made) -> None:
        os.write(file, _plain(each.commit))
        os.fdatasync(file)

    return _measured(made, take, lambda: os.close(file))


def _plain(commit: Commit) -> bytes:
    lines = [to_line(event) for event in commit.events]
    lines += commit.trails.values()
    lines += [f"{key} {value}" for key, value in commit.state.items()]
    return ("\n".join(lines) + "\n").encode()


def _measured(made: Sequence[Made], take: Callable[[Made], None], close: Callable[[], None]) -> Written:
    before, cpu, wall = _write_bytes(), [], []
    for each in made:
        cpu_began, wall_began = time.process_time(), time.perf_counter()
        take(each)
        cpu.append(time.process_time() - cpu_began)
        wall.append(time.perf_counter() - wall_began)
    close()
    return Written(
        events=sum(len(each.commit.events) for each in made),
        commits=len(made),
        written=_write_bytes() - before,
        cpu_ms=statistics.median(cpu) * 1000,
        wall_ms=statistics.median(wall) * 1000,
    )


def _write_bytes() -> int:
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, value = line.partition(": ")
        if name == "write_bytes":
            return int(value)
    raise RuntimeError("/proc/self/io has no write_bytes")


def _row(cost: Written) -> str:
    per_commit, per_event = cost.written / cost.commits / 1000, cost.written / cost.events / 1000
    times = f"{cost.cpu_ms:8.2f}{cost.wall_ms:9.2f}"
    return f"{cost.events:>8,}{cost.commits:>9,}{per_commit:11.2f}{per_event:10.2f}{times}"


def _figure(name: str, cost: Written) -> float:
    match name:
        case "day":
            return cost.written / 1e6
        case "group20":
            return cost.written / cost.events / 1000
        case _:
            return cost.written / cost.commits / 1000


if __name__ == "__main__":
    raise SystemExit(main())
