"""What people do on the floor, written: how things stand is read, the core decides, its events enter the log.

All in one transaction, with the work order locked, so that of two people who do the same at once the second is told
that it is done. A request with an idempotency key is written once; sent again, it is told what was written.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

from genba_cloud.core.actions import (
    MOST_TARGETS,
    ActionRefused,
    Actor,
    Aim,
    Already,
    Decided,
    Decision,
    Entry,
    NodeAction,
    NodePlace,
    NodeWish,
    OrderAction,
    OrderWish,
    Why,
    WorkSeen,
    aim,
    decide_node,
    decide_order,
    decide_undo,
    places_of,
    said_of_order,
    work_orders_behind,
)
from genba_cloud.core.facts import Aggregate, Refused, ViewKey
from genba_cloud.ledger.append import Stamp, append_own
from genba_cloud.ledger.archive import find_events
from genba_cloud.ledger.batches import Appended
from genba_cloud.ledger.shop_floor import unknown_node
from genba_cloud.store.floor import DoneAlready, ScanCode
from genba_cloud.store.port import Transaction
from genba_cloud.store.work import facts_with
from genba_shared.clock import to_milliseconds
from genba_shared.events import CodeScanned, Event, OrderChanged

KEPT: Final = timedelta(days=7)
"""So long a request with an idempotency key is recognised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """What a repeated request is recognised by: the hash of who sent it with its key, and of what it asks."""

    key: str
    request: str


class Outcome(StrEnum):
    """What became of a request."""

    DONE = "done"
    ALREADY = "already"
    """It was so before: nothing was written."""
    REPEATED = "repeated"
    """The very same request was done before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDone:
    """What was done. `at`: when, or since when it is so. `undo` takes it back; None: there is nothing to take back."""

    outcome: Outcome
    at: datetime
    events: tuple[Event, ...] = ()
    undo: str | None = None
    appended: Appended = field(default_factory=Appended)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRequest:
    """Do this with a node."""

    work_order: str
    node: str
    wish: NodeWish
    actor: Actor
    once: Once | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """Do what a scan means; `action` None: what comes next. `work_order`, `node`: which node of an order's code."""

    code: ScanCode
    actor: Actor
    action: NodeAction | None = None
    wish: NodeWish
    work_order: str | None = None
    node: str | None = None
    once: Once | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """Do this with an order."""

    order: str
    wish: OrderWish
    actor: Actor
    once: Once | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRequest:
    """Take back what `undo` names, for `reason`; `order`: only what is about this order."""

    undo: str
    reason: str | None
    actor: Actor
    order: str | None = None
    once: Once | None = None


def act_on_node(transaction: Transaction, wanted: NodeRequest, stamp: Stamp) -> ActionDone | Refused:
    """Do something with a node."""
    refused = unknown_node(transaction.planned([wanted.work_order]), wanted.work_order, wanted.node)
    if refused is not None:
        return refused
    places = places_in(transaction, [wanted.work_order], stamp)
    place = next(one for one in places if _is(one, wanted.work_order, wanted.node))

    def decide(entry: Entry) -> Decision:
        return decide_node(place, wanted.wish, wanted.actor, entry)

    return written(transaction, decide, wanted.once, stamp)


def act_on_scan(transaction: Transaction, wanted: ScanRequest, stamp: Stamp) -> ActionDone | Refused:
    """Do what the scan of a label means; the scan itself is an event, too, and what was done follows from it."""
    found = places_of_code(transaction, wanted.code, stamp, work_order=wanted.work_order, node=wanted.node)
    if isinstance(found, Refused):
        return found
    is_named = len(found) == 1 and (wanted.node is not None or wanted.code.node is not None)

    def decide(entry: Entry) -> Decision:
        meant = aim(
            found,
            wanted.action,
            wanted.wish.pieces,
            wanted.actor,
            stamp.now,
            is_named=is_named,
            station=wanted.wish.station,
        )
        if not isinstance(meant, Aim):
            return meant
        decided = decide_node(meant.place, replace(wanted.wish, action=meant.action), wanted.actor, entry)
        return _with_scan(decided, wanted, meant.place, entry) if isinstance(decided, Decided) else decided

    return written(transaction, decide, wanted.once, stamp)


