"""From a decision to send to the bytes of an envelope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genba_edge.core.delivery import Send
from genba_shared.clock import ProductionClock
from genba_shared.codec import Envelope, Header, Sign, best_codec, encode
from genba_shared.errors import ContractError
from genba_shared.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends: the gateway in its epoch and run (8 hex digits); `sign` None: it is not enrolled."""

    gateway: str
    epoch: str
    run: str
    clock: ProductionClock
    sign: Sign | None = None


def make_envelope(send: Send, events: Sequence[Event], sender: Sender) -> bytes:
    """The bytes of the envelope that `send` asks for.

    Raises:
        ContractError: an event does not fit the wire, or all together are too many bytes.
    """
    header = Header(
        codec=best_codec(events=len(events)),
        gateway=sender.gateway,
        epoch=sender.epoch,
        first=send.first,
        last=send.last,
        dropped=send.dropped,
        prev=send.prev,
        acked=send.acked,
        run=sender.run,
        disputed=send.disputed,
        patient=send.patient,
        wall=sender.clock.now(),
        mono_ms=sender.clock.mono_ms(),
    )
    return encode(Envelope(header=header, events=tuple(events)), sign=sender.sign)


def unsendable(send: Send, events: Sequence[Event], sender: Sender) -> frozenset[int]:
    """The seqs of those events that do not even fit an envelope of their own."""
    bad: set[int] = set()
    for event in events:
        seq = int(event.id.rpartition(":")[2])
        alone = Send(first=seq, last=seq, dropped=(), prev=seq - 1, acked=send.acked)
        try:
            make_envelope(alone, (event,), sender)
        except ContractError:
            bad.add(seq)
    return frozenset(bad)
