"""The collector's way to its broker: to every node of a cluster at once, so that the loss of one is not an outage.

While a NATS cluster looks for a new leader of its session stream (4 to 8 s), its MQTT listener (server 2.15) takes no
new connection, and breaks one off that subscribes or unsubscribes; a message to be retained stops everything behind it
on its connection. Plain publishing goes on. So connections stand beforehand: one carries envelopes, another one has the
same subscriptions and takes over when the first is lost, and retained messages never go over the first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from collections import deque
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Final, Self

from genba_cloud.ingest.messages import is_envelope_topic
from genba_shared.broker import BrokerAddress
from genba_shared.errors import UplinkError
from genba_shared.mqtt import MqttLink, OnMessage

logger = logging.getLogger(__name__)

UNSUBSCRIBE_AFTER_S: Final = 30.0  # nothing hurries about it, and by then there is a leader


REMEMBERED: Final = 256
"""Messages that the connection in reserve remembers: what the other one lost with its node was among the last."""


class ClusterLink:
    """Use it as an `MqttLink`. `on_connect` also tells that another node took over: what was under way may be lost."""

    def __init__(
        self,
        broker: str,
        *,
        on_message: OnMessage,
        on_too_long: Callable[[str, int, bool], None],
        max_payload_bytes: int,
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        nodes = BrokerAddress.parse(broker).nodes
        name = f"genba-collector-{os.urandom(6).hex()}"
        first = zlib.crc32(name.encode()) % len(nodes)  # many workers spread over the nodes
        self._on_message = on_message
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._filters: dict[str, None] = {}
        self._carried: set[str] = set()
        self._last: deque[tuple[str, bytes, bool]] = deque(maxlen=REMEMBERED)
        self._active: MqttLink | None = None
        self._standby: MqttLink | None = None
        self._links = [
            MqttLink(
                node,
                f"{name}-{number}",
                on_message=partial(self._heard, number),
                on_too_long=on_too_long,
                max_payload_bytes=max_payload_bytes,
                on_connect=partial(self._came, number),
                on_disconnect=partial(self._lost, number),
                on_subscribed=partial(self._subscribed, number),
            )
            for number, node in enumerate((*nodes[first:], *nodes[:first]))
        ]

    @property
    def connected(self) -> bool:
        """Whether a node is there."""
        return self._active is not None and self._active.connected

    @property
    def address(self) -> BrokerAddress:
        """The node that carries envelopes now, or did last."""
        return (self._active or self._links[0]).address

    async def __aenter__(self) -> Self:
        for link in self._links:
            await link.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(link.__aexit__(None, None, None) for link in self._links))

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe now and wherever envelopes come from later on.

        The connection in reserve goes first: where there is no leader, it breaks and not the one that carries.
        """
        self._filters[topic_filter] = None
        if self._standby is not None and self._standby.connected:
            self._standby.subscribe(topic_filter)
        elif self._active is not None:
            self._carry()

    def subscribe_everywhere(self, topic_filter: str) -> None:
        """Subscribe on every node beforehand; messages come from the one that carries envelopes."""
        for link in self._links:
            link.subscribe(topic_filter)

    def unsubscribe(self, topic_filter: str) -> None:
        """Take a subscription back, by and by: messages may come for a while."""
        self._filters.pop(topic_filter, None)
        asyncio.get_running_loop().call_later(UNSUBSCRIBE_AFTER_S, self._forget, topic_filter)

    def publish(self, topic: str, payload: bytes | str) -> None:
        """See `MqttLink.publish`."""
        if self._active is None:
            raise UplinkError("no node of the broker is connected")
        self._active.publish(topic, payload)

    def publish_retained(self, topic: str, payload: bytes | str) -> None:
        """Publish what the broker keeps, where it holds up nothing else."""
        others = [link for link in self._links if link.connected and link is not self._active]
        link = next(iter(others), self._active)
        if link is None:
            raise UplinkError("no node of the broker is connected")
        link.publish(topic, payload, retain=True)

    def _heard(self, number: int, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 (paho's shape)
        if self._links[number] is self._active:
            self._on_message(topic, payload, retained)
        elif self._links[number] is self._standby and is_envelope_topic(topic):
            self._last.append((topic, payload, retained))

    def _came(self, number: int) -> None:
        link = self._links[number]
        if link is self._active:
            self._on_connect()
        elif not self.connected:
            self._switch_to(link)
        elif self._standby is None or not self._standby.connected:
            self._reserve(link)

    def _lost(self, number: int, reason: str) -> None:
        link = self._links[number]
        if self._active is not None and link is not self._active:
            logger.info("broker node lost address=%s reason=%s", link.address, reason)
        else:
            self._on_disconnect(reason)
        ready = [other for other in self._links if other.connected]
        if not self.connected and ready:
            self._switch_to(self._standby if self._standby in ready and self._standby is not None else ready[0])
        elif link is self._standby and (spare := [other for other in ready if other is not self._active]):
            self._reserve(spare[0])

    def _switch_to(self, link: MqttLink) -> None:
        """Let another node carry envelopes; its connection stands already."""
        before, self._active = self._active, link
        is_prepared = link is self._standby
        self._carried = set(self._filters) if is_prepared else set()
        self._standby = None
        if before is not None:
            self._withdraw(before)
        self._carry()
        spare = next((other for other in self._links if other.connected and other is not link), None)
        if spare is not None:
            self._reserve(spare)
        self._on_connect()
        if is_prepared:
            for message in self._last:  # what was taken before is recognised by its seq
                self._on_message(*message)
        self._last.clear()

    def _reserve(self, link: MqttLink) -> None:
        """Keep a connection in reserve that can take over without a word to its node."""
        if self._standby is not None and self._standby is not link:
            self._withdraw(self._standby)
        self._standby = link
        for topic_filter in self._filters:
            link.subscribe(topic_filter)

    def _subscribed(self, number: int) -> None:
        if self._links[number] is self._standby:
            self._carry()

    def _carry(self) -> None:
        """Subscribe where envelopes come from to what is not subscribed there yet."""
        new = [topic_filter for topic_filter in self._filters if topic_filter not in self._carried]
        self._carried.update(new)
        if self._active is not None:
            for topic_filter in new:
                self._active.subscribe(topic_filter)

    def _withdraw(self, link: MqttLink) -> None:
        for topic_filter in self._filters:
            link.unsubscribe(topic_filter)

    def _forget(self, topic_filter: str) -> None:
        if topic_filter in self._filters:
            return
        self._carried.discard(topic_filter)
        for link in self._links:
            link.unsubscribe(topic_filter)
