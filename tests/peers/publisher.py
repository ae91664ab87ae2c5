"""A device that publishes over MQTT, with the broker that it publishes to (mosquitto); a test may switch both off."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.integration.mqtt_peers import Mosquitto

WITHIN_S = 10.0


class Publisher:
    """Publishes what it was last told again and again, as devices do; `say` sends one message as it is."""

    def __init__(self, folder: Path, *, topic: str, every_s: float = 0.05, extra: str = "") -> None:
        self._topic = topic
        self._every_s = every_s
        self._broker = Mosquitto(folder, extra=extra)
        self._payload = b'{"status": "ok"}'
        self._client: Client | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where its broker is."""
        return self._broker.url

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Switch broker and device on."""
        self._broker.start()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="device")
        self._client.connect("127.0.0.1", self._broker.port)
        self._client.loop_start()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, args=(self._client, self._ended), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Switch both off; nothing where they are off."""
        if self._client is None:
            return
        self.fall_silent()
        self._client.disconnect()
        self._client.loop_stop()
        self._client = None
        self._broker.kill()

    def fall_silent(self) -> None:
        """The device publishes nothing any more by itself; the broker stays."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(WITHIN_S)
            self._thread = None

    def publish(self, document: Any) -> None:
        """From now on the device publishes this."""
        self._payload = json.dumps(document).encode()

    def say(self, payload: bytes | str, *, topic: str = "", retain: bool = False) -> None:
        """One message."""
        assert self._client is not None
        self._client.publish(topic or self._topic, payload, qos=1, retain=retain).wait_for_publish(WITHIN_S)

    def _repeat(self, client: Client, ended: threading.Event) -> None:
        while not ended.wait(self._every_s):
            client.publish(self._topic, self._payload)
