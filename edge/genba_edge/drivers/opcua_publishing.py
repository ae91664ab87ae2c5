"""Subscriptions of one session: asks the server for notifications without end and sees that none is missing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from genba_edge.drivers.opcua_decode import Published, decode_published
from genba_edge.drivers.opcua_faults import UNDECODABLE, OpcUaLost, OpcUaRefused
from genba_edge.ports import Failure

Send = Callable[[object], Awaitable[bytes]]
Republish = Callable[[int, int], Awaitable[Published]]
Take = Callable[[Published], None]
Break = Callable[[str, Failure], None]

_SEQUENCES: Final = 2**32 - 1
MOST_MISSED: Final = 20
"""More messages than this are not asked for one by one: the session is built anew."""
_KEEPS_ASKING: Final = frozenset({StatusCodes.BadTimeout, StatusCodes.BadRequestTimeout})
_ENOUGH_ASKED: Final = frozenset({StatusCodes.BadTooManyPublishRequests, StatusCodes.BadNoSubscription})


class MessageNumbers:
    """The numbers of a subscription's messages: 1, 2, … 4294967295, 1; a keep-alive carries the number of the next.

    Source: OPC 10000-4, 7.26 (NotificationMessage) and 5.14.1.1.
    """

    def __init__(self) -> None:
        self._next = 1

    def missing_before(self, number: int) -> range | None:
        """The numbers that were left out before this one (mostly none); None: this one came already."""
        ahead = (number - self._next) % _SEQUENCES
        return range(self._next, self._next + ahead) if ahead < _SEQUENCES // 2 else None

    def took(self, number: int) -> None:
        """The message with this number was taken."""
        self._next = number % _SEQUENCES + 1


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One subscription. `silent_s`: saying nothing for longer than this means that it is dead."""

    id: int
    publishing_s: float
    silent_s: float
    heard_s: float
    numbers: MessageNumbers


class Publishing:
    """Keeps publish requests waiting at the server, one more than there are subscriptions, and takes the answers.

    The answers are taken one after the other in the order in which they came, since a message may have to wait for
    the one that was lost before it.
    """

    def __init__(self, *, send: Send, republish: Republish, take: Take, broken: Break) -> None:
        self._send = send
        self._republish = republish
        self._take = take
        self._break = broken
        self._subscriptions: dict[int, Subscription] = {}
        self._acknowledge: list[ua.SubscriptionAcknowledgement] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()

    @property
    def subscriptions(self) -> list[Subscription]:
        """The subscriptions of this session."""
        return list(self._subscriptions.values())

    def add(self, subscription: Subscription) -> None:
        """Ask for the notifications of one more subscription."""
        self._subscriptions[subscription.id] = subscription
        while len(self._workers) <= len(self._subscriptions):
            worker = asyncio.create_task(self._ask())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def close(self) -> None:
        """Ask no more."""
        workers = tuple(self._workers)
        for worker in workers:
            worker.cancel()
        for worker in workers:
            with suppress(asyncio.CancelledError):
                await worker

    async def _ask(self) -> None:
        while True:
            request = ua.PublishRequest()
            request.Parameters.SubscriptionAcknowledgements, self._acknowledge = self._acknowledge, []
            try:
                body = await self._send(request)
                published = decode_published(body)
            except OpcUaRefused as exc:
                if exc.code in _KEEPS_ASKING:
                    continue
                if exc.code not in _ENOUGH_ASKED or not self._workers - {asyncio.current_task()}:
                    self._break(exc.reason, exc.failure)
                return
            except OpcUaLost as exc:
                self._break(exc.reason, exc.failure)
                return
            except UNDECODABLE as exc:
                self._break(f"a notification cannot be decoded: {exc}", Failure.OUT_OF_STEP)
                return
            async with self._turn:
                await self._take_in_order(published)

    async def _take_in_order(self, published: Published) -> None:
        subscription = self._subscriptions.get(published.subscription)
        if subscription is None:
            return
        subscription.heard_s = time.monotonic()
        missing = subscription.numbers.missing_before(published.sequence)
        if missing:
            await self._fetch(subscription, missing)
        if not published.has_data:
            return
        self._acknowledge.append(ua.SubscriptionAcknowledgement(subscription.id, published.sequence))
        if missing is None:
            return
        subscription.numbers.took(published.sequence)
        self._take(published)

    async def _fetch(self, subscription: Subscription, missing: range) -> None:
        """Ask again for messages that did not arrive; the server keeps them until they are acknowledged."""
        try:
            if len(missing) > MOST_MISSED:
                raise OpcUaLost(device="", reason=f"{len(missing)} messages are missing", failure=Failure.DATA_LOST)
            for number in missing:
                published = await self._republish(subscription.id, number)
                self._acknowledge.append(ua.SubscriptionAcknowledgement(subscription.id, number))
                subscription.numbers.took(number)
                self._take(published)
        except (OpcUaRefused, OpcUaLost) as exc:
            self._break(
                f"{len(missing)} notification messages were lost on the way and cannot be had again: {exc.reason}",
                Failure.DATA_LOST,
            )
