"""The live stream: what changed, to everybody who may see it, within milliseconds of the commit.

A change only marks what is dirty. One task renders the dirty things once per scope (viewers that see the same) and
hands the same bytes to all of its subscribers. Every message is a whole state, never a difference: a repeat is
harmless. An order is sent at once and then at most five times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from genba_cloud.api.views import gateway_view, order_view, zone_view
from genba_cloud.api.views_alerts import alerts_view
from genba_cloud.api.visible import VisibleReads
from genba_cloud.core.viewer import Sight, Subject, Viewer, sight
from genba_shared.clock import format_time
from genba_shared.errors import PassingError

logger = logging.getLogger(__name__)

ORDER_GAP_S: Final = 0.2
HEARTBEAT_S: Final = 15.0
QUEUE_LENGTH: Final = 256
RING_LENGTH: Final = 1000
SCOPE_KEPT_S: Final = 120.0
_SUBJECTS: Final = (Subject.ORDERS, Subject.WIP, Subject.GATEWAYS, Subject.ALERTS, Subject.QUESTIONS)
_RESYNC: Final = b"event: resync\ndata: {}\n\n"

ScopeKey = tuple[Sight, ...]


@dataclass(slots=True)
class _Dirty:
    """What changed since it was last rendered."""

    orders: dict[str, None] = field(default_factory=dict)
    wip: bool = False
    gateways: bool = False
    alerts: bool = False
    questions: bool = False

    def is_empty(self) -> bool:
        return not (self.orders or self.wip or self.gateways or self.alerts or self.questions)

    def add(self, more: _Dirty) -> None:
        """Note what changed as well."""
        self.orders.update(more.orders)
        self.wip |= more.wip
        self.gateways |= more.gateways
        self.alerts |= more.alerts
        self.questions |= more.questions


class Subscription:
    """One open stream: a bounded queue. When it overflows, it is emptied and the client told to read all again."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=QUEUE_LENGTH)

    def offer(self, message: bytes) -> None:
        """Hand over a message, or `resync` in the place of everything that waits."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(_RESYNC)

    def end(self) -> None:
        """Tell the reader that the stream is over."""
        while self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    async def next(self) -> bytes | None:
        """The next message; None at the end."""
        return await self._queue.get()


@dataclass(slots=True)
class _Scope:
    viewer: Viewer
    made_at: int
    floor: int
    ring: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=RING_LENGTH))
    subscriptions: set[Subscription] = field(default_factory=set)
    lonely_since: float = 0.0

    def keep(self, position: int, message: bytes) -> None:
        if len(self.ring) == RING_LENGTH:
            self.floor = self.ring[0][0] + 1
        self.ring.append((position, message))
        for subscription in self.subscriptions:
            subscription.offer(message)


class Live:
    """The hub of all live streams. Everything but `changed` belongs to the event loop."""

    def __init__(
        self, *, reads_of: Callable[[Viewer], VisibleReads], enterprise: str, now: Callable[[], datetime]
    ) -> None:
        self._reads_of = reads_of
        self._enterprise = enterprise
        self._now = now
        self._scopes: dict[ScopeKey, _Scope] = {}
        self._dirty = _Dirty()
        self._not_before: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False
        self._making = asyncio.Lock()

    def changed(
        self,
        *,
        orders: Iterable[str] = (),
        wip: bool = False,
        gateways: bool = False,
        alerts: bool = False,
        questions: bool = False,
    ) -> None:
        """Say what changed. From any thread; returns at once; without a running hub it does nothing."""
        if self._loop is not None and not self._loop.is_closed():
            dirty = _Dirty(orders=dict.fromkeys(orders), wip=wip, gateways=gateways, alerts=alerts, questions=questions)
            self._loop.call_soon_threadsafe(self._mark, dirty)

    def subscriber_count(self) -> int:
        """How many streams are open."""
        return sum(len(scope.subscriptions) for scope in self._scopes.values())

    async def run(self) -> None:
        """Render and hand out changes, until cancelled."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            due = self._take_due(self._loop.time())
            if not due.is_empty() and self._scopes:
                await self._publish_or_keep(due)

    def end(self) -> None:
        """End every open stream and refuse new ones: the server is about to stop."""
        self._ended = True
        for scope in self._scopes.values():
            for subscription in scope.subscriptions:
                subscription.end()

    async def stream(
        self, viewer: Viewer, *, last_seen: int | None, drawn_at: int | None, still_allowed: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """The bytes of one SSE response.

        Args:
            viewer: who listens.
            last_seen: the last `id:` that the client has; None at its first connection.
            drawn_at: the log position that the page of a first connection was drawn at; None where it does not say.
            still_allowed: asked at every heartbeat; the stream ends when it says no.
        """
        scope = await self._scope_of(viewer)
        subscription = Subscription()
        for missed in _missed(scope, last_seen, drawn_at):
            subscription.offer(missed)
        scope.subscriptions.add(subscription)
        try:
            yield b"retry: 2000\n\n" + self._heartbeat()
            beat_at = asyncio.get_running_loop().time() + HEARTBEAT_S
            while not self._ended:
                message: bytes | None = None
                beat = False
                try:
                    async with asyncio.timeout_at(beat_at):
                        message = await subscription.next()
                except TimeoutError:
                    with contextlib.suppress(PassingError):  # nobody can be asked: the client comes again
                        beat = await asyncio.to_thread(still_allowed)
                if message is None and not beat:
                    return
                if message is None:
                    beat_at = asyncio.get_running_loop().time() + HEARTBEAT_S
                yield message or self._heartbeat()
        finally:
            scope.subscriptions.discard(subscription)
            scope.lonely_since = asyncio.get_running_loop().time()

    def _mark(self, changed: _Dirty) -> None:
        self._dirty.add(changed)
        self._wake.set()

    def _take_due(self, now: float) -> _Dirty:
        """What may be sent now; orders that were sent within the last 0.2 s stay for later."""
        dirty, self._dirty = self._dirty, _Dirty()
        for order in [order for order in dirty.orders if self._not_before.get(order, 0.0) > now]:
            del dirty.orders[order]
            self._dirty.orders[order] = None
        self._not_before = {order: at for order, at in self._not_before.items() if at > now}
        self._not_before.update(dict.fromkeys(dirty.orders, now + ORDER_GAP_S))
        if self._dirty.orders and self._loop is not None:
            soonest = min(self._not_before[order] for order in self._dirty.orders)
            self._loop.call_at(soonest, self._wake.set)
        return dirty

    async def _publish_or_keep(self, due: _Dirty) -> None:
        is_sent = False
        try:
            await self._publish(due)
            is_sent = True
        finally:
            if not is_sent:  # whoever starts this task again sends it then; what was sent already is sent twice
                self._mark(due)

    async def _publish(self, due: _Dirty) -> None:
        now = asyncio.get_running_loop().time()
        for key, scope in list(self._scopes.items()):
            if not scope.subscriptions and now - scope.lonely_since > SCOPE_KEPT_S:
                del self._scopes[key]
                continue
            position, messages = await asyncio.to_thread(self._render, scope.viewer, due)
            for message in messages:
                scope.keep(position, message)

    def _render(self, viewer: Viewer, due: _Dirty) -> tuple[int, list[bytes]]:
        """The messages for one scope. The position is read first: what is rendered is at least as new."""
        reads = self._reads_of(viewer)
        position = reads.last_position()
        orders = reads.orders(list(due.orders)) if due.orders else []
        bodies: list[tuple[str, Any]] = [("order", order_view(order)) for order in orders]
        if due.wip:
            bodies.append(("wip", {"items": [zone_view(zone) for zone in reads.wip()]}))
        if due.gateways:
            bodies += [("gateway", gateway_view(gateway)) for gateway in reads.gateways()]
        if due.alerts:
            bodies.append(("alert", alerts_view(reads.alerts())))
        if due.questions and (count := reads.open_questions()) is not None:
            bodies.append(("question", {"open": count}))
        return position, [_message(kind, body, position) for kind, body in bodies]

    def _heartbeat(self) -> bytes:
        # The comment keeps proxies awake; a page cannot see it, so the clock tells the page that the stream lives.
        return b": heartbeat\n\n" + _message("clock", {"at": format_time(self._now())}, None)

    async def expect(self, viewer: Viewer) -> None:
        """Gather from now on what a page of this viewer misses that is drawn now and opens its stream in a moment."""
        await self._scope_of(viewer)

    async def _scope_of(self, viewer: Viewer) -> _Scope:
        """The scope of a viewer. A new one gathers messages before its position is read, so that none falls between."""
        key = tuple(sight(viewer, subject, enterprise=self._enterprise) for subject in _SUBJECTS)
        async with self._making:
            scope = self._scopes.get(key)
            if scope is None:
                scope = self._scopes[key] = _Scope(viewer=viewer, made_at=0, floor=0)
                scope.lonely_since = asyncio.get_running_loop().time()
                scope.made_at = scope.floor = await asyncio.to_thread(self._reads_of(viewer).last_position)
            return scope


def _missed(scope: _Scope, last_seen: int | None, drawn_at: int | None) -> list[bytes]:
    """What a client did not get; `resync` where that is no longer known.

    Messages of the last position it has are sent again: several share one position, and it may have seen only some.
    A client that comes back to a scope that was made anew at its position may have missed an assessment: it resyncs.
    """
    since = last_seen if last_seen is not None else drawn_at
    if since is None:
        return []
    if since < scope.floor or (last_seen == scope.floor and scope.floor == scope.made_at):
        return [_RESYNC]
    return [message for position, message in scope.ring if position >= since]


def _message(kind: str, body: object, position: int | None) -> bytes:
    head = f"id: {position}\n" if position is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
