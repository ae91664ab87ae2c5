"""The binary encoding of LLRP: frames and parameters, written from the standard and used only by the simulated reader.

The gateway's driver uses another codec on purpose: the same one at both ends would hide its own mistakes.

Source: EPCglobal Low Level Reader Protocol 1.0.1, chapter 16 (all numbers are big-endian); type numbers up to 1.1.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from enum import IntEnum

HEADER_BYTES = 10
MAX_FRAME_BYTES = 1_000_000
VERSION_1_0_1 = 1


class FrameError(ValueError):
    """The bytes are not LLRP; nothing after them can be trusted, so the connection must be closed."""


class MessageType(IntEnum):
    """Messages that the simulated reader takes or sends (16.1)."""

    GET_READER_CAPABILITIES = 1
    GET_READER_CONFIG = 2
    SET_READER_CONFIG = 3
    CLOSE_CONNECTION_RESPONSE = 4
    GET_READER_CAPABILITIES_RESPONSE = 11
    GET_READER_CONFIG_RESPONSE = 12
    SET_READER_CONFIG_RESPONSE = 13
    CLOSE_CONNECTION = 14
    ADD_ROSPEC = 20
    DELETE_ROSPEC = 21
    START_ROSPEC = 22
    STOP_ROSPEC = 23
    ENABLE_ROSPEC = 24
    DISABLE_ROSPEC = 25
    GET_ROSPECS = 26
    ADD_ROSPEC_RESPONSE = 30
    DELETE_ROSPEC_RESPONSE = 31
    START_ROSPEC_RESPONSE = 32
    STOP_ROSPEC_RESPONSE = 33
    ENABLE_ROSPEC_RESPONSE = 34
    DISABLE_ROSPEC_RESPONSE = 35
    GET_ROSPECS_RESPONSE = 36
    GET_REPORT = 60
    RO_ACCESS_REPORT = 61
    KEEPALIVE = 62
    READER_EVENT_NOTIFICATION = 63
    ENABLE_EVENTS_AND_REPORTS = 64
    KEEPALIVE_ACK = 72
    ERROR_MESSAGE = 100


class ParameterType(IntEnum):
    """Parameters that the simulated reader takes or sends; numbers below 128 are of the TV form (16.2)."""

    ANTENNA_ID = 1
    FIRST_SEEN_UTC = 2
    FIRST_SEEN_UPTIME = 3
    LAST_SEEN_UTC = 4
    LAST_SEEN_UPTIME = 5
    PEAK_RSSI = 6
    TAG_SEEN_COUNT = 8
    ROSPEC_ID = 9
    EPC_96 = 13
    UTC_TIMESTAMP = 128
    UPTIME = 129
    GENERAL_DEVICE_CAPABILITIES = 137
    RECEIVE_SENSITIVITY_TABLE_ENTRY = 139
    PER_ANTENNA_AIR_PROTOCOL = 140
    GPIO_CAPABILITIES = 141
    LLRP_CAPABILITIES = 142
    REGULATORY_CAPABILITIES = 143
    UHF_BAND_CAPABILITIES = 144
    TRANSMIT_POWER_LEVEL_TABLE_ENTRY = 145
    FREQUENCY_INFORMATION = 146
    FREQUENCY_HOP_TABLE = 147
    ROSPEC = 177
    RO_BOUNDARY_SPEC = 178
    ROSPEC_START_TRIGGER = 179
    ROSPEC_STOP_TRIGGER = 182
    AISPEC = 183
    AISPEC_STOP_TRIGGER = 184
    INVENTORY_PARAMETER_SPEC = 186
    KEEPALIVE_SPEC = 220
    ANTENNA_PROPERTIES = 221
    ANTENNA_CONFIGURATION = 222
    EVENTS_AND_REPORTS = 226
    RO_REPORT_SPEC = 237
    TAG_REPORT_CONTENT_SELECTOR = 238
    TAG_REPORT_DATA = 240
    EPC_DATA = 241
    READER_EVENT_NOTIFICATION_SPEC = 244
    READER_EVENT_NOTIFICATION_DATA = 246
    REPORT_BUFFER_OVERFLOW_ERROR_EVENT = 251
    CONNECTION_ATTEMPT_EVENT = 256
    CONNECTION_CLOSE_EVENT = 257
    LLRP_STATUS = 287
    C1G2_LLRP_CAPABILITIES = 327
    C1G2_UHF_RF_MODE_TABLE = 328
    C1G2_UHF_RF_MODE_TABLE_ENTRY = 329
    CUSTOM = 1023


# Bytes of the value of each TV parameter (16.2.7.3 and the C1G2 parameters of 16.3); a TV carries no length of its own.
TV_VALUE_BYTES = {
    1: 2, 2: 8, 3: 8, 4: 8, 5: 8, 6: 1, 7: 2, 8: 2, 9: 4, 10: 2, 11: 2, 12: 2, 13: 12, 14: 2, 15: 2, 16: 4, 17: 2,
    18: 4, 19: 2, 20: 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message as it stands on the wire; `type` is a `MessageType` where we know it."""

    type: int
    id: int
    body: bytes = b""
    version: int = VERSION_1_0_1

    def encode(self) -> bytes:
        """Header (3 reserved bits, 3 version, 10 type; length of all; id) and body."""
        return struct.pack("!HII", self.version << 10 | self.type, HEADER_BYTES + len(self.body), self.id) + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter: its type number and the bytes of its value (for a TLV: fields and sub-parameters)."""

    type: int
    value: bytes


def decode_header(header: bytes) -> tuple[int, int, int, int]:
    """Version, type, length of the whole frame in bytes, and id, from the first 10 bytes of a frame.

    Raises:
        FrameError: reserved bits are set, the version is not 1..2, or the length is impossible.
    """
    first, length, message_id = struct.unpack("!HII", header)
    version, message_type = first >> 10 & 0b111, first & 0x3FF
    if first >> 13 or version not in (1, 2) or not HEADER_BYTES <= length <= MAX_FRAME_BYTES:
        raise FrameError(f"not an LLRP header: {header.hex()}")
    return version, message_type, length, message_id


def decode_frame(data: bytes) -> Frame:
    """Exactly one frame.

    Raises:
        FrameError: not an LLRP header, or the length does not fit the bytes given.
    """
    if len(data) < HEADER_BYTES:
        raise FrameError(f"{len(data)} bytes are no frame")
    version, message_type, length, message_id = decode_header(data[:HEADER_BYTES])
    if length != len(data):
        raise FrameError(f"length says {length} bytes, {len(data)} are here")
    return Frame(type=message_type, id=message_id, body=data[HEADER_BYTES:], version=version)


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Wait for the next frame of a connection.

    Raises:
        FrameError: the bytes are not LLRP.
        asyncio.IncompleteReadError: the connection ended.
    """
    header = await reader.readexactly(HEADER_BYTES)
    version, message_type, length, message_id = decode_header(header)
    body = await reader.readexactly(length - HEADER_BYTES)
    return Frame(type=message_type, id=message_id, body=body, version=version)


