"""How fast the API answers over a thousand open orders and a log of a million events, on SQLite and on PostgreSQL.

    genba bench api [--only sqlite,postgres] [--events 1000000] [--orders 1000] [--requests 400] [--rounds 5]

`genba cloud serve` runs as in an installation, with the assessor looking at every open order every two seconds; a
client with a machine key asks it over one connection, one request after the other.

* `read_p99_ms`: the slowest in a hundred of: a page of 50 orders, an order with its nodes, pieces in zones. The worst
  of the three counts.
* `fold_p99_ms`: from the first byte of a request with one event to the answer that follows its commit; the order is
  then read, and must show it: until the end of that read.
* `list_ratio`: requests a second for a page of 50 orders (with a key, filtered, each asking for another page) as a part
  of the requests a second of a FastAPI route that does nothing, on the same server with the same client. The two take
  turns; the middle round counts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from benchmarks.reads.client import Client
from benchmarks.reads.history import NODES, ORDER_EVENTS, SITES, fill, work_order
from genba_cloud.app.database import accounts_of
from genba_cloud.app.garbage import look_seldom
from genba_cloud.core.viewer import Scope
from genba_cloud.ledger import Ledger
from genba_cloud.store import open_store
from genba_shared.clock import format_time
from tests.peers.postgres import PostgresServer, find_programs

SECTIONS: Final = ("sqlite", "postgres")
PAGE: Final = 50
READY_S: Final = 120.0
WARM: Final = 40
MOST: Final = {"read_p99_ms": 50.0, "fold_p99_ms": 100.0}
LEAST: Final = {"list_ratio": 0.3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured."""

    events: int
    orders: int
    requests: int
    rounds: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and the last line."""
    parser = argparse.ArgumentParser(prog="genba bench api", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--events", type=int, default=1_000_000, help="events in the log; default 1,000,000")
    parser.add_argument("--orders", type=int, default=1000, help="open orders; default 1,000")
    parser.add_argument("--requests", type=int, default=400, help="of each kind of read; default 400")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the ratio; the middle one counts")
    args = parser.parse_args(arguments)
    wanted = args.only.split(",")
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"--only {', '.join(sorted(unknown))}: write {', '.join(SECTIONS)}")
    if args.events > args.orders * ORDER_EVENTS:
        parser.error(f"--events {args.events}: at most {ORDER_EVENTS} for each order, or they are finished")
    effort = Effort(events=args.events, orders=args.orders, requests=args.requests, rounds=args.rounds)
    look_seldom()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for section in wanted:
            measured = _section(section, Path(folder) / section, effort)
            figures |= {f"{section}_{name}": value for name, value in measured.items()}
    print()
    for name, value in figures.items():
        short = name.partition("_")[2]
        if value > MOST.get(short, value) or value < LEAST.get(short, value):
            print(f"{name}: {value:.3g} misses the goal of {MOST.get(short, LEAST.get(short))}")
    print(f"api: {' '.join(f'{name}={value:.3f}' for name, value in figures.items())}")
    return 0


def _section(section: str, folder: Path, effort: Effort) -> dict[str, float]:
    with ExitStack() as stack:
        url: str | None = None
        if section == "postgres":
            programs = find_programs()
            if programs is None:
                print("postgres: no server here (apt-get install postgresql)")
                return {}
            url = stack.enter_context(PostgresServer(programs)).database()
        folder.mkdir(parents=True)
        key = asyncio.run(_filled(folder, url, effort))
        server = stack.enter_context(_process(_command(folder, url)))
        empty = stack.enter_context(_process([sys.executable, "-m", "benchmarks.reads.empty"]))
        client = stack.enter_context(contextlib.closing(Client(server.url, {"authorization": f"Bearer {key}"})))
        peer = stack.enter_context(contextlib.closing(Client(empty.url)))
        figures = _reads(client, effort, section)
        figures["fold_p99_ms"] = _folds(client, effort, section)
        figures["list_ratio"], figures["list_cpu_ratio"] = _ratio(
            (client, server), (peer, empty), effort=effort, section=section
        )
        return figures


async def _filled(folder: Path, url: str | None, effort: Effort) -> str:
    """Fill the database; a machine key for it."""
    now = datetime.now(UTC).replace(microsecond=0)
    begun = time.perf_counter()
    with contextlib.closing(open_store(folder, url)) as store:
        async with Ledger(store, now=lambda: now) as ledger:
            events = await fill(ledger, orders=effort.orders, events=effort.events, now=now)
        with contextlib.closing(accounts_of(store, folder)) as accounts:
            key = accounts.create_key("bench", frozenset({Scope.READ, Scope.EVENTS_WRITE}))
    print(f"{events} events, {effort.orders} orders in {time.perf_counter() - begun:.0f} s", flush=True)
    return key


def _command(folder: Path, url: str | None) -> list[str]:
    database = [] if url is None else ["--db", url]
    return [sys.executable, "-m", "genba_shared.cli", "cloud", "serve", "--data", str(folder), *database,
            "--listen", "127.0.0.1:0"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Server:
    """A server of our own: where it listens, and which process it is."""

    url: str
    pid: int

    def cpu_s(self) -> float:
        """CPU time that it has used, in its own code and in the system's."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _process(command: Sequence[str]) -> Iterator[_Server]:
    """Start it, and end it."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ready url="):
                yield _Server(line.split()[1].removeprefix("url="), process.pid)
                return
        raise RuntimeError(f"{' '.join(command[:6])} … did not start")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _reads(client: Client, effort: Effort, section: str) -> dict[str, float]:
    chance = random.Random(1)
    pages = _pages(client)
    numbers = [f"A-{chance.randrange(effort.orders):05}" for _ in range(effort.requests)]
    kinds = {
        "list": [chance.choice(pages) for _ in range(effort.requests)],
        "detail": [client.request("GET", f"/api/v1/orders/{number}") for number in numbers],
        "wip": [client.request("GET", "/api/v1/wip")] * effort.requests,
    }
    for requests in kinds.values():
        for request in requests[:WARM]:
            client.send(request)
    figures = {}
    for name, requests in kinds.items():
        taken = sorted(client.send(request)[1] * 1000 for request in requests)
        figures[name] = _p99(taken)
        print(f"{section:<10}{name:<10} p50 {statistics.median(taken):7.2f} ms   p99 {_p99(taken):7.2f} ms", flush=True)
    return {"read_p99_ms": max(figures.values())}


def _pages(client: Client) -> list[bytes]:
    """A request for each page of 50 of each site's orders."""
    found: list[bytes] = []
    for site in SITES:
        cursor: str | None = None
        while True:
            path = f"/api/v1/orders?site={site}&limit={PAGE}" + (f"&cursor={quote(cursor)}" if cursor else "")
            page, _ = client.json("GET", path)
            assert all(work["site"] == site for order in page["items"] for work in order["work_orders"])
            if len(page["items"]) == PAGE:
                found.append(client.request("GET", path))
            cursor = page["next"]
            if cursor is None:
                break
    return found


