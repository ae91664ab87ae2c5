"""What holds for every envelope: reading gives back what was written; no bytes raise anything but ContractError."""

from __future__ import annotations

import contextlib
import hashlib
import json
import zlib
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from genba_shared.codec import Codec, Envelope, Header, decode, decode_header, encode
from genba_shared.codec.body_reader import read_body
from genba_shared.codec.body_writer import write_body
from genba_shared.codec.compression import MAX_BODY
from genba_shared.codec.header import frame, unframe
from genba_shared.errors import ContractError
from genba_shared.events import event_from_json, event_to_json
from tests.property.any_events import envelopes


@given(envelopes())
@settings(max_examples=60, deadline=None)
def test_reading_an_envelope_gives_back_what_was_written(envelope: Envelope) -> None:
    data = encode(envelope)
    assert decode(data) == envelope
    assert decode_header(data) == envelope.header


@given(envelopes())
@settings(max_examples=60, deadline=None)
def test_the_wire_and_the_json_form_agree(envelope: Envelope) -> None:
    assert tuple(event_from_json(event_to_json(event)) for event in decode(encode(envelope)).events) == envelope.events


@given(envelopes(), st.data())
@settings(max_examples=40, deadline=None)
def test_any_changed_byte_is_noticed(envelope: Envelope, data: st.DataObject) -> None:
    good = encode(envelope)
    mask = data.draw(st.integers(1, 255))
    for at in range(len(good)):
        _raises_contract_error(good[:at] + bytes((good[at] ^ mask,)) + good[at + 1 :])


@given(envelopes())
@settings(max_examples=40, deadline=None)
def test_a_cut_envelope_is_refused(envelope: Envelope) -> None:
    good = encode(envelope)
    for length in range(len(good)):
        _raises_contract_error(good[:length])
    _raises_contract_error(good + b"\0")


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    _raises_contract_error(noise)
    _raises_contract_error(b"gB\x01" + noise)


@given(envelopes(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_hostile_header_with_a_right_crc_raises_only_contract_errors(envelope: Envelope, data: st.DataObject) -> None:
    body = b"body"
    head = bytearray(frame(replace(envelope.header, codec=Codec.STORED), body, size=len(body))[: -len(body) - 4])
    for _ in range(data.draw(st.integers(1, 4))):
        head[data.draw(st.integers(0, len(head) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ContractError):
        unframe(bytes(head) + zlib.crc32(head).to_bytes(4, "little") + body)


@given(envelopes(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_hostile_body_with_a_right_hash_raises_only_contract_errors(envelope: Envelope, data: st.DataObject) -> None:
    header = envelope.header
    good = write_body(envelope.events, seqs=header.seqs(), gateway=header.gateway, epoch=header.epoch)
    value = data.draw(st.integers(0, 255))
    other = data.draw(st.integers(0, len(good) - 1))
    for at in range(len(good)):
        body = bytearray(good)
        body[at] = value
        body[other] ^= value
        _reads_or_refuses(bytes(body), header)


def _reads_or_refuses(body: bytes, header: Header) -> None:
    with contextlib.suppress(ContractError):
        events, rejected = read_body(body, seqs=header.seqs(), gateway=header.gateway, epoch=header.epoch)
        assert len(events) + len(rejected) == header.count
        json.dumps([rejection.raw for rejection in rejected])
        for event in events:
            assert event_from_json(event_to_json(event)) == event


@settings(max_examples=40, deadline=None)
@given(envelopes(), st.binary(max_size=400), st.sampled_from(list(Codec)), st.integers(0, 2 * MAX_BODY))
def test_hostile_compressed_data_raises_only_contract_errors(
    envelope: Envelope, junk: bytes, codec: Codec, size: int
) -> None:
    with contextlib.suppress(ContractError):
        decode(frame(replace(envelope.header, codec=codec), junk, size=size))


def _raises_contract_error(data: bytes) -> None:
    try:
        decode(data)
    except ContractError:
        return
    raise AssertionError(f"accepted: {hashlib.sha256(data).hexdigest()} of {len(data)} bytes")
