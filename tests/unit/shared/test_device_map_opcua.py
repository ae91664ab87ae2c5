"""OPC UA in the map: security, profiles with ready points, browse paths, words."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_shared.device_map import load_device_map, load_device_map_with_warnings
from genba_shared.device_map.browse_paths import browse_steps_of, path_below, root_of
from genba_shared.device_map.model import (
    BrowseStep,
    CounterSettings,
    NodeAddress,
    OpcUaDevice,
    PointType,
    SecurityMode,
    SecurityPolicy,
    SecuritySettings,
    TimeSource,
)
from genba_shared.device_map.problems import Wrong

PACKML = "http://opcfoundation.org/UA/PackML/"


def device_of(settings: str) -> OpcUaDevice:
    text = f"""\
version: 1
gateway: {{id: gw-1, site: site-a}}
devices:
  - {{id: a, protocol: opcua, url: "opc.tcp://10.1.2.10:4840", {settings}}}
"""
    device = load_device_map(Path("map.yaml"), text=text).devices["a"]
    assert isinstance(device, OpcUaDevice)
    return device


POINT = 'points: {p: {node: "nsu=urn:plc;s=A", type: bool}}'


@pytest.mark.parametrize("settings", [POINT, f"security: {{}}, {POINT}"])
def test_without_security_a_connection_is_signed_and_encrypted(settings: str) -> None:
    assert device_of(settings).security == SecuritySettings(
        policy=SecurityPolicy.BASIC256SHA256, mode=SecurityMode.SIGN_AND_ENCRYPT
    )


def test_a_fingerprint_may_be_copied_from_anywhere() -> None:
    written = ":".join(["AB"] * 32)
    device = device_of(f'security: {{server_fingerprint: "{written}"}}, {POINT}')
    assert device.security.server_fingerprint == f"sha256:{'ab' * 32}"


def test_status_codes_are_read_from_hex() -> None:
    device = device_of(f'good_codes: "0xC0000000", uncertain_codes: ["0x80AB0000", "0x808A0000"], {POINT}')
    assert device.good_codes == (0xC000_0000,)
    assert device.uncertain_codes == (0x80AB_0000, 0x808A_0000)


def test_a_profile_brings_points_that_the_map_overrides_setting_by_setting() -> None:
    device = device_of(
        'profile: packml, root: "nsu=urn:packer;Packer1", '
        "points: {processed: {element: Jar, counter: {max_rate: 1/s}}, state: {labels: {6: running}, time: gateway}}"
    )
    assert set(device.points) == {"state", "mode", "speed", "processed"}  # other counts come where they are named
    processed = device.points["processed"]
    assert processed.path == NodeAddress(
        steps=(
            BrowseStep(name="Packer1", uri="urn:packer"),
            BrowseStep(name="Admin", uri=PACKML),
            BrowseStep(name="ProdProcessedCount", uri=PACKML),
        )
    )
    assert (processed.element, processed.member, processed.type) == ("Jar", "AccCount", PointType.INT32)
    assert processed.counter == CounterSettings(limit=2**31 - 1, max_rate=1.0)
    state = device.points["state"]
    assert state.labels == {6: "running"}
    assert state.time is TimeSource.GATEWAY
    assert state.words["Execute"] == 6
    assert state.path is not None
    assert state.path.steps[-1] == BrowseStep(name="CurrentState")


def test_a_profile_alone_is_a_whole_device_and_its_states_are_those_of_a_station() -> None:
    text = """\
version: 1
gateway: {id: gw-1, site: site-a}
devices:
  - {id: a, protocol: opcua, url: "opc.tcp://10.1.2.10:4840", profile: machinery, root: "nsu=urn:plc;s=Press1"}
stations:
  PRESS-1: {device: a, state: state}
  PRESS-2: {device: a, state: mode}
"""
    device_map, warnings = load_device_map_with_warnings(Path("map.yaml"), text=text)
    assert warnings == ()
    assert set(device_map.stations) == {"PRESS-1", "PRESS-2"}


def test_what_is_said_about_a_ready_point_stands_where_the_profile_is_named() -> None:
    text = """\
version: 1
gateway: {id: gw-1, site: site-a}
devices:
  - id: a
    protocol: opcua
    url: opc.tcp://10.1.2.10:4840
    root: "nsu=urn:plc;s=Packer1"
    profile: packml
    points: {processed: {}, defective: {}}
"""
    _, warnings = load_device_map_with_warnings(Path("map.yaml"), text=text)
    assert {(warning.line, warning.column) for warning in warnings} == {(8, 14)}


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Good", [("Good", "urn:root")]),
        ("nsu=urn:plc;Line/Good", [("Line", "urn:plc"), ("Good", "urn:plc")]),
        ("nsu=http://a.b/c/;Line/nsu=urn:x;Good", [("Line", "http://a.b/c/"), ("Good", "urn:x")]),
        ("A&/B/C&&D", [("A/B", "urn:root"), ("C&D", "urn:root")]),
        ("ns=0;CurrentState", [("CurrentState", "")]),
        ("裁断/良品", [("裁断", "urn:root"), ("良品", "urn:root")]),
    ],
)
def test_a_browse_path_is_names_each_with_its_namespace(text: str, steps: list[tuple[str, str]]) -> None:
    assert [(step.name, step.uri) for step in browse_steps_of(text, uri="urn:root")] == steps


@pytest.mark.parametrize("text", ["", "/", "A//B", "A/", "A&", "nsu=urn:x;", "nsu=urn:x;/B", "/".join(["A"] * 33)])
def test_what_is_no_browse_path_is_said(text: str) -> None:
    with pytest.raises(Wrong, match="browse path"):
        browse_steps_of(text)


def test_a_path_starts_at_the_root_in_its_namespace_or_at_objects() -> None:
    root = root_of("nsu=urn:plc;s=Press1")
    assert root == NodeAddress(node="nsu=urn:plc;s=Press1")
    assert path_below(root, "Good") == NodeAddress(
        node="nsu=urn:plc;s=Press1", steps=(BrowseStep(name="Good", uri="urn:plc"),)
    )
    assert path_below(root, "/Good") == NodeAddress(steps=(BrowseStep(name="Good"),))
    assert path_below(root_of("ns=3;Press1"), "Good").steps[-1] == BrowseStep(name="Good", index=3)
