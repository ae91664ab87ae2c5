"""What a reader says and understands in LLRP: its reports, events and answers, and the specs a client gives it.

Source: EPCglobal LLRP 1.0.1, chapters 10 (ROSpec), 12 (configuration), 13 (reports and events), 16 (encoding).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum

from genba_sim.llrp_codec import (
    Frame,
    FrameError,
    MessageType,
    Parameter,
    ParameterType,
    parameters,
    text,
    tlv,
    tv,
    unpack,
)


class ReaderClock(IntEnum):
    """Which clock the reader stamps with: real time, or microseconds since it started; a reader has one of them."""

    UTC = ParameterType.UTC_TIMESTAMP
    UPTIME = ParameterType.UPTIME


class Attempt(IntEnum):
    """Outcome of a connection attempt (13.2.6.11)."""

    SUCCESS = 0
    READER_INITIATED_EXISTS = 1
    CLIENT_INITIATED_EXISTS = 2
    FAILED = 3
    ANOTHER_ATTEMPTED = 4


class Status(IntEnum):
    """Answer codes (14.2.1), those that this reader gives."""

    SUCCESS = 0
    PARAMETER_ERROR = 100
    FIELD_ERROR = 101
    UNSUPPORTED_MESSAGE = 109


class SpecState(IntEnum):
    """Life-cycle of a ROSpec (10.2.1)."""

    DISABLED = 0
    INACTIVE = 1
    ACTIVE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TagReport:
    """Reads of one tag at one antenna between two reports; times are microseconds of the reader's clock."""

    epc: bytes
    antenna: int
    first_seen_us: int
    last_seen_us: int
    reads: int
    peak_rssi_dbm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Which optional fields the client wants in its reports (TagReportContentSelector, 13.2.1.1)."""

    rospec_id: bool = False
    antenna: bool = False
    peak_rssi: bool = False
    first_seen: bool = False
    last_seen: bool = False
    reads: bool = False

    @classmethod
    def of_bits(cls, bits: int) -> Content:
        """From the flags, top first: ROSpec, spec index, inventory spec, antenna, channel, RSSI, first, last, count."""
        return cls(
            rospec_id=bool(bits & 0x8000),
            antenna=bool(bits & 0x1000),
            peak_rssi=bool(bits & 0x0400),
            first_seen=bool(bits & 0x0200),
            last_seen=bool(bits & 0x0100),
            reads=bool(bits & 0x0080),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoSpec:
    """What to inventory and when to report. `antennas` with a 0 means all.

    A report goes out each `report_ms` (end of the AISpec, which then starts again because the start trigger is
    immediate; 0: never by time) and as soon as `report_tags` tags are waiting (0: never by number).
    """

    id: int
    antennas: frozenset[int]
    starts_at_once: bool
    report_ms: int
    report_tags: int
    content: Content
    raw: bytes

    def in_state(self, state: SpecState) -> bytes:
        """The ROSpec parameter as it was added, with this state in it (for GET_ROSPECS)."""
        return tlv(ParameterType.ROSPEC, self.raw[:5], bytes((state,)), self.raw[6:])


def decode_rospec(body: bytes) -> RoSpec:
    """The ROSpec of an ADD_ROSPEC message.

    Raises:
        FrameError: it cannot be decoded, or one of the parts that the standard requires is missing.
    """
    value = _only(parameters(body), ParameterType.ROSPEC).value
    (spec_id,) = unpack("I", value)
    parts = parameters(value[6:])
    boundary = parameters(_only(parts, ParameterType.RO_BOUNDARY_SPEC).value)
    (start_trigger,) = unpack("B", _only(boundary, ParameterType.ROSPEC_START_TRIGGER).value)
    _only(boundary, ParameterType.ROSPEC_STOP_TRIGGER)
    antennas, duration_ms = _decode_aispec(_only(parts, ParameterType.AISPEC).value)
    trigger, tags, content = _decode_report_spec(_only(parts, ParameterType.RO_REPORT_SPEC).value)
    return RoSpec(
        id=spec_id,
        antennas=antennas,
        starts_at_once=start_trigger == 1,
        report_ms=duration_ms if trigger in (1, 2) else 0,
        report_tags=tags if trigger in (1, 2) else 0,
        content=content,
        raw=value,
    )


def _decode_aispec(value: bytes) -> tuple[frozenset[int], int]:
    (count,) = unpack("H", value)
    antennas = frozenset(unpack(f"{count}H", value[2:]))
    parts = parameters(value[2 + 2 * count :])
    stop_type, duration_ms = unpack("BI", _only(parts, ParameterType.AISPEC_STOP_TRIGGER).value)
    _only(parts, ParameterType.INVENTORY_PARAMETER_SPEC)
    return antennas, duration_ms if stop_type == 1 else 0


def _decode_report_spec(value: bytes) -> tuple[int, int, Content]:
    trigger, tags = unpack("BH", value)
    (bits,) = unpack("H", _only(parameters(value[3:]), ParameterType.TAG_REPORT_CONTENT_SELECTOR).value)
    return trigger, tags, Content.of_bits(bits)


def _only(found: Iterable[Parameter], wanted: ParameterType) -> Parameter:
    for parameter in found:
        if parameter.type == wanted:
            return parameter
    raise FrameError(f"{wanted.name} is missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a SET_READER_CONFIG asks for; None: not mentioned. `keepalive_ms` 0 switches keepalives off."""

    reset: bool
    keepalive_ms: int | None = None
    hold_upon_reconnect: bool | None = None


