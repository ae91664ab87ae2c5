"""`--sink`: production events as JSON lines in a file, beside or instead of MQTT."""

from __future__ import annotations

import errno
import json
import logging
import os
import select
from collections.abc import Sequence
from io import FileIO, RawIOBase
from pathlib import Path
from typing import Final

from genba_edge.ports import Outbox
from genba_shared.errors import UsageError
from genba_shared.events import Event, EventId, to_line

logger = logging.getLogger(__name__)

CHUNK = 500  # events
LONGEST_LINE = 1_000_000  # bytes of the file's end in which the last line is looked for
READER_S: Final = 1.0  # wall: how long the reader of a pipe may take to make room


class Sink:
    """Appends every committed event to a file, one JSON line each. A file that cannot be written never stops work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_told = False
        try:
            path.touch()
            is_file = path.is_file()  # not a pipe or a device, which begin anew each time
            self._file = path.open("r+b", buffering=0) if is_file else _open_pipe(path)
            self._last = self._cut_to_last_line() if is_file else None
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                raise UsageError(f"--sink {path}: nobody reads from this pipe. Start its reader first.") from exc
            raise UsageError(f"--sink {path}: {exc.strerror}. Name a file in a folder that you may write to.") from exc

    def catch_up(self, outbox: Outbox) -> None:
        """Append what was committed just before a kill and is not in the file, as far as the outbox still holds it.

        Behind the last line of an earlier epoch that is all of the present one: it may have begun just before the kill.
        """
        if self._last is None:
            return
        after = self._last.seq if self._last.epoch == outbox.mark().epoch else 0
        while events := outbox.pending(after=after, limit=CHUNK):
            self.write(events)
            after = int(events[-1].id.rpartition(":")[2])

    def write(self, events: Sequence[Event]) -> None:
        """Append the events; a reader that follows the file sees them at once."""
        lines = "".join(to_line(event) + "\n" for event in events).encode("utf-8", errors="backslashreplace")
        try:
            _write_all(self._file, lines)
        except OSError as exc:
            if not self._is_told:
                logger.error("sink cannot be written file=%s reason=%s", self._path, exc.strerror)  # noqa: TRY400 - the reason says it
            self._is_told = True
            return
        self._is_told = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _cut_to_last_line(self) -> EventId | None:
        """Take off a line that a kill left half written; the id of the last whole one."""
        size = self._file.seek(0, 2)
        start = self._file.seek(max(0, size - LONGEST_LINE))
        whole, newline, _ = self._file.read().rpartition(b"\n")
        self._file.truncate(self._file.seek(start + len(whole) + len(newline)))
        try:
            return EventId.parse(json.loads(whole.rpartition(b"\n")[2])["id"])
        except (ValueError, KeyError, TypeError):
            return None


def _open_pipe(path: Path) -> FileIO:
    """Without waiting for a reader: fifo(7), ENXIO if there is none."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0)


def _write_all(file: RawIOBase, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = file.write(rest)
        if written is None and not select.select([], [file], [], READER_S)[1]:  # a pipe that is full
            raise BlockingIOError(errno.EAGAIN, "its reader takes nothing")
        rest = rest[written or 0 :]
