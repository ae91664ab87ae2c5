"""The events that a station's timeline between two instants needs: a bounded number, however long the log is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select, text

from genba_cloud.store.rows import event_of
from genba_cloud.store.tables import IS_GAP, IS_OF_STATION, LOG
from genba_shared.events import DataGapSeen, Event, EventId, StationChangedOver, StationStateChanged

MOST_EVENTS: Final = 20_000
"""More than a station that changes every five seconds says in a day."""
LOOK_AHEAD: Final = 200
"""Events after the interval that are looked at, since they may say something of the time before them."""


class TooManyEventsError(ValueError):
    """The interval holds more than `MOST_EVENTS` events of one kind."""


def station_events(
    connection: Connection, enterprise: str, station: str, *, begin: datetime, end: datetime
) -> tuple[Event, ...]:
    """The station's state events and change-overs that tell of the interval, and the gaps of their gateways.

    Raises:
        TooManyEventsError: the interval is too long to answer.
    """
    states = _of_station(enterprise, station, StationStateChanged.kind)
    changeovers = _of_station(enterprise, station, StationChangedOver.kind)
    latest: datetime | None = connection.scalar(
        states.with_only_columns(func.max(LOG.c.at)).where(LOG.c.at <= begin).order_by(None)
    )
    events = [] if latest is None else _all(connection, states.where(LOG.c.at == latest))
    events += _all(connection, states.where(LOG.c.at > begin, LOG.c.at <= end))
    events += _first(connection, states.where(LOG.c.at > end))
    events += _all(connection, changeovers.where(LOG.c.at >= begin, LOG.c.at < end))
    gateways = {made.gateway for event in events if (made := EventId.parse(event.id)) is not None}
    told = min((event.since for event in events if isinstance(event, StationStateChanged)), default=begin)
    return (*events, *_gaps(connection, enterprise, gateways, told=min(told, begin), begin=begin, end=end))


def _gaps(
    connection: Connection,
    enterprise: str,
    gateways: Collection[str],
    *,
    told: datetime,
    begin: datetime,
    end: datetime,
) -> Iterator[Event]:
    """Gaps that ended in the interval or after it. Those that the collector itself declares have no gateway: few.

    They end what was said before them for good, so that those since the oldest state (`told`) are needed.
    """
    gaps = _bodies(enterprise, IS_GAP)
    for gateway in sorted(gateways):
        of_gateway = gaps.where(LOG.c.gateway == gateway)
        yield from _all(connection, of_gateway.where(LOG.c.at > begin, LOG.c.at <= end))
        yield from _first(connection, of_gateway.where(LOG.c.at > end))
    own = _all(connection, gaps.where(LOG.c.gateway.is_(None), LOG.c.at > told))
    yield from (event for event in own if isinstance(event, DataGapSeen) and event.subject in gateways)


def _all(connection: Connection, query: Select[Any]) -> list[Event]:
    rows = connection.execute(query.limit(MOST_EVENTS + 1)).all()
    if len(rows) > MOST_EVENTS:
        raise TooManyEventsError
    return [event_of(row.body) for row in rows]


def _first(connection: Connection, query: Select[Any]) -> list[Event]:
    return [event_of(row.body) for row in connection.execute(query.limit(LOOK_AHEAD))]


def _of_station(enterprise: str, station: str, kind: str) -> Select[Any]:
    return _bodies(enterprise, IS_OF_STATION).where(LOG.c.station == station, LOG.c.kind == kind)


def _bodies(enterprise: str, condition: str) -> Select[Any]:
    """`condition` is that of a partial index, word for word: the database must be able to tell that it holds."""
    query = select(LOG.c.body).where(LOG.c.enterprise == enterprise, text(condition))
    return query.order_by(LOG.c.at, LOG.c.position)
