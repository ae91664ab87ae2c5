"""Devices from their settings: the profile laid under, the protocol's table chosen, host and points put together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import yaml

from genba_shared.device_map.build_modbus import build_modbus
from genba_shared.device_map.build_mqtt_in import build_mqtt_in
from genba_shared.device_map.build_opcua import build_opcua
from genba_shared.device_map.build_rfid import build_impinj, build_llrp
from genba_shared.device_map.model import Device, Point
from genba_shared.device_map.phrases import meant, meant_word, needs_group, none_yet, one_of, write
from genba_shared.device_map.problems import Findings, Unusable, Wrong, did_you_mean, nearest, shorten
from genba_shared.device_map.profiles import lay_over
from genba_shared.device_map.profiles_opcua import with_ready_points
from genba_shared.device_map.scalars import describe, text_of, word_of
from genba_shared.device_map.spec import DeviceNames, ObjectSpec, Scope, read_object
from genba_shared.device_map.tables_modbus import MODBUS_DEVICE, MODBUS_POINT
from genba_shared.device_map.tables_mqtt_in import MQTT_IN_DEVICE, MQTT_POINT
from genba_shared.device_map.tables_opcua import OPCUA_DEVICE, OPCUA_POINT
from genba_shared.device_map.tables_rfid import IMPINJ_DEVICE, LLRP_DEVICE
from genba_shared.device_map.yaml_tree import entries, join
from genba_shared.texts import say

P = TypeVar("P", bound=Point)

_ANY: Final = DeviceNames(points=None, read_points=None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RawDevice:
    """A device as written, its profile laid under. `usable` is False where the profile is not known."""

    id: str
    node: yaml.MappingNode
    usable: bool = True


def collect_devices(node: yaml.Node, profiles: Mapping[str, yaml.MappingNode], findings: Findings) -> list[RawDevice]:
    """The items of `devices`, each laid over its profile; what is no device, or comes twice, is reported."""
    if not isinstance(node, yaml.SequenceNode):
        findings.error(
            node,
            "devices",
            say("devices-not-a-list", "{found} stands here: devices are a list.", found=describe(node)),
            say("begin-with-dash", "Begin each device with a dash: `- id: cutter1`."),
        )
        return []
    found: dict[str, RawDevice] = {}
    for number, item in enumerate(node.value):
        path = findings.path_of(item) or f"devices.{number}"
        if not isinstance(item, yaml.MappingNode):
            message = needs_group(describe(item), say("a-device-name", "a device"))
            findings.error(item, path, message, write("- id: cutter1"))
            continue
        device = _with_profile(item, number, path, profiles, findings)
        device = dataclasses.replace(device, node=with_ready_points(device.node, findings))
        if device.id in found:
            findings.error(
                entries(item)["id"][1],
                join(path, "id"),
                say(
                    "duplicate-id",
                    "'{id}' is the id of the device in {place}, too: an id may be given once.",
                    id=device.id,
                    place=findings.place_of(found[device.id].node),
                ),
                meant(f"'{device.id}-2'"),
            )
            continue
        found[device.id] = device
    return list(found.values())


def names_of(device: RawDevice) -> DeviceNames:
    """What the map may refer to in the device; a glance, before anything is checked."""
    if not device.usable:
        return _ANY
    written = entries(device.node)
    read_points: set[str] = set()
    if "antennas" in written and isinstance(written["antennas"][1], yaml.MappingNode):
        for _, antenna in entries(written["antennas"][1]).values():
            place = entries(antenna).get("read_point") if isinstance(antenna, yaml.MappingNode) else None
            if place is not None:
                read_points.add(word_of(place[1]))
    points = written["points"][1] if "points" in written else None
    return DeviceNames(
        points=frozenset(entries(points)) if isinstance(points, yaml.MappingNode) else frozenset(),
        read_points=frozenset(read_points),
    )


def build_device(device: RawDevice, scope: Scope) -> Device:
    """One device.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    build = _BUILDERS[_protocol_of(device.node, scope)]
    return build(device.node, dataclasses.replace(scope, device=device.id))


