"""A map as it is kept beside what was made with it: the same settings, without comments, readable anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_shared.device_map import DeviceMap, load_device_map, load_recorded_map, recorded_text

ROOT = Path(__file__).parents[3]
MAPS = [*sorted(ROOT.glob("examples/**/*.yaml")), *sorted(ROOT.glob("tests/golden/histories/*/map*.yaml"))]
SECRETS = ("cutter1_pw", "gate_pw", "broker_pw")


def is_map(path: Path) -> bool:
    return path.read_text().lstrip().startswith(("version:", "#")) and "devices:" in path.read_text()


@pytest.mark.parametrize(
    "path", [path for path in MAPS if is_map(path)], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_kept_map_says_what_the_map_says(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(f"GENBA_SECRET_{name.upper()}", "x")
    device_map = load_device_map(path)
    again = load_recorded_map(recorded_text(device_map), sha256=device_map.sha256)
    assert again.sha256 == device_map.sha256
    assert again.devices.keys() == device_map.devices.keys()
    assert (again.stations, again.zones, again.nodes) == (device_map.stations, device_map.zones, device_map.nodes)


WITH_SECRETS = """
version: 1  # root password: swordfish
gateway: {id: gw-1, site: plant-a, timezone: "Asia/Tokyo"}
profiles:
  saw: &saw {protocol: modbus, points: {good: {at: 40001, type: uint16, counter: {max_rate: 60/min}}}}
devices:
  - {id: saw1, use: saw, host: "10.0.0.1:502", label: "のこぎり: '1'"}
  - id: press
    protocol: opcua
    url: opc.tcp://10.0.0.2:4840
    security: {policy: Basic256Sha256, mode: SignAndEncrypt, user: edge, password: !secret press_pw}
    points: {job: {node: "nsu=urn:x;s=0715", type: string}}
"""


def kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[DeviceMap, str]:
    monkeypatch.setenv("GENBA_SECRET_PRESS_PW", "opensesame")
    path = folder / "plant.yaml"
    path.write_text(WITH_SECRETS, encoding="utf-8")
    device_map = load_device_map(path)
    monkeypatch.delenv("GENBA_SECRET_PRESS_PW")
    return device_map, recorded_text(device_map)


def test_neither_comments_nor_secrets_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = kept(tmp_path, monkeypatch)
    assert "!secret press_pw" in text.replace("'", "")
    assert "opensesame" not in text
    assert "swordfish" not in text


def test_a_kept_map_needs_no_secret_to_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device_map, text = kept(tmp_path, monkeypatch)
    again = load_recorded_map(text, sha256=device_map.sha256)
    assert again.devices["saw1"] == device_map.devices["saw1"]
    assert again.devices["press"].points == device_map.devices["press"].points
    assert again.gateway.timezone == "Asia/Tokyo"
    assert "not kept" not in repr(again)


def test_a_folder_of_files_is_kept_as_one_map(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "version: 1\ngateway: {id: gw-1, site: a, timezone: UTC}\ndevices:\n"
        "  - {id: saw, protocol: modbus, host: '10.0.0.1', points: {good: {at: 40001, type: uint16}}}\n"
    )
    (tmp_path / "b.yaml").write_text(
        "version: 1\ndevices:\n  - {id: press, protocol: modbus, host: '10.0.0.2', points: {hot: {at: 10001}}}\n"
    )
    device_map = load_device_map(tmp_path)
    again = load_recorded_map(recorded_text(device_map), sha256=device_map.sha256)
    assert (again.devices, again.sha256) == (device_map.devices, device_map.sha256)
    assert list(again.devices) == ["saw", "press"]


def test_a_map_that_no_file_holds_has_no_text() -> None:
    assert recorded_text(DeviceMap(gateway=load_device_map(MAPS[-1]).gateway, devices={})) == ""