def decode_config(body: bytes) -> Config:
    """The parts of SET_READER_CONFIG that this reader has; others are skipped.

    Raises:
        FrameError: it cannot be decoded.
    """
    (flags,) = unpack("B", body)
    keepalive_ms: int | None = None
    hold: bool | None = None
    for parameter in parameters(body[1:]):
        if parameter.type == ParameterType.KEEPALIVE_SPEC:
            kind, period_ms = unpack("BI", parameter.value)
            keepalive_ms = period_ms if kind == 1 else 0
        elif parameter.type == ParameterType.EVENTS_AND_REPORTS:
            hold = bool(unpack("B", parameter.value)[0] & 0x80)
    return Config(reset=bool(flags & 0x80), keepalive_ms=keepalive_ms, hold_upon_reconnect=hold)


def status(code: Status, reason: str = "") -> bytes:
    """LLRPStatus: how the reader took a message."""
    return tlv(ParameterType.LLRP_STATUS, struct.pack("!H", code), text(reason))


def event(happened: bytes, *, at_us: int, clock: ReaderClock) -> Frame:
    """READER_EVENT_NOTIFICATION with the reader's time and what happened."""
    stamp = tlv(ParameterType(clock), struct.pack("!Q", at_us))
    body = tlv(ParameterType.READER_EVENT_NOTIFICATION_DATA, stamp, happened)
    return Frame(type=MessageType.READER_EVENT_NOTIFICATION, id=0, body=body)


def connection_attempted(outcome: Attempt) -> bytes:
    """Event: somebody connected, and how that went."""
    return tlv(ParameterType.CONNECTION_ATTEMPT_EVENT, struct.pack("!H", outcome))


def connection_closing() -> bytes:
    """Event: the reader is about to close the connection by itself."""
    return tlv(ParameterType.CONNECTION_CLOSE_EVENT)


def buffer_overflowed() -> bytes:
    """Event: the report buffer was full and reports were lost."""
    return tlv(ParameterType.REPORT_BUFFER_OVERFLOW_ERROR_EVENT)


def ro_access_report(reports: Iterable[bytes]) -> Frame:
    """RO_ACCESS_REPORT of encoded TagReportData parameters."""
    return Frame(type=MessageType.RO_ACCESS_REPORT, id=0, body=b"".join(reports))


def tag_report_data(report: TagReport, *, content: Content, rospec_id: int, clock: ReaderClock) -> bytes:
    """TagReportData with the EPC and the optional fields that the client asked for (13.2.3)."""
    utc = clock is ReaderClock.UTC
    first = ParameterType.FIRST_SEEN_UTC if utc else ParameterType.FIRST_SEEN_UPTIME
    last = ParameterType.LAST_SEEN_UTC if utc else ParameterType.LAST_SEEN_UPTIME
    if len(report.epc) == 12:
        parts = [tv(ParameterType.EPC_96, report.epc)]
    else:
        parts = [tlv(ParameterType.EPC_DATA, struct.pack("!H", 8 * len(report.epc)), report.epc)]
    if content.rospec_id:
        parts.append(tv(ParameterType.ROSPEC_ID, struct.pack("!I", rospec_id)))
    if content.antenna:
        parts.append(tv(ParameterType.ANTENNA_ID, struct.pack("!H", report.antenna)))
    if content.peak_rssi:
        parts.append(tv(ParameterType.PEAK_RSSI, struct.pack("!b", report.peak_rssi_dbm)))
    if content.first_seen:
        parts.append(tv(first, struct.pack("!Q", report.first_seen_us)))
    if content.last_seen:
        parts.append(tv(last, struct.pack("!Q", report.last_seen_us)))
    if content.reads:
        parts.append(tv(ParameterType.TAG_SEEN_COUNT, struct.pack("!H", min(report.reads, 0xFFFF))))
    return tlv(ParameterType.TAG_REPORT_DATA, *parts)


