"""Leases in PostgreSQL: who of several processes does what. Only the clock of the database counts.

A process is alive while it renews its own row; what it holds is free again when that row expires. Renewing touches no
lease, so that it never waits for a transaction that has one locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import URL, Connection, Engine, case, create_engine, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from genba_cloud.store.errors import StoreAway
from genba_cloud.store.tables_workers import LEASE, WORKER

ALIVE_S: Final = 3.0
"""A process that was not heard for so long is dead."""

CHANNEL: Final = "genba"
LEASES_MOVED: Final = "leases"
"""What is told on the channel when a lease was handed over or given up."""

IMPATIENT: Final[Mapping[str, int]] = {
    "connect_timeout": 3,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
"""For connections on which a silent network must be found within seconds (libpq, "Database Connection Control")."""

_LONGEST_PAUSE_MS: Final = 1000  # of a process within its turn: the database then breaks it off
_FORGOTTEN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A process that takes part; `ingests`: it takes partitions."""

    name: str
    ingests: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things stand: who is alive and takes partitions, and by lease who holds it (None: nobody)."""

    ingesting: frozenset[str]
    alive: frozenset[str]
    owners: Mapping[str, str | None]


Decide = Callable[[Standing], Mapping[str, str]]
"""From how things stand to the leases that change hands, with their new owners."""


class Leases:
    """The leases of one database. Every method raises StoreAway where the database does not answer.

    They have a connection of their own: staying alive must not wait until other work gives one back.
    """

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url, pool_size=1, max_overflow=0, connect_args=IMPATIENT)

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def renew(self, member: Member) -> None:
        """Stay alive for `ALIVE_S` more."""
        until = func.clock_timestamp() + timedelta(seconds=ALIVE_S)
        row = insert(WORKER).values(name=member.name, ingests=member.ingests, expires_at=until)
        row = row.on_conflict_do_update(index_elements=[WORKER.c.name], set_={"expires_at": row.excluded.expires_at})
        with _own(self._engine) as connection:
            connection.execute(row)

    def turn(self, member: Member, names: frozenset[str], decide: Decide) -> Mapping[str, int]:
        """Have a turn: one process at a time looks at all leases called `names` and moves some.

        A lease under which somebody writes at this moment does not move.

        Returns:
            What `member` now holds, with the fencing tokens.
        """
        with _own(self._engine) as connection:
            _one_at_a_time(connection)
            standing = _standing(connection, names)
            _move(connection, decide(standing), me=member.name)
            held = select(LEASE.c.name, LEASE.c.token).where(LEASE.c.owner == member.name)
            return {name: token for name, token in connection.execute(held) if name in names}

    def leave(self, member: Member) -> None:
        """Give everything up; the others hear of it at once."""
        with _own(self._engine) as connection:
            _one_at_a_time(connection)
            mine = select(LEASE.c.name).where(LEASE.c.owner == member.name).order_by(LEASE.c.name).with_for_update()
            names = list(connection.scalars(mine))
            connection.execute(update(LEASE).where(LEASE.c.name.in_(names)).values(owner=None, token=LEASE.c.token + 1))
            connection.execute(delete(WORKER).where(WORKER.c.name == member.name))
            _tell(connection)


@contextmanager
def _own(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as exc:
        raise StoreAway(str(exc.orig)) from exc


def _one_at_a_time(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {_LONGEST_PAUSE_MS}"))
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("leases of genba"))))


def _standing(connection: Connection, names: frozenset[str]) -> Standing:
    connection.execute(delete(WORKER).where(WORKER.c.expires_at < func.clock_timestamp() - _FORGOTTEN))
    alive = select(WORKER.c.name, WORKER.c.ingests).where(WORKER.c.expires_at > func.clock_timestamp())
    members = [Member(name=name, ingests=ingests) for name, ingests in connection.execute(alive)]
    owners: dict[str, str | None] = {
        name: owner for name, owner in connection.execute(select(LEASE.c.name, LEASE.c.owner)) if name in names
    }
    if new := sorted(names - owners.keys()):
        rows = [{"name": name, "owner": None, "token": 0} for name in new]
        connection.execute(insert(LEASE).on_conflict_do_nothing(), rows)
        owners.update(dict.fromkeys(new))
    return Standing(
        ingesting=frozenset(member.name for member in members if member.ingests),
        alive=frozenset(member.name for member in members),
        owners=owners,
    )


def _move(connection: Connection, moves: Mapping[str, str], *, me: str) -> None:
    """Move those leases that no transaction writes under; the others have to wait for the next turn."""
    if not moves:
        return
    unlocked = select(LEASE.c.name).where(LEASE.c.name.in_(moves)).order_by(LEASE.c.name)
    names = list(connection.scalars(unlocked.with_for_update(skip_locked=True)))
    if names:
        owner = case({name: moves[name] for name in names}, value=LEASE.c.name)
        connection.execute(update(LEASE).where(LEASE.c.name.in_(names)).values(owner=owner, token=LEASE.c.token + 1))
    if any(moves[name] != me for name in names):
        _tell(connection)


def _tell(connection: Connection) -> None:
    connection.execute(select(func.pg_notify(CHANNEL, LEASES_MOVED)))


def is_held(connection: Connection, lease: str, token: int) -> bool:
    """Whether the lease has this token; until the end of the transaction it does not change hands.

    A process that stands still within the transaction loses it: the database breaks it off, and nothing is committed.
    """
    limit = func.set_config("idle_in_transaction_session_timeout", str(int(ALIVE_S * 1000)), True)
    query = select(LEASE.c.token, limit).where(LEASE.c.name == lease).with_for_update(read=True)
    row = connection.execute(query).first()
    return row is not None and row.token == token
