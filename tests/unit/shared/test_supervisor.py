"""A task that waits for something that is away is started again without a word."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from genba_shared.errors import PassingError
from genba_shared.supervisor import supervise


async def test_a_task_that_waits_for_something_that_is_away_is_started_again_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    starts = 0
    runs = asyncio.Event()

    async def run() -> None:
        nonlocal starts
        starts += 1
        if starts < 4:
            raise PassingError("the database does not answer")
        runs.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise("assessor", run, first_retry_s=0))
    async with asyncio.timeout(10):
        await runs.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []
