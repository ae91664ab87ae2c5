"""The gateway's way to a cluster of brokers: one connection carries, another one stands in reserve on another node.

While a NATS cluster looks for a new leader of its session stream (4 to 8 s), its MQTT listener (server 2.15) takes no
new connection, and a message to be retained stops everything behind it on its connection. So the second connection
stands and is subscribed beforehand, and what the broker shall retain does not go where envelopes go.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Final, Self

from genba_shared.broker import BrokerAddress
from genba_shared.mqtt import MqttLink, OnMessage, Will

logger = logging.getLogger(__name__)

ELECTION_S: Final = 15.0  # so long after the loss of a node nothing is retained over the only connection that is left


class ReservedLink:
    """Use it as an `MqttLink`; of a broker alone, or without a reserve, it is one.

    The reserve carries only while the other connection is away. `on_connect` comes whenever another one carries: what
    was under way may be lost. `on_disconnect(reason)` comes when none is left. The will belongs to the connection that
    carries as a rule; a gateway that ends while the reserve carries is missed by its silence.

    Raises:
        UsageError: as `MqttLink`.
    """

    def __init__(
        self,
        broker: str | BrokerAddress,
        client_id: str,
        *,
        with_reserve: bool,
        filters: Sequence[str],
        will: Will,
        on_message: OnMessage,
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        address = broker if isinstance(broker, BrokerAddress) else BrokerAddress.parse(broker)
        nodes = address.nodes
        begin = zlib.crc32(client_id.encode()) % len(nodes)  # many gateways spread over the nodes
        nodes = (*nodes[begin:], *nodes[:begin])
        shares = (nodes[0::2], nodes[1::2]) if with_reserve and len(nodes) > 1 else (nodes,)
        wills = (will, None)
        self._links = [
            MqttLink(
                replace(share[0], others=share[1:]),
                client_id + suffix,
                will=wills[number],
                on_message=partial(self._heard, number, on_message),
                on_connect=partial(self._came, number),
                on_disconnect=partial(self._lost, number),
                on_subscribed=partial(self._subscribed, number),
            )
            for number, (share, suffix) in enumerate(zip(shares, ("", "-r"), strict=False))
        ]
        self._filters = tuple(filters)
        for link in self._links:
            for topic_filter in filters:
                link.subscribe(topic_filter)
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._carrier = 0
        self._unsubscribed = [len(filters)] * len(self._links)  # answers of the broker that are still to come
        self._away = False  # whether the first connection was lost, or could not be made
        self._lost_at = float("-inf")
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for link in self._links:
            await self._open.enter_async_context(link)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def connected(self) -> bool:
        """Whether there is a connection that carries."""
        return self._links[self._carrier].connected

    @property
    def address(self) -> BrokerAddress:
        """The node that carries, or is tried first."""
        return self._links[self._carrier].address

    def publish(self, topic: str, payload: bytes | str) -> None:
        """See `MqttLink.publish`."""
        self._links[self._carrier].publish(topic, payload)

    def publish_retained(self, topic: str, payload: bytes | str) -> None:
        """Publish now what the broker shall also keep; it is kept by way of the reserve, where it holds up nothing.

        Raises:
            UplinkError: as `MqttLink.publish`.
        """
        carrier, other = self._links[self._carrier], self._links[self._carrier - 1]
        if other is carrier:
            carrier.publish(topic, payload, retain=True)
        elif other.connected:
            carrier.publish(topic, payload)
            other.publish(topic, payload, retain=True)
        else:
            is_election_over = time.monotonic() - self._lost_at > ELECTION_S
            carrier.publish(topic, payload, retain=is_election_over)

    def _heard(self, number: int, on_message: OnMessage, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 (paho's shape)
        if number == self._carrier:
            on_message(topic, payload, retained)

    def _came(self, number: int) -> None:
        self._unsubscribed[number] = len(self._filters)
        if number == 0 and not (self._carrier == 1 and self.connected):
            self._carry(0)

    def _subscribed(self, number: int) -> None:
        self._unsubscribed[number] -= 1
        if not self._is_ready(number) or self._carrier == number:
            return
        if number == 0 or self._away:
            self._carry(number)

    def _lost(self, number: int, reason: str) -> None:
        other = 1 - number
        self._unsubscribed[number] = len(self._filters)
        self._lost_at = time.monotonic()
        self._away = self._away or number == 0
        if number != self._carrier:
            logger.info("broker node lost address=%s reason=%s", self._links[number].address, reason)
        elif len(self._links) > 1 and self._is_ready(other):
            logger.warning("broker node lost address=%s reason=%s", self._links[number].address, reason)
            self._carry(other)
        else:
            self._on_disconnect(reason)

    def _is_ready(self, number: int) -> bool:
        return self._links[number].connected and self._unsubscribed[number] <= 0

    def _carry(self, number: int) -> None:
        self._carrier = number
        self._away = self._away and number != 0
        self._on_connect()
