"""One thread that writes: whatever waits is done in one transaction and shares its commit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from genba_cloud.ledger.job_supervisor import failure_of
from genba_cloud.store.again import committed
from genba_cloud.store.errors import StoreAway
from genba_cloud.store.port import Store, Transaction

logger = logging.getLogger(__name__)

GROUP: Final = 64
"""Jobs that share a commit at most: bounds how long the first of them waits."""

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class _Job(Generic[T]):
    work: Callable[[Transaction], T]
    future: asyncio.Future[T]
    result: T | None = None
    error: Exception | None = None


class Writer:
    """Runs jobs on the store in the order in which they were given, and tells `committed` their results in that order.

    A job is a function of the transaction and may be run a second time, after everything it did was rolled back.
    """

    def __init__(self, store: Store, enterprise: str, committed: Callable[[object], None]) -> None:
        """`committed` runs on the event loop, after the commit and before the caller goes on."""
        self._store = store
        self._enterprise = enterprise
        self._committed = committed
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """Do the work in a transaction; returns when it is committed. What it raises rolls it back and comes out."""
        if self._closed:
            raise RuntimeError("the ledger is closed")
        job = _Job(work=work, future=self._loop.create_future())
        self._jobs.put(job)
        # A caller that gives up does not undo what is on its way; the result is only no longer waited for.
        return await asyncio.shield(job.future)

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

    def _take(self) -> tuple[list[_Job[Any]], bool]:
        group: list[_Job[Any]] = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP:
                return group, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

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
            for job in group:
                job.result = job.work(transaction)

        committed(self._store, self._enterprise, work)

    def _deliver(self, group: Sequence[_Job[Any]]) -> None:
        for job in group:
            if job.error is None:
                # In a callback of its own: a listener that fails must not keep anybody else waiting.
                self._loop.call_soon(self._committed, job.result)
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
