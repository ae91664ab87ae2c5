"""What OPC UA says, in our words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from genba_edge.drivers.opcua_values import NodeUnknown, reading_of, resolve, time_of
from genba_edge.ports import Quality
from genba_shared.device_map.model import CounterSettings, OpcUaPoint, PointType, TimeSource

NAMESPACES = ["http://opcfoundation.org/UA/", "urn:server", "urn:plc:cutter"]
SOURCE, SERVER, GATEWAY = (datetime(2026, 1, 5, 7, minute, tzinfo=UTC) for minute in (0, 1, 2))
NO_TIME = datetime(1601, 1, 1, tzinfo=UTC)


def point(kind: PointType, *, counter: CounterSettings | None = None) -> OpcUaPoint:
    return OpcUaPoint(name="p", type=kind, node="i=1", counter=counter)


def sent(value: object, status: int = StatusCodes.Good) -> ua.DataValue:
    return ua.DataValue(ua.Variant(value), StatusCode=ua.StatusCode(ua.UInt32(status)))


@pytest.mark.parametrize(
    ("node", "namespace", "identifier"),
    [
        ("nsu=urn:plc:cutter;s=DB10.PartCount", 2, "DB10.PartCount"),
        ('nsu=urn:plc:cutter;s="DB10"."A;B=C"', 2, '"DB10"."A;B=C"'),
        ("nsu=urn:plc:cutter;i=1001", 2, 1001),
        ("ns=3;s=Parts", 3, "Parts"),
        ("i=2258", 0, 2258),
    ],
)
def test_a_node_id_gets_the_servers_index(node: str, namespace: int, identifier: object) -> None:
    resolved = resolve(node, NAMESPACES)
    assert (resolved.NamespaceIndex, resolved.Identifier) == (namespace, identifier)


def test_a_namespace_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(NodeUnknown, match=r"no namespace urn:plc:saw, but http.*, urn:server, urn:plc:cutter"):
        resolve("nsu=urn:plc:saw;s=Parts", NAMESPACES)


def test_text_that_is_no_node_id_is_said_to_be_none() -> None:
    with pytest.raises(NodeUnknown, match=r"'DB10\.Parts' is not a node id"):
        resolve("DB10.Parts", NAMESPACES)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (PointType.INT32, -12, -12),
        (PointType.UINT64, 2**64 - 1, 2**64 - 1),
        (PointType.FLOAT64, 21.3, 21.3),
        (PointType.BOOL, True, True),
        (PointType.BOOL, 1, True),
        (PointType.UINT16, True, True),
        (PointType.STRING, "0041", "0041"),
        (PointType.STRING, 4711, "4711"),
        (PointType.STRING, ua.LocalizedText("WO-1"), "WO-1"),
        (PointType.UINT32, 7.0, 7),
        (PointType.UINT32, 7.5, 7.5),
        (PointType.FLOAT32, 7.0, 7.0),
    ],
)
def test_values_keep_their_type(kind: PointType, value: object, expected: object) -> None:
    reading = reading_of(sent(value), point(kind))
    assert (reading.value, type(reading.value)) == (expected, type(expected))
    assert reading.quality is Quality.GOOD


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (PointType.UINT32, "41", "text where the map says uint32"),
        (PointType.STRING, 4.5, "4.5 where the map says string"),
        (PointType.STRING, True, "True where the map says string"),
        (PointType.UINT32, [1, 2], "an array where the map says one value"),
        (PointType.UINT32, None, "the server has no value"),
        (PointType.FLOAT64, float("nan"), "nan is not a number"),
        (PointType.UINT32, b"41", "a bytes where the map says uint32"),
    ],
)
def test_a_value_that_does_not_fit_the_map_is_bad(kind: PointType, value: object, said: str) -> None:
    reading = reading_of(sent(value), point(kind))
    assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, said)


@pytest.mark.parametrize("value", [7.5, True])
def test_a_counter_is_a_whole_number(value: object) -> None:
    reading = reading_of(sent(value), point(PointType.UINT32, counter=CounterSettings(limit=65535)))
    assert (reading.value, reading.quality) == (None, Quality.BAD)


def test_a_bad_status_takes_the_value_away() -> None:
    reading = reading_of(sent(41, StatusCodes.BadSensorFailure), point(PointType.UINT32))
    assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, "BadSensorFailure")


def test_an_uncertain_status_keeps_the_value() -> None:
    reading = reading_of(sent(41, StatusCodes.UncertainLastUsableValue), point(PointType.UINT32))
    assert (reading.value, reading.quality) == (41, Quality.UNCERTAIN)


def test_the_overflow_bit_of_a_queue_leaves_a_value_good() -> None:
    good_with_overflow = 0x0000_0480  # InfoType DataValue and Overflow: OPC 10000-4, 7.39.1
    reading = reading_of(sent(41, good_with_overflow), point(PointType.UINT32))
    assert (reading.value, reading.quality) == (41, Quality.GOOD)


@pytest.mark.parametrize(
    ("chosen", "source", "server", "expected"),
    [
        (TimeSource.SOURCE, SOURCE, SERVER, SOURCE),
        (TimeSource.SOURCE, None, SERVER, SERVER),
        (TimeSource.SOURCE, NO_TIME, SERVER, SERVER),
        (TimeSource.SOURCE, None, None, GATEWAY),
        (TimeSource.SERVER, SOURCE, SERVER, SERVER),
        (TimeSource.SERVER, SOURCE, None, GATEWAY),
        (TimeSource.GATEWAY, SOURCE, SERVER, GATEWAY),
    ],
)
def test_time_comes_from_whom_the_map_chose_or_the_next_best(
    chosen: TimeSource, source: datetime | None, server: datetime | None, expected: datetime
) -> None:
    data = ua.DataValue(ua.Variant(1), SourceTimestamp=source, ServerTimestamp=server)  # type: ignore[arg-type]
    assert time_of(data, chosen, seen_at=GATEWAY) == expected
