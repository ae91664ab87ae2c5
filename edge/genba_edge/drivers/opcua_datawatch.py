"""Notices subscriptions that send keep-alives and no data: compares now and then what is with what was told.

Seen in the field: subscriptions that lived on for months and told nothing (node-red-contrib-opcua issue 571), or that
died once a day without a log line (thingsboard-gateway issue 2028).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from asyncua import ua

from genba_edge.drivers.opcua_decode import Item
from genba_edge.drivers.opcua_samples import Tracked

BATCH: Final = 50
"""Points that are looked at on one occasion; the others have their turn later."""
Read = Callable[[Sequence[ua.NodeId]], Awaitable[list[Item]]]


class DataWatch:
    """Reads some of the watched points every `every_s` seconds.

    A point that differs from what was told of it, twice in a row and with nothing told in between, is dead: a
    notification may be on its way the first time. `unwatchable` are the points that were dead on two connections: they
    are read instead.
    """

    def __init__(self, every_s: float) -> None:
        self.unwatchable: set[str] = set()
        self._every_s = every_s
        self._accused: set[str] = set()
        self._due_s = 0.0
        self._next = 0
        self._suspects: dict[int, int] = {}

    def begin(self, *, now: float) -> None:
        """A new session: nothing was told yet. `now` is in loop seconds, as everywhere here."""
        self._due_s = now + self._every_s
        self._suspects.clear()

    async def check(self, tracked_by_handle: dict[int, Tracked], read: Read, *, now: float) -> str | None:
        """Look at the next points if it is time; why the subscription is dead, None if it is not."""
        if now < self._due_s:
            return None
        self._due_s = now + self._every_s
        handles = self._chosen(tracked_by_handle)
        before = {handle: tracked_by_handle[handle].changes for handle in handles}
        items = await read([tracked_by_handle[handle].node for handle in handles])
        suspects = {}
        for handle, item in zip(handles, items, strict=True):
            tracked = tracked_by_handle[handle]
            if tracked.changes != before[handle] or _is_told(tracked, item):
                continue
            if self._suspects.get(handle) == tracked.changes:
                return self._accuse(tracked, item)
            suspects[handle] = tracked.changes
        self._suspects = suspects
        return None

    def _chosen(self, tracked_by_handle: dict[int, Tracked]) -> list[int]:
        """The suspects of last time, and the next ones in turn; points sampled too slowly to tell are left out."""
        able = [
            handle
            for handle, tracked in tracked_by_handle.items()
            if tracked.item and tracked.revised_s <= self._every_s / 2
        ]
        start = self._next if self._next < len(able) else 0
        self._next = start + BATCH
        turn = [handle for handle in able[start : start + BATCH] if handle not in self._suspects]
        return [handle for handle in self._suspects if handle in tracked_by_handle] + turn

    def _accuse(self, tracked: Tracked, item: Item) -> str:
        name = tracked.point.name
        if name in self._accused:
            self.unwatchable.add(name)
        self._accused.add(name)
        return f"{name} is {item[1]} at the server and was last told as {tracked.last}"


def _is_told(tracked: Tracked, item: Item) -> bool:
    """Whether value and severity are those that were told."""
    told, is_now = tracked.last, item[1]
    both_nan = isinstance(told, float) and isinstance(is_now, float) and math.isnan(told) and math.isnan(is_now)
    return (told == is_now or both_nan) and tracked.last_status >> 30 == item[2] >> 30
