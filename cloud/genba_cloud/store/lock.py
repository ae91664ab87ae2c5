"""One collector per data folder: `DIR/lock`, held by the kernel for as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from genba_shared.errors import UsageError


class DataLock:
    """The lock of a data folder; give it up with `release`, or by dying."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lock.

        Raises:
            UsageError: another process holds it; its process id is named.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        path = data_dir / "lock"
        self._file: IO[str] = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = path.read_text().strip() or "?"
            self._file.close()
            raise UsageError(
                f"{data_dir} is in use by process {holder}: stop that collector, or give another folder with --data"
            ) from exc
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Give the lock up."""
        self._file.close()


def is_held(data_dir: Path) -> bool:
    """Whether a process holds the folder just now; nothing is made in one that is not there."""
    path = data_dir / "lock"
    if not path.exists():
        return False
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
