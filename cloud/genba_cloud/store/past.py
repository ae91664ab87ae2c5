"""What happened in a span of time, or to one order: bounded reads of the log, however long it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, select, text

from genba_cloud.core.facts.plan import END_OF_TIME
from genba_cloud.store.proofs import Proofs
from genba_cloud.store.read import ArchivedError, LoggedEvent
from genba_cloud.store.rows import chunks, event_of
from genba_cloud.store.tables import IS_OF_REVIEW, LOG, NODE, REVIEW_KINDS, WORK_ORDER

MOST_EVENTS: Final = 50_000
"""More events of people, nodes and decisions than a factory of a thousand open orders has in a week."""


class TooMuchPastError(ValueError):
    """The span holds more than `MOST_EVENTS` of the events that are asked for."""


class Past:
    """The log as one transaction sees it, by when things happened."""

    def __init__(self, connection: Connection, enterprise: str) -> None:
        self._connection = connection
        self._enterprise = enterprise

    def between(self, kinds: Collection[str], *, begin: datetime, end: datetime) -> tuple[LoggedEvent, ...]:
        """Events of these kinds (each of `REVIEW_KINDS`) that happened from `begin` on and before `end`.

        Raises:
            TooMuchPastError: there are too many to read at once.
            ArchivedError: some of them may be archived.
        """
        self._require_kept(begin)
        query = self._review(kinds, begin, end).add_columns(LOG.c.position, LOG.c.received_at, LOG.c.body)
        rows = self._connection.execute(query.order_by(LOG.c.at, LOG.c.position).limit(MOST_EVENTS + 1)).all()
        if len(rows) > MOST_EVENTS:
            raise TooMuchPastError
        return tuple(_logged(row) for row in rows)

    def worked_on(self, kinds: Collection[str], *, begin: datetime, end: datetime) -> tuple[str, ...]:
        """Orders of whose work orders such an event happened in the span, by number.

        Raises:
            ArchivedError: some of the events may be archived.
        """
        self._require_kept(begin)
        # What is named twice, or not at all, is left out below: a database that is asked for it may take another index.
        return self._orders_of(self._review(kinds, begin, end).add_columns(LOG.c.work_order))

    def planned(self, *, begin: datetime, end: datetime) -> tuple[str, ...]:
        """Orders of which a node was planned to finish in the span, by number."""
        query = select(NODE.c.work_order).where(
            NODE.c.enterprise == self._enterprise, NODE.c.planned_finish >= begin, NODE.c.planned_finish < end
        )
        return self._orders_of(query)

    def of_orders(self, numbers: Iterable[str], kinds: Collection[str]) -> Mapping[str, tuple[LoggedEvent, ...]]:
        """By order, its own events of these kinds, oldest first."""
        found: dict[str, list[LoggedEvent]] = {}
        for part in chunks(numbers):
            query = self._log().add_columns(LOG.c.order_id).where(LOG.c.order_id.in_(part), LOG.c.kind.in_(kinds))
            for row in self._connection.execute(query.order_by(LOG.c.at, LOG.c.position)):
                found.setdefault(row.order_id, []).append(_logged(row))
        return {number: tuple(events) for number, events in found.items()}

    def history(
        self,
        order: str,
        *,
        kinds: Collection[str] = (),
        without: Collection[str] = (),
        before: int | None = None,
        limit: int,
    ) -> tuple[LoggedEvent, ...]:
        """The last events of the order and its work orders, the newest first.

        Args:
            order: its number.
            kinds: of these kinds alone; empty: of all.
            without: of none of these kinds.
            before: with a position below this one.
            limit: how many at most.
        """
        works = select(WORK_ORDER.c.id).where(
            WORK_ORDER.c.enterprise == self._enterprise, WORK_ORDER.c.order_id == order
        )
        query = self._log()
        if kinds:
            query = query.where(LOG.c.kind.in_(sorted(kinds)))
        if without:
            query = query.where(LOG.c.kind.not_in(sorted(without)))
        if before is not None:
            query = query.where(LOG.c.position < before)
        query = query.order_by(LOG.c.position.desc()).limit(limit)
        own = [LOG.c.order_id == order, *(LOG.c.work_order == name for name in self._connection.scalars(works))]
        # One query each: asked for all at once, a database may rather read the whole log backwards.
        found = {row.position: row for condition in own for row in self._connection.execute(query.where(condition))}
        return tuple(_logged(found[position]) for position in sorted(found, reverse=True)[:limit])

    def by_id(self, ids: Iterable[str]) -> Mapping[str, LoggedEvent]:
        """Those of the events that are in the log, by their ids."""
        found: dict[str, LoggedEvent] = {}
        for part in chunks(dict.fromkeys(ids)):
            for row in self._connection.execute(self._log().where(LOG.c.id.in_(part))):
                logged = _logged(row)
                found[logged.event.id] = logged
        return found

    def _require_kept(self, begin: datetime) -> None:
        """What is archived had arrived before the oldest row that is kept, and so had happened before that."""
        if not Proofs(self._connection, self._enterprise).archived_upto():
            return
        oldest = select(LOG.c.received_at).where(LOG.c.enterprise == self._enterprise).order_by(LOG.c.position).limit(1)
        until: datetime | None = self._connection.scalar(oldest)
        if until is None or begin < until:
            raise ArchivedError(until or END_OF_TIME)

    def _review(self, kinds: Collection[str], begin: datetime, end: datetime) -> Select[Any]:
        strangers = set(kinds) - set(REVIEW_KINDS)
        if strangers:
            raise ValueError(f"{sorted(strangers)} are not among the kinds that are found by time")
        query = select().where(LOG.c.enterprise == self._enterprise, text(IS_OF_REVIEW))
        return query.where(LOG.c.kind.in_(sorted(kinds)), LOG.c.at >= begin, LOG.c.at < end)

    def _orders_of(self, works: Select[Any]) -> tuple[str, ...]:
        names = {row[0] for row in self._connection.execute(works)} - {None}
        found: set[str] = set()
        for part in chunks(sorted(names)):
            query = select(WORK_ORDER.c.order_id).where(WORK_ORDER.c.enterprise == self._enterprise)
            found.update(self._connection.scalars(query.where(WORK_ORDER.c.id.in_(part))))
        return tuple(sorted(found))

    def _log(self) -> Select[Any]:
        return select(LOG.c.position, LOG.c.received_at, LOG.c.body).where(LOG.c.enterprise == self._enterprise)


def _logged(row: Any) -> LoggedEvent:
    return LoggedEvent(position=row.position, received_at=row.received_at, event=event_of(row.body))
