"""Small disks that can be filled: a file system in memory where this process may mount one, else a limit on files."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_FILLER: Final = "filler"
_CHUNK: Final = b"\0" * 1_000_000


class SmallDisk:
    """A folder whose disk can be full; use it as ``with SmallDisk(folder, megabytes=64) as disk``.

    `is_mounted`: it is a file system of its own, and full means ENOSPC for whoever writes there. Else a process that
    is given to `fill` may not make any file longer (EFBIG), which the database takes as a failing disk.
    """

    def __init__(self, folder: Path, *, megabytes: int) -> None:
        self.folder = folder
        self._megabytes = megabytes
        self.is_mounted = False

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "tmpfs", str(self.folder)]
        with contextlib.suppress(OSError):
            self.is_mounted = subprocess.run(command, capture_output=True).returncode == 0
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], capture_output=True, check=True)

    def fill(self, pid: int | None) -> None:
        """Nothing more can be written."""
        if not self.is_mounted:
            if pid is not None:
                _limit_files(pid, 0)
            return
        with contextlib.suppress(OSError), (self.folder / _FILLER).open("wb", buffering=0) as filler:
            while filler.write(_CHUNK):
                pass
        with contextlib.suppress(OSError), (self.folder / _FILLER).open("ab", buffering=0) as filler:
            while filler.write(b"\0"):
                pass

    def free(self, pid: int | None) -> None:
        """There is room again."""
        if self.is_mounted:
            (self.folder / _FILLER).unlink(missing_ok=True)
        elif pid is not None:
            _limit_files(pid, resource.RLIM_INFINITY)


def _limit_files(pid: int, longest: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY))