def act_on_order(transaction: Transaction, wanted: OrderRequest, stamp: Stamp) -> ActionDone | Refused | None:
    """Do something with an order as a whole; None: there is no such order."""
    stored = transaction.order(wanted.order)
    if stored is None:
        return None
    said = said_of_order(transaction.floor.said_of_order(wanted.order))

    def decide(entry: Entry) -> Decision:
        return decide_order(stored.plan, said, wanted.wish, wanted.actor, entry)

    done = written(transaction, decide, wanted.once, stamp)
    is_new = isinstance(done, ActionDone) and done.outcome is Outcome.DONE
    if is_new and wanted.wish.action is OrderAction.PRIORITISE:
        plan = replace(stored.plan, priority=wanted.wish.priority or 0)
        transaction.put_order(replace(stored, plan=plan))
    return done


def undo(transaction: Transaction, wanted: UndoRequest, stamp: Stamp) -> ActionDone | Refused | None:
    """Take something back; None: no such thing is known."""
    ids = read_undo(wanted.undo)
    if ids is None:
        return None
    found = find_events(transaction, ids)
    if len(found) != len(ids):
        return None
    targets = stamp.seals.opened(transaction.proofs, [found[name] for name in ids])
    transaction.views(_views({event.work_order for event in targets if event.work_order is not None}))
    orders = _orders_of(transaction, targets)
    if wanted.order is not None and orders != {wanted.order}:
        return None
    shipped = min(_shipped(transaction, orders), default=None)
    voids = transaction.floor.voided(ids)

    def decide(entry: Entry) -> Decision:
        return decide_undo(targets, voids, wanted.actor, entry, reason=wanted.reason, shipped=shipped)

    done = written(transaction, decide, wanted.once, stamp)
    return replace(done, undo=None) if isinstance(done, ActionDone) else done


def written(
    transaction: Transaction, decide: Callable[[Entry], Decision], once: Once | None, stamp: Stamp
) -> ActionDone | Refused:
    """Write what is decided, once. What the decision rests on is locked already."""
    before = transaction.floor.done(once.key) if once else None
    if before is not None and once is not None:
        return _repeated(transaction, before, once, stamp)
    decided = decide(Entry(now=stamp.now, next_id=stamp.next_id))
    match decided:
        case Refused():
            return decided
        case Already(at=at):
            return ActionDone(outcome=Outcome.ALREADY, at=at)
        case Decided(events=events):
            appended = append_own(transaction, list(events), stamp)
            names = tuple(event.id for event in events)
            now = to_milliseconds(stamp.now)
            if once is not None:
                done = DoneAlready(key=once.key, request=once.request, events=names, at=now)
                transaction.floor.note_done(done, forget_before=stamp.now - KEPT)
            return ActionDone(
                outcome=Outcome.DONE, at=now, events=events, undo=write_undo(_undoable(events)), appended=appended
            )


def places_in(transaction: Transaction, work_orders: Sequence[str], stamp: Stamp) -> tuple[NodePlace, ...]:
    """Nodes of these work orders, and of those that they wait for, as they stand; locked to the transaction's end."""
    planned = dict(transaction.planned(work_orders))
    behind = {name for work in planned.values() for name in work_orders_behind(work.plan)} - planned.keys()
    planned.update(transaction.planned(behind))
    views = transaction.views(_views(planned))
    said = {
        order: said_of_order(transaction.floor.said_of_order(order)) for order in {w.order for w in planned.values()}
    }
    return places_of(
        WorkSeen(
            order=work.order,
            plan=work.plan,
            facts_with=partial(facts_with, name, work.plan, views.get(ViewKey(Aggregate.WORK_ORDER, name))),
            events=stamp.seals.opened(transaction.proofs, transaction.floor.said(name)),
            order_said=said[work.order],
        )
        for name, work in planned.items()
    )


