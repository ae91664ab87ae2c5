"""The JSON Schema of the map: valid, true to the examples, and how many of the wrong maps an editor tells by it."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from genba_edge.app.schema import add_schema_arguments, run_schema
from genba_shared.device_map import load_device_map
from genba_shared.device_map.schema import schema_of_map, schema_of_part
from genba_shared.errors import UsageError

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(ROOT.joinpath("examples").glob("*.yaml"))
WRONG_MAPS = sorted(ROOT.joinpath("tests", "golden", "maps").iterdir())
NO_YAML: Final = frozenset(
    {
        "alias-of-itself",
        "empty",
        "not-yaml-after-quote",
        "not-yaml-bracket",
        "not-yaml-character",
        "not-yaml-escape",
        "not-yaml-full-width",
        "not-yaml-indent",
        "not-yaml-quote",
        "not-yaml-space",
        "not-yaml-tab",
        "quote-over-lines",
        "two-documents",
    }
)
"""Not YAML at all, or not one document: the editor's own YAML reader tells."""
ONLY_CHECK_TELLS: Final = {
    "close-after-too-short": "which reader is at the way out, and its setting",
    "broker-urls": "what a URL names is a text like any other",
    "capital-scheme": "what a URL names is a text like any other",
    "collector-delay": "how long a duration may be",
    "counter-own-evidence": "a point that names itself",
    "duplicate-id": "two items of a list with the same id",
    "environment-no-number": "the type of another point",
    "paces": "which points a device has, and how often they are read",
    "password-in-address": "a URL with a password is a text like any other",
    "reset-evidence": "the type of another point",
    "secret-in-url": "a URL with a password is a text like any other",
    "station-rules": "whether another point has labels or a counter",
    "zone-rules": "which read points and counts another part names",
}
SCHEMA: Final = schema_of_map()


