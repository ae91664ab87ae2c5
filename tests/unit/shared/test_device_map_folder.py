"""A map in several files of one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_shared.device_map import load_device_map, load_with_settings
from genba_shared.errors import ConfigError

GATEWAY = "version: 1\ngateway: {id: gw-1, site: site-a}\n"
CUTTER = """\
version: 1
devices:
  - id: cutter
    protocol: modbus
    host: 10.1.2.21
    points:
      good: {at: 40101, type: uint32, counter: {max_rate: 12/min}}
stations:
  CUT-1: {device: cutter, counts: {good: good}}
"""
PRESS = CUTTER.replace("cutter", "press").replace("CUT-1", "PRESS-1")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def told(folder: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        load_device_map(folder)
    return str(raised.value)


def test_lists_are_joined_and_groups_are_united(tmp_path: Path) -> None:
    device_map = load_device_map(write(tmp_path, a=GATEWAY, b=CUTTER, c=PRESS))
    assert list(device_map.devices) == ["cutter", "press"]
    assert list(device_map.stations) == ["CUT-1", "PRESS-1"]


def test_a_setting_is_explained_with_its_own_file(tmp_path: Path) -> None:
    loaded = load_with_settings(write(tmp_path, a=GATEWAY, b=CUTTER, c=PRESS))
    origins = {setting.path: setting.origin for setting in loaded.settings}
    assert origins["devices.press.host"] == "c.yaml line 5"
    assert origins["devices.press.unit"] == "default"


def test_what_two_files_say_is_refused_with_both_places(tmp_path: Path) -> None:
    write(tmp_path, a=GATEWAY, b=CUTTER, c=PRESS.replace("PRESS-1", "CUT-1"))
    assert (
        f"{tmp_path}/c.yaml:9:3  stations.CUT-1  [said-in-two-files]\n  'CUT-1' stands in b.yaml line 9, too"
        in told(tmp_path)
    )


def test_a_device_of_two_files_is_refused_with_both_places(tmp_path: Path) -> None:
    write(tmp_path, a=GATEWAY, b=CUTTER, c=PRESS.replace("id: press", "id: cutter").replace("PRESS-1", "CUT-2"))
    assert (
        f"{tmp_path}/c.yaml:3:9  devices.cutter.id  [duplicate-id]\n"
        "  'cutter' is the id of the device in b.yaml line 3, too" in told(tmp_path)
    )


def test_groups_and_words_of_the_same_key_are_refused(tmp_path: Path) -> None:
    write(tmp_path, a=GATEWAY, b=CUTTER, c="devices: {id: press}\nversion: 2\n")
    text = told(tmp_path)
    assert f"{tmp_path}/c.yaml:1:1  devices  [said-in-two-files]\n  'devices' stands in b.yaml line 2, too" in text
    assert f"{tmp_path}/c.yaml:2:1  version  [said-in-two-files]\n  'version' stands in a.yaml line 1, too" in text


def test_every_file_that_is_not_yaml_is_told_in_one_run(tmp_path: Path) -> None:
    text = told(write(tmp_path, a="a: [\n", b="- x\n", c=CUTTER))
    assert f"{tmp_path}/a.yaml:2:1" in text
    assert f"{tmp_path}/b.yaml  [no-settings]\n  the file holds no settings" in text


def test_problems_of_several_files_name_their_own(tmp_path: Path) -> None:
    write(tmp_path, a=GATEWAY + "zone: {}\n", b=CUTTER.replace("uint32", "uint33"), c=PRESS.replace("host:", "hots:"))
    text = told(tmp_path)
    assert [line.split("  ")[0] for line in text.splitlines() if not line.startswith(" ")] == [
        f"{tmp_path}/a.yaml:3:1",
        f"{tmp_path}/b.yaml:7:31",
        f"{tmp_path}/c.yaml:5:5",
    ]


def test_secrets_and_hidden_files_are_no_part_of_the_map(tmp_path: Path) -> None:
    write(tmp_path, a=GATEWAY, b=CUTTER, secrets="x: 'y'\n", _old="junk: [", **{".hidden": "junk: ["})
    assert list(load_device_map(tmp_path).devices) == ["cutter"]


def test_other_files_are_left_alone_and_misnamed_maps_are_told(tmp_path: Path) -> None:
    write(tmp_path, a=GATEWAY, b=CUTTER)
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    (tmp_path / "certs").mkdir()
    load_device_map(tmp_path)
    (tmp_path / "press.yml").write_text(PRESS, encoding="utf-8")
    assert told(tmp_path) == (
        f"{tmp_path}/press.yml  [not-named-yaml]\n  only files that end in .yaml are read.\n  Rename it to press.yaml."
    )


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    assert "the folder holds no map" in told(tmp_path)


def test_the_hash_covers_every_file(tmp_path: Path) -> None:
    before = load_device_map(write(tmp_path, a=GATEWAY, b=CUTTER)).sha256
    assert load_device_map(tmp_path).sha256 == before
    assert load_device_map(write(tmp_path, b=CUTTER + "# a remark\n")).sha256 != before


def test_a_folder_of_one_file_reads_as_the_file(tmp_path: Path) -> None:
    write(tmp_path, a=GATEWAY + CUTTER.removeprefix("version: 1\n"))
    assert load_device_map(tmp_path) == load_device_map(tmp_path / "a.yaml")
