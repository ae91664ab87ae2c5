"""Readers of every protocol, devices that publish, and brokers, as the map describes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genba_shared.broker import BrokerAddress, MqttVersion, is_topic_filter, topic_matches, without_covered
from genba_shared.device_map import Antenna, DeviceMap, ImpinjDevice, MqttInDevice, MqttPoint, PointType
from genba_shared.device_map.loader import load_with_settings
from genba_shared.device_map.model import EpcEncoding, InventorySession, LlrpDevice, TagFormat, TagMapping
from genba_shared.secret import Secret

MAP = """
version: 1
gateway: {id: gw-1, site: site-a}
collector:
  mqtt: mqtts://collector.example
  ca: !file ca.pem
  client_cert: !file gw.pem
  client_key: !file gw.key
  user: edge
  password: !secret collector_pw
  version: 5
devices:
  - id: gate1
    protocol: impinj_http
    url: https://10.1.2.41
    user: root
    password: !secret gate_pw
    server_fingerprint: FINGERPRINT
    preset: default
    antennas: {1: {read_point: in, min_rssi: -62dBm}}
    alive_within: 90s
  - id: gate2
    protocol: mqtt_in
    broker: mqtts://broker.example:8884
    ca: !file ca.pem
    topics: [gate2/tags, "gate2/+/more"]
    heartbeat: gate2/alive
    tags_from: {list: tags, epc: id, antenna: port, rssi: power, rssi_scale: 0.1, time: at, encoding: base64}
    antennas: {1: {read_point: in}, 2: {read_point: out}}
    points:
      count: {topic: "gate2/count", type: uint16, counter: {max_rate: 10/min}}
      order: {field: data.order, type: string, time_field: at}
  - id: gate3
    protocol: llrp
    host: 10.1.2.43
    antennas: {1: {read_point: in}}
    session: s1
    mode: 1002
""".replace("FINGERPRINT", f'"SHA256:{":".join(["AB"] * 32)}"')


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ca.pem", "gw.pem", "gw.key"):
        (tmp_path / name).write_text("")
    monkeypatch.setenv("GENBA_SECRET_COLLECTOR_PW", "geheim-1")
    monkeypatch.setenv("GENBA_SECRET_GATE_PW", "geheim-2")
    path = tmp_path / "plant.yaml"
    path.write_text(MAP)
    return path


@pytest.fixture
def loaded(written: Path) -> DeviceMap:
    return load_with_settings(written).map


def test_the_collector_is_entered_with_certificate_user_and_password(loaded: DeviceMap, tmp_path: Path) -> None:
    assert loaded.collector is not None
    assert loaded.collector.broker == BrokerAddress(
        host="collector.example",
        port=8883,
        tls=True,
        ca=tmp_path / "ca.pem",
        certificate=tmp_path / "gw.pem",
        key=tmp_path / "gw.key",
        username="edge",
        password=Secret("geheim-1"),
        version=MqttVersion.V5,
    )


def test_an_impinj_reader_is_as_written(loaded: DeviceMap) -> None:
    assert loaded.devices["gate1"] == ImpinjDevice(
        id="gate1",
        url="https://10.1.2.41",
        user="root",
        password=Secret("geheim-2"),
        fingerprint="ab" * 32,
        preset="default",
        antennas={1: Antenna(read_point="in", min_rssi_dbm=-62.0)},
        alive_within_s=90.0,
    )


def test_a_device_that_publishes_is_as_written(loaded: DeviceMap, tmp_path: Path) -> None:
    device = loaded.devices["gate2"]
    assert isinstance(device, MqttInDevice)
    assert device.broker == BrokerAddress(host="broker.example", port=8884, tls=True, ca=tmp_path / "ca.pem")
    assert (device.topics, device.heartbeat) == (("gate2/tags", "gate2/+/more"), "gate2/alive")
    assert device.tags_format is TagFormat.CUSTOM
    assert device.tags == TagMapping(
        items="tags", epc="id", antenna="port", rssi="power", rssi_scale=0.1, time="at", encoding=EpcEncoding.BASE64
    )
    assert device.points["order"] == MqttPoint(
        name="order", type=PointType.STRING, field_path="data.order", time_field="at"
    )
    assert (device.points["count"].topic, device.points["count"].field_path) == ("gate2/count", "")


def test_session_and_mode_of_a_reader_are_as_written_and_another_session_is_warned_about(written: Path) -> None:
    loaded = load_with_settings(written)
    gate = loaded.map.devices["gate3"]
    assert isinstance(gate, LlrpDevice)
    assert (gate.session, gate.mode) == (InventorySession.S1, 1002)
    (warning,) = loaded.warnings
    assert "outside of session s0 a tag that stays falls silent" in warning.message


def test_no_password_shows_in_the_map_or_in_what_explain_prints(written: Path) -> None:
    loaded = load_with_settings(written)
    assert "geheim" not in repr(loaded.map) + repr(loaded.settings)
    assert [setting.value for setting in loaded.settings if setting.path == "collector.password"] == ["(secret)"]


@pytest.mark.parametrize("form", ["zebra", "impinj"])
def test_a_known_format_needs_no_paths(form: str) -> None:
    text = f"""
