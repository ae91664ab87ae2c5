"""Processes of a measurement: started, asked for lines, measured, and ended; each by its own handle."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

START_S: Final = 60.0
STOP_S: Final = 10.0
LOOK_S: Final = 0.25  # how often the threads of a measured process are looked at


class CannotMeasure(Exception):
    """Something that the measurement needs is missing or does not start; the message says what to do."""


def find_program(name: str, *, hint: str) -> str:
    """The path of a program of this machine.

    Raises:
        CannotMeasure: it is not installed.
    """
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        raise CannotMeasure(f"{name} is not installed: {hint}")
    return found


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Wait until somebody listens.

    Raises:
        CannotMeasure: nobody does within a minute.
    """
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise CannotMeasure(f"nothing listens on port {port}")


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A process whose words go to `log` and whose standard input and output are ours; ended with the block."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


class Peer:
    """A server of `benchmarks/peers`: says where it listens, and answers commands, one line each."""

    def __init__(self, process: subprocess.Popen[str], *, log: Path) -> None:
        if process.stdin is None or process.stdout is None:
            raise CannotMeasure("a peer needs its standard input and output")
        self._input, self._output = process.stdin, process.stdout
        self._log = log
        self.process = process

    def line(self) -> str:
        """The next line that it says.

        Raises:
            CannotMeasure: it has ended.
        """
        text = self._output.readline()
        if not text:
            raise CannotMeasure(f"a peer ended: {self._log.read_text(errors='replace')[-500:]}")
        return text.rstrip("\n")

    def ask(self, command: str) -> str:
        """The line that answers a command."""
        self._input.write(command + "\n")
        self._input.flush()
        return self.line()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a process cost over a while: the share of one core, and its resident memory at the end."""

    cpu: float
    rss_mb: float


class CpuMeter:
    """CPU time of a process from the scheduler's nanosecond counters, threads that ended meanwhile included.

    The counters of /proc/PID/stat are sampled by ticks on many kernels and miss short bursts; those of
    /proc/PID/task/*/schedstat are exact. A thread's counter goes away with the thread, so that all of them are looked
    at several times a second: what a thread did in its last quarter of a second is missed, which a gateway with
    short-lived threads profits from.
    Source: Linux, Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat".
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._first = self._counters()
        self._newest = dict(self._first)
        self._began = time.monotonic()

    def look(self) -> None:
        """Note the counters of all threads."""
        self._newest.update(self._counters())

    def load(self) -> Load:
        """What the process cost since this meter was made."""
        self.look()
        elapsed_s = time.monotonic() - self._began
        used_ns = sum(counter - self._first.get(thread, 0) for thread, counter in self._newest.items())
        return Load(cpu=used_ns / 1e9 / elapsed_s, rss_mb=_rss_mb(self._pid))

    def _counters(self) -> dict[str, int]:
        counters: dict[str, int] = {}
        for thread in Path(f"/proc/{self._pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                counters[thread.name] = int((thread / "schedstat").read_text().split()[0])
        return counters


def _rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def measure_load(process: subprocess.Popen[str], *, seconds: float) -> Load:
    """Watch a process for so long.

    Raises:
        CannotMeasure: it ended meanwhile.
    """
    try:
        meter = CpuMeter(process.pid)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(min(LOOK_S, max(0.0, deadline - time.monotonic())))
            meter.look()
        return meter.load()
    except (FileNotFoundError, ProcessLookupError, StopIteration) as exc:
        raise CannotMeasure(f"the gateway ended while it was measured (pid {process.pid})") from exc


def drain(process: subprocess.Popen[str]) -> None:
    """Read what a process says on its standard output and forget it, so that it never waits for us."""
    output = process.stdout
    if output is not None:
        threading.Thread(target=lambda: [None for _ in output], daemon=True).start()


def wait_until(condition: Callable[[], object], *, what: str, within_s: float = START_S) -> None:
    """Wait for a condition.

    Raises:
        CannotMeasure: it did not come true in time; `what` names it.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise CannotMeasure(f"{what} did not happen within {within_s:.0f} s")
        time.sleep(0.05)
