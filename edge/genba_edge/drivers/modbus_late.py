"""Answers that may still come over an RTU line after their requests were given up."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from genba_edge.core.registers import Block

SLOWER = 1.25
"""The answers that follow a late one come within so many times what it took, each."""
MOST_TIMEOUTS = 2.0
"""But no longer than this many time-outs are waited for them."""


@dataclass(slots=True)
class _Late:
    """`answers` to requests for one block, first `asked_s`, may still come until `until_s` (loop's clock)."""

    block: tuple[object, ...]
    asked_s: float
    until_s: float = 0.0
    answers: int = 0
    is_answered: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)


class LateAnswers:
    """What the units of an RTU line may still say to requests that nobody waits for any more.

    RTU has no number that tells one answer from another: a late answer to one block would be believed as the answer to
    the next one of the same size. So after a time-out the same block may be asked for at once, and another one only
    when the late answer came or its time has passed. Slow controllers answer late, and so do serial servers, which
    queue requests and hand their answers to the next connection too.
    """

    def __init__(self) -> None:
        self._units: dict[int, _Late] = {}

    def given_up(self, unit: int, block: Block, *, asked_s: float, timeout_s: float) -> None:
        """A request of `asked_s` (loop's clock) got no answer; it may still come for as long as a time-out."""
        late = self._units.get(unit)
        if late is None or late.block != _key(block):
            late = self._units[unit] = _Late(_key(block), asked_s)
        late.answers += 1
        late.is_answered = False
        late.until_s = asyncio.get_running_loop().time() + timeout_s

    def answered(self, unit: int, *, timeout_s: float) -> bool:
        """The block was answered. True if that may have been a late answer, so that this one's own is still to come."""
        late = self._units.get(unit)
        if late is None or late.is_answered:
            return False
        late.is_answered = True
        now = asyncio.get_running_loop().time()
        late.until_s = now + min(MOST_TIMEOUTS * timeout_s, SLOWER * late.answers * (now - late.asked_s))
        return True

    def heard(self, unit: int) -> None:
        """An answer of a unit came that nobody waited for."""
        late = self._units.get(unit)
        if late is None:
            return
        late.answers -= 1
        if late.answers == 0:
            self._forget(unit, late)

    async def wait(self, unit: int, block: Block) -> None:
        """Wait until a request for this block cannot be answered by what was asked before."""
        late = self._units.get(unit)
        if late is None:
            return
        if late.block != _key(block):
            with suppress(TimeoutError):
                async with asyncio.timeout_at(late.until_s):
                    await late.over.wait()
        if late.until_s <= asyncio.get_running_loop().time():
            self._forget(unit, late)

    def _forget(self, unit: int, late: _Late) -> None:
        late.over.set()
        if self._units.get(unit) is late:
            del self._units[unit]


def _key(block: Block) -> tuple[object, ...]:
    return block.table, block.address, block.count
