"""What each station works on: by the job number of its PLC, or by taking the next row of the dispatch list.

The gateway opens and closes dispatch intervals itself, so that it goes on for days without the collector. A row that
somebody opened on purpose (a person, the API) is taken at once; otherwise the next unfinished row follows when the
current one completes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genba_edge.core.journal import Journal, load
from genba_edge.core.nodes import Nodes, WorkKey
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, PointRef, WorkOrderSource
from genba_shared.dispatch_document import DispatchDocument, StationDispatch
from genba_shared.events import DispatchClosed, DispatchOpened, Source, SourceType

_KEY = "work/"
_DOCUMENT = "dispatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A node of a work order owns the station from `opened_at` on; `source` says who decided it (None: not known)."""

    key: WorkKey
    opened_at: datetime
    version: int = 0
    source: WorkOrderSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedInterval:
    """The interval that was closed last at a station."""

    key: WorkKey
    opened_at: datetime
    closed_at: datetime


class Work:
    """The dispatch interval that is open at each station."""

    def __init__(self, device_map: DeviceMap, journal: Journal, nodes: Nodes, saved: Mapping[str, str]) -> None:
        self._journal = journal
        self._nodes = nodes
        self._rules = device_map.nodes
        self._node_of: dict[str, str] = {}
        self._by_point: dict[PointRef, list[str]] = {}
        self._by_list: list[str] = []
        for rule in device_map.nodes.values():
            for station in rule.stations:
                self._node_of[station] = rule.code
                if rule.work_order is WorkOrderSource.POINT and rule.work_order_point is not None:
                    self._by_point.setdefault(rule.work_order_point, []).append(station)
                elif rule.work_order is WorkOrderSource.DISPATCH:
                    self._by_list.append(station)
        self._open = {station: _loaded(value) for station, value in load(saved, _KEY).items()}
        self._before: dict[str, ClosedInterval] = {}
        self.document = DispatchDocument.empty()
        if _DOCUMENT in saved:
            self.take_document(DispatchDocument.from_text(saved[_DOCUMENT]), at=None)

    def job_points(self) -> frozenset[PointRef]:
        """The points that carry job numbers."""
        return frozenset(self._by_point)

    def stations_of_job(self, point: PointRef) -> list[str]:
        """The stations whose job number stands in `point`."""
        return self._by_point.get(point, [])

    def owner(self, station: str | None) -> WorkKey | None:
        """What the station works on now; a count without a station is nobody's work."""
        interval = self._open.get(station) if station is not None else None
        return interval.key if interval else None

    def owner_at(self, station: str | None, at: datetime) -> WorkKey | None:
        """What the station worked on at `at`: now, or in the interval before, for a piece that arrives late.

        A piece seen at the very moment of the change was made before it. None: nothing, or too long ago to say.
        """
        if station is None:
            return None
        interval, before = self._open.get(station), self._before.get(station)
        if before is None or (interval is not None and at > interval.opened_at):
            return interval.key if interval else None
        return before.key if before.opened_at <= at <= before.closed_at else None

    def opened_at(self, station: str | None) -> datetime | None:
        """Since when the station works on it."""
        interval = self._open.get(station) if station is not None else None
        return interval.opened_at if interval else None

    def take_document(self, document: DispatchDocument, *, at: datetime | None) -> None:
        """Take a dispatch document; `at` None: it is the saved one, and nothing is opened by it."""
        self.document = document
        self._nodes.set_quantities(
            {
                WorkKey(work_order, node): quantity
                for work_order, nodes in document.work_orders.items()
                for node, quantity in nodes.items()
            }
        )
        if at is None:
            return
        self._journal.save(_DOCUMENT, document.to_json())
        for station in self._by_list:
            self._follow_list(station, at)

    def fit_to_map(self, at: datetime) -> None:
        """The map may be another one than before: close what it does not allow, and follow the lists that are new."""
        for station, interval in list(self._open.items()):
            if not self._still_holds(station, interval):
                self._close(station, at=at, source=self._system())
        for station in self._by_list:
            if station not in self._open:
                self._follow_list(station, at)

    def is_job(self, station: str, work_order: str) -> bool:
        """Whether the PLC's job number says what the station works on already (empty: nothing)."""
        return self.owner(station) == self._job_key(station, work_order)

    def set_job(self, station: str, work_order: str, *, at: datetime, source: Source) -> None:
        """The PLC's job number is now `work_order` (empty: none)."""
        if self.is_job(station, work_order):
            return
        key = self._job_key(station, work_order)
        self._close(station, at=at, source=source)
        if key is not None:
            self._open_interval(station, key, at=at, source=source, by=WorkOrderSource.POINT)

    def take_next(self, station: str, *, at: datetime) -> None:
        """The current row is complete: close it and open the next unfinished one, where the station follows a list."""
        if station in self._by_list:
            self._close(station, at=at, source=self._system())
            self._follow_list(station, at)

    def _job_key(self, station: str, work_order: str) -> WorkKey | None:
        return WorkKey(work_order, self._node_of[station]) if work_order else None

    def _follow_list(self, station: str, at: datetime) -> None:
        listed = self.document.stations.get(station)
        if listed is None:
            return
        current = self._open.get(station)
        ordered = self._opened_on_purpose(listed, current)
        if ordered is not None and self._may_be_at(station, ordered):
            self._close(station, at=at, source=self._system())
            self._open_listed(station, ordered, at)
            return
        if current is not None and self._is_withdrawn(listed, current):
            self._close(station, at=at, source=self._system())
            current = None
        if current is None:
            rows = (WorkKey(row.work_order, row.node) for row in listed.next)
            possible = (key for key in rows if self._may_be_at(station, key) and not self._nodes.is_completed(key))
            following = next(possible, None)
            if following is not None:
                self._open_listed(station, following, at)

    def _opened_on_purpose(self, listed: StationDispatch, current: Interval | None) -> WorkKey | None:
        row = listed.open
        if row is None:
            return None
        key = WorkKey(row.work_order, row.node)
        if self._nodes.is_completed(key) or (current is not None and current.key == key):
            return None
        return key if current is None or row.since > current.opened_at else None

    def _is_withdrawn(self, listed: StationDispatch, current: Interval) -> bool:
        if self.document.version <= current.version:
            return False
        rows = {WorkKey(row.work_order, row.node) for row in listed.next}
        if listed.open is not None:
            rows.add(WorkKey(listed.open.work_order, listed.open.node))
        return current.key not in rows

    def _may_be_at(self, station: str, key: WorkKey) -> bool:
        """Whether the map allows it: a node that the map gives to other stations is not worked on here."""
        rule = self._rules.get(key.node)
        return rule is None or station in rule.stations

    def _still_holds(self, station: str, interval: Interval) -> bool:
        follows_list, follows_job = station in self._by_list, any(station in each for each in self._by_point.values())
        match interval.source:
            case WorkOrderSource.POINT:
                return follows_job and interval.key.node == self._node_of[station]
            case WorkOrderSource.DISPATCH:
                return follows_list and self._may_be_at(station, interval.key)
            case _:
                return (follows_list or follows_job) and self._may_be_at(station, interval.key)

    def _open_listed(self, station: str, key: WorkKey, at: datetime) -> None:
        self._open_interval(station, key, at=at, source=self._system(), by=WorkOrderSource.DISPATCH)

    def _open_interval(self, station: str, key: WorkKey, *, at: datetime, source: Source, by: WorkOrderSource) -> None:
        self._open[station] = Interval(key=key, opened_at=at, version=self.document.version, source=by)
        self._journal.save(
            _KEY + station,
            {
                "work_order": key.work_order,
                "node": key.node,
                "opened_at": format_time(at),
                "version": self.document.version,
                "by": str(by),
            },
        )
        self._journal.emit(
            DispatchOpened,
            at=at,
            source=source,
            station=station,
            work_order=key.work_order,
            node=key.node,
            pieces=self._nodes.quantity(key),
        )

    def _close(self, station: str, *, at: datetime, source: Source) -> None:
        interval = self._open.pop(station, None)
        if interval is None:
            return
        self._before[station] = ClosedInterval(key=interval.key, opened_at=interval.opened_at, closed_at=at)
        self._journal.forget(_KEY + station)
        self._journal.emit(
            DispatchClosed,
            at=at,
            source=source,
            station=station,
            work_order=interval.key.work_order,
            node=interval.key.node,
        )

    def _system(self) -> Source:
        return Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)


def _loaded(value: Mapping[str, Any]) -> Interval:
    by = value.get("by")  # not saved by older versions
    return Interval(
        key=WorkKey(value["work_order"], value["node"]),
        opened_at=parse_time(value["opened_at"]),
        version=value["version"],
        source=None if by is None else WorkOrderSource(by),
    )
