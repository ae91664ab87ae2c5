"""Doors from the store to its parts: what each of them keeps is a module of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from genba_cloud.store.floor import Floor
from genba_cloud.store.master import MasterRows
from genba_cloud.store.past import Past
from genba_cloud.store.proofs import Proofs
from genba_cloud.store.told import Told
from genba_cloud.store.webhooks import Webhooks


class SectionsRead:
    """The parts as reading sees them, each in a snapshot of its own."""

    def __init__(self, engine: Engine, enterprise: str) -> None:
        self._engine = engine
        self._enterprise = enterprise

    @contextmanager
    def proofs(self) -> Iterator[Proofs]:
        """See the port."""
        with self._engine.connect() as connection:
            yield Proofs(connection, self._enterprise)

    @contextmanager
    def past(self) -> Iterator[Past]:
        """See the port."""
        with self._engine.connect() as connection:
            yield Past(connection, self._enterprise)

    @contextmanager
    def told(self) -> Iterator[Told]:
        """See the port."""
        with self._engine.connect() as connection:
            yield Told(connection, self._enterprise)

    @contextmanager
    def master(self) -> Iterator[MasterRows]:
        """See the port."""
        with self._engine.connect() as connection:
            yield MasterRows(connection, self._enterprise)

    @contextmanager
    def floor(self) -> Iterator[Floor]:
        """See the port."""
        with self._engine.connect() as connection:
            yield Floor(connection, self._enterprise)

    @contextmanager
    def webhooks(self) -> Iterator[Webhooks]:
        """See the port."""
        with self._engine.connect() as connection:
            yield Webhooks(connection, self._enterprise)


class SectionsWritten:
    """The parts as one transaction sees them."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._its_connection = connection
        self._enterprise = enterprise

    @property
    def _connection(self) -> Connection:
        return self._its_connection

    @property
    def proofs(self) -> Proofs:
        """See the port."""
        return Proofs(self._connection, self._enterprise)

    @property
    def told(self) -> Told:
        """See the port."""
        return Told(self._connection, self._enterprise)

    @property
    def master(self) -> MasterRows:
        """See the port."""
        return MasterRows(self._connection, self._enterprise)

    @property
    def floor(self) -> Floor:
        """See the port."""
        return Floor(self._connection, self._enterprise)

    @property
    def webhooks(self) -> Webhooks:
        """See the port."""
        return Webhooks(self._connection, self._enterprise)
