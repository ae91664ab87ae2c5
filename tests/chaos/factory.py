"""The factory ring: the real gateway on a simulated plant, broken on its device side too, judged by the plant's truth.

A gateway that is away polls nothing, so its events are others than those of an undisturbed run. What must hold instead
is what `genba demo --check` compares: every piece, passage and completion that the plant made is in the collector's
answers, or the product says itself that it did not see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from genba_shared.cli.demo.children import Children
from genba_shared.cli.demo.factory import Factory
from genba_shared.cli.demo.verdict import ANSWERS, MAP, TRUTH, Verdict, judge
from genba_shared.clock import CLOCK_VARIABLE, ProductionClock
from genba_shared.device_map import load_device_map
from tests.chaos.breaking import BreakableLink
from tests.chaos.programs import child_named, signal_all
from tests.chaos.schedule import Means
from tests.peers.proxy import Proxy

SPEED: Final = 60.0
AFTER_S: Final = 10.0
"""The plant works on for so long after the last fault."""
FIRST_AT_S: Final = 15.0
"""Everything runs and the first pieces are counted before the first fault comes."""
GAP_S: Final = 6.0
LINKS: Final = (Means.CUT, Means.REFUSE, Means.BLACK_HOLE, Means.BLACK_HOLE_IN, Means.DRIBBLE)
_ADDRESS: Final = re.compile(r"127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryFault:
    """From `at_s` on (seconds after the gateway started), for `lasts_s`. `what`: a process, or `device N`."""

    at_s: float
    lasts_s: float
    what: str
    means: Means

    def __str__(self) -> str:
        return f"    {self.at_s:7.2f} s for {self.lasts_s:5.2f} s  factory, {self.what}: {self.means}"


def plan_factory(seed: int, *, faults: int, devices: int = 3) -> tuple[FactoryFault, ...]:
    """The faults of a seed, one after the other: gateway, collector and broker die or stand still, devices go away."""
    chance = random.Random(f"factory {seed}")
    choices = [("gateway", Means.KILL), ("gateway", Means.STOP), ("collector", Means.KILL), ("broker", Means.KILL)]
    choices += [(f"device {number}", means) for number in range(1, devices + 1) for means in LINKS]
    planned, at_s = [], FIRST_AT_S
    for number in range(faults):
        if number % len(choices) == 0:
            chance.shuffle(choices)
        what, means = choices[number % len(choices)]
        lasts_s = chance.uniform(0.5, 4.0)
        planned.append(FactoryFault(at_s=round(at_s, 3), lasts_s=round(lasts_s, 3), what=what, means=means))
        at_s += lasts_s + chance.uniform(0.2, 2.0) * GAP_S
    return tuple(planned)


def run_factory(
    faults: Sequence[FactoryFault], *, seed: int, folder: Path, say: Callable[[str], None] = print
) -> Verdict:
    """Run a demo with these faults; the judgement by the plant's truth."""
    for_s = max((fault.at_s + fault.lasts_s for fault in faults), default=0.0) + AFTER_S
    args = Namespace(for_s=for_s, check=True, speed=SPEED, seed=seed, port=0, broker=None)
    return asyncio.run(_run(args, faults, folder, say))


async def _run(args: Namespace, faults: Sequence[FactoryFault], folder: Path, say: Callable[[str], None]) -> Verdict:
    clock = ProductionClock(origin=datetime.now(UTC), wall_origin_s=time.time(), speed=args.speed)
    children = Children(folder, {**os.environ, CLOCK_VARIABLE: clock.to_variable()})
    with contextlib.ExitStack() as stack:
        factory = _ProxiedFactory(args, folder, clock, children, stack)
        breaking = asyncio.create_task(_break(factory, folder, faults, say))
        try:
            await factory.run(asyncio.Event())
            await breaking
        finally:
            breaking.cancel()
            children.stop()
    answers = json.loads((folder / ANSWERS).read_text())
    return judge(answers, folder / TRUTH, load_device_map(folder / MAP))


class _ProxiedFactory(Factory):
    """A demo whose gateway reaches every device through a proxy."""

    def __init__(
        self, args: Namespace, data: Path, clock: ProductionClock, children: Children, stack: contextlib.ExitStack
    ) -> None:
        super().__init__(args, data, clock, children)
        self._stack = stack
        self.links: list[BreakableLink] = []
        self.started = asyncio.Event()

    def _start_gateway(self, mqtt: str) -> None:
        """Put a proxy before each address of the map that the plant wrote; then as ever."""
        proxied: dict[str, int] = {}

        def other(found: re.Match[str]) -> str:
            if found[1] not in proxied:
                proxy = self._stack.enter_context(Proxy(int(found[1])))
                self.links.append(BreakableLink(proxy))
                proxied[found[1]] = proxy.port
            return f"127.0.0.1:{proxied[found[1]]}"

        self._map.write_text(_ADDRESS.sub(other, self._map.read_text()))
        super()._start_gateway(mqtt)
        self.started.set()


async def _break(
    factory: _ProxiedFactory, folder: Path, faults: Sequence[FactoryFault], say: Callable[[str], None]
) -> None:
    await factory.started.wait()
    began_s = time.monotonic()
    for fault in faults:
        await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
        say(str(fault))
        with _broken(factory, folder, fault):
            await asyncio.sleep(fault.lasts_s)


@contextlib.contextmanager
def _broken(factory: _ProxiedFactory, folder: Path, fault: FactoryFault) -> Iterator[None]:
    """A process that is killed the demo starts again at once; everything else is healed at the end of the block."""
    what, _, number = fault.what.partition(" ")
    if what == "device":
        link = factory.links[int(number) - 1]
        link.begin(fault.means)
        try:
            yield
        finally:
            link.heal(fault.means)
        return
    pids = json.loads((folder / "processes.json").read_text())
    pid = child_named(pids["collector"], "nats-server") if what == "broker" else pids[what]
    if pid is None:
        yield
        return
    signal_all([pid], signal.SIGKILL if fault.means is Means.KILL else signal.SIGSTOP)
    try:
        yield
    finally:
        signal_all([pid], signal.SIGCONT)
