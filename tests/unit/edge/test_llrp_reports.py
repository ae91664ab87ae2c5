"""From the bytes of RO_ACCESS_REPORT, written out by hand, to tag reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llrpkit.exceptions import MessageDecodeError
from llrpkit.protocol import decode_message, messages, params

from genba_edge.drivers import llrp_session  # noqa: F401 - importing it makes the library skip vendor parameters
from genba_edge.drivers.llrp_reports import ReportReader
from genba_edge.ports import Failure, Meter, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, LlrpDevice

GATE = LlrpDevice(id="gate", host="10.0.0.1", antennas={1: Antenna(read_point="in"), 3: Antenna(read_point="out")})
EPC = "3034257bf7194e4000001a85"
MONDAY = datetime(2026, 1, 5, 7, tzinfo=UTC)
MONDAY_US = 1_767_596_400_000_000
STANDING_CLOCK = ProductionClock(origin=MONDAY, wall_origin_s=1e9, speed=1e-18)
"""Plant time stands still at MONDAY."""


def report(*tags: str) -> messages.RO_ACCESS_REPORT:
    """RO_ACCESS_REPORT of TagReportData parameters, each given by its content in hex."""
    contents = [bytes.fromhex(tag) for tag in tags]
    body = b"".join(b"\x00\xf0" + (4 + len(content)).to_bytes(2, "big") + content for content in contents)
    message = decode_message(b"\x04\x3d" + (10 + len(body)).to_bytes(4, "big") + bytes(4) + body)
    assert isinstance(message, messages.RO_ACCESS_REPORT)
    return message


def utc(number: int, offset_s: float) -> str:
    """TV 2 (first seen) or 4 (last seen), in hex."""
    return f"{0x80 | number:02x}{MONDAY_US + round(offset_s * 1_000_000):016x}"


def connected(*, reader_ahead_s: float = 0.0, clock: ProductionClock = STANDING_CLOCK) -> ReportReader:
    reader = ReportReader(GATE, clock, Meter(device="gate"))
    reader.connected(params.UTCTimestamp(microseconds=MONDAY_US + round(reader_ahead_s * 1_000_000)))
    return reader


def test_report_with_all_fields() -> None:
    reads = connected().reads(report(f"8d {EPC} 81 0003 86 c5 {utc(2, -0.5)} {utc(4, -0.1)} 88 0004"))

    assert reads == [
        TagRead(
            device="gate",
            antenna=3,
            tag="3034257bf7194e4000001a85",
            first_seen=MONDAY - timedelta(seconds=0.5),
            last_seen=MONDAY - timedelta(seconds=0.1),
            seen_at=MONDAY,
            reads=4,
            rssi_dbm=-59.0,
        )
    ]


def test_field_that_is_left_out_is_as_before() -> None:
    first, second = connected().reads(
        report(f"8d {EPC} 81 0003 86 c5 {utc(2, -2)} {utc(4, -1)} 88 0004", f"8d {EPC[:-2]}ff 86 c4")
    )

    assert (second.tag, second.rssi_dbm) == (EPC[:-2] + "ff", -60.0)
    assert (second.antenna, second.reads) == (3, 4)
    assert (second.first_seen, second.last_seen) == (first.first_seen, first.last_seen)


def test_nothing_carries_over_from_the_connection_before(caplog: pytest.LogCaptureFixture) -> None:
    reader = connected()
    reader.reads(report(f"8d {EPC} 81 0003"))
    reader.connected(params.UTCTimestamp(microseconds=MONDAY_US))

    assert reader.reads(report(f"8d {EPC}")) == []
    assert "tags without antenna" in caplog.text


def test_vendor_parameters_and_other_fields_are_skipped() -> None:
    """The vendor parameter has the number of one that llrpkit knows (Impinj, 58) and another length."""
    vendor = "03ff0012 0000651a 0000003a 000102030405"
    unasked = "89 0000007b 8e 0001 8a 0001 87 0005 8c 3000 8b 1234 90 00000000"

    (read,) = connected().reads(report(f"8d {EPC} 81 0001 {unasked} {vendor}"))

    assert (read.antenna, read.tag, read.reads, read.rssi_dbm) == (1, EPC, 1, None)


@pytest.mark.parametrize(
    ("epc_data", "tag"),
    [
        ("00f10016 0080 000102030405060708090A0B0C0D0E0F", "000102030405060708090a0b0c0d0e0f"),
        ("00f10008 000c abc0", "abc"),
        ("00f10008 000a abc0", "abc"),
    ],
)
def test_epc_of_any_length(epc_data: str, tag: str) -> None:
    (read,) = connected().reads(report(f"{epc_data} 81 0001"))

    assert read.tag == tag


def test_tag_without_epc_is_dropped_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    reader = connected()

    assert reader.reads(report("00f10006 0000 81 0001", "00f10006 0000 81 0001")) == []
    assert [record.message for record in caplog.records] == ["reader reports tags without EPC device=gate"]


def test_antenna_outside_the_map_is_dropped_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    reader = connected()

    reads = reader.reads(report(f"8d {EPC} 81 0002", f"8d {EPC} 81 0001", f"8d {EPC} 81 0002"))

    assert [read.antenna for read in reads] == [1]
    assert [record.message for record in caplog.records] == [
        "antenna 2 is not in the map: its reads are dropped device=gate"
    ]


def test_empty_report_has_no_reads() -> None:
    """Captured from a Zebra FX9600 (github.com/sllurp/sllurp, issue 115)."""
    message = decode_message(bytes.fromhex("043d0000000a00000000"))
    assert isinstance(message, messages.RO_ACCESS_REPORT)

    assert connected().reads(message) == []


def test_report_without_times_was_seen_when_it_came() -> None:
    (read,) = connected().reads(report(f"8d {EPC} 81 0001"))

    assert (read.first_seen, read.last_seen) == (MONDAY, MONDAY)


def test_uptime_stamps_are_placed_by_the_connection_event() -> None:
    reader = ReportReader(GATE, STANDING_CLOCK, Meter(device="gate"))
    reader.connected(params.Uptime(microseconds=60_000_000))

    (read,) = reader.reads(report(f"8d {EPC} 81 0001 83 {57_500_000:016x} 85 {59_000_000:016x}"))

    assert read.first_seen == MONDAY - timedelta(seconds=2.5)
    assert read.last_seen == MONDAY - timedelta(seconds=1)


def read_seen_at(clock: ProductionClock, *, reader_ahead: timedelta) -> timedelta:
    """How far from plant time a read is placed that the reader makes right now."""
    reader = ReportReader(GATE, clock, Meter(device="gate"))
    stamp_us = (clock.now() + reader_ahead - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    reader.connected(params.UTCTimestamp(microseconds=stamp_us))
    (read,) = reader.reads(report(f"8d {EPC} 81 0001 82 {stamp_us:016x}"))
    return read.first_seen - clock.now()


def test_clock_that_is_a_little_off_is_taken_as_it_is_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    away = read_seen_at(ProductionClock(), reader_ahead=timedelta(seconds=30))

    assert away == pytest.approx(timedelta(seconds=30), abs=timedelta(seconds=1))
    assert "reader clock is off" in caplog.text
    assert "corrected=no" in caplog.text


def test_clock_that_is_plainly_wrong_is_corrected_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    away = read_seen_at(ProductionClock(), reader_ahead=timedelta(days=-9000))

    assert away == pytest.approx(timedelta(0), abs=timedelta(seconds=1))
    assert "corrected=yes" in caplog.text


def test_how_far_off_a_clock_is_counts_in_wall_time(caplog: pytest.LogCaptureFixture) -> None:
    """In a plant that runs 600 times as fast, 5 minutes are half a second."""
    fast = ProductionClock(origin=MONDAY, wall_origin_s=ProductionClock().now().timestamp(), speed=600.0)

    away = read_seen_at(fast, reader_ahead=timedelta(minutes=5))

    assert away == pytest.approx(timedelta(minutes=5), abs=timedelta(minutes=2))
    assert caplog.records == []


def test_time_beyond_all_calendars_takes_no_other_read_away(caplog: pytest.LogCaptureFixture) -> None:
    meter = Meter(device="gate")
    reader = ReportReader(GATE, STANDING_CLOCK, meter)
    reader.connected(params.UTCTimestamp(microseconds=MONDAY_US))

    reads = reader.live_reads(
        report(f"8d {EPC} 81 0001 82 ffffffffffffffff 84 ffffffffffffffff", f"8d {EPC} 81 0003 {utc(2, 0)} {utc(4, 0)}")
    )

    assert [(read.antenna, read.first_seen, read.last_seen) for read in reads] == [
        (1, MONDAY, MONDAY),
        (3, MONDAY, MONDAY),
    ]
    assert meter.failures[Failure.BAD_READING] == 2
    assert [record.message for record in caplog.records] == [
        "a timestamp of 18446744073710 s is beyond all calendars: the time of arrival is taken device=gate"
    ]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutilated_frame_is_a_message_or_an_error_of_the_library(data: st.DataObject) -> None:
    """The driver catches exactly this error of llrpkit; anything else would be a crash."""
    whole = bytearray.fromhex(
        f"043d 00000000 00000000 00f0002b 8d {EPC} 81 0003 86 c5 {utc(2, 0)} {utc(4, 0)} 88 0004"
        "00f00022 00f10008 000c abc0 81 0001 03ff0012 0000651a 0000003a 000102030405"
    )
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    frame = bytes(whole[: data.draw(st.integers(10, len(whole)))])
    frame = frame[:2] + len(frame).to_bytes(4, "big") + frame[6:]
    try:
        message = decode_message(frame)
    except MessageDecodeError:
        return
    if isinstance(message, messages.RO_ACCESS_REPORT):
        connected().reads(message)
        connected().live_reads(message)


def test_a_time_that_only_the_correction_of_the_clock_takes_beyond_all_calendars_is_the_time_of_arrival() -> None:
    reader = connected(reader_ahead_s=-50 * 365 * 86_400)
    latest_us = 253_402_300_799_000_000
    (read,) = reader.reads(report(f"8d {EPC} 81 0001 82 {latest_us:016x}"))
    assert read.first_seen == MONDAY


@pytest.mark.parametrize("connected_us", [1, 2**64 - 1])
def test_an_uptime_beyond_all_calendars_is_the_time_of_arrival(connected_us: int) -> None:
    reader = ReportReader(GATE, STANDING_CLOCK, Meter(device="gate"))
    reader.connected(params.Uptime(microseconds=connected_us))
    (read,) = reader.live_reads(report(f"8d {EPC} 81 0001 83 ffffffffffffffff 85 fffffffffffffffe"))
    assert (read.first_seen, read.last_seen) == (MONDAY, MONDAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandSetClock(ProductionClock):
    """A clock that stands where the test sets it."""

    hand: list[datetime] = field(default_factory=lambda: [MONDAY])

    def now(self) -> datetime:
        return self.hand[-1]


def stamps(first: datetime, last: datetime) -> str:
    first_us, last_us = (int(at.timestamp()) * 1_000_000 for at in (first, last))
    return f"8d {EPC} 81 0001 82 {first_us:016x} 84 {last_us:016x}"


def test_reader_whose_clock_is_set_right_during_the_connection_goes_on_in_plant_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = HandSetClock()
    reader, wrong = ReportReader(GATE, clock, Meter(device="gate")), datetime(2000, 1, 1, tzinfo=UTC)
    reader.connected(params.UTCTimestamp(microseconds=int(wrong.timestamp()) * 1_000_000))
    clock.hand.append(MONDAY + timedelta(seconds=90))

    astride = reader.live_reads(report(stamps(wrong + timedelta(seconds=89), clock.now())))
    clock.hand.append(MONDAY + timedelta(seconds=100))
    after = reader.live_reads(report(stamps(clock.now() - timedelta(seconds=1), clock.now())))

    assert [(read.first_seen, read.last_seen) for read in astride] == [(MONDAY + timedelta(seconds=90),) * 2]
    assert [(read.first_seen, read.last_seen) for read in after] == [
        (MONDAY + timedelta(seconds=99), MONDAY + timedelta(seconds=100))
    ]
    assert [record.message for record in caplog.records[1:]] == [
        "a clock was set device=gate reader_ahead_s=0.0 corrected=no"
    ]


def test_gateway_whose_own_clock_is_set_right_believes_the_reader_again() -> None:
    """A gateway without a battery for its clock starts in the past until the time server answers."""
    clock = HandSetClock(hand=[datetime(2025, 1, 1, tzinfo=UTC)])
    reader = connected(clock=clock)
    clock.hand.append(MONDAY + timedelta(seconds=60))

    (read,) = reader.live_reads(report(stamps(MONDAY + timedelta(seconds=58), MONDAY + timedelta(seconds=59))))

    assert (read.first_seen, read.last_seen) == (MONDAY + timedelta(seconds=58), MONDAY + timedelta(seconds=59))


def test_uptime_is_placed_again_after_the_gateways_own_clock_was_set() -> None:
    clock = HandSetClock(hand=[datetime(2025, 1, 1, tzinfo=UTC)])
    reader = ReportReader(GATE, clock, Meter(device="gate"))
    reader.connected(params.Uptime(microseconds=60_000_000))
    clock.hand.append(MONDAY)

    (read,) = reader.live_reads(report(f"8d {EPC} 81 0001 83 {69_000_000:016x} 85 {70_000_000:016x}"))

    assert (read.first_seen, read.last_seen) == (MONDAY - timedelta(seconds=1), MONDAY)


def test_reports_that_were_held_keep_their_times_however_old_they_are() -> None:
    hours_ago = MONDAY - timedelta(hours=9)

    (read,) = connected(clock=HandSetClock()).reads(report(stamps(hours_ago, hours_ago)))

    assert (read.first_seen, read.last_seen) == (hours_ago, hours_ago)
