"""What the gateway ``gw-demo`` says: its events, a minute apart, and envelopes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from genba_shared.codec import Codec, Envelope, Header, Lane, encode
from genba_shared.events import Event, NodeStarted, PiecesCounted, Result, Source, SourceType

EPOCH = "0123456789abcdef0123456789abcdef"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC = Source(type=SourceType.PLC, ref="cutter1/good")
GATEWAY = "gw-demo"


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def started(seq: int) -> Event:
    return NodeStarted(id=f"{GATEWAY}:{EPOCH}:{seq}", at=minute(seq), source=PLC, work_order="WO-1", node="CUT")


def counted(seq: int, total: int = 4, delta: int = 4) -> Event:
    return PiecesCounted(
        id=f"{GATEWAY}:{EPOCH}:{seq}",
        at=minute(seq),
        source=PLC,
        station="CUT-1",
        work_order="WO-1",
        node="CUT",
        point="cutter1/good",
        result=Result.GOOD,
        delta=delta,
        total=total,
        counter_epoch=1,
        since=minute(0),
    )


def envelope(*events: Event, prev: int = 0, acked: int = 0, gateway: str = GATEWAY, lane: Lane = Lane.FACTS) -> bytes:
    first, last = (int(event.id.rpartition(":")[2]) for event in (events[0], events[-1]))
    header = Header(
        codec=Codec.ZLIB,
        lane=lane,
        gateway=gateway,
        epoch=EPOCH,
        first=first,
        last=last,
        prev=prev,
        acked=acked,
        wall=minute(0),
        mono_ms=1,
    )
    return encode(Envelope(header=header, events=events))


def next_envelope(*events: Event, lane: Lane = Lane.FACTS) -> bytes:
    """An envelope that follows on what was sent before it."""
    return envelope(*events, prev=int(events[0].id.rpartition(":")[2]) - 1, lane=lane)
