"""How many events a second the collector takes, beside the bare insert of the same rows with the same durability.

    genba bench ingest [--only sqlite,postgres,small,rebuild,fleet] [--batches 20] [--rounds 3] [--seconds 60]

A stream of twenty factories (counts, passages, completions, states, environment), made by the gateways' own journal and
uplink. Ours is everything from an envelope's bytes to its acknowledgement: decode, check, log, chain, views, commit.

* `sqlite`, `postgres`: batches of 1,000 events, one commit each. Ours and the limit take turns in one run; the limit is
  the idempotent insert of the same columns through the driver alone. What was taken is then looked for, event by event.
* `small`: envelopes of 5 events, 800 of them waiting at a time, on SQLite.
* `rebuild`: all views folded again from that log.
* `fleet`: 1,000 gateways, each with a connection of its own to the embedded broker, send 5,000 events a second to
  `genba cloud serve`: from publishing an envelope to its acknowledgement, which follows the commit.

Times are by the clock; beside them stands the CPU time of this process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from benchmarks.intake.collector import take
from benchmarks.intake.factories import START, Stream
from benchmarks.intake.fleet import run_fleet, show
from benchmarks.intake.limits import Limit, PostgresLimit, Row, SqliteLimit, rows_of
from genba_cloud.app.garbage import look_seldom
from genba_cloud.ledger import Ledger, rebuild, verify
from genba_cloud.store import SqliteStore, Store, open_store
from genba_cloud.store.read import EventFilter, Reads
from genba_shared.events import Event
from tests.peers.postgres import PostgresServer, find_programs

FACTORIES: Final = 20
SIZE: Final = 1000
SMALL: Final = 5
WAITING: Final = 800
GATEWAYS: Final = 1000
FLEET_RATE: Final = 5000.0
SECTIONS: Final = ("sqlite", "postgres", "small", "rebuild", "fleet")
GOALS: Final = {"sqlite_ratio": 0.15, "postgres_ratio": 0.25, "small_rate": 10_000.0, "rebuild_rate": 30_000.0}
"""The least that a figure may be; ratios are shares of the limit, rates are events a second."""
MOST: Final = {"commit_p99_ms": 1000.0, "fleet_lost": 0.0}
"""The most that a figure may be."""


@dataclass(slots=True)
class Clock:
    """Seconds by the clock and of CPU that something took in all."""

    events: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    rates: list[float] = field(default_factory=list)

    @contextmanager
    def running(self, events: int) -> Iterator[None]:
        """Time the block, in which so many events are taken."""
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall_s = time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu
        self.wall_s += wall_s
        self.events += events
        self.rates.append(events / wall_s)

    @property
    def rate(self) -> float:
        """Events a second: the middle round."""
        return statistics.median(self.rates)

    def line(self, name: str) -> str:
        """A row of the table."""
        cpu_us = self.cpu_s / self.events * 1e6
        return f"{name:<34} {self.rate:>12,.0f} {self.wall_s / self.events * 1e6:>10.1f} {cpu_us:>10.1f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    batches: int
    rounds: int
    seconds: float = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and the last line."""
    parser = argparse.ArgumentParser(prog="genba bench ingest", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--batches", type=int, default=20, help="batches of 1,000 events for each figure and round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the middle one counts")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the fleet sends; default 60")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    args = parser.parse_args(arguments)
    wanted = args.only.split(",")
    unknown = set(wanted) - set(SECTIONS)
    if unknown:
        parser.error(f"--only {', '.join(sorted(unknown))}: write {', '.join(SECTIONS)}")
    look_seldom()  # as the command does
    figures = measure(wanted, Effort(batches=args.batches, rounds=args.rounds, seconds=args.seconds))
    print()
    for name, goal in GOALS.items():
        if name in figures and figures[name] < goal:
            print(f"{name}: {figures[name]:.3g} is below the goal of {goal:g}")
    for name, goal in MOST.items():
        if name in figures and figures[name] > goal:
            print(f"{name}: {figures[name]:.3g} is above the goal of {goal:g}")
    print(f"ingest: {' '.join(f'{name}={_written(value)}' for name, value in figures.items())}")
    return 0


def _written(value: float) -> str:
    return f"{value:.3f}" if 0 < value < 10 else f"{value:.0f}"


def measure(sections: Sequence[str], effort: Effort) -> dict[str, float]:
    """The figures of the last line."""
    print(f"{'':<34} {'events/s':>12} {'µs/event':>10} {'CPU µs':>10}")
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if "sqlite" in sections:
            figures["sqlite_ratio"] = asyncio.run(_sqlite(Path(folder), effort))
        if "postgres" in sections:
            ratio = _postgres(Path(folder), effort)
            figures |= {} if ratio is None else {"postgres_ratio": ratio}
        if "small" in sections or "rebuild" in sections:
            small = Path(folder) / "small"
            rate = asyncio.run(_small(small, effort))
            figures |= {"small_rate": rate} if "small" in sections else {}
            figures |= {"rebuild_rate": _rebuild(small, effort)} if "rebuild" in sections else {}
    if "fleet" in sections:
        result = run_fleet(gateways=GATEWAYS, rate=FLEET_RATE, seconds=effort.seconds)
        show(result)
        figures |= {"commit_p99_ms": result.percentile(0.99), "fleet_lost": float(result.sent - result.in_log)}
    return figures


