"""Envelopes: what is on the wire stays as it is, one bad event costs itself only, and bombs are refused."""

from __future__ import annotations

import subprocess
import sys
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from genba_shared.codec import MAX_ENVELOPE, MAX_EVENTS, Codec, Envelope, Header, best_codec, decode, encode
from genba_shared.codec.body_writer import write_body
from genba_shared.codec.compression import compress
from genba_shared.codec.header import frame
from genba_shared.errors import ContractError
from genba_shared.events import (
    KINDS,
    Basis,
    ClockQuality,
    Confidence,
    CountMethod,
    Direction,
    Event,
    GapCause,
    NodeCompleted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)

HAS_ZSTD = best_codec() is Codec.ZSTD
CODECS = [codec for codec in Codec if HAS_ZSTD or codec is not Codec.ZSTD]
needs_zstd = pytest.mark.skipif(not HAS_ZSTD, reason="zstandard is not installed here")

GATEWAY, EPOCH = "line-1", "00112233445566778899aabbccddeeff"
START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


def counted(seq: int, **fields: Any) -> PiecesCounted:
    at = START + timedelta(seconds=10 * seq)
    given: dict[str, Any] = {
        "id": f"{GATEWAY}:{EPOCH}:{seq}",
        "at": at,
        "seen_at": at + timedelta(milliseconds=40),
        "source": Source(type=SourceType.PLC, ref="cutter1/good"),
        "boot": "b7c1",
        "mono_ms": 5_000 + 10_000 * seq,
        "site": "demo",
        "station": "CUT-1",
        "work_order": "WO-1001",
        "node": "CUT",
        "point": "cutter1/good",
        "result": Result.GOOD,
        "delta": 3,
        "total": 1000 + 3 * seq,
        "counter_epoch": 0,
        "since": at - timedelta(seconds=10),
    }
    return PiecesCounted(**(given | fields))


def claim(seq: int) -> NodeCompleted:
    return NodeCompleted(
        id=f"{GATEWAY}:{EPOCH}:{seq}",
        at=START,
        source=Source(type=SourceType.SYSTEM, ref="completion"),
        work_order="WO-1",
        node="CUT",
        pieces=8,
        because=(f"{GATEWAY}:{EPOCH}:{seq - 1}", "c9e8a2f4-0f5e-4a39-9a4f-2f6f0c7f2f10"),
    )


def header_for(first: int, last: int, codec: Codec = Codec.ZLIB, **fields: Any) -> Header:
    given: dict[str, Any] = {
        "codec": codec,
        "gateway": GATEWAY,
        "epoch": EPOCH,
        "first": first,
        "last": last,
        "prev": first - 1,
        "acked": first - 1,
        "wall": START,
        "mono_ms": 77,
    }
    return Header(**(given | fields))


def envelope_of(*events: Event, codec: Codec = Codec.ZLIB) -> Envelope:
    seqs = [int(event.id.rsplit(":", 1)[1]) for event in events]
    return Envelope(header=header_for(seqs[0], seqs[-1], codec), events=events)


def framed_body(body: bytes, header: Header) -> bytes:
    return frame(header, compress(body, header.codec), size=len(body))


def test_bytes_of_version_1_are_read_for_ever() -> None:
    envelope = decode(bytes.fromhex(PINNED_1))
    assert envelope == Envelope(header=header_for(2, 2, Codec.STORED, version=1), events=(claim(2),))
    with pytest.raises(ContractError, match="written no more"):
        encode(envelope)


def test_bytes_of_version_2_never_change() -> None:
    envelope = Envelope(header=header_for(2, 2, Codec.STORED), events=(claim(2),))
    assert encode(envelope).hex() == PINNED_2
    assert decode(bytes.fromhex(PINNED_2)) == envelope


PINNED_1 = (
    "674201000000066c696e652d3100112233445566778899aabbccddeeff020001010080f6a4cff1669a0160609bf058a462c940fc43a5c6f87dc3"
    "e04194abfee09a58f447420f1d6fc8d1f2de002b87b8140104010607010021636f6d706c6574696f6e574f2d3143555463396538613266342d30"
    "6635652d346133392d396134662d3266366630633766326631300a838c01000080f6a4cff1660000160000000002000004000004010400050401"
    "000010"
)

