"""What a cluster does when a part of it is killed: three NATS nodes, PostgreSQL, several workers, many gateways.

    genba bench cluster [--rate 2000] [--workers 4] [--gateways 100] [--seconds 12]

All on this machine: gateways are the gateway's own uplinks over outboxes in memory, in processes of their own; workers
are started as an engineer starts them. First nothing happens, then the node that leads the broker's session stream is
killed (the worst one: nobody can connect until another leads), it comes back, and a worker is killed. A stall is the
longest time from making events to their acknowledgement. Lost and twice are found by plain SQL in the log and compared
with what the gateways made. Beside them stand the limits in the same run: the longest gap of a bare MQTT stream between
the two nodes that stayed, and how long a bare client of the killed node is away.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from benchmarks.scaling.fleet import Diary, FleetProcess
from genba_cloud.store import PostgresStore
from genba_shared.broker import BrokerAddress
from genba_shared.mqtt import MqttLink
from genba_shared.topics import partition_of
from tests.peers.fleet import Verdict, judge
from tests.peers.nats import NODES, NatsCluster
from tests.peers.postgres import PostgresServer, find_programs
from tests.peers.workers import WorkerProcess

FLEETS: Final = 2  # processes with gateways
GROUP: Final = 10  # events that a gateway makes at a time
SETTLE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How much load, on how many workers, and how long each part lasts."""

    rate: float = 2000.0
    workers: int = 4
    gateways: int = 100
    seconds: float = 12.0
    settle_s: float = 3.0
    group: int = GROUP


@dataclass(slots=True, kw_only=True)
class Measured:
    """What was found; times in seconds."""

    verdict: Verdict
    rate: float
    cpu_ms: float
    calm_s: float
    stall_node_s: float
    stall_others_s: float
    worker_moved_s: float
    bare_gap_s: float
    bare_away_s: float
    logs: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Marks:
    """When the parts of the run began."""

    calm: float = 0.0
    calm_end: float = 0.0
    node: float = 0.0
    repaired: float = 0.0
    worker: float = 0.0
    end: float = 0.0


def run(scenario: Scenario) -> Measured:
    """Run the scenario."""
    programs = find_programs()
    if programs is None:
        raise SystemExit("needs PostgreSQL 15 (Debian: postgresql)")
    with tempfile.TemporaryDirectory() as folder, PostgresServer(programs) as server, ExitStack() as stack:
        database = server.database()
        PostgresStore(database).close()
        cluster = stack.enter_context(NatsCluster(Path(folder)))
        workers = [
            WorkerProcess(Path(folder), db=database, broker=cluster.url, number=number)
            for number in range(scenario.workers)
        ]
        for worker in workers:
            stack.callback(worker.kill)
            worker.start()
        for worker in workers:
            worker.wait_until_ready()
        _wait_for_shares(database, scenario.workers)
        names = [f"gw-{number:04d}" for number in range(scenario.gateways)]
        fleets = [
            stack.enter_context(
                FleetProcess(names[number::FLEETS], cluster.url, rate=scenario.rate / FLEETS, group=scenario.group)
            )
            for number in range(FLEETS)
        ]
        return asyncio.run(_measure(scenario, database, cluster, workers, fleets))


