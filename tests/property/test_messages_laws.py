"""Whatever a device sends, it is read or passed over and counted; nothing else comes out."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from genba_edge.drivers.impinj_events import read_event
from genba_edge.drivers.json_values import BadValue, parse
from genba_edge.drivers.mqtt_in_messages import Heard, Message, MessageReader
from genba_edge.ports import Meter
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, MqttInDevice, MqttPoint, PointType, TagFormat, TagMapping
from genba_shared.device_map.tables_points import ONLY_MODBUS_TYPES

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.just("2026-01-05T07:00Z")
)
FIELDS = st.sampled_from(["a", "b", "epc", "epcHex", "antennaPort", "peakRssiCdbm", "lastSeenTime", "data", "idHex"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=5), max_leaves=20
)
KINDS = ["tagInventory", "antennaConnected", "antennaDisconnected", "inventoryStatus", "overflow", "gpiTransition", "x"]
MAPPING = TagMapping(items="data", epc="epc", antenna="a", rssi="b", reads="a", time="lastSeenTime")


def reader_of(form: TagFormat) -> MessageReader:
    points = {
        str(kind): MqttPoint(name=str(kind), type=kind, field_path="data.a", time_field="b")
        for kind in PointType
        if kind not in ONLY_MODBUS_TYPES
    }
    device = MqttInDevice(
        id="gate",
        broker=BrokerAddress(host="broker", port=1883),
        topics=("#",),
        antennas={1: Antenna(read_point="in")},
        tags_format=form,
        tags=MAPPING,
        points={**points, "plain": MqttPoint(name="plain", type=PointType.INT32)},
    )
    return MessageReader(device, ProductionClock(), Meter(device="gate"))


@given(payload=st.binary(max_size=200))
def test_any_bytes_are_documents_or_bad(payload: bytes) -> None:
    try:
        parsed = parse(payload)
    except BadValue:
        return
    assert parsed.bad <= payload.count(b"\n") + 1


@given(kind=st.sampled_from(KINDS), body=st.dictionaries(FIELDS, JSON, max_size=6), stamp=JSON)
def test_any_event_is_read_or_bad(kind: str, body: object, stamp: object) -> None:
    text = json.dumps({"eventType": kind, "timestamp": stamp, f"{kind}Event": body})
    (event,) = parse(text.encode()).documents
    with contextlib.suppress(BadValue):
        read_event(event)


@given(document=JSON, form=st.sampled_from([TagFormat.CUSTOM, TagFormat.IMPINJ]), retained=st.booleans())
def test_any_message_is_read_or_counted(document: object, form: TagFormat, *, retained: bool) -> None:
    heard = Heard()
    message = Message(topic="a/b", payload=json.dumps(document).encode(), retained=retained)
    reader_of(form).read(message, heard)
    assert not (retained and heard.reads)
    for sample in heard.samples:
        assert sample.at.tzinfo is UTC
    assert all(read.last_seen <= datetime.now(UTC).replace(year=2200) for read in heard.reads)


@given(payload=st.binary(max_size=300), form=st.sampled_from(list(TagFormat)))
def test_any_payload_is_read_or_counted(payload: bytes, form: TagFormat) -> None:
    reader_of(form).read(Message(topic="a/b", payload=payload, retained=False), Heard())