def _folds(client: Client, effort: Effort, section: str) -> float:
    """Milliseconds from an event to the order that shows it."""
    taken: list[float] = []
    totals: dict[int, int] = {}
    for one in range(WARM + effort.requests):
        number = one * 7 % effort.orders
        totals[number] = totals.get(number, 0) + 1
        event = _event(number, totals[number])
        begun = time.perf_counter()
        answer, _ = client.json("POST", "/api/v1/events", {"events": [event]})
        order, _ = client.json("GET", f"/api/v1/orders/A-{number:05}")
        taken.append((time.perf_counter() - begun) * 1000)
        scrap = order["work_orders"][0]["nodes"][-1]["scrap"]
        if answer["accepted"] != 1 or scrap != totals[number]:
            raise RuntimeError(f"{order['order']} shows {scrap} pieces, not {totals[number]}: {answer}")
    taken = sorted(taken[WARM:])
    print(f"{section:<10}{'fold':<10} p50 {statistics.median(taken):7.2f} ms   p99 {_p99(taken):7.2f} ms", flush=True)
    return _p99(taken)


def _event(number: int, total: int) -> dict[str, Any]:
    """One more piece of scrap at the last node of an order."""
    at = datetime.now(UTC)
    return {
        "kind": "pieces_counted",
        "id": str(uuid.uuid4()),
        "at": format_time(at),
        "source": {"type": "api", "ref": "bench"},
        "station": "bench",
        "work_order": work_order(number),
        "node": NODES[-1],
        "point": f"bench/{number}",
        "result": "scrap",
        "delta": 1,
        "total": total,
        "counter_epoch": 1,
        "since": format_time(at - timedelta(seconds=1)),
    }


def _ratio(
    ours: tuple[Client, _Server], limit: tuple[Client, _Server], *, effort: Effort, section: str
) -> tuple[float, float]:
    """Parts of the limit: of the requests a second, and of the requests for the same CPU time of the server."""
    pages = _pages(ours[0])
    chance = random.Random(2)
    nothing = limit[0].request("GET", "/empty")
    ratios: list[tuple[float, float]] = []
    for _ in range(effort.rounds):
        asked = [chance.choice(pages) for _ in range(effort.requests)]
        rate, cpu_ms = _rate(*ours, asked)
        most, least_ms = _rate(*limit, [nothing] * effort.requests)
        ratios.append((rate / most, least_ms / cpu_ms))
        print(
            f"{section:<10}{'pages':<10} {rate:7.0f}/s of {most:7.0f}/s = {rate / most:.3f}; "
            f"CPU {cpu_ms:.2f} ms beside {least_ms:.2f} ms = {least_ms / cpu_ms:.3f}",
            flush=True,
        )
    return statistics.median(one for one, _ in ratios), statistics.median(one for _, one in ratios)


def _rate(client: Client, server: _Server, requests: Sequence[bytes]) -> tuple[float, float]:
    """Requests a second, and milliseconds of CPU for each."""
    begun, cpu_s = time.perf_counter(), server.cpu_s()
    for request in requests:
        client.send(request)
    return len(requests) / (time.perf_counter() - begun), (server.cpu_s() - cpu_s) / len(requests) * 1000


def _p99(taken: Sequence[float]) -> float:
    return taken[min(len(taken) - 1, int(len(taken) * 0.99))]


if __name__ == "__main__":
    raise SystemExit(main())
