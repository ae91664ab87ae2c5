"""An HTTP client that costs little beside what it measures: one socket, kept open, requests made beforehand."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


class Client:
    """One connection to a server."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((str(address.hostname), address.port or 80), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        named = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self._head = f"host: {address.netloc}\r\n{named}"

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def request(self, method: str, path: str, body: Any = None) -> bytes:
        """The bytes of a request."""
        content = b"" if body is None else orjson.dumps(body)
        kind = f"content-type: application/json\r\ncontent-length: {len(content)}\r\n" if content else ""
        return f"{method} {path} HTTP/1.1\r\n{self._head}{kind}\r\n".encode() + content

    def send(self, request: bytes) -> tuple[bytes, float]:
        """The body of the answer, and the seconds from the first byte sent to the last one read.

        Raises:
            RuntimeError: the answer is no success.
        """
        begun = time.perf_counter()
        self._socket.sendall(request)
        data = self._socket.recv(262_144)
        while _END not in data:
            data += self._socket.recv(262_144)
        head, _, body = data.partition(_END)
        lower = head.lower()
        start = lower.index(_LENGTH) + len(_LENGTH)
        length = int(lower[start:].split(b"\r\n", 1)[0])
        parts, got = [body], len(body)
        while got < length:
            parts.append(self._socket.recv(262_144))
            got += len(parts[-1])
        took_s = time.perf_counter() - begun
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{request[:200]!r} is answered {head[:40]!r} {body[:300]!r}")
        return b"".join(parts), took_s

    def json(self, method: str, path: str, body: Any = None) -> tuple[Any, float]:
        """The answer read as JSON, and the seconds that it took to come."""
        content, took_s = self.send(self.request(method, path, body))
        return orjson.loads(content), took_s
