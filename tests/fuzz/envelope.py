"""Envelopes: whatever comes over the broker, reading it gives checked events, refused ones, or a ContractError.

An input is a byte that says what it is, and the bytes: a whole envelope (0), the body of one of version 2 or 1 (1, 2)
behind a header that fits, or a header with a check sum that fits (3). Of a body, the second byte says how many events
its header announces.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from genba_shared.codec import Codec, Envelope, Header, decode, encode
from genba_shared.codec.body_reader import read_body
from genba_shared.codec.compression import decompress
from genba_shared.codec.header import frame, unframe
from genba_shared.codec.version1 import read_body as read_body_1
from genba_shared.errors import ContractError
from genba_shared.events import Event, event_from_json, event_to_json
from tests.fuzz.loop import Harm

GOLDEN = Path(__file__).parents[1] / "golden" / "envelopes"
WHOLE, BODY, BODY_1, HEADER = range(4)
GATEWAY, EPOCH = "line-1", "00112233445566778899aabbccddeeff"


def run(data: bytes) -> None:
    what, rest = data[:1], data[1:]
    try:
        match what[0] % 4 if what else WHOLE:
            case 0:
                decode(rest)
            case 3:
                unframe(rest + zlib.crc32(rest).to_bytes(4, "little") + b"body")
            case version:
                _read(read_body if version == BODY else read_body_1, rest[:1], rest[1:])
    except ContractError:
        return


def _read(read: object, count: bytes, body: bytes) -> None:
    seqs = range(7, 7 + (count[0] if count else 0) % 80 + 1)
    assert callable(read)
    events, rejected = read(body, seqs=seqs, gateway=GATEWAY, epoch=EPOCH)
    if len(events) + len(rejected) != len(seqs):
        raise Harm(f"{len(seqs)} events announced, {len(events)} read and {len(rejected)} refused")
    json.dumps([each.raw for each in rejected])
    for event in events:
        if event_from_json(event_to_json(event)) != event:
            raise Harm(f"read, but not as JSON: {event}")
    if events and not rejected:
        _write_again(events)


def _write_again(events: tuple[Event, ...]) -> None:
    header = Header(
        codec=Codec.STORED,
        gateway=GATEWAY,
        epoch=EPOCH,
        first=7,
        last=6 + len(events),
        prev=6,
        acked=0,
        wall=datetime(2026, 1, 5, tzinfo=UTC),
        mono_ms=1,
    )
    if decode(encode(Envelope(header=header, events=events))).events != events:
        raise Harm("written again it says something else")


def seeds() -> list[bytes]:
    found = [bytes([WHOLE]) + path.read_bytes() for path in sorted(GOLDEN.glob("*/*.bin"))]
    for what, folder in ((BODY, "version-2"), (BODY_1, "version-1")):
        framed = unframe((GOLDEN / folder / "every-kind.stored.bin").read_bytes())
        body = decompress(framed.body, framed.header.codec, size=framed.size)
        found.append(bytes([what, framed.header.count - 1]) + body)
        envelope = decode((GOLDEN / folder / "every-kind.stored.bin").read_bytes())
        head = frame(replace(envelope.header), b"body", size=4)
        found.append(bytes([HEADER]) + head[: -len(b"body") - 4])
    return found
