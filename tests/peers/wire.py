"""A TCP wire with faults between a driver and its device: it holds back, dribbles, cuts, and adds bytes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self

STEP_S = 0.002
START_S = 10.0


class FaultyWire:
    """Carries every connection to `port` on to the device at `device_port`, in a thread of its own."""

    def __init__(self, device_port: int) -> None:
        self.port = 0
        self.is_holding = False
        """Black hole: what is sent is taken and goes nowhere; new connections are accepted."""
        self.most_at_once = 0
        """Answers come in pieces of so many bytes; 0: as they are."""
        self.extra = b""
        """Comes after the next answer."""
        self.carried = 0
        self._device_port = device_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(START_S)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Break every connection that there is."""
        self._loop.call_soon_threadsafe(self._abort)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        self._abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._device_port)
            self._writers |= {writer, far_writer}
            await asyncio.gather(self._carry(reader, far_writer), self._carry_back(far_reader, writer))
        self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            if not self.is_holding:
                writer.write(data)
        writer.close()

    async def _carry_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self.carried += 1
            data, self.extra = data + self.extra, b""
            step = self.most_at_once or len(data)
            for start in range(0, len(data), step):
                if not self.is_holding:
                    writer.write(data[start : start + step])
                    await writer.drain()
                if self.most_at_once:
                    await asyncio.sleep(STEP_S)
        writer.close()
