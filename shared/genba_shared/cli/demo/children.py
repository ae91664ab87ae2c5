"""The demo's processes: started in a tied group, logged to files, started again when they die, ended together."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genba_shared.errors import GenbaError
from genba_shared.process import PARENT_VARIABLE

READY_DEADLINE_S = 60.0
STOP_DEADLINE_S = 8.0
POLL_S = 0.05


class ChildFailed(GenbaError):
    """A process of the demo did not come up, or ended when it may not."""


@dataclass(slots=True)
class Child:
    """One process. `restarts`: whether it is started again when it dies; `ready_word` begins its line of readiness."""

    name: str
    arguments: Sequence[str]
    log: Path
    ready_word: str | None = None
    restarts: bool = True
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    started_count: int = 0

    def start(self, environment: dict[str, str]) -> None:
        """Start it from the main thread: it ends with that thread, however the demo ends."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "genba_shared.cli", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**environment, PARENT_VARIABLE: str(os.getpid())},
                start_new_session=True,  # Ctrl-C reaches the demo only, which then ends its children in order
            )
        self.started_count += 1

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    async def ready_line(self) -> str:
        """Wait for the line that begins with `ready_word`.

        Raises:
            ChildFailed: it ended, or said nothing within the deadline; the message carries the end of its log.
        """
        word = self.ready_word or "ready"
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_DEADLINE_S
        while loop.time() < deadline:
            for line in reversed(self.log.read_text(errors="replace").splitlines()):
                if line.startswith(word):
                    return line
            if not self.is_running:
                raise ChildFailed(f"{self.name} ended while starting:\n{self.tail()}")
            await asyncio.sleep(POLL_S)
        raise ChildFailed(f"{self.name} was not ready after {READY_DEADLINE_S:.0f} s:\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


class Children:
    """All processes of the demo."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        self._data, self._environment = data, environment
        self._children: list[Child] = []

    def start(self, child: Child) -> Child:
        """Start a process and write down its id in ``processes.json``."""
        child.start(self._environment)
        self._children.append(child)
        self._write_ids()
        return child

    @property
    def restarts(self) -> int:
        """How often a process was started again."""
        return sum(child.started_count - 1 for child in self._children)

    async def watch(self) -> None:
        """Start again what dies; never returns.

        Raises:
            ChildFailed: a process that cannot be started again (the plant, whose truth is in its memory) ended.
        """
        while True:
            for child in self._children:
                if child.is_running:
                    continue
                if not child.restarts:
                    raise ChildFailed(f"{child.name} ended:\n{child.tail()}")
                child.start(self._environment)
                self._write_ids()
            await asyncio.sleep(POLL_S)

    def stop(self) -> None:
        """End every process, the last started first: ask, wait, then kill."""
        for child in reversed(self._children):
            if child.process is None or child.process.poll() is not None:
                continue
            child.process.send_signal(signal.SIGTERM)
            try:
                child.process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()

    def _write_ids(self) -> None:
        ids = {child.name: child.process.pid for child in self._children if child.process is not None}
        path = self._data / "processes.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(ids))
        temporary.replace(path)
