"""One gateway that reads many devices, each behind a network with a fault of its own, beside devices that are well.

All faults begin together and end together, so that one run of a few seconds tells for each of them whether the device
was lost and found as it should be, and whether anybody else noticed. The gateway is the real one, with its drivers,
outbox and sink; what it emits to its core is written down on the way.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genba_edge.app.gateway import Gateway
from genba_edge.app.setup import GatewaySetup
from genba_edge.app.sink import Sink
from genba_edge.outbox import SqliteOutbox
from genba_edge.ports import DeviceAlive, DeviceLost, Observation, Quality, Sample, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from tests.peers.proxy import Mode, Proxy
from tests.peers.recorder import eventually

TIMEOUT_S = 1.5
"""The devices' `timeout`: shorter than a fault, longer than the pauses of a busy test machine."""
LATE_S = 2.5
"""A delay beyond the time-out: answers come when nobody waits for them any more."""
FAULT_S = 3.0
"""The least that a fault lasts; it goes on until every device that must be lost by it is lost."""
AFTER_S = 1.5
"""How long the devices are watched after they are back: a second loss would come within this."""
WITHIN_S = 25.0
POLL_S = 0.25
STEP_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to a device's network, and whether the device must be lost by it."""

    name: str
    mode: Mode
    loses: bool
    delay_s: float = 0.08


FAULTS = (
    Fault(name="cut", mode=Mode.CUT, loses=True),
    Fault(name="refuse", mode=Mode.REFUSE, loses=True),
    Fault(name="delay", mode=Mode.DELAY, loses=False),
    Fault(name="late", mode=Mode.DELAY, loses=True, delay_s=LATE_S),
    Fault(name="dribble", mode=Mode.DRIBBLE, loses=False),
    Fault(name="black-hole", mode=Mode.BLACK_HOLE, loses=True),
    Fault(name="half-open", mode=Mode.HALF_OPEN, loses=True),
    Fault(name="corrupt", mode=Mode.CORRUPT, loses=True),
)
NAMES = [fault.name for fault in FAULTS]
LOSING = [fault.name for fault in FAULTS if fault.loses]
HARMLESS = [fault.name for fault in FAULTS if not fault.loses]


class Bench(ABC):
    """The devices of one protocol, of which the faulty ones may share a server, and what they make."""

    period_s: float
    """How often a device of this kind says that it is there."""

    @abstractmethod
    def port(self, name: str) -> int:
        """The port of the server for the device `name`."""

    @abstractmethod
    def device(self, name: str, port: int) -> str:
        """The device's lines in the map, when it is reached by `port`."""

    @abstractmethod
    def step(self) -> None:
        """Make the next thing, at every device."""

    @abstractmethod
    def made(self) -> list[Any]:
        """Everything made so far, in order, as the gateway must see it."""

    @abstractmethod
    def seen(self, observation: Observation) -> Any:
        """What an observation shows of the things made; None where it shows nothing."""

    @abstractmethod
    def is_told(self, values: Sequence[Any]) -> bool:
        """Whether a device that showed `values` has told everything made so far."""

    def station(self, name: str) -> str:
        """The device's station in the map; nothing where it counts nothing."""
        return f"  S-{name}: {{device: {name}, counts: {{good: good}}}}\n"


@dataclass(slots=True)
class Account:
    """What was seen of one device."""

    lost: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    seen: list[tuple[float, Any]] = field(default_factory=list)
    alive_s: list[float] = field(default_factory=list)
    asked_s: list[float] = field(default_factory=list)
    mark: list[Any] = field(default_factory=list)
    two_periods_s: float = 0.0
    passed_s: float = 0.0
    gaps: int = 0
    pieces: int = 0

    @property
    def recovery_s(self) -> float:
        """From the moment when the network was well again to the first good reading after it."""
        return next(at for at, _ in self.seen if at > self.passed_s) - self.passed_s

    def values(self) -> list[Any]:
        """What was seen, in the order in which it was seen."""
        return [value for _, value in self.seen]

    def longest_pause_s(self, begin_s: float, end_s: float, moments: Sequence[float]) -> float:
        """The longest time without any of `moments` between two instants."""
        inside = [begin_s, *(at for at in moments if begin_s <= at <= end_s), end_s]
        return max(later - earlier for earlier, later in itertools.pairwise(inside))


@dataclass(slots=True)
class Report:
    """One run."""

    accounts: dict[str, Account]
    made: list[Any]
    began_s: float = 0.0
    ended_s: float = 0.0


class _Witness(Gateway):
    """The gateway, with everything that its drivers emit shown to `watch` first."""

    watch: Callable[[Sequence[Observation]], None]

    def _emit(self, observations: Sequence[Observation]) -> None:
        self.watch(observations)
        super()._emit(observations)


class _LogBook(logging.Handler):
    def __init__(self, accounts: dict[str, Account]) -> None:
        super().__init__(logging.INFO)
        self._accounts = accounts

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        for name, account in self._accounts.items():
            if line.startswith(f"device lost device={name} "):
                account.lost.append(line)
            elif line.startswith(f"device back device={name} "):
                account.back.append(line)


