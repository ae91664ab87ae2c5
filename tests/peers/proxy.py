"""A TCP proxy that stands between the gateway and a device, and behaves as bad networks and dying devices do.

It lives in a thread of its own, so that it goes on while the test's event loop is busy, and every change of its mode
holds for connections that are open as well as for new ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Coroutine
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TypeVar, assert_never

T = TypeVar("T")

WITHIN_S = 10.0
CHUNK = 65_536
DRIBBLE_BYTES = 3
DRIBBLE_PAUSE_S = 0.001


class Mode(StrEnum):
    """What the network does."""

    PASS = "pass"
    """Forward everything at once."""
    CUT = "cut"
    """Reset every connection, and every new one as soon as it is there."""
    REFUSE = "refuse"
    """Nobody listens: open connections are reset, new ones refused."""
    DELAY = "delay"
    """Everything arrives `delay_s` later, in order, both ways; at the end of the delay, what is still on its way."""
    DRIBBLE = "dribble"
    """Three bytes at a time with small pauses, both ways."""
    BLACK_HOLE = "black_hole"
    """Connections are open and accepted, and nothing goes through, not even their end. What was sent arrives later."""
    BLACK_HOLE_OUT = "black_hole_out"
    """As a black hole, and only what the gateway sends is swallowed; what the device says arrives."""
    BLACK_HOLE_IN = "black_hole_in"
    """The other way round: the device hears the gateway, and the gateway hears nothing."""
    SWALLOW = "swallow"
    """Connections are open and accepted, and what is sent is thrown away for ever, as by a relay whose server hangs."""
    HALF_OPEN = "half_open"
    """The device forgot its connections without a word; the gateway's ends stay open for ever. New ones are refused."""
    CORRUPT = "corrupt"
    """The first byte of whatever the device sends is turned over."""


_SWALLOWS_OUT = frozenset({Mode.BLACK_HOLE, Mode.BLACK_HOLE_OUT})
_SWALLOWS_IN = frozenset({Mode.BLACK_HOLE, Mode.BLACK_HOLE_IN})


