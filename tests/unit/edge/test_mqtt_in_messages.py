"""What one MQTT message of a device says, where its clock or its broker tells old things."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from genba_edge.drivers.mqtt_in_messages import Heard, Message, MessageReader
from genba_edge.ports import Meter
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, MqttInDevice, MqttPoint, PointType, TagFormat, TagMapping

GATE = MqttInDevice(
    id="gate",
    broker=BrokerAddress.parse("mqtt://127.0.0.1"),
    topics=("gate/tags",),
    antennas={1: Antenna(read_point="in")},
    tags_format=TagFormat.CUSTOM,
    tags=TagMapping(epc="epc", time="at"),
)


def test_times_of_a_clock_that_is_behind_are_taken_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = ProductionClock()
    reader, heard = MessageReader(GATE, clock, Meter(device="gate")), Heard()
    begin = clock.now() - timedelta(seconds=120)
    for second in (0, 1):
        told = {"epc": "3034aa", "at": (begin + timedelta(seconds=second)).isoformat()}
        reader.read(Message(topic="gate/tags", payload=json.dumps(told).encode(), retained=False), heard)

    assert [read.last_seen - begin for read in heard.reads] == [timedelta(0), timedelta(seconds=1)]
    assert [record.message for record in caplog.records] == [
        "device clock is behind, or messages are late ahead_s=-120: its times are taken device=gate"
    ]


COUNTER = MqttInDevice(
    id="press",
    broker=BrokerAddress.parse("mqtt://127.0.0.1"),
    topics=("press",),
    points={"count": MqttPoint(name="count", type=PointType.UINT32, topic="press/count")},
)


def counter() -> MessageReader:
    reader = MessageReader(COUNTER, ProductionClock(), Meter(device="press"))
    reader.begin()
    return reader


def counts(reader: MessageReader, payload: bytes, *, retained: bool) -> list[object]:
    heard = Heard()
    reader.read(Message(topic="press/count", payload=payload, retained=retained), heard)
    return [sample.value for sample in heard.samples]


def test_what_the_broker_kept_is_how_things_stand_until_the_point_speaks_itself() -> None:
    reader = counter()
    assert counts(reader, b"3", retained=True) == [3]
    assert counts(reader, b"7", retained=False) == [7]
    assert counts(reader, b"3", retained=True) == []


def test_after_a_silence_only_the_value_that_was_heard_last_is_taken_from_the_broker() -> None:
    reader = counter()
    counts(reader, b"7", retained=False)
    reader.begin_again()
    assert counts(reader, b"3", retained=True) == []
    assert counts(reader, b"7", retained=True) == [7]


def test_after_a_new_connection_what_the_broker_kept_is_believed() -> None:
    reader = counter()
    counts(reader, b"7", retained=False)
    reader.begin()
    assert counts(reader, b"9", retained=True) == [9]


def test_after_messages_were_let_go_what_the_broker_kept_is_believed() -> None:
    reader = counter()
    counts(reader, b"7", retained=False)
    reader.note_missed()
    assert counts(reader, b"9", retained=True) == [9]
