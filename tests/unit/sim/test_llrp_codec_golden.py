"""The simulated reader's LLRP codec against bytes written out by hand from LLRP 1.0.1, chapter 16."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genba_sim.llrp_codec import (
    Frame,
    FrameError,
    MessageType,
    Parameter,
    ParameterType,
    decode_frame,
    parameters,
    tv,
)
from genba_sim.llrp_codec_reader import (
    Attempt,
    Config,
    Content,
    ReaderClock,
    SpecState,
    Status,
    TagReport,
    buffer_overflowed,
    connection_attempted,
    connection_closing,
    decode_config,
    decode_rospec,
    event,
    ro_access_report,
    status,
    tag_report_data,
)

EPC = bytes.fromhex("3034257bf7194e4000001a85")

ROSPEC = bytes.fromhex(
    "00b10043 0000007b 00 00"  # ROSpec of 67 bytes, id 123, priority 0, disabled
    "00b20012 00b30005 01 00b60009 00 00000000"  # boundaries: starts immediately, never stops
    "00b7001a 0002 0001 0003 00b80009 01 000001f4 00ba0007 0001 01"  # AISpec: antennas 1 and 3, 500 ms, C1G2
    "00ed000d 01 0000 00ee0006 1780"  # report at the end of the AISpec: antenna, RSSI, first, last, count
)


def test_keepalive_is_ten_bytes_of_header() -> None:
    frame = Frame(type=MessageType.KEEPALIVE, id=7)

    assert frame.encode() == bytes.fromhex("043e 0000000a 00000007")
    assert decode_frame(frame.encode()) == frame


def test_connection_event_is_what_a_real_reader_sent() -> None:
    """Captured from a reader in the field (github.com/sllurp/sllurp, issue 19)."""
    captured = bytes.fromhex("043f000000201974f2b300f600160080000c0004fa79159854d1010000060000")

    ours = event(connection_attempted(Attempt.SUCCESS), at_us=0x0004FA79159854D1, clock=ReaderClock.UTC)

    assert replace(ours, id=0x1974F2B3).encode() == captured


def test_events_of_a_reader_without_a_real_clock_carry_its_uptime() -> None:
    frame = event(buffer_overflowed(), at_us=1_000_000, clock=ReaderClock.UPTIME)

    assert frame.encode() == bytes.fromhex("043f 0000001e 00000000 00f60014 0081000c00000000000f4240 00fb0004")


def test_closing_event_has_no_fields() -> None:
    assert connection_closing() == bytes.fromhex("01010004")


def test_tag_report_carries_what_the_client_asked_for_in_the_order_of_the_standard() -> None:
    report = TagReport(epc=EPC, antenna=3, first_seen_us=0x11, last_seen_us=0x22, reads=4, peak_rssi_dbm=-59)
    everything = Content.of_bits(0x9780)

    data = tag_report_data(report, content=everything, rospec_id=123, clock=ReaderClock.UTC)

    assert data == bytes.fromhex(
        "00f00030 8d 3034257bf7194e4000001a85 89 0000007b 81 0003 86 c5 82 0000000000000011 84 0000000000000022 88 0004"
    )


def test_tag_report_without_wishes_is_the_epc_alone() -> None:
    report = TagReport(epc=EPC, antenna=3, first_seen_us=0, last_seen_us=0, reads=1, peak_rssi_dbm=-59)

    data = tag_report_data(report, content=Content(), rospec_id=123, clock=ReaderClock.UTC)

    assert data == bytes.fromhex("00f00011 8d 3034257bf7194e4000001a85")


def test_tag_report_of_a_long_epc_and_an_uptime_clock() -> None:
    epc = bytes(range(16))
    report = TagReport(epc=epc, antenna=1, first_seen_us=1, last_seen_us=2, reads=70_000, peak_rssi_dbm=-128)

    data = tag_report_data(report, content=Content.of_bits(0x0780), rospec_id=1, clock=ReaderClock.UPTIME)

    assert data == bytes.fromhex(
        "00f00031 00f10016 0080 000102030405060708090a0b0c0d0e0f 86 80 83 0000000000000001 85 0000000000000002 88 ffff"
    )


def test_reports_are_strung_together_in_one_message() -> None:
    frame = ro_access_report([bytes.fromhex("00f00004"), bytes.fromhex("00f00004")])

    assert frame.encode() == bytes.fromhex("043d 00000012 00000000 00f00004 00f00004")


def test_empty_report_is_what_a_real_reader_sent() -> None:
    """Captured from a Zebra FX9600 (github.com/sllurp/sllurp, issue 115)."""
    assert ro_access_report([]).encode() == bytes.fromhex("043d0000000a00000000")


def test_status_carries_code_and_text() -> None:
    assert status(Status.SUCCESS) == bytes.fromhex("011f0008 0000 0000")
    assert status(Status.PARAMETER_ERROR, "no") == bytes.fromhex("011f000a 0064 0002 6e6f")


def test_config_of_keepalives_and_holding() -> None:
    body = bytes.fromhex("00 00dc0009 01 000003e8 00e20005 80")

    assert decode_config(body) == Config(reset=False, keepalive_ms=1000, hold_upon_reconnect=True)


def test_config_that_resets_and_skips_what_we_do_not_have() -> None:
    vendor, events = "03ff000d 0000651a 00000017 00", "00f4000b 00f50007 0008 80"

    assert decode_config(bytes.fromhex(f"80 {vendor} {events}")) == Config(reset=True)


def test_keepalive_of_type_null_switches_off() -> None:
    assert decode_config(bytes.fromhex("00 00dc0009 00 000003e8")) == Config(reset=False, keepalive_ms=0)


def test_rospec_by_interval() -> None:
    spec = decode_rospec(ROSPEC)

    assert (spec.id, spec.antennas, spec.starts_at_once) == (123, frozenset({1, 3}), True)
    assert (spec.report_ms, spec.report_tags) == (500, 0)
    assert spec.content == Content(antenna=True, peak_rssi=True, first_seen=True, last_seen=True, reads=True)


def test_rospec_is_listed_as_it_was_added_with_its_state() -> None:
    spec = decode_rospec(ROSPEC)

    assert spec.in_state(SpecState.ACTIVE) == ROSPEC[:9] + b"\x02" + ROSPEC[10:]


def test_rospec_without_report_spec_is_refused() -> None:
    with pytest.raises(FrameError, match="RO_REPORT_SPEC is missing"):
        decode_rospec(bytes.fromhex("00b10036") + ROSPEC[4:54])


def test_parameters_of_both_forms_stand_side_by_side() -> None:
    assert parameters(bytes.fromhex("81 0003 00fb0004 86 c5")) == (
        Parameter(type=1, value=b"\x00\x03"),
        Parameter(type=251, value=b""),
        Parameter(type=6, value=b"\xc5"),
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("00fb0003", "ends outside"),
        ("00fb0008 00", "ends outside"),
        ("00fb", "cut off"),
        ("81 00", "ends outside"),
        ("ff 00", "unknown TV"),
    ],
)
def test_parameters_that_do_not_fit_are_an_error(data: str, reason: str) -> None:
    with pytest.raises(FrameError, match=reason):
        parameters(bytes.fromhex(data))


@pytest.mark.parametrize(
    "data",
    [
        "47455420 2f204854 5450",  # GET / HTTP
        "043e 00000009 00000007",  # shorter than its own header
        "243e 0000000a 00000007",  # a reserved bit is set
        "003e 0000000a 00000007",  # version 0
        "043e 0000000b 00000007",  # says 11 bytes
        "043e",
    ],
)
def test_bytes_that_are_no_frame_are_an_error(data: str) -> None:
    with pytest.raises(FrameError):
        decode_frame(bytes.fromhex(data))


def test_tv_of_the_wrong_size_is_an_error() -> None:
    with pytest.raises(FrameError, match="ANTENNA_ID has 2 bytes"):
        tv(ParameterType.ANTENNA_ID, b"\x01")