async def _measure(
    scenario: Scenario,
    database: str,
    cluster: NatsCluster,
    workers: Sequence[WorkerProcess],
    fleets: Sequence[FleetProcess],
) -> Measured:
    marks = _Marks()
    for fleet in fleets:
        fleet.wait_until_connected()
    for fleet in fleets:
        fleet.begin()
    await asyncio.sleep(scenario.settle_s)
    marks.calm, before, cpu_before = time.monotonic(), _events(database), sum(worker.cpu_s for worker in workers)
    await asyncio.sleep(scenario.seconds)
    marks.calm_end = time.monotonic()
    committed, cpu_s = _events(database) - before, sum(worker.cpu_s for worker in workers) - cpu_before
    rate = committed / (marks.calm_end - marks.calm)
    await asyncio.sleep(scenario.settle_s)  # what was made until here is answered before anything happens
    victim = cluster.leader_of("$MQTT_sess")
    if victim is None:
        raise RuntimeError("nobody leads the session stream")
    async with _bare_stream(cluster, victim) as bare:
        for fleet in fleets:
            fleet.mark("node")
        marks.node = bare.begin()
        cluster.kill(victim)
        await asyncio.sleep(scenario.seconds)
    cluster.start(victim)
    await asyncio.to_thread(cluster.wait_until_ready)
    marks.repaired = time.monotonic()
    await asyncio.sleep(scenario.settle_s)  # what was made until here is answered before the next part is killed
    partitions = _partitions_of(database, workers[-1].name)
    marks.worker = time.monotonic()
    workers[-1].signal(signal.SIGKILL)
    await asyncio.sleep(scenario.seconds)
    marks.end = time.monotonic()
    diaries = [diary for fleet in fleets for diary in await asyncio.to_thread(fleet.finish)]
    verdict = judge(database, {f"{diary.name}:{diary.epoch}": diary.made for diary in diaries})
    return Measured(
        verdict=verdict,
        rate=rate,
        cpu_ms=1000 * cpu_s / max(1, committed),
        calm_s=_longest(diaries, marks.calm, marks.calm_end),
        stall_node_s=_longest(_on(diaries, cluster, victim), marks.node, marks.repaired),
        stall_others_s=_longest(_not_on(diaries, cluster, victim), marks.node, marks.repaired),
        worker_moved_s=_longest(
            [diary for diary in diaries if partition_of(diary.name) in partitions], marks.worker, marks.end
        ),
        bare_gap_s=bare.longest_gap,
        bare_away_s=bare.away,
        logs=[worker.log for worker in workers],
    )


def _longest(diaries: Sequence[Diary], begin: float, end: float) -> float:
    return max((diary.longest_wait(begin, end) for diary in diaries), default=0.0)


def _on(diaries: Sequence[Diary], cluster: NatsCluster, node: int) -> list[Diary]:
    return [diary for diary in diaries if diary.nodes["node"] == cluster.url_of(node)]


def _not_on(diaries: Sequence[Diary], cluster: NatsCluster, node: int) -> list[Diary]:
    return [diary for diary in diaries if diary.nodes["node"] != cluster.url_of(node)]


class _BareStream:
    """A plain publisher and a plain subscriber on two nodes, and a client on the third that has to find another."""

    def __init__(self, cluster: NatsCluster, victim: int) -> None:
        stays = [number for number in range(NODES) if number != victim]
        self.publisher = MqttLink(cluster.url_of(stays[0]), "bare-publisher")
        self.subscriber = MqttLink(cluster.url_of(stays[1]), "bare-subscriber", on_message=self._hear)
        self.subscriber.subscribe("bare/stream")
        nodes = [BrokerAddress.parse(cluster.url_of(number)) for number in (victim, *stays)]
        self.wanderer = MqttLink(nodes[0], "bare-wanderer", on_connect=self._came)
        self.wanderer._nodes = tuple(nodes)  # noqa: SLF001 (it has to begin at the victim)
        self.wanderer._tls = [None] * NODES  # noqa: SLF001 (as above)
        self.longest_gap = 0.0
        self.away = float("inf")
        self._last = self._begun = time.monotonic()

    def begin(self) -> float:
        """From now on gaps count; the time."""
        self.longest_gap, self.away = 0.0, float("inf")
        self._begun = time.monotonic()
        return self._begun

    def _hear(self, *_: object) -> None:
        now = time.monotonic()
        self.longest_gap, self._last = max(self.longest_gap, now - self._last), now

    def _came(self) -> None:
        self.away = min(self.away, time.monotonic() - self._begun)

    async def publish(self) -> None:
        """Publish for ever."""
        while True:
            if self.publisher.connected:
                self.publisher.publish("bare/stream", b"x")
            await asyncio.sleep(0.01)