def check_profile(node: yaml.MappingNode, scope: Scope) -> None:
    """Report what is wrong in a profile by itself; it may leave anything out, except its protocol."""
    try:
        protocol = _protocol_of(node, scope)
    except Unusable:
        return
    spec = DEVICE_TABLES[protocol]
    # Whatever device will use it: its points may be named, and are not known.
    names = dataclasses.replace(scope.names, devices={**scope.names.devices, "?": _ANY})
    partly = dataclasses.replace(scope, complete=False, names=names, device="?")
    values = read_object(node, spec, partly)
    points = values.nodes.get("points")
    if isinstance(points, yaml.MappingNode):
        table = POINT_TABLES.get(protocol, MODBUS_POINT)
        for name, (_, point) in entries(points).items():
            read_object(point, table, dataclasses.replace(partly, path=f"{scope.path}.points.{name}"))


def _with_profile(
    item: yaml.MappingNode, number: int, path: str, profiles: Mapping[str, yaml.MappingNode], findings: Findings
) -> RawDevice:
    written = entries(item)
    identifier = (word_of(written["id"][1]) if "id" in written else "") or f"#{number + 1}"
    if "use" not in written:
        return RawDevice(id=identifier, node=item)
    try:
        word = text_of(
            written["use"][1], allowed=say("name-of-a-profile", "the name of a profile"), example="use: fanuc_modbus"
        )
    except Wrong as exc:
        findings.error(written["use"][1], join(path, "use"), exc.message, exc.fix)
        return RawDevice(id=identifier, node=item, usable=False)
    if word not in profiles:
        findings.error(
            written["use"][1],
            join(path, "use"),
            say(
                "unknown-profile",
                "'{word}' is not a profile of this map, which has {known}.",
                word=shorten(word),
                known=", ".join(sorted(profiles)) or none_yet(),
            ),
            did_you_mean(
                word,
                profiles,
                say("add-profile", "Add '{word}' to `profiles`, or leave `use` out.", word=shorten(word)),
            ),
        )
        return RawDevice(id=identifier, node=item, usable=False)
    return RawDevice(id=identifier, node=lay_over(profiles[word], item, findings))


def _protocol_of(node: yaml.MappingNode, scope: Scope) -> str:
    written = entries(node).get("protocol")
    at: yaml.Node = node
    try:
        if written is None:
            _refuse_misspelt_choice(node)
            raise Wrong(
                say("no-protocol", "'protocol' is missing: {allowed} is needed.", allowed=one_of(list(_BUILDERS))),
                write("protocol: modbus"),
            )
        at = written[1]
        word = text_of(at, allowed=one_of(list(_BUILDERS)), example="protocol: modbus")
        if word not in _BUILDERS:
            raise Wrong(
                say(
                    "unknown-protocol",
                    "'{word}' is not a protocol: {allowed} is needed.",
                    word=shorten(word),
                    allowed=one_of(list(_BUILDERS)),
                ),
                did_you_mean(word, _BUILDERS, write("protocol: modbus")),
            )
        return word
    except Wrong as exc:
        path = join(scope.path, "protocol") if written else scope.path
        scope.findings.error(exc.node or at, path, exc.message, exc.fix)
        raise Unusable from exc


def _refuse_misspelt_choice(node: yaml.MappingNode) -> None:
    """Without `protocol` nothing else of a device can be told: say so where it, or `use`, is only misspelt."""
    known = {name for table in DEVICE_TABLES.values() for name in table.keys}
    for word, (key, _) in entries(node).items():
        near = nearest(word, ("protocol", "use"))
        if word not in known and near is not None:
            raise Wrong(
                say("unknown-key-of-device", "'{word}' is not a setting of a device.", word=shorten(word)),
                meant_word(near),
                node=key,
            )


_BUILDERS: Final[Mapping[str, Callable[[yaml.Node, Scope], Device]]] = {
    "opcua": build_opcua,
    "modbus": build_modbus,
    "llrp": build_llrp,
    "impinj_http": build_impinj,
    "mqtt_in": build_mqtt_in,
}
DEVICE_TABLES: Final[Mapping[str, ObjectSpec]] = {
    "opcua": OPCUA_DEVICE,
    "modbus": MODBUS_DEVICE,
    "llrp": LLRP_DEVICE,
    "impinj_http": IMPINJ_DEVICE,
    "mqtt_in": MQTT_IN_DEVICE,
}
POINT_TABLES: Final[Mapping[str, ObjectSpec]] = {"opcua": OPCUA_POINT, "modbus": MODBUS_POINT, "mqtt_in": MQTT_POINT}
"""Of the protocols whose devices have `points`."""
