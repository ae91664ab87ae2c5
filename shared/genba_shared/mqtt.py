"""MQTT 3.1.1 and 5 for asyncio: a thin adapter of paho, and the only place that knows paho.

paho's own queue is memory only and its reconnect loop has neither jitter nor a callback for a first connect that
fails, so this adapter runs the network loop in its own thread, reconnects by itself, and refuses to publish while there
is no connection. Sessions are clean: whatever must not be lost is sent again by its owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import ssl
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from genba_shared.broker import BrokerAddress, MqttVersion
from genba_shared.errors import UplinkError, UsageError
from genba_shared.tls import certificate_trouble, tls_context_of

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

__all__ = ["BrokerAddress", "MqttLink", "MqttVersion", "OnMessage", "OnTooLong", "Outage", "OutageKind", "Will"]

logger = logging.getLogger(__name__)

KEEP_ALIVE_S: Final = 10  # a dead link is found within 1.5 times this
CONNECT_TIMEOUT_S: Final = 5.0
FIRST_RETRY_S: Final = 0.2
LAST_RETRY_S: Final = 3.0
MAX_UNSENT: Final = 4 * 1024 * 1024  # bytes that may wait for a socket that does not take them
_UNSPECIFIED: Final = 0x80
_BAD_LOGIN: Final = frozenset({0x86, 0x87})  # reason codes of MQTT 5, which paho makes of those of 3.1.1, too
_LOOP_S: Final = 1.0
_STOP_S: Final = 2.0

# no connection, and what paho stumbles over in a malformed packet: this thread must live
_ANYTHING_PAHO_RAISES: Final = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, struct.error)

OnMessage = Callable[[str, bytes, bool], None]
OnTooLong = Callable[[str, int, bool], None]


def _nothing(*_: object) -> None:
    """Callback of somebody who does not want to know."""


class OutageKind(StrEnum):
    """What kept us from a broker."""

    UNREACHABLE = "unreachable"
    """No connection: refused, no route, unknown host, no answer."""
    CLOSED = "closed"
    """The connection was closed, or it broke."""
    SECURITY = "security"
    """Certificate, user or password."""
    REFUSED = "refused"
    """The broker answered that it will not have us, for another reason."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Why there is no connection, by kind and as a sentence."""

    kind: OutageKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """What the broker publishes for us, retained, when we vanish."""

    topic: str
    payload: bytes | str


