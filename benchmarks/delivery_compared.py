"""What two gateways deliver of what they read, when the broker goes silent and when they are killed.

    genba bench delivery-compared [--points 50] [--hole 30] [--kills 3]

Both read the same Modbus registers once a second, whose value at every instant is known, and keep what they read in
their durable SQLite store. Each register changes every 1.37 s: a change that a gateway's poll showed and that never
arrives at its server is lost. genba delivers to its own collector; thingsboard-gateway (3.8.5, QoS 1) to a subscriber
that answers what ThingsBoard answers. Both reach the same kind of broker (mosquitto) through the same kind of proxy.

The hole: connections stay open and new ones are accepted, but for 30 s nothing is answered and what is sent is thrown
away. The kill: the link is refused for a while, so that the store fills; SIGKILL 0.2 s after the last answer of a poll;
a new start, and the link is back.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.edge import gateways, thingsboard
from benchmarks.edge.collector import Collector, broker
from benchmarks.edge.processes import CannotMeasure, wait_until
from benchmarks.edge.servers import ModbusServer, modbus_server
from genba_cloud.store import open_reader
from genba_shared.events import StationStateChanged
from tests.e2e.installation import Installation
from tests.peers.proxy import Mode, Proxy

PERIOD_MS: Final = 1370
BEFORE_S: Final = 15.0
AFTER_S: Final = 20.0
AWAY_S: Final = 20.0
JUST_READ_S: Final = 0.2
BETWEEN_POLLS_S: Final = 0.5
QUIET_S: Final = 12.0
START_S: Final = 90.0
LONGEST_S: Final = 240.0

Change = tuple[int, int]
"""A register, and the value that it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many changes a gateway's polls showed, and how many of them its server never got."""

    who: str
    case: str
    shown: int
    lost: int


class Bed:
    """One gateway between the registers and its server. `arrived` gives what the server has of a device."""

    def __init__(
        self,
        who: str,
        *,
        server: ModbusServer,
        link: Proxy,
        start: Callable[[], AbstractContextManager[subprocess.Popen[str]]],
        arrived: Callable[[], set[Change]],
    ) -> None:
        self.who, self.server, self.link = who, server, link
        self.start, self.arrived = start, arrived

    def shown(self, *, until_s: float) -> set[Change]:
        """The changes that polls showed until a wall second, since the log was cleared."""
        return {
            (register, self.server.value_at(register, request.wall_s))
            for request in self.server.requests()
            if request.wall_s <= until_s
            for register in range(request.address, request.address + request.count)
        }

    def begin(self) -> None:
        """Wait until values arrive, and from then on note what is read."""
        wait_until(self.arrived, what=f"the first value of {self.who}", within_s=START_S)
        time.sleep(3.0)
        self.server.clear()

    def until_just_read(self) -> None:
        """Wait until the last answer of a poll is 0.2 s old, and no older than that by much."""
        wait_until(
            lambda: JUST_READ_S <= time.time() - self.server.requests()[-1].wall_s < BETWEEN_POLLS_S,
            what=f"a pause between two polls of {self.who}",
        )

    def settle(self) -> None:
        """Wait until everything that was read two periods ago is there, or nothing that is missing comes any more."""
        deadline = time.monotonic() + LONGEST_S
        missing, since_s = self._missing(), time.monotonic()
        while missing and time.monotonic() - since_s < QUIET_S and time.monotonic() < deadline:
            time.sleep(0.5)
            now = self._missing()
            if now & missing != missing:
                since_s = time.monotonic()
            missing = now & missing

    def _missing(self) -> set[Change]:
        return self.shown(until_s=time.time() - 2 * PERIOD_MS / 1000) - self.arrived()


def hole(bed: Bed, *, hole_s: float) -> Outcome:
    """Silence for a while on open connections."""
    with bed.start():
        bed.begin()
        time.sleep(BEFORE_S)
        bed.link.switch(Mode.SWALLOW)
        time.sleep(hole_s)
        bed.link.switch(Mode.PASS)
        time.sleep(AFTER_S)
        until_s = time.time()
        shown = bed.shown(until_s=until_s)
        bed.settle()
    return Outcome(who=bed.who, case="hole", shown=len(shown), lost=len(shown - bed.arrived()))


def kill(bed: Bed, *, number: int) -> Outcome:
    """SIGKILL while the store fills, then a new start."""
    with bed.start() as process:
        bed.begin()
        time.sleep(BEFORE_S)
        bed.link.switch(Mode.REFUSE)
        time.sleep(AWAY_S)
        bed.until_just_read()
        process.send_signal(signal.SIGKILL)
        until_s = time.time()
        process.wait()
        shown = bed.shown(until_s=until_s)
    bed.link.switch(Mode.PASS)
    bed.server.clear()
    with bed.start():
        wait_until(lambda: bed.server.requests(), what=f"the second start of {bed.who}", within_s=START_S)
        _until_still(lambda: len(shown - bed.arrived()))
    return Outcome(who=bed.who, case=f"kill {number}", shown=len(shown), lost=len(shown - bed.arrived()))


