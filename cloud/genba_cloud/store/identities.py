"""Reads and writes who is registered, and finds what another run of a gateway already delivered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from genba_cloud.store.read import GatewayIdentity
from genba_cloud.store.rows import chunks
from genba_cloud.store.tables import LOG, QUARANTINE
from genba_cloud.store.tables_identity import GATEWAY_IDENTITY


class SqlIdentities:
    """See `port.Identities`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> tuple[GatewayIdentity, ...]:
        """See the port."""
        rows = self._connection.execute(select(GATEWAY_IDENTITY).order_by(GATEWAY_IDENTITY.c.gateway))
        return tuple(GatewayIdentity(**row) for row in rows.mappings())

    def get(self, gateway: str) -> GatewayIdentity | None:
        """See the port."""
        query = select(GATEWAY_IDENTITY).where(GATEWAY_IDENTITY.c.gateway == gateway).with_for_update()
        row = self._connection.execute(query).mappings().first()
        return GatewayIdentity(**row) if row else None

    def put(self, identity: GatewayIdentity) -> None:
        """See the port."""
        values: dict[str, Any] = {column.name: getattr(identity, column.name) for column in GATEWAY_IDENTITY.columns}
        where = GATEWAY_IDENTITY.c.gateway == identity.gateway
        if self._connection.execute(update(GATEWAY_IDENTITY).where(where).values(**values)).rowcount == 0:
            self._connection.execute(insert(GATEWAY_IDENTITY).values(**values))


def taken_leaves(connection: Connection, enterprise: str, ids: Iterable[str]) -> Mapping[str, bytes]:
    """The leaves of those of the events that are in the log."""
    found: dict[str, bytes] = {}
    for part in chunks(ids):
        query = select(LOG.c.id, LOG.c.leaf).where(LOG.c.enterprise == enterprise, LOG.c.id.in_(part))
        found.update((row.id, row.leaf) for row in connection.execute(query))
    return found


def quarantined_bodies(connection: Connection, enterprise: str, ids: Iterable[str]) -> Mapping[str, frozenset[bytes]]:
    """The bodies of those of the events that are in quarantine."""
    found: dict[str, frozenset[bytes]] = {}
    table = QUARANTINE.c
    for part in chunks(ids):
        query = select(table.event_id, table.body).where(table.enterprise == enterprise, table.event_id.in_(part))
        for row in connection.execute(query):
            found[row.event_id] = found.get(row.event_id, frozenset()) | {row.body}
    return found
