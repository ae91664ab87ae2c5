"""Two ways to deliver the same events over a broker: the gateway's outbox and uplink, and a message for each event."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.edge.processes import CannotMeasure
from benchmarks.stream.link import CountedLink, Traffic
from genba_edge.core.delivery import USUAL, DeliverySettings
from genba_edge.outbox import SqliteOutbox
from genba_edge.uplink import Uplink
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.clock import ProductionClock
from genba_shared.codec import Envelope, decode
from genba_shared.events import Event, to_line
from genba_shared.mqtt import MqttLink

LIVE: Final = replace(USUAL, group_s=0.8, resend_s=20.0)
"""A link that is paid by the byte: events wait for company for at most 0.8 s, and acknowledgements may come late."""
ACKNOWLEDGE_S: Final = 8.0
"""How long the collector of the measurement waits with an acknowledgement, while few envelopes are under way."""
WITHIN_S: Final = 20.0
READER: Final = "bench-reader"


@dataclass(slots=True)
class Arrivals:
    """What the collector received: how long each event took, in how many messages, and how many were not signed."""

    took_s: list[float] = field(default_factory=list)
    messages: int = 0
    unsigned: int = 0


class Acknowledger:
    """The collector's part of the contract: takes envelopes in order, and acknowledges them together."""

    def __init__(self, port: int, *, gateway: str, wait_s: float) -> None:
        self._link = MqttLink(f"mqtt://127.0.0.1:{port}", f"collector-{gateway}", on_message=self._hear)
        self._link.subscribe(topics.up(gateway))
        self._link.subscribe(topics.state(gateway))
        self._gateway, self._wait_s = gateway, wait_s
        self._epoch = ""
        self._due: asyncio.TimerHandle | None = None
        self.upto = 0
        self.made_at: dict[str, float] = {}
        self.arrivals = Arrivals()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Connected, until the block ends."""
        async with self._link:
            await until(lambda: self._link.connected, what="the collector's connection")
            yield
            if self._due is not None:
                self._due.cancel()

    def _hear(self, topic: str, payload: bytes, _retained: bool) -> None:  # noqa: FBT001 (paho's shape)
        if topic.startswith("genba/1/state/"):
            if b'"online": true' in payload:
                self._answer()
            return
        self._take(decode(payload))

    def _take(self, envelope: Envelope) -> None:
        header = envelope.header
        self._epoch = header.epoch
        if header.prev <= self.upto < header.last:
            self.upto = header.last
            self.arrivals.messages += 1
            self.arrivals.unsigned += not header.signature
            now = time.monotonic()
            self.arrivals.took_s += [now - self.made_at.pop(event.id) for event in envelope.events]
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(self._wait_s, self._answer)

    def know(self, epoch: str) -> None:
        """Which epoch the gateway is in."""
        self._epoch = epoch

    def _answer(self) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = None
        answer = Acknowledgement(epoch=self._epoch, upto=self.upto)
        self._link.publish(topics.ack(self._gateway), answer.to_json())


class OutboxSender:
    """The gateway's way: committed to the outbox, sent in envelopes, deleted when acknowledged."""

    def __init__(
        self, folder: Path, link: CountedLink, *, gateway: str, collector: Acknowledger, settings: DeliverySettings
    ) -> None:
        folder.mkdir()
        self.outbox = SqliteOutbox(folder, gateway=gateway)
        self._collector = collector
        self._prefix = f"{gateway}:{self.outbox.mark().epoch}:"
        collector.know(self.outbox.mark().epoch)
        self._link = link
        self._uplink = Uplink(
            outbox=self.outbox,
            gateway=gateway,
            broker=f"mqtt://127.0.0.1:{link.port}",
            state=self._state,
            on_dispatch=lambda document: None,
            clock=ProductionClock(),
            state_dir=folder,
            settings=settings,
        )
        self._before: dict[str, str] = {}

    def _state(self) -> dict[str, Any]:
        mark = self.outbox.mark()
        return {"online": True, "epoch": mark.epoch, "next_seq": {"facts": mark.next_seq}}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected and delivering, until the block ends."""
        task = asyncio.create_task(self._uplink.run())
        try:
            await until(lambda: self._uplink.is_connected, what="the uplink's connection")
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.outbox.close()

    def send(self, events: Sequence[Event]) -> None:
        """Commit events, under the ids of this outbox, and wake the uplink."""
        next_seq = self.outbox.mark().next_seq
        own = [self._renamed(event, next_seq + place) for place, event in enumerate(events)]
        self.outbox.append(own, {})
        now = time.monotonic()
        self._collector.made_at.update((event.id, now) for event in own)
        self._uplink.wake(own)

    def _renamed(self, event: Event, seq: int) -> Event:
        name = self._before[event.id] = f"{self._prefix}{seq}"
        return replace(event, id=name, because=tuple(self._before.get(other, other) for other in event.because))

    async def delivered(self) -> None:
        """Wait until everything is acknowledged."""
        if not await self._uplink.drain(WITHIN_S):
            raise CannotMeasure("not everything was acknowledged")


class JsonSender:
    """The plain way: each event a JSON message at QoS 1, as soon as it is made."""

    def __init__(self, link: CountedLink, *, gateway: str) -> None:
        self._link = MqttLink(f"mqtt://127.0.0.1:{link.port}", f"json-{gateway}")
        self._topic = topics.up(gateway).replace("genba/1", "bench/1", 1)  # as long, and heard by nobody

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected, until the block ends."""
        async with self._link:
            await until(lambda: self._link.connected, what="the JSON sender's connection")
            yield

    def send(self, events: Sequence[Event]) -> None:
        """Publish each event."""
        for event in events:
            self._link.publish(self._topic, to_line(event), qos=1)


async def until(condition: Any, *, what: str) -> None:
    """Wait for a condition.

    Raises:
        CannotMeasure: it did not come true in time.
    """
    try:
        async with asyncio.timeout(WITHIN_S):
            while not condition():  # noqa: ASYNC110 (what is waited for has no event)
                await asyncio.sleep(0.01)
    except TimeoutError as exc:
        raise CannotMeasure(f"{what} did not come within {WITHIN_S:.0f} s") from exc


async def quiet(link: CountedLink, *, for_s: float = 0.3) -> Traffic:
    """The traffic once nothing more comes."""
    before = link.traffic()
    while True:
        await asyncio.sleep(for_s)
        now = link.traffic()
        if now == before:
            return now
        before = now
