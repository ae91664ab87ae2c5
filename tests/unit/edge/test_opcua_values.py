"""What OPC UA says, in our words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from genba_edge.drivers.opcua_nodes import NodeUnknown, browse_path, resolve
from genba_edge.drivers.opcua_values import Misfit, Qualities, converter_of, raw_time, time_at
from genba_edge.ports import Quality
from genba_shared.device_map.model import (
    BrowseStep,
    CounterSettings,
    NodeAddress,
    OpcUaDevice,
    OpcUaPoint,
    PointType,
)

NAMESPACES = ["http://opcfoundation.org/UA/", "urn:server", "urn:plc:cutter"]
COUNTER = CounterSettings(limit=65535)


def point(kind: PointType, **more: Any) -> OpcUaPoint:
    return OpcUaPoint(name="p", type=kind, node="i=1", **more)


def device(*, good: tuple[int, ...] = (), uncertain: tuple[int, ...] = ()) -> OpcUaDevice:
    return OpcUaDevice(id="a", url="opc.tcp://a:4840", points={}, good_codes=good, uncertain_codes=uncertain)


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


def test_a_browse_path_starts_at_its_root_with_the_servers_indexes() -> None:
    address = NodeAddress(node="nsu=urn:plc:cutter;s=Line", steps=(BrowseStep(name="Good", uri="urn:server"),))
    path = browse_path(address, NAMESPACES)
    assert path.StartingNode.to_string() == "ns=2;s=Line"
    assert [(step.TargetName.NamespaceIndex, step.TargetName.Name) for step in path.RelativePath.Elements] == [
        (1, "Good")
    ]


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
    converted = converter_of(point(kind))(value)
    assert (converted, type(converted)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (PointType.UINT32, "41", "text where the map says uint32"),
        (PointType.STRING, 4.5, "4.5 where the map says string"),
        (PointType.STRING, True, "True where the map says string"),
        (PointType.UINT32, [1, 2], "an array where the map says one value: add `element` to the point"),
        (PointType.UINT32, None, "the server has no value"),
        (PointType.FLOAT64, float("nan"), "nan is not a number"),
        (PointType.UINT32, b"41", "a bytes where the map says uint32"),
    ],
)
def test_a_value_that_does_not_fit_the_map_says_why(kind: PointType, value: object, said: str) -> None:
    with pytest.raises(Misfit) as raised:
        converter_of(point(kind))(value)
    assert str(raised.value) == said


@pytest.mark.parametrize("value", [7.5, True, "7"])
def test_a_counter_is_a_whole_number(value: object) -> None:
    with pytest.raises(Misfit, match="where the map says counter"):
        converter_of(point(PointType.UINT32, counter=COUNTER))(value)


def test_a_counter_in_a_floating_point_variable_is_whole() -> None:
    assert converter_of(point(PointType.UINT32, counter=COUNTER))(7.0) == 7


@pytest.mark.parametrize(("element", "expected"), [(1, 20), ("Jar", 20), ("17", 10)])
def test_an_element_is_taken_by_place_by_name_or_by_id(element: int | str, expected: int) -> None:
    value = [{"ID": 17, "Name": "Bottle", "Count": 10}, {"ID": 18, "Name": "Jar", "Count": 20}]
    assert converter_of(point(PointType.INT32, element=element, member="Count"))(value) == expected


@pytest.mark.parametrize(
    ("element", "value", "said"),
    [
        (2, [1, 2], "the array has 2 elements: there is no element 2"),
        ("Can", [{"Name": "Jar"}], "the array has no element with the Name or ID 'Can'"),
        (0, 5, "one value where the map says an array: leave `element` out"),
    ],
)
def test_an_element_that_is_not_there_is_said(element: int | str, value: object, said: str) -> None:
    with pytest.raises(Misfit) as raised:
        converter_of(point(PointType.INT32, element=element))(value)
    assert str(raised.value) == said


def test_a_member_of_a_member_is_taken() -> None:
    assert converter_of(point(PointType.INT32, member="Counts.Good"))({"Counts": {"Good": 5}}) == 5


def test_a_member_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(Misfit, match="no member Gut, but Good, Scrap"):
        converter_of(point(PointType.INT32, member="Gut"))({"Good": 5, "Scrap": 1})


def test_the_text_of_a_state_becomes_its_number() -> None:
    convert = converter_of(point(PointType.INT32, words={"Execute": 6}))
    assert (convert(ua.LocalizedText("Execute")), convert("Execute"), convert(4)) == (6, 6, 4)
    with pytest.raises(Misfit, match="'Ausführen' is not one of the words of the map: Execute"):
        convert("Ausführen")


@pytest.mark.parametrize(
    ("status", "quality", "name"),
    [
        (0, Quality.GOOD, "Good"),
        (0x0000_00C0, Quality.GOOD, "Good"),  # good of OPC DA, as wrappers hand it on
        (0x0000_0480, Quality.GOOD, "Good"),  # InfoType DataValue and Overflow: OPC 10000-4, 7.39.1
        (StatusCodes.UncertainLastUsableValue, Quality.UNCERTAIN, "UncertainLastUsableValue"),
        (StatusCodes.BadSensorFailure, Quality.BAD, "BadSensorFailure"),
        (0x9123_0000, Quality.BAD, "Bad 0x91230000"),
        (0xC000_0000, Quality.BAD, "Bad 0xC0000000"),
    ],
)
def test_the_severity_of_a_status_decides(status: int, quality: Quality, name: str) -> None:
    assert Qualities(device()).of(status) == (quality, name)


def test_the_map_says_what_odd_codes_of_a_server_mean() -> None:
    qualities = Qualities(device(good=(0xC000_0000,), uncertain=(StatusCodes.BadNotConnected,)))
    assert qualities.of(0xC000_0000)[0] is Quality.GOOD
    assert qualities.of(StatusCodes.BadNotConnected)[0] is Quality.UNCERTAIN


def test_times_keep_their_microseconds() -> None:
    at = datetime(2026, 1, 5, 7, 0, 0, 250_001, tzinfo=UTC)
    assert time_at(raw_time(at)) == at
    assert time_at(116_444_736_000_000_000) == datetime(1970, 1, 1, tzinfo=UTC)