PINNED_2 = (
    "674202000000066c696e652d3100112233445566778899aabbccddeeff020001010080f6a4cff1669a015b5ba4141143de261b6e49167e94a5"
    "5386ea00c4418e9301040038636f6d706c6574696f6e00574f2d31004355540063396538613266342d306635652d346133392d396134662d32"
    "66366630633766326631300a018128001600000002000481020080f6a4cff16600040100020703010010"
)


def test_choices_keep_their_place_on_the_wire() -> None:
    order = {choice.__name__: [str(member) for member in choice] for choice in CHOICES}
    assert order == {
        "SourceType": [
            *("plc", "rfid", "vision", "sensor", "scan", "person", "supplier", "carrier", "partner", "api"),
            *("import", "system"),
        ],
        "ClockQuality": ["good", "poor"],
        "Result": ["good", "scrap", "rework"],
        "CountMethod": ["normal", "wrap", "reset", "restore", "manual"],
        "Confidence": ["certain", "ambiguous"],
        "Direction": ["enter", "leave", "pass"],
        "StationState": ["running", "idle", "setup", "down", "blocked", "off", "unknown"],
        "GapCause": ["connectivity", "device", "clock", "full", "restore", "gateway"],
        "Basis": ["count", "tags", "state"],
    }


CHOICES = (SourceType, ClockQuality, Result, CountMethod, Confidence, Direction, StationState, GapCause, Basis)


def test_kinds_keep_their_number_on_the_wire() -> None:
    numbers = {kind.kind: kind.code for kind in KINDS.values()}
    pinned = (
        *("pieces_counted", "tag_passed", "tag_bound", "tag_unbound", "wip_changed", "station_state_changed"),
        *("dispatch_opened", "dispatch_closed", "node_started", "node_completed", "order_confirmed"),
        *("work_order_released", "baseline_frozen", "promise_set", "data_questioned", "data_gap_seen"),
        *("episode_opened", "episode_escalated", "episode_closed"),
    )
    assert [numbers[kind] for kind in pinned] == list(range(1, 20))
    assert len(set(numbers.values())) == len(numbers)


@pytest.mark.parametrize("codec", CODECS)
def test_events_cross_with_every_codec(codec: Codec) -> None:
    envelope = envelope_of(*(counted(seq) for seq in range(1, 50)), codec=codec)
    assert decode(encode(envelope)) == envelope


@needs_zstd
def test_a_single_event_is_compact() -> None:
    assert len(encode(envelope_of(counted(7), codec=Codec.ZSTD))) <= 260


@needs_zstd
def test_a_batch_takes_a_few_bytes_an_event() -> None:
    events = [counted(seq, delta=seq % 4, mono_ms=10_000 * seq + seq % 7) for seq in range(1, 301)]
    assert len(encode(envelope_of(*events, codec=Codec.ZSTD))) / 300 <= 6


def test_one_event_with_a_bad_text_is_refused_alone() -> None:
    envelope = decode(encode(envelope_of(counted(1), counted(2, work_order="no\0good"), counted(3))))
    assert [event.id.rsplit(":", 1)[1] for event in envelope.events] == ["1", "3"]
    (rejected,) = envelope.rejected
    assert rejected.seq == 2
    assert rejected.reason == "pieces_counted.work_order: 'no\\x00good' is not a text that an event may hold"
    assert rejected.raw["id"] == f"{GATEWAY}:{EPOCH}:2"
    assert rejected.raw["station"] == "CUT-1"


def test_an_event_without_a_required_field_is_refused_alone() -> None:
    first = counted(1)
    lame = StationStateChanged(
        id=f"{GATEWAY}:{EPOCH}:2",
        at=first.at,
        source=first.source,
        station="CUT-1",
        state=StationState.IDLE,
        since=first.at,
    )
    object.__setattr__(lame, "station", None)  # as a faulty gateway might send it
    envelope = decode(encode(envelope_of(first, lame)))
    assert [rejected.reason for rejected in envelope.rejected] == ["station_state_changed: station is missing"]
    assert envelope.events == (counted(1),)


def test_an_event_with_an_empty_number_is_refused_alone() -> None:
    lame = counted(2)
    object.__setattr__(lame, "total", None)
    envelope = decode(encode(envelope_of(counted(1), lame, counted(3))))
    assert [rejected.reason for rejected in envelope.rejected] == ["pieces_counted.total: None is missing"]
    assert envelope.events == (counted(1), counted(3))


