"""One campaign: load, faults by their schedule, healing, waiting until everything is acknowledged, judgement."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from genba_cloud.core.facts import NodePlan, OrderPlan, WorkOrderPlan
from genba_cloud.ledger import Ledger, verify
from genba_cloud.store import open_reader, open_store
from genba_shared.errors import GenbaError
from genba_shared.events import Event, read_lines, to_line
from tests.chaos import wall_clock
from tests.chaos.breaking import BreakableDatabase, BreakableProgram
from tests.chaos.judge import Judgement, judge, read_log, read_views
from tests.chaos.programs import Program
from tests.chaos.schedule import Fault, Kind, Part, Setup
from tests.chaos.setups import SETUPS, Bench, Site
from tests.chaos.stream import BEGIN, MACHINES, NO_EPOCH, QUANTITY, events_of, work_order, work_orders

GATEWAY_DISK_MB: Final = 48
LOAD_AFTER_S: Final = 3.0
"""The load goes on for so long after the last fault is healed."""
READY_S: Final = 60.0
DRAIN_S: Final = 180.0
SAY_EVERY_S: Final = 5.0
LOOK_S: Final = 0.02


class CampaignFailed(GenbaError):
    """It could not be carried through: something did not start, or did not heal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for. `rate`: events per second and gateway. `say` gets lines for people."""

    setup: Setup
    seed: int
    gateways: int
    rate: float
    faults: Sequence[Fault]
    say: Callable[[str], None] = print

    @property
    def load_s(self) -> float:
        """How long events are made."""
        return max((fault.until_s for fault in self.faults), default=0.0) + LOAD_AFTER_S

    @property
    def events(self) -> int:
        """How many events each gateway makes."""
        return math.ceil(self.load_s * self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of it. `findings`: what `verify` says. `exits`: how often a process ended by itself, by its name."""

    judgement: Judgement
    findings: tuple[str, ...]
    exits: Counter[str]
    drained_s: float

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, doubled or changed, and the ledger proves itself."""
        return self.judgement.passed and not self.findings


def run_campaign(order: Order, folder: Path) -> Result:
    """Carry a campaign through in an empty folder; whatever it starts and mounts is gone afterwards.

    Raises:
        CampaignFailed: something did not start, or was not acknowledged in time after everything was healed.
        UsageError: something that the setup needs is not installed.
    """
    with contextlib.ExitStack() as stack:
        bench = Bench(folder=folder, stack=stack, clock_library=wall_clock.build(folder))
        site = SETUPS[order.setup](bench)
        return _Run(order, bench, site).carry_through()


class _Run:
    def __init__(self, order: Order, bench: Bench, site: Site) -> None:
        self._order, self._bench, self._site = order, bench, site
        self._own = bench.folder / "own.jsonl"
        self._producers: dict[str, Program] = {}
        self._since_s = 0.0

    def carry_through(self) -> Result:
        order = self._order
        names = [f"gw-{number}" for number in range(1, order.gateways + 1)]
        for name in names:
            events = events_of(name, seed=order.seed, count=order.events)
            self._stream(name).write_text("".join(to_line(event) + "\n" for event in events))
        asyncio.run(self._place_orders(names))
        programs = self._site.programs
        with _ended(programs):
            for program in programs:
                program.start()
            self._wait_until_ready()
            self._since_s = time.monotonic()
            for number, name in enumerate(names, start=1):
                self._add_gateway(number, name)
            with _ended(list(self._producers.values())):
                self._break_everything()
                drained_s = self._drain()
        exits = Counter({program.name: len(program.exits) for program in (*programs, *self._producers.values())})
        return self._judged(names, exits=+exits, drained_s=drained_s)

    def _stream(self, name: str) -> Path:
        return self._bench.folder / f"{name}.stream.jsonl"

    def _status(self, name: str) -> dict[str, Any]:
        try:
            status: dict[str, Any] = json.loads((self._bench.folder / f"{name}.status.json").read_text())
        except FileNotFoundError:
            return {"epoch": "", "fed": 0, "acknowledged": 0, "is_over": False}
        return status

    async def _place_orders(self, names: Sequence[str]) -> None:
        store = open_store(self._site.data_dir, self._site.database_url)
        try:
            async with Ledger(store, now=lambda: datetime.now(UTC)) as ledger:
                for name in names:
                    await ledger.upsert_order(_order_of(name, self._order.events))
            with store.transaction() as transaction:
                own = [row.event for row in transaction.log()]
        finally:
            store.close()
        self._own.write_text("".join(to_line(event) + "\n" for event in own))

    def _wait_until_ready(self) -> None:
        program = self._site.ready_line_of
        deadline = time.monotonic() + READY_S
        while program is not None and "\nready " not in "\n" + program.log.read_text():
            if time.monotonic() > deadline:
                raise CampaignFailed(f"{program.name} is not ready: {program.log.read_text()[-1000:]}")
            time.sleep(LOOK_S)

    def _add_gateway(self, number: int, name: str) -> None:
        order, bench = self._order, self._bench
        url, link = bench.broker_link(self._site.mqtt_ports, first=number)
        disk = bench.disk(name, megabytes=GATEWAY_DISK_MB)
        command = [sys.executable, "-m", "tests.chaos.producer", "--gateway", name]
        command += ["--state", str(disk.folder), "--stream", str(self._stream(name))]
        command += ["--status", str(bench.folder / f"{name}.status.json")]
        command += ["--broker", url]
        command += ["--rate", str(order.rate), "--since", str(self._since_s)]
        program, clock = bench.program(f"{name}.producer", command)
        self._producers[name] = program
        gateway = BreakableProgram(program, clock=clock, disk=disk)
        self._site.parts[Part(kind=Kind.GATEWAY, number=number)] = gateway
        self._site.parts[Part(kind=Kind.GATEWAY_LINK, number=number)] = link
        program.start()

    def _break_everything(self) -> None:
        """Begin and heal every fault when it is its time, and start again what ends by itself."""
        steps = [(fault.at_s, 1, fault) for fault in self._order.faults]
        steps += [(fault.until_s, 0, fault) for fault in self._order.faults]
        for due_s, begins, fault in sorted(steps, key=lambda step: step[:2]):
            self._attend_until(partial(self._is_due, due_s))
            breakable = self._site.parts[fault.part]
            if begins:
                self._order.say(str(fault))
                breakable.begin(fault.means)
            else:
                breakable.heal(fault.means)
        for breakable in self._site.parts.values():
            if isinstance(breakable, BreakableDatabase):
                breakable.settle()

    def _is_due(self, due_s: float) -> bool:
        return time.monotonic() - self._since_s >= due_s

    def _drain(self) -> float:
        """Wait until every gateway has said everything and got its acknowledgement; the seconds that it took."""
        began_s = time.monotonic()
        self._attend_until(lambda: all(self._status(name)["is_over"] for name in self._producers), within_s=DRAIN_S)
        return time.monotonic() - began_s

    def _attend_until(self, holds: Callable[[], bool], *, within_s: float = math.inf) -> None:
        deadline, say_at = time.monotonic() + within_s, time.monotonic() + SAY_EVERY_S
        while not holds():
            for program in (*self._site.programs, *self._producers.values()):
                program.watch()
            now = time.monotonic()
            if now > deadline:
                raise CampaignFailed(f"after {within_s:.0f} s not everything is acknowledged: {self._standing()}")
            if now >= say_at:
                say_at = now + SAY_EVERY_S
                self._order.say(f"    {now - self._since_s:7.2f} s {self._standing()}")
            time.sleep(LOOK_S)

    def _standing(self) -> str:
        standings = {name: self._status(name) for name in self._producers}
        return "  ".join(f"{name} {each['acknowledged']}/{each['fed']}" for name, each in standings.items())

    def _judged(self, names: Sequence[str], *, exits: Counter[str], drained_s: float) -> Result:
        said = []
        for name in names:
            path = self._bench.folder / f"{name}.said.jsonl"
            path.write_text(self._stream(name).read_text().replace(NO_EPOCH, self._status(name)["epoch"]))
            said.append(path)
        views = self._bench.folder / "undisturbed.json"
        command = [sys.executable, "-m", "tests.chaos.undisturbed", str(self._bench.folder / "undisturbed")]
        subprocess.run([*command, str(self._own), str(views), *map(str, said)], check=True)
        store = open_reader(self._site.data_dir, self._site.database_url)
        try:
            judgement = judge(
                read_log(store),
                [event for path in (self._own, *said) for event in _read(path)],
                views=read_views(store),
                undisturbed=json.loads(views.read_text()),
            )
            findings = verify(store).differences
        finally:
            store.close()
        return Result(judgement=judgement, findings=findings, exits=exits, drained_s=drained_s)


def _read(path: Path) -> list[Event]:
    return list(read_lines(path.read_text().splitlines()))


def _order_of(gateway: str, events: int) -> OrderPlan:
    """An order whose work orders are those that the gateway has listed; planned so late that no alert comes of it."""
    finish = BEGIN + timedelta(days=36_500)
    return OrderPlan(
        order=f"SO-{gateway}",
        system="chaos",
        external_id=gateway,
        customer="Blue Shirt Co",
        promised=finish,
        work_orders=tuple(
            WorkOrderPlan(
                work_order=work_order(gateway, number),
                site="plant-a",
                item="shirt",
                quantity=QUANTITY,
                nodes=tuple(
                    NodePlan(
                        node=f"N{machine}",
                        quantity=QUANTITY,
                        planned_start=finish - timedelta(days=3),
                        planned_finish=finish,
                        label={"en": f"Step {machine}"},
                    )
                    for machine in range(1, MACHINES + 1)
                ),
            )
            for number in range(work_orders(events))
        ),
    )


@contextlib.contextmanager
def _ended(programs: Sequence[Program]) -> Iterator[None]:
    """At the end of the block they are asked to end, the last started first."""
    try:
        yield
    finally:
        for program in reversed(programs):
            program.end()


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for one campaign."""
    return tempfile.TemporaryDirectory(prefix="genba-chaos-", ignore_cleanup_errors=True)
