"""Fields and values in the JSON that devices send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from genba_edge.drivers.json_values import (
    MISSING,
    BadValue,
    Digits,
    dig,
    epc_of,
    number_of,
    parse,
    time_of,
    value_of,
    whole_of,
)
from genba_shared.device_map.model import EpcEncoding, PointType

AT = datetime(2026, 1, 5, 7, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "documents", "bad"),
    [
        (b'{"a": 1}', [{"a": "1"}], 0),
        (b'[{"a": 1}, {"a": 2}]', [{"a": "1"}, {"a": "2"}], 0),
        (b'{"a": 1}\r\n\r\n{"a": 2}\n', [{"a": "1"}, {"a": "2"}], 0),
        (b'{"a": 1}{"a": 2}', [{"a": "1"}, {"a": "2"}], 0),
        (b'{"a": 1}\n{"a": \n{"a": 3}', [{"a": "1"}, {"a": "3"}], 1),
        (b'\xef\xbb\xbf{"a": true}', [{"a": True}], 0),
        (b" \n", [], 0),
    ],
)
def test_documents_of_a_payload(payload: bytes, documents: list[object], bad: int) -> None:
    parsed = parse(payload)
    assert (parsed.documents, parsed.bad) == (documents, bad)


@pytest.mark.parametrize("payload", [b"count 7", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'{"a": 1'])
def test_a_payload_without_json_is_bad(payload: bytes) -> None:
    with pytest.raises(BadValue, match="the payload is not"):
        parse(payload)


def test_a_number_keeps_its_digits() -> None:
    assert parse(b'{"order": 12345678901234567890, "part": 1.10}').documents == [
        {"order": "12345678901234567890", "part": "1.10"}
    ]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", {"a": [{"b": "1"}]}),
        ("a.0.b", "1"),
        ("a.1.b", MISSING),
        ("a.b", MISSING),
        ("a.0.b.c", MISSING),
        ("x", MISSING),
    ],
)
def test_a_dotted_path_leads_to_a_value(path: str, found: object) -> None:
    assert dig({"a": [{"b": "1"}]}, path) == found


@pytest.mark.parametrize(
    ("found", "kind", "value"),
    [
        ("0012", PointType.STRING, "0012"),
        (Digits("1.10"), PointType.STRING, "1.10"),
        (True, PointType.STRING, "true"),
        (Digits("41"), PointType.UINT16, 41),
        (" 41 ", PointType.UINT16, 41),
        (Digits("41.0"), PointType.UINT16, 41),
        (Digits("-32768"), PointType.INT16, -32768),
        (Digits("18446744073709551615"), PointType.UINT64, 2**64 - 1),
        (Digits("2.5"), PointType.FLOAT32, 2.5),
        ("2.5e3", PointType.FLOAT64, 2500.0),
        (False, PointType.BOOL, False),
        (Digits("1"), PointType.BOOL, True),
        ("ON", PointType.BOOL, True),
    ],
)
def test_values_are_what_the_map_says(found: object, kind: PointType, value: object) -> None:
    read = value_of(found, kind)
    assert (read, type(read) in {type(value), Digits}) == (value, True)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (Digits("65536"), PointType.UINT16),
        (Digits("-1"), PointType.UINT32),
        (Digits("1.5"), PointType.INT32),
        (True, PointType.UINT16),
        ("many", PointType.UINT16),
        (Digits("9" * 5000), PointType.UINT64),
        ({}, PointType.STRING),
        ([], PointType.BOOL),
        (None, PointType.STRING),
        (Digits("2"), PointType.BOOL),
        ("inf", PointType.FLOAT32),
        ("nan", PointType.FLOAT64),
        (True, PointType.FLOAT64),
    ],
)
def test_other_values_are_bad(found: object, kind: PointType) -> None:
    with pytest.raises(BadValue):
        value_of(found, kind)


def test_what_a_message_quotes_of_a_bad_value_is_short() -> None:
    with pytest.raises(BadValue) as raised:
        number_of("x" * 100_000)
    assert len(str(raised.value)) < 80


@pytest.mark.parametrize(
    ("found", "encoding", "epc"),
    [
        ("3034257BF7194E4000001A85", EpcEncoding.HEX, "3034257bf7194e4000001a85"),
        ("MDQle_cZTkAAABqF", EpcEncoding.BASE64, "3034257bf7194e4000001a85"),
        ("MDQle/cZTkAAABqF", EpcEncoding.BASE64, "3034257bf7194e4000001a85"),
        ("AQI=", EpcEncoding.BASE64, "0102"),
        ("AQI", EpcEncoding.BASE64, "0102"),
        (Digits("3034"), EpcEncoding.HEX, "3034"),
    ],
)
def test_epcs_are_lower_case_hex(found: object, encoding: EpcEncoding, epc: str) -> None:
    assert epc_of(found, encoding) == epc


@pytest.mark.parametrize(
    ("found", "encoding"),
    [("", EpcEncoding.HEX), ("30 34", EpcEncoding.HEX), ("a" * 129, EpcEncoding.HEX), (None, EpcEncoding.HEX),
     ("", EpcEncoding.BASE64), ("A", EpcEncoding.BASE64), ("MDQ!", EpcEncoding.BASE64)],
)  # fmt: skip
def test_other_epcs_are_bad(found: object, encoding: EpcEncoding) -> None:
    with pytest.raises(BadValue, match="is not an EPC"):
        epc_of(found, encoding)


@pytest.mark.parametrize(
    "found",
    [
        "2026-01-05T07:00:00.250Z",
        "2026-01-05T07:00:00.250000123Z",
        "2026-01-05T15:00:00.250+0800",
        "2026-01-05T07:00:00.250",
        Digits("1767596400.25"),
        Digits("1767596400250"),
        Digits("1767596400250000"),
        Digits("1767596400250000000"),
        "1767596400250",
    ],
)
def test_times_in_every_writing_are_the_same_instant(found: object) -> None:
    assert abs((time_of(found) - AT).total_seconds()) < 1e-6


@pytest.mark.parametrize("found", ["noon", "", None, True, {}, Digits("-5"), Digits("9" * 40), "9999-12-31T23:59:59Z"])
def test_other_times_are_bad(found: object) -> None:
    with pytest.raises(BadValue, match="is not a time"):
        time_of(found)


@pytest.mark.parametrize("found", [Digits("0"), Digits("256"), "port 1", True, Digits("1.5")])
def test_a_port_beyond_its_limits_is_bad(found: object) -> None:
    with pytest.raises(BadValue):
        whole_of(found, least=1, most=255)
