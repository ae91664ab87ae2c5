"""An Impinj reader with its IoT interface over HTTP, in a thread of its own: as its documentation describes it.

It streams one JSON event a line to whoever reads ``/api/v1/data/stream``, an empty line after a while of silence, and
starts the presets that it knows. A test may have it send whatever it likes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

WITHIN_S = 10.0
READ_EVERY_S = 0.05
USER, PASSWORD = "root", "impinj"


class ImpinjReader:
    """Streams events; every tag that was brought is read again and again by antenna 1 while a preset runs."""

    def __init__(self, *, certificate: tuple[Path, Path] | None = None, keep_alive_s: float = 0.1) -> None:
        self.port = 0
        self.keep_alive_s = keep_alive_s
        self.running = ""
        self.started: list[str] = []
        self.status_of_stream = 200
        self.presets = {"default", "gate"}
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*map(str, certificate))
        self._tags: tuple[str, ...] = ()
        self._streams: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="impinj", daemon=True)
        self._server: asyncio.Server | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def streams(self) -> int:
        """How many clients read events now."""
        return len(self._streams)

    def __enter__(self) -> Self:
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        self._loop.close()

    def start(self) -> None:
        """Switch on, at the port of the time before."""
        self._run(self._start())

    def stop(self) -> None:
        """Cut the power; nothing where it is off."""
        self._run(self._stop())

    def bring(self, tag: str) -> None:
        """From now on the tag (EPC in hex) is in the field of antenna 1."""
        self._tags += (tag,)

    def say(self, kind: str, at: datetime | None = None, **fields: object) -> None:
        """Stream one event."""
        self.send(event_line(kind, at, **fields))

    def send(self, data: bytes) -> None:
        """Stream these bytes, whatever they are."""
        self._run(self._send(data))

    def stop_preset(self) -> None:
        """Somebody stopped it at the reader."""
        self.running = ""
        self.say("inventoryStatus", inventoryStatus="idle")

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self._reading = self._loop.create_task(self._read_tags())

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is None or self._reading is None:
            return
        server.close()
        tasks = {self._reading, *self._connections}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _read_tags(self) -> None:
        while True:
            await asyncio.sleep(READ_EVERY_S)
            for tag in self._tags if self.running else ():
                epc = base64.urlsafe_b64encode(bytes.fromhex(tag)).decode()
                await self._send(event_line("tagInventory", epc=epc, antennaPort=1, peakRssiCdbm=-6150))

    async def _send(self, data: bytes) -> None:
        for writer in self._streams:
            _write_chunk(writer, data)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._connections.discard(task)
            self._streams.discard(writer)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = await reader.readexactly(1)
        if not first.isalpha():
            return _respond(writer, 400) and False
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
        await reader.readexactly(int(headers.get("content-length", "0")))
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("authorization") != f"Basic {wanted}":
            return _respond(writer, 401)
        if (method, path) == ("GET", "/api/v1/data/stream"):
            return await self._stream(writer)
        if (method, path) == ("GET", "/api/v1/status"):
            preset = {"activePreset": {"id": self.running, "profile": "inventory"}} if self.running else {}
            return _respond(writer, 200, {"status": "running" if self.running else "idle", **preset})
        if method == "POST" and path.startswith("/api/v1/profiles/inventory/presets/") and path.endswith("/start"):
            return self._start_preset(path.split("/")[-2], writer)
        return _respond(writer, 404)

    def _start_preset(self, preset: str, writer: asyncio.StreamWriter) -> bool:
        if preset not in self.presets:
            return _respond(writer, 404)
        if self.running:
            return _respond(writer, 409)
        self.running = preset
        self.started.append(preset)
        return _respond(writer, 204)

    async def _stream(self, writer: asyncio.StreamWriter) -> bool:
        if self.status_of_stream != 200:
            return _respond(writer, self.status_of_stream)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._streams.add(writer)
        while not writer.is_closing():
            await asyncio.sleep(self.keep_alive_s)
            if self.keep_alive_s < WITHIN_S:
                _write_chunk(writer, b"\r\n")
        return False


def event_line(kind: str, at: datetime | None = None, **fields: object) -> bytes:
    """One event of the stream, stamped now unless told otherwise."""
    stamp = (at or datetime.now(UTC)).isoformat().replace("+00:00", "Z")
    event = {"timestamp": stamp, "hostname": "impinj-12-34-56", "eventType": kind, f"{kind}Event": fields}
    return json.dumps(event).encode() + b"\r\n"


def _write_chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _respond(writer: asyncio.StreamWriter, status: int, body: object = None) -> bool:
    content = b"" if body is None else json.dumps(body).encode()
    where = "Location: https://127.0.0.1/\r\n" if status == 308 else ""
    head = f"HTTP/1.1 {status} x\r\n{where}Content-Length: {len(content)}\r\n\r\n"
    writer.write((head if status != 204 else "HTTP/1.1 204 x\r\n\r\n").encode() + content)
    return True
