"""Temperature, humidity and the like, kept with the completions of the stations around which they are measured.

From the first piece of a node at a station to the completion of the node a window is open for each environment point of
the station. When the node completes, each window becomes one event. A window of which no value is known becomes none,
and that is said once per point, until a value is known again.

The latest readings are kept as they are, since a completion may be known later than it happened; older ones are added
up in the windows that are open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from genba_edge.core.journal import Journal, load
from genba_edge.core.measured import Measured, Reading, Summary, with_reading
from genba_edge.core.observations import Quality, Sample
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.events import (
    DataQuestioned,
    EnvironmentSummarised,
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    Source,
    SourceType,
)

SAVED_EVERY: Final = timedelta(minutes=1)  # after a kill so much of a window is not known
MOST_WINDOWS: Final = 50  # at one station; of nodes that never complete the oldest are dropped
_KEY: Final = "environment/"

Work = tuple[str, str]
"""(work order, node)."""


@dataclass(slots=True, kw_only=True)
class Window:
    """Work on a node at a station since `begin`; by point, what was measured before the readings that are kept.

    `since`: readings count from here on; later than `begin` where the gateway started again in between.
    """

    begin: datetime
    since: datetime
    before: dict[PointRef, Summary] = field(default_factory=dict)


class Environment:
    """The environment points of all stations."""

    def __init__(self, device_map: DeviceMap, journal: Journal, saved: Mapping[str, str]) -> None:
        self._journal = journal
        self._of_station = {
            station.id: station.environment for station in device_map.stations.values() if station.environment
        }
        self._of_node = {
            rule.code: [station for station in rule.stations if station in self._of_station]
            for rule in device_map.nodes.values()
        }
        points = sorted({ref for refs in self._of_station.values() for ref in refs}, key=str)
        self._uoms = {ref: device_map.devices[ref.device].points[ref.point].unit or None for ref in points}
        self._measured = {ref: Measured() for ref in points}
        self._around = {
            ref: [name for name, station in self._of_station.items() if ref in station] for ref in self._measured
        }
        self._windows: dict[str, dict[Work, Window]] = {station: {} for station in self._of_station}
        self._completed: deque[Work] = deque(maxlen=MOST_WINDOWS)  # pieces beyond the quantity may follow
        self._missed: set[PointRef] = set()
        self._saved_at = journal.moment.now
        for name, rows in load(saved, _KEY).items():
            if name in self._windows:
                self._windows[name] = dict(_window(row, self._measured) for row in rows)
            else:  # another map: nothing is measured around it any more
                journal.forget(_KEY + name)

    def points(self) -> Set[PointRef]:
        """The points that surround some station."""
        return self._measured.keys()

    def take(self, ref: PointRef, sample: Sample) -> None:
        """One reading."""
        value = sample.value
        readable = sample.quality is not Quality.BAD and isinstance(value, int | float)
        measured = self._measured[ref]
        measured.take(sample.at, float(value) if readable and value is not None else None)
        if measured.is_full:
            self._add_up(ref)

    def hold(self, ref: PointRef, at: datetime) -> None:
        """One more reading of the same value."""
        measured = self._measured[ref]
        measured.hold(at)
        if measured.is_full:
            self._add_up(ref)

    def cut(self, device: str, begin: datetime, end: datetime | None = None) -> None:
        """Since `begin` nobody knows what the device measures; at `end` it may have been read again already."""
        for ref, measured in self._measured.items():
            if ref.device == device:
                measured.cut(begin, end)

    def note(self, event: Event) -> None:
        """Work begins at a station, or is complete."""
        if event.work_order is None or event.node is None:
            return
        work = (event.work_order, event.node)
        match event:
            case NodeStarted() | PiecesCounted():
                for station in [event.station] if event.station is not None else self._of_node.get(event.node, ()):
                    self._open(station, work, event.at)
            case NodeCompleted():
                self._completed.append(work)
                for station in self._of_station:
                    window = self._windows[station].pop(work, None)
                    if window is not None:
                        self._close(station, window, event)
            case _:
                pass

    def save(self, *, urgently: bool = False) -> None:
        """Put the open windows into the journal, from time to time."""
        now = self._journal.moment.now
        if not urgently and self._saved_at <= now < self._saved_at + SAVED_EVERY:
            return
        self._saved_at = now
        for station, windows in self._windows.items():
            if windows:
                self._save(station)

    def _open(self, station: str, work: Work, at: datetime) -> None:
        windows = self._windows.get(station)
        if windows is None or work in windows or work in self._completed:
            return
        windows[work] = Window(begin=at, since=at)
        if len(windows) > MOST_WINDOWS:
            del windows[next(iter(windows))]
        self._save(station)

    def _close(self, station: str, window: Window, completed: NodeCompleted) -> None:
        begin = min(window.begin, completed.at)
        for ref in self._of_station[station]:
            since = min(window.since, completed.at)
            summary = self._measured[ref].over(since, completed.at, window.before.get(ref, Summary()))
            if summary.mean is None or summary.least is None or summary.most is None:
                self._say_nothing_known(ref, station, begin, completed)
                continue
            self._missed.discard(ref)
            self._journal.emit(
                EnvironmentSummarised,
                at=completed.at,
                source=_source(ref),
                station=station,
                work_order=completed.work_order,
                node=completed.node,
                point=str(ref),
                begin=begin,
                end=completed.at,
                least=summary.least,
                mean=summary.mean,
                most=summary.most,
                samples=summary.samples,
                uom=self._uoms[ref],
                because=(completed.id,),
            )
        self._save(station)

    def _say_nothing_known(self, ref: PointRef, station: str, begin: datetime, completed: NodeCompleted) -> None:
        if ref in self._missed:
            return
        self._missed.add(ref)
        self._journal.emit(
            DataQuestioned,
            at=completed.at,
            source=_source(ref),
            station=station,
            work_order=completed.work_order,
            node=completed.node,
            point=str(ref),
            note=f"no value is known from {format_time(begin)} to {format_time(completed.at)}: "
            "the completion has no summary of it, nor have later ones until it is read again",
            because=(completed.id,),
        )

    def _add_up(self, ref: PointRef) -> None:
        for reading, until in self._measured[ref].outgrown():
            for window in self._open_around(ref):
                before = window.before.get(ref, Summary())
                window.before[ref] = _added(before, reading, until, window.since)

    def _open_around(self, ref: PointRef) -> Iterator[Window]:
        for station in self._around[ref]:
            yield from self._windows[station].values()

    def _save(self, station: str) -> None:
        """The windows as they would close now: readings are not saved one by one."""
        now = self._journal.moment.now
        rows: list[Any] = []
        for (work_order, node), window in self._windows[station].items():
            points = {
                str(ref): list(self._measured[ref].over(window.since, now, window.before.get(ref, Summary())))
                for ref in self._of_station[station]
            }
            rows.append([work_order, node, format_time(window.begin), points, format_time(now)])
        if rows:
            self._journal.save(_KEY + station, rows)
        else:
            self._journal.forget(_KEY + station)


def _added(before: Summary, reading: Reading, until: datetime, begin: datetime) -> Summary:
    return with_reading(before, reading, begin=begin, until=until, end=until) if until > begin else before


def _window(row: list[Any], measured: Mapping[PointRef, Measured]) -> tuple[Work, Window]:
    work_order, node, begin, points, until = row
    known = {str(ref): ref for ref in measured}
    before = {known[name]: Summary(*value) for name, value in points.items() if name in known}
    return (work_order, node), Window(begin=parse_time(begin), since=parse_time(until), before=before)


def _source(ref: PointRef) -> Source:
    return Source(type=SourceType.SENSOR, ref=str(ref))
