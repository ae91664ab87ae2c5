"""Reads and writes what people do on the floor needs: labels' codes, what was said, requests that were done already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, text, update

from genba_cloud.core.facts import Aggregate
from genba_cloud.store.port import StoredView
from genba_cloud.store.rows import event_of, stored_view
from genba_cloud.store.tables import LOG, VIEW
from genba_cloud.store.tables_floor import ACTION_DONE, IS_SAID, SCAN_CODE
from genba_shared.events import Event, EventVoided

_OF_ORDER: Final = ("order_held", "order_resumed", "order_cancelled", "shipment_moved", "event_voided")
_OF_PROBLEM: Final = ("problem_explained", "problem_resolved", "event_voided")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanCode:
    """A code on a label. Without a work order it stands for the whole order, without a node for the work order."""

    id: str
    code: str
    order: str
    made_at: datetime
    made_by: str
    work_order: str | None = None
    node: str | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneAlready:
    """A request that was done: the hash of what was asked, and the ids of the events that it made."""

    key: str
    request: str
    events: tuple[str, ...]
    at: datetime


class Floor:
    """Bound to one connection and one enterprise: a read snapshot, or a write transaction."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._connection = connection
        self._enterprise = enterprise

    def code(self, code: str) -> ScanCode | None:
        """The label with this code, revoked or not."""
        return next(iter(self._codes(SCAN_CODE.c.code == code)), None)

    def code_by_id(self, code_id: str) -> ScanCode | None:
        """The label with this id, revoked or not."""
        return next(iter(self._codes(SCAN_CODE.c.id == code_id)), None)

    def codes_of(self, order: str) -> tuple[ScanCode, ...]:
        """Every label of the order, revoked ones too, oldest first."""
        return self._codes(SCAN_CODE.c.order_id == order)

    def add_codes(self, codes: Sequence[ScanCode]) -> None:
        """New labels."""
        if codes:
            self._connection.execute(insert(SCAN_CODE), [self._row(code) for code in codes])

    def revoke_code(self, code_id: str, *, at: datetime, by: str) -> None:
        """From now on the label is worth nothing."""
        where = (SCAN_CODE.c.enterprise == self._enterprise, SCAN_CODE.c.id == code_id)
        self._connection.execute(update(SCAN_CODE).where(*where).values(revoked_at=at, revoked_by=by))

    def view(self, work_order: str) -> StoredView | None:
        """The facts view of a work order; None: nothing was seen of it."""
        is_it = (VIEW.c.aggregate == str(Aggregate.WORK_ORDER), VIEW.c.id == work_order)
        query = select(VIEW).where(VIEW.c.enterprise == self._enterprise, *is_it)
        row = self._connection.execute(query).mappings().first()
        return stored_view(row) if row else None

    def said(self, work_order: str) -> tuple[Event, ...]:
        """What was said of the nodes of a work order, and what of it was taken back; in log order, still sealed."""
        return self._events(LOG.c.work_order == work_order, text(IS_SAID))

    def said_of_order(self, order: str) -> tuple[Event, ...]:
        """What was said of an order as a whole, and what of it was taken back."""
        return self._events(LOG.c.order_id == order, LOG.c.kind.in_(_OF_ORDER))

    def said_of_problem(self, problem: str) -> tuple[Event, ...]:
        """What came after the report of a problem and may speak of it."""
        mine = LOG.c.enterprise == self._enterprise
        since = select(LOG.c.position).where(mine, LOG.c.id == problem)
        position = self._connection.scalar(since) or 0  # archived: everything that is still in the log came after it
        return self._events(LOG.c.kind.in_(_OF_PROBLEM), LOG.c.position > position)

    def voided(self, ids: Sequence[str]) -> dict[str, datetime]:
        """When each of these events was taken back, of those that were."""
        mine = LOG.c.enterprise == self._enterprise
        first = self._connection.scalar(select(func.min(LOG.c.position)).where(mine, LOG.c.id.in_(ids))) or 0
        later = self._events(LOG.c.kind == EventVoided.kind, LOG.c.position > first)
        return {event.target: event.at for event in later if isinstance(event, EventVoided) and event.target in ids}

    def done(self, key: str) -> DoneAlready | None:
        """The request with this key."""
        query = select(ACTION_DONE).where(ACTION_DONE.c.enterprise == self._enterprise, ACTION_DONE.c.key == key)
        row = self._connection.execute(query).mappings().first()
        if row is None:
            return None
        return DoneAlready(key=row["key"], request=row["request"], events=tuple(row["events"]), at=row["at"])

    def note_done(self, done: DoneAlready, *, forget_before: datetime) -> None:
        """Remember a request, and forget those that are older."""
        old = (ACTION_DONE.c.enterprise == self._enterprise, ACTION_DONE.c.at < forget_before)
        self._connection.execute(delete(ACTION_DONE).where(*old))
        row = {"key": done.key, "request": done.request, "events": list(done.events), "at": done.at}
        self._connection.execute(insert(ACTION_DONE), [{"enterprise": self._enterprise, **row}])

    def _codes(self, *where: Any) -> tuple[ScanCode, ...]:
        query = select(SCAN_CODE).where(SCAN_CODE.c.enterprise == self._enterprise, *where)
        rows = self._connection.execute(query.order_by(SCAN_CODE.c.made_at, SCAN_CODE.c.id)).mappings()
        return tuple(_code(row) for row in rows)

    def _row(self, code: ScanCode) -> dict[str, Any]:
        return {
            "enterprise": self._enterprise,
            "id": code.id,
            "code": code.code,
            "order_id": code.order,
            "work_order": code.work_order,
            "node": code.node,
            "made_at": code.made_at,
            "made_by": code.made_by,
            "revoked_at": code.revoked_at,
            "revoked_by": code.revoked_by,
        }

    def _events(self, *where: Any) -> tuple[Event, ...]:
        query = select(LOG.c.body).where(LOG.c.enterprise == self._enterprise, *where).order_by(LOG.c.position)
        return tuple(event_of(body) for body in self._connection.scalars(query))


def _code(row: RowMapping) -> ScanCode:
    return ScanCode(
        id=row["id"],
        code=row["code"],
        order=row["order_id"],
        work_order=row["work_order"],
        node=row["node"],
        made_at=row["made_at"],
        made_by=row["made_by"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
    )
