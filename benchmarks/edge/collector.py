"""Stand-ins of the two servers that gateways talk to: genba's collector, and ThingsBoard; both on one real broker."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.edge.processes import CannotMeasure, find_program, free_port, running, wait_for_port
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import decode
from genba_shared.events import Event, StationStateChanged

_RPC: Final = "v1/devices/me/rpc/request/"
_TELEMETRY: Final = "v1/gateway/telemetry"
_SESSION_LIMITS: Final = {
    "maxPayloadSize": 65536,
    "maxInflightMessages": 100,
    "rateLimits": {},
    "gatewayRateLimits": {},
    "deviceRateLimits": {},
    "gatewayDeviceRateLimits": {},
}
"""What ThingsBoard answers to `getSessionLimits`: no limits. Without an answer its gateway sends nothing.

Source: thingsboard-gateway 3.8.5, tb_client.py, request_service_configuration.
"""


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A mosquitto on a free port; gives the port."""
    program = find_program("mosquitto", hint="apt-get install mosquitto")
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with running([program, "-c", str(config)], log=folder / "mosquitto.log"):
        wait_for_port(port)
        yield port


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event and the wall second at which its envelope came."""

    wall_s: float
    event: Event


@dataclass(frozen=True, slots=True)
class PointArrival:
    """A value of a device's register that ThingsBoard's gateway sent, and the wall second at which it came."""

    wall_s: float
    device: str
    register: int
    value: int


class Collector:
    """Acknowledges the envelopes of a genba gateway and answers what ThingsBoard's gateway asks; notes what comes."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._upto: dict[str, int] = {}
        self._subscribed = threading.Event()
        self._kinds: Counter[str] = Counter()
        self._states: list[Arrival] = []
        self._points: list[PointArrival] = []
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="bench-collector")
        self._client.on_message = self._take
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Self:
        filters = (topics.UP_FILTER, topics.STATE_FILTER, _RPC + "+", _TELEMETRY)
        self._client.subscribe([(one, 0) for one in filters])
        self._client.loop_start()
        if not self._subscribed.wait(10):
            raise CannotMeasure("the broker does not answer a subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def clear(self) -> None:
        """Forget what came until now."""
        with self._lock:
            self._kinds.clear()
            self._states.clear()
            self._points.clear()

    @property
    def kinds(self) -> Counter[str]:
        """How many events of each kind came, and how many values of ThingsBoard's gateway ("points")."""
        with self._lock:
            return Counter(self._kinds)

    @property
    def states(self) -> list[Arrival]:
        """The changes of station states that came."""
        with self._lock:
            return list(self._states)

    @property
    def points(self) -> list[PointArrival]:
        """The values of ThingsBoard's gateway that came."""
        with self._lock:
            return list(self._points)

    def _take(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        wall_s = time.time()
        if message.topic.startswith(_RPC):
            client.publish(message.topic.replace("request", "response"), json.dumps(_SESSION_LIMITS))
        elif message.topic == _TELEMETRY:
            self._take_telemetry(bytes(message.payload), wall_s)
        elif message.topic.startswith("genba/1/state/"):
            self._answer_state(message)
        else:
            self._take_envelope(bytes(message.payload), wall_s)

    def _answer_state(self, message: MQTTMessage) -> None:
        gateway, state = topics.gateway_of(message.topic), json.loads(message.payload or b"{}")
        if gateway is not None and state.get("online") and not message.retain:
            self._acknowledge(gateway, state["epoch"])

    def _take_envelope(self, payload: bytes, wall_s: float) -> None:
        envelope = decode(payload)
        header = envelope.header
        with self._lock:
            for event in envelope.events:
                self._kinds[event.kind] += 1
                if isinstance(event, StationStateChanged):
                    self._states.append(Arrival(wall_s, event))
            if header.prev <= self._upto.get(header.epoch, 0):
                self._upto[header.epoch] = max(self._upto.get(header.epoch, 0), header.last)
        self._acknowledge(header.gateway, header.epoch)

    def _acknowledge(self, gateway: str, epoch: str) -> None:
        answer = Acknowledgement(epoch=epoch, upto=self._upto.get(epoch, 0))
        self._client.publish(topics.ack(gateway), answer.to_json())

    def _take_telemetry(self, payload: bytes, wall_s: float) -> None:
        found = [
            PointArrival(wall_s, device, int(name[1:]), int(value))
            for device, entries in json.loads(payload).items()
            for entry in entries
            for name, value in (entry.get("values") or {}).items()
        ]
        with self._lock:
            self._kinds["points"] += len(found)
            self._points += found
