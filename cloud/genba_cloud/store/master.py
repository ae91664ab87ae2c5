"""Master data in the database, as one connection sees it. What a document means is not known here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, insert, select

from genba_cloud.store.tables_master import MASTER


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterRow:
    """A document in one version."""

    kind: str
    id: str
    version: int
    valid_from: datetime
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterPage:
    """Documents of one kind by id, each as it is in force; `next` is the cursor of the page after this one."""

    items: tuple[MasterRow, ...]
    next: str | None


class MasterRows:
    """The master data of one enterprise. All reading is of one snapshot; only a transaction writes."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._connection = connection
        self._enterprise = enterprise

    def in_force(self, kind: str, name: str) -> MasterRow | None:
        """The newest version of a document."""
        query = self._rows(kind).where(MASTER.c.id == name).order_by(MASTER.c.version.desc()).limit(1)
        return next(iter(self._read(query)), None)

    def version(self, kind: str, name: str, version: int) -> MasterRow | None:
        """A document in one of its versions."""
        query = self._rows(kind).where(MASTER.c.id == name, MASTER.c.version == version)
        return next(iter(self._read(query)), None)

    def history(self, kind: str, name: str) -> tuple[MasterRow, ...]:
        """A document in all of its versions, the newest first."""
        query = self._rows(kind).where(MASTER.c.id == name).order_by(MASTER.c.version.desc())
        return tuple(self._read(query))

    def all_in_force(self, kind: str) -> tuple[MasterRow, ...]:
        """Every document of a kind, by id."""
        return tuple(self._read(self._newest(kind).order_by(MASTER.c.id)))

    def page(self, kind: str, *, cursor: str | None, limit: int) -> MasterPage:
        """A page of documents; the cursor is the id of the last one of the page before."""
        query = self._newest(kind).order_by(MASTER.c.id).limit(limit + 1)
        if cursor is not None:
            query = query.where(MASTER.c.id > cursor)
        found = tuple(self._read(query))
        return MasterPage(items=found[:limit], next=found[limit - 1].id if len(found) > limit else None)

    def put(self, row: MasterRow) -> None:
        """Write a version that is new."""
        values = {
            "enterprise": self._enterprise,
            "kind": row.kind,
            "id": row.id,
            "version": row.version,
            "valid_from": row.valid_from,
            "body": dict(row.body),
        }
        self._connection.execute(insert(MASTER), [values])

    def _rows(self, kind: str) -> Select[Any]:
        return select(MASTER).where(MASTER.c.enterprise == self._enterprise, MASTER.c.kind == kind)

    def _newest(self, kind: str) -> Select[Any]:
        newest = (
            select(MASTER.c.id, func.max(MASTER.c.version).label("version"))
            .where(MASTER.c.enterprise == self._enterprise, MASTER.c.kind == kind)
            .group_by(MASTER.c.id)
            .subquery()
        )
        same = and_(MASTER.c.id == newest.c.id, MASTER.c.version == newest.c.version)
        return self._rows(kind).join(newest, same)

    def _read(self, query: Select[Any]) -> Iterable[MasterRow]:
        for row in self._connection.execute(query).mappings():
            yield MasterRow(
                kind=row["kind"],
                id=row["id"],
                version=row["version"],
                valid_from=row["valid_from"],
                body=row["body"],
            )
