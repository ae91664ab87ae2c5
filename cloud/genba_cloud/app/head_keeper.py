"""Signs a head of the log every day, at every clean stop, and when somebody asks."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from genba_cloud.ledger.heads import Head, LogDamagedError, make_head, publish_heads
from genba_cloud.ledger.signing import HeadSigner
from genba_cloud.store import DEFAULT_ENTERPRISE, Store

logger = logging.getLogger(__name__)

EVERY_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadKeeper:
    """Makes heads of one log and appends them to ``heads.jsonl`` in the data folder."""

    store: Store
    data_dir: Path
    signer: HeadSigner
    now: Callable[[], datetime]
    every_s: float = EVERY_S
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def make(self) -> Head | None:
        """Sign what stands in the log now; None for an empty one.

        Raises:
            LogDamagedError: the log is not what was signed before.
        """
        with self._one_at_a_time:  # who stops waits here for one that is being made, before the store is closed
            head = make_head(self.store, DEFAULT_ENTERPRISE, self.signer, now=self.now())
            publish_heads(self.store, DEFAULT_ENTERPRISE, self.data_dir)
        return head

    def answer(self) -> Mapping[str, Any] | None:
        """What the API answers."""
        head = self.make()
        return None if head is None else head.to_json()

    async def run(self) -> None:
        """One at the start, then one a day, until cancelled."""
        while True:
            await asyncio.to_thread(self.make_or_say)
            await asyncio.sleep(self.every_s)

    def make_or_say(self) -> None:
        """As `make`; a damaged log is said and stops nobody."""
        try:
            self.make()
        except LogDamagedError as exc:
            logger.error("no head signed reason=%s", exc)  # noqa: TRY400 (the sentence says all; a person runs `verify`)
