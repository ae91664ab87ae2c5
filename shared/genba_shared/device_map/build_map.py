"""A whole map from its nodes: names first, then devices, stations, zones and nodes, then what they owe one another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import yaml

from genba_shared.device_map.build_broker import take_broker
from genba_shared.device_map.build_devices import (
    RawDevice,
    build_device,
    check_profile,
    collect_devices,
    names_of,
)
from genba_shared.device_map.build_nodes import build_node
from genba_shared.device_map.build_work import build_station, build_zone
from genba_shared.device_map.checks import check_references
from genba_shared.device_map.checks_pace import warn_of_paces
from genba_shared.device_map.kinds import name_of_key
from genba_shared.device_map.model import (
    ClockSettings,
    CollectorSettings,
    Device,
    DeviceMap,
    GatewaySettings,
    StoreSettings,
    TelemetrySettings,
)
from genba_shared.device_map.phrases import needs_group, write
from genba_shared.device_map.problems import Findings, Unusable
from genba_shared.device_map.scalars import describe, word_of
from genba_shared.device_map.secrets import Surroundings
from genba_shared.device_map.spec import MAPPING_TAG, Names, ObjectSpec, Scope, Values, read_entries, read_object
from genba_shared.device_map.tables_map import CLOCK, COLLECTOR, GATEWAY, ROOT, STORE, TELEMETRY
from genba_shared.device_map.yaml_tree import entries
from genba_shared.texts import Text, say

T = TypeVar("T")
_GROUPS: Final[Mapping[str, tuple[Text, str]]] = {
    "stations": (say("group-of-stations", "a group of stations by name"), "{CUT-1: {device: cutter1}}"),
    "zones": (say("group-of-zones", "a group of zones by name"), "{sewing: {…}}"),
    "nodes": (say("group-of-nodes", "a group of nodes by name"), "{CUT: {…}}"),
}


def build_map(root: yaml.MappingNode, findings: Findings, *, sha256: str, around: Surroundings) -> DeviceMap:
    """The checked map.

    Raises:
        ConfigError: with every problem of the file.
    """
    findings.places[""] = root
    top = read_object(root, ROOT, Scope(findings=findings, around=around))
    profiles = _profiles(top)
    raw_devices = collect_devices(top.nodes["devices"], profiles, findings) if "devices" in top.nodes else []
    names = Names(
        devices={device.id: names_of(device) for device in raw_devices},
        stations=_keys_of(top, "stations"),
        zones=_keys_of(top, "zones"),
    )
    scope = Scope(findings=findings, around=around, names=names)
    gateway = _group(top, "gateway", GATEWAY, GatewaySettings, scope) if "gateway" in top.nodes else None
    collector = _collector(top, scope)
    store = _group(top, "store", STORE, StoreSettings, scope)
    clock = _group(top, "clock", CLOCK, ClockSettings, scope)
    telemetry = _group(top, "telemetry", TELEMETRY, TelemetrySettings, scope)
    devices = _devices(top, raw_devices, scope)
    stations = _named(top, "stations", scope, build_station)
    zones = _named(top, "zones", scope, build_zone)
    nodes = _named(top, "nodes", scope, build_node)
    check_references(findings, devices=devices, stations=stations, zones=zones, nodes=nodes)
    warn_of_paces(findings, devices)
    _check_profiles(raw_devices, profiles, scope)
    findings.raise_errors()
    if gateway is None or store is None or clock is None or telemetry is None or top.broken:
        raise AssertionError("a part of the map is missing, and no problem says why")
    return DeviceMap(
        gateway=gateway,
        devices=devices,
        stations=stations,
        zones=zones,
        nodes=nodes,
        collector=collector,
        store=store,
        clock=clock,
        telemetry=telemetry,
        sha256=sha256,
    )


def _devices(top: Values, raw_devices: list[RawDevice], scope: Scope) -> dict[str, Device]:
    devices: dict[str, Device] = {}
    for raw in raw_devices:
        if raw.usable:
            try:
                devices[raw.id] = build_device(raw, dataclasses.replace(scope, path=f"devices.{raw.id}"))
            except Unusable:
                continue
    listed = top.nodes.get("devices")
    if isinstance(listed, yaml.SequenceNode) and not raw_devices:
        message = say("no-device", "there is no device: at least one is needed.")
        scope.findings.error(listed, "devices", message, write("- id: cutter1"))
    return devices


def _group(top: Values, key: str, spec: ObjectSpec, model: Callable[..., T], scope: Scope) -> T | None:
    node = top.nodes.get(key) or yaml.MappingNode(MAPPING_TAG, [], top.node.start_mark)
    values = read_object(node, spec, dataclasses.replace(scope, path=key))
    try:
        return values.build(model)
    except Unusable:
        return None


def _collector(top: Values, scope: Scope) -> CollectorSettings | None:
    node = top.nodes.get("collector")
    if node is None:
        return None
    values = read_object(node, COLLECTOR, dataclasses.replace(scope, path="collector"))
    try:
        broker = take_broker(values, "mqtt")
        return values.build(CollectorSettings, broker=broker)
    except Unusable:
        return None


def _profiles(top: Values) -> dict[str, yaml.MappingNode]:
    node, scope = top.nodes.get("profiles"), dataclasses.replace(top.scope, path="profiles")
    if node is None:
        return {}
    try:
        written = read_entries(
            node,
            scope,
            what=say("group-of-profiles", "a group of profiles by name"),
            example="{fanuc_modbus: {protocol: modbus}}",
        )
    except Unusable:
        return {}
    profiles: dict[str, yaml.MappingNode] = {}
    for word, (key_node, value_node) in written.items():
        below = dataclasses.replace(scope, path=f"profiles.{word}")
        if not isinstance(value_node, yaml.MappingNode):
            scope.findings.error(
                value_node,
                below.path,
                needs_group(describe(value_node), say("a-profile", "a profile")),
                write("{protocol: modbus, …}"),
            )
            # Kept empty, so that a device that uses it is not told that it does not exist.
            value_node = yaml.MappingNode(MAPPING_TAG, [], value_node.start_mark)
        try:
            profiles[name_of_key(key_node, below, word)] = value_node
        except Unusable:
            continue
    return profiles


def _check_profiles(raw_devices: list[RawDevice], profiles: Mapping[str, yaml.MappingNode], scope: Scope) -> None:
    used = {word_of(use[1]) for raw in raw_devices if (use := entries(raw.node).get("use"))}
    for name, node in profiles.items():
        path = f"profiles.{name}"
        if "use" in entries(node):
            key, _ = entries(node)["use"]
            message = say("profile-of-a-profile", "a profile cannot use another profile.")
            scope.findings.error(key, path, message, say("write-settings-out", "Write its settings out here."))
        if name not in used:
            message = say("unused-profile", "no device uses this profile.")
            fix = say("write-at-a-device", "Write {snippet} at a device.", snippet=f"use: {name}")
            scope.findings.warn(node, path, message, fix)
        if name not in used or "protocol" in entries(node):  # a device that uses it may say the protocol
            check_profile(node, dataclasses.replace(scope, path=path))


def _keys_of(top: Values, key: str) -> frozenset[str]:
    node = top.nodes.get(key)
    return frozenset(entries(node)) if isinstance(node, yaml.MappingNode) else frozenset()


def _named(top: Values, key: str, scope: Scope, build: Callable[[yaml.Node, Scope, str], T]) -> dict[str, T]:
    node = top.nodes.get(key)
    if node is None:
        return {}
    below = dataclasses.replace(scope, path=key)
    built: dict[str, T] = {}
    try:
        what, example = _GROUPS[key]
        written = read_entries(node, below, what=what, example=example)
    except Unusable:
        return {}
    for word, (key_node, value_node) in written.items():
        scope_of_one = below.below(word)
        scope.findings.places[scope_of_one.path] = value_node
        try:
            name = name_of_key(key_node, scope_of_one, word)
            built[name] = build(value_node, scope_of_one, name)
        except Unusable:
            continue
    return built
