"""Readers and cameras that publish over MQTT, against mosquitto."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from genba_edge.drivers.mqtt_in import MqttInDriver
from genba_edge.ports import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Failure,
    Quality,
    ReadingsLost,
    Sample,
    TagRead,
)
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import (
    Antenna,
    EpcEncoding,
    MqttInDevice,
    MqttPoint,
    PointType,
    TagFormat,
    TagMapping,
)
from tests.peers.publisher import Publisher
from tests.peers.recorder import Recorder, log_lines, running

TOPIC = "plant/device"
SHIRT, TROUSERS = "3034257bf7194e4000001a85", "3034257bf7194e4000001a86"
ZEBRA = TagMapping(epc="data.idHex", antenna="data.antenna", rssi="data.peakRssi", reads="data.reads", time="timestamp")


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    """A device that says only that it lives, until the test has it say more."""
    with Publisher(tmp_path, topic=TOPIC) as device:
        yield device


def point(name: str, kind: PointType, **more: Any) -> MqttPoint:
    return MqttPoint(name=name, type=kind, **{"field_path": name, **more})


def driver_of(publisher: Publisher, *points: MqttPoint, **more: Any) -> MqttInDriver:
    settings: dict[str, Any] = {
        "id": "camera",
        "broker": BrokerAddress.parse(publisher.url),
        "topics": (TOPIC,),
        "points": {one.name: one for one in points},
        "alive_within_s": 30.0,
        "reconnect_max_s": 0.2,
        **more,
    }
    return MqttInDriver(MqttInDevice(**settings), ProductionClock())


def reading_tags(publisher: Publisher, mapping: TagMapping, form: TagFormat = TagFormat.CUSTOM) -> MqttInDriver:
    antennas = {1: Antenna(read_point="in"), 2: Antenna(read_point="out")}
    return driver_of(publisher, id="gate", antennas=antennas, tags_format=form, tags=mapping)


async def until_back(recorder: Recorder) -> None:
    await recorder.until(lambda: bool(recorder.of(DeviceBack)))


async def until_tags(recorder: Recorder, *tags: str) -> None:
    await recorder.until(lambda: [read.tag for read in recorder.of(TagRead)] == list(tags))


# Points.


async def test_values_are_what_the_map_says_whatever_the_message_writes(publisher: Publisher) -> None:
    driver = driver_of(
        publisher,
        point("count", PointType.UINT32, field_path="lines.1.in"),
        point("stopped", PointType.BOOL),
        point("order", PointType.STRING),
        point("serial", PointType.STRING),
        point("speed", PointType.FLOAT32),
    )
    at = datetime.now(UTC)
    async with running(driver) as recorder:
        await until_back(recorder)
        publisher.say(
            '{"lines": [{"in": 5}, {"in": "41"}], "stopped": 1, "order": "0012", "serial": 1.10, "speed": "2.5"}'
        )
        await recorder.until(lambda: recorder.latest("speed") == 2.5)
    assert [recorder.latest(name) for name in ("count", "stopped", "order", "serial")] == [41, True, "0012", "1.10"]
    (sample,) = recorder.samples("count")
    assert sample.quality is Quality.GOOD
    assert sample.at >= at


async def test_a_payload_may_be_the_value_itself(publisher: Publisher) -> None:
    driver = driver_of(
        publisher,
        point("count", PointType.UINT16, field_path="", topic="plant/+/count"),
        point("order", PointType.STRING, field_path="", topic="plant/cell/order"),
    )
    async with running(driver) as recorder:
        await until_back(recorder)
        publisher.say(" 17\n", topic="plant/cell/count")
        publisher.say('"0012"', topic="plant/cell/order")
        await recorder.until(lambda: recorder.latest("order") == "0012")
    assert recorder.values("count") == [17]


async def test_a_value_carries_the_time_of_its_message(publisher: Publisher) -> None:
    at = datetime.now(UTC).replace(microsecond=250_000) - timedelta(seconds=20)
    driver = driver_of(publisher, point("count", PointType.UINT32, time_field="meta.at"))
    async with running(driver) as recorder:
        await until_back(recorder)
        for number, stamp in enumerate((at.isoformat(), int(at.timestamp() * 1000), "2000-01-01T00:00:00Z", "noon")):
            publisher.say(json.dumps({"count": number, "meta": {"at": stamp}}))
        await recorder.until(lambda: recorder.latest("count") == 3)
    iso, milliseconds, ancient, wrong = recorder.samples("count")
    assert iso.at == milliseconds.at == at
    assert (ancient.at, wrong.at) == (ancient.seen_at, wrong.seen_at)


async def test_a_value_that_is_not_what_the_map_says_is_bad_until_it_is_again(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(publisher, point("count", PointType.UINT16), point("order", PointType.STRING))
    with caplog.at_level(logging.INFO):
        async with running(driver) as recorder:
            await until_back(recorder)
            for wrong in (70_000, "many", 1.5, True, None, {}):
                publisher.say(json.dumps({"count": wrong, "order": "A1"}))
            await recorder.until(lambda: len(recorder.samples("order")) == 6)
            assert driver.meter.bad_points == {"count": "an object is not a uint16"}
            publisher.say('{"count": 7}')
            await recorder.until(lambda: recorder.latest("count") == 7)
    bad, good = recorder.samples("count")
    assert (bad.value, bad.quality, good.quality) == (None, Quality.BAD, Quality.GOOD)
    assert driver.meter.failures == {Failure.BAD_READING: 6}
    assert driver.meter.bad_points == {}
    assert len(log_lines(caplog.records, of="point bad")) == 1


async def test_what_the_broker_kept_is_an_old_state_and_no_sign_of_life(publisher: Publisher) -> None:
    publisher.fall_silent()
    publisher.say('{"count": 41}', retain=True)
    driver = driver_of(publisher, point("count", PointType.UINT32), alive_within_s=1.0)
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        assert [type(one) for one in recorder.all] == [DeviceLost]
        publisher.say('{"count": 42}')
        await recorder.until(lambda: recorder.latest("count") == 42)
    assert [(one.value, one.quality) for one in recorder.of(Sample)] == [(41, Quality.UNCERTAIN), (42, Quality.GOOD)]
    assert [type(one) for one in recorder.all] == [DeviceLost, DeviceBack, Sample, Sample, DeviceAlive]


async def test_a_point_that_no_message_holds_is_told(publisher: Publisher) -> None:
    driver = driver_of(
        publisher, point("status", PointType.STRING), point("cuont", PointType.UINT32), alive_within_s=0.5
    )
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.samples("cuont")))
    assert [sample.quality for sample in recorder.samples("cuont")] == [Quality.BAD]
    assert driver.meter.bad_points == {"cuont": "no message on plant/device has held a field cuont yet"}


# Tags.


def zebra(tag: str, antenna: int = 1, **more: object) -> str:
    data = {"eventNum": 1, "format": "epc", "idHex": tag, "antenna": antenna, "peakRssi": -54, "reads": 3, **more}
    return json.dumps({"data": data, "timestamp": datetime.now(UTC).isoformat(), "type": "SIMPLE"})


async def test_messages_of_a_zebra_reader_are_reads(publisher: Publisher) -> None:
    driver = reading_tags(publisher, ZEBRA, TagFormat.ZEBRA)
    async with running(driver) as recorder:
        await until_back(recorder)
        publisher.say(zebra(SHIRT.upper(), 2))
        publisher.say(f"[{zebra(SHIRT)}, {zebra(TROUSERS)}]")
        publisher.say(zebra(TROUSERS) + zebra(SHIRT))  # IoT Connector puts them one right after the other
        publisher.say('{"type": "heartbeat", "data": {"radio_control": {"status": "running"}}}')
        await until_tags(recorder, SHIRT, SHIRT, TROUSERS, TROUSERS, SHIRT)
    first = recorder.of(TagRead)[0]
    assert (first.device, first.antenna, first.reads, first.rssi_dbm) == ("gate", 2, 3, -54.0)
    assert first.last_seen <= first.seen_at
    assert driver.meter.samples == 5
    assert driver.meter.failures == {}


async def test_messages_of_an_impinj_reader_are_reads_and_losses(publisher: Publisher) -> None:
    driver = reading_tags(publisher, TagMapping(), TagFormat.IMPINJ)
    now = datetime.now(UTC).isoformat()
    async with running(driver) as recorder:
        await until_back(recorder)
        tag = {"epc": "MDQle_cZTkAAABqF", "antennaPort": 1, "peakRssiCdbm": -6150}
        publisher.say(json.dumps({"timestamp": now, "eventType": "tagInventory", "tagInventoryEvent": tag}))
        publisher.say(json.dumps({"timestamp": now, "eventType": "antennaDisconnected",
                                  "antennaDisconnectedEvent": {"antennaPort": 2}}))  # fmt: skip
        publisher.say(json.dumps({"timestamp": now, "eventType": "overflow", "overflowEvent": {}}))
        await recorder.until(lambda: bool(recorder.of(ReadingsLost)))
    (read,) = recorder.of(TagRead)
    assert (read.tag, read.antenna, read.rssi_dbm) == (SHIRT, 1, -61.5)
    assert driver.meter.bad_points == {"antenna 2": "the reader says that it is not connected"}
    assert driver.meter.failures == {Failure.DATA_LOST: 1}


async def test_any_other_message_is_read_by_the_paths_of_the_map(publisher: Publisher) -> None:
    mapping = TagMapping(
        items="report.tags", epc="id", antenna="port", rssi="power", rssi_scale=0.1, time="at",
        encoding=EpcEncoding.BASE64,
    )  # fmt: skip
    driver = reading_tags(publisher, mapping)
    async with running(driver) as recorder:
        await until_back(recorder)
        tags = [{"id": "MDQle/cZTkAAABqF", "power": -615}, {"id": "?"}, {"port": 9, "id": "MDQle/cZTkAAABqG"}]
        publisher.say(json.dumps({"port": "2", "at": datetime.now(UTC).timestamp(), "report": {"tags": tags}}))
        publisher.say(json.dumps({"report": {"tags": [{"id": "MDQle/cZTkAAABqG", "port": 1}]}}))
        await until_tags(recorder, SHIRT, TROUSERS)
    first, last = recorder.of(TagRead)
    assert (first.antenna, first.rssi_dbm) == (2, -61.5)  # the port stands around the list
    assert (last.antenna, last.rssi_dbm) == (1, None)
    assert driver.meter.failures == {Failure.BAD_READING: 1}


async def test_a_retained_read_is_no_passage(publisher: Publisher) -> None:
    publisher.say(zebra(SHIRT), retain=True)
    async with running(reading_tags(publisher, ZEBRA, TagFormat.ZEBRA)) as recorder:
        await until_back(recorder)
        publisher.say(zebra(TROUSERS))
        await until_tags(recorder, TROUSERS)


# Wrong messages.


async def test_messages_that_cannot_be_read_are_counted_and_said_once_and_the_others_go_on(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(publisher, point("count", PointType.UINT32))
    async with running(driver) as recorder:
        await until_back(recorder)
        for _ in range(3):
            publisher.say(b"\xff\xfe")
            publisher.say("count 7")
            publisher.say("[" * 10_000)
        publisher.say('{"count": 1, "x": "' + "x" * 300_000 + '"}')
        publisher.say('{"count": NaN}')
        publisher.say('{broken\n{"count": 8}\n')
        await recorder.until(lambda: recorder.latest("count") == 8)
    assert driver.meter.failures == {Failure.BAD_READING: 12}
    assert recorder.of(DeviceLost) == []
    assert len(log_lines(caplog.records, of="a message is passed over")) == 1
    assert len(log_lines(caplog.records, of="a message of 300021 bytes is passed over")) == 1


# Life and death.


async def test_a_device_that_falls_silent_is_lost_though_its_broker_is_there(publisher: Publisher) -> None:
    driver = driver_of(publisher, point("count", PointType.UINT32), alive_within_s=1.0)
    async with running(driver) as recorder:
        await until_back(recorder)
        publisher.fall_silent()
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        assert driver.meter.failures[Failure.SILENT] == 1
        publisher.say('{"count": 1}')
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
    (lost,) = recorder.of(DeviceLost)
    assert lost.reason == f"the device has published nothing for 1 s; the broker {publisher.url} is there"


async def test_a_device_that_is_back_from_silence_has_the_state_that_the_broker_keeps(publisher: Publisher) -> None:
    publisher.say("1", topic="plant/light", retain=True)
    light = point("state", PointType.UINT16, field_path="", topic="plant/light")
    driver = driver_of(publisher, light, topics=(), heartbeat=TOPIC, alive_within_s=1.0)
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.values("state") == [1])
        publisher.fall_silent()
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        publisher.say("ok")
        await recorder.until(lambda: recorder.values("state") == [1, 1])
    assert [sample.quality for sample in recorder.samples("state")] == [Quality.UNCERTAIN, Quality.UNCERTAIN]
    back = recorder.all.index(recorder.of(DeviceBack)[-1])
    assert recorder.all.index(recorder.samples("state")[1]) > back


async def test_a_heartbeat_is_a_sign_of_life(publisher: Publisher) -> None:
    driver = driver_of(publisher, point("count", PointType.UINT32), topics=("plant/other",), heartbeat=TOPIC)
    async with running(driver) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 2)
    assert recorder.of(DeviceLost) == []
    assert driver.meter.failures == {}


async def test_a_broker_that_dies_is_named(publisher: Publisher) -> None:
    driver = driver_of(publisher, point("count", PointType.UINT32))
    async with running(driver) as recorder:
        await until_back(recorder)
        publisher.stop()
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        assert recorder.of(DeviceLost)[0].reason == f"no connection to {publisher.url}: connection lost"
        assert driver.meter.failures == {Failure.CLOSED: 1}
        publisher.start()
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)


async def test_a_broker_that_lets_us_read_nothing_is_named(tmp_path: Path) -> None:
    access = tmp_path / "access"
    access.write_text("topic write plant/device\n")
    with Publisher(tmp_path, topic=TOPIC, extra=f"acl_file {access}\nuser root\n") as publisher:
        driver = driver_of(publisher, point("count", PointType.UINT32), alive_within_s=1.0)
        async with running(driver) as recorder:
            await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    assert driver.meter.failures[Failure.SECURITY] + driver.meter.failures[Failure.SILENT] == 1


async def test_a_tag_read_under_two_topics_that_overlap_is_read_once(tmp_path: Path) -> None:
    more: dict[str, Any] = {"antennas": {1: Antenna(read_point="in")}, "tags_format": TagFormat.CUSTOM, "tags": ZEBRA}
    with Publisher(tmp_path, topic=TOPIC, extra="allow_duplicate_messages true") as device:
        driver = driver_of(device, id="gate", topics=("plant/#", TOPIC, "plant/+"), **more)
        async with running(driver) as recorder:
            await until_back(recorder)
            device.say(zebra(SHIRT))
            device.say(zebra(TROUSERS))
            await until_tags(recorder, SHIRT, TROUSERS)
    assert driver.meter.samples == 2


async def test_a_message_that_is_too_long_is_let_go_and_the_others_are_read(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(publisher, point("count", PointType.UINT32))
    async with running(driver) as recorder:
        await until_back(recorder)
        publisher.say("7" * 262_145)
        publisher.say('{"count": 8}')
        await recorder.until(lambda: recorder.latest("count") == 8)
    assert driver.meter.failures[Failure.BAD_READING] == 1
    (line,) = log_lines(caplog.records, of="a message of")
    assert "a message of 262145 bytes is passed over topic=plant/device" in line


async def test_more_bytes_than_may_wait_are_let_go_and_the_loss_is_told(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.drivers.mqtt_in.MAX_WAITING_BYTES", 60)
    driver = driver_of(publisher, point("count", PointType.UINT32), point("text", PointType.STRING))
    async with running(driver) as recorder:
        await until_back(recorder)
        publisher.say('{"text": "' + "x" * 60 + '"}')
        publisher.say('{"count": 8}')
        await recorder.until(lambda: recorder.latest("count") == 8)
        await recorder.until(lambda: bool(recorder.of(ReadingsLost)))
    assert not any(sample.point == "text" for sample in recorder.of(Sample))
    assert "came faster than they could be read" in recorder.of(ReadingsLost)[0].reason


async def test_messages_that_come_together_are_read_in_parts_and_in_order(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genba_edge.drivers.mqtt_in.MAX_AT_ONCE", 3)
    driver = driver_of(publisher, point("count", PointType.UINT32))
    async with running(driver) as recorder:
        await until_back(recorder)
        for count in range(50):
            publisher.say(json.dumps({"count": count}))
        await recorder.until(lambda: recorder.latest("count") == 49)
    assert [sample.value for sample in recorder.of(Sample)] == list(range(50))


async def test_a_certificate_file_that_is_gone_stops_nothing_but_this_device(publisher: Publisher) -> None:
    broker = BrokerAddress(host="127.0.0.1", port=1, tls=True, ca=Path("/nowhere/ca.pem"))
    driver = driver_of(publisher, point("count", PointType.UINT32), broker=broker)
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    assert "certificate files" in recorder.of(DeviceLost)[0].reason
    assert driver.meter.failures[Failure.SECURITY] >= 1


async def test_a_map_as_an_engineer_writes_it_is_read(publisher: Publisher) -> None:
    text = f"""
version: 1
gateway: {{id: gw-1, site: plant-a}}
devices:
  - id: gate
    protocol: mqtt_in
    broker: {publisher.url}
    version: 5
    topics: {TOPIC}
    tags_from: {{format: zebra}}
    antennas: {{1: {{read_point: in}}}}
    points:
      temperature: {{field: data.temperature, type: int16}}
"""
    device = load_device_map(Path("plant.yaml"), text=text).devices["gate"]
    assert isinstance(device, MqttInDevice)
    async with running(MqttInDriver(device, ProductionClock())) as recorder:
        await until_back(recorder)
        publisher.say(zebra(SHIRT))
        publisher.say('{"type": "heartbeat", "data": {"temperature": 41}}')
        await recorder.until(lambda: recorder.latest("temperature") == 41)
    assert [read.tag for read in recorder.of(TagRead)] == [SHIRT]