version: 1
gateway: {{id: gw-1, site: site-a}}
devices:
  - id: gate
    protocol: mqtt_in
    broker: mqtt://broker
    topics: tags
    tags_from: {{format: {form}}}
    antennas: {{1: {{read_point: in}}}}
"""
    device = load_with_settings(Path("plant.yaml"), text=text).map.devices["gate"]
    assert isinstance(device, MqttInDevice)
    assert device.tags_format == form
    assert (device.tags.epc == "data.idHex") is (form == "zebra")


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("line/1/count", "line/1/count", True),
        ("line/+/count", "line/1/count", True),
        ("line/+", "line/1/count", False),
        ("line/#", "line/1/count", True),
        ("line/#", "line", True),
        ("line/+", "line", False),
        ("#", "line/1", True),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("line/1", "line/1/count", False),
        ("line//count", "line//count", True),
    ],
)
def test_topics_fall_under_filters_as_the_standard_says(topic_filter: str, topic: str, *, matches: bool) -> None:
    assert topic_matches(topic_filter, topic) is matches


@pytest.mark.parametrize(
    ("text", "valid"),
    [("a/b", True), ("+/b/#", True), ("#", True), ("a/#/b", False), ("a+/b", False), ("a/b#", False), ("", False)],
)
def test_filters_are_those_of_the_standard(text: str, *, valid: bool) -> None:
    assert is_topic_filter(text) is valid


HOWTO = Path(__file__).parents[3] / "docs" / "howto"
HEAD = "version: 1\ngateway: {id: gw-1, site: site-a}\ndevices:\n"
SNIPPETS = [
    (name, number, snippet)
    for name in ("rfid.md", "mqtt-in.md")
    for number, snippet in enumerate(re.findall(r"```yaml\n(.*?)```", (HOWTO / name).read_text(encoding="utf-8"), re.S))
]


@pytest.mark.parametrize(("name", "number", "snippet"), SNIPPETS)
def test_every_device_of_the_how_tos_can_be_copied_into_a_map(name: str, number: int, snippet: str) -> None:
    loaded = load_with_settings(Path(f"{name}-{number}.yaml"), text=HEAD + snippet)
    assert [problem.message for problem in loaded.warnings] == []


def test_the_how_tos_have_devices() -> None:
    assert len(SNIPPETS) == 6


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (["a/b", "a/b"], ["a/b"]),
        (["a/b", "a/+", "+/b"], ["a/+", "+/b"]),
        (["a/+/c", "a/#", "a"], ["a/#"]),
        (["a/+", "a/#"], ["a/#"]),
        (["+/#", "#"], ["#"]),
        (["+", "a/+", "a/b/#"], ["+", "a/+", "a/b/#"]),
        (["a/+/#", "a/#"], ["a/#"]),
        (["#", "$SYS/uptime", "+/uptime"], ["#", "$SYS/uptime"]),
    ],
)
def test_filters_that_another_one_covers_are_left_out(filters: list[str], left: list[str]) -> None:
    assert without_covered(filters) == left
