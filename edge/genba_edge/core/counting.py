"""Pieces at stations: counter steps, attributed to the work that owned the station, joined into events.

The first change after a quiet time is sent at once, later ones are joined to one event per point and `COALESCE`. A
join ends at the completion of a node, at a change of work, at anything but a plain step, and at shutdown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from genba_edge.core.changeover import TellPieces
from genba_edge.core.counted_point import CountedPoint, counted_points, load_counter, save_counter
from genba_edge.core.counter import CounterState, Doubt, Reading, Step, advance, confirm, start_counter
from genba_edge.core.journal import Journal, load
from genba_edge.core.nodes import Nodes, WorkKey
from genba_edge.core.observations import Sample
from genba_edge.core.reset_evidence import ResetSigns
from genba_edge.core.watch import Watch
from genba_edge.core.work import Work
from genba_edge.core.zones import Zones
from genba_shared.device_map.model import DeviceMap, PointRef
from genba_shared.events import (
    Confidence,
    CountMethod,
    DataQuestioned,
    PiecesCounted,
    Result,
    Source,
    SourceType,
)

KnownUntil = Callable[[PointRef], datetime | None]

COALESCE = timedelta(seconds=10)
_KEY = "counter/"


class Pending(NamedTuple):
    """Pieces that are counted and not yet emitted; `key` is the work they belong to (None: unassigned)."""

    key: WorkKey | None
    pieces: int
    step: Step
    epoch: int


class Counting:
    """All counters of the gateway."""

    def __init__(
        self, device_map: DeviceMap, journal: Journal, nodes: Nodes, work: Work, zones: Zones, saved: Mapping[str, str]
    ) -> None:
        self.tell_pieces: TellPieces | None = None
        self._journal, self._nodes, self._work, self._zones = journal, nodes, work, zones
        self._points = {point.ref: point for point in counted_points(device_map)}
        self._of_station: dict[str, list[PointRef]] = {}
        for counted in self._points.values():
            self._of_station.setdefault(counted.station, []).append(counted.ref)
        named = (point.settings.reset_by for point in self._points.values())
        self._signs = ResetSigns((each for each in named if each is not None), journal, saved)
        self._counters: dict[PointRef, CounterState] = {}
        self._held_until: dict[PointRef, datetime] = {}  # readings of the same value, not yet in the counter's state
        self._doubted: set[PointRef] = set()
        self._pending: dict[PointRef, list[Pending]] = {}
        self._waiting: Counter[WorkKey] = Counter()  # good pieces in `_pending`
        self._due_at: datetime | None = None  # no join is old enough before
        self._emitted_total: dict[PointRef, int] = {}
        self._flushed_at: dict[PointRef, datetime] = {}
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
        self._emitted_total[point.ref] = value.get("pieces", state.total * point.settings.pieces_per_count)
        if value.get("meaning", point.meaning) != point.meaning:
            self._former[point.ref] = state
            return
        self._counters[point.ref] = state
        if state.doubted is not None:
            self._doubted.add(point.ref)

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
            self._emitted_total[point.ref] = 0
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
        system = Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)
        for key in self._nodes.open_keys():
            rule = self._nodes.rules().get(key.node)
            if rule is None or rule.done_when.all_left is not None:
                continue
            station = rule.stations[0] if len(rule.stations) == 1 else None
            if self._nodes.complete_counted(key, station=station, source=system):
                self._take_next(key, at=self._journal.moment.now)

    def flush_due(self, now: datetime) -> None:
        """Emit joins that are old enough."""
        if self._due_at is None or _is_young(self._due_at - COALESCE, now):
            return
        for ref in [ref for ref in self._pending if not _is_young(self._flushed_at[ref], now)]:
            self.flush(ref)
        self._due_at = min((self._flushed_at[ref] + COALESCE for ref in self._pending), default=None)

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
            self.flush(ref)

    def flush(self, ref: PointRef) -> None:
        """Emit the joins of one point, and the state of its counter with them."""
        joins = self._pending.pop(ref, [])
        for pending in joins:
            self._note_waiting(self._points[ref], pending.key, -pending.pieces)
            self._emit(self._points[ref], pending)
        if joins:
            self._flushed_at[ref] = self._journal.moment.now
        self._save(ref)

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
        if pieces == 0:
            if step.confidence is Confidence.AMBIGUOUS:  # nothing was seen, and something may have been made
                self._add(point, self._whole(point, step, pieces))
            self.flush(point.ref)  # the new epoch is state worth keeping
            return
        for part in self._by_owner(point, step, pieces):
            self._add(point, part)

    def _whole(self, point: CountedPoint, step: Step, pieces: int) -> Pending:
        epoch = self._counters[point.ref].epoch
        return Pending(key=self._work.owner_at(point.station, step.at), pieces=pieces, step=step, epoch=epoch)

    def _by_owner(self, point: CountedPoint, step: Step, pieces: int) -> Iterable[Pending]:
        """Give the pieces to the work that owns the station; what exceeds its quantity, to the next row, in doubt."""
        whole = self._whole(point, step, pieces)
        boundary = self._work.opened_at(point.station)
        if boundary is not None and step.since < boundary <= step.at:  # the work changed within the step
            whole = _in_doubt(whole)
        if point.result is not Result.GOOD:
            yield whole
            return
        while True:
            room = self._room(whole.key)
            if room is None or whole.pieces <= room:
                yield whole
                return
            rest = _in_doubt(whole._replace(pieces=whole.pieces - room))
            if room:
                part = whole._replace(pieces=room)
                yield part if part.step.confidence is Confidence.CERTAIN else _in_doubt(part)
            following = self._work.owner(point.station)
            if following == whole.key:  # more than was wanted, and no next row: it stays with the work, in doubt
                yield rest
                return
            whole = rest._replace(key=following)

    def _room(self, key: WorkKey | None) -> int | None:
        """Pieces that the node still wants; None: no bound is known."""
        quantity = self._nodes.quantity(key) if key is not None else None
        if key is None or quantity is None:
            return None
        return max(0, quantity - self._nodes.progress(key).good - self._waiting[key])

    def _note_waiting(self, point: CountedPoint, key: WorkKey | None, pieces: int) -> None:
        if key is not None and point.result is Result.GOOD:
            self._waiting[key] += pieces
            if not self._waiting[key]:
                del self._waiting[key]

    def _add(self, point: CountedPoint, new: Pending) -> None:
        ref = point.ref
        if new.pieces and self.tell_pieces is not None:
            self.tell_pieces(point.station, ref, point.result, new.key, new.pieces, new.step)
        joins = self._pending.setdefault(ref, [])
        last = joins[-1] if joins else None
        if last is not None and _joins(last, new):
            step = new.step._replace(since=last.step.since)
            joins[-1] = new._replace(pieces=last.pieces + new.pieces, step=step)
        else:
            joins.append(new)
        self._note_waiting(point, new.key, new.pieces)
        flushed_at = self._flushed_at.get(ref)
        quiet = flushed_at is None or not _is_young(flushed_at, self._journal.moment.now)
        first_piece = new.key is not None and not self._nodes.progress(new.key).started
        if quiet or first_piece or not _is_plain(new.step):
            self.flush(ref)
        elif flushed_at is not None and (self._due_at is None or flushed_at + COALESCE < self._due_at):
            self._due_at = flushed_at + COALESCE
        if new.key is not None and point.result is Result.GOOD and self._room(new.key) == 0:
            self._complete(point, new.key)

    def _complete(self, point: CountedPoint, key: WorkKey) -> None:
        for ref, joins in list(self._pending.items()):
            if any(pending.key == key for pending in joins):
                self.flush(ref)
        if self._nodes.complete_counted(key, station=point.station, source=_source(point.ref)):
            self._take_next(key, at=self._counters[point.ref].changed_at)

    def _take_next(self, key: WorkKey, *, at: datetime) -> None:
        """The node is complete: every station that works on it goes on to its next row."""
        rule = self._nodes.rules().get(key.node)
        for station in rule.stations if rule is not None else ():
            if self._work.owner(station) == key:
                self._work.take_next(station, at=at)

    def _emit(self, point: CountedPoint, pending: Pending) -> None:
        step, key = pending.step, pending.key
        total = self._emitted_total.get(point.ref, 0) + pending.pieces
        self._emitted_total[point.ref] = total
        event = self._journal.emit(
            PiecesCounted,
            at=step.at,
            source=_source(point.ref),
            station=point.station,
            work_order=key.work_order if key else None,
            node=key.node if key else None,
            point=str(point.ref),
            result=point.result,
            delta=pending.pieces,
            total=total,
            counter_epoch=pending.epoch,
            since=step.since,
            method=step.method,
            confidence=step.confidence,
            least=step.least,
            most=step.most,
        )
        self._zones.pieces_counted(
            point.station, point.result, pending.pieces, at=step.at, source=event.source, because=event.id
        )
        if key is None:
            return
        ambiguous = step.confidence is Confidence.AMBIGUOUS
        if not pending.pieces:  # nothing was seen: no piece that starts the work, and none that is its last
            self._nodes.doubt(key)
            return
        self._nodes.start(key, at=step.at, station=point.station, source=event.source, because=event.id)
        if point.result is Result.GOOD:
            self._nodes.add_pieces(key, pending.pieces, at=step.at, because=event.id, ambiguous=ambiguous)

    def _question(self, point: CountedPoint, doubt: Doubt) -> None:
        self.flush(point.ref)
        note = f"read {doubt.raw} after {doubt.last}: at most {doubt.reach} counts were possible; "
        note += f"counting goes on from {doubt.raw}" if doubt.resumes else "beyond the limit: not counted"
        self._doubt(point, at=doubt.at, note=note)

    def _doubt(self, point: CountedPoint, *, at: datetime, note: str) -> None:
        self._journal.emit(
            DataQuestioned,
            at=at,
            source=_source(point.ref),
            station=point.station,
            point=str(point.ref),
            note=note,
        )

    def _save(self, ref: PointRef) -> None:
        state = self._settled(ref)
        if state is not None:
            kept = {"pieces": self._emitted_total.get(ref, 0), "meaning": self._points[ref].meaning}
            self._journal.save(_KEY + str(ref), save_counter(state) | kept)


def _source(ref: PointRef) -> Source:
    return Source(type=SourceType.PLC, ref=str(ref))


def _is_young(flushed_at: datetime, now: datetime) -> bool:
    """Whether a join may wait longer: not when the clock was set back, or it would wait for the length of the step."""
    return flushed_at <= now < flushed_at + COALESCE


def _is_plain(step: Step) -> bool:
    return step.method is CountMethod.NORMAL and step.confidence is Confidence.CERTAIN


def _joins(last: Pending, new: Pending) -> bool:
    return last.key == new.key and last.epoch == new.epoch and _is_plain(last.step) and _is_plain(new.step)


def _in_doubt(pending: Pending) -> Pending:
    """The same pieces, of which some or all may belong to other work."""
    most = max(pending.pieces, pending.step.most or 0)
    step = pending.step._replace(confidence=Confidence.AMBIGUOUS, least=0, most=most)
    return pending._replace(step=step)