class Proxy:
    """Listens on a free port of 127.0.0.1 and forwards to `port`."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.delay_s = 0.15
        self.asked_at: list[float] = []
        """When the gateway sent something, on the monotonic clock."""
        self.connections = 0
        self._mode = Mode.PASS
        self._changed = asyncio.Event()
        self._pipes: set[_Pipe] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._reserved: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        self._loop.close()

    @property
    def mode(self) -> Mode:
        """What the network does now."""
        return self._mode

    def switch(self, mode: Mode) -> float:
        """From now on behave like this; returns the moment, on the monotonic clock."""
        return self._run(self._switch(mode))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    async def _switch(self, mode: Mode) -> float:
        was, self._mode = self._mode, mode
        if was in _SWALLOWS_OUT and mode is not was:
            self._bury()
        match mode:
            case Mode.PASS | Mode.DELAY | Mode.DRIBBLE | Mode.CORRUPT:
                await self._listen()
            case Mode.BLACK_HOLE | Mode.BLACK_HOLE_OUT | Mode.BLACK_HOLE_IN | Mode.SWALLOW:
                await self._listen()
            case Mode.CUT:
                await self._listen()
                self._reset_all()
            case Mode.REFUSE:
                await self._stop_listening()
                self._reset_all()
            case Mode.HALF_OPEN:
                await self._stop_listening()
                for pipe in self._pipes:
                    pipe.orphan()
            case _:
                assert_never(mode)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return time.monotonic()

    def _reset_all(self) -> None:
        for pipe in list(self._pipes):
            pipe.reset()

    def _bury(self) -> None:
        """Connections that the gateway gave up while nothing went through end at the device before new ones begin."""
        for pipe in list(self._pipes):
            if pipe.is_given_up:
                pipe.reset()

    async def _listen(self) -> None:
        if self._server is not None:
            return
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None
        deadline = self._loop.time() + WITHIN_S / 2
        while self._server is None:
            try:
                self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            except OSError:  # a connection of somebody else got the port for its own end: it does not last
                if self._loop.time() > deadline:
                    raise
                await asyncio.sleep(0.1)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        # Bound and not listening: connections are refused, and hardly anybody else gets the port meanwhile.
        self._reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody was quicker in this very moment
            self._reserved.bind(("127.0.0.1", self.port))

    async def _end(self) -> None:
        await self._stop_listening()
        if self._reserved is not None:
            self._reserved.close()
        self._reset_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        pipe = _Pipe(self, reader, writer)
        self._pipes.add(pipe)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await pipe.run()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            pipe.reset()
            self._pipes.discard(pipe)
            self._tasks.discard(task)

    async def _until_due(self, arrived_s: float) -> None:
        """Wait as long as what arrived then is held back; the end of a delay lets everything go."""
        with contextlib.suppress(TimeoutError):
            while self._mode is Mode.DELAY:
                async with asyncio.timeout(arrived_s + self.delay_s - time.monotonic()):
                    await self._changed.wait()

    async def _until_open(self, swallows: frozenset[Mode] = _SWALLOWS_OUT) -> None:
        """Wait as long as nothing goes through this way."""
        while self._mode in swallows:
            await self._changed.wait()


class _Pipe:
    """One connection of the gateway and its other half to the device."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._near_reader, self._near = reader, writer
        self._far: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._is_orphan = False
        self.is_given_up = False
        """Whether the gateway closed its end."""

    async def run(self) -> None:
        """Carry both ways until either end closes."""
        if self._proxy.mode is Mode.CUT:
            return
        outward = _Way(self._near_reader)
        self._tasks = [asyncio.create_task(outward.fill(self._note))]
        await self._proxy._until_open()
        if self.is_given_up:
            return
        far_reader, self._far = await asyncio.open_connection("127.0.0.1", self._proxy.target)
        inward = _Way(far_reader)
        self._tasks += [
            asyncio.create_task(inward.fill(lambda data: None)),
            asyncio.create_task(self._carry(outward, self._far, from_device=False)),
            asyncio.create_task(self._carry(inward, self._near, from_device=True)),
        ]
        await asyncio.wait(self._tasks[2:], return_when=asyncio.FIRST_COMPLETED)

    def _note(self, data: bytes) -> None:
        if data:
            self._proxy.asked_at.append(time.monotonic())
        else:
            self.is_given_up = True

    async def _carry(self, way: _Way, writer: asyncio.StreamWriter, *, from_device: bool) -> None:
        while True:
            arrived_s, data = await way.next()
            await self._proxy._until_due(arrived_s)
            await self._proxy._until_open(_SWALLOWS_IN if from_device else _SWALLOWS_OUT)
            if self._is_orphan:
                if from_device:
                    await asyncio.get_running_loop().create_future()
                if not data:
                    return
                continue
            if not data:
                return
            if self._proxy.mode is Mode.SWALLOW:
                continue
            if self._proxy.mode is Mode.DRIBBLE:
                for start in range(0, len(data), DRIBBLE_BYTES):
                    writer.write(data[start : start + DRIBBLE_BYTES])
                    await writer.drain()
                    await asyncio.sleep(DRIBBLE_PAUSE_S)
                continue
            if self._proxy.mode is Mode.CORRUPT and from_device:
                data = bytes([data[0] ^ 0xFF]) + data[1:]
            writer.write(data)
            await writer.drain()

    def orphan(self) -> None:
        """The device's end is gone and the gateway is not told."""
        self._is_orphan = True
        if self._far is not None:
            self._far.transport.abort()

    def reset(self) -> None:
        """Both ends see the connection reset."""
        for task in self._tasks:
            task.cancel()
        for writer in (self._near, self._far):
            if writer is not None:
                _reset(writer)


class _Way:
    """What one end sent and is not yet forwarded; read at once, so that its end is noticed whatever the mode."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._held: deque[tuple[float, bytes]] = deque()
        self._news = asyncio.Event()

    async def fill(self, note: Any) -> None:
        data = b"?"
        while data:
            try:
                data = await self._reader.read(CHUNK)
            except OSError:
                data = b""
            note(data)
            self._held.append((time.monotonic(), data))
            self._news.set()

    async def next(self) -> tuple[float, bytes]:
        """The next piece and when it arrived; empty at the end."""
        while not self._held:
            self._news.clear()
            await self._news.wait()
        return self._held.popleft()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
