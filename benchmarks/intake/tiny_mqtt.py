"""As much MQTT 3.1.1 as a simulated gateway needs, on asyncio: a thousand clients in one process.

Source: OASIS MQTT 3.1.1, chapters 2 and 3. QoS 0 in both directions, clean session; a broken connection is an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Self

CONNECT: Final = 0x10
CONNACK: Final = 0x20
PUBLISH: Final = 0x30
SUBSCRIBE: Final = 0x82
SUBACK: Final = 0x90
KEEP_ALIVE_S: Final = 600  # longer than any run
_CLEAN: Final = 0x02


class TinyClient:
    """One connection. `on_message` gets topic and payload of whatever is subscribed to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int, client_id: str, topic: str) -> Self:
        """Connect to a broker on 127.0.0.1 and subscribe to one topic."""
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        head = _text("MQTT") + bytes([4, _CLEAN]) + KEEP_ALIVE_S.to_bytes(2, "big")
        client._send(CONNECT, head + _text(client_id))
        kind, body = await client._receive()
        if kind != CONNACK or body[1] != 0:
            raise ConnectionError(f"the broker refuses {client_id}: {body.hex()}")
        client._send(SUBSCRIBE, b"\x00\x01" + _text(topic) + b"\x00")
        kind, body = await client._receive()
        if kind != SUBACK or body[2] > 2:
            raise ConnectionError(f"the broker refuses the subscription to {topic}: {body.hex()}")
        return client

    def publish(self, topic: str, payload: bytes, *, retain: int = 0) -> None:
        """Send a message, QoS 0."""
        self._send(PUBLISH | retain, _text(topic) + payload)

    async def listen(self, on_message: Callable[[bytes], None]) -> None:
        """Hand over the payload of every message until the connection ends."""
        while True:
            kind, body = await self._receive()
            if kind & 0xF0 == PUBLISH:
                length = int.from_bytes(body[:2], "big")
                at = 2 + length + (2 if kind & 0x06 else 0)
                on_message(body[at:])

    def close(self) -> None:
        """End the connection."""
        self._writer.close()

    def _send(self, kind: int, body: bytes) -> None:
        self._writer.write(bytes([kind]) + _length(len(body)) + body)

    async def _receive(self) -> tuple[int, bytes]:
        kind = (await self._reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self._reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return kind, await self._reader.readexactly(length)


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _length(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)
