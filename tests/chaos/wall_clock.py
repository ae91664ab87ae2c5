"""The wall clock of one process, set forward or back while it runs."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

from genba_shared.errors import UsageError

SOURCE: Final = Path(__file__).with_name("wall_clock.c")
HOUR_S: Final = 3600


def build(folder: Path) -> Path:
    """Compile what shifts the clock.

    Raises:
        UsageError: there is no compiler.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise UsageError("wall clocks are shifted by a few lines of C: apt-get install gcc libc6-dev")
    library = folder / "wall_clock.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


class WallClock:
    """The shift of one process's wall clock: put `environment` into it, then `shift` at any time."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_WALL_CLOCK": str(file)}
        file.write_bytes(struct.pack("=q", 0))

    def shift(self, seconds: int) -> None:
        """From now on the process sees the time so many seconds later (below 0: earlier) than it is."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))
