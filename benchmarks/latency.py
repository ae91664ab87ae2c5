"""How long from a PLC register to a program that listens: register written, polled, derived, committed, told over SSE.

    genba bench latency [--seconds 60]

The gateway polls a libmodbus server every 100 ms; gateway, embedded broker and collector run as in an installation. 60
counters, each of a station that works on a dispatched node of an order of its own, take turns: each is written once in
12 s, so that every change is a first change after a quiet time, which is sent at once. The clock starts before the
register is written, and stops when the listener has read the message that shows the order with the new number; the
collector tells it after its commit.

The physical limit in the same run: the wait for the next poll (nothing to 100 ms, even chance), one read of the block,
and the two syncs of the disk without which an event is not committed, at the gateway and at the collector.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.board_latency import build_peer
from tests.e2e.installation import Installation, order_body
from tests.peers.process import ModbusPeer

STATIONS: Final = 60
CYCLE_S: Final = 12.0  # above the 10 s of quiet after which a change is a first one
POLL_MS: Final = 100
DEADLINE_S: Final = 20.0
SYNCS: Final = 200
HEAD: Final = "version: 1\ngateway: {id: gw-1, site: plant-a, timezone: UTC}\n"


def device_map(port: int) -> str:
    """One Modbus device with a counter for each station."""
    points = "".join(
        f"      c{one}: {{at: {{holding: {one}}}, type: uint16, counter: {{max_rate: 600/min}}}}\n"
        for one in range(STATIONS)
    )
    stations = "".join(f"  S-{one}: {{device: plc, counts: {{good: c{one}}}}}\n" for one in range(STATIONS))
    nodes = "".join(
        f"  N-{one}: {{stations: [S-{one}], work_order: {{from: dispatch}}, done_when: {{good: node.quantity}}}}\n"
        for one in range(STATIONS)
    )
    device = f"  - id: plc\n    protocol: modbus\n    host: 127.0.0.1:{port}\n    poll: {{fast: {POLL_MS}ms}}\n"
    return f"{HEAD}devices:\n{device}    points:\n{points}stations:\n{stations}nodes:\n{nodes}"


class Listener(threading.Thread):
    """Reads the live stream as any program would, and notes when an order first showed a number of good pieces."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(name="listener", daemon=True)
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
        self.ready = threading.Event()
        self._changed = threading.Condition()
        self._seen: dict[tuple[str, int], float] = {}

    def run(self) -> None:
        """Read until the connection ends."""
        self._connection.request("GET", "/api/v1/live", headers=self._headers)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"the live stream answers {answer.status}")
        self.ready.set()
        for line in answer:
            if line.startswith(b"data: {"):
                self._note(json.loads(line[6:]), time.monotonic())

    def _note(self, message: dict[str, object], at_s: float) -> None:
        order, work_orders = message.get("order"), message.get("work_orders")
        if not isinstance(order, str) or not isinstance(work_orders, list):
            return
        with self._changed:
            for node in work_orders[0]["nodes"]:
                self._seen.setdefault((order, node["good"]), at_s)
            self._changed.notify_all()

    def shown_at(self, order: str, good: int) -> float:
        """Wait until the order showed this number; when that was."""
        with self._changed:
            if not self._changed.wait_for(lambda: (order, good) in self._seen, timeout=DEADLINE_S):
                raise TimeoutError(f"order {order} did not show {good} within {DEADLINE_S} s")
            return self._seen[order, good]


def measure(site: Installation, peer: ModbusPeer, listener: Listener, seconds: float) -> list[float]:
    """Milliseconds from register write to listener, for every change."""
    chance = random.Random(7)
    written: list[tuple[str, int, float]] = []
    started = time.monotonic()
    for number in range(round(seconds / CYCLE_S * STATIONS)):
        station, good = number % STATIONS, number // STATIONS + 1
        due = started + (number + chance.random()) * CYCLE_S / STATIONS  # anywhere in the poll
        time.sleep(max(0.0, due - time.monotonic()))
        written.append((f"A-{station}", good, time.monotonic()))
        peer.set("holding", station, good)
        if number % STATIONS == STATIONS - 1:
            print(f"{number + 1} changes written", flush=True)
    return [(listener.shown_at(order, good) - at_s) * 1000 for order, good, at_s in written]


def sync_ms(folder: Path) -> float:
    """Milliseconds of one append of 4 kB with fdatasync on this disk, median."""
    times = []
    descriptor = os.open(folder / "sync", os.O_WRONLY | os.O_CREAT, 0o600)
    for _ in range(SYNCS):
        begun = time.perf_counter()
        os.write(descriptor, b"x" * 4096)
        os.fdatasync(descriptor)
        times.append((time.perf_counter() - begun) * 1000)
    os.close(descriptor)
    return statistics.median(times)


def prepare(site: Installation, peer: ModbusPeer) -> None:
    """An order for each station, dispatched there; then the gateway."""
    for one in range(STATIONS):
        site.post("/orders", order_body(f"A-{one}", [f"N-{one}"], quantity=500))
        row = {"work_order": f"WO-A-{one}", "node": f"N-{one}", "quantity": 500}
        site.post(f"/stations/S-{one}/queue", {"rows": [row]})
    site.start_gateway(device_map(peer.port))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print the figures as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long registers are written; default 60")
    seconds = parser.parse_args(arguments).seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ModbusPeer(build_peer(folder)) as peer, Installation(folder) as site:
            prepare(site, peer)
            listener = Listener(site.url, site.key)
            listener.start()
            if not listener.ready.wait(DEADLINE_S):
                sys.exit("the live stream does not begin")
            found = sorted(measure(site, peer, listener, seconds))
        sync = sync_ms(folder)
    p50, p99 = statistics.median(found), found[min(len(found) - 1, len(found) * 99 // 100)]
    print(f"{'':12}{'p50':>8}{'p99':>8}{'worst':>8}   ms, {len(found)} first changes")
    print(f"{'genba':12}{p50:8.0f}{p99:8.0f}{found[-1]:8.0f}")
    print(f"{'limit':12}{POLL_MS / 2 + 2 * sync:8.0f}{POLL_MS * 0.99 + 2 * sync:8.0f}{POLL_MS + 2 * sync:8.0f}")
    print(
        f"latency: changes={len(found)} poll_ms={POLL_MS} p50_ms={p50:.0f} p99_ms={p99:.0f} max_ms={found[-1]:.0f} "
        f"limit_p50_ms={POLL_MS / 2 + 2 * sync:.0f}"
    )


if __name__ == "__main__":
    main()
