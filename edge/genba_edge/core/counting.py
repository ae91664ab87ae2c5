"""Counters of stations: their readings become steps, and steps become pieces or questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from datetime import datetime, timedelta
from typing import Any

from genba_edge.core.attribution import Attribution
from genba_edge.core.changeover import TellPieces
from genba_edge.core.counted_point import KEY, CountedPoint, counted_points, load_counter, save_counter
from genba_edge.core.counter import advance, begin, go_on
from genba_edge.core.counter_state import (
    EDGE_SLACK,
    CounterState,
    Doubt,
    Evidence,
    Outcomes,
    Reading,
    Step,
    allowance,
    as_shown,
    upward,
)
from genba_edge.core.journal import Journal, load
from genba_edge.core.nodes import Nodes
from genba_edge.core.observations import Sample
from genba_edge.core.reset_evidence import ResetSigns
from genba_edge.core.watch import Watch
from genba_edge.core.work import Work
from genba_edge.core.zones import Zones
from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.events import Confidence, CountMethod, CountOption, DataQuestioned, QuestionCause

KnownUntil = Callable[[PointRef], datetime | None]

JOB_READ_LATE = timedelta(seconds=10)  # a polled job number may stand in a slower group than the counter


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
        self._unsettled: set[PointRef] = set()  # a step waits for confirmation
        self._job_changed_at: dict[str, datetime] = {}
        self._former: dict[PointRef, CounterState] = {}  # of counters whose value means something else by now
        for name, value in load(saved, KEY).items():
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
        if state.held is not None:
            self._unsettled.add(point.ref)

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
        if state is None or ref in self._unsettled:
            return False
        settings = self._points[ref].settings
        return 0 <= state.last <= settings.limit - settings.lowest

    def hold(self, ref: PointRef, at: datetime) -> None:
        """A steady counter was read at `at` and has still the value of its last reading."""
        until = self._held_until.get(ref)
        if until is None or at > until:
            self._held_until[ref] = at

    def begin_look(self) -> None:
        """What is told from here on was emitted together."""
        self._signs.begin_look()

    def note_evidence(self, ref: PointRef, sample: Sample, watch: Watch) -> None:
        """Remember what a point that shows resets says."""
        self._signs.note(ref, sample, watch)

    def note_job(self, station: str, at: datetime) -> None:
        """The job number of a station is another one from `at` on."""
        self._job_changed_at[station] = at

    def read(self, ref: PointRef, raw: int, *, at: datetime, watch: Watch) -> bool:
        """One reading of a counter. Returns whether it is steady now (see `is_steady`)."""
        point, state = self._points[ref], self._settled(ref) if self._held_until else self._counters.get(ref)
        watched = watch.is_watched(ref, at)
        if state is None:
            self._begin(point, Reading(raw, at))
            return self.is_steady(ref)
        settings = point.settings
        known_until = watch.known_until(ref, at)  # it was last heard of, with the old value
        if known_until is not None and state.held is None and state.seen_at < known_until <= at:
            state = state._replace(seen_at=known_until)
        if settings.reset_by is None and not point.follows_job:
            reading = Reading(raw, at, watched)
            plain = go_on(state, reading, settings) if settings.pieces_per_count == 1 else None
            if plain is not None:
                self._counters[ref], step = plain
                self._attribution.add(point, step, step.delta, epoch=state.epoch)
                return True
        else:
            evidence = self._evidence(point, state, raw, at, watch)
            reading = Reading(raw, at, watched, evidence, self._is_new_job(point, state, at, watch))
        self._conclude(point, state, *advance(state, reading, settings))
        return self.is_steady(ref)

    def _evidence(self, point: CountedPoint, state: CounterState, raw: int, at: datetime, watch: Watch) -> Evidence:
        """What shows that the counter was reset; it has to begin anew where the counter did not fall."""
        evidence = point.settings.reset_by
        if evidence is None:
            return Evidence.NONE
        falls = upward(raw, point.settings) < state.last or state.held is not None
        seen = self._signs.seen_since(evidence, state.changed_at)
        if seen and (falls or self._signs.began_since(evidence, state.seen_at)):
            return Evidence.SHOWN if self._signs.is_shown_from(evidence, state.seen_at) else Evidence.SHOWN_BEFORE
        return self._signs.tell(evidence, point.ref, since=state.seen_at, at=_held_at(state, at), watch=watch)

    def _is_new_job(self, point: CountedPoint, state: CounterState, at: datetime, watch: Watch) -> bool:
        """Whether the job number changed since the counter's value did, and not only after its step."""
        changed_at = self._job_changed_at.get(point.station or "") if point.follows_job else None
        if changed_at is None or changed_at <= state.changed_at:
            return False
        late = JOB_READ_LATE if watch.is_polled(point.ref.device) else timedelta(0)
        return changed_at <= _held_at(state, at) + late

    def _begin(self, point: CountedPoint, reading: Reading) -> None:
        """The first reading; of a counter that the map gives another meaning, the first of a new counter epoch."""
        former = self._former.pop(point.ref, None)
        if former is None:
            state, outcomes = begin(reading, point.settings)
            self._attribution.begin_total(point.ref, 0)
        else:
            state, outcomes = begin(reading, point.settings, epoch=former.epoch + 1, total=former.total)
            self._ask_meaning(point, former, reading)
        self._conclude(point, state, state, outcomes)
        self._save(point.ref)

    def _settled(self, ref: PointRef) -> CounterState | None:
        """The counter's state, with the readings of the same value that came since it was put down."""
        state, until = self._counters.get(ref), self._held_until.pop(ref, None)
        if state is not None and until is not None and until > state.seen_at:
            state = self._counters[ref] = state._replace(seen_at=until)
        return state

    def _conclude(self, point: CountedPoint, before: CounterState, state: CounterState, outcomes: Outcomes) -> None:
        self._counters[point.ref] = state
        if state.held is not None or before.held is not None:
            (self._unsettled.discard if state.held is None else self._unsettled.add)(point.ref)
            if not outcomes:  # kept through a kill, and with it all that was counted before
                self._attribution.flush(point.ref)
        for outcome in outcomes:
            match outcome:
                case Step():
                    self._count(point, outcome)
                case Doubt():
                    self._ask(point, outcome)
        if len(outcomes) > 1:  # the state holds all of them: none may wait for its event
            self._attribution.flush(point.ref)

    def confirm_held(self, device: str, at: datetime, watch: Watch) -> None:
        """The device was heard of at `at`: a step that waits for confirmation was read once more."""
        if not self._unsettled:
            return
        for ref in [ref for ref in self._unsettled if ref.device == device]:
            held = self._counters[ref].held
            if held is not None and at > held.seen_at:
                self.read(ref, as_shown(held.value, self._points[ref].settings), at=at, watch=watch)

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
            if until is not None and until > state.seen_at and state.held is None:
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

    def _count(self, point: CountedPoint, step: Step) -> None:
        times = point.settings.pieces_per_count
        pieces = step.delta * times
        if times != 1:
            step = step._replace(
                least=None if step.least is None else step.least * times,
                most=None if step.most is None else step.most * times,
                options=_times(step.options, times),
                trail={**step.trail, "pieces_per_count": times} if step.trail else step.trail,
            )
        if step.confidence is Confidence.AMBIGUOUS and step.least is not None and step.most is not None:
            self._zones.doubt_count(point.ref, below=pieces - step.least, above=step.most - pieces, at=step.at)
        if pieces or step.most is not None:
            self._attribution.add(point, step, pieces, epoch=self._counters[point.ref].epoch)
        if not pieces:
            self._attribution.flush(point.ref)  # the new epoch is state worth keeping

    def _ask(self, point: CountedPoint, doubt: Doubt) -> None:
        """Put a question to people: nothing of what it asks is counted."""
        self._attribution.flush(point.ref)
        times = point.settings.pieces_per_count
        key = self._work.owner_at(point.station, doubt.at) if point.station is not None else None
        event = self._journal.emit(
            DataQuestioned,
            at=doubt.at,
            source=point.source,
            station=point.station,
            work_order=key.work_order if key else None,
            node=key.node if key else None,
            point=str(point.ref),
            note=_note(doubt),
            cause=doubt.cause,
            result=point.result,
            since=doubt.since,
            least=None if doubt.least is None else doubt.least * times,
            most=None if doubt.most is None else doubt.most * times,
            options=tuple(str(option) for option in _times(doubt.options, times)),
        )
        if doubt.trail:
            self._journal.note_trail(event, **doubt.trail)
        most = doubt.reach if doubt.most is None else doubt.most
        if most:
            least = (doubt.least or 0) * times
            self._zones.question_count(point.ref, least=least, most=most * times, at=doubt.at, because=event.id)

    def _ask_meaning(self, point: CountedPoint, former: CounterState, reading: Reading) -> None:
        """What was made between the last reading of the old meaning and the first of the new one is on no counter."""
        since, settings = min(former.seen_at, reading.at), point.settings
        most = None if settings.max_rate is None else allowance(settings, since, reading.at, slack=EDGE_SLACK)
        self._ask(
            point,
            Doubt(
                cause=QuestionCause.MEANING,
                raw=reading.raw,
                last=reading.raw,
                reach=0,
                since=since,
                at=reading.at,
                least=0,
                most=most,
                options=(CountOption(CountMethod.MANUAL, 0),),
            ),
        )

    def _save(self, ref: PointRef) -> None:
        state = self._settled(ref)
        if state is not None:
            kept = {"pieces": self._attribution.emitted_total(ref), "meaning": self._points[ref].meaning}
            self._journal.save(KEY + str(ref), save_counter(state) | kept)


def _held_at(state: CounterState, at: datetime) -> datetime:
    """When the step was first read that is being decided."""
    return at if state.held is None else state.held.at


def _times(options: tuple[CountOption, ...], times: int) -> tuple[CountOption, ...]:
    return tuple(CountOption(option.method, option.pieces * times) for option in options)


def _note(doubt: Doubt) -> str:
    match doubt.cause:
        case QuestionCause.SATURATED:
            return (
                f"the counter stands at its limit of {doubt.raw} and stays there: pieces from here on are not counted"
            )
        case QuestionCause.MEANING:
            return f"the map gives this counter another meaning: counting goes on from {doubt.raw}"
        case QuestionCause.IMPOSSIBLE:
            note = "beyond the limit: not counted"
        case _:
            note = f"counting goes on from {doubt.raw}"
    return f"read {doubt.raw} after {doubt.last}: at most {doubt.reach} counts were possible; {note}"
