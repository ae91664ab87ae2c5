"""Runs a piece of work on behalf of somebody who waits for it elsewhere: whatever it raises belongs to them."""

from __future__ import annotations

from collections.abc import Callable


def failure_of(work: Callable[[], None]) -> Exception | None:
    """Do the work; what it raised, None where it succeeded. The thread that does the work of many outlives it."""
    try:
        work()
    except Exception as exc:  # noqa: BLE001 (not swallowed: it is handed to whoever asked for the work)
        return exc
    return None
