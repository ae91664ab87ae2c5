"""Whether the disk takes what the embedded store writes: said once when it stops, and once when it goes on."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from genba_cloud.store.errors import StoreAway

logger = logging.getLogger(__name__)

_REFUSED: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)


class DiskHealth:
    """Watches the engine that writes: what a full, failing or read-only disk refuses becomes `StoreAway`."""

    def __init__(self, engine: Engine, file: Path) -> None:
        self._file = file
        self._away_since: float | None = None
        event.listen(engine, "handle_error", self._failed)

    @property
    def is_well(self) -> bool:
        """Whether the last write was taken."""
        return self._away_since is None

    def worked(self) -> None:
        """A transaction was committed."""
        if self._away_since is not None:
            away_s, self._away_since = time.monotonic() - self._away_since, None
            logger.info("disk takes data again file=%s away_s=%.1f", self._file, away_s)

    def _failed(self, context: ExceptionContext) -> Exception | None:
        error = context.original_exception
        # The low byte is the kind of the error; what stands above tells more of it (SQLite, "Result Codes").
        if not isinstance(error, sqlite3.Error) or getattr(error, "sqlite_errorcode", 0) & 0xFF not in _REFUSED:
            return None
        if self._away_since is None:
            self._away_since = time.monotonic()
            logger.error("disk refuses data file=%s reason=%s: nothing is taken until it does", self._file, error)
        return StoreAway(str(error))
