"""The settings of devices that publish over MQTT, and of what their messages hold."""

from __future__ import annotations

import re
from typing import Final

from genba_shared.broker import is_topic_filter
from genba_shared.device_map.addresses import MQTT_URL, mqtt_url_of
from genba_shared.device_map.kinds import choice, number, one_or_more, optional_group, raw, text
from genba_shared.device_map.model import EpcEncoding, MqttInDevice, MqttPoint, TagFormat, TagMapping
from genba_shared.device_map.phrases import write
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Values, keys
from genba_shared.device_map.tables_broker import broker_keys
from genba_shared.device_map.tables_devices import common_device_keys
from genba_shared.device_map.tables_points import POINT_LATER, common_point_keys
from genba_shared.device_map.tables_rfid import SELF_SET_ANTENNA, Required, alive_within_key, reader_keys
from genba_shared.events import SourceType
from genba_shared.texts import say

_COUNTING: Final = {SourceType.PLC, SourceType.VISION, SourceType.SENSOR}
_DOTTED: Final = re.compile(r"[^.\s]+(?:\.[^.\s]+)*")


def _topic_of(written: str) -> str:
    if not is_topic_filter(written):
        raise Wrong(
            say(
                "not-a-topic",
                "'{word}' is not a topic or a filter of topics: + stands for one level, # at the end for all.",
                word=shorten(written),
            ),
            say(
                "write-like-or",
                "Write it like {example}, or {other}.",
                example='"zebra/gate1/tags"',
                other='"camera/+/events"',
            ),
        )
    return written


def _path_of(written: str) -> str:
    if not _DOTTED.fullmatch(written):
        raise Wrong(
            say("not-a-field-path", "'{word}' is not the path of a field.", word=shorten(written)),
            say("write-like-or", "Write it like {example}, or {other}.", example="count", other="data.count"),
        )
    return written


TOPIC: Final = text(say("topic-or-filter", "a topic, or a filter of topics"), '"camera/line1/events"', check=_topic_of)
FIELD: Final = text(say("path-of-field", "the path of a field, with dots"), "data.count", check=_path_of)


def _field(name: str, meaning: str, *, attribute: str = "", default_text: str = "", kind: Kind = FIELD) -> Key:
    return Key(
        name=name,
        kind=kind,
        attribute=attribute,
        meaning=meaning,
        example=f"{name}: data.{name}",
        default_text=default_text,
    )


def _tags_from(values: Values) -> Values:
    return values  # what may stand here depends on the format, which the device's builder looks at


TAGS_FROM: Final = ObjectSpec(
    name=say("group-tags-from", "where tag reads stand in a message"),
    model=TagMapping,
    keys=keys(
        Key(
            name="format",
            kind=choice(TagFormat),
            default=TagFormat.CUSTOM,
            meaning="whose messages these are; `zebra` (IoT Connector) and `impinj` need no more",
            example="format: zebra",
        ),
        _field("list", "the list of reads", attribute="items", default_text="the message is one read, or a list"),
        _field("epc", "the EPC; a message without it is no read", default_text="epc"),
        _field("antenna", "the port number", default_text="all reads are of the map's only antenna"),
        _field("rssi", "the signal strength", default_text="none"),
        Key(
            name="rssi_scale",
            kind=number(-1000, 1000, "0.01"),
            meaning="what the signal strength is multiplied by to give dBm",
            example="rssi_scale: 0.01",
        ),
        _field("reads", "how often the tag was read", default_text="once"),
        _field("time", "when it was read: ISO 8601, or seconds, ms or µs since 1970", default_text="on arrival"),
        Key(
            name="encoding",
            kind=choice(EpcEncoding),
            meaning="how the EPC is written",
            example="encoding: base64",
        ),
    ),
)
MQTT_IN_DEVICE: Final = ObjectSpec(
    name=say("group-mqtt-device", "a device that publishes over MQTT"),
    model=MqttInDevice,
    keys=keys(
        *common_device_keys(),
        Key(
            name="broker",
            kind=text(MQTT_URL, "mqtt://10.1.2.3:1883", check=mqtt_url_of),
            meaning="the broker that the device publishes to",
            example="broker: mqtt://10.1.2.3:1883",
            required=True,
        ),
        *broker_keys(),
        Key(
            name="topics",
            kind=one_or_more(TOPIC, say("topics", "topics")),
            meaning="where the device publishes; a point may name its own",
            example='topics: ["zebra/gate1/tags"]',
            default_text="those of its points",
        ),
        Key(
            name="heartbeat",
            kind=TOPIC,
            meaning="one more topic, on which the device says only that it lives",
            example='heartbeat: "zebra/gate1/events"',
        ),
        Key(
            name="source",
            kind=choice(SourceType, without=set(SourceType) - _COUNTING),
            meaning="who counts, as events say it: a machine (`plc`), a camera (`vision`), a light barrier (`sensor`)",
            example="source: vision",
        ),
        alive_within_key(60.0, "how long the device may publish nothing before it counts as lost"),
        Key(
            name="tags_from",
            kind=optional_group(TAGS_FROM, _tags_from),
            meaning="the messages hold tag reads, and where",
            example="tags_from: {format: zebra}",
        ),
        *reader_keys(SELF_SET_ANTENNA, required=Required.NO),
        Key(
            name="points",
            kind=raw(say("points-by-name", "points by name")),
            meaning="the values to take from the messages, by name",
            example="points: {passed: {field: data.count, type: uint32, counter: {}}}",
        ),
    ),
    elsewhere={
        "host": write("broker: mqtt://10.1.2.3:1883"),
        "url": write("broker: mqtt://10.1.2.3:1883"),
        "topic": write('topics: "camera/line1/events"'),
        "format": write("tags_from: {format: zebra}"),
        "report": say("publishes-when-it-wants", "Leave it out: the device publishes when it wants."),
        "time": say("time-in-tags-or-point", "Write `time` in `tags_from`, or `time_field` at the point."),
    },
    replaced_by={"broker": ("host", "url")},
)
MQTT_POINT: Final = ObjectSpec(
    name=say("group-mqtt-point", "a point of an MQTT device"),
    model=MqttPoint,
    keys=keys(
        Key(
            name="topic",
            kind=TOPIC,
            meaning="the topic that carries it",
            example='topic: "camera/line1/events"',
            default_text="each of the device's `topics`",
        ),
        _field("field", "where it stands in the JSON", attribute="field_path", default_text="the whole payload"),
        *common_point_keys(type_default="required"),
        Key(
            name="time_field",
            kind=FIELD,
            meaning="the field that says when: ISO 8601, or seconds, ms or µs since 1970",
            example="time_field: timestamp",
            default_text="on arrival",
        ),
    ),
    later={**{key: fix for key, fix in POINT_LATER.items() if key != "time"}, "scale": ""},
    elsewhere={
        "at": write("field: data.count"),
        "path": write("field: data.count"),
        "time": write("time_field: data.time"),
    },
)
