"""A process full of simulated gateways that make events at a steady rate and note when each was acknowledged."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import tempfile
import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.peers.fleet import FleetGateway

TICK_S: Final = 0.02
PATIENCE_S: Final = 60.0


@dataclass(slots=True, kw_only=True)
class Diary:
    """What one gateway lived through; times are those of the machine's monotonic clock.

    `batches`: when events were made and up to which seq; `answers`: when what was acknowledged; `nodes`: by mark, to
    which node of the broker it was connected.
    """

    name: str
    epoch: str
    made: int = 0
    batches: list[tuple[float, int]] = field(default_factory=list)
    answers: list[tuple[float, int]] = field(default_factory=list)
    nodes: dict[str, str] = field(default_factory=dict)

    def longest_wait(self, begin: float, end: float) -> float:
        """The longest time from making events to their acknowledgement, of all that waited between two instants."""
        reached = [upto for _, upto in self.answers]
        waits = [0.0]
        for made_at, last in self.batches:
            index = bisect_left(reached, last)
            answered_at = self.answers[index][0] if index < len(reached) else float("inf")
            if made_at < end and answered_at > begin:
                waits.append(answered_at - made_at)
        return max(waits)


class FleetProcess:
    """Gateways in a process of their own: `begin`, `mark` now and then, `finish`."""

    def __init__(self, names: Sequence[str], broker: str, *, rate: float, group: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=_run, args=(far_end, list(names), broker, rate, group), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self._process.join(10)

    def wait_until_connected(self) -> None:
        """Until the first event of every gateway is acknowledged."""
        self._ask("connect")

    def begin(self) -> None:
        """Make events at the rate from now on."""
        self._ask("begin")

    def mark(self, name: str) -> None:
        """Note where every gateway is connected now."""
        self._ask("mark", name)

    def finish(self) -> list[Diary]:
        """Make no more, wait until everything is acknowledged, and hand over the diaries."""
        diaries: list[Diary] = self._ask("finish")
        return diaries

    def _ask(self, *words: str) -> Any:
        self._pipe.send(words)
        if not self._pipe.poll(PATIENCE_S):
            raise TimeoutError(f"gateways: no answer to {words[0]}")
        answer = self._pipe.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _run(pipe: Connection, names: Sequence[str], broker: str, rate: float, group: int) -> None:
    logging.disable(logging.WARNING)
    try:
        asyncio.run(_live(pipe, names, broker, rate, group))
    except BaseException as exc:
        pipe.send(exc)
        raise


async def _live(pipe: Connection, names: Sequence[str], broker: str, rate: float, group: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        gateways = [FleetGateway(name, broker, Path(folder) / name) for name in names]
        diaries = [Diary(name=one.name, epoch=one.outbox.mark().epoch) for one in gateways]
        async with AsyncExitStack() as stack:
            for gateway in gateways:
                await stack.enter_async_context(gateway.running())
            ticking = asyncio.create_task(_tick(gateways, diaries))
            making: asyncio.Task[None] | None = None
            while True:
                words = await asyncio.to_thread(pipe.recv)
                match words:
                    case ("connect",):
                        for gateway, diary in zip(gateways, diaries, strict=True):
                            _make(gateway, diary, 1)
                        await _all_answered(gateways)
                    case ("begin",):
                        making = asyncio.create_task(_produce(gateways, diaries, rate=rate, group=group))
                    case ("mark", name):
                        for gateway, diary in zip(gateways, diaries, strict=True):
                            diary.nodes[name] = gateway.node
                    case _:
                        if making is not None:
                            making.cancel()
                        await _all_answered(gateways)
                        await asyncio.sleep(2 * TICK_S)
                        ticking.cancel()
                        pipe.send(diaries)
                        return
                pipe.send(None)


def _make(gateway: FleetGateway, diary: Diary, events: int) -> None:
    gateway.count(events)
    diary.made = gateway.made
    diary.batches.append((time.monotonic(), gateway.made))


async def _produce(gateways: Sequence[FleetGateway], diaries: Sequence[Diary], *, rate: float, group: int) -> None:
    """Make `group` events of one gateway after the other, so that all together make `rate` a second."""
    begun, turns = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - begun) * rate / group)
        for turn in range(turns, due):
            _make(gateways[turn % len(gateways)], diaries[turn % len(gateways)], group)
        turns = due
        await asyncio.sleep(TICK_S)


async def _tick(gateways: Sequence[FleetGateway], diaries: Sequence[Diary]) -> None:
    while True:
        for gateway, diary in zip(gateways, diaries, strict=True):
            if gateway.acknowledged != (diary.answers[-1][1] if diary.answers else 0):
                diary.answers.append((time.monotonic(), gateway.acknowledged))
        await asyncio.sleep(TICK_S)


async def _all_answered(gateways: Sequence[FleetGateway]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while any(one.acknowledged < one.made for one in gateways):  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(TICK_S)
