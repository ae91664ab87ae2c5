"""Envelopes: a header and the production events it announces."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from genba_shared.codec import version1
from genba_shared.codec.body_reader import read_body
from genba_shared.codec.body_writer import write_body
from genba_shared.codec.compression import MAX_BODY, compress, decompress
from genba_shared.codec.header import MAX_ENVELOPE, VERSION, Header, Sign, SignedHeader, check_header, frame, unframe
from genba_shared.codec.layout import MAX_EVENTS
from genba_shared.codec.rejection import Rejected
from genba_shared.errors import ContractError
from genba_shared.events.model import Event

_id_of: Final = attrgetter("id")
_READ_BODY: Final = {1: version1.read_body, VERSION: read_body}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A batch of production events as sent over MQTT.

    After decoding, `events` and `rejected` together are the seqs that the header announces; before encoding `rejected`
    is empty.
    """

    header: Header
    events: tuple[Event, ...]
    rejected: tuple[Rejected, ...] = ()


def encode(envelope: Envelope, *, sign: Sign | None = None) -> bytes:
    """The bytes of an envelope, compressed as its header's `codec` says, and signed with `sign`.

    Raises:
        ContractError: header and events do not belong together, or the envelope is above 128 kB: send fewer events.
        UsageError: zstd is asked for and not installed.
    """
    header, events = envelope.header, envelope.events
    check_header(header)
    if header.version != VERSION:
        raise ContractError(f"envelopes of version {header.version} are read, and written no more")
    if not 0 < len(events) <= MAX_EVENTS:
        raise ContractError(f"{len(events)} events in one envelope: 1 to {MAX_EVENTS} are allowed")
    if header.count != len(events):
        raise ContractError(f"header announces {header.count} events, the envelope holds {len(events)}")
    seqs = header.seqs()
    prefix = f"{header.gateway}:{header.epoch}:"
    expected = [f"{prefix}{seq}" for seq in seqs]
    if list(map(_id_of, events)) != expected:
        wrong = next((event.id, name) for event, name in zip(events, expected, strict=True) if event.id != name)
        raise ContractError(f"event {wrong[0]!r:.120} stands where {wrong[1]} should")
    body = write_body(events, seqs=seqs, gateway=header.gateway, epoch=header.epoch)
    if len(body) > MAX_BODY:
        raise ContractError(f"body of {len(body)} bytes is above {MAX_BODY}")
    data = frame(header, compress(body, header.codec), size=len(body), sign=sign)
    if len(data) > MAX_ENVELOPE:
        raise ContractError(f"envelope of {len(data)} bytes: at most {MAX_ENVELOPE}")
    return data


def decode(data: bytes, signed: SignedHeader | None = None) -> Envelope:
    """Read an envelope; single events that break the contract are in `rejected`, the others in `events`.

    `signed`: its header, where it was read before.

    Raises:
        ContractError: the envelope as a whole cannot be read.
        UsageError: it is compressed with zstd and zstandard is not installed here.
    """
    framed = unframe(data, signed)
    header = framed.header
    if not 0 < header.count <= MAX_EVENTS:
        raise ContractError(f"header announces {header.count} events: 1 to {MAX_EVENTS} are allowed")
    body = decompress(framed.body, header.codec, size=framed.size)
    read = _READ_BODY[header.version]
    events, rejected = read(body, seqs=header.seqs(), gateway=header.gateway, epoch=header.epoch)
    return Envelope(header=header, events=events, rejected=rejected)
