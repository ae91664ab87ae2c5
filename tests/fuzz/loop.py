"""An event loop without network and without waiting, to run a whole driver against invented devices.

Whoever connects reaches a `Device` of the test in memory; time stands still while something happens and jumps to the
next timer when nothing does, so that time-outs and pauses of an hour cost nothing.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from genba_edge.ports import DeviceLost, Driver, Observation, Quality, Sample

MOST_OBSERVATIONS = 2_000
"""An input that makes a device say more is long enough."""
TICK_S = 0.25
LONGEST_S = 120.0
"""Seconds of the loop's own time that one input may take."""


class Device(Protocol):
    """The far end of a connection."""

    def connected(self, say: Callable[[bytes], None], close: Callable[[], None]) -> None:
        """The gateway connected: answer with `say`, end with `close`."""

    def heard(self, data: bytes) -> None:
        """The gateway sent this."""


class _Jump(selectors.SelectSelector):
    """Never waits: tells the loop how much time would have passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everything waits for ever")
        self.now_s += max(0.0, timeout)
        return []


class MemoryLoop(asyncio.SelectorEventLoop):
    """Connects every client to `device`."""

    def __init__(self) -> None:
        self._jump = _Jump()
        self.device: Device | None = None
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now_s

    async def create_connection(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        assert self.device is not None
        protocol = protocol_factory()
        transport = _Transport(self, protocol, self.device)
        protocol.connection_made(transport)
        self.device.connected(transport.arrive, transport.end)
        return transport, protocol


class _Transport(asyncio.Transport):
    def __init__(self, loop: MemoryLoop, protocol: Any, device: Device) -> None:
        super().__init__({"peername": ("device", 1), "sockname": ("gateway", 1)})
        self._loop, self._protocol, self._device = loop, protocol, device
        self._is_closed = False

    def arrive(self, data: bytes) -> None:
        """The device sent this."""
        self._loop.call_soon(lambda: self._is_closed or self._protocol.data_received(data))

    def end(self) -> None:
        """The device closed the connection."""
        self._loop.call_soon(self.close)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._is_closed:
            self._device.heard(bytes(data))

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._is_closed

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Harm(AssertionError):
    """The driver did what no device may make it do."""


def drive(make: Callable[[], Driver], device: Device, is_over: Callable[[], bool]) -> list[Observation]:
    """Run a driver against a device until the device has nothing more to say; everything that it emitted.

    Raises:
        Harm: it ended by itself, or emitted a sample whose quality and value do not go together.
    """
    loop = MemoryLoop()
    loop.device = device
    try:
        return loop.run_until_complete(_drive(loop, make, is_over))
    finally:
        loop.close()


async def _drive(loop: MemoryLoop, make: Callable[[], Driver], is_over: Callable[[], bool]) -> list[Observation]:
    said: list[Observation] = []
    task = loop.create_task(make().run(lambda batch: _take(said, batch)))
    while not (is_over() and said and isinstance(said[-1], DeviceLost)):
        if task.done() or len(said) > MOST_OBSERVATIONS or loop.time() > LONGEST_S:
            break
        await asyncio.sleep(TICK_S)
    if task.done():
        task.result()
        raise Harm("the driver ended by itself")
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    return said


def _take(said: list[Observation], batch: Sequence[Observation]) -> None:
    for observation in batch:
        if isinstance(observation, Sample) and (observation.quality is Quality.BAD) != (observation.value is None):
            raise Harm(f"value and quality do not go together: {observation}")
    said.extend(batch)


class Feed:
    """Takes an input apart, piece by piece."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def is_empty(self) -> bool:
        """Whether everything was taken."""
        return self._at >= len(self._data)

    def byte(self) -> int:
        """The next byte; 0 beyond the end."""
        return (self.take(1) or b"\0")[0]

    def take(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken
