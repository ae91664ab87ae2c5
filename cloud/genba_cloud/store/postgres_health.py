"""Whether the database answers: said once when it goes and once when it is back, and asked for gently in between."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from genba_cloud.store.errors import StoreAway, StoreClash

logger = logging.getLogger(__name__)

_ASK_EVERY_S: Final = 0.5
_ASKED_LATELY_S: Final = 1.0
_CLASHES: Final = {
    "40001": "serialisation failure",
    "40P01": "deadlock",
    "55P03": "a row is held by another writer",
    "23505": "unique constraint",  # two writers made the same row: the second finds it when it looks again
}
_REFUSING: Final = frozenset({"25006", "53100", "58030"})
"""It is read-only (a standby), its disk is full, or its disk fails: nothing can be written until somebody helps."""
_GOING: Final = frozenset({"57P01", "57P02", "57P03", "25P03", "53000", "53200", "53300"})
"""Shut down, crashed, starting, idle for too long; short of something, of memory, of connections."""


class Health:
    """Watches one engine. While the database is away no connection is tried but by one thread, twice a second."""

    def __init__(self, engine: Engine, ask: Callable[[], None], *, shown: str) -> None:
        """Begin to watch.

        Args:
            engine: what it connects, and how that ends, is seen from now on.
            ask: connects once to the database, and raises psycopg's `OperationalError` where it cannot.
            shown: its name in the log, without secrets.
        """
        self._engine = engine
        self._ask = ask
        self._shown = shown
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self._refused_since: float | None = None
        self._asked_at = 0.0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        event.listen(engine, "do_connect", self._connecting)
        event.listen(engine, "handle_error", self._failed)

    def is_ready(self) -> bool:
        """Whether the database answers, asked at most once a second, and took the last write."""
        if self._away_since is not None or self._refused_since is not None:
            return False
        if time.monotonic() - self._asked_at < _ASKED_LATELY_S:
            return True
        # Not by a connection of the pool: it would wait for ever for a server that stands still.
        try:
            self._ask()
        except psycopg.OperationalError as exc:
            self._gone(_reason(exc))
            return False
        self._asked_at = time.monotonic()
        return True

    def worked(self) -> None:
        """A transaction that wrote was committed."""
        if self._refused_since is not None:
            refused_s, self._refused_since = time.monotonic() - self._refused_since, None
            logger.info("database takes data again database=%s refused_s=%.1f", self._shown, refused_s)

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _connecting(self, _dialect: Any, _record: Any, _arguments: Any, _named: Any) -> None:
        if self._away_since is not None:
            raise StoreAway(f"{self._shown} is away")

    def _failed(self, context: ExceptionContext) -> None:
        error = context.original_exception
        if isinstance(error, psycopg.Error) and error.sqlstate in _REFUSING and self._refused_since is None:
            self._refused_since = time.monotonic()
            logger.error(
                "database refuses data database=%s reason=%s: nothing is taken until it does not",
                self._shown,
                _reason(error),
            )
        if context.is_pre_ping or not isinstance(error, psycopg.OperationalError):
            return
        self._asked_at = 0.0
        if context.connection is None:
            self._gone(_reason(error))

    def _gone(self, reason: str) -> None:
        with self._lock:
            if self._away_since is not None or self._closed.is_set():
                return
            self._away_since = time.monotonic()
            self._thread = threading.Thread(target=self._ask_until_back, name="database-watch", daemon=True)
            self._thread.start()
        self._engine.dispose()  # what is idle in the pool leads to the same server
        logger.warning("database away database=%s reason=%s", self._shown, reason)

    def _ask_until_back(self) -> None:
        while not self._closed.wait(_ASK_EVERY_S):
            try:
                self._ask()
            except psycopg.OperationalError:
                continue
            with self._lock:
                away_s = time.monotonic() - (self._away_since or time.monotonic())
                self._away_since = None
            logger.info("database back database=%s away_s=%.1f", self._shown, away_s)
            return


def translate(context: ExceptionContext) -> StoreAway | StoreClash | None:
    """A listener for `handle_error` of an engine: its errors become those of the store."""
    error = context.original_exception
    if context.is_pre_ping or not isinstance(error, psycopg.Error):
        return None
    is_lost = context.is_disconnect or (context.connection is None and isinstance(error, psycopg.OperationalError))
    return error_of(error, is_lost=is_lost)


def error_of(error: psycopg.Error, *, is_lost: bool) -> StoreAway | StoreClash | None:
    """What the driver's error means to whoever uses the store; None: a fault of ours.

    Args:
        error: as psycopg raised it.
        is_lost: whether the connection broke, or could not be made.
    """
    if is_lost or error.sqlstate in _GOING or error.sqlstate in _REFUSING:
        return StoreAway(_reason(error))
    if error.sqlstate in _CLASHES:
        return StoreClash(f"{_CLASHES[error.sqlstate]}: {_reason(error)}")
    return None


def _reason(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]
