"""How much a server takes at once: what it says of itself, and what it was found to refuse."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final, TypeVar

from genba_edge.drivers.opcua_faults import TOO_LARGE, OpcUaLost, OpcUaRefused
from genba_edge.ports import Failure

T = TypeVar("T")
Request = TypeVar("Request")

LARGEST: Final = 500
"""Nodes in one request to a server that names a limit above it: larger ones block slow PLCs for too long."""
LARGEST_UNNAMED: Final = 200
"""Nodes in one request to a server that names no limit: small PLCs (S7-1200) name none and fail at large ones."""
LESSON_OF_CLOSE_S: Final = 86_400.0
"""What was learned from a connection that ended may be wrong: after this time a new session asks for more again."""
SMALLEST_BY_CLOSE: Final = 10
"""A connection that ended under a request this small did not end because of its size."""


class Call(StrEnum):
    """The services whose requests have many parts."""

    READ = "read"
    MONITOR = "monitor"
    BROWSE = "browse"
    TRANSLATE = "translate"


class CallSizes:
    """The largest request of each kind; kept over reconnections, so that a lesson is learned once."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._sizes = dict.fromkeys(Call, LARGEST_UNNAMED)
        self._refused: dict[Call, int] = {}
        self._closed_under: dict[Call, int] = {}
        """Size of the request under which the connection ended, until one as large is answered."""
        self._learned_from_close_s: dict[Call, float] = {}

    def __str__(self) -> str:
        return ", ".join(f"{call} {size}" for call, size in self._sizes.items())

    def server_names(self, call: Call, limit: object) -> None:
        """Take the server's own limit; 0, nothing and nonsense mean that it names none."""
        learned_s = self._learned_from_close_s.get(call)
        if learned_s is not None and self._now() - learned_s > LESSON_OF_CLOSE_S:
            del self._learned_from_close_s[call], self._refused[call]
        named = limit if isinstance(limit, int) and limit > 0 else LARGEST_UNNAMED
        size, refused = min(named, LARGEST), self._refused.get(call, LARGEST + 1)
        self._sizes[call] = size if size < refused else max(1, refused // 2)

    async def in_parts(
        self, call: Call, requests: Sequence[Request], ask: Callable[[Sequence[Request]], Awaitable[list[T]]]
    ) -> list[T]:
        """Ask in requests that the server takes; one that is too large is asked again in halves, now and later.

        Raises:
            OpcUaRefused: the server does not take even one, or refuses for another reason.
            OpcUaLost: the connection ended; the next one asks for less if that happened twice running at this size.
        """
        results: list[T] = []
        while len(results) < len(requests):
            part = requests[len(results) : len(results) + self._sizes[call]]
            try:
                results.extend(await ask(part))
                if self._closed_under.get(call, LARGEST + 1) <= len(part):
                    del self._closed_under[call]
            except OpcUaRefused as exc:
                if exc.code not in TOO_LARGE or len(part) < 2:
                    raise
                self._halve(call, len(part))
                self._learned_from_close_s.pop(call, None)  # now the server said it itself
            except OpcUaLost as exc:
                if exc.failure is Failure.CLOSED and len(part) > SMALLEST_BY_CLOSE:
                    self._closed(call, len(part))
                raise
        return results

    def _closed(self, call: Call, size: int) -> None:
        """Connections end for many reasons: only the second end running under the same request is a lesson."""
        if self._closed_under.get(call) == size:
            del self._closed_under[call]
            self._halve(call, size)
            self._learned_from_close_s[call] = self._now()
        else:
            self._closed_under[call] = size

    def _halve(self, call: Call, refused: int) -> None:
        self._refused[call] = refused
        self._sizes[call] = max(1, refused // 2)
