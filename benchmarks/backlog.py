"""How long a backlog takes when the link is back: a day of one factory, and a whole fleet at once.

    genba bench backlog [--day 20000] [--gateways 200] [--events 2000] [--processes 4] [--db URL]

The gateways' part is real: outboxes on the disk, uplinks, MQTT. They are filled while there is no link, and then let go
against a collector as `genba cloud serve` runs it. The day is one gateway with 20,000 events; the fleet is 200 gateways
with 2,000 each, in a few processes, and beside it one live gateway commits an event now and then and waits for its
acknowledgement, which must not stand behind all the others. Time counts from the moment when the link is there until
the last event is in the log. Afterwards the log is compared with what was said, event by event and in order, and the
views with those of an undisturbed run. The limit in the same run is the bare insert of the same rows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from benchmarks.delivery.gateways import BASE, LIVE, stream_of
from benchmarks.delivery.limit import bare_insert_s
from benchmarks.edge.processes import CannotMeasure, CpuMeter
from genba_cloud.store import Store, open_reader
from genba_shared.events import EventId, to_line
from tests.chaos.judge import Judgement, Logged, judge, read_log, read_views
from tests.chaos.stream import events_of
from tests.e2e.demo_run import descendants
from tests.e2e.installation import Installation
from tests.peers.proxy import Mode, Proxy

LONGEST_S: Final = 1200.0
LOOK_S: Final = 0.1
AWAY_S: Final = 5.0
"""How long the link is refused while the gateway tries: long enough that it tries only every 3 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One backlog: its wall time, processor seconds of collector and gateways, the bare insert, and what is wrong."""

    events: int
    wall_s: float
    collector_s: float
    gateways_s: float
    bare_s: float
    judgement: Judgement
    live_s: Sequence[float] = ()


class Host:
    """A process with gateways in it."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "benchmarks.delivery.gateways", "--folder", str(folder), *arguments]
        self._log = folder / f"{name}.log"
        with self._log.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "GENBA_PARENT": str(os.getpid())},
            )
        self.epochs: dict[str, str] = {}
        self.live_s: list[float] = []
        self._news = threading.Condition()
        self._said: set[str] = set()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                match line.split():
                    case ["gateway", name, epoch]:
                        self.epochs[name] = epoch
                    case ["live", seconds]:
                        self.live_s.append(float(seconds))
                    case [word]:
                        self._said.add(word)
                self._news.notify_all()

    def wait_for(self, word: str) -> None:
        """Wait until it says a word.

        Raises:
            CannotMeasure: it does not.
        """
        with self._news:
            if not self._news.wait_for(lambda: word in self._said, LONGEST_S):
                raise CannotMeasure(f"a process of gateways does not say {word}: {self._log.read_text()[-500:]}")

    def go(self) -> None:
        """Let its gateways deliver."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Let it end; the last that it says is heard."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()


@contextlib.contextmanager
def hosts_of(folder: Path, stream: Path, broker: str, shares: Sequence[tuple[int, int]]) -> Iterator[list[Host]]:
    """Processes with these shares of gateways (first, count), filled."""
    hosts: list[Host] = []
    try:
        for number, (first, count) in enumerate(shares):
            arguments = ("--stream", str(stream), "--broker", broker, "--first", str(first), "--count", str(count))
            hosts.append(Host(folder, f"host-{number}", *arguments))
        for host in hosts:
            host.wait_for("filled")
        yield hosts
    finally:
        for host in hosts:
            host.end()


class Case(StrEnum):
    """What comes back: one gateway whose link was refused, or many that start at once beside a live one."""

    DAY = "day"
    FLEET = "fleet"


def measure(case: Case, *, gateways: int, events: int, processes: int, folder: Path) -> Outcome:
    """Let gateways reconnect at once; wait until everything is committed and acknowledged."""
    is_day = case is Case.DAY
    stream = folder / "stream.jsonl"
    stream.write_text("".join(to_line(event) + "\n" for event in events_of(BASE, seed=1, count=events)))
    each = -(-gateways // processes)
    shares = [(first, min(each, gateways + 1 - first)) for first in range(1, gateways + 1, each)]
    live_s: list[float] = []
    with Installation(folder) as site, contextlib.ExitStack() as stack:
        link = stack.enter_context(Proxy(int(site.mqtt.rpartition(":")[2]))) if is_day else None
        broker = site.mqtt if link is None else f"mqtt://127.0.0.1:{link.port}"
        hosts = stack.enter_context(hosts_of(folder, stream, broker, shares))
        live = stack.enter_context(_live(folder, stream, site.mqtt)) if not is_day else None
        pid = _pid_of(site)
        meters = [CpuMeter(pid), *(CpuMeter(host.process.pid) for host in hosts)]
        metered_at = time.monotonic()
        with contextlib.closing(open_reader(site.data)) as store:
            if link is not None:
                link.switch(Mode.REFUSE)
            began_s = time.monotonic()
            for host in hosts:
                host.go()
            if link is not None:
                time.sleep(AWAY_S)
                began_s = link.switch(Mode.PASS)
            _until_committed(store, gateways * events, meters)
            wall_s = time.monotonic() - began_s
        used_s = [meter.load().cpu * (time.monotonic() - metered_at) for meter in meters]
        for host in hosts:
            host.wait_for("over")
        live_s = [] if live is None else list(live.live_s)
        epochs = {name: epoch for host in hosts for name, epoch in host.epochs.items()}
    judgement, bare_s = _judged(folder, site.data, stream, epochs)
    return Outcome(
        events=gateways * events,
        wall_s=wall_s,
        collector_s=used_s[0],
        gateways_s=sum(used_s[1:]),
        bare_s=bare_s,
        judgement=judgement,
        live_s=live_s,
    )


@contextlib.contextmanager
def _live(folder: Path, stream: Path, broker: str) -> Iterator[Host]:
    host = Host(folder, "live", "--stream", str(stream), "--broker", broker, "--live")
    try:
        host.wait_for("filled")
        host.go()
        yield host
    finally:
        host.end()


def _pid_of(site: Installation) -> int:
    for pid in descendants(os.getpid()):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if "serve" in words and str(site.data) in words:
            return pid
    raise CannotMeasure("the collector is gone")


def _until_committed(store: Store, events: int, meters: Sequence[CpuMeter]) -> None:
    deadline = time.monotonic() + LONGEST_S
    while True:
        with store.transaction() as transaction:
            if transaction.last_link().last >= events:
                return
        if time.monotonic() > deadline:
            raise CannotMeasure(f"{events} events were not committed within {LONGEST_S:.0f} s")
        for meter in meters:
            meter.look()
        time.sleep(LOOK_S)


def _judged(folder: Path, data: Path, stream: Path, epochs: dict[str, str]) -> tuple[Judgement, float]:
    """Compare with what was said (the live gateway's events are left out), and time the bare insert of the rows."""
    text, said, paths = stream.read_text(), [], []
    for name, epoch in epochs.items():
        events = stream_of(text, gateway=name, epoch=epoch)
        paths.append(folder / f"{name}.said.jsonl")
        paths[-1].write_text("".join(to_line(event) + "\n" for event in events))
        said += events
    own, views = folder / "own.jsonl", folder / "views.json"
    own.write_text("")
    command = [sys.executable, "-m", "tests.chaos.undisturbed", str(folder / "undisturbed"), str(own), str(views)]
    subprocess.run([*command, *map(str, paths)], check=True)
    with contextlib.closing(open_reader(data)) as store:
        log = [row for row in read_log(store) if _is_said(row, epochs)]
        theirs = {key: view for key, view in read_views(store).items() if LIVE not in key}
    judgement = judge(log, said, views=theirs, undisturbed=json.loads(views.read_text()))
    return judgement, bare_insert_s(((row.id, row.body) for row in log), folder / "bare.db")


def _is_said(row: Logged, epochs: dict[str, str]) -> bool:
    made = EventId.parse(row.id)
    return made is None or made.gateway in epochs


def _row(name: str, outcome: Outcome) -> str:
    found = outcome.judgement
    return (
        f"{name:<8}{outcome.events:>9}{outcome.wall_s:>9.1f}{outcome.events / outcome.wall_s:>10.0f}"
        f"{outcome.collector_s:>13.1f}{outcome.gateways_s:>12.1f}{outcome.bare_s:>9.2f}"
        f"{found.lost:>6}{found.twice:>7}{found.disordered:>11}{found.view_diffs:>11}"
    )


def main() -> int:
    """Print a table and the figures; 0 when nothing was lost, doubled, disordered or changed."""
    parser = argparse.ArgumentParser(prog="genba bench backlog", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--day", type=int, default=20_000, metavar="N", help="events of the day (default 20000)")
    parser.add_argument("--gateways", type=int, default=200, metavar="N", help="gateways of the fleet (default 200)")
    parser.add_argument("--events", type=int, default=2_000, metavar="N", help="events of each (default 2000)")
    parser.add_argument("--processes", type=int, default=4, metavar="N", help="that the fleet is in (default 4)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="genba-backlog-") as name:
        day = measure(Case.DAY, gateways=1, events=arguments.day, processes=1, folder=Path(name))
    print(
        f"{'backlog':<8}{'events':>9}{'wall s':>9}{'events/s':>10}{'collector s':>13}{'gateways s':>12}{'bare s':>9}"
        f"{'lost':>6}{'twice':>7}{'disordered':>11}{'view diffs':>11}"
    )
    print(_row("day", day), flush=True)
    with tempfile.TemporaryDirectory(prefix="genba-backlog-") as name:
        fleet = measure(
            Case.FLEET,
            gateways=arguments.gateways,
            events=arguments.events,
            processes=arguments.processes,
            folder=Path(name),
        )
    print(_row("fleet", fleet), flush=True)
    both = (day.judgement, fleet.judgement)
    live = sorted(fleet.live_s) or [float("inf")]
    print(
        f"backlog: day_s={day.wall_s:.1f} fleet_s={fleet.wall_s:.1f} "
        f"in_order={int(not any(judgement.disordered for judgement in both))} "
        f"lost={sum(found.lost for found in both)} twice={sum(found.twice for found in both)} "
        f"view_diffs={sum(found.view_diffs for found in both)} "
        f"day_limit_s={day.bare_s:.2f} fleet_limit_s={fleet.bare_s:.2f} "
        f"live_p50_s={statistics.median(live):.2f} live_max_s={live[-1]:.2f}"
    )
    return 0 if all(judgement.passed for judgement in both) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotMeasure as exc:
        sys.exit(f"backlog: {exc}")