class _bare_stream:  # noqa: N801 (used as a function: `async with _bare_stream(…) as bare`)
    def __init__(self, cluster: NatsCluster, victim: int) -> None:
        self._stream = _BareStream(cluster, victim)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> _BareStream:
        stream = self._stream
        links = (stream.publisher, stream.subscriber, stream.wanderer)
        for link in links:
            await self._open.enter_async_context(link)
        while not all(link.connected for link in links):  # noqa: ASYNC110 (a link tells it on callbacks that we use)
            await asyncio.sleep(0.01)
        self._publishing = asyncio.create_task(stream.publish())
        await asyncio.sleep(0.5)
        return stream

    async def __aexit__(self, *_: object) -> None:
        self._publishing.cancel()
        await self._open.aclose()


@contextmanager
def _rows(database: str, query: str, *values: object) -> Iterator[list[tuple[object, ...]]]:
    with psycopg.connect(database, options="-c genba.enterprise=default") as connection:
        yield connection.execute(query.encode(), values).fetchall()


def _events(database: str) -> int:
    with _rows(database, "SELECT coalesce(max(position), 0) FROM log") as rows:
        return int(str(rows[0][0]))


def _partitions_of(database: str, owner: str) -> set[int]:
    with _rows(database, "SELECT name FROM lease WHERE owner = %s AND name LIKE 'partition-%%'", owner) as rows:
        return {int(str(name).removeprefix("partition-")) for (name,) in rows}


def _wait_for_shares(database: str, workers: int) -> None:
    query = "SELECT count(*) FROM lease WHERE name LIKE 'partition-%%' AND owner IS NOT NULL GROUP BY owner"
    deadline = time.monotonic() + SETTLE_S
    while True:
        with _rows(database, query, *()) as rows:
            shares = sorted(int(str(count)) for (count,) in rows)
        if len(shares) == workers and sum(shares) == 64 and shares[-1] - shares[0] <= 1:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"workers do not share: {shares}")
        time.sleep(0.1)


def main() -> None:
    """Run it and print the table."""
    usual = Scenario()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=usual.rate, help="events per second of all gateways")
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--gateways", type=int, default=usual.gateways)
    parser.add_argument("--logs", action="store_true", help="show what the workers said")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="length of each part")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # every gateway of the killed node says that it lost it
    found = run(Scenario(rate=args.rate, workers=args.workers, gateways=args.gateways, seconds=args.seconds))
    rows = [
        ("events committed per second, nothing happening", f"{found.rate:.0f} of {args.rate:.0f} made"),
        ("CPU of all workers per event, nothing happening", f"{found.cpu_ms:.2f} ms"),
        ("longest wait for an acknowledgement, nothing happening", f"{found.calm_s:.2f} s"),
        ("the same of gateways on the killed node", f"{found.stall_node_s:.2f} s"),
        ("  limit: a bare client of that node is away", f"{found.bare_away_s:.2f} s"),
        ("the same of gateways on the other nodes", f"{found.stall_others_s:.2f} s"),
        ("  limit: longest gap of a bare stream there", f"{found.bare_gap_s:.2f} s"),
        ("the same of gateways of the killed worker", f"{found.worker_moved_s:.2f} s"),
    ]
    if args.logs:
        print("\n".join(found.logs))
    for name, value in rows:
        print(f"{name:<58} {value:>18}")
    verdict = found.verdict
    print(
        f"cluster: events={verdict.events} rate={found.rate:.0f} cpu_ms={found.cpu_ms:.2f} "
        f"lost={verdict.lost} twice={verdict.twice} "
        f"disordered={verdict.disordered} "
        f"stall_node_s={found.stall_node_s:.2f} stall_others_s={found.stall_others_s:.2f} "
        f"worker_moved_s={found.worker_moved_s:.2f} calm_s={found.calm_s:.2f} bare_gap_s={found.bare_gap_s:.2f} "
        f"bare_away_s={found.bare_away_s:.2f}"
    )


if __name__ == "__main__":
    main()
