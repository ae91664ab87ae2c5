"""Hears what other processes tell on the database's channel (LISTEN/NOTIFY): in commit order, after the commit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from psycopg import Connection, Error, sql
from sqlalchemy import Engine

from genba_cloud.store.errors import StoreAway
from genba_cloud.store.leases import CHANNEL, IMPATIENT

_LOOK_S: Final = 1.0


def listen(engine: Engine) -> Iterator[str | None]:
    """What is told from now on; None first, when it listens, and at least once a second, so that the caller can stop.

    Raises:
        StoreAway: the connection cannot be made or was lost: what was told meanwhile is not known.
    """
    try:
        arguments, settings = engine.dialect.create_connect_args(engine.url)
        with Connection.connect(*arguments, **{**settings, **IMPATIENT}, autocommit=True) as connection:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            yield None
            while True:
                for told in connection.notifies(timeout=_LOOK_S):
                    yield told.payload
                connection.execute("SELECT 1")  # a connection that only waits would not see that it is gone
                yield None
    except Error as exc:
        raise StoreAway(str(exc)) from exc
