"""Messages in the collector's name that it did not sign: counted, and said at most once a minute."""

from __future__ import annotations

import logging
import math
from typing import Final

logger = logging.getLogger(__name__)

TOLD_EVERY_S: Final = 60.0


class Forgeries:
    """Whoever may publish on a gateway's topics can send any number of them: they must not fill the log."""

    def __init__(self, gateway: str) -> None:
        self._gateway = gateway
        self._told_at = -math.inf
        self._untold = 0

    def note(self, what: str, now_s: float) -> None:
        """One more came; `now_s` is monotonic."""
        self._untold += 1
        if now_s - self._told_at < TOLD_EVERY_S:
            return
        logger.error(
            "%s not signed by the collector gateway=%s count=%d: not taken. Somebody else may publish on the "
            "broker, or the collector has a new key: then enrol again",
            what,
            self._gateway,
            self._untold,
        )
        self._told_at, self._untold = now_s, 0
