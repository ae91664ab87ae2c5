"""What each station does, from the labels of state points or from the cadence of its pieces; silence is `unknown`.

A state is told when enough is known to say so (`at`), and it holds from `since` on, which may be earlier: a station
that stood still after its last piece is idle since that piece. `since` never goes back behind the state told before,
nor into an interval that nobody observed; only to say that nobody looked it goes back as far as that is true.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from genba_edge.core.cadence import Around, Cadence, Finding, NodeProgress, WorkAtStations, ZoneLevels
from genba_edge.core.changeover import ChangeOvers
from genba_edge.core.clock_watch import ClockStep
from genba_edge.core.counter import Step
from genba_edge.core.journal import Journal, load
from genba_edge.core.labels import Labelled
from genba_edge.core.nodes import WorkKey
from genba_edge.core.observations import Quality, Sample
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import DeviceMap, PointRef, Station
from genba_shared.events import Result, Source, SourceType, StationState, StationStateChanged

_KEY = "state/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The state that was told last: since when it holds, and when it was said."""

    state: StationState
    since: datetime
    at: datetime
    reason: str | None = None


class StationStates:
    """The state of every station whose map entry says where it comes from."""

    def __init__(
        self,
        device_map: DeviceMap,
        journal: Journal,
        saved: Mapping[str, str],
        *,
        work: WorkAtStations,
        nodes: NodeProgress,
        zones: ZoneLevels,
    ) -> None:
        self._journal, self._work, self._nodes, self._zones = journal, work, nodes, zones
        self._told = {name: _loaded(value) for name, value in load(saved, _KEY).items()}
        self._labelled: dict[PointRef, list[Labelled]] = {}
        self._own: dict[str, Cadence] = {}  # by station: all its counts show that it runs, scrap as well
        self._elsewhere: dict[PointRef, list[Cadence]] = {}  # that follow a counter of another station
        self._rhythms: list[tuple[Cadence, PointRef]] = []
        self._watched: dict[PointRef, list[Cadence]] = {}  # by the counter that the map names
        self._uncounted: dict[PointRef, Sample | None] = {}  # counters that tell a cadence and count no pieces
        self._changeovers = ChangeOvers(journal)
        self._begins: dict[str, datetime] = {}  # by device: nothing that lies before was observed
        self._blind_until: dict[str, datetime] = {}  # by station
        self._passed_at: datetime | None = None
        counted = {ref for station in device_map.stations.values() for ref in station.counts.values()}
        for station in device_map.stations.values():
            self._expect(station, device_map, counted)

    def _expect(self, station: Station, device_map: DeviceMap, counted: Set[PointRef]) -> None:
        rule = station.state
        if rule is None:
            return
        if rule.idle_after_s is None:
            labelled = Labelled.of(station.id, rule, device_map)
            for ref in rule.points:
                self._labelled.setdefault(ref, []).append(labelled)
            return
        idle_after = timedelta(seconds=rule.idle_after_s)
        around = Around.of(station.id, device_map.zones)
        cadence = Cadence(station=station.id, rule=rule, around=around, idle_after=idle_after)
        self._rhythms.append((cadence, rule.point))
        self._watched.setdefault(rule.point, []).append(cadence)
        self._own[station.id] = cadence
        if rule.point not in counted:
            self._uncounted[rule.point] = None
        elif rule.point not in station.counts.values():
            self._elsewhere.setdefault(rule.point, []).append(cadence)

    def fit_to_map(self, at: datetime) -> None:
        """Of stations whose state the map does not tell any more nothing is known, and nothing is remembered."""
        following = {cadence.station for cadence, _ in self._rhythms}
        following |= {each.station for labelled in self._labelled.values() for each in labelled}
        system = Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)
        for station in sorted(self._told.keys() - following):
            if self._told[station].state is not StationState.UNKNOWN:
                at_last = max(at, self._told[station].at)
                self._tell(station, Finding(state=StationState.UNKNOWN, since=at_last, at=at_last), source=system)
            del self._told[station]
            self._journal.forget(_KEY + station)

    def take_step(self, step: ClockStep, now: datetime) -> None:
        """The clock was set to `now`: what is known holds behind the doubtful time, too, and no reading will say so."""
        for cadence, _ in self._rhythms:
            if now >= step.end:
                cadence.set_forward(step.end - step.begin)
        decided_by = {each.station: ref for ref, labelled in self._labelled.items() for each in labelled}
        decided_by |= {cadence.station: ref for cadence, ref in self._rhythms}
        for station, ref in sorted(decided_by.items()):
            told = self._told.get(station)
            if told is not None and told.state is not StationState.UNKNOWN:
                found = Finding(state=told.state, since=step.end, at=step.end, reason=told.reason)
                self._tell(station, found, source=Source(type=SourceType.PLC, ref=str(ref)))

    def points(self) -> Set[PointRef]:
        """The points whose readings tell some station's state."""
        return self._labelled.keys() | self._watched.keys()

    def take(self, ref: PointRef, sample: Sample) -> None:
        """One reading of a state point, or of a counter whose cadence tells; of any other point nothing."""
        is_bad = sample.quality is Quality.BAD or sample.value is None
        for labelled in self._labelled.get(ref, ()):
            found = labelled.take(ref, None if is_bad else sample.value, sample.at)
            if found is not None:
                self._set(labelled.station, found, ref=labelled.decided_by(ref))
        if is_bad:
            self._changeovers.lose_sight(ref, sample.at)
        for cadence in self._watched.get(ref, ()):
            if is_bad:
                self._lose(cadence, ref, at=sample.at, since=sample.at)
            else:
                cadence.watch_from(max(sample.at, self._begins.get(ref.device, sample.at)))
        if self._uncounted and ref in self._uncounted:
            self._take_uncounted(ref, None if is_bad else sample)

    def pieces_made(
        self, station: str, ref: PointRef, result: Result, key: WorkKey | None, pieces: int, step: Step
    ) -> None:
        """A counter of the station showed pieces, which belong to `key`."""
        if result is Result.GOOD and not self._changeovers.go_on(station, ref, key, step):
            self._changeovers.good_piece(station, ref, key, step, begins=self._begins.get(ref.device))
        cadence = self._own.get(station)
        if cadence is not None and not cadence.go_on(step.at, key, pieces):
            self._run(cadence, ref, key, pieces, step)
        for cadence in self._elsewhere.get(ref, ()) if self._elsewhere else ():
            if not cadence.go_on(step.at, key, pieces):
                self._run(cadence, ref, key, pieces, step)

    def leave_unobserved(self, device: str, begin: datetime, end: datetime) -> None:
        """Nobody observed the device between these two: whatever its stations did, it is not known."""
        self._begins[device] = max(end, self._begins.get(device, end))
        self._lose_stations(device, at=end, since=begin)

    def lose_device(self, device: str, at: datetime, *, heard_at: datetime | None) -> None:
        """The device is silent: since it was last heard of its stations are unknown."""
        self._lose_stations(device, at=at, since=at if heard_at is None else min(heard_at, at))

    def find_device(self, device: str, at: datetime) -> None:
        """The device answers since `at`: a reading that carries an older stamp shows nothing of the time before."""
        self._begins[device] = max(at, self._begins.get(device, at))

    def pass_time(self, now: datetime) -> None:
        """Stations whose pieces stay away stand still, and those whose work changed are set up."""
        if self._passed_at is not None and now < self._passed_at:
            self._set_back(now)
        self._passed_at = now
        owner = self._work.owner
        for cadence, ref in self._rhythms:
            quiet_until = cadence.quiet_until
            if quiet_until is None or now >= quiet_until or owner(cadence.station) is not cadence.work:
                self._judge(cadence, ref, now)

    def _set_back(self, now: datetime) -> None:
        """The clock was set back: what lies ahead of it has happened all the same."""
        for cadence, _ in self._rhythms:
            cadence.set_back(now)
        self._changeovers.set_back(now)
        self._begins = {device: min(at, now) for device, at in self._begins.items()}
        self._blind_until = {station: min(at, now) for station, at in self._blind_until.items()}

    def _judge(self, cadence: Cadence, ref: PointRef, now: datetime) -> None:
        found = cadence.judge(now, work=self._work, nodes=self._nodes, zones=self._zones)
        if found is not None:
            self._set(cadence.station, found, ref=ref)

    def _run(self, cadence: Cadence, ref: PointRef, key: WorkKey | None, pieces: int, step: Step) -> None:
        """A piece that is news. When it was made is known only where the time before it was observed, too."""
        begins = self._begins.get(ref.device)
        if cadence.watched_since is None or step.since < cadence.watched_since or (begins and step.since < begins):
            cadence.note_hidden(key)
            return
        self._judge(cadence, ref, step.at)  # a standstill or a set-up that ends with this piece
        found = cadence.run(step.at, key, pieces)
        if found is not None:
            self._set(cadence.station, found, ref=ref)

    def _take_uncounted(self, ref: PointRef, sample: Sample | None) -> None:
        """A counter that no station counts by: every other value than 0 shows one stroke."""
        before, self._uncounted[ref] = self._uncounted[ref], sample
        if before is None or sample is None or sample.value in (before.value, 0):
            return
        for cadence in self._watched[ref]:
            at, key = sample.at, self._work.owner(cadence.station)
            if cadence.watched_since is not None and not cadence.go_on(at, key, 1):
                self._judge(cadence, ref, at)
                found = cadence.run(at, key, 1)
                if found is not None:
                    self._set(cadence.station, found, ref=ref)

    def _lose_stations(self, device: str, *, at: datetime, since: datetime) -> None:
        self._changeovers.lose_device(device, since)
        for ref in [ref for ref in self._uncounted if ref.device == device]:
            self._uncounted[ref] = None
        for cadence, ref in self._rhythms:
            if ref.device == device:
                self._lose(cadence, ref, at=at, since=since)
        for ref, labelled in self._labelled.items():
            for each in labelled if ref.device == device else ():
                each.lose_sight(ref)
                self._forget_state(each.station, ref, at=at, since=since)

    def _lose(self, cadence: Cadence, ref: PointRef, *, at: datetime, since: datetime) -> None:
        cadence.lose_sight()
        self._forget_state(cadence.station, ref, at=at, since=since)

    def _forget_state(self, station: str, ref: PointRef, *, at: datetime, since: datetime) -> None:
        self._blind_until[station] = max(at, self._blind_until.get(station, at))
        self._set(station, Finding(state=StationState.UNKNOWN, since=since, at=at), ref=ref)

    def _set(self, station: str, found: Finding, *, ref: PointRef) -> None:
        told = self._told.get(station)
        if told is not None and (told.state, told.reason) == (found.state, found.reason):
            is_unseen_before = found.state is StationState.UNKNOWN and found.since < told.since
            if not is_unseen_before:
                return
        self._tell(station, found, source=Source(type=SourceType.PLC, ref=str(ref)))

    def _tell(self, station: str, found: Finding, *, source: Source) -> None:
        """Say it, no earlier than what was said before: a reading may carry an older stamp."""
        told, blind_until = self._told.get(station), self._blind_until.get(station)
        at = found.at if told is None else max(found.at, told.at)
        bounds = (None if told is None else told.since, blind_until)
        since = found.since
        if found.state is not StationState.UNKNOWN:
            since = max([since, *(bound for bound in bounds if bound is not None)])
            at = max(at, since)
        since = min(since, at)
        self._told[station] = Told(state=found.state, since=since, at=at, reason=found.reason)
        self._journal.save(_KEY + station, _saved(self._told[station]))
        event = self._journal.emit(
            StationStateChanged,
            at=at,
            source=source,
            station=station,
            state=found.state,
            since=since,
            reason=found.reason,
        )
        if found.trail:
            self._journal.note_trail(event, **found.trail)


def _saved(told: Told) -> dict[str, Any]:
    return {
        "state": str(told.state),
        "since": format_time(told.since),
        "at": format_time(told.at),
        "reason": told.reason,
    }


def _loaded(value: Mapping[str, Any]) -> Told:
    """What was saved; older versions saved neither a reason nor, beside `since`, when it was said."""
    since = parse_time(value["since"])
    at = parse_time(value["at"]) if "at" in value else since
    return Told(state=StationState(value["state"]), since=since, at=at, reason=value.get("reason"))
