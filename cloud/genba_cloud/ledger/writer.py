"""One thread that writes: whatever waits is done in one transaction and shares its commit.

Envelopes that wait one after the other are one piece of work: their views are loaded and written once, however many
there are. Should anything of a group fail, each of its jobs is done again in a transaction of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Generic, TypeVar

from genba_cloud.ledger.batches import Appended, EnvelopeBatch, together
from genba_cloud.ledger.job_supervisor import failure_of
from genba_cloud.store.again import committed
from genba_cloud.store.errors import StoreAway
from genba_cloud.store.port import Store, Transaction

logger = logging.getLogger(__name__)

GROUP: Final = 1024
"""With so many jobs a group is full: bounds how long the first of them waits."""
GROUP_EVENTS: Final = 4096
"""With so many events of envelopes it is full as well: the same bound, where gateways have backlogs."""

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class _Job(Generic[T]):
    """`batch` instead of work of its own: an envelope. `told` is what listeners are told of the job."""

    work: Callable[[Transaction], T] | None = None
    batch: EnvelopeBatch | None = None
    future: asyncio.Future[T]
    result: T | None = None
    told: object = None
    error: Exception | None = None


class _Group:
    """Jobs that share a commit."""

    def __init__(self) -> None:
        self.jobs: list[_Job[Any]] = []
        self._events = 0

    def add(self, jobs: Iterable[_Job[Any]]) -> None:
        """Let these join."""
        for job in jobs:
            self.jobs.append(job)
            self._events += 0 if job.batch is None else len(job.batch.events)

    @property
    def is_full(self) -> bool:
        """Whether it is to be committed, whatever else waits."""
        return len(self.jobs) >= GROUP or self._events >= GROUP_EVENTS


def _groups(jobs: Iterable[_Job[Any]]) -> Iterator[Sequence[_Job[Any]]]:
    """The jobs in groups that are full, and the rest."""
    group = _Group()
    for job in jobs:
        group.add([job])
        if group.is_full:
            yield group.jobs
            group = _Group()
    if group.jobs:
        yield group.jobs


def _is_envelope(job: _Job[Any]) -> bool:
    return job.batch is not None


class Writer:
    """Runs jobs on the store in the order in which they were given, and tells `committed` their results in that order.

    A job is a function of the transaction and may be run a second time, after everything it did was rolled back.
    """

    def __init__(
        self,
        store: Store,
        enterprise: str,
        append: Callable[[Transaction, Sequence[EnvelopeBatch]], Sequence[Appended]],
        committed: Callable[[object], None],
    ) -> None:
        """Start.

        Args:
            store: what is written to.
            enterprise: whose log.
            append: takes envelopes that wait one after the other.
            committed: runs on the event loop, after the commit and before the caller goes on.
        """
        self._store = store
        self._append = append
        self._enterprise = enterprise
        self._committed = committed
        self._jobs: queue.SimpleQueue[Sequence[_Job[Any]] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Do the work in a transaction; returns when it is committed. What it raises rolls it back and comes out."""
        if self._closed:
            raise RuntimeError("the ledger is closed")
        job: _Job[T] = _Job(work=work, future=self._loop.create_future())
        self._jobs.put([job])
        # A caller that gives up does not undo what is on its way; the result is only no longer waited for.
        return await job.future

    async def take(self, batches: Sequence[EnvelopeBatch]) -> list[Appended | BaseException]:
        """Append envelopes, with those that wait beside them; returns when all are committed, or have failed."""
        if self._closed:
            raise RuntimeError("the ledger is closed")
        jobs: list[_Job[Appended]] = [_Job(batch=batch, future=self._loop.create_future()) for batch in batches]
        for group in _groups(jobs):
            self._jobs.put(group)
        return await asyncio.gather(*(job.future for job in jobs), return_exceptions=True)

    async def close(self) -> None:
        """Finish what was given, then end the thread."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while True:
            group, is_last = self._take()
            if group:
                self._do(group)
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(self._deliver, group)
            if is_last:
                return

    def _take(self) -> tuple[Sequence[_Job[Any]], bool]:
        group = _Group()
        jobs = self._jobs.get()
        while jobs is not None:
            group.add(jobs)
            if group.is_full:
                return group.jobs, False
            try:
                jobs = self._jobs.get_nowait()
            except queue.Empty:
                return group.jobs, False
        return group.jobs, True

    def _do(self, group: Sequence[_Job[Any]]) -> None:
        """All in one transaction; where one fails, each in its own, so that the others do not suffer."""
        error = failure_of(lambda: self._commit(group))
        if error is not None and len(group) == 1:
            group[0].result, group[0].error = None, error
        elif isinstance(error, StoreAway):  # none of them would fare better, and what became of them may be unknown
            for job in group:
                job.result, job.error = None, error
        elif error is not None:
            for job in group:
                self._do([job])

    def _commit(self, group: Sequence[_Job[Any]]) -> None:
        def work(transaction: Transaction) -> None:
            for are_envelopes, jobs in groupby(group, key=_is_envelope):
                if are_envelopes:
                    self._take_envelopes(transaction, list(jobs))
                    continue
                for job in jobs:
                    assert job.work is not None  # noqa: S101 (a job is one or the other)
                    job.result = job.told = job.work(transaction)

        committed(self._store, self._enterprise, work)

    def _take_envelopes(self, transaction: Transaction, jobs: Sequence[_Job[Any]]) -> None:
        results = self._append(transaction, [job.batch for job in jobs if job.batch is not None])
        for job, result in zip(jobs, results, strict=True):
            job.result, job.told = result, None
        jobs[-1].told = together(results)

    def _deliver(self, group: Sequence[_Job[Any]]) -> None:
        for job in group:
            if job.error is None and job.told is not None:
                # In a callback of its own: a listener that fails must not keep anybody else waiting.
                self._loop.call_soon(self._committed, job.told)
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
