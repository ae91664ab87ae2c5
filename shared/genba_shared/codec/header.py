"""The envelope header: uncompressed, with its own CRC, so that any part of the path can be followed without the body.

Layout, numbers little-endian, `v` = LEB128, `z` = zigzag LEB128:

    "gB" version:u8 codec:u8 lane:u8 flags:u8 gateway:len-u8+ascii epoch:16 bytes [run:4 bytes if flags bit 2]
    first:v last-first:v first-prev:v acked:v dropped:v (gap:v length-1:v)*
    wall_ms:z mono_ms:z [clock_offset_ms:z if flags bit 0]
    body_length:v body_size:v body_sha256:16 bytes              <- the signature covers everything up to here
    signature:len-v+bytes crc32:u32 over everything before it

Of SHA-256 the first 16 bytes are sent. Version 1, which is read and written no more, has all 32, and another body.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from genba_shared.codec.buffer import Reader, Writer
from genba_shared.codec.compression import MAX_BODY, Codec
from genba_shared.errors import ContractError
from genba_shared.topics import is_identifier

VERSION: Final = 2
HASH_BYTES: Final = {1: 32, VERSION: 16}  # of the body's SHA-256, by version; versions that are not written are read
MAX_ENVELOPE: Final = 128 * 1024  # bytes; below every broker's default limit
MAX_SEQ: Final = 2**63 - 1
_MAX_DROPPED_RANGES: Final = 1000
_MAX_SIGNATURE: Final = 64  # Ed25519
_MAGIC: Final = b"gB"
_CRC_BYTES: Final = 4
_EPOCH_BYTES: Final = 16
_EPOCH_HEX: Final = frozenset("0123456789abcdef")
_RUN_BYTES: Final = 4
_RUN: Final = re.compile("[0-9a-f]{8}")
_HAS_OFFSET: Final = 0b1
_IS_DISPUTED: Final = 0b10
_HAS_RUN: Final = 0b100
_IS_PATIENT: Final = 0b1000
_FLAGS: Final = _HAS_OFFSET | _IS_DISPUTED | _HAS_RUN | _IS_PATIENT
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


Sign = Callable[[bytes], bytes]
"""Makes a signature over bytes."""


class Lane(StrEnum):
    """Which sequence an envelope belongs to: production events, or raw samples."""

    FACTS = "facts"
    TELEMETRY = "telemetry"


_LANES: Final = (Lane.FACTS, Lane.TELEMETRY)
_CODECS: Final = {int(codec): codec for codec in Codec}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who sends what: the events `first`..`last` without the `dropped` ranges (pairs of first and last seq, ascending).

    `epoch` is 32 lower-case hex digits; seq counts from 1. `prev` is the last seq that the gateway holds before this
    envelope or, where it holds none, the collector's last answer; `acked` the greatest acknowledgement it ever got in
    this lane and epoch. `run` (8 hex digits) is drawn at each start of a gateway: it tells copies of one state folder
    apart. `disputed`: the gateway has reason to think that there are such copies. `patient`: the answer may wait for
    those to later envelopes (`genba_shared.acknowledgement`). `wall` is the gateway's plant time (whole ms), `mono_ms`
    its monotonic clock, both at sending.
    """

    version: int = VERSION
    codec: Codec
    gateway: str
    lane: Lane = Lane.FACTS
    epoch: str
    first: int
    last: int
    dropped: tuple[tuple[int, int], ...] = ()
    prev: int
    acked: int
    run: str | None = None
    disputed: bool = False
    patient: bool = False
    wall: datetime
    mono_ms: int
    clock_offset_ms: int | None = None
    signature: bytes = b""

    def seqs(self) -> list[int]:
        """The sequence numbers of the events in the body, in order; call it only after `count` was found bounded."""
        seqs: list[int] = []
        start = self.first
        for low, high in self.dropped:
            seqs.extend(range(start, low))
            start = high + 1
        seqs.extend(range(start, self.last + 1))
        return seqs

    @property
    def count(self) -> int:
        """How many events the body holds."""
        return self.last - self.first + 1 - sum(high - low + 1 for low, high in self.dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHeader:
    """A checked header, the bytes that its signature covers (all before the signature), and what it says of the body.

    `begin`: where in the envelope the body begins; it has `length` bytes with this hash, and `size` decompressed.
    """

    header: Header
    covered: bytes
    begin: int
    length: int
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """A checked header with the compressed body that follows it, and the body's size after decompression."""

    header: Header
    body: bytes
    size: int


def check_header(header: Header) -> None:
    """Whether the numbers of a header make sense together.

    Raises:
        ContractError: with the field that does not.
    """
    if header.version not in HASH_BYTES:
        raise ContractError(f"envelope version {header.version} is not known: up to {VERSION} are")
    if not is_identifier(header.gateway):
        raise ContractError(f"gateway {header.gateway!r:.80} is not an identifier: 1 to 40 of a-z, 0-9 and '-'")
    if len(header.epoch) != 2 * _EPOCH_BYTES or not _EPOCH_HEX.issuperset(header.epoch):
        raise ContractError(f"epoch {header.epoch!r:.80} is not 32 lower-case hex digits")
    if header.run is not None and not _RUN.fullmatch(header.run):
        raise ContractError(f"run {header.run!r:.80} is not 8 lower-case hex digits")
    if not 1 <= header.first <= header.last <= MAX_SEQ:
        raise ContractError(f"seq range {header.first}..{header.last} is not within 1..2^63")
    if not (0 <= header.prev < header.first and 0 <= header.acked <= MAX_SEQ):
        raise ContractError(f"prev {header.prev} or acked {header.acked} does not fit first {header.first}")
    if len(header.dropped) > _MAX_DROPPED_RANGES:
        raise ContractError(f"{len(header.dropped)} dropped ranges: at most {_MAX_DROPPED_RANGES} are allowed")
    before = header.first - 1
    for low, high in header.dropped:
        if not before < low <= high <= header.last:
            raise ContractError(f"dropped range {low}..{high} is not within the envelope, or not in order")
        before = high
    if len(header.signature) > _MAX_SIGNATURE:
        raise ContractError(f"signature of {len(header.signature)} bytes: at most {_MAX_SIGNATURE}")


def frame(header: Header, body: bytes, *, size: int, sign: Sign | None = None) -> bytes:
    """The envelope's bytes: header, then the compressed body, which has `size` bytes uncompressed.

    `sign` makes the signature over the header up to the body's hash; without it the header's own is written.

    Raises:
        ContractError: the header is not valid.
    """
    check_header(header)
    writer = Writer()
    writer.raw(_MAGIC)
    writer.raw(bytes((header.version, header.codec, _LANES.index(header.lane))))
    writer.u8(_flags_of(header))
    gateway = header.gateway.encode()
    writer.u8(len(gateway))
    writer.raw(gateway)
    writer.raw(bytes.fromhex(header.epoch))
    writer.raw(bytes.fromhex(header.run or ""))
    for number in (header.first, header.last - header.first, header.first - header.prev, header.acked):
        writer.varint(number)
    writer.varint(len(header.dropped))
    before = header.first
    for low, high in header.dropped:
        writer.varint(low - before)
        writer.varint(high - low)
        before = high
    writer.signed(_to_ms(header.wall))
    writer.signed(header.mono_ms)
    if header.clock_offset_ms is not None:
        writer.signed(header.clock_offset_ms)
    writer.varint(len(body))
    writer.varint(size)
    writer.raw(_hash(body, header.version))
    writer.blob(header.signature if sign is None else sign(bytes(writer.data)))
    writer.raw(zlib.crc32(writer.data).to_bytes(4, "little"))
    return bytes(writer.data) + body


def _flags_of(header: Header) -> int:
    flags = _HAS_OFFSET if header.clock_offset_ms is not None else 0
    flags |= _IS_DISPUTED if header.disputed else 0
    flags |= _IS_PATIENT if header.patient else 0
    return flags | (_HAS_RUN if header.run is not None else 0)


def unframe(data: bytes, signed: SignedHeader | None = None) -> Framed:
    """Check an envelope's header and its body's hash; `signed`: its header, where it was read before.

    Raises:
        ContractError: too long, cut, changed on the way, or not an envelope of this version.
    """
    if len(data) > MAX_ENVELOPE:
        raise ContractError(f"envelope of {len(data)} bytes: at most {MAX_ENVELOPE}")
    signed = signed or decode_signed_header(data)
    body = data[signed.begin :]
    if len(body) != signed.length:
        raise ContractError(f"body of {len(body)} bytes, {signed.length} are announced")
    if _hash(body, signed.header.version) != signed.digest:
        raise ContractError("body does not match its hash")
    return Framed(header=signed.header, body=body, size=signed.size)


def decode_header(data: bytes) -> Header:
    """The header of an envelope; the body is not looked at and may be cut off.

    Raises:
        ContractError: not an envelope, or its header was changed on the way.
    """
    return decode_signed_header(data).header


def decode_signed_header(data: bytes) -> SignedHeader:
    """As `decode_header`, with the bytes that the signature covers. Whether it is true is not checked here.

    Raises:
        ContractError: not an envelope, or its header was changed on the way.
    """
    reader = Reader(data)
    if reader.raw(2) != _MAGIC:
        raise ContractError("not an envelope: it does not begin with 'gB'")
    version = reader.u8()
    if version not in HASH_BYTES:
        raise ContractError(f"envelope version {version} is not known: up to {VERSION} are")
    fields = _read_fields(reader, version)
    length, size = reader.varint(most=MAX_ENVELOPE), reader.varint(most=MAX_BODY)
    digest = reader.raw(HASH_BYTES[version])
    covered = bytes(data[: reader.position])
    header = Header(**fields, signature=reader.blob(most=_MAX_SIGNATURE))
    crc = zlib.crc32(data[: reader.position])
    if int.from_bytes(reader.raw(_CRC_BYTES), "little") != crc:
        raise ContractError("header does not match its CRC")
    check_header(header)
    return SignedHeader(header=header, covered=covered, begin=reader.position, length=length, size=size, digest=digest)


def _read_fields(reader: Reader, version: int) -> dict[str, Any]:
    """The fields of a header up to what it says of the body."""
    codec, lane, flags = reader.raw(3)
    if codec not in _CODECS or lane >= len(_LANES) or flags & ~_FLAGS:
        raise ContractError(f"codec {codec}, lane {lane} or flags {flags} is not known")
    gateway = reader.raw(reader.u8()).decode("ascii", errors="replace")
    epoch = reader.raw(_EPOCH_BYTES).hex()
    run = reader.raw(_RUN_BYTES).hex() if flags & _HAS_RUN else None
    first = reader.varint(most=MAX_SEQ)
    last = first + reader.varint(most=MAX_SEQ)
    prev = first - reader.varint(most=MAX_SEQ)
    acked = reader.varint(most=MAX_SEQ)
    dropped: list[tuple[int, int]] = []
    before = first
    for _ in range(reader.varint(most=_MAX_DROPPED_RANGES)):
        low = before + reader.varint(most=MAX_SEQ)
        before = low + reader.varint(most=MAX_SEQ)
        dropped.append((low, before))
    return {
        "version": version,
        "codec": _CODECS[codec],
        "gateway": gateway,
        "lane": _LANES[lane],
        "epoch": epoch,
        "first": first,
        "last": last,
        "dropped": tuple(dropped),
        "prev": prev,
        "acked": acked,
        "run": run,
        "disputed": bool(flags & _IS_DISPUTED),
        "patient": bool(flags & _IS_PATIENT),
        "wall": _to_time(reader.signed()),
        "mono_ms": reader.signed(),
        "clock_offset_ms": reader.signed() if flags & _HAS_OFFSET else None,
    }


def _hash(body: bytes, version: int) -> bytes:
    return hashlib.sha256(body).digest()[: HASH_BYTES[version]]


def _to_ms(at: datetime) -> int:
    return (at - _UNIX) // _MS


def _to_time(milliseconds: int) -> datetime:
    try:
        return _UNIX + timedelta(milliseconds=milliseconds)
    except OverflowError as exc:
        raise ContractError(f"{milliseconds} ms since 1970 is not a time") from exc
