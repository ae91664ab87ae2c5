"""Counters of stations: their readings become steps, and steps become pieces or questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from datetime import datetime
from typing import Any

from genba_edge.core.attribution import Attribution
from genba_edge.core.changeover import TellPieces
from genba_edge.core.counted_point import CountedPoint, counted_points, load_counter, save_counter
from genba_edge.core.counter import CounterState, Doubt, Reading, Step, advance, confirm, start_counter
from genba_edge.core.journal import Journal, load
from genba_edge.core.nodes import Nodes
from genba_edge.core.observations import Sample
from genba_edge.core.reset_evidence import ResetSigns
from genba_edge.core.watch import Watch
from genba_edge.core.work import Work
from genba_edge.core.zones import Zones
from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.events import Confidence, DataQuestioned

KnownUntil = Callable[[PointRef], datetime | None]

_KEY = "counter/"


class Counting:
    """All counters of the gateway."""

    def __init__(
        self, device_map: DeviceMap, journal: Journal, nodes: Nodes, work: Work, zones: Zones, saved: Mapping[str, str]
    ) -> None:
        self._journal, self._work, self._zones = journal, work, zones
        self._attribution = Attribution(journal, nodes, work, zones, save=self._save)
        self._points = {point.ref: point for point in counted_points(device_map)}
        self._of_station: dict[str | None, list[PointRef]] = {}
        for counted in self._points.values():
            self._of_station.setdefault(counted.station, []).append(counted.ref)
        named = (point.settings.reset_by for point in self._points.values())
        self._signs = ResetSigns((each for each in named if each is not None), journal, saved)
        self._counters: dict[PointRef, CounterState] = {}
        self._held_until: dict[PointRef, datetime] = {}  # readings of the same value, not yet in the counter's state
        self._doubted: set[PointRef] = set()
        self._former: dict[PointRef, CounterState] = {}  # of counters whose value means something else by now
        for name, value in load(saved, _KEY).items():
            device, _, point = name.partition("/")
            ref = PointRef(device, point)
            if ref in self._points:  # else the map changed; what is saved waits for the point to come back
                self._load(self._points[ref], value)

    def _load(self, point: CountedPoint, value: Mapping[str, Any]) -> None:
        """Go on from what was saved; older versions saved neither the pieces nor what the value meant."""
        state = load_counter(value)
        # state is only saved when everything it counts was emitted
        pieces = value.get("pieces", state.total * point.settings.pieces_per_count)
        self._attribution.begin_total(point.ref, pieces)
        if value.get("meaning", point.meaning) != point.meaning:
            self._former[point.ref] = state
            return
        self._counters[point.ref] = state
        if state.doubted is not None:
            self._doubted.add(point.ref)

    def tell_pieces(self, tell: TellPieces) -> None:
        """From now on, tell of pieces as soon as a counter shows them."""
        self._attribution.tell_pieces = tell

    def counters(self) -> Set[PointRef]:
        """The counters that some station counts by."""
        return self._points.keys()

    def evidence(self) -> frozenset[PointRef]:
        """The points that show that some counter was reset."""
        return self._signs.points()

    def is_steady(self, ref: PointRef) -> bool:
        """Whether the last reading was taken as it is, so that another one of the same value changes nothing."""
        state = self._counters.get(ref)
        return state is not None and ref not in self._doubted and 0 <= state.last <= self._points[ref].settings.limit

    def hold(self, ref: PointRef, at: datetime) -> None:
        """A steady counter was read at `at` and has still the value of its last reading."""
        until = self._held_until.get(ref)
        if until is None or at > until:
            self._held_until[ref] = at

    def begin_look(self) -> None:
        """What is told from here on was emitted together."""
        self._signs.begin_look()

    def note_evidence(self, ref: PointRef, sample: Sample) -> None:
        """Remember what a point that shows resets says."""
        self._signs.note(ref, sample)

    def read(self, ref: PointRef, raw: int, *, at: datetime, watch: Watch) -> None:
        """One reading of a counter."""
        point, state = self._points[ref], self._settled(ref)
        known_until = watch.known_until(ref, at)  # it was last heard of, with the old value
        reading = Reading(
            raw=raw,
            at=at,
            reset_seen=self._reset_seen(point, state),
            watched=watch.is_watched(ref, at),
            evidence_read=self._signs.are_read(point.settings.reset_by, ref, at, watch),
        )
        if state is None:
            self._begin(point, reading)
            return
        if known_until is not None and state.seen_at < known_until <= at:
            state = state._replace(seen_at=known_until)
        self._conclude(point, *advance(state, reading, point.settings))

    def _begin(self, point: CountedPoint, reading: Reading) -> None:
        """The first reading; of a counter that the map gives another meaning, the first of a new counter epoch."""
        former = self._former.pop(point.ref, None)
        if former is None:
            self._counters[point.ref] = start_counter(reading, point.settings)
            self._attribution.begin_total(point.ref, 0)
        else:
            self._counters[point.ref] = start_counter(
                reading, point.settings, epoch=former.epoch + 1, total=former.total
            )
            note = f"the map gives this counter another meaning: counting goes on from {reading.raw}"
            self._doubt(point, at=reading.at, note=note)
        self._save(point.ref)

    def _settled(self, ref: PointRef) -> CounterState | None:
        """The counter's state, with the readings of the same value that came since it was put down."""
        state, until = self._counters.get(ref), self._held_until.pop(ref, None)
        if state is not None and until is not None and until > state.seen_at:
            state = self._counters[ref] = state._replace(seen_at=until)
        return state

    def _conclude(self, point: CountedPoint, state: CounterState, outcome: Step | Doubt | None) -> None:
        self._counters[point.ref] = state
        if state.doubted is None:
            self._doubted.discard(point.ref)
        else:
            self._doubted.add(point.ref)
        match outcome:
            case Step():
                self._count(point, outcome)
            case Doubt():
                self._question(point, outcome)
            case None:
                pass

    def confirm_doubts(self, device: str, at: datetime) -> None:
        """The device was heard of at `at`: a step that waits for confirmation was read once more."""
        if not self._doubted:
            return
        for ref, state in list(self._counters.items()):
            if ref.device == device and ref in self._doubted:
                self._conclude(self._points[ref], *confirm(state, at, self._points[ref].settings))

    def complete_waiting(self) -> None:
        """Quantities are new: claim the nodes whose pieces were already there."""
        self._attribution.complete_waiting()

    def flush_due(self, now: datetime) -> None:
        """Emit joins that are old enough."""
        self._attribution.flush_due(now)

    def close(self, known_until: KnownUntil, *, station: str | None = None) -> None:
        """Emit every join of the station (None: of all) and keep until when its counters are known to have stood still.

        For a change of its work and for shutdown: a count that comes later then begins no earlier than it must.
        """
        for ref in list(self._counters) if station is None else self._of_station.get(station, ()):
            state = self._settled(ref)
            if state is None:
                continue
            until = known_until(ref)
            if until is not None and until > state.seen_at and state.doubted is None:
                self._counters[ref] = state._replace(seen_at=until)
            self._attribution.flush(ref)

    def change_job(
        self, station: str, known_until: KnownUntil, change: Callable[[], None], *, doubt_since: datetime | None
    ) -> None:
        """The job number of a station is another one: end its joins, let `change` change its work, give on what waited.

        `doubt_since`: the number before was last read then, so that pieces since may belong to either.
        """
        held = self._attribution.take_held(station)
        before = self._work.owner(station)
        if doubt_since is not None:
            self._attribution.doubt_change(station, before, None, since=doubt_since)
        self.close(known_until, station=station)
        change()
        if doubt_since is not None:
            self._attribution.doubt_change(station, before, self._work.owner(station), since=doubt_since)
        self._attribution.add_held(held, in_doubt=False)
        for ref in dict.fromkeys(
            each.point.ref for each in held
        ):  # the state of their counters was put down with the joins
            self._attribution.flush(ref)

    def keep_job(self, station: str, *, in_doubt: bool) -> None:
        """The job number of a station is after all what it was: its pieces that waited belong to it."""
        self._attribution.add_held(self._attribution.take_held(station), in_doubt=in_doubt)

    def _reset_seen(self, point: CountedPoint, state: CounterState | None) -> bool:
        evidence = point.settings.reset_by
        return evidence is not None and state is not None and self._signs.seen_since(evidence, state.changed_at)

    def _count(self, point: CountedPoint, step: Step) -> None:
        times = point.settings.pieces_per_count
        pieces = step.delta * times
        if times != 1:
            step = step._replace(
                least=None if step.least is None else step.least * times,
                most=None if step.most is None else step.most * times,
            )
        if step.least is not None and step.most is not None:
            self._zones.doubt_count(point.ref, below=pieces - step.least, above=step.most - pieces, at=step.at)
        if pieces or step.confidence is Confidence.AMBIGUOUS:
            self._attribution.add(point, step, pieces, epoch=self._counters[point.ref].epoch)
        if not pieces:
            self._attribution.flush(point.ref)  # the new epoch is state worth keeping

    def _question(self, point: CountedPoint, doubt: Doubt) -> None:
        self._attribution.flush(point.ref)
        note = f"read {doubt.raw} after {doubt.last}: at most {doubt.reach} counts were possible; "
        note += f"counting goes on from {doubt.raw}" if doubt.resumes else "beyond the limit: not counted"
        event = self._doubt(point, at=doubt.at, note=note)
        if doubt.resumes:
            most = doubt.reach * point.settings.pieces_per_count
            self._zones.question_count(point.ref, least=0, most=most, at=doubt.at, because=event.id)

    def _doubt(self, point: CountedPoint, *, at: datetime, note: str) -> DataQuestioned:
        return self._journal.emit(
            DataQuestioned,
            at=at,
            source=point.source,
            station=point.station,
            point=str(point.ref),
            note=note,
        )

    def _save(self, ref: PointRef) -> None:
        state = self._settled(ref)
        if state is not None:
            kept = {"pieces": self._attribution.emitted_total(ref), "meaning": self._points[ref].meaning}
            self._journal.save(_KEY + str(ref), save_counter(state) | kept)