async def _sqlite(folder: Path, effort: Effort) -> float:
    limit = SqliteLimit(folder / "bare.db")
    store = SqliteStore(folder / "ours")
    try:
        return await _against({"INSERT OR IGNORE": limit}, store, effort, name="SQLite")
    finally:
        limit.close()
        store.close()


def _postgres(folder: Path, effort: Effort) -> float | None:
    programs = find_programs()
    if programs is None:
        print("PostgreSQL is not installed: left out")
        return None
    with PostgresServer(programs) as server, ExitStack() as undo:
        url = server.database()
        limits = PostgresLimit.ways(url)
        for limit in limits.values():
            undo.callback(limit.close)
        store = open_store(folder, url)
        undo.callback(store.close)
        return asyncio.run(_against(limits, store, effort, name="PostgreSQL"))


async def _against(
    limits: dict[str, PostgresLimit] | dict[str, SqliteLimit], store: Store, effort: Effort, *, name: str
) -> float:
    """Ours beside the limit, in turns; what ours took is then looked for."""
    stream = Stream(factories=FACTORIES, size=SIZE)
    rounds = [stream.take(effort.batches) for _ in range(effort.rounds + 1)]  # the first one warms up
    ours, theirs = Clock(), {way: Clock() for way in limits}
    async with Ledger(store, now=lambda: START + timedelta(hours=12)) as ledger:
        await _post_orders(ledger, stream)
        position = ledger.reads.last_position()
        for number, batches in enumerate(rounds):
            rows = [rows_of(batch.events, first=1) for batch in batches]
            for way, limit in limits.items():
                with (theirs[way] if number else Clock()).running(SIZE * len(rows)):
                    _insert(limit, rows)
            with (ours if number else Clock()).running(SIZE * len(batches)):
                for batch in batches:
                    await take(ledger, batch.messages, now=START)
        await asyncio.to_thread(
            _look_for,
            ledger.reads,
            [event for batches in rounds for batch in batches for event in batch.events],
            position,
        )
    for way, clock in theirs.items():
        print(clock.line(f"{name}: {way}"))
    print(ours.line(f"{name}: genba"))
    return statistics.median(
        mine / max(clock.rates[number] for clock in theirs.values()) for number, mine in enumerate(ours.rates)
    )


def _insert(limit: Limit, batches: Sequence[Sequence[Row]]) -> None:
    for rows in batches:
        limit.insert(rows)


async def _post_orders(ledger: Ledger, stream: Stream) -> None:
    """The plans are there before the work: posted by the planners, long ago."""
    plans = list(stream.orders())
    for start in range(0, len(plans), WAITING):
        await asyncio.gather(*(ledger.upsert_order(plan) for plan in plans[start : start + WAITING]))


def _look_for(reads: Reads, events: Sequence[Event], position: int) -> None:
    """Every event is there, in order; and some of them are found by what they are about."""
    found: list[Event] = []
    after: int | None = position
    while after is not None:
        page = reads.events(after=after, limit=5000)
        found += [row.event for row in page.items]
        after = page.next
    assert found == list(events), "the log does not hold what was sent"
    for event in events[:: max(1, len(events) // 50)]:
        for where in _ways_to(event):
            last: int = 0
            assert any(row.event == event for row in reads.events(after=last, limit=len(events), where=where).items)


def _ways_to(event: Event) -> Iterator[EventFilter]:
    yield EventFilter(kinds=[event.kind], gateway=event.id.partition(":")[0])
    if event.station is not None:
        yield EventFilter(station=event.station)
    if event.work_order is not None:
        yield EventFilter(work_order=event.work_order)


async def _small(folder: Path, effort: Effort) -> float:
    """Envelopes of five events, always so many of them waiting."""
    stream = Stream(factories=FACTORIES, size=SMALL)
    count = effort.batches * SIZE // SMALL
    rounds = [stream.take(count) for _ in range(effort.rounds + 1)]
    clock = Clock()
    store = SqliteStore(folder)
    async with Ledger(store, now=lambda: START + timedelta(hours=12)) as ledger:
        await _post_orders(ledger, stream)
        for number, batches in enumerate(rounds):
            with (clock if number else Clock()).running(SMALL * len(batches)):
                for start in range(0, len(batches), WAITING):
                    messages = [message for batch in batches[start : start + WAITING] for message in batch.messages]
                    await take(ledger, messages, now=START)
    store.close()
    print(clock.line("SQLite: envelopes of 5 events"))
    return clock.rate


def _rebuild(folder: Path, effort: Effort) -> float:
    store = SqliteStore(folder)
    clock = Clock()
    events = store.reads().last_position()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(effort.rounds):
        with clock.running(events):
            rebuild(store)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert verify(store).differences == ()
    store.close()
    print(clock.line(f"SQLite: rebuild ({grown // 1024} MB more memory)"))
    return clock.rate


if __name__ == "__main__":
    raise SystemExit(main())
