"""Rows of another run of a gateway, compared with what is here under the same seqs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from genba_cloud.core.delivery import Take
from genba_cloud.ledger.archive import find_events
from genba_cloud.ledger.batches import Broken, EnvelopeBatch
from genba_cloud.ledger.chain import canonical, leaf_of
from genba_cloud.store.port import Transaction
from genba_shared.events import Event, made_by

DIFFERS: Final = "two gateways share an identity: the log has another event under this number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What of an envelope is `new`, and what must be quarantined (`broken`); equal rows are in neither.

    `is_forked`: some row differs from the one that is here.
    """

    new: tuple[Event, ...]
    broken: tuple[Broken, ...]
    is_forked: bool = False


def compare(
    transaction: Transaction,
    batch: EnvelopeBatch,
    take: Take,
    *,
    events: Sequence[Event],
    broken: Sequence[Broken],
    pending: Mapping[str, Event],
) -> Compared:
    """Part an envelope's rows: those above what is known are new, the others equal what is here, or they differ.

    A row that differs and is in quarantine already is not kept twice; nor is one that could not be taken then.
    `pending` are events by id that are taken in this transaction, and are not in the log before it ends.
    """
    known = [event for event in events if _seq(event) <= take.known_upto]
    old_broken = [part for part in broken if part.seq is not None and part.seq <= take.known_upto]
    if not known and not old_broken:
        return Compared(new=tuple(events), broken=tuple(broken))
    leaves = dict(transaction.taken_leaves(event.id for event in known))
    leaves |= {event.id: leaf_of(canonical(pending[event.id])) for event in known if event.id in pending}
    leaves |= _archived_leaves(transaction, [event.id for event in known if event.id not in leaves])
    bodies = {event.id: canonical(event) for event in known}
    differing = [event for event in known if leaves.get(event.id) != leaf_of(bodies[event.id])]
    parts = [Broken(seq=_seq(event), reason=DIFFERS, body=bodies[event.id]) for event in differing] + old_broken
    names = {id(part): f"{batch.gateway}:{batch.epoch}:{part.seq}" for part in parts}
    there = transaction.quarantined_bodies(names.values())
    kept = [part for part in parts if part.body not in there.get(names[id(part)], frozenset())]
    kept += [part for part in broken if part.seq is None or part.seq > take.known_upto]
    return Compared(
        new=tuple(event for event in events if _seq(event) > take.known_upto),
        broken=tuple(kept),
        # what is here in quarantine alone was refused before, and says nothing of a second gateway
        is_forked=any(event.id in leaves or event.id not in there for event in differing),
    )


def _archived_leaves(transaction: Transaction, ids: Sequence[str]) -> Mapping[str, bytes]:
    """Of those that the log no longer holds: a gateway's card may be put back to a state of long ago."""
    if not ids or not transaction.proofs.archives():
        return {}
    return {name: leaf_of(canonical(event)) for name, event in find_events(transaction, ids).items()}


def _seq(event: Event) -> int:
    made = made_by(event.id)
    return made.seq if made else 0
