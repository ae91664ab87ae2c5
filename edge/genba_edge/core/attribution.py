"""Counted pieces, given to the work that owned the station and joined into events.

The first change after a quiet time is sent at once, later ones are joined to one event per point and `COALESCE`. A
join ends at the completion of a node, at a change of work, at anything but a plain step, and at shutdown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple

from genba_edge.core.changeover import TellPieces
from genba_edge.core.counted_point import CountedPoint
from genba_edge.core.counter import Step
from genba_edge.core.journal import Journal
from genba_edge.core.nodes import Nodes, WorkKey
from genba_edge.core.work import Work
from genba_edge.core.zones import Zones
from genba_shared.clock import format_time
from genba_shared.device_map.model import PointRef
from genba_shared.events import Confidence, CountMethod, PiecesCounted, Result, Source, SourceType

COALESCE = timedelta(seconds=10)


class Pending(NamedTuple):
    """Pieces of one step; `key` is the work they belong to (None: unassigned)."""

    key: WorkKey | None
    pieces: int
    step: Step
    epoch: int


@dataclass(slots=True)
class Join:
    """Pieces of one or more steps that are counted and not yet emitted; `step` is the first, `at` when the last was.

    Changed in place: nearly every piece of a running machine only goes on with a join.
    """

    point: CountedPoint
    key: WorkKey | None
    pieces: int
    step: Step
    epoch: int
    at: datetime


class Held(NamedTuple):
    """A step that waits until the job number of its station is to be believed."""

    point: CountedPoint
    step: Step
    pieces: int
    epoch: int


class Attribution:
    """Whose the pieces of every counter are, from the step of a counter to its event.

    Args:
        save: puts the state of a counter into the journal; called whenever everything that it counted was emitted.
    """

    def __init__(
        self, journal: Journal, nodes: Nodes, work: Work, zones: Zones, *, save: Callable[[PointRef], None]
    ) -> None:
        self._journal, self._nodes, self._work, self._zones, self._save = journal, nodes, work, zones, save
        self.tell_pieces: TellPieces | None = None
        self._pending: dict[PointRef, list[Join]] = {}
        self._held: list[Held] = []
        self._good: Counter[WorkKey] = Counter()  # good pieces in `_pending`
        self._scrap: Counter[WorkKey] = Counter()  # the same of scrap
        self._spare: dict[WorkKey, int] = {}  # so many further pieces reach no bound of a node's, whatever they are
        self._due_at: datetime | None = None  # no join is old enough before
        self._emitted_total: dict[PointRef, int] = {}
        self._flushed_at: dict[PointRef, datetime] = {}
        self._flushed: dict[PointRef, Join] = {}  # the last that was emitted
        nodes.gather_by(self.flush_work)
        nodes.when_changed(self._forget_spare)
        nodes.when_released(self._take_next)

    def emitted_total(self, ref: PointRef) -> int:
        """Pieces of the counter that events tell of so far; never falls."""
        return self._emitted_total.get(ref, 0)

    def begin_total(self, ref: PointRef, pieces: int) -> None:
        """Events tell of so many pieces of the counter already."""
        self._emitted_total[ref] = pieces

    def add(self, point: CountedPoint, step: Step, pieces: int, *, epoch: int) -> None:
        """A counter moved by `pieces` pieces; 0 of an ambiguous step: nothing was seen, and something may be made."""
        if self._goes_on(point, step, pieces, epoch):
            return
        station = point.station
        if station is not None and self._work.waits_for_jobs and self._work.waits(station, step.at):
            self._held.append(Held(point, step, pieces, epoch))
            return
        for part in self._by_owner(point, step, pieces, epoch):
            self._add(point, part)

    def take_held(self, station: str) -> list[Held]:
        """The steps of a station that waited for its job number; the caller gives them back by `add_held`."""
        taken = [held for held in self._held if held.point.station == station]
        self._held = [held for held in self._held if held.point.station != station]
        return taken

    def add_held(self, held: Sequence[Held], *, in_doubt: bool) -> None:
        """Give steps that waited to the work that their station now has, or had then."""
        for point, step, pieces, epoch in held:
            if in_doubt:
                step = step._replace(confidence=Confidence.AMBIGUOUS, least=0, most=max(pieces, step.most or 0))
            self.add(point, step, pieces, epoch=epoch)

    def doubt_change(self, station: str, before: WorkKey | None, after: WorkKey | None, *, since: datetime) -> None:
        """The work changed at some time after `since`: pieces that were given away after it may belong to the other."""
        told, waits = format_time(since), False
        for join in chain.from_iterable(self._pending.values()):
            if join.point.station == station and join.key == before and join.at > since:
                waits, join.step = True, _doubtful(join.step, join.pieces)
        told_after = before is not None and self._nodes.progress(before).last_at > told
        if waits or told_after:
            for key in filter(None, (before, after)):
                self._nodes.doubt(key, f"the job number of {station} changed at some time after {told}")

    def flush_work(self, key: WorkKey) -> None:
        """Emit what is joined for a node."""
        if key in self._good or key in self._scrap:
            for ref, joins in list(self._pending.items()):
                if any(join.key == key for join in joins):
                    self.flush(ref)

    def flush(self, ref: PointRef) -> None:
        """Emit the joins of one point, and the state of its counter with them; later, if some of it is held."""
        if self._held and any(held.point.ref == ref for held in self._held):
            return
        joins = self._pending.pop(ref, [])
        for join in joins:
            self._note_waiting(join.point, join.key, -join.pieces)
            self._emit(join)
        if joins:
            self._flushed_at[ref] = self._journal.moment.now
            self._flushed[ref] = joins[-1]
        self._save(ref)

    def flush_due(self, now: datetime) -> None:
        """Emit joins that are old enough."""
        if self._due_at is None or _is_young(self._due_at - COALESCE, now):
            return
        for ref in [ref for ref in self._pending if not _is_young(self._flushed_at[ref], now)]:
            self.flush(ref)
        self._due_at = min((self._flushed_at[ref] + COALESCE for ref in self._pending), default=None)

    def complete_waiting(self) -> None:
        """Quantities or answers are new: claim the nodes whose evidence was already there.

        First those that no station works on: a station that goes on to its next row finds none that is done.
        """
        system = Source(type=SourceType.SYSTEM, ref=self._journal.identity.gateway)
        for key in sorted(self._nodes.open_keys(), key=lambda key: (self._nodes.progress(key).is_worked_on, key)):
            rule = self._nodes.rules().get(key.node)
            if rule is not None:
                station = rule.stations[0] if len(rule.stations) == 1 else None
                self._nodes.settle(key, station=station, source=system)

    def _goes_on(self, point: CountedPoint, step: Step, pieces: int, epoch: int) -> bool:
        """Whether the step only goes on with the last join of its counter, told or not: then it was added to it.

        What `_by_owner` and `_add` would find out is known already: the same work owns the station, and the pieces
        reach no bound of its node.
        """
        ref, station = point.ref, point.station
        joins = self._pending.get(ref)
        last = joins[-1] if joins else self._flushed.get(ref)
        if last is None or station is None or self._work.waits_for_jobs:
            return False
        key = last.key
        if key is None or pieces > self._spare.get(key, 0) or last.epoch != epoch:
            return False
        if not (_is_plain(step) and _is_plain(last.step) and self._work.is_owned_by(station, key, step.since, step.at)):
            return False
        flushed_at = self._flushed_at[ref]
        if not _is_young(flushed_at, self._journal.moment.now):
            return False
        if self.tell_pieces is not None:
            self.tell_pieces(station, ref, point.result, key, pieces, step)
        if joins:
            last.pieces += pieces
            last.at = step.at
        else:
            self._pending[ref] = [Join(point, key, pieces, step, epoch, step.at)]
            self._note_due(flushed_at)
        self._spare[key] -= pieces
        self._note_waiting(point, key, pieces)
        return True

    def _note_due(self, flushed_at: datetime) -> None:
        if self._due_at is None or flushed_at + COALESCE < self._due_at:
            self._due_at = flushed_at + COALESCE

    def _note_spare(self, key: WorkKey, result: Result) -> None:
        """Work out how many further pieces of the node change nothing but its number."""
        good, scrap = self._good[key], self._scrap[key]
        bounds = [self._nodes.room(key, result, good=good, scrap=scrap)]
        bounds += [each for each in self._nodes.wanted(key, good=good, scrap=scrap) or () if each > 0]
        known = [each - 1 for each in bounds if each is not None]
        if known and result is not Result.REWORK:
            self._spare[key] = min(min(known), self._spare.get(key, known[0]))

    def _forget_spare(self, key: WorkKey | None) -> None:
        """A node (None: all of them) is no longer what it was."""
        if key is None:
            self._spare.clear()
        else:
            self._spare.pop(key, None)

    def _by_owner(self, point: CountedPoint, step: Step, pieces: int, epoch: int) -> Iterable[Pending]:
        """Give the pieces to the work that owns the station; what exceeds its quantity, to the next row, in doubt."""
        station = point.station
        key = self._work.owner_at(station, step.at) if station is not None else None
        whole = Pending(key=key, pieces=pieces, step=step, epoch=epoch)
        if not pieces or station is None:
            yield whole
            return
        if self._work.changed_within(station, step.since, step.at):
            whole = _in_doubt(whole)
        while True:
            room = self._room(whole.key, point.result)
            if room is None or whole.pieces <= room or self._work.is_told(station):
                yield whole
                return
            rest = _in_doubt(whole._replace(pieces=whole.pieces - room))
            if room:
                part = whole._replace(pieces=room)
                yield part if part.step.confidence is Confidence.CERTAIN else _in_doubt(part)
            following = self._work.owner(station)
            if following == whole.key:  # more than was wanted, and no next row: it stays with the work, in doubt
                yield rest
                return
            whole = rest._replace(key=following)

    def _room(self, key: WorkKey | None, result: Result) -> int | None:
        """Further pieces after which the station goes on to other work; None: no bound is known."""
        if key is None:
            return None
        return self._nodes.room(key, result, good=self._good[key], scrap=self._scrap[key])

    def _note_waiting(self, point: CountedPoint, key: WorkKey | None, pieces: int) -> None:
        if key is None or point.result is Result.REWORK:
            return
        waiting = self._good if point.result is Result.GOOD else self._scrap
        waiting[key] += pieces
        if not waiting[key]:
            del waiting[key]

    def _reaches(self, point: CountedPoint, new: Pending) -> bool:
        """Whether these pieces (already among those that wait) are the ones that a quantity wanted."""
        key = new.key
        if key is None or point.result is Result.REWORK:
            return False
        wanted = self._nodes.wanted(key, good=self._good[key], scrap=self._scrap[key])
        return wanted is not None and any(missing <= 0 < missing + new.pieces for missing in wanted)

    def _add(self, point: CountedPoint, new: Pending) -> None:
        ref = point.ref
        if new.pieces and self.tell_pieces is not None and point.station is not None:
            self.tell_pieces(point.station, ref, point.result, new.key, new.pieces, new.step)
        joins = self._pending.setdefault(ref, [])
        last = joins[-1] if joins else None
        if last is not None and _joins(last, new):
            last.pieces, last.at = last.pieces + new.pieces, new.step.at
        else:
            joins.append(Join(point, new.key, new.pieces, new.step, new.epoch, new.step.at))
        self._note_waiting(point, new.key, new.pieces)
        reaches = self._reaches(point, new)
        flushed_at = self._flushed_at.get(ref)
        quiet = flushed_at is None or not _is_young(flushed_at, self._journal.moment.now)
        first_piece = new.key is not None and not self._nodes.progress(new.key).started
        if quiet or first_piece or reaches or not _is_plain(new.step):
            self.flush(ref)
        elif flushed_at is not None:
            self._note_due(flushed_at)
        if new.key is not None:
            self._note_spare(new.key, point.result)
        if reaches and new.key is not None:
            self._nodes.settle(new.key, station=point.station, source=point.source, at=new.step.at)

    def _take_next(self, key: WorkKey, at: datetime) -> None:
        """The stations have done their part of the node: every one that works on it goes on to its next row."""
        rule = self._nodes.rules().get(key.node)
        for station in rule.stations if rule is not None else ():
            if self._work.owner(station) == key:
                self._work.take_next(station, at=at)

    def _emit(self, join: Join) -> None:
        point, step, key = join.point, join.step, join.key
        total = self._emitted_total.get(point.ref, 0) + join.pieces
        self._emitted_total[point.ref] = total
        event = self._journal.emit(
            PiecesCounted,
            at=join.at,
            source=point.source,
            station=point.station,
            work_order=key.work_order if key else None,
            node=key.node if key else None,
            point=str(point.ref),
            result=point.result,
            delta=join.pieces,
            total=total,
            counter_epoch=join.epoch,
            since=step.since,
            method=step.method,
            confidence=step.confidence,
            least=step.least,
            most=step.most,
            options=tuple(str(option) for option in step.options),
        )
        if step.trail:
            self._journal.note_trail(event, **step.trail)
        self._zones.pieces_counted(
            point.ref, join.pieces, since=step.since, at=join.at, source=event.source, because=event.id
        )
        if key is None:
            return
        ambiguous = step.confidence is Confidence.AMBIGUOUS
        if not join.pieces:  # nothing was seen: no piece that starts the work, and none that is its last
            if ambiguous:
                self._nodes.doubt(key)
            return
        self._nodes.start(key, at=join.at, station=point.station, source=event.source, because=event.id)
        self._nodes.add_pieces(
            key,
            join.pieces,
            at=join.at,
            because=event.id,
            ambiguous=ambiguous and point.result is Result.GOOD,
            station=point.station,
            result=point.result,
        )


def _is_young(flushed_at: datetime, now: datetime) -> bool:
    """Whether a join may wait longer: not when the clock was set back, or it would wait for the length of the step."""
    return flushed_at <= now < flushed_at + COALESCE


def _is_plain(step: Step) -> bool:
    """Whether nothing but its pieces has to be told of it."""
    return step.method is CountMethod.NORMAL and step.confidence is Confidence.CERTAIN and step.most is None


def _joins(last: Join, new: Pending) -> bool:
    return last.key == new.key and last.epoch == new.epoch and _is_plain(last.step) and _is_plain(new.step)


def _in_doubt(pending: Pending) -> Pending:
    """The same pieces, of which some or all may belong to other work."""
    return pending._replace(step=_doubtful(pending.step, pending.pieces))


def _doubtful(step: Step, pieces: int) -> Step:
    most = max(pieces, step.most or 0)
    return step._replace(confidence=Confidence.AMBIGUOUS, least=0, most=most, options=())
