"""What each station works on: by the job number of its PLC, or by taking the next row of the dispatch list.

The gateway opens and closes dispatch intervals itself, so that it goes on for days without the collector. A row that
somebody opened on purpose (a person, the API) is taken at once; otherwise the next unfinished row follows when the
current one completes. Where a job number is read and the list speaks as well, the job number wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from genba_edge.core.intervals import ClosedInterval, Interval, lies_within, loaded_closed, loaded_interval, saved_work
from genba_edge.core.jobs import JobChange, Jobs, job_text, same_number
from genba_edge.core.journal import Journal, load
from genba_edge.core.nodes import Nodes, WorkKey
from genba_edge.core.observations import Value
from genba_shared.device_map.model import DeviceMap, PointRef, WorkOrderSource
from genba_shared.dispatch_document import DispatchDocument, StationDispatch
from genba_shared.events import DispatchClosed, DispatchOpened, Source, SourceType

REMEMBERED = 4  # intervals that were closed at a station, for what arrives late
_KEY = "work/"
_DOCUMENT = "dispatch"


class Work:
    """The dispatch interval that is open at each station."""

    def __init__(
        self,
        device_map: DeviceMap,
        journal: Journal,
        nodes: Nodes,
        saved: Mapping[str, str],
        *,
        is_polled: Callable[[str], bool] = bool,
    ) -> None:
        self._journal = journal
        self._nodes = nodes
        self._rules = device_map.nodes
        self._node_of: dict[str, str] = {}
        self._by_point: dict[PointRef, list[str]] = {}
        self._by_list: list[str] = []
        self._while_empty: set[str] = set()  # stations that follow the list while their job number is empty
        for rule in device_map.nodes.values():
            for station in rule.stations:
                self._node_of[station] = rule.code
                if rule.work_order is WorkOrderSource.POINT and rule.work_order_point is not None:
                    self._by_point.setdefault(rule.work_order_point, []).append(station)
                    if rule.otherwise is WorkOrderSource.DISPATCH:
                        self._while_empty.add(station)
                elif rule.work_order is WorkOrderSource.DISPATCH:
                    self._by_list.append(station)
        self._jobs = Jobs(is_polled=is_polled, is_known=self._is_known_job)
        self._open: dict[str, Interval] = {}
        self._closed: dict[str, tuple[ClosedInterval, ...]] = {}
        self._changed_at: dict[str, datetime] = {}  # when work began or ended at the station for the last time
        for station, value in load(saved, _KEY).items():
            if "work_order" in value:
                self._open[station] = loaded_interval(value)
            self._closed[station] = tuple(loaded_closed(each) for each in value.get("before", ()))
            opened = [self._open[station].opened_at] if station in self._open else []
            times = [*opened, *(each.closed_at for each in self._closed[station])]
            if times:
                self._changed_at[station] = max(times)
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

    def opened_at(self, station: str) -> datetime | None:
        """Since when the station works on it."""
        interval = self._open.get(station)
        return interval.opened_at if interval else None

    def owner_at(self, station: str, at: datetime) -> WorkKey | None:
        """What the station worked on at `at`: now, or in one of the intervals before, for a piece that arrives late.

        A piece seen at the very moment of the change was made before it. None: nothing, or too long ago to say.
        """
        interval = self._open.get(station)
        if interval is not None and at > interval.opened_at:
            return interval.key
        closed = reversed(self._closed.get(station, ()))
        return next((each.key for each in closed if each.opened_at < at <= each.closed_at), None)

    def owner_after(self, station: str, at: datetime) -> WorkKey | None:
        """What the station worked on right after `at`."""
        interval = self._open.get(station)
        if interval is not None and at >= interval.opened_at:
            return interval.key
        closed = reversed(self._closed.get(station, ()))
        return next((each.key for each in closed if each.opened_at <= at < each.closed_at), None)

    def changed_within(self, station: str, since: datetime, at: datetime) -> bool:
        """Whether work began or ended at the station after `since` and not after `at`, or may have."""
        changed_at = self._changed_at.get(station)
        if changed_at is None or since >= changed_at:
            return False
        interval = self._open.get(station)
        if interval is not None and lies_within(interval.opened_at, interval.unsure_since, since, at):
            return True
        return any(
            lies_within(each.closed_at, each.unsure_since, since, at) or since < each.opened_at <= at
            for each in self._closed.get(station, ())
        )

    def is_owned_by(self, station: str, key: WorkKey, since: datetime, at: datetime) -> bool:
        """Whether `key` certainly owned the station from `since` to `at`, and still does."""
        interval, changed_at = self._open.get(station), self._changed_at.get(station)
        if interval is None or changed_at is None or interval.key != key:
            return False
        return changed_at <= since and interval.opened_at < at

    def is_told(self, station: str) -> bool:
        """Whether somebody says outright what the station works on now: its job number, and no list."""
        interval = self._open.get(station)
        return interval is not None and interval.source is WorkOrderSource.POINT

    def waits(self, station: str, at: datetime | None = None) -> bool:
        """Whether the station's job number (at `at`) is another one, and not yet to be believed."""
        waiting = self._jobs.waiting.items()
        return any(station in self._by_point[ref] and (at is None or each.may_hold(at)) for ref, each in waiting)

    @property
    def waits_for_jobs(self) -> bool:
        """Whether any job number is not yet to be believed."""
        return bool(self._jobs.waiting)

    def take_document(self, document: DispatchDocument, *, at: datetime | None) -> None:
        """Take a dispatch document; `at` None: it is the saved one, and nothing is opened by it."""
        self.document = document
        self._nodes.set_quantities(_by_node(document.work_orders), _by_node(document.answered))
        if at is None:
            return
        self._journal.save(_DOCUMENT, document.to_json())
        self._nodes.start_answered(at)
        for ref, text in list(self._jobs.taken()):
            for station in self._by_point.get(ref, ()):
                if text and not self.is_job(station, text):  # the document knows the number by another name
                    self.set_job(station, text, at=at, source=self._system())
        for station in self._listening():
            self._follow_list(station, at)

    def fit_to_map(self, at: datetime) -> None:
        """The map may be another one than before: close what it does not allow, and follow the lists that are new."""
        for station, interval in list(self._open.items()):
            if not self._still_holds(station, interval):
                self._close(station, at=at, source=self._system())
        for station in [station for station in self._closed if station not in self._node_of]:
            del self._closed[station]
            self._journal.forget(_KEY + station)
        for station in self._by_list:
            if station not in self._open:
                self._follow_list(station, at)

    def read_job(self, ref: PointRef, value: Value, *, at: datetime) -> JobChange | None:
        """One reading of a job number; what it changes, if it is to be believed by now."""
        text, now = job_text(value), self._journal.moment.now
        if text is None:
            return None
        if all(self.is_job(station, text) for station in self._by_point[ref]):
            self._jobs.hold(ref, text, read_at=now)
            return None
        return self._jobs.read(ref, text, at=at, read_at=now)

    def ripe_jobs(self, now: datetime) -> list[tuple[PointRef, JobChange]]:
        """Job numbers that have stood long enough to be believed."""
        return self._jobs.ripe(now)

    def drop_waiting_jobs(self) -> None:
        """Believe no number that has not proved itself; it will be read again."""
        self._jobs.waiting.clear()

    def is_job(self, station: str, work_order: str) -> bool:
        """Whether the PLC's job number says what the station works on already (empty: nothing, or the list speaks)."""
        interval = self._open.get(station)
        if not work_order and station in self._while_empty:
            return interval is not None and interval.source is WorkOrderSource.DISPATCH
        return (interval.key if interval else None) == self._job_key(station, work_order) and (
            interval is None or interval.source is not WorkOrderSource.DISPATCH
        )

    def set_job(
        self, station: str, work_order: str, *, at: datetime, source: Source, unsure_since: datetime | None = None
    ) -> None:
        """The PLC's job number is now `work_order` (empty: none, or what the list says).

        `unsure_since`: it may have been so since then; None: not before `at`.
        """
        if self.is_job(station, work_order):
            return
        key, interval = self._job_key(station, work_order), self._open.get(station)
        if interval is not None and interval.key == key:  # the list said the same
            self._open[station] = replace(interval, source=WorkOrderSource.POINT)
            self._save(station)
            return
        self._close(station, at=at, source=source, unsure_since=unsure_since)
        if key is not None:
            self._open_interval(station, key, at=at, source=source, by=WorkOrderSource.POINT, unsure_since=unsure_since)
        elif station in self._while_empty:
            self._follow_list(station, at)

    def take_next(self, station: str, *, at: datetime) -> None:
        """The current row is complete: close it and open the next unfinished one, where the station follows a list."""
        if station in self._listening():
            self._close(station, at=at, source=self._system())
            self._follow_list(station, at)

    def _listening(self) -> list[str]:
        """The stations that follow a list now."""
        empty = {
            station for ref, text in self._jobs.taken() if not text for station in self._by_point[ref]
        } & self._while_empty
        by_list = {
            station for station, interval in self._open.items() if interval.source is WorkOrderSource.DISPATCH
        } & self._while_empty
        return [*self._by_list, *sorted(empty | by_list)]

    def _is_known_job(self, ref: PointRef, text: str) -> bool:
        keys = (self._job_key(station, text) for station in self._by_point[ref])
        return all(key is not None and self._nodes.quantity(key) is not None for key in keys)

    def _job_key(self, station: str, work_order: str) -> WorkKey | None:
        """The node that a job number means at a station; numbers that differ in leading zeros only are the same."""
        if not work_order:
            return None
        key = WorkKey(work_order, self._node_of[station])
        if self._nodes.quantity(key) is not None:
            return key
        known = (each.work_order for each in self._nodes.keys_of(key.node))
        other = same_number(work_order, known)
        return key if other is None else WorkKey(other, key.node)

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
            possible = (key for key in rows if self._may_be_at(station, key) and not self._nodes.is_over(key))
            following = next(possible, None)
            if following is not None:
                self._open_listed(station, following, at)

    def _opened_on_purpose(self, listed: StationDispatch, current: Interval | None) -> WorkKey | None:
        row = listed.open
        if row is None:
            return None
        key = WorkKey(row.work_order, row.node)
        if self._nodes.is_over(key) or (current is not None and current.key == key):
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
        follows_list = station in self._by_list or station in self._while_empty
        follows_job = any(station in each for each in self._by_point.values())
        match interval.source:
            case WorkOrderSource.POINT:
                return follows_job and interval.key.node == self._node_of[station]
            case WorkOrderSource.DISPATCH:
                return follows_list and self._may_be_at(station, interval.key)
            case _:
                return (follows_list or follows_job) and self._may_be_at(station, interval.key)

    def _open_listed(self, station: str, key: WorkKey, at: datetime) -> None:
        self._open_interval(station, key, at=at, source=self._system(), by=WorkOrderSource.DISPATCH)

    def _open_interval(
        self,
        station: str,
        key: WorkKey,
        *,
        at: datetime,
        source: Source,
        by: WorkOrderSource,
        unsure_since: datetime | None = None,
    ) -> None:
        version = self.document.version
        self._open[station] = Interval(key=key, opened_at=at, version=version, source=by, unsure_since=unsure_since)
        self._changed_at[station] = max(at, self._changed_at.get(station, at))
        self._save(station)
        event = self._journal.emit(
            DispatchOpened,
            at=at,
            source=source,
            station=station,
            work_order=key.work_order,
            node=key.node,
            pieces=self._nodes.quantity(key),
        )
        self._nodes.work_on(key, station, at=at, source=source, because=event.id)
        self._nodes.settle(key, source=source, at=at)

    def _close(self, station: str, *, at: datetime, source: Source, unsure_since: datetime | None = None) -> None:
        interval = self._open.pop(station, None)
        if interval is None:
            return
        closed = ClosedInterval(
            key=interval.key,
            opened_at=interval.opened_at,
            closed_at=max(at, interval.opened_at),
            unsure_since=unsure_since,
        )
        self._changed_at[station] = max(closed.closed_at, self._changed_at.get(station, closed.closed_at))
        self._closed[station] = (*self._closed.get(station, ()), closed)[-REMEMBERED:]
        self._save(station)
        event = self._journal.emit(
            DispatchClosed,
            at=at,
            source=source,
            station=station,
            work_order=interval.key.work_order,
            node=interval.key.node,
        )
        self._nodes.leave(interval.key, station, at=at, source=source, because=event.id)

    def _save(self, station: str) -> None:
        self._journal.save(_KEY + station, saved_work(self._open.get(station), self._closed.get(station, ())))

    def _system(self) -> Source:
        return Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)


def _by_node(pieces: Mapping[str, Mapping[str, int]]) -> dict[WorkKey, int]:
    return {WorkKey(work_order, node): count for work_order, nodes in pieces.items() for node, count in nodes.items()}
