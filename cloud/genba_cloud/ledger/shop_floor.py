"""What people and the API tell stations and tags: queue rows, explicit dispatch, bindings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from genba_cloud.core.facts import STATION, TAG, Aggregate, OpenDispatch, Refused, TagFold, ViewKey
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.ledger.batches import Appended, Changed
from genba_cloud.store.port import PlannedWork, Transaction
from genba_cloud.store.read import QueueRow
from genba_shared.clock import to_milliseconds
from genba_shared.events import DispatchClosed, DispatchOpened, Event, Source, TagBound, TagUnbound


@dataclass(frozen=True, slots=True, kw_only=True)
class TagToBind:
    """From now on the tag stands for `pieces` pieces of the work order."""

    tag: str
    work_order: str
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAppended:
    """`rows` are those that were not in the queue before."""

    rows: tuple[QueueRow, ...]
    appended: Appended = field(default_factory=Appended)


def append_queue(transaction: Transaction, rows: Sequence[QueueRow]) -> QueueAppended | Refused:
    """Add rows at the end of their station's queue; a row that is there already is left alone."""
    planned = transaction.planned({row.work_order for row in rows})
    for row in rows:
        if row.quantity < 1:
            return Refused(
                reason=f"{row.work_order} {row.node}: quantity is below 1", accepted="whole pieces, 1 or more"
            )
        refused = unknown_node(planned, row.work_order, row.node)
        if refused is not None:
            return refused
    new = transaction.append_queue(rows)
    stations = frozenset(row.station for row in new)
    return QueueAppended(rows=new, appended=Appended(changed=Changed(stations=stations, dispatch=bool(new))))


def open_dispatch(transaction: Transaction, wanted: QueueRow, source: Source, stamp: Stamp) -> Appended | Refused:
    """From now on the station works on this node of this work order; what it worked on before is closed.

    Asking again for what is open already changes nothing.
    """
    refused = unknown_node(transaction.planned([wanted.work_order]), wanted.work_order, wanted.node)
    if refused is not None:
        return refused
    view = transaction.views([ViewKey(Aggregate.STATION, wanted.station)]).get(
        ViewKey(Aggregate.STATION, wanted.station)
    )
    now_open = STATION.from_json(view.state).dispatch if view else None
    if now_open and now_open.explicit and (now_open.work_order, now_open.node) == (wanted.work_order, wanted.node):
        return Appended()
    return append_own(transaction, list(_dispatch_events(wanted, now_open, source, stamp)), stamp)


def _dispatch_events(wanted: QueueRow, now_open: OpenDispatch | None, source: Source, stamp: Stamp) -> Iterable[Event]:
    at = to_milliseconds(stamp.now)
    if now_open is not None:
        yield DispatchClosed(
            id=stamp.next_id(),
            at=at,
            source=source,
            station=wanted.station,
            work_order=now_open.work_order,
            node=now_open.node,
        )
    yield DispatchOpened(
        id=stamp.next_id(),
        at=at,
        source=source,
        station=wanted.station,
        work_order=wanted.work_order,
        node=wanted.node,
        pieces=wanted.quantity,
    )


def change_tags(
    transaction: Transaction, bind: Sequence[TagToBind], unbind: Sequence[str], source: Source, stamp: Stamp
) -> Appended | Refused:
    """Bind and unbind tags. A bound tag moves to the new work order; what is so already is left alone."""
    planned = transaction.planned({one.work_order for one in bind})
    for one in bind:
        if one.work_order not in planned:
            return Refused(
                reason=f"work order {one.work_order} is not known", accepted="a work order of a posted order"
            )
        if one.pieces < 1:
            return Refused(reason=f"tag {one.tag}: pieces is below 1", accepted="whole pieces, 1 or more")
    names = [*(one.tag for one in bind), *unbind]
    if len(set(names)) != len(names):
        return Refused(reason="a tag is named twice", accepted="each tag once: bind it or unbind it")
    views = transaction.views(ViewKey(Aggregate.TAG, name) for name in names)
    folds: dict[str, TagFold] = {key.id: TAG.from_json(view.state) for key, view in views.items()}
    at = to_milliseconds(stamp.now)
    events: list[Event] = [
        TagUnbound(id=stamp.next_id(), at=at, source=source, tag=name)
        for name in unbind
        if folds.get(name, TagFold()).work_order is not None
    ]
    for one in bind:
        fold = folds.get(one.tag, TagFold())
        if (fold.work_order, fold.pieces) != (one.work_order, one.pieces):
            event_id = stamp.next_id()
            events.append(
                TagBound(id=event_id, at=at, source=source, work_order=one.work_order, tag=one.tag, pieces=one.pieces)
            )
    appended = append_own(transaction, events, stamp)
    return replace(appended, changed=replace(appended.changed, dispatch=bool(events)))


def unknown_node(planned: Mapping[str, PlannedWork], work_order: str, node: str) -> Refused | None:
    """Why nobody can work on this node of this work order; None where it is planned."""
    work = planned.get(work_order)
    if work is None:
        return Refused(reason=f"work order {work_order} is not known", accepted="a work order of a posted order")
    if work.plan.node(node) is None:
        codes = ", ".join(one.node for one in work.plan.nodes)
        return Refused(reason=f"work order {work_order} has no node {node}", accepted=f"one of {codes}")
    return None
