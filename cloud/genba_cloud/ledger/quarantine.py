"""Quarantine: how much is kept, and how what lies there is taken after all.

What an envelope held and could not be taken is accounted for once it lies here, so that the gateway lets go of it.
Where there is no room for it, it is not: the gateway keeps it, and a person is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from genba_cloud.core.delivery import admit
from genba_cloud.ledger.append import Stamp, append_own, has_room, quarantined, seq_of
from genba_cloud.ledger.archive import find_events
from genba_cloud.ledger.batches import Appended, Broken, EnvelopeBatch
from genba_cloud.ledger.chain import canonical
from genba_cloud.ledger.copies import DIFFERS
from genba_cloud.store.port import Quarantined, Transaction
from genba_shared.codec import Lane, decode_header
from genba_shared.errors import ContractError
from genba_shared.events import EventId

Reread = Callable[[Quarantined], EnvelopeBatch | str]
"""What a quarantined row says when it is read by this version; a text: why it still cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What became of quarantined rows: events taken, and by row number why it stays."""

    taken: int = 0
    stays: tuple[tuple[int, str], ...] = ()
    appended: Appended = field(default_factory=Appended)


def keep(transaction: Transaction, rows: Iterable[Quarantined]) -> Appended:
    """Keep what cannot be read at all, where there is room; it is not accounted for."""
    for row in rows:
        if has_room(transaction, row.gateway, [row.body]):
            transaction.quarantine([row])
    return Appended()


def retry(transaction: Transaction, numbers: Iterable[int], reread: Reread, stamp: Stamp) -> Retried:
    """Read quarantined rows again, and take what this version understands; what it does not, stays.

    Only what is accounted for is taken: anything else the gateway still has and sends again.
    """
    result = Retried()
    rows = transaction.quarantined_rows(numbers)
    for number in sorted(set(numbers)):
        row = rows.get(number)
        outcome = "is not in quarantine" if row is None else _retry_one(transaction, number, row, reread, stamp)
        match outcome:
            case str():
                result = replace(result, stays=(*result.stays, (number, outcome)))
            case Appended():
                taken = result.taken + len(outcome.events)
                result = replace(result, taken=taken, appended=_joined(result.appended, outcome))
    return result


def _retry_one(transaction: Transaction, number: int, row: Quarantined, reread: Reread, stamp: Stamp) -> Appended | str:
    batch = reread(row)
    if isinstance(batch, str):
        return batch
    if transaction.received(batch.gateway, batch.lane, batch.epoch).upto < batch.reach.last:
        return "is not accounted for: its gateway still has it and sends it again; drop it"
    events, refused = admit(
        batch.events, gateway=batch.gateway, epoch=batch.epoch, first=batch.reach.first, last=batch.reach.last
    )
    if refused and not events:
        return refused[0].reason
    if not events and not batch.broken:
        return "holds no event"
    there = find_events(transaction, [event.id for event in events])
    differing = [event for event in events if event.id in there and canonical(there[event.id]) != canonical(event)]
    if differing and row.event_id is not None:
        return f"{DIFFERS}; drop it"
    appended = append_own(transaction, [event for event in events if event.id not in there], stamp)
    if any(seq_of(event) == batch.reach.last for event in events):
        transaction.forget_quarantined([number])  # the log reaches as far as what was answered
    else:
        _let_go(transaction, {number: row})
    parts = [Broken(seq=seq_of(event), reason=DIFFERS, body=canonical(event)) for event in differing]
    transaction.quarantine([quarantined(part, batch, stamp.now) for part in (*parts, *batch.broken)])
    return appended


def drop(transaction: Transaction, numbers: Sequence[int]) -> int:
    """Give quarantined rows up for good; how many there were."""
    return _let_go(transaction, transaction.quarantined_rows(numbers))


def _let_go(transaction: Transaction, rows: Mapping[int, Quarantined]) -> int:
    """Delete rows; that they were there is kept, as the log never will hold what was answered to their gateways."""
    reached: dict[tuple[str, str], int] = {}
    for row in rows.values():
        if (end := _end_of(row)) is not None:
            epoch, seq = end
            reached[row.gateway, epoch] = max(seq, reached.get((row.gateway, epoch), 0))
    answered = {(one.gateway, one.epoch): one.upto for one in transaction.proofs.answered()} if reached else {}
    for (gateway, epoch), seq in sorted(reached.items()):
        if seq <= answered.get((gateway, epoch), 0):
            transaction.proofs.note_given_up(gateway, epoch, seq)
    return transaction.forget_quarantined(list(rows))


def _end_of(row: Quarantined) -> tuple[str, int] | None:
    """The epoch and the last seq of what a row holds; None where nobody can tell."""
    if row.event_id is not None:
        made = EventId.parse(row.event_id)
        return None if made is None else (made.epoch, made.seq)
    try:
        header = decode_header(row.body)
    except ContractError:
        return None
    return (header.epoch, header.last) if header.lane is Lane.FACTS else None  # other lanes have numbers of their own


def _joined(one: Appended, other: Appended) -> Appended:
    return Appended(events=(*one.events, *other.events), changed=one.changed.with_more(other.changed))
