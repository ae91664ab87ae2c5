"""A peer in a process of its own: takes commands as lines on its standard input, answers each with one line."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import IO, Self

START_S = 30.0
ANSWER_S = 10.0


def line_of(stream: IO[str] | None) -> str:
    """The next line of a pipe and not a byte more: `communicate()` does not see what `readline()` has read ahead."""
    assert stream is not None
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(stream.fileno(), 1)):
        line += byte
    return line.decode()


class PeerProcess(ABC):
    """Starts a peer, talks to it, and ends exactly that process."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    def start(self) -> None:
        """Start it and wait until it says that it listens."""
        assert self._process is None
        self._heard = b""
        self._process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        deadline = time.monotonic() + START_S
        while not self.on_start(self._line(deadline)):
            pass

    @abstractmethod
    def on_start(self, line: str) -> bool:
        """Take a line that it prints while it starts; true once it listens."""

    def stop(self) -> None:
        """Kill it, as a power cut would."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.communicate()

    def freeze(self) -> None:
        """Stop it from running: its sockets stay open and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, command: str) -> str:
        """Send one command and return the line that answers it."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()
        return self._line(time.monotonic() + ANSWER_S)

    def tell(self, command: str) -> None:
        """Send one command that must work."""
        answer = self.ask(command)
        assert answer == "ok", f"{command!r}: {answer}"

    def _line(self, deadline: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._heard:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"{self.command[0]} did not answer; it said {self._heard!r}")
            chunk = os.read(descriptor, 65536)
            if not chunk:
                raise RuntimeError(f"{self.command[0]} ended; it said {self._heard!r}")
            self._heard += chunk
        line, self._heard = self._heard.split(b"\n", 1)
        return line.decode()


class ModbusPeer(PeerProcess):
    """A Modbus TCP server on libmodbus (tests/peers/modbus_peer.c). A restart keeps the port and forgets the values."""

    def __init__(self, program: str, port: int = 0) -> None:
        super().__init__([program, str(port)])
        self.port = port

    def on_start(self, line: str) -> bool:
        word, _, port = line.partition(" ")
        if word != "port":
            return False
        self.port = int(port)
        self.command[1] = port
        return True

    def set(self, table: str, address: int, *values: int) -> None:
        """Write registers or bits from `address` on."""
        for offset, value in enumerate(values):
            self.tell(f"set {table} {address + offset} {value}")

    def requests(self, *, unit: int | None = None) -> int:
        """Requests since the start, of all units or of one."""
        return int(self.ask("requests" if unit is None else f"requests_to {unit}"))

    def connections(self) -> int:
        """Connections since the start."""
        return int(self.ask("connections"))


class ModbusRtuPeer(ModbusPeer):
    """The same as one unit on a serial port."""

    def __init__(self, program: str, device: str, unit: int) -> None:
        super().__init__(program)
        self.command = [program, device, str(unit)]

    def on_start(self, line: str) -> bool:
        return line == "port 0"


class OpcUaPeer(PeerProcess):
    """An OPC UA server on node-opcua (tests/peers/opcua_peer.js). A restart keeps the port and forgets the values."""

    def __init__(self, script: str, folder: str, *options: str) -> None:
        super().__init__(["node", script, folder, "0", *options])
        self.folder = folder
        self.url = ""

    def on_start(self, line: str) -> bool:
        word, _, url = line.partition(" ")
        if word != "endpoint":
            return False
        self.url = url
        self.command[3] = url.rpartition(":")[2]
        return True

    def start_shifted(self) -> None:
        """Start it again with another namespace registered first."""
        self.command.append("shifted")
        self.start()
