"""Keeps each task of a program alive by itself: one that dies of a bug is logged and started again alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from genba_shared.errors import PassingError

logger = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 30.0


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    first_retry_s: float = FIRST_RETRY_S,
    on_failure: Callable[[Exception], None] | None = None,
) -> None:
    """Run a task for ever. It is started again after 1 s, later after up to 30 s while it keeps dying young.

    One that ends because what it depends on is away is started again after `first_retry_s`, without a word.

    Args:
        name: for the log.
        run: starts the task; it may be called again after it raised or returned.
        first_retry_s: wall seconds before the first restart.
        on_failure: gets what the task died of.
    """
    loop = asyncio.get_running_loop()
    retry_s = first_retry_s
    while True:
        started = loop.time()
        try:
            await run()
            logger.error("task ended by itself task=%s retry_s=%.0f", name, retry_s)
        except PassingError as exc:
            logger.debug("task waits task=%s retry_s=%.0f reason=%s", name, first_retry_s, exc)
            await asyncio.sleep(first_retry_s)
            continue
        except Exception as exc:
            logger.exception("task failed task=%s retry_s=%.0f", name, retry_s)
            if on_failure is not None:
                on_failure(exc)
        if loop.time() - started > LONGEST_RETRY_S:
            retry_s = first_retry_s
        await asyncio.sleep(retry_s)
        retry_s = min(LONGEST_RETRY_S, retry_s * 2)
