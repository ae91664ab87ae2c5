"""The one write path: dedup, fold, log, chain, views, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple

from genba_cloud.core.delivery import Answer, Standing, Take, admit, decide, greet
from genba_cloud.core.names import LONGEST_NAME_BYTES, too_long_a_name
from genba_cloud.ledger.alarms import COLLECTOR, fork_of, sound_alarm
from genba_cloud.ledger.batches import NOTHING_CHANGED, Appended, Broken, Changed, EnvelopeBatch
from genba_cloud.ledger.chain import as_stored, canonical, leaf_of, link_hash
from genba_cloud.ledger.copies import compare
from genba_cloud.ledger.folding import fold, touch
from genba_cloud.ledger.sealing import NO_KEY, Seals
from genba_cloud.store.port import Link, LogRow, Quarantined, RangeKey, ReceivedRange, Transaction
from genba_cloud.store.read import LoggedEvent
from genba_shared.clock import to_milliseconds
from genba_shared.errors import ContractError
from genba_shared.events import DataGapSeen, Event, EventId, GapCause, made_by

_PIECE: Final = 250
"""Events that are handed to the store at a time."""
QUARANTINE_BYTES: Final = 100_000_000
"""Bytes of what cannot be taken that are kept for one gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What the shell gives to a write: the plant time at which it is taken, ids for events made here, and seals."""

    now: datetime
    next_id: Callable[[], str]
    seals: Seals = NO_KEY


def append_envelope(transaction: Transaction, batch: EnvelopeBatch, stamp: Stamp) -> Appended:
    """Take an envelope, or what of it is new; `upto` of the result is the answer to the gateway."""
    return append_envelopes(transaction, [batch], stamp)[0]


def append_envelopes(transaction: Transaction, batches: Sequence[EnvelopeBatch], stamp: Stamp) -> list[Appended]:
    """Take envelopes in this order, as `append_envelope` takes each, for the effort of one that holds all their events.

    They share a link of the chain. `changed` is what all of them changed together.
    """
    ranges = dict(transaction.received_ranges({_range_of(batch) for batch in batches}))
    moved: dict[RangeKey, ReceivedRange] = {}
    taken: list[_Taken] = []
    pending: dict[str, Event] = {}
    for batch in batches:
        key = _range_of(batch)
        one = _take(transaction, batch, ranges[key], stamp=stamp, pending=pending)
        taken.append(one)
        pending.update((event.id, event) for event in one.events)
        if one.range is not None:
            ranges[key] = moved[key] = one.range
            transaction.quarantine([quarantined(part, batch, stamp.now) for part in one.broken])
    transaction.set_received_ranges(moved)
    appended = append_own(transaction, [event for one in taken for event in one.events], stamp)
    forked = frozenset(batch.gateway for batch, one in zip(batches, taken, strict=True) if one.is_forked)
    changed = appended.changed.with_more(Changed(gateways=forked))  # the alarm is noted there
    logged = iter(appended.events)
    return [
        Appended(
            events=tuple(islice(logged, len(one.events))),
            upto=one.upto,
            ahead=one.ahead,
            forked=one.is_forked,
            is_quarantine_full=one.is_quarantine_full,
            changed=changed if one.events else NOTHING_CHANGED,
        )
        for one in taken
    ]


def _range_of(batch: EnvelopeBatch) -> RangeKey:
    return RangeKey(batch.gateway, batch.lane, batch.epoch)


class _Taken(NamedTuple):
    """What is taken of an envelope: the answer to it, and where anything is, the range that it moves."""

    upto: int
    ahead: int | None = None
    range: ReceivedRange | None = None
    events: Sequence[Event] = ()
    broken: Sequence[Broken] = ()
    is_forked: bool = False
    is_quarantine_full: bool = False


def _take(
    transaction: Transaction,
    batch: EnvelopeBatch,
    received: ReceivedRange,
    *,
    stamp: Stamp,
    pending: Mapping[str, Event],
) -> _Taken:
    """What to take; `pending` are the events that are taken before it in the same transaction, by id."""
    standing = Standing(upto=received.upto, run=received.run)
    decision = decide(standing, batch.reach)
    match decision:
        case Answer(upto=upto):
            is_other = batch.reach.run not in (None, received.run)
            return _Taken(upto=upto, ahead=received.upto if is_other else None)
        case Take():
            pass
    taken, refused = admit(
        batch.events, gateway=batch.gateway, epoch=batch.epoch, first=decision.first, last=batch.reach.last
    )
    broken = [part for part in batch.broken if part.seq is None or part.seq >= decision.first]
    broken += [Broken(seq=seq_of(row.event), reason=row.reason, body=canonical(row.event)) for row in refused]
    compared = compare(transaction, batch, decision, events=taken, broken=broken, pending=pending)
    if not has_room(transaction, batch.gateway, (part.body for part in compared.broken)):
        upto, ahead = greet(standing, run=batch.reach.run, acked=batch.reach.acked)
        return _Taken(upto=upto, ahead=ahead, is_quarantine_full=True)
    newest = max((event.at for event in compared.new), default=received.last_at)
    own = [_lost(batch, decision.lost, received=received, stamp=stamp)] if decision.lost else []
    if compared.is_forked:
        own += sound_alarm(transaction, fork_of(batch, other=received.run), now=stamp.now, pending=pending)
    return _Taken(
        upto=decision.upto,
        range=ReceivedRange(upto=decision.standing.upto, last_at=newest, run=decision.standing.run),
        events=[*own, *compared.new],
        broken=compared.broken,
        is_forked=compared.is_forked,
    )


def append_events(transaction: Transaction, events: Sequence[Event], stamp: Stamp) -> Appended:
    """Take events with client-made ids; one whose id is known is not taken again.

    Raises:
        ContractError: an event has the id of a gateway's event, or a name that is too long.
    """
    leaves: dict[str, bytes] = {}
    known = transaction.client_leaves(event.id for event in events)
    new: list[Event] = []
    duplicates, conflicts = 0, []
    for event in events:
        if EventId.parse(event.id) is not None:
            raise ContractError(f"id {event.id} is a gateway's: write a UUID")
        if (field := too_long_a_name(event)) is not None:
            raise ContractError(f"{field} of an event is longer than {LONGEST_NAME_BYTES} bytes")
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
    touched = touch(transaction, events)
    received_at = to_milliseconds(stamp.now)
    previous = transaction.last_link()
    _log(transaction, events, previous, received_at)
    first, last = previous.last + 1, previous.last + len(events)
    folded = fold(touched, first=first)  # while the database is busy with the rows
    logged = tuple(LoggedEvent(position, received_at, event) for position, event in enumerate(events, start=first))
    transaction.put_views({key: view.at(last) for key, view in folded.views.items()})
    return Appended(events=logged, changed=folded.changed)


def _log(transaction: Transaction, events: Sequence[Event], previous: Link, received_at: datetime) -> None:
    """Put the events at the end of the log, piece by piece: one is made while the database writes the one before."""
    first, last = previous.last + 1, previous.last + len(events)
    leaves: list[bytes] = []
    for start in range(0, len(events), _PIECE):
        rows: list[LogRow] = []
        for position, event in enumerate(events[start : start + _PIECE], start=first + start):
            body = canonical(event)
            rows.append(LogRow(position, received_at, event, body, leaf_of(body)))
        leaves += [row.leaf for row in rows]
        if rows[-1].position < last:
            transaction.append_log(rows)
            continue
        hashed = link_hash(previous.hash, first=first, last=last, leaves=leaves)
        transaction.append_log(rows, Link(number=previous.number + 1, first=first, last=last, hash=hashed))


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


def seq_of(event: Event) -> int | None:
    """The number that its gateway gave it; None: no gateway made it."""
    made = made_by(event.id)
    return made.seq if made else None


def quarantined(part: Broken, batch: EnvelopeBatch, now: datetime) -> Quarantined:
    """The row that keeps a part of an envelope that cannot be taken."""
    name = None if part.seq is None else f"{batch.gateway}:{batch.epoch}:{part.seq}"
    return Quarantined(gateway=batch.gateway, reason=part.reason, received_at=now, body=part.body, event_id=name)


def has_room(transaction: Transaction, gateway: str, bodies: Iterable[bytes]) -> bool:
    """Whether these bytes may be kept in quarantine for the gateway, too."""
    wanted = sum(len(body) for body in bodies)
    return wanted == 0 or transaction.quarantine_size(gateway) + wanted <= QUARANTINE_BYTES
