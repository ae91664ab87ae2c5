"""Hears what other processes of the installation commit, and hands it to our own listeners in their order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final

from genba_cloud.ledger import Appended, Ledger, Peers, Tidings
from genba_cloud.store import LEASES_MOVED, PostgresStore, StoreAway
from genba_shared.errors import ContractError

logger = logging.getLogger(__name__)

RETRY_S: Final = 0.5


class Hearing:
    """Run it beside the ledger. `on_moved`: leases moved; `on_gap`: what was told before this may be lost."""

    def __init__(
        self,
        store: PostgresStore,
        ledger: Ledger,
        peers: Peers,
        *,
        on_moved: Callable[[], None],
        on_gap: Callable[[], None],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._peers = peers
        self._on_moved = on_moved
        self._on_gap = on_gap
        self._told: asyncio.Queue[str | None] = asyncio.Queue()

    async def run(self) -> None:
        """Hear until cancelled; heals by itself when the database is away."""
        loop, ended = asyncio.get_running_loop(), threading.Event()

        def tell(text: str | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._told.put_nowait, text)

        listening = threading.Thread(target=self._listen, args=(tell, ended), name="hearing", daemon=True)
        listening.start()
        try:
            while True:
                await self._take(await self._told.get())
        finally:
            ended.set()

    def _listen(self, tell: Callable[[str | None], None], ended: threading.Event) -> None:
        """Follow the channel in a thread of its own; None: from here on."""
        is_lost = False
        while not ended.is_set():
            is_first = True
            try:
                for text in self._store.listen():
                    if ended.is_set():
                        return
                    if text is not None or is_first:
                        tell(text)
                    is_first = False
                    if is_lost:
                        is_lost = False
                        logger.info("commits of other processes are heard again")
            except StoreAway as exc:
                if not is_lost:
                    is_lost = True
                    logger.warning("commits of other processes are not heard reason=%s", exc)
            ended.wait(RETRY_S)

    async def _take(self, text: str | None) -> None:
        match text:
            case None:
                self._on_gap()
            case str() if text == LEASES_MOVED:
                self._on_moved()
            case _:
                await self._take_tidings(text)

    async def _take_tidings(self, text: str) -> None:
        try:
            tidings = Tidings.read(text)
        except ContractError as exc:
            logger.warning("%s", exc)
            return
        if tidings.by == self._peers.name:
            return
        if tidings.episodes is None:
            self._ledger.hear(Appended(changed=tidings.changed))
        else:
            self._ledger.hear(await asyncio.to_thread(tidings.with_episodes, self._ledger.reads, tidings.episodes))