def _until_still(missing: Callable[[], int]) -> None:
    """Wait until nothing is missing, or what is missing has not become less for a while."""
    least, since_s, deadline = missing(), time.monotonic(), time.monotonic() + LONGEST_S
    while least and time.monotonic() - since_s < 2 * QUIET_S and time.monotonic() < deadline:
        time.sleep(0.5)
        now = missing()
        if now < least:
            least, since_s = now, time.monotonic()


@contextlib.contextmanager
def bed_of(who: str, folder: Path, *, points: int) -> Iterator[Bed]:
    """Registers, broker, link and server for one gateway."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        mqtt = stack.enter_context(broker(folder))
        link = stack.enter_context(Proxy(mqtt))
        server = stack.enter_context(modbus_server(folder, period_ms=PERIOD_MS))
        if who == gateways.OURS:
            site = stack.enter_context(Installation(folder, broker=f"mqtt://127.0.0.1:{mqtt}"))
            text = _map(server.port, points=points)
            yield Bed(
                who,
                server=server,
                link=link,
                start=lambda: gateways.genba(folder, text, mqtt=link.port),
                arrived=lambda: _changes_in_log(site.data, server),
            )
            return
        collector = stack.enter_context(Collector(mqtt))
        storage = thingsboard.sqlite_storage(folder / "data")
        thingsboard.configure_modbus(folder, server.port, mqtt=link.port, points=points, storage=storage)
        yield Bed(
            who,
            server=server,
            link=link,
            start=lambda: gateways.thingsboard_gateway(folder),
            arrived=lambda: {(point.register, point.value) for point in collector.points},
        )


def _map(port: int, *, points: int) -> str:
    """Each register says in its lowest bit whether a station runs: every change of it is an event."""
    lines = [
        "version: 1",
        "gateway: {id: compared, site: bench, timezone: UTC}",
        "devices:",
        f"  - {{id: d0, protocol: modbus, host: 127.0.0.1:{port}, unit: 1, poll: {{fast: 1s}}, points: {{",
    ]
    lines += [
        f"      p{i}: {{at: {{holding: {i}}}, bit: 0, labels: {{0: idle, 1: running}}, group: fast}},"
        for i in range(points)
    ]
    lines += ["    }}", "stations:"]
    lines += [f"  S-{i}: {{device: d0, state: p{i}}}" for i in range(points)]
    return "\n".join(lines) + "\n"


def _changes_in_log(data: Path, server: ModbusServer) -> set[Change]:
    """What the collector's log says of each station, as the value that the register had at that moment."""
    found: set[Change] = set()
    with contextlib.closing(open_reader(data)) as store, store.transaction() as transaction:
        for row in transaction.log():
            event = row.event
            if isinstance(event, StationStateChanged) and event.station is not None:
                register = int(event.station.removeprefix("S-"))
                found.add((register, server.value_at(register, event.at.timestamp() + 0.001)))
    return found


def main() -> int:
    """Print a table and the figures; 0 when genba lost nothing."""
    parser = argparse.ArgumentParser(prog="genba bench delivery-compared", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--points", type=int, default=50, help="registers (default 50)")
    parser.add_argument("--hole", type=float, default=30.0, metavar="S", help="seconds of silence (default 30)")
    parser.add_argument("--kills", type=int, default=3, metavar="N", help="how often each is killed (default 3)")
    parser.add_argument("--ours-only", action="store_true", help="without the peer")
    arguments = parser.parse_args()
    who = [gateways.OURS] if arguments.ours_only else [gateways.OURS, gateways.THEIRS]
    if gateways.THEIRS in who:
        thingsboard.installed_python()
    found: list[Outcome] = []
    print(f"{'gateway':<14}{'case':<8}{'changes shown':>15}{'lost':>7}")
    with tempfile.TemporaryDirectory(prefix="genba-compared-") as name:
        for number in range(arguments.kills + 1):
            for one in who:
                with bed_of(one, Path(name) / f"{one}-{number}", points=arguments.points) as bed:
                    outcome = kill(bed, number=number) if number else hole(bed, hole_s=arguments.hole)
                print(f"{outcome.who:<14}{outcome.case:<8}{outcome.shown:>15}{outcome.lost:>7}", flush=True)
                found.append(outcome)
    print("delivery-compared: " + " ".join(figures_of(found, who)))
    return int(any(outcome.lost for outcome in found if outcome.who == gateways.OURS))


def figures_of(found: list[Outcome], who: list[str]) -> Iterator[str]:
    for one in who:
        holes = [outcome for outcome in found if outcome.who == one and outcome.case == "hole"]
        kills = [outcome for outcome in found if outcome.who == one and outcome.case != "hole"]
        yield f"{one}_hole_lost={sum(outcome.lost for outcome in holes)}/{sum(outcome.shown for outcome in holes)}"
        if kills:
            lost = ",".join(str(outcome.lost) for outcome in kills)
            yield f"{one}_kill_lost={lost}/{sum(outcome.shown for outcome in kills) // len(kills)}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotMeasure as exc:
        sys.exit(f"delivery-compared: {exc}")
