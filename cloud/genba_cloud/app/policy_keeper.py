"""Keeps the thresholds and calendars that assessments use as master data says, also when it changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from genba_cloud.api import Desk
from genba_cloud.core.assess import Policy
from genba_cloud.ledger import Appended, Ledger
from genba_cloud.ledger.master import Book

logger = logging.getLogger(__name__)


class PolicyKeeper:
    """`base` is what holds where master data says nothing. `on_change`: runs on the loop after a change is in force."""

    def __init__(self, *, ledger: Ledger, desk: Desk, base: Policy, on_change: Callable[[], None]) -> None:
        self._ledger = ledger
        self._desk = desk
        self._base = base
        self._on_change = on_change
        self._wake = asyncio.Event()

    def load(self) -> None:
        """Read what is in force; blocks."""
        with self._ledger.reads.master() as rows:
            self._desk.policy = Book(rows, self._ledger.models).policy(self._base)

    def heard(self, appended: Appended) -> None:
        """A commit. A ledger listener."""
        if appended.changed.master:
            self._wake.set()

    def missed(self) -> None:
        """Commits of other processes may have gone unheard."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            before = self._desk.policy
            failed = True
            try:
                await asyncio.to_thread(self.load)
                failed = False
            finally:
                if failed:
                    self._wake.set()  # whoever starts this again looks again
            if self._desk.policy != before:
                logger.info("thresholds and calendars changed sites=%d", len(self._desk.policy.sites))
                self._on_change()