def capabilities(*, antennas: int, clock: ReaderClock, firmware: str) -> bytes:
    """Body of GET_READER_CAPABILITIES_RESPONSE: an FCC reader of `antennas` ports, 10 to 30 dBm in steps of 1 dB."""
    return b"".join(
        (
            status(Status.SUCCESS),
            _general_capabilities(antennas=antennas, clock=clock, firmware=firmware),
            # buffer warning and holding are supported; 1 priority level, 4 ROSpecs of 1 spec each, no access specs
            tlv(ParameterType.LLRP_CAPABILITIES, struct.pack("!BBHIIIII", 0x48, 1, 0, 4, 1, 1, 0, 0)),
            _regulatory_capabilities(),
            tlv(ParameterType.C1G2_LLRP_CAPABILITIES, struct.pack("!BH", 0, 0)),
        )
    )


def _general_capabilities(*, antennas: int, clock: ReaderClock, firmware: str) -> bytes:
    has_utc = 0x4000 if clock is ReaderClock.UTC else 0
    return tlv(
        ParameterType.GENERAL_DEVICE_CAPABILITIES,
        struct.pack("!HHII", antennas, has_utc, 0, 1),
        text(firmware),
        tlv(ParameterType.RECEIVE_SENSITIVITY_TABLE_ENTRY, struct.pack("!Hh", 1, 0)),
        tlv(ParameterType.GPIO_CAPABILITIES, struct.pack("!HH", 0, 0)),
        *(
            tlv(ParameterType.PER_ANTENNA_AIR_PROTOCOL, struct.pack("!HHB", antenna, 1, 1))
            for antenna in range(1, antennas + 1)
        ),
    )


def _regulatory_capabilities() -> bytes:
    powers = (
        tlv(ParameterType.TRANSMIT_POWER_LEVEL_TABLE_ENTRY, struct.pack("!Hh", index, 900 + 100 * index))
        for index in range(1, 22)
    )
    frequencies_khz = tuple(range(902_750, 927_750, 500))
    hop_table = tlv(
        ParameterType.FREQUENCY_HOP_TABLE,
        struct.pack(f"!BBH{len(frequencies_khz)}I", 1, 0, len(frequencies_khz), *frequencies_khz),
    )
    mode = struct.pack("!IBBBBIIIII", 1, 0x80, 2, 0, 2, 274_000, 1500, 6250, 25_000, 1875)
    return tlv(
        ParameterType.REGULATORY_CAPABILITIES,
        struct.pack("!HH", 840, 1),
        tlv(
            ParameterType.UHF_BAND_CAPABILITIES,
            *powers,
            tlv(ParameterType.FREQUENCY_INFORMATION, bytes((0x80,)), hop_table),
            tlv(ParameterType.C1G2_UHF_RF_MODE_TABLE, tlv(ParameterType.C1G2_UHF_RF_MODE_TABLE_ENTRY, mode)),
        ),
    )


def reader_config(*, keepalive_ms: int, hold_upon_reconnect: bool, antennas: int, unplugged: Collection[int]) -> bytes:
    """Body of GET_READER_CONFIG_RESPONSE: antennas, keepalive and holding, whatever part was asked for."""
    plugs = ((number, 0 if number in unplugged else 0x80) for number in range(1, antennas + 1))
    return b"".join(
        (
            status(Status.SUCCESS),
            *(tlv(ParameterType.ANTENNA_PROPERTIES, struct.pack("!BHh", flag, number, 0)) for number, flag in plugs),
            tlv(ParameterType.KEEPALIVE_SPEC, struct.pack("!BI", int(keepalive_ms > 0), keepalive_ms)),
            tlv(ParameterType.EVENTS_AND_REPORTS, bytes((0x80 if hold_upon_reconnect else 0,))),
        )
    )
