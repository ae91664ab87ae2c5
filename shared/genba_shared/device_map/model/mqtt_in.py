"""Devices that publish over MQTT: readers, cameras, sensors; and which field of their messages means what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from genba_shared.broker import BrokerAddress
from genba_shared.device_map.model.points import Point
from genba_shared.device_map.model.rfid import RfidReader
from genba_shared.events import SourceType


class TagFormat(StrEnum):
    """Whose messages the tag reads come in."""

    ZEBRA = "zebra"
    IMPINJ = "impinj"
    CUSTOM = "custom"


class EpcEncoding(StrEnum):
    """How an EPC is written in a message."""

    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagMapping:
    """Where tag reads stand in a message, as dotted paths; an empty path: the message does not say.

    `items` leads to the list of reads ("" is the message itself, or each element where it is a list); the other paths
    start at one read, and where it lacks a field, at the message around it. `rssi_scale` makes dBm of the number.
    """

    items: str = ""
    epc: str = "epc"
    antenna: str = ""
    rssi: str = ""
    rssi_scale: float = 1.0
    reads: str = ""
    time: str = ""
    encoding: EpcEncoding = EpcEncoding.HEX


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttPoint(Point):
    """One value in the device's messages.

    `topic`: filter of the topics that carry it ("" is each of the device's topics). `field_path`: dotted path in the
    JSON ("" is the whole payload). `time_field`: where the message says when ("" is on arrival).
    """

    topic: str = ""
    field_path: str = ""
    time_field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttInDevice(RfidReader):
    """A device that publishes to a broker; it lives while it publishes at least once within `alive_within_s`.

    `heartbeat`: one more topic, on which it says only that. `tags_format` None: its messages carry no tag reads.
    `tags` says where they stand, unless the format is Impinj's. `source`: what its counts are called in events.
    """

    broker: BrokerAddress
    topics: tuple[str, ...] = ()
    heartbeat: str = ""
    alive_within_s: float = 60.0
    tags_format: TagFormat | None = None
    tags: TagMapping = field(default_factory=TagMapping)
    points: Mapping[str, MqttPoint] = field(default_factory=dict)
    source: SourceType = SourceType.PLC
