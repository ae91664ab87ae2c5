"""Commits of the derivation into the outbox, also when a limit is reached or the disk takes no more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from genba_edge.app.sink import Sink
from genba_edge.core.deriver import Deriver
from genba_edge.core.grouping import Grouping
from genba_edge.core.journal import Commit, Moment
from genba_edge.ports import Outbox
from genba_edge.uplink import Uplink
from genba_shared.errors import OutboxFull

logger = logging.getLogger(__name__)

MARK_S = 10.0  # wall: after so long without a commit the acknowledgement is written down alone
FULL_RETRY_S = 5.0  # wall: how long to wait before a commit that the disk refused is tried again


class Committing:
    """Gives commits to the outbox, one after the other; `on_stored` is told each, `uplink` gives the one there is now.

    On a full disk first history gives way, then what hurts least of that which waits for the collector; else the commit
    waits for room. Nothing is derived meanwhile, and what devices say waits in memory: the state that is stored
    and the events that are stored always belong together, so a kill only means that counters are read anew.
    """

    def __init__(
        self,
        outbox: Outbox,
        sink: Sink | None,
        *,
        moment: Callable[[], Moment],
        uplink: Callable[[], Uplink | None],
        on_stored: Callable[[Commit], None],
    ) -> None:
        self._outbox, self._sink, self._moment, self._on_stored = outbox, sink, moment, on_stored
        self._uplink = uplink
        self._grouping = Grouping()
        self._marked_at = time.monotonic()
        self.commits = 0
        self.waiting: Commit | None = None
        """The commit that the disk has not taken yet."""
        self.full_since: datetime | None = None
        """Since when the disk takes no commit; None: it does."""

    def due_in_s(self, deriver: Deriver) -> float | None:
        """In how many seconds what was derived is to be committed; None: nothing was."""
        now_s = time.monotonic()
        self._grouping = self._grouping.looked(has_work=not deriver.has_nothing_to_commit, now_s=now_s)
        uplink = self._uplink()
        return self._grouping.due_in_s(is_under_way=uplink is not None and uplink.is_under_way, now_s=now_s)

    async def take_commit(self, deriver: Deriver) -> Commit | None:
        """What is to be committed next; at a limit of the store also what goes with it, and that is declared."""
        self._grouping = Grouping()
        if not self._outbox.must_drop():
            return deriver.take_commit()
        await self._flush()
        dropping = await asyncio.to_thread(self._outbox.plan_drops)
        if dropping is None:
            return deriver.take_commit()
        deriver.declare_drops(dropping, self._moment())
        return replace(deriver.take_checkpoint(), dropping=dropping)

    async def store(self, commit: Commit, deriver: Deriver, stop: asyncio.Event) -> None:
        """Commit; while the disk is full, say so, and try again until told to stop."""
        self.waiting = commit
        while not (await self.store_now(commit) or await self._store_with_drops(commit, deriver)):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FULL_RETRY_S):
                    await stop.wait()
                    return
        self.waiting = None

    async def store_now(self, commit: Commit) -> bool:
        """Commit; False: the disk does not take it."""
        try:
            await asyncio.to_thread(self._write, commit)
        except OutboxFull as exc:
            self._note_full(commit, str(exc))
            return False
        self._note_room()
        self.commits += 1
        self._marked_at = time.monotonic()
        if commit.dropping is not None:
            ranges = " ".join(str(each) for each in commit.dropping.ranges)
            logger.warning("store full: events dropped events=%d ranges=%s", commit.dropping.events, ranges)
        self._on_stored(commit)
        return True

    async def store_all(self, deriver: Deriver) -> bool:
        """Commit what waits and then all that was derived; False: the disk does not take it, and it waits."""
        if self.waiting is not None and not await self.store_now(self.waiting):
            return False
        self.waiting = deriver.take_checkpoint()  # which forgets it: only when nothing else waits
        if not await self.store_now(self.waiting):
            return False
        self.waiting = None
        return True

    def took(self, commit: Commit) -> None:
        """The outbox took a commit on another way: the first one of a new epoch."""
        if self._sink is not None:
            self._sink.write(commit.events)
        self._on_stored(commit)

    async def rest(self) -> None:
        """Nothing is to be committed: after a while write down what was acknowledged; a commit takes it along."""
        now_s = time.monotonic()
        if now_s - self._marked_at >= MARK_S:
            self._marked_at = now_s
            with contextlib.suppress(OutboxFull):  # it is acknowledged again
                await asyncio.to_thread(self._outbox.keep_mark)

    async def settle(self, stop: asyncio.Event, timeout_s: float) -> bool:
        """Whether the collector has everything within that time, and before the gateway is told to stop."""
        uplink = self._uplink()
        if uplink is None:
            return False
        drained, stopped = asyncio.create_task(uplink.drain(timeout_s)), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((drained, stopped), return_when=asyncio.FIRST_COMPLETED)
            return drained.done() and drained.result()
        finally:
            drained.cancel()
            stopped.cancel()

    async def _flush(self) -> None:
        """What the collector has is not to be dropped, nor to be declared lost."""
        uplink = self._uplink()
        if uplink is not None:
            await uplink.flush()

    async def _store_with_drops(self, commit: Commit, deriver: Deriver) -> bool:
        """On a full disk what hurts least makes room; if even so nothing can be committed, nothing was dropped."""
        if commit.dropping is not None or not deriver.has_nothing_to_commit:
            return False
        await self._flush()
        dropping = await asyncio.to_thread(self._outbox.plan_for_full_disk)
        if dropping is None:
            return False
        deriver.declare_drops(dropping, self._moment())
        declaration = deriver.take_checkpoint()
        if await self.store_now(commit.then(declaration, dropping=dropping)):
            return True
        deriver.take_back(declaration)
        await asyncio.to_thread(self._outbox.forget_plan)
        return False

    def _write(self, commit: Commit) -> None:
        """In a thread of its own: a disk, and more so a share, may take its time."""
        self._outbox.append(commit.events, commit.state, commit.trails, dropping=commit.dropping)
        if self._sink is not None:
            self._sink.write(commit.events)

    def _note_full(self, commit: Commit, reason: str) -> None:
        if self.full_since is None:
            self.full_since = self._moment().now
            logger.error(
                "outbox full waiting_events=%d retry_s=%.0f reason=%s: devices are read on, nothing is stored until "
                "there is room",
                len(commit.events),
                FULL_RETRY_S,
                reason,
            )

    def _note_room(self) -> None:
        if self.full_since is not None:
            away_s = (self._moment().now - self.full_since).total_seconds()
            logger.info("outbox has room again away_s=%.0f", away_s)
            self.full_since = None
