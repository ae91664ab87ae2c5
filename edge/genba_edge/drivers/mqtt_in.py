"""A device that publishes over MQTT: reader, camera or sensor.

A connection to the broker says nothing about the device behind it. The device lives when it published something itself
within the time of the map; what the broker kept from before (retained) is how things stood, and no sign of life.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Sequence
from typing import Final

from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.link import Link
from genba_edge.drivers.mqtt_in_messages import MAX_PAYLOAD_BYTES, Heard, Message, MessageReader
from genba_edge.ports import DeviceAlive, Emit, Failure, Meter, Sample
from genba_shared.broker import without_covered
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import MqttInDevice
from genba_shared.errors import UsageError
from genba_shared.mqtt import MqttLink, OutageKind

__all__ = ["MqttInDriver"]

logger = logging.getLogger(__name__)

QOS: Final = 1  # a broker may throw messages of QoS 0 away while we are slow
MAX_WAITING: Final = 20_000
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024
"""Messages that wait for us, and the bytes of their payloads. More are let go, and the core declares the loss."""
MAX_AT_ONCE: Final = 500
"""Messages that are read before other devices have their turn."""
_FAILURES: Final = {
    OutageKind.UNREACHABLE: Failure.CONNECT,
    OutageKind.CLOSED: Failure.CLOSED,
    OutageKind.SECURITY: Failure.SECURITY,
    OutageKind.REFUSED: Failure.REFUSED,
}


class MqttInDriver:
    """Listens to one device for ever."""

    def __init__(self, device: MqttInDevice, clock: ProductionClock) -> None:
        self._device = device
        self._clock = clock
        self._meter = Meter(device=device.id, details={"broker": str(device.broker)})
        self._reader = MessageReader(device, clock, self._meter)

    @property
    def device(self) -> str:
        """Id of the device in the map."""
        return self._device.id

    @property
    def meter(self) -> Meter:
        """What it counts about its device."""
        return self._meter

    async def run(self, emit: Emit) -> None:
        """Listen until cancelled."""
        link = Link(self._meter, clock=self._clock, emit=emit)
        backoff = Backoff(max_s=self._device.reconnect_max_s)
        while True:
            try:
                await Listening(self._device, self._clock, self._reader, self._meter, link).run()
            except UsageError as exc:  # a certificate file that cannot be used: somebody may mend it
                self._meter.failures[Failure.SECURITY] += 1
                retry_s = backoff.next_s()
                link.lost(str(exc), retry_s=retry_s)
                await asyncio.sleep(retry_s)


class Listening:
    """One stay at the broker, over all its outages.

    Raises:
        UsageError: a certificate file cannot be used.
    """

    def __init__(
        self, device: MqttInDevice, clock: ProductionClock, reader: MessageReader, meter: Meter, link: Link
    ) -> None:
        self._device = device
        self._clock = clock
        self._reader = reader
        self._meter = meter
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._let_go = 0
        self._kept: dict[str, Sample] = {}  # retained values, until the device is heard itself
        self._outage = ""  # why there is no broker; "" while there is one, or before it is known
        self._quiet_since_s = self._loop.time()
        self._silence_told = False
        self._unheard_due_s: float | None = None
        self._mqtt = MqttLink(
            device.broker,
            f"genba-in-{secrets.token_hex(6)}",
            on_message=self._when_message,
            on_too_long=self._when_too_long,
            max_payload_bytes=MAX_PAYLOAD_BYTES,
            on_connect=self._when_connected,
            on_disconnect=self._when_disconnected,
            connect_timeout_s=device.timeout_s,
            retry_max_s=device.reconnect_max_s,
        )

    async def run(self) -> None:
        """Listen for ever."""
        self._subscribe()
        async with self._mqtt:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_s()):
                        await self._news.wait()
                self._news.clear()
                self._take()
                self._look_at_silence()
                await asyncio.sleep(0)  # an event that is set already makes no pause

    def _subscribe(self) -> None:
        """Each subscription also has the broker send what it retains, again."""
        points = [point.topic for point in self._device.points.values()]
        wanted = [*self._device.topics, *points, self._device.heartbeat]
        for topic in without_covered(filter(None, wanted)):  # a message that came twice would be two reads of a tag
            self._mqtt.subscribe(topic, qos=QOS)

    # Said by the connection, in order.

    def _when_message(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 (paho's own flag)
        self._keep(Message(topic=topic, payload=payload, retained=retained))

    def _when_too_long(self, topic: str, length: int, retained: bool) -> None:  # noqa: FBT001 (paho's own flag)
        self._keep(Message(topic=topic, payload=b"", retained=retained, too_long=length))

    def _keep(self, message: Message) -> None:
        self._news.set()
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes + len(message.payload) > MAX_WAITING_BYTES:
            self._let_go += 1
            return
        self._waiting.append(message)
        self._waiting_bytes += len(message.payload)

    def _when_connected(self) -> None:
        self._outage = ""
        self._quiet_since_s = self._loop.time()
        self._silence_told = False
        self._reader.begin()
        self._news.set()

    def _when_disconnected(self, reason: str) -> None:
        while self._waiting:
            self._take()  # what came before the end
        failure = self._failure()
        self._meter.failures[failure] += 1
        self._outage = f"no connection to {self._device.broker}: {reason}"
        self._kept.clear()
        self._unheard_due_s = None
        self._link.lost(self._outage, retry_s=self._device.reconnect_max_s, failure=failure)

    def _failure(self) -> Failure:
        outage = self._mqtt.outage
        return _FAILURES[outage.kind] if outage is not None else Failure.CLOSED

    # What we make of it.

    def _take(self) -> None:
        waiting = self._next_messages()
        if self._let_go:
            self._link.readings_lost(f"{self._let_go} messages came faster than they could be read")
            self._let_go = 0
            self._reader.note_missed()
        if not waiting:
            return
        heard = Heard()
        for message in waiting:
            self._reader.read(message, heard)
        self._meter.samples += len(heard.samples) + len(heard.reads)
        for reason in heard.lost:
            self._link.readings_lost(reason)
        if any(not message.retained for message in waiting):
            self._deliver(heard)
        elif self._link.is_up:
            self._link.deliver(heard.samples)
        else:
            self._kept.update((sample.point, sample) for sample in heard.samples)

    def _next_messages(self) -> Sequence[Message]:
        """A part of what waits; all of it after a loss, so that the loss is told once and not with each part."""
        most = len(self._waiting) if self._let_go else MAX_AT_ONCE
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        self._waiting_bytes -= sum(len(message.payload) for message in taken)
        if self._waiting:
            self._news.set()
        return taken

    def _deliver(self, heard: Heard) -> None:
        """The device itself spoke."""
        now_s = self._loop.time()
        if not self._link.is_up:
            self._unheard_due_s = now_s + self._device.alive_within_s
        if self._silence_told:
            self._subscribe()  # states that it changed long ago are retained, and known to nobody else
        self._quiet_since_s = now_s
        self._silence_told = False
        alive = DeviceAlive(device=self._device.id, at=self._clock.now())
        self._link.deliver([*self._kept.values(), *heard.samples, *heard.reads, alive])
        self._kept.clear()

    def _look_at_silence(self) -> None:
        now_s, within_s = self._loop.time(), self._device.alive_within_s
        if self._unheard_due_s is not None and now_s >= self._unheard_due_s and self._link.is_up:
            self._unheard_due_s = None
            self._link.deliver(self._reader.report_unheard())
        if self._outage:
            if (outage := self._mqtt.outage) is not None:  # each try may fail for another reason
                self._outage = f"no connection to {self._device.broker}: {outage.reason}"
            self._link.lost(self._outage, retry_s=self._device.reconnect_max_s, failure=self._failure())
        elif now_s - self._quiet_since_s >= within_s:
            self._unheard_due_s = None
            reason = f"the device has published nothing for {within_s:g} s; the broker {self._device.broker} is there"
            if self._mqtt.subscription_refused:
                reason = f"the broker {self._device.broker} refuses our subscription: may this user read the topics?"
            if not self._silence_told:
                failure = Failure.SECURITY if self._mqtt.subscription_refused else Failure.SILENT
                self._meter.failures[failure] += 1
                self._silence_told = True
                self._reader.begin_again()
            self._link.lost(reason, retry_s=within_s)

    def _wait_s(self) -> float:
        """Until something has to be looked at, even if nothing comes."""
        now_s = self._loop.time()
        if self._outage or self._silence_told:
            return self._device.reconnect_max_s
        due_s = self._quiet_since_s + self._device.alive_within_s
        if self._unheard_due_s is not None:
            due_s = min(due_s, self._unheard_due_s)
        return max(0.0, due_s - now_s)
