"""The one write path: dedup, fold, log, chain, views, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from genba_cloud.core.delivery import Answer, Take, admit, decide
from genba_cloud.ledger.batches import Appended, Broken, EnvelopeBatch
from genba_cloud.ledger.chain import as_stored, canonical, leaf_of, link_hash
from genba_cloud.ledger.folding import fold_events
from genba_cloud.ledger.sealing import NO_KEY, Seals
from genba_cloud.store.port import Link, LogRow, Quarantined, ReceivedRange, Transaction
from genba_cloud.store.read import LoggedEvent
from genba_shared.clock import to_milliseconds
from genba_shared.errors import ContractError
from genba_shared.events import DataGapSeen, Event, EventId, GapCause, Source, SourceType

COLLECTOR = Source(type=SourceType.SYSTEM, ref="collector")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What the shell gives to a write: the plant time at which it is taken, ids for events made here, and seals."""

    now: datetime
    next_id: Callable[[], str]
    seals: Seals = NO_KEY


def append_envelope(transaction: Transaction, batch: EnvelopeBatch, stamp: Stamp) -> Appended:
    """Take an envelope, or what of it is new; `upto` of the result is the answer to the gateway."""
    received = transaction.received(batch.gateway, batch.lane, batch.epoch)
    decision = decide(received.upto, batch.reach)
    match decision:
        case Answer(upto=upto):
            return Appended(upto=upto)
        case Take():
            return _take(transaction, batch, decision, received=received, stamp=stamp)


def _take(
    transaction: Transaction, batch: EnvelopeBatch, take: Take, *, received: ReceivedRange, stamp: Stamp
) -> Appended:
    taken, refused = admit(
        batch.events, gateway=batch.gateway, epoch=batch.epoch, first=take.first, last=batch.reach.last
    )
    broken = [part for part in batch.broken if part.seq is None or part.seq >= take.first]
    broken += [Broken(seq=_seq(row.event), reason=row.reason, body=canonical(row.event)) for row in refused]
    transaction.quarantine([_quarantined(part, batch, stamp.now) for part in broken])
    newest = max((event.at for event in taken), default=received.last_at)
    value = ReceivedRange(upto=take.upto, last_at=newest)
    transaction.set_received(batch.gateway, batch.lane, batch.epoch, value)
    lost = [_lost(batch, take.lost, received=received, stamp=stamp)] if take.lost else []
    return replace(append_own(transaction, [*lost, *taken], stamp), upto=take.upto)


def append_events(transaction: Transaction, events: Sequence[Event], stamp: Stamp) -> Appended:
    """Take events with client-made ids; one whose id is known is not taken again.

    Raises:
        ContractError: an event has the id of a gateway's event.
    """
    leaves: dict[str, bytes] = {}
    known = transaction.client_leaves(event.id for event in events)
    new: list[Event] = []
    duplicates, conflicts = 0, []
    for event in events:
        if EventId.parse(event.id) is not None:
            raise ContractError(f"id {event.id} is a gateway's: write a UUID")
        there = known.get(event.id) or leaves.get(event.id)
        if there is None:
            leaves[event.id] = stamp.seals.mark_of(transaction.proofs, event, stamp.now)
            new.append(as_stored(event))
        elif stamp.seals.is_same(transaction.proofs, there, event):
            duplicates += 1
        else:
            conflicts.append(event.id)
    transaction.add_client_leaves(leaves)
    appended = append_own(transaction, new, stamp)
    return replace(appended, duplicates=duplicates, conflicts=tuple(conflicts))


def append_own(transaction: Transaction, events: Sequence[Event], stamp: Stamp) -> Appended:
    """Take events that are known to be new: fold, log, chain, views."""
    if not events:
        return Appended()
    events = stamp.seals.seal(transaction.proofs, events, stamp.now)
    folded = fold_events(transaction, events)
    previous = transaction.last_link()
    received_at = to_milliseconds(stamp.now)
    rows = [_row(previous.last + number, event, received_at) for number, event in enumerate(events, start=1)]
    transaction.append_log(rows, _link(previous, rows))
    last = rows[-1].position
    transaction.put_views({key: replace(view, position=last) for key, view in folded.views.items()})
    logged = (LoggedEvent(position=row.position, received_at=received_at, event=row.event) for row in rows)
    return Appended(events=tuple(logged), changed=folded.changed)


def _row(position: int, event: Event, received_at: datetime) -> LogRow:
    body = canonical(event)
    return LogRow(position=position, received_at=received_at, event=event, body=body, leaf=leaf_of(body))


def _link(previous: Link, rows: Sequence[LogRow]) -> Link:
    first, last = rows[0].position, rows[-1].position
    leaves = [row.leaf for row in rows]
    hashed = link_hash(previous.hash, first=first, last=last, leaves=leaves)
    return Link(number=previous.number + 1, first=first, last=last, hash=hashed)


def _lost(batch: EnvelopeBatch, lost: tuple[int, int], *, received: ReceivedRange, stamp: Stamp) -> Event:
    end = min((event.at for event in batch.events), default=stamp.now)
    begin = end if received.last_at is None else min(received.last_at, end)
    return DataGapSeen(
        id=stamp.next_id(),
        at=to_milliseconds(stamp.now),
        source=COLLECTOR,
        begin=begin,
        end=end,
        cause=GapCause.RESTORE,
        subject=batch.gateway,
        reason=f"{batch.lane} {batch.epoch} {lost[0]}..{lost[1]} were taken and lost again: restored from a backup",
    )


def _seq(event: Event) -> int | None:
    made = EventId.parse(event.id)
    return made.seq if made else None


def _quarantined(part: Broken, batch: EnvelopeBatch, now: datetime) -> Quarantined:
    name = None if part.seq is None else f"{batch.gateway}:{batch.epoch}:{part.seq}"
    return Quarantined(gateway=batch.gateway, reason=part.reason, received_at=now, body=part.body, event_id=name)


def quarantine(transaction: Transaction, rows: Iterable[Quarantined]) -> Appended:
    """Keep what cannot be read at all; it is not accounted for."""
    transaction.quarantine(list(rows))
    return Appended()
