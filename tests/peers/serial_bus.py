"""A serial line without hardware: pairs of pseudo-terminals, joined as the wires of RS-485 join its units."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

TEAR_S = 0.02


class SerialBus:
    """What the gateway's end sends reaches the unit that it is addressed to, and its answer the gateway's end.

    Real wires carry it to every unit. But libmodbus 3.1.6 takes what follows a request to another unit for that unit's
    answer, and so does not hear the request after one to a silent neighbour; that is not what we test here.

    The gateway's end is the serial port `port`, which `unplug` takes away and `plug` brings back, or a TCP connection
    to `address`, as through a serial server that passes bytes on.
    """

    def __init__(self, folder: Path) -> None:
        self.port = str(folder / "ttyUSB0")
        self._units: dict[int, int] = {}  # by the file descriptor of our end
        self._kept: list[int] = []  # the units' ends of their pairs: a pair is gone when nobody has it open
        self._gateway: int | None = None
        self._client: socket.socket | None = None
        self._damages = self._tears = 0
        self._guard = threading.Lock()
        self._wake_read, self._wake_write = os.pipe()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._is_open = True

    def __enter__(self) -> Self:
        self._thread.start()
        self.plug()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._is_open = False
        self._wake()
        self._thread.join()
        self.unplug()
        for descriptor in (*self._units, *self._kept, self._wake_read, self._wake_write):
            os.close(descriptor)
        self._listener.close()
        if self._client is not None:
            self._client.close()

    def attach(self, unit: int) -> str:
        """Room for one more unit: the port that it listens at."""
        near, far = _pair()
        with self._guard:
            self._units[near] = unit
            self._kept.append(far)
        self._wake()
        return os.ttyname(far)

    def plug(self) -> None:
        """The gateway's adapter is there (again)."""
        near, far = _pair()
        with self._guard:
            self._gateway = near
            Path(self.port).symlink_to(os.ttyname(far))
            self._kept.append(far)
        self._wake()

    def unplug(self) -> None:
        """Somebody pulls the gateway's adapter out."""
        with self._guard:
            near, self._gateway = self._gateway, None
            Path(self.port).unlink(missing_ok=True)
            if near is not None:
                os.close(near)
        self._wake()

    def damage(self, answers: int) -> None:
        """Noise: one bit of each of the next answers is wrong."""
        with self._guard:
            self._damages = answers

    def tear(self, answers: int) -> None:
        """Noise: the first byte of each of the next answers is wrong, and the rest comes a little later."""
        with self._guard:
            self._tears = answers

    def _wake(self) -> None:
        os.write(self._wake_write, b"\0")

    def _carry(self) -> None:
        while self._is_open:
            with self._guard:
                ends = [self._wake_read, self._listener.fileno(), *self._units]
                ends += [end for end in (self._gateway, self._client and self._client.fileno()) if end is not None]
            ready, _, _ = select.select(ends, [], [], 10.0)
            with self._guard:
                for end in ready:
                    self._serve(end)

    def _serve(self, end: int) -> None:
        if end == self._wake_read:
            os.read(end, 4096)
        elif end == self._listener.fileno():
            if self._client is not None:
                self._client.close()
            self._client, _ = self._listener.accept()
        elif end in self._units:
            self._to_gateway(os.read(end, 4096))
        elif end == self._gateway or (self._client is not None and end == self._client.fileno()):
            with contextlib.suppress(OSError):
                self._to_units(os.read(end, 4096))

    def _to_units(self, data: bytes) -> None:
        if not data and self._client is not None:  # the gateway closed its connection
            self._client.close()
            self._client = None
        for end, unit in self._units.items():
            if data[:1] == bytes([unit]):
                os.write(end, data)

    def _to_gateway(self, data: bytes) -> None:
        if self._damages:
            self._damages -= 1
            data = data[:-1] + bytes([data[-1] ^ 1])
        if self._tears:
            self._tears -= 1
            self._send(bytes([data[0] ^ 1]) + data[1:6])
            data = data[6:]
            time.sleep(TEAR_S)
        self._send(data)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._client is not None:
                self._client.sendall(data)
            elif self._gateway is not None:
                os.write(self._gateway, data)


def _pair() -> tuple[int, int]:
    near, far = os.openpty()
    tty.setraw(far)
    return near, far
