"""What one MQTT message of a device says, where its clock or its broker tells old things."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from genba_edge.drivers.mqtt_in_messages import Heard, Message, MessageReader
from genba_edge.ports import Meter
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, MqttInDevice, TagFormat, TagMapping

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