class Scenario:
    """Sets everything up on one event loop, makes the faults, and tells what happened."""

    def __init__(self, bench: Bench, other: Bench, folder: Path, stack: ExitStack) -> None:
        self._bench, self._other, self._folder = bench, other, folder
        self._proxies: dict[str, Proxy] = {}
        lines, stations = [], []
        for name, maker in self._places():
            proxy = self._proxies[name] = stack.enter_context(Proxy(maker.port(name)))
            lines.append(maker.device(name, proxy.port))
            stations.append(maker.station(name))
        self._map = (
            "version: 1\ngateway: {id: gw-1, site: plant-a, timezone: UTC}\ndevices:\n"
            + "".join(lines)
            + "stations:\n"
            + "".join(stations)
        )
        self._report = Report(
            accounts={name: Account(two_periods_s=2 * maker.period_s) for name, maker in self._places()},
            made=bench.made(),
        )
        self._makers = dict(self._places())

    def _places(self) -> list[tuple[str, Bench]]:
        faulty = [(fault.name, self._bench) for fault in FAULTS]
        return [*faulty, ("well", self._bench), ("other", self._other)]

    def run(self) -> Report:
        """Start the gateway, make the faults, end them, stop the gateway."""
        book = _LogBook(self._report.accounts)
        logger = logging.getLogger("genba_edge")
        level = logger.level
        logger.addHandler(book)
        logger.setLevel(logging.INFO)
        try:
            asyncio.run(self._run())
        finally:
            logger.removeHandler(book)
            logger.setLevel(level)
        self._read_sink()
        for name, proxy in self._proxies.items():
            self._report.accounts[name].asked_s = list(proxy.asked_at)
        self._report.made = self._bench.made()
        return self._report

    async def _run(self) -> None:
        outbox, sink = SqliteOutbox(self._folder, gateway="gw-1"), Sink(self._folder / "events.jsonl")
        setup = GatewaySetup(
            device_map=load_device_map(self._folder / "plant.yaml", text=self._map),
            outbox=outbox,
            clock=ProductionClock(),
            state_dir=self._folder,
            broker=None,
            sink=sink,
        )
        gateway, stop = _Witness(setup), asyncio.Event()
        gateway.watch = self._watch
        running = asyncio.create_task(gateway.run(stop))
        try:
            await self._happen()
        finally:
            stop.set()
            await running
            outbox.close()
            sink.close()

    async def _happen(self) -> None:
        report = self._report
        await self._until(lambda: all(account.seen for account in report.accounts.values()))
        report.began_s = time.monotonic()
        for fault in FAULTS:
            self._proxies[fault.name].delay_s = fault.delay_s
            self._proxies[fault.name].switch(fault.mode)
        least_s = report.began_s + FAULT_S
        await self._until(lambda: time.monotonic() > least_s and all(report.accounts[name].lost for name in LOSING))
        for name in NAMES:
            report.accounts[name].passed_s = self._proxies[name].switch(Mode.PASS)
        await self._until(lambda: all(self._is_found(name) for name in NAMES))
        watched_until_s = time.monotonic() + AFTER_S
        await self._until(lambda: time.monotonic() > watched_until_s)
        await eventually(
            lambda: all(self._makers[name].is_told(account.values()) for name, account in report.accounts.items()),
            within_s=WITHIN_S,
        )
        report.ended_s = time.monotonic()

    def _is_found(self, name: str) -> bool:
        account = self._report.accounts[name]
        return account.seen[-1][0] > account.passed_s

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Let the devices work until the condition holds."""
        async with asyncio.timeout(WITHIN_S):
            while not condition():  # the steps are what makes it true
                for maker in set(self._makers.values()):
                    await asyncio.to_thread(maker.step)
                await asyncio.sleep(STEP_S)

    def _watch(self, observations: Sequence[Observation]) -> None:
        now_s = time.monotonic()
        for observation in observations:
            account = self._report.accounts[observation.device]
            match observation:
                case DeviceAlive():
                    account.alive_s.append(now_s)
                case DeviceLost() | TagRead() | Sample(quality=Quality.GOOD | Quality.UNCERTAIN):
                    pass
                case _:
                    continue
            if isinstance(observation, Sample) and observation.point == "mark":
                account.mark.append(observation.value)
            elif (value := self._makers[observation.device].seen(observation)) is not None:
                account.seen.append((now_s, value))

    def _read_sink(self) -> None:
        for line in (self._folder / "events.jsonl").read_text().splitlines():
            event = json.loads(line)
            match event["kind"]:
                case "pieces_counted":
                    device = event["source"]["ref"].partition("/")[0]
                    self._report.accounts[device].pieces += event["delta"]
                case "data_gap_seen":
                    self._report.accounts[event["subject"]].gaps += 1
                case _:
                    pass
