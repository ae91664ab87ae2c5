"""Counted pieces, given to the work that owned the station and joined into events.

The first change after a quiet time is sent at once, later ones are joined to one event per point and `COALESCE`. A
join ends at the completion of a node, at a change of work, at anything but a plain step, and at shutdown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from genba_edge.core.counted_point import CountedPoint
from genba_edge.core.counter import Step
from genba_edge.core.journal import Journal
from genba_edge.core.nodes import Nodes, WorkKey
from genba_edge.core.work import Work
from genba_edge.core.zones import Zones
from genba_shared.device_map.model import PointRef
from genba_shared.events import Confidence, CountMethod, PiecesCounted, Result, Source, SourceType

COALESCE = timedelta(seconds=10)


class Pending(NamedTuple):
    """Pieces that are counted and not yet emitted; `key` is the work they belong to (None: unassigned)."""

    key: WorkKey | None
    pieces: int
    step: Step
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
        self._pending: dict[PointRef, list[tuple[CountedPoint, Pending]]] = {}
        self._waiting: Counter[WorkKey] = Counter()  # good pieces in `_pending`
        self._due_at: datetime | None = None  # no join is old enough before
        self._emitted_total: dict[PointRef, int] = {}
        self._flushed_at: dict[PointRef, datetime] = {}

    def emitted_total(self, ref: PointRef) -> int:
        """Pieces of the counter that events tell of so far; never falls."""
        return self._emitted_total.get(ref, 0)

    def begin_total(self, ref: PointRef, pieces: int) -> None:
        """Events tell of so many pieces of the counter already."""
        self._emitted_total[ref] = pieces

    def add(self, point: CountedPoint, step: Step, pieces: int, *, epoch: int) -> None:
        """A counter moved by `pieces` pieces; 0 of an ambiguous step: nothing was seen, and something may be made."""
        for part in self._by_owner(point, step, pieces, epoch):
            self._add(point, part)

    def flush(self, ref: PointRef) -> None:
        """Emit the joins of one point, and the state of its counter with them."""
        joins = self._pending.pop(ref, [])
        for point, pending in joins:
            self._note_waiting(point, pending.key, -pending.pieces)
            self._emit(point, pending)
        if joins:
            self._flushed_at[ref] = self._journal.moment.now
        self._save(ref)

    def flush_due(self, now: datetime) -> None:
        """Emit joins that are old enough."""
        if self._due_at is None or _is_young(self._due_at - COALESCE, now):
            return
        for ref in [ref for ref in self._pending if not _is_young(self._flushed_at[ref], now)]:
            self.flush(ref)
        self._due_at = min((self._flushed_at[ref] + COALESCE for ref in self._pending), default=None)

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

    def _by_owner(self, point: CountedPoint, step: Step, pieces: int, epoch: int) -> Iterable[Pending]:
        """Give the pieces to the work that owns the station; what exceeds its quantity, to the next row, in doubt."""
        whole = Pending(key=self._work.owner_at(point.station, step.at), pieces=pieces, step=step, epoch=epoch)
        if not pieces:
            yield whole
            return
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
        joins = self._pending.setdefault(ref, [])
        last = joins[-1][1] if joins else None
        if last is not None and _joins(last, new):
            step = new.step._replace(since=last.step.since)
            joins[-1] = (point, new._replace(pieces=last.pieces + new.pieces, step=step))
        else:
            joins.append((point, new))
        self._note_waiting(point, new.key, new.pieces)
        flushed_at = self._flushed_at.get(ref)
        quiet = flushed_at is None or not _is_young(flushed_at, self._journal.moment.now)
        first_piece = new.key is not None and not self._nodes.progress(new.key).started
        if quiet or first_piece or not _is_plain(new.step):
            self.flush(ref)
        elif flushed_at is not None and (self._due_at is None or flushed_at + COALESCE < self._due_at):
            self._due_at = flushed_at + COALESCE
        if new.key is not None and point.result is Result.GOOD and self._room(new.key) == 0:
            self._complete(point, new.key, at=new.step.at)

    def _complete(self, point: CountedPoint, key: WorkKey, *, at: datetime) -> None:
        for ref, joins in list(self._pending.items()):
            if any(pending.key == key for _, pending in joins):
                self.flush(ref)
        if self._nodes.complete_counted(key, station=point.station, source=source_of(point.ref)):
            self._take_next(key, at=at)

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
            source=source_of(point.ref),
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
            options=tuple(str(option) for option in step.options),
        )
        if step.trail:
            self._journal.note_trail(event, **step.trail)
        self._zones.pieces_counted(
            point.station, point.result, pending.pieces, at=step.at, source=event.source, because=event.id
        )
        if key is None:
            return
        ambiguous = step.confidence is Confidence.AMBIGUOUS
        if not pending.pieces:  # nothing was seen: no piece that starts the work, and none that is its last
            if ambiguous:
                self._nodes.doubt(key)
            return
        self._nodes.start(key, at=step.at, station=point.station, source=event.source, because=event.id)
        if point.result is Result.GOOD:
            self._nodes.add_pieces(key, pending.pieces, at=step.at, because=event.id, ambiguous=ambiguous)


def source_of(ref: PointRef) -> Source:
    """The point itself, as the source of an event."""
    return Source(type=SourceType.PLC, ref=str(ref))


def _is_young(flushed_at: datetime, now: datetime) -> bool:
    """Whether a join may wait longer: not when the clock was set back, or it would wait for the length of the step."""
    return flushed_at <= now < flushed_at + COALESCE


def _is_plain(step: Step) -> bool:
    """Whether nothing but its pieces has to be told of it."""
    return step.method is CountMethod.NORMAL and step.confidence is Confidence.CERTAIN and step.most is None


def _joins(last: Pending, new: Pending) -> bool:
    return last.key == new.key and last.epoch == new.epoch and _is_plain(last.step) and _is_plain(new.step)


def _in_doubt(pending: Pending) -> Pending:
    """The same pieces, of which some or all may belong to other work."""
    most = max(pending.pieces, pending.step.most or 0)
    step = pending.step._replace(confidence=Confidence.AMBIGUOUS, least=0, most=most, options=())
    return pending._replace(step=step)
