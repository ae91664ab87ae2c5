"""Ingest workers as processes of their own, as an engineer starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

START_S = 60.0
STOP_S = 30.0


class WorkerProcess:
    """``genba cloud worker``: started on entering, ended on leaving."""

    def __init__(self, folder: Path, *, db: str, broker: str, number: int = 0) -> None:
        self._log = folder / f"worker-{number}.log"
        self._command = [sys.executable, "-m", "genba_shared.cli", "cloud", "worker", "--db", db, "--broker", broker]
        self._process: subprocess.Popen[bytes] | None = None
        self.name = ""

    def __enter__(self) -> Self:
        self.start()
        self.wait_until_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()

    @property
    def log(self) -> str:
        """What it said so far."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it, and do not wait."""
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "GENBA_PARENT": str(os.getpid())},
            )

    def wait_until_ready(self) -> None:
        """Until it says so; then `name` is its name in the database."""
        deadline = time.monotonic() + START_S
        while not (ready := [line for line in self.log.splitlines() if line.startswith("ready ")]):
            assert self._process is not None
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        self.name = ready[0].split()[1].removeprefix("worker=")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP, SIGCONT, SIGTERM …"""
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def cpu_s(self) -> float:
        """CPU seconds that it has used so far."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> int:
        """Ask it to stop; the exit code."""
        self.signal(signal.SIGTERM)
        assert self._process is not None
        code = self._process.wait(STOP_S)
        self._process = None
        return code

    def kill(self) -> None:
        """End it at once; also one that was stopped by a signal."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)
