"""Devices that publish over MQTT, from their settings."""

from __future__ import annotations

from typing import Any

import yaml

from genba_shared.device_map.build_broker import take_broker
from genba_shared.device_map.build_points import check_use, read_device, read_device_points, take_type
from genba_shared.device_map.build_rfid import check_antennas
from genba_shared.device_map.model import MqttInDevice, MqttPoint, TagFormat, TagMapping
from genba_shared.device_map.phrases import add, leave_out, write
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_mqtt_in import MQTT_IN_DEVICE, MQTT_POINT
from genba_shared.texts import say

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
    reason = say("mqtt-type-needed", "the point needs its type: a message does not say how large a counter is.")
    take_type(values, None, reason)
    check_use(values)
    if "time_field" in values.nodes and "field" not in values.nodes:
        values.error(
            "time_field",
            say("time-field-of-payload", "a payload that is the value itself has no fields."),
            leave_out("time_field"),
        )
    return values.build(MqttPoint, name=name)


def _tags(values: Values, mapping: Values) -> dict[str, Any]:
    """The fields of the device that follow from `tags_from`."""
    values.broken = values.broken or mapping.broken
    form = mapping.taken.pop("format", TagFormat.CUSTOM)
    if form is TagFormat.CUSTOM:
        if "epc" not in mapping.nodes:
            mapping.error(
                "epc",
                say("no-epc-field", "'epc' is missing: which field holds the EPC?"),
                say("write-or", "Write {snippet}, or {other}.", snippet="epc: data.epc", other="format: zebra"),
            )
        if "antenna" not in mapping.nodes and len(values.taken.get("antennas", {})) > 1:
            message = say("no-antenna-field", "which of the antennas read the tag? 'antenna' is missing.")
            mapping.error("antenna", message, write("antenna: data.antenna"))
    else:
        for name in mapping.nodes.keys() - {"format"}:
            mapping.error(
                name,
                say("field-of-known-format", "`{key}` is known with format: {format}.", key=name, format=form),
                say("leave-out-or-write", "Leave it out, or write {snippet}.", snippet="format: custom"),
            )
    values.broken = values.broken or mapping.broken
    if mapping.broken:
        return {}
    tags = ZEBRA if form is TagFormat.ZEBRA else mapping.build(TagMapping)
    return {"tags_format": form, "tags": tags}


def _check_what_is_read(values: Values, *, has_points: bool) -> None:
    written = values.nodes.keys()
    if "tags_from" in written and "antennas" not in written:
        message = say("tags-without-antennas", "tag reads need `antennas`.")
        values.error("tags_from", message, add("antennas: {1: {read_point: gate}}"))
    elif "antennas" in written and "tags_from" not in written:
        message = say("antennas-without-tags", "`antennas` need `tags_from`: where do tag reads stand?")
        values.error("antennas", message, add("tags_from: {format: zebra}"))
    elif "tags_from" not in written and not has_points and not values.broken:
        values.error(
            "",
            say("nothing-is-read", "nothing is read: `points` or `tags_from` is needed."),
            add("points: {count: {field: count, type: uint32}}"),
        )


def _check_topics(values: Values, points: dict[str, MqttPoint]) -> None:
    if "topics" in values.nodes or values.broken:
        return
    without = [name for name, point in points.items() if not point.topic]
    if "tags_from" in values.nodes or without:
        what = (
            say("point-names-none", "point '{word}' names none", word=without[0])
            if without
            else say("tags-name-none", "`tags_from` does not name one")
        )
        message = say("no-topics", "'topics' is missing: {what}.", what=what)
        values.error("topics", message, write('topics: "camera/line1/events"'))
