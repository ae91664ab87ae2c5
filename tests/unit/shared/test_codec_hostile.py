"""Envelopes made to cost much: whatever their 128 kB say, time, memory and quarantine stay within bounds."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from genba_shared.codec import MAX_ENVELOPE, MAX_EVENTS, Codec, Envelope, Header, decode
from genba_shared.codec.buffer import Writer
from genba_shared.codec.columns import write_integers
from genba_shared.codec.compression import compress
from genba_shared.codec.header import frame
from genba_shared.codec.layout import CONTEXT_FIELDS, ROW_FIELDS, Shape, kind_fields
from genba_shared.errors import ContractError
from genba_shared.events import KINDS, TagPassed, event_to_json
from genba_shared.events.registry import KINDS_BY_CODE

EPOCH = "00112233445566778899aabbccddeeff"
MOST_S = 10.0  # of CPU time, while every allocation is watched, which takes three times as long
MOST_BYTES = 64 * 1024 * 1024
MOST_JSON = 16 * 1024 * 1024
SOURCE, STATION = 0, 4  # places among the fields of a context
AT, BECAUSE = 0, 4  # places among the fields of a row


def envelope(body: Writer, *, version: int = 2, count: int = MAX_EVENTS) -> bytes:
    header = Header(
        version=version,
        codec=Codec.ZLIB,
        gateway="line-1",
        epoch=EPOCH,
        first=1,
        last=count,
        prev=0,
        acked=0,
        wall=datetime(2026, 1, 5, tzinfo=UTC),
        mono_ms=1,
    )
    data = frame(header, compress(body.data, Codec.ZLIB), size=len(body.data))
    assert len(data) <= MAX_ENVELOPE
    return data


def begun(texts: list[str], codes: bytes) -> Writer:
    """A body up to the kinds: schema, texts, kinds."""
    body = Writer()
    body.u8(1)
    body.varint(len(texts))
    if texts:
        body.u8(0)
        body.blob("\0".join(texts).encode())
    body.raw(codes)
    return body


def one_context(body: Writer, *, ids_each: int = 0) -> None:
    """One context, a source and a station of text 0, and `at`; each row with so many ids that all are text 0."""
    body.varint(1)
    assert [CONTEXT_FIELDS[place].name for place in (SOURCE, STATION)] == ["source", "station"]
    assert [ROW_FIELDS[place].name for place in (AT, BECAUSE)] == ["at", "because"]
    body.varint(Shape.EVERY_ROW << 2 * SOURCE | Shape.EVERY_ROW << 2 * STATION)
    for _ in ("type", "ref", "station"):
        write_integers(body, [0])
    body.varint(Shape.EVERY_ROW << 2 * AT | (Shape.EVERY_ROW << 2 * BECAUSE if ids_each else 0))
    write_integers(body, [1000])
    if ids_each:
        write_integers(body, [ids_each])
        write_integers(body, [1])


def kinds_that_nobody_knows() -> bytes:
    codes = bytes(200 + row % 50 for row in range(MAX_EVENTS))
    body = begun(["x" * 200], codes)
    one_context(body)
    for _ in range(50):
        body.blob(b"\xff" * 80_000)
    return envelope(body)


def kinds_without_columns() -> bytes:
    known = sorted(KINDS_BY_CODE)
    codes = bytes(known[row % len(known)] for row in range(MAX_EVENTS))
    body = begun(["x" * 200], codes)
    one_context(body)
    for _ in known:
        body.blob(b"\0")
    return envelope(body)


def one_text_everywhere() -> bytes:
    body = begun(["x" * 4096], bytes([4]) * MAX_EVENTS)
    one_context(body)
    block = Writer()
    block.varint(Shape.EVERY_ROW)
    write_integers(block, [0])
    body.blob(block.data)
    return envelope(body)


def ids_from_nothing() -> bytes:
    body = begun(["x" * 4096], bytes([4]) * MAX_EVENTS)
    one_context(body, ids_each=16)
    body.blob(b"\0")
    return envelope(body)


def texts_from_nothing() -> bytes:
    body = Writer()
    body.u8(1)
    body.varint(65_535)
    body.u8(1)
    write_integers(body, [0])
    body.raw(bytes([4]) * MAX_EVENTS)
    one_context(body)
    body.blob(b"\0")
    return envelope(body)


def numbers_without_an_end() -> bytes:
    body = begun(["x"], bytes([4]) * MAX_EVENTS)
    body.varint(MAX_EVENTS)
    body.u8(3)  # each number by itself
    body.raw(b"\xff" * 100_000)
    return envelope(body)


def long_numbers() -> bytes:
    body = begun(["x"], bytes([1]) * MAX_EVENTS)
    one_context(body)
    block = Writer()
    names = [field.name for field in kind_fields(KINDS["pieces_counted"])]
    block.varint(sum(Shape.EVERY_ROW << 2 * names.index(name) for name in ("delta", "total", "least", "most")))
    for _ in range(4):
        block.u8(3)
        block.raw((b"\xff" * 9 + b"\x7f") * MAX_EVENTS)
    body.blob(block.data)
    return envelope(body)


def version_1_kinds() -> bytes:
    codes = bytes(row % 256 for row in range(MAX_EVENTS))
    body = Writer()
    body.u8(1)
    body.varint(0)
    body.raw(codes)
    body.varint(0)
    for code in range(256):
        body.blob(b"\xff" * (10_000 if code not in KINDS_BY_CODE else 1))
    return envelope(body, version=1)


def version_1_text_everywhere() -> bytes:
    body = Writer()
    body.u8(1)
    body.varint(1)
    body.u8(0)
    body.signed(4096)
    body.raw(b"x" * 4096)
    body.raw(bytes([4]) * MAX_EVENTS)
    body.varint(0b11 | 1 << 8)  # at, source, station
    body.u8(0)
    body.raw(b"\0\0")
    body.u8(0)
    body.raw(b"\0\0\0\0")
    body.u8(0)
    body.raw(b"\0\0")
    block = Writer()
    block.varint(1)
    block.u8(0)
    block.raw(b"\0\0")
    body.blob(block.data)
    return envelope(body, version=1)


WORST = (
    kinds_that_nobody_knows,
    kinds_without_columns,
    one_text_everywhere,
    ids_from_nothing,
    texts_from_nothing,
    numbers_without_an_end,
    long_numbers,
    version_1_kinds,
    version_1_text_everywhere,
)


def read(data: bytes) -> Envelope | None:
    try:
        return decode(data)
    except ContractError:
        return None


@pytest.mark.parametrize("make", WORST)
def test_the_worst_envelope_costs_no_more_time_and_memory_than_a_large_good_one(make: Callable[[], bytes]) -> None:
    data = make()
    tracemalloc.start()
    began = time.process_time()
    kept = read(data)
    took_s = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took_s < MOST_S
    assert peak < MOST_BYTES
    if kept is not None:
        said = [rejected.raw for rejected in kept.rejected] + [event_to_json(event) for event in kept.events]
        assert len(said) == MAX_EVENTS
        assert sum(len(json.dumps(each)) for each in said) < MOST_JSON


@pytest.mark.parametrize("make", [one_text_everywhere, version_1_text_everywhere, ids_from_nothing])
def test_a_text_that_would_fill_the_log_is_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(ContractError, match="texts of more than 8388608 characters"):
        decode(make())


def test_the_bytes_of_an_unknown_kind_are_kept_with_the_first_of_its_events() -> None:
    rejected = decode(kinds_that_nobody_knows()).rejected
    assert len(rejected) == MAX_EVENTS
    first, other = rejected[0].raw, rejected[50].raw
    assert first["kind"] == other["kind"] == 200
    assert first["columns"] == "ff" * 65_536
    assert other["columns_of"] == first["id"] == f"line-1:{EPOCH}:1"


@pytest.mark.parametrize(
    ("shape", "rest", "why"),
    [
        (Shape.SOME_ROWS, b"\x00\x00\x00", "a column without a value"),
        (Shape.SOME_ROWS, b"\x00\x04\x00\x00", "presence bits beyond the last row"),
        (Shape.SOME_ROWS, b"\xff", "bytes wanted"),
        (Shape.EVERY_ROW, b"\x01\x00", "bytes wanted"),
        (Shape.EVERY_ROW, b"\x1f\x00", "head 0x1f is not known"),
        (Shape.EVERY_ROW, b"\x04\x00", "hexadecimal texts of 0 bytes"),
        (Shape.EVERY_ROW, b"\x07\xff", "hexadecimal texts of 255 bytes"),
        (Shape.EVERY_ROW, b"\x00" + b"\xff" * 11, "has no end"),
        (4, b"", "the sender is newer"),
    ],
)
def test_a_column_that_lies_about_itself_costs_its_kind(shape: int, rest: bytes, why: str) -> None:
    body = begun(["x"], bytes([4]) * 10)  # tag_unbound: one field of its own
    one_context(body)
    block = Writer()
    block.varint(shape)
    block.raw(rest)
    body.blob(block.data)
    kept = decode(envelope(body, count=10))
    assert kept.events == ()
    assert len(kept.rejected) == 10
    assert why in kept.rejected[0].reason


def test_a_clock_without_a_time_is_refused() -> None:
    body = begun(["x"], bytes([4]))
    body.varint(1)
    body.varint(0)
    assert ROW_FIELDS[3].name == "mono_ms"
    body.varint(Shape.EVERY_ROW << 2 * 3)
    write_integers(body, [5])
    body.blob(b"\0")
    with pytest.raises(ContractError, match="a clock without the event's own time"):
        decode(envelope(body, count=1))


def test_texts_that_are_not_as_many_as_announced_are_refused() -> None:
    for count, data in ((2, b"one"), (1, b"two\0texts"), (1, b""), (1, b"x" * 4097), (1, b"\xff")):
        body = Writer()
        body.u8(1)
        body.varint(count)
        body.u8(0)
        body.blob(data)
        with pytest.raises(ContractError, match="texts"):
            decode(envelope(body, count=1))


def test_a_context_that_does_not_exist_is_refused() -> None:
    body = begun(["x"], bytes([4, 4]))
    body.varint(2)
    write_integers(body, [0, 2])
    with pytest.raises(ContractError, match="a context that is not one of 2"):
        decode(envelope(body, count=2))


def test_a_kind_keeps_its_slots_filled() -> None:
    """Events are made attribute by attribute: none may be left out."""
    body = begun(["x"], bytes([2]))
    one_context(body)
    body.blob(b"\0")
    (rejected,) = decode(envelope(body, count=1)).rejected
    assert rejected.reason == f"{TagPassed.kind}.read_point is missing"
