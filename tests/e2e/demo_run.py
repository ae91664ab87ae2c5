"""Runs `genba demo` as a person would, and looks at what it leaves."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

DEADLINE_S = 240.0


T = TypeVar("T")


def wait_for(what: str, look: Callable[[], T | None], *, deadline_s: float = DEADLINE_S) -> T:
    """Wait until `look` gives something; no fixed sleeps in the tests themselves."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"after {deadline_s:.0f} s still not: {what}")


@dataclass(slots=True)
class Demo:
    """A running demo."""

    process: subprocess.Popen[str]
    data: Path
    output: Path

    @classmethod
    def start(cls, folder: Path, *arguments: str) -> Demo:
        data, output = folder / "data", folder / "output.txt"
        with output.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "genba_shared.cli", "demo", "--data", str(data), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return cls(process, data, output)

    @property
    def text(self) -> str:
        return self.output.read_text()

    def pids(self) -> dict[str, int]:
        """Name → process id of the demo's children, the broker included."""
        path = self.data / "processes.json"
        ids: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        return ids

    def wait_for_board(self) -> str:
        """Wait until everything runs; the board's address."""

        def look() -> str | None:
            assert self.process.poll() is None, self.text
            found = re.search(r"^board +(\S+)", self.text, re.MULTILINE)
            return found.group(1) if found and "gateway" in self.pids() else None

        return wait_for("the demo is up", look)

    def finish(self) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(DEADLINE_S)

    def stop(self) -> int:
        """End it with Ctrl-C; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def figures(self) -> dict[str, str]:
        """The figures of the last line."""
        last = self.text.strip().splitlines()
        line = next(line for line in reversed(last) if line.startswith("demo check: "))
        return dict(word.split("=", 1) for word in line.removeprefix("demo check: ").split())


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def descendants(pid: int) -> list[int]:
    """Process ids of all children and their children."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return [found for child in children for found in (child, *descendants(child))]


def listening_ports(pids: list[int]) -> set[int]:
    """TCP ports on which these processes listen."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = str(descriptor.readlink())
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            ports.add(int(fields[1].split(":")[1], 16))
    return ports
