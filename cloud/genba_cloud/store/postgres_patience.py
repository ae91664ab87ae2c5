"""A connection to PostgreSQL that does not wait for ever for an answer.

TCP keep-alive finds a server whose machine is gone. It does not find a relay between us and the server (a load
balancer, a connection pooler, a tunnel) that stays there, takes what is sent, and loses it: then an answer never comes,
and the thread that writes the ledger would wait for it for ever.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
from psycopg.waiting import Ready
from sqlalchemy import Engine, event

SILENCE_S: float = 30.0
"""So long a statement may go without a byte of an answer. What the server itself does for longer belongs elsewhere."""
_LOOK_S: Final = 0.1

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """As psycopg's; it closes itself and raises `psycopg.OperationalError` when the server is silent for too long."""

    def wait(self, gen: Generator[Any, Any, T], interval: float = _LOOK_S, timeout: float | None = None) -> T:
        """See psycopg; every statement, fetch and commit waits here."""
        return super().wait(self._until_silent(gen), interval, timeout)

    def _until_silent(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """The same steps; between them psycopg says when nothing came within its interval."""
        heard_at = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready != Ready.NONE:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at > SILENCE_S:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer for {SILENCE_S:.0f} s: the connection is given up")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result


def be_patient(engine: Engine) -> None:
    """Let an engine make such connections; whoever else listens for connecting must have been told to before."""

    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Any:
        return PatientConnection.connect(*arguments, **named)

    event.listen(engine, "do_connect", connect)