def tlv(parameter: ParameterType, *parts: bytes) -> bytes:
    """A parameter with 6 reserved bits, 10 bits of type and a 16-bit length that includes these 4 bytes."""
    value = b"".join(parts)
    return struct.pack("!HH", parameter, 4 + len(value)) + value


def tv(parameter: ParameterType, value: bytes) -> bytes:
    """A parameter of one type byte with the top bit set, and a value of known length."""
    if len(value) != TV_VALUE_BYTES[parameter]:
        raise FrameError(f"{parameter.name} has {TV_VALUE_BYTES[parameter]} bytes, not {len(value)}")
    return bytes((0x80 | parameter,)) + value


def parameters(data: bytes) -> tuple[Parameter, ...]:
    """Split the bytes after the fixed fields of a message or TLV into its parameters, without looking into them.

    Raises:
        FrameError: a length points outside, or a TV type is unknown (its end cannot be found).
    """
    found = []
    at = 0
    while at < len(data):
        if data[at] & 0x80:
            number = data[at] & 0x7F
            if number not in TV_VALUE_BYTES:
                raise FrameError(f"unknown TV parameter {number}")
            start, end = at + 1, at + 1 + TV_VALUE_BYTES[number]
        else:
            if at + 4 > len(data):
                raise FrameError("a parameter header is cut off")
            first, length = struct.unpack_from("!HH", data, at)
            number, start, end = first & 0x3FF, at + 4, at + length
        if not start <= end <= len(data):
            raise FrameError(f"parameter {number} ends outside of its parent")
        found.append(Parameter(type=number, value=data[start:end]))
        at = end
    return tuple(found)


def unpack(layout: str, value: bytes) -> tuple[int, ...]:
    """Fixed fields at the start of a value, by a `struct` layout without byte order.

    Raises:
        FrameError: the value is shorter than the fields.
    """
    try:
        fields: tuple[int, ...] = struct.unpack_from("!" + layout, value)
    except struct.error as exc:
        raise FrameError(f"{len(value)} bytes hold no {layout}") from exc
    return fields


def text(value: str) -> bytes:
    """UTF-8 text behind its length in bytes (16 bits)."""
    raw = value.encode()
    return struct.pack("!H", len(raw)) + raw
