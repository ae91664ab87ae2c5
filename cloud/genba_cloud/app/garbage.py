"""How often Python looks for cycles among the objects of a collector."""

from __future__ import annotations

import gc
from typing import Final

GARBAGE_AFTER: Final = 20_000
"""New objects beyond those that went, after which Python looks for cycles among them; 700 is its own choice.

A commit makes thousands of objects without a cycle, and looking goes through all views that are remembered as well.
"""


def look_seldom() -> None:
    """Say so to this process: once, at its start."""
    gc.set_threshold(GARBAGE_AFTER)
