"""What each station does, from a state point's labels or from the cadence of its counter; silence is `unknown`."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime, timedelta

from genba_edge.core.journal import Journal, load
from genba_edge.core.observations import Quality, Sample
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, PointRef, Station
from genba_shared.events import Source, SourceType, StationState, StationStateChanged

_KEY = "state/"
_STATES = frozenset(StationState)


class StationStates:
    """The state of every station whose map entry says where it comes from."""

    def __init__(self, device_map: DeviceMap, journal: Journal, saved: Mapping[str, str]) -> None:
        self._journal = journal
        self._stations: dict[PointRef, list[Station]] = {}
        self._labels: dict[PointRef, dict[int, StationState]] = {}
        self._state: dict[str, StationState] = {}
        self._told_at: dict[str, datetime] = {}
        for name, value in load(saved, _KEY).items():
            self._state[name] = StationState(value["state"])
            self._told_at[name] = parse_time(value["since"])
        self._value: dict[PointRef, object] = {}
        self._counted_at: dict[str, datetime] = {}
        self._passed_at: datetime | None = None
        self._idle_after: dict[str, tuple[PointRef, timedelta]] = {}
        for station in device_map.stations.values():
            if station.state is None:
                continue
            ref = station.state.point
            self._stations.setdefault(ref, []).append(station)
            if station.state.idle_after_s is not None:
                self._idle_after[station.id] = (ref, timedelta(seconds=station.state.idle_after_s))
            device = device_map.devices[ref.device]
            labels = device.points[ref.point].labels
            self._labels[ref] = {value: StationState(label) for value, label in labels.items() if label in _STATES}

    def fit_to_map(self, at: datetime) -> None:
        """Of stations whose state the map does not tell any more nothing is known, and nothing is remembered."""
        told = {station.id for stations in self._stations.values() for station in stations}
        system = Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)
        for station in sorted(self._state.keys() - told):
            if self._state[station] is not StationState.UNKNOWN:
                self._tell(station, StationState.UNKNOWN, at=max(at, self._told_at[station]), source=system)
            del self._state[station], self._told_at[station]
            self._journal.forget(_KEY + station)

    def points(self) -> Set[PointRef]:
        """The points that some station's state follows from."""
        return self._stations.keys()

    def take(self, ref: PointRef, sample: Sample) -> None:
        """One reading of a state point, or of a counter whose cadence tells; of any other point nothing."""
        stations = self._stations.get(ref)
        if stations is None:
            return
        for station in stations:
            if sample.quality is Quality.BAD or sample.value is None:
                self._set(station.id, StationState.UNKNOWN, at=sample.at, ref=ref)
            elif station.state is not None and station.state.idle_after_s is not None:
                moved = ref in self._value and self._value[ref] != sample.value
                if moved:
                    self._counted_at[station.id] = sample.at
                    self._set(station.id, StationState.RUNNING, at=sample.at, ref=ref)
                elif station.id not in self._counted_at:
                    self._counted_at[station.id] = sample.at
            else:
                self._set(station.id, self._labelled(ref, sample), at=sample.at, ref=ref)
        if sample.quality is not Quality.BAD:
            self._value[ref] = sample.value

    def lose_device(self, device: str, at: datetime) -> None:
        """The device is silent: its stations are unknown."""
        for ref, stations in self._stations.items():
            if ref.device == device:
                for station in stations:
                    self._counted_at.pop(station.id, None)
                    self._set(station.id, StationState.UNKNOWN, at=at, ref=ref)

    def pass_time(self, now: datetime) -> None:
        """Stations whose counter has stood still for `idle_after` are idle, since the last piece plus that time."""
        if self._passed_at is not None and now < self._passed_at:  # set back: nobody waits for the length of the step
            self._counted_at = {station: min(counted_at, now) for station, counted_at in self._counted_at.items()}
        self._passed_at = now
        for station, (ref, idle_after) in self._idle_after.items():
            counted_at = self._counted_at.get(station)
            if counted_at is not None and now - counted_at >= idle_after:
                self._set(station, StationState.IDLE, at=counted_at + idle_after, ref=ref)

    def _labelled(self, ref: PointRef, sample: Sample) -> StationState:
        if not isinstance(sample.value, int | bool):
            return StationState.UNKNOWN
        return self._labels[ref].get(int(sample.value), StationState.UNKNOWN)

    def _set(self, station: str, state: StationState, *, at: datetime, ref: PointRef) -> None:
        if self._state.get(station) is state:
            return
        self._state[station] = state
        at = max(at, self._told_at.get(station, at))  # a reading may carry an older stamp than what was told before
        self._told_at[station] = at
        self._journal.save(_KEY + station, {"state": str(state), "since": format_time(at)})
        self._tell(station, state, at=at, source=Source(type=SourceType.PLC, ref=str(ref)))

    def _tell(self, station: str, state: StationState, *, at: datetime, source: Source) -> None:
        self._journal.emit(StationStateChanged, at=at, source=source, station=station, state=state, since=at)
