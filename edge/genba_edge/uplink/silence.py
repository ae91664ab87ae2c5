"""A link that stands while nothing is acknowledged: said once, and so is its end."""

from __future__ import annotations

import logging
import time
from typing import Final

logger = logging.getLogger(__name__)

SILENCE_S: Final = 60.0  # connected, rows waiting, nothing acknowledged for this long: say so


class Silence:
    """Watches how long nothing was acknowledged; times are wall seconds of a monotonic clock."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._moved_at = time.monotonic()
        self._is_told = False

    def ended(self) -> None:
        """Something was acknowledged."""
        self._moved_at = time.monotonic()
        if self._is_told:
            self._is_told = False
            logger.info("collector acknowledges again gateway=%s", self._gateway)

    def watch(self, now: float, *, depth: int, is_waiting: bool) -> None:
        """Look; `is_waiting`: there is a connection, and something that was not acknowledged."""
        if not is_waiting:
            self._moved_at = now
        elif now - self._moved_at >= SILENCE_S and not self._is_told:
            self._is_told = True
            logger.warning(
                "connected but nothing acknowledged gateway=%s since_s=%.0f depth=%d", self._gateway, SILENCE_S, depth
            )