def test_a_kind_of_a_newer_gateway_is_refused_alone() -> None:
    events = (counted(1), claim(2), counted(3))
    body = write_body(events, seqs=[1, 2, 3], gateway=GATEWAY, epoch=EPOCH)
    body[body.index(bytes((1, 10, 1))) + 1] = 200
    envelope = decode(framed_body(bytes(body), header_for(1, 3)))
    assert envelope.events == (counted(1), counted(3))
    assert [(rejected.seq, rejected.reason) for rejected in envelope.rejected] == [(2, "kind number 200 is not known")]


def test_columns_that_cannot_be_read_cost_only_their_kind() -> None:
    events = (counted(1), claim(2), counted(3))
    body = write_body(events, seqs=[1, 2, 3], gateway=GATEWAY, epoch=EPOCH)
    body[-1:] = b"\xff"
    envelope = decode(framed_body(bytes(body), header_for(1, 3)))
    assert envelope.events == (counted(1), counted(3))
    assert [rejected.seq for rejected in envelope.rejected] == [2]
    assert envelope.rejected[0].reason.startswith("node_completed: columns cannot be read")


def test_a_body_that_grows_beyond_its_declared_size_is_refused() -> None:
    for codec in CODECS[1:]:
        bomb = compress(bytes(60 * 1024 * 1024), codec)
        with pytest.raises(ContractError, match="does not have the 1000 bytes"):
            decode(frame(header_for(1, 1, codec), bomb, size=1000))


def test_a_body_declared_above_the_bound_is_refused() -> None:
    with pytest.raises(ContractError, match="above the bound"):
        decode(frame(header_for(1, 1), b"", size=5 * 1024 * 1024))


@needs_zstd
def test_a_window_that_would_take_much_memory_is_refused() -> None:
    import zstandard

    parameters = zstandard.ZstdCompressionParameters(window_log=27, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packer.compress(b"x" * 100) + packer.flush()
    with pytest.raises(ContractError, match="not zstd data"):
        decode(frame(header_for(1, 1, Codec.ZSTD), data, size=100))


def test_a_header_that_announces_too_many_events_is_refused() -> None:
    with pytest.raises(ContractError, match="announces 9223372036854775807 events"):
        decode(frame(header_for(1, 2**63 - 1), b"", size=0))


def test_an_envelope_above_128_kb_is_not_made() -> None:
    noise = [counted(seq, work_order=f"{zlib.crc32(bytes([seq % 256])):08x}" * 400 + str(seq)) for seq in range(1, 90)]
    with pytest.raises(ContractError, match=f"at most {MAX_ENVELOPE}"):
        encode(envelope_of(*noise, codec=Codec.STORED))


def test_too_many_events_are_not_put_into_one_envelope() -> None:
    with pytest.raises(ContractError, match=f"1 to {MAX_EVENTS}"):
        encode(envelope_of(*(counted(seq) for seq in range(1, MAX_EVENTS + 2))))


def test_events_that_do_not_follow_the_header_are_not_sent() -> None:
    envelope = envelope_of(counted(1), counted(2))
    with pytest.raises(ContractError, match="stands where"):
        encode(replace(envelope, events=(counted(1), counted(3))))
    with pytest.raises(ContractError, match="announces 2"):
        encode(replace(envelope, events=(counted(1),)))


def test_dropped_seqs_are_not_in_the_body() -> None:
    header = header_for(5, 12, dropped=((5, 6), (9, 11)))
    envelope = Envelope(header=header, events=(counted(7), counted(8), counted(12)))
    assert decode(encode(envelope)) == envelope


@pytest.mark.parametrize("dropped", [((6, 5),), ((4, 5),), ((6, 8), (8, 9)), ((12, 13),)])
def test_dropped_ranges_that_are_not_within_the_envelope_are_refused(dropped: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ContractError, match="dropped range"):
        frame(header_for(5, 12, dropped=dropped), b"", size=0)


def test_a_gateway_without_zstandard_sends_zlib() -> None:
    code = (
        "import sys; sys.modules['zstandard'] = None\n"
        "from genba_shared.codec import best_codec; print(best_codec().name)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout == "ZLIB\n"
