"""The collector's way to its broker: to every node of a cluster at once, so that the loss of one is not an outage.

A new connection to a NATS cluster needs the leader of its session stream, and a retained message that of its message
stream: for seconds after a node is gone there may be none. So the connections stand beforehand, one of them carries
envelopes and acknowledgements, and retained messages go over another one, where they hold nothing up (NATS server
2.15: a publish with the retain flag stops everything behind it on its connection until the stream has it).
"""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from genba_shared.broker import BrokerAddress
from genba_shared.errors import UplinkError
from genba_shared.mqtt import MqttLink, OnMessage

logger = logging.getLogger(__name__)


class ClusterLink:
    """Use it as an `MqttLink`. `on_connect` also tells that another node took over: what was under way may be lost."""

    def __init__(
        self,
        broker: str,
        *,
        on_message: OnMessage,
        on_connect: Callable[[], None],
        on_disconnect: Callable[[str], None],
    ) -> None:
        nodes = BrokerAddress.parse(broker).nodes
        name = f"genba-collector-{os.urandom(6).hex()}"
        first = zlib.crc32(name.encode()) % len(nodes)  # many workers spread over the nodes
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._filters: dict[str, None] = {}
        self._active: MqttLink | None = None
        self._links = [
            MqttLink(
                node,
                f"{name}-{number}",
                on_message=on_message,
                on_connect=partial(self._came, number),
                on_disconnect=partial(self._lost, number),
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
        """Subscribe now and wherever envelopes come from later on."""
        self._filters[topic_filter] = None
        if self._active is not None:
            self._active.subscribe(topic_filter)

    def unsubscribe(self, topic_filter: str) -> None:
        """Take a subscription back."""
        self._filters.pop(topic_filter, None)
        if self._active is not None:
            self._active.unsubscribe(topic_filter)

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

    def _came(self, number: int) -> None:
        link = self._links[number]
        if link is self._active:
            self._on_connect()
        elif not self.connected:
            self._switch_to(link)

    def _lost(self, number: int, reason: str) -> None:
        link = self._links[number]
        if self._active is not None and link is not self._active:
            logger.info("broker node lost address=%s reason=%s", link.address, reason)
            return
        self._on_disconnect(reason)
        other = next((link for link in self._links if link.connected), None)
        if other is not None:
            self._switch_to(other)

    def _switch_to(self, link: MqttLink) -> None:
        """Let another node carry envelopes; its connection stands already."""
        before, self._active = self._active, link
        for topic_filter in self._filters:
            if before is not None:
                before.unsubscribe(topic_filter)
            link.subscribe(topic_filter)
        self._on_connect()
