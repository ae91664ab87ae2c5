"""Devices that publish over MQTT, from their settings."""

from __future__ import annotations

from typing import Any

import yaml

from genba_shared.device_map.build_broker import take_broker
from genba_shared.device_map.build_points import check_use, read_device, read_device_points, take_type
from genba_shared.device_map.build_rfid import check_antennas
from genba_shared.device_map.model import MqttInDevice, MqttPoint, TagFormat, TagMapping
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_mqtt_in import MQTT_IN_DEVICE, MQTT_POINT

ZEBRA = TagMapping(epc="data.idHex", antenna="data.antenna", rssi="data.peakRssi", reads="data.reads", time="timestamp")
"""Source: Zebra IoT Connector, tag data events ("SIMPLE" and the other modes) of FX7500, FX9600 and ATR7000."""


def build_mqtt_in(node: yaml.Node, scope: Scope) -> MqttInDevice:
    """One device that publishes over MQTT.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_device(node, scope, MQTT_IN_DEVICE)
    has_points = "points" in values.nodes
    points = read_device_points(values, build_mqtt_point)
    mapping = values.taken.pop("tags_from", None)
    tags = _tags(values, mapping) if isinstance(mapping, Values) else {}
    _check_what_is_read(values, has_points=has_points)
    _check_topics(values, points)
    check_antennas(values)
    broker = take_broker(values, "broker")
    return values.build(MqttInDevice, broker=broker, points=points, **tags)


def build_mqtt_point(node: yaml.Node, scope: Scope, name: str) -> MqttPoint:
    """One value in the messages.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, MQTT_POINT, scope)
    take_type(values, None, "the point needs its type: a message does not say how large a counter is.")
    check_use(values)
    if "time_field" in values.nodes and "field" not in values.nodes:
        values.error("time_field", "a payload that is the value itself has no fields.", "Leave `time_field` out.")
    return values.build(MqttPoint, name=name)


def _tags(values: Values, mapping: Values) -> dict[str, Any]:
    """The fields of the device that follow from `tags_from`."""
    values.broken = values.broken or mapping.broken
    form = mapping.taken.pop("format", TagFormat.CUSTOM)
    if form is TagFormat.CUSTOM:
        if "epc" not in mapping.nodes:
            mapping.error(
                "epc", "'epc' is missing: which field holds the EPC?", "Write epc: data.epc, or format: zebra."
            )
        if "antenna" not in mapping.nodes and len(values.taken.get("antennas", {})) > 1:
            mapping.error(
                "antenna", "which of the antennas read the tag? 'antenna' is missing.", "Write antenna: data.antenna."
            )
    else:
        for name in mapping.nodes.keys() - {"format"}:
            mapping.error(name, f"`{name}` is known with format: {form}.", "Leave it out, or write format: custom.")
    values.broken = values.broken or mapping.broken
    if mapping.broken:
        return {}
    tags = ZEBRA if form is TagFormat.ZEBRA else mapping.build(TagMapping)
    return {"tags_format": form, "tags": tags}


def _check_what_is_read(values: Values, *, has_points: bool) -> None:
    written = values.nodes.keys()
    if "tags_from" in written and "antennas" not in written:
        values.error("tags_from", "tag reads need `antennas`.", "Add antennas: {1: {read_point: gate}}.")
    elif "antennas" in written and "tags_from" not in written:
        values.error(
            "antennas", "`antennas` need `tags_from`: where do tag reads stand?", "Add tags_from: {format: zebra}."
        )
    elif "tags_from" not in written and not has_points and not values.broken:
        values.error(
            "",
            "nothing is read: `points` or `tags_from` is needed.",
            "Add points: {count: {field: count, type: uint32}}.",
        )


def _check_topics(values: Values, points: dict[str, MqttPoint]) -> None:
    if "topics" in values.nodes or values.broken:
        return
    without = [name for name, point in points.items() if not point.topic]
    if "tags_from" in values.nodes or without:
        needed_by = f"point '{without[0]}' names none" if without else "`tags_from` does not name one"
        values.error("topics", f"'topics' is missing: {needed_by}.", 'Write topics: "camera/line1/events".')
