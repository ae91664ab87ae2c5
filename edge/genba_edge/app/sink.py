"""`--sink`: production events as JSON lines in a file, beside or instead of MQTT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genba_shared.errors import UsageError
from genba_shared.events import Event, to_line


class Sink:
    """Appends every committed event to a file, one JSON line each."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as exc:
            raise UsageError(f"--sink {path}: {exc.strerror}. Name a file in a folder that you may write to.") from exc

    def write(self, events: Sequence[Event]) -> None:
        """Append the events; a reader that follows the file sees them at once."""
        self._file.writelines(to_line(event) + "\n" for event in events)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
