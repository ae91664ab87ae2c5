"""A link whose bytes are counted: a relay between a client and a broker, and what the kernel says of the client's side.

Bytes on the wire = what both ends said, and for every segment, those that only acknowledge included, the headers of IP
(20 bytes) and TCP (20, and 12 of the time stamps that Linux adds). Source: Linux, include/uapi/linux/tcp.h, tcp_info;
RFC 791, RFC 793, RFC 7323.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

T = TypeVar("T")

HEADERS: Final = 52
_BYTES_AT: Final = 120  # of tcp_info: bytes_acked and bytes_received
_SEGMENTS_AT: Final = 136  # segs_out and segs_in
_INFO_BYTES: Final = 144
_CHUNK: Final = 65_536
_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What went over a link, both ways."""

    payload: int = 0
    segments: int = 0

    @property
    def wire(self) -> int:
        """Bytes of IP packets."""
        return self.payload + HEADERS * self.segments

    def since(self, earlier: Traffic) -> Traffic:
        """What was added."""
        return Traffic(payload=self.payload - earlier.payload, segments=self.segments - earlier.segments)


class CountedLink:
    """Listens on a free port of 127.0.0.1 and relays to `port`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="counted-link", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WITHIN_S)
        self._loop.close()

    def traffic(self) -> Traffic:
        """What went over the link until now."""
        found = [_traffic_of(each) for each in list(self._sockets) if each.fileno() >= 0]
        return Traffic(payload=sum(one.payload for one in found), segments=sum(one.segments for one in found))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_WITHIN_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sockets.append(writer.get_extra_info("socket"))
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(_pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _end(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


def _traffic_of(connection: socket.socket) -> Traffic:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    acknowledged, received = struct.unpack_from("=QQ", info, _BYTES_AT)
    sent, arrived = struct.unpack_from("=II", info, _SEGMENTS_AT)
    return Traffic(payload=acknowledged + received, segments=sent + arrived)
