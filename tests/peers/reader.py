"""An RFID reader with tags in its field, in a thread of its own: tests drive it as they drive the other peers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from genba_shared.clock import ProductionClock
from genba_sim.rfid_llrp import SimReader

T = TypeVar("T")

READ_EVERY_S = 0.02
WITHIN_S = 10.0


class FieldReader:
    """A simulated LLRP reader; every tag that was brought into the field of antenna 1 is read again and again."""

    def __init__(self) -> None:
        self.port = 0
        self._clock = ProductionClock()
        self._tags: tuple[str, ...] = ()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="reader", daemon=True)
        self._reader: SimReader | None = None
        self._reading: asyncio.Task[None] | None = None

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

    def bring(self, tag: str) -> None:
        """From now on the tag (EPC in hex) is in the field."""
        self._tags += (tag,)

    def start(self) -> None:
        """Switch on, at the port of the time before; whatever it knew then is forgotten."""
        self._run(self._start())

    def stop(self) -> None:
        """Cut the power; nothing where it is off."""
        self._run(self._stop())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    async def _start(self) -> None:
        self._reader = SimReader(self._clock, port=self.port)
        await self._reader.start()
        self.port = self._reader.port
        self._reading = self._loop.create_task(self._read(self._reader))

    async def _stop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is None or self._reading is None:
            return
        self._reading.cancel()
        await asyncio.wait({self._reading})
        await reader.stop()

    async def _read(self, reader: SimReader) -> None:
        while True:
            for tag in self._tags:
                reader.see(1, tag, self._clock.now(), -60.0)
            await asyncio.sleep(READ_EVERY_S)
