"""The JSON Schema of a device map, for editors: made from the tables that check a map, so that both agree.

``genba edge schema`` prints it. A schema tells form only; references, addresses that overlap, YAML's traps and all that
follows from several settings together are told by ``genba edge check``.
"""

from __future__ import annotations

import json
from typing import Any, Final

from genba_shared.device_map.build_devices import DEVICE_TABLES, POINT_TABLES
from genba_shared.device_map.profiles_opcua import READY_POINTS
from genba_shared.device_map.schema_parts import by_name, object_schema, partly
from genba_shared.device_map.tables_map import CLOCK, COLLECTOR, GATEWAY, ROOT, STORE, TELEMETRY
from genba_shared.device_map.tables_nodes import NODE
from genba_shared.device_map.tables_work import STATION, ZONE

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TAGS: Final = (
    "Passwords are written !secret NAME (secrets.yaml beside the map, or the environment), files !file PATH: "
    "tell your editor of both tags as custom tags."
)


def schema_of_map() -> dict[str, Any]:
    """The schema of a map in one file."""
    definitions: dict[str, Any] = {}
    for protocol, table in DEVICE_TABLES.items():
        kinds: dict[str, Any] = {"protocol": {"const": protocol}}
        if protocol in POINT_TABLES:
            definitions[f"{protocol}_point"] = object_schema(POINT_TABLES[protocol])
            definitions[f"{protocol}_profile_point"] = partly(definitions[f"{protocol}_point"])
            kinds["points"] = {**by_name(_ref(f"{protocol}_point"), "points by name"), "minProperties": 1}
        definitions[f"{protocol}_device"] = object_schema(table, kinds=kinds)
        if protocol == "opcua":
            definitions["opcua_device"] = _with_ready_points(definitions["opcua_device"])
        if protocol in POINT_TABLES:
            kinds["points"] = by_name(_ref(f"{protocol}_profile_point"), "points by name")
        definitions[f"{protocol}_profile"] = partly(object_schema(table, kinds=kinds))
    definitions |= {"device": _device(), "profile": _profile()}
    root = object_schema(
        ROOT,
        kinds={
            "gateway": object_schema(GATEWAY),
            "collector": object_schema(COLLECTOR),
            "store": object_schema(STORE),
            "clock": object_schema(CLOCK),
            "telemetry": object_schema(TELEMETRY),
            "profiles": by_name(_ref("profile"), "profiles by name"),
            "devices": {"type": "array", "items": _ref("device"), "minItems": 1},
            "stations": by_name(object_schema(STATION), "stations by name"),
            "zones": by_name(object_schema(ZONE), "zones by name"),
            "nodes": by_name(object_schema(NODE), "nodes by name"),
        },
    )
    return {
        "$schema": DIALECT,
        "title": "genba device map",
        **root,
        "description": f"What one gateway reads, and what it means. {_TAGS}",
        "$defs": definitions,
    }


def schema_of_part() -> dict[str, Any]:
    """The schema of one file of a folder: the same, but the other files may hold what is required."""
    whole = schema_of_map()
    del whole["required"]
    return whole


def to_text(schema: dict[str, Any]) -> str:
    """The schema as a JSON file."""
    return json.dumps(schema, ensure_ascii=False, indent=1) + "\n"


def _device() -> dict[str, Any]:
    """A device by its protocol; one that uses a profile may leave out what the profile says, its protocol as well."""
    return {
        "type": "object",
        "description": "A PLC or a reader.",
        "required": ["id"],
        "properties": {"protocol": _protocols()},
        "allOf": [*(_by_protocol(protocol) for protocol in DEVICE_TABLES), _without_protocol()],
    }


def _by_protocol(protocol: str) -> dict[str, Any]:
    named = {"properties": {"protocol": {"const": protocol}}, "required": ["protocol"]}
    uses_profile = {"required": ["use"]}
    return {
        "if": named,
        "then": {"if": uses_profile, "then": _ref(f"{protocol}_profile"), "else": _ref(f"{protocol}_device")},
    }


def _without_protocol() -> dict[str, Any]:
    return {
        "if": {"not": {"required": ["protocol"]}},
        "then": {"required": ["use"], "anyOf": [_ref(f"{protocol}_profile") for protocol in DEVICE_TABLES]},
    }


def _with_ready_points(device: dict[str, Any]) -> dict[str, Any]:
    """A device whose model of information brings points needs none of its own, and one of another model does."""
    points = device["properties"]["points"]
    brings_points = {"properties": {"profile": {"enum": list(READY_POINTS)}}, "required": ["profile"]}
    return {
        **device,
        "properties": {
            **device["properties"],
            "points": {key: points[key] for key in points if key != "minProperties"},
        },
        "required": [key for key in device["required"] if key != "points"],
        "if": brings_points,
        "else": {"required": ["points"], "properties": {"points": {"minProperties": 1}}},
    }


def _profile() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Settings that several devices share; a device says `use: NAME`.",
        "not": {"anyOf": [{"required": ["use"]}, {"required": ["id"]}]},
        "properties": {"protocol": _protocols()},
        "anyOf": [_ref(f"{protocol}_profile") for protocol in DEVICE_TABLES],
    }


def _protocols() -> dict[str, Any]:
    return {"enum": list(DEVICE_TABLES), "description": "What the device speaks."}


def _ref(definition: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{definition}"}