class MqttLink:
    """One connection to a broker, kept up for ever; use it as ``async with MqttLink(broker, client_id) as link``.

    Of a cluster's nodes it takes one by its client id, so that many clients spread, and goes on to the next whenever a
    connection is lost or cannot be made; `address` is the node of the present connection or try. `qos` None is that of
    the broker's address.

    All callbacks run on the asyncio loop that entered the link. `on_connect()` comes after each connect, when the
    subscriptions are on their way. `on_disconnect(reason)` comes once per outage: when a connection is lost, or when
    the first one cannot be made; `outage` tells its kind, and of a longer one why the last try failed.
    `on_subscribed()` comes whenever the broker has taken a subscription.
    `on_message(topic, payload, retained)` may come more than once for a message; for a payload of more than
    `max_payload_bytes` there is `on_too_long(topic, bytes, retained)` instead, and the payload is let go at once.

    Raises:
        UsageError: paho-mqtt is not installed, the address is not understood, or a certificate file cannot be used.
    """

    def __init__(
        self,
        broker: str | BrokerAddress,
        client_id: str,
        *,
        will: Will | None = None,
        on_message: OnMessage = _nothing,
        on_too_long: OnTooLong = _nothing,
        max_payload_bytes: float = math.inf,
        on_connect: Callable[[], None] = _nothing,
        on_disconnect: Callable[[str], None] = _nothing,
        on_subscribed: Callable[[], None] = _nothing,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        retry_max_s: float = LAST_RETRY_S,
    ) -> None:
        self.broker = broker if isinstance(broker, BrokerAddress) else BrokerAddress.parse(broker)
        self._nodes = self.broker.nodes
        self._node = zlib.crc32(client_id.encode()) % len(self._nodes)
        self.on_message = on_message
        self.on_too_long = on_too_long
        self.on_connect = on_connect
        self.on_disconnect = on_disconnect
        self.on_subscribed = on_subscribed
        self._client_id = client_id
        self._will = will
        self._max_payload_bytes = max_payload_bytes
        self._connect_timeout_s = connect_timeout_s
        self._retry_max_s = retry_max_s
        self._tls = [tls_context_of(node) if node.tls else None for node in self._nodes]
        self._filters: dict[str, int] = {}
        self._unsent: deque[tuple[MQTTMessageInfo, int]] = deque()  # with their bytes
        self._closing = threading.Event()
        self._connected = False
        self._accepted = False  # whether the broker took the present connection
        self._outage: Outage | None = None
        self._outage_told = False
        self._cause_known = False  # of the end of the present try: what comes after the first word is its echo
        self._subscription_refused = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client = self._new_client()

    @property
    def address(self) -> BrokerAddress:
        """The node that we are connected to, or try to reach."""
        return self._nodes[self._node]

    @property
    def connected(self) -> bool:
        """Whether the broker accepted us and the connection has not been lost since."""
        return self._connected

    @property
    def outage(self) -> Outage | None:
        """Why the last connection ended or could not be made; None before the first outage."""
        return self._outage

    @property
    def subscription_refused(self) -> bool:
        """Whether the broker refused a subscription on the present connection, or on the last one."""
        return self._subscription_refused

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._keep_connected, name=f"mqtt-{self._nodes[0].host}", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye (the broker then keeps the will to itself) and end the network thread."""
        self._closing.set()
        if self._connected:
            self._client.disconnect()  # wakes the thread, which writes what is queued and then the goodbye
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 2 * _STOP_S)

    def publish(self, topic: str, payload: bytes | str, *, qos: int | None = None, retain: bool = False) -> None:
        """Hand a message to the network thread; call it on the asyncio loop only.

        Raises:
            UplinkError: there is no connection, or 4 MB already wait for the socket. Nothing is kept: send it again.
        """
        if not self._connected:
            raise UplinkError(f"not connected broker={self.address}")
        while self._unsent and _is_done(self._unsent[0][0]):
            self._unsent.popleft()
        if sum(size for _, size in self._unsent) + len(payload) > MAX_UNSENT:
            raise UplinkError(f"broker does not read broker={self.address} unsent_bytes={MAX_UNSENT}")
        info = self._client.publish(topic, payload, qos=self.broker.qos if qos is None else qos, retain=retain)
        if info.rc != 0:
            raise UplinkError(f"publish refused broker={self.address} code={int(info.rc)}")
        self._unsent.append((info, len(payload)))

    def subscribe(self, topic_filter: str, *, qos: int | None = None) -> None:
        """Subscribe now and after every reconnect."""
        wanted = self.broker.qos if qos is None else qos
        self._filters = {**self._filters, topic_filter: wanted}  # anew: the network thread may be reading it
        if self._connected:
            self._client.subscribe(topic_filter, wanted)

    def unsubscribe(self, topic_filter: str) -> None:
        """Take a subscription back; what is on its way still comes."""
        if topic_filter not in self._filters:
            return
        self._filters = {name: qos for name, qos in self._filters.items() if name != topic_filter}
        if self._connected:
            self._client.unsubscribe(topic_filter)

    def _new_client(self) -> Client:
        """A client for one connection: paho would carry unacknowledged messages into the next one, behind our back."""
        client = _make_client(self._client_id, self.address.version)
        client.connect_timeout = self._connect_timeout_s
        password = self.address.password
        if self.address.username is not None:
            client.username_pw_set(self.address.username, None if password is None else password.reveal())
        if (tls := self._tls_now()) is not None:
            client.tls_set_context(tls)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=0, retain=True)
        client.on_connect = self._when_connected
        client.on_disconnect = self._when_disconnected
        client.on_subscribe = self._when_subscribed
        client.on_message = self._when_message
        # with this set paho leaves all writing to the network thread: two writers would mix their packets
        client.on_socket_register_write = _nothing
        client.connect_async(self.address.host, self.address.port, keepalive=KEEP_ALIVE_S)
        return client

    def _tls_now(self) -> ssl.SSLContext | None:
        """With the certificate files as they are now: they are renewed while we run. Unusable ones change nothing."""
        if self.address.tls:
            with contextlib.suppress(UsageError):
                self._tls[self._node] = tls_context_of(self.address)
        return self._tls[self._node]

    def _keep_connected(self) -> None:
        delay_s = first_s = min(FIRST_RETRY_S, self._retry_max_s)
        tried = 0
        while not self._closing.is_set():
            self._accepted = self._cause_known = False
            self._client = self._new_client()
            try:
                self._client.reconnect()
                if self._serve():
                    delay_s, tried = first_s, 0
            except _ANYTHING_PAHO_RAISES as exc:
                self._tell_outage(_outage_of(exc, self.address))
            self._connected = False
            self._node = (self._node + 1) % len(self._nodes)
            tried += 1
            # jitter between half and all of it: many gateways do not come back in the same moment
            self._closing.wait(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
            if tried % len(self._nodes) == 0:  # every node was asked once
                delay_s = min(self._retry_max_s, delay_s * 2)

    def _serve(self) -> bool:
        """Run the network loop until the connection ends; whether the broker had accepted us."""
        stop_at = math.inf
        answer_by = time.monotonic() + self._connect_timeout_s
        while self._client.loop(_LOOP_S) == 0 and time.monotonic() < stop_at:
            if not self._accepted and time.monotonic() > answer_by:  # a server that hangs: its system still connects
                self._tell_outage(Outage(OutageKind.UNREACHABLE, "the broker does not answer"))
                return False
            if self._closing.is_set():
                if not self._connected:
                    return self._accepted
                stop_at = min(stop_at, time.monotonic() + _STOP_S)
        self._tell_outage(Outage(OutageKind.CLOSED, "connection lost"))
        return self._accepted

    def _when_connected(
        self, client: Client, userdata: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._tell_outage(_refusal_of(code))
            client.disconnect()
            return
        for topic_filter, qos in self._filters.items():
            client.subscribe(topic_filter, qos)
        self._outage_told = False
        self._unsent = deque()
        self._subscription_refused = False
        self._accepted = self._connected = True
        self._call(self.on_connect)

    def _when_disconnected(
        self, client: Client, userdata: Any, flags: DisconnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        self._connected = False
        # paho says "Unspecified error" for every loss of the connection
        if self._accepted:
            reason = "connection lost" if code.value == _UNSPECIFIED else str(code)
            self._tell_outage(Outage(OutageKind.CLOSED, reason))
        else:
            self._tell_outage(_closed_unaccepted(self.address))

    def _when_subscribed(
        self, client: Client, userdata: Any, mid: int, codes: list[ReasonCode], properties: Properties | None
    ) -> None:
        if any(code.is_failure for code in codes):
            self._subscription_refused = True
            logger.error("subscription refused broker=%s filters=%s", self.address, ",".join(self._filters))
        else:
            self._call(self.on_subscribed)

    def _when_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        length = len(message.payload)
        if length > self._max_payload_bytes:  # looked at here: a queue of long ones would be memory
            self._call(self.on_too_long, topic, length, message.retain)
        else:
            self._call(self.on_message, topic, message.payload, message.retain)

    def _tell_outage(self, outage: Outage) -> None:
        """Keep why each try ended; tell the first reason of an outage."""
        if self._cause_known or self._closing.is_set():
            return
        self._cause_known = True
        self._outage = outage
        if not self._outage_told:
            self._outage_told = True
            self._call(self.on_disconnect, outage.reason)

    def _call(self, callback: Callable[..., None], *args: Any) -> None:
        if self._loop is None or self._closing.is_set():
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed without leaving the link
            self._loop.call_soon_threadsafe(callback, *args)


def _make_client(client_id: str, version: MqttVersion) -> Client:
    try:
        from paho.mqtt.client import Client, MQTTv5, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError as exc:
        raise UsageError("MQTT needs the paho-mqtt library: pip install 'genba[edge]'") from exc
    is_v5 = version is MqttVersion.V5
    return Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if is_v5 else True,
        protocol=MQTTv5 if is_v5 else MQTTv311,
        reconnect_on_failure=False,
    )


def _is_done(info: MQTTMessageInfo) -> bool:
    """Whether paho no longer holds the message: it is on the socket, or its connection is gone."""
    try:
        return info.is_published()
    except (RuntimeError, ValueError):
        return True


def _outage_of(exc: Exception, address: BrokerAddress) -> Outage:
    match exc:
        case ssl.SSLCertVerificationError():
            return Outage(OutageKind.SECURITY, certificate_trouble(exc, host=address.host))
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE"):
            return Outage(
                OutageKind.SECURITY, f"{address.host}:{address.port} does not speak TLS: is it the mqtts port?"
            )
        case ssl.SSLError():
            return Outage(OutageKind.SECURITY, f"TLS with {address.host} failed: {exc.reason or exc}")
        case ConnectionResetError() if address.tls:
            reason = f"{address.host}:{address.port} broke the connection at the TLS handshake: is it the mqtts port?"
            return Outage(OutageKind.SECURITY, reason)
        case _:
            return Outage(OutageKind.UNREACHABLE, str(exc) or type(exc).__name__)


def _refusal_of(code: ReasonCode) -> Outage:
    kind = OutageKind.SECURITY if code.value in _BAD_LOGIN else OutageKind.REFUSED
    return Outage(kind, f"broker refused: {code}")


def _closed_unaccepted(address: BrokerAddress) -> Outage:
    """TLS 1.3 tells a client that its certificate is missing or bad only after the handshake, and paho keeps it."""
    if not address.tls:
        return Outage(OutageKind.CLOSED, "the broker closed the connection before it accepted us")
    hint = "wants another client certificate" if address.certificate else "wants a client certificate"
    return Outage(OutageKind.SECURITY, f"the broker closed the connection before it accepted us: perhaps it {hint}")
