"""The processes of a campaign: started, broken in every way, and started again as a service manager does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from genba_shared.process import PARENT_VARIABLE
from tests.e2e.demo_run import descendants

GENBA: Final = (sys.executable, "-m", "genba_shared.cli")
RESTART_AFTER_S: Final = 0.5
END_S: Final = 20.0


class Program:
    """One process. While it is wanted, `watch` starts it again when it ended by itself."""

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.exits: list[int] = []
        """Exit codes of the times when it ended and nobody had asked it to."""
        self._command = list(command)
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._is_wanted = False
        self._ended_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None while it is not there."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it. Call it from the main thread: the process ends with the thread that started it."""
        self._is_wanted, self._ended_at = True, None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment, PARENT_VARIABLE: str(os.getpid())},
                start_new_session=True,
            )

    def watch(self) -> None:
        """Start it again if it ended by itself, after a short while."""
        if not self._is_wanted or self._process is None or self._process.poll() is None:
            return
        if self._ended_at is None:
            self._ended_at = time.monotonic()
            self.exits.append(self._process.returncode)
        elif time.monotonic() - self._ended_at >= RESTART_AFTER_S:
            self.start()

    def kill(self) -> None:
        """End it at once and leave it so until it is started."""
        self._is_wanted = False
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        if self.pid is not None:
            os.kill(self.pid, number)

    def end(self) -> int | None:
        """Ask it to end and wait; its exit code, None where it had to be killed or was not there."""
        self._is_wanted = False
        if self._process is None:
            return None
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None


def child_named(parent: int | None, word: str) -> int | None:
    """The process id of a descendant whose program has this word in its name; None: there is none now."""
    for pid in descendants(parent) if parent is not None else ():
        with contextlib.suppress(OSError):
            if word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace"):
                return pid
    return None


def signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    """Send each of them a signal; some may be gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
