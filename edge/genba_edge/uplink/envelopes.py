"""From a decision to send to the bytes of an envelope."""

from __future__ import annotations

from collections.abc import Sequence

from genba_edge.core.delivery import Send
from genba_shared.clock import ProductionClock
from genba_shared.codec import Envelope, Header, best_codec, encode
from genba_shared.errors import ContractError
from genba_shared.events import Event


def make_envelope(send: Send, events: Sequence[Event], *, gateway: str, epoch: str, clock: ProductionClock) -> bytes:
    """The bytes of the envelope that `send` asks for.

    Raises:
        ContractError: an event does not fit the wire, or all together are too many bytes.
    """
    header = Header(
        codec=best_codec(events=len(events)),
        gateway=gateway,
        epoch=epoch,
        first=send.first,
        last=send.last,
        dropped=send.dropped,
        prev=send.prev,
        acked=send.acked,
        wall=clock.now(),
        mono_ms=clock.mono_ms(),
    )
    return encode(Envelope(header=header, events=tuple(events)))


def unsendable(
    send: Send, events: Sequence[Event], *, gateway: str, epoch: str, clock: ProductionClock
) -> frozenset[int]:
    """The seqs of those events that do not even fit an envelope of their own."""
    bad: set[int] = set()
    for event in events:
        seq = int(event.id.rpartition(":")[2])
        alone = Send(first=seq, last=seq, dropped=(), prev=seq - 1, acked=send.acked)
        try:
            make_envelope(alone, (event,), gateway=gateway, epoch=epoch, clock=clock)
        except ContractError:
            bad.add(seq)
    return frozenset(bad)
