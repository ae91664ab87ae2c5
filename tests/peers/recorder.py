"""Keeps what a driver emits, and waits for conditions on it instead of sleeping."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from genba_edge.ports import Driver, Observation, Sample, Unchanged, Value

T = TypeVar("T")


class Recorder:
    """An `Emit` that remembers every batch."""

    def __init__(self) -> None:
        self.batches: list[list[Observation]] = []
        self._news = asyncio.Event()

    def __call__(self, observations: Sequence[Observation]) -> None:
        self.batches.append(list(observations))
        self._news.set()

    @property
    def all(self) -> list[Observation]:
        """Everything emitted so far, in order."""
        return [observation for batch in self.batches for observation in batch]

    def of(self, kind: type[T]) -> list[T]:
        """Everything of one kind."""
        return [observation for observation in self.all if isinstance(observation, kind)]

    def samples(self, point: str) -> list[Sample]:
        """Readings of one point: its samples, and one more for each time that it was told to be unchanged."""
        readings: list[Sample] = []
        for observation in self.all:
            match observation:
                case Sample() if observation.point == point:
                    readings.append(observation)
                case Unchanged() if point in observation.points:
                    readings.append(replace(readings[-1], at=observation.at, seen_at=observation.at))
                case _:
                    pass
        return readings

    def values(self, point: str) -> list[Value]:
        """Values of one point."""
        return [sample.value for sample in self.samples(point)]

    def latest(self, point: str) -> Value:
        """The last value of a point; None before the first."""
        return (self.values(point) or [None])[-1]

    async def until(self, condition: Callable[[], bool], *, within_s: float = 15.0) -> None:
        """Wait until something that was emitted makes the condition true."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s; last: {self.all[-8:]}") from None


async def eventually(condition: Callable[[], bool], *, within_s: float = 15.0) -> None:
    """Wait until something that can only be asked for becomes true."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - a peer in another process gives no signal
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s") from None


@contextlib.asynccontextmanager
async def running(driver: Driver) -> AsyncIterator[Recorder]:
    """Run a driver for the time of the block; afterwards it must have ended cleanly, with no task left behind."""
    recorder = Recorder()
    before = asyncio.all_tasks()
    task = asyncio.create_task(driver.run(recorder))
    try:
        yield recorder
    finally:
        assert not task.done() or task.exception() is None, task.exception()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        left = asyncio.all_tasks() - before
        if left:  # a generator that was left is closed by a task of its own
            _, left = await asyncio.wait(left, timeout=10)
        assert not left, left


def log_lines(records: Sequence[logging.LogRecord], *, of: str) -> list[str]:
    """Messages that start with `of`."""
    return [record.getMessage() for record in records if record.getMessage().startswith(of)]
