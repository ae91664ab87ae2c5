"""What the ledger could not take for a fault of its own: said in full once, however often it comes again."""

from __future__ import annotations

import logging
from typing import Final

logger = logging.getLogger(__name__)

TOLD_EVERY_S: Final = 60.0
_KINDS: Final = 100
"""Of so many kinds of faults it is known when they were told; a message may hold anything."""


class Failures:
    """Gateways send again what is not answered, so that one fault comes with every envelope of all of them."""

    def __init__(self) -> None:
        self._told_at: dict[str, float] = {}
        self._untold = 0

    def note(self, gateway: str, error: BaseException, *, now_s: float) -> None:
        """One more message was not kept. `now_s` is monotonic."""
        first_line = next(iter(str(error).splitlines()), "")
        kind = f"{type(error).__name__}: {first_line:.200}"
        told_at = self._told_at.get(kind)
        if told_at is not None and now_s - told_at < TOLD_EVERY_S:
            self._untold += 1
            return
        if len(self._told_at) >= _KINDS:
            self._told_at.clear()
        self._told_at[kind] = now_s
        if told_at is None:
            logger.error("not kept gateway=%s", gateway, exc_info=error)
            return
        logger.error("not kept again gateway=%s others=%d reason=%s", gateway, self._untold, kind)
        self._untold = 0
