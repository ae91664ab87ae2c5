"""Runs tasks for ever: one that dies of a bug is logged with its traceback and started again, the others go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

RESTART_S = 1.0


async def keep_running(name: str, start: Callable[[], Awaitable[None]]) -> None:
    """Run `start()` again and again, whatever it raises, until cancelled."""
    while True:
        try:
            await start()
        except Exception:
            logger.exception("task died name=%s restart_s=%.0f", name, RESTART_S)
        else:
            logger.error("task ended name=%s restart_s=%.0f", name, RESTART_S)
        await asyncio.sleep(RESTART_S)
