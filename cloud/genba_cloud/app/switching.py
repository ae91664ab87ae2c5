"""How long a thread that computes keeps the others waiting."""

from __future__ import annotations

import sys
from typing import Final

EVERY_S: Final = 0.0005


def switch_often() -> None:
    """Let requests in after half a millisecond, not after five: every two seconds all open orders are assessed.

    A request changes threads a few times, and each time it waits for whoever computes.
    """
    sys.setswitchinterval(EVERY_S)