def as_editors_read(text: str) -> Any:
    """A map as JSON, as editors read YAML 1.2: `off` and `012` are no trap there; tags fall away."""

    def value_of(node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {str(key.value): value_of(value) for key, value in node.value}
        if isinstance(node, yaml.SequenceNode):
            return [value_of(item) for item in node.value]
        return scalar(node) if not node.style and not node.tag.startswith("!") else str(node.value)

    def scalar(node: yaml.Node) -> Any:
        text = str(node.value)
        if re.fullmatch(r"[-+]?[0-9]+", text):
            return int(text)
        if re.fullmatch(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", text):
            return float(text)
        words = {"true": True, "false": False, "": None, "~": None, "null": None}
        return words.get(text.lower(), text)

    return value_of(yaml.compose(text, Loader=yaml.SafeLoader))


def told(text: str, schema: dict[str, Any] = SCHEMA) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(as_editors_read(text))]


@pytest.mark.parametrize("schema", [SCHEMA, schema_of_part()], ids=["map", "part"])
def test_the_schema_is_a_schema(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_right_by_the_schema(path: Path) -> None:
    assert told(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("case", [case for case in WRONG_MAPS if case.name not in NO_YAML], ids=lambda case: case.name)
def test_an_editor_tells_a_wrong_map_by_the_schema(case: Path) -> None:
    problems = told((case / "map.yaml").read_text(encoding="utf-8"))
    assert bool(problems) == (case.name not in ONLY_CHECK_TELLS)


def test_every_map_that_is_not_yaml_is_told_by_the_reader() -> None:
    for case in NO_YAML - {"empty", "alias-of-itself"}:
        path = ROOT / "tests" / "golden" / "maps" / case / "map.yaml"
        with pytest.raises((yaml.YAMLError, ValueError, OverflowError)):
            as_editors_read(path.read_text(encoding="utf-8"))


def _settings(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for name, value in schema.get("properties", {}).items():
            yield f"{path}.{name}", value
        for name, value in schema.items():
            if name not in {"if", "else"}:  # conditions on settings that stand elsewhere
                yield from _settings(value, f"{path}.{name}")
    elif isinstance(schema, list):
        for value in schema:
            yield from _settings(value, path)


def test_every_setting_has_its_meaning_and_fits_its_own_example_and_default() -> None:
    settings = list(_settings(SCHEMA))
    assert len(settings) > 100
    for path, setting in settings:
        if "const" in setting and path.endswith(".protocol"):
            continue
        assert setting.get("description"), path
        whole = {**setting, "$defs": SCHEMA["$defs"]}
        for value in (*setting.get("examples", ()), *([setting["default"]] if "default" in setting else ())):
            errors = [error.message for error in jsonschema.Draft202012Validator(whole).iter_errors(value)]
            assert not errors or "required" in errors[0], (path, value)


def test_a_device_offers_the_settings_of_its_protocol_alone() -> None:
    head = "version: 1\ngateway: {id: g, site: s}\ndevices:\n"
    assert told(f"{head}  - {{id: a, protocol: modbus, host: h, points: {{p: {{at: 40001, type: uint16}}}}}}") == []
    assert told(f"{head}  - {{id: a, protocol: modbus, url: x, host: h, points: {{p: {{at: 40001, type: uint16}}}}}}")
    assert told(f"{head}  - {{id: a, protocol: opcua, host: h}}")
    assert told(f"{head}  - {{id: a, protocol: modbuss, host: h}}")


def test_a_device_that_uses_a_profile_may_leave_out_what_the_profile_says() -> None:
    head = "version: 1\ngateway: {id: g, site: s}\nprofiles: {p: {protocol: modbus, unit: 3}}\ndevices:\n"
    assert told(f"{head}  - {{id: a, use: p, host: h, points: {{good: {{counter: {{max_rate: 2/min}}}}}}}}") == []
    assert told(f"{head}  - {{id: a, use: p, hots: h}}")
    assert told(f"{head}  - {{id: a, host: h}}")


OPCUA = "id: m, protocol: opcua, url: opc.tcp://h"


@pytest.mark.parametrize(
    "device",
    [
        f"{OPCUA}, profile: packml, root: ns=3;i=1",
        f"{OPCUA}, profile: machinery, root: ns=3;i=1, points: {{}}",
        "id: a, protocol: modbus, host: h, workarounds: {address_base: 0}, points: {p: {at: 00000}}",
        "id: c, protocol: mqtt_in, broker: mqtt://h, version: 5, topics: t, points: {p: {field: n, type: uint32}}",
        'id: c, protocol: mqtt_in, broker: mqtt://h, version: "5", topics: t, points: {p: {field: n, type: uint32}}',
    ],
)
def test_what_the_check_takes_is_right_by_the_schema(device: str) -> None:
    text = f"version: 1\ngateway: {{id: g, site: s}}\ndevices:\n  - {{{device}}}"
    assert told(text) == []
    load_device_map(Path("map.yaml"), text=text)


@pytest.mark.parametrize("device", [OPCUA, f"{OPCUA}, points: {{}}", f"{OPCUA}, profile: auto"])
def test_a_device_without_ready_points_needs_points_by_the_schema(device: str) -> None:
    assert told(f"version: 1\ngateway: {{id: g, site: s}}\ndevices:\n  - {{{device}}}")


@pytest.mark.parametrize("wrong", ["12", "12 /min", "12/minute", "x/min", "1e3/min"])
def test_a_quantity_without_its_unit_is_told(wrong: str) -> None:
    text = (
        "version: 1\ngateway: {id: g, site: s}\ndevices: [{id: a, protocol: modbus, host: h, points: {p: {at: 40001, "
    )
    assert told(f'{text}type: uint16, counter: {{max_rate: "12/min"}}}}}}}}]') == []
    assert told(f'{text}type: uint16, counter: {{max_rate: "{wrong}"}}}}}}}}]')


def test_one_file_of_a_folder_needs_nothing_at_the_top() -> None:
    assert told("stations: {CUT-1: {device: cutter}}", schema_of_part()) == []
    assert told("stations: {CUT-1: {devise: cutter}}", schema_of_part())


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_schema_arguments(parser)
    return run_schema(parser.parse_args(arguments))


def test_the_command_prints_or_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run() == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
    path = tmp_path / "device-map.schema.json"
    assert _run("--output", str(path), "--part") == 0
    assert json.loads(path.read_text(encoding="utf-8")) == schema_of_part()
    with pytest.raises(UsageError, match="cannot write"):
        _run("--output", str(tmp_path))
