"""`--sink`: production events as JSON lines in a file, beside or instead of MQTT."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from genba_edge.ports import Outbox
from genba_shared.errors import UsageError
from genba_shared.events import Event, EventId, to_line

logger = logging.getLogger(__name__)

CHUNK = 500  # events
LONGEST_LINE = 1_000_000  # bytes of the file's end in which the last line is looked for


class Sink:
    """Appends every committed event to a file, one JSON line each. A file that cannot be written never stops work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_told = False
        try:
            path.touch()
            is_file = path.is_file()  # not a pipe or a device, which begin anew each time
            self._file = path.open("r+b" if is_file else "wb", buffering=0)
            self._last = self._cut_to_last_line() if is_file else None
        except OSError as exc:
            raise UsageError(f"--sink {path}: {exc.strerror}. Name a file in a folder that you may write to.") from exc

    def catch_up(self, outbox: Outbox) -> None:
        """Append what was committed just before a kill and is not in the file, as far as the outbox still holds it."""
        if self._last is None or self._last.epoch != outbox.mark().epoch:
            return
        after = self._last.seq
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


def _write_all(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]
