"""This process among the others: stays alive in the database, takes its share of partitions, gives it up at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from genba_cloud.core.partitions import moves_of
from genba_cloud.ledger import ALL_LEASES, ASSESSOR, Peers, partition_lease
from genba_cloud.store import ALIVE_S, Leases, Member, Standing, StoreAway
from genba_shared.topics import PARTITIONS

logger = logging.getLogger(__name__)

TURN_EVERY_S: Final = 0.75  # so that a dead process is replaced within ALIVE_S and this
HAND_OVER_S: Final = 0.1  # a transaction that still writes under a lease has ended by then

T = TypeVar("T")


def new_name() -> str:
    """A name for this process that no other one had: a process that is started again is a new one."""
    return f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """What a process offers to do: take what gateways send, and decide on episodes."""

    ingests: bool
    decides: bool


class Membership:
    """Run it beside the work that needs leases; `on_change` follows every change of what we hold."""

    def __init__(self, leases: Leases, peers: Peers, duties: Duties, *, on_change: Callable[[], None]) -> None:
        self._leases = leases
        self._peers = peers
        self._duties = duties
        self._on_change = on_change
        self._member = Member(name=peers.name, ingests=duties.ingests)
        self._held: Mapping[str, int] = {}
        self._leaving: frozenset[str] = frozenset()  # what we write under no more, to hand it over
        self._confirmed_at = time.monotonic()
        self._is_cut_off = False
        self._wake = asyncio.Event()
        # a thread of its own: staying alive must not wait behind what others do in threads
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="membership")

    def wake(self) -> None:
        """Leases moved: have a turn now."""
        self._wake.set()

    async def run(self) -> None:
        """Have turns until cancelled."""
        while True:
            await self._turn()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HAND_OVER_S if self._leaving else TURN_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()

    async def leave(self) -> None:
        """Give everything up at once; call it when nothing is written any more under a lease."""
        self._peers.hold({})
        try:
            await self._in_thread(lambda: self._leases.leave(self._member))
        except StoreAway as exc:
            logger.warning("leases not given up reason=%s: they expire in %.0f s", exc, ALIVE_S)
        await self._in_thread(self._leases.close)
        self._thread.shutdown(wait=False)

    async def _turn(self) -> None:
        begun_at = time.monotonic()
        try:
            await self._in_thread(lambda: self._leases.renew(self._member))
            held = await self._in_thread(lambda: self._leases.turn(self._member, ALL_LEASES, self._moves))
            self._confirmed_at = begun_at
            held = {name: token for name, token in held.items() if name not in self._leaving}
            self._note_back()
        except StoreAway as exc:
            self._note_cut_off(exc)
            if time.monotonic() - self._confirmed_at < ALIVE_S:
                return
            held = {}  # others have taken over by now, or nobody can write at all
        if held != self._held:
            self._change(held)

    def _change(self, held: Mapping[str, int]) -> None:
        gone = sorted(self._held.keys() - held.keys())
        come = sorted(held.keys() - self._held.keys())
        self._held = held
        self._peers.hold(held)
        logger.info("leases held=%d come=%s gone=%s", len(held), ",".join(come) or "none", ",".join(gone) or "none")
        self._on_change()

    def _moves(self, standing: Standing) -> Mapping[str, str]:
        me = self._member.name
        moves: dict[str, str] = {}
        if self._duties.ingests and me in standing.ingesting:
            holders = {number: standing.owners[partition_lease(number)] for number in range(PARTITIONS)}
            wanted = moves_of(me, alive=standing.ingesting, holders=holders)
            moves.update((partition_lease(number), me) for number in wanted.take)
            moves.update(self._handed_over(wanted.hand_over))
        if self._duties.decides and standing.owners[ASSESSOR] not in standing.alive:
            moves[ASSESSOR] = me
        return moves

    def _handed_over(self, wanted: Mapping[int, str]) -> Mapping[str, str]:
        """First stop writing, then hand over: a lease under which somebody writes does not move."""
        leaving, self._leaving = self._leaving, frozenset(partition_lease(number) for number in wanted)
        now = {partition_lease(number): other for number, other in wanted.items()}
        return {name: other for name, other in now.items() if name in leaving}

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _note_cut_off(self, reason: StoreAway) -> None:
        if not self._is_cut_off:
            self._is_cut_off = True
            logger.warning("leases not renewed reason=%s", reason)

    def _note_back(self) -> None:
        if self._is_cut_off:
            self._is_cut_off = False
            logger.info("leases renewed again")