def places_of_code(
    transaction: Transaction, code: ScanCode, stamp: Stamp, *, work_order: str | None, node: str | None
) -> tuple[NodePlace, ...] | Refused:
    """The nodes that a label stands for: its own, the one that was named beside it, or all of its order."""
    stored = transaction.order(code.order)
    names = [work.work_order for work in stored.plan.work_orders] if stored else []
    wanted = code.work_order or work_order
    if wanted is not None and wanted not in names:
        return Refused(
            reason=f"work order {wanted} is not of order {code.order}", accepted=f"one of {', '.join(names)}"
        )
    chosen = [wanted] if wanted is not None else names
    named = code.node or node
    places = [one for one in places_in(transaction, chosen, stamp) if one.work.work_order in chosen]
    found = tuple(one for one in places if named is None or one.plan.node == named)
    if not found:
        codes = ", ".join(sorted({one.plan.node for one in places}))
        return Refused(reason=f"there is no node {named!r:.100} here", accepted=f"node: one of {codes}")
    return found


def write_undo(ids: Iterable[str]) -> str | None:
    """A short form of events' ids, by which what they say is taken back."""
    raw = b"".join(uuid.UUID(name).bytes for name in ids)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=") if raw else None


def read_undo(text: str) -> tuple[str, ...] | None:
    """The ids behind the short form; None: it is none."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if not raw or len(raw) % 16 or len(raw) > 16 * MOST_TARGETS:
        return None
    return tuple(dict.fromkeys(str(uuid.UUID(bytes=raw[at : at + 16])) for at in range(0, len(raw), 16)))


def _undoable(events: Iterable[Event]) -> list[str]:
    """A scan took place whatever is taken back, and a priority is changed by another."""
    return [event.id for event in events if not isinstance(event, CodeScanned | OrderChanged)]


def _repeated(transaction: Transaction, before: DoneAlready, once: Once, stamp: Stamp) -> ActionDone | ActionRefused:
    if before.request != once.request:
        return ActionRefused(
            why=Why.OTHER_REQUEST,
            reason="this Idempotency-Key was used with another body",
            accepted="a new key for a new request",
        )
    found = find_events(transaction, before.events)
    events = stamp.seals.opened(transaction.proofs, [found[name] for name in before.events if name in found])
    return ActionDone(outcome=Outcome.REPEATED, at=before.at, events=events, undo=write_undo(_undoable(events)))


def _with_scan(decided: Decided, wanted: ScanRequest, place: NodePlace, entry: Entry) -> Decided:
    first = decided.events[0]
    scan = CodeScanned(
        id=entry.next_id(),
        at=to_milliseconds(entry.now),
        entered_at=to_milliseconds(entry.now),
        source=wanted.actor.source,
        site=place.work.site,
        station=wanted.wish.station,
        work_order=first.work_order,
        node=first.node,
        code_id=wanted.code.id,
        order=wanted.code.order,
    )
    return Decided(events=(scan, *(replace(event, because=(*event.because, scan.id)) for event in decided.events)))


def _orders_of(transaction: Transaction, targets: Iterable[Event]) -> set[str]:
    """Orders that these events speak of."""
    works = transaction.planned({event.work_order for event in targets if event.work_order is not None})
    named = {order for event in targets if (order := getattr(event, "order", None)) is not None}
    return named | {work.order for work in works.values()}


def _shipped(transaction: Transaction, orders: Iterable[str]) -> Iterable[datetime]:
    """When orders left the house, of those that did."""
    for order in sorted(orders):
        shipped = said_of_order(transaction.floor.said_of_order(order)).shipped_at
        if shipped is not None:
            yield shipped


def _views(work_orders: Iterable[str]) -> list[ViewKey]:
    return [ViewKey(Aggregate.WORK_ORDER, name) for name in work_orders]


def _is(place: NodePlace, work_order: str, node: str) -> bool:
    return (place.work.work_order, place.plan.node) == (work_order, node)
