"""What every driver must do, whatever its protocol. A new driver adds a bench fixture and its name to `BENCHES`."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from genba_edge.drivers.impinj import ImpinjDriver
from genba_edge.drivers.llrp import LlrpDriver
from genba_edge.drivers.modbus import ModbusDriver
from genba_edge.drivers.mqtt_in import MqttInDriver
from genba_edge.drivers.opcua import OpcUaDriver
from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Driver, Observation, Quality, Sample, TagRead
from genba_shared.broker import BrokerAddress
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import (
    Antenna,
    ImpinjDevice,
    LlrpDevice,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    MqttInDevice,
    MqttPoint,
    OpcUaDevice,
    OpcUaPoint,
    PointType,
    PollSettings,
    SecurityPolicy,
    SecuritySettings,
)
from genba_shared.secret import Secret
from tests.peers.impinj import ImpinjReader
from tests.peers.process import ModbusPeer, OpcUaPeer
from tests.peers.publisher import Publisher
from tests.peers.reader import FieldReader
from tests.peers.recorder import Recorder, log_lines, running

BENCHES = ["modbus_bench", "opcua_bench", "llrp_bench", "impinj_bench", "mqtt_in_bench"]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A driver and the device that it reads.

    `stop` takes the device away as a power cut would, `start` brings it back at the same address. `produce` makes the
    device report something new and returns how to recognise it in what was emitted. The map of the device has
    `bad_point`, which the device does not have; None for devices without points.
    """

    driver: Driver
    stop: Callable[[], None]
    start: Callable[[], None]
    produce: Callable[[], Callable[[Recorder], bool]]
    bad_point: str | None


def makes(set_value: Callable[[int], None]) -> Callable[[], Callable[[Recorder], bool]]:
    """A `produce` that counts up the point ``good``."""
    made = 0

    def produce() -> Callable[[Recorder], bool]:
        nonlocal made
        made += 1
        set_value(made)
        expected = made
        return lambda recorder: recorder.latest("good") == expected

    return produce


@pytest.fixture
def modbus_bench(modbus_peer: ModbusPeer) -> Bench:
    points = {
        name: ModbusPoint(name=name, type=PointType.UINT16, table=ModbusTable.HOLDING, address=address)
        for name, address in (("good", 0), ("missing", 5000))
    }
    device = ModbusDevice(
        id="cell",
        host="127.0.0.1",
        port=modbus_peer.port,
        points=points,
        poll=PollSettings(groups={"fast": 0.1}),
        reconnect_max_s=0.5,
        timeout_s=0.5,
    )
    return Bench(
        driver=ModbusDriver(device, ProductionClock()),
        stop=modbus_peer.stop,
        start=modbus_peer.start,
        produce=makes(lambda value: modbus_peer.set("holding", 0, value)),
        bad_point="missing",
    )


@pytest.fixture
def opcua_bench(opcua_peer: OpcUaPeer, tmp_path: Path) -> Bench:
    points = {
        name: OpcUaPoint(name=name, type=PointType.UINT32, node=f"nsu=urn:genba:peer;s={node}", sampling_s=0.05)
        for name, node in (("good", "parts"), ("missing", "missing"))
    }
    device = OpcUaDevice(
        id="cutter1",
        url=opcua_peer.url,
        security=SecuritySettings(policy=SecurityPolicy.NONE),
        points=points,
        reconnect_max_s=0.5,
        timeout_s=2.0,
    )
    return Bench(
        driver=OpcUaDriver(device, ProductionClock(), state_dir=tmp_path),
        stop=opcua_peer.stop,
        start=opcua_peer.start,
        produce=makes(lambda value: opcua_peer.tell(f"set parts {value}")),
        bad_point="missing",
    )


@pytest.fixture
def llrp_bench(field_reader: FieldReader) -> Bench:
    device = LlrpDevice(
        id="gate",
        host="127.0.0.1",
        port=field_reader.port,
        antennas={1: Antenna(read_point="in")},
        report_s=0.2,
        reconnect_max_s=0.5,
        timeout_s=1.0,
    )
    brought = 0

    def produce() -> Callable[[Recorder], bool]:
        nonlocal brought
        brought += 1
        tag = f"3034257bf7194e40{brought:08x}"
        field_reader.bring(tag)
        return lambda recorder: any(read.tag == tag for read in recorder.of(TagRead))

    return Bench(
        driver=LlrpDriver(device, ProductionClock()),
        stop=field_reader.stop,
        start=field_reader.start,
        produce=produce,
        bad_point=None,
    )


@pytest.fixture
def impinj_bench(impinj_reader: ImpinjReader) -> Bench:
    device = ImpinjDevice(
        id="gate",
        url=impinj_reader.url,
        user="root",
        password=Secret("impinj"),
        preset="default",
        antennas={1: Antenna(read_point="in")},
        alive_within_s=3.0,
        reconnect_max_s=0.5,
        timeout_s=2.0,
    )
    brought = 0

    def produce() -> Callable[[Recorder], bool]:
        nonlocal brought
        brought += 1
        tag = f"3034257bf7194e40{brought:08x}"
        impinj_reader.bring(tag)
        return lambda recorder: any(read.tag == tag for read in recorder.of(TagRead))

    return Bench(
        driver=ImpinjDriver(device, ProductionClock()),
        stop=impinj_reader.stop,
        start=impinj_reader.start,
        produce=produce,
        bad_point=None,
    )


@pytest.fixture
def mqtt_in_bench(tmp_path: Path) -> Iterator[Bench]:
    """The device publishes its count again and again, as a camera does, and `missing` is not what the map says."""
    with Publisher(tmp_path, topic="camera/line1") as camera:
        points = {
            name: MqttPoint(name=name, type=PointType.UINT32, field_path=field)
            for name, field in (("good", "count"), ("missing", "mode"))
        }
        device = MqttInDevice(
            id="camera",
            broker=BrokerAddress.parse(camera.url),
            topics=("camera/line1",),
            points=points,
            alive_within_s=3.0,
            reconnect_max_s=0.5,
        )
        yield Bench(
            driver=MqttInDriver(device, ProductionClock()),
            stop=camera.stop,
            start=camera.start,
            produce=makes(lambda value: camera.publish({"count": value, "mode": "line crossing"})),
            bad_point="missing",
        )


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Each driver in turn."""
    made: Bench = request.getfixturevalue(request.param)
    yield made
    gc.collect()  # sockets that were left open warn here, and warnings are errors


def first_said(recorder: Recorder) -> Observation:
    """What the driver said first; reads that a reader had held for us come before it is back."""
    return next(one for one in recorder.all if not isinstance(one, TagRead))


async def test_the_device_is_back_before_its_first_values(bench: Bench) -> None:
    arrived = bench.produce()
    async with running(bench.driver) as recorder:
        await recorder.until(lambda: arrived(recorder) and bool(recorder.of(DeviceAlive)))
    assert isinstance(first_said(recorder), DeviceBack)
    assert len(recorder.of(DeviceBack)) == 1
    assert not recorder.of(DeviceLost)


async def test_what_is_new_at_the_device_arrives(bench: Bench) -> None:
    async with running(bench.driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceBack)))
        for _ in range(3):
            arrived = bench.produce()
            await recorder.until(lambda arrived=arrived: arrived(recorder))  # type: ignore[misc]  # mypy infers no lambda with a default


async def test_an_outage_is_told_and_logged_once_and_its_end_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="genba_edge"):
        async with running(bench.driver) as recorder:
            await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
            bench.stop()
            await recorder.until(lambda: bool(recorder.of(DeviceLost)))
            async with asyncio.timeout(15):
                while len(log_lines(caplog.records, of="device still lost")) < 2:  # noqa: ASYNC110 - a log, not an event
                    await asyncio.sleep(0.02)
            bench.start()
            arrived = bench.produce()
            # A reader tells what it held before it is back.
            await recorder.until(lambda: arrived(recorder) and len(recorder.of(DeviceBack)) == 2)
    assert [type(o) for o in recorder.all if isinstance(o, DeviceBack | DeviceLost)] == [
        DeviceBack,
        DeviceLost,
        DeviceBack,
    ]
    assert len(log_lines(caplog.records, of="device lost")) == 1
    assert len(log_lines(caplog.records, of="device back")) == 1
    assert len(recorder.of(DeviceLost)[0].reason.split()) >= 3


async def test_nothing_is_alive_while_the_device_is_lost(bench: Bench) -> None:
    async with running(bench.driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
        bench.stop()
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        bench.start()
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
    observations = recorder.all
    lost = next(number for number, o in enumerate(observations) if isinstance(o, DeviceLost))
    assert isinstance(observations[lost + 1], DeviceBack)


async def test_a_bad_point_is_told_once_and_the_others_go_on(bench: Bench) -> None:
    if bench.bad_point is None:
        pytest.skip("this kind of device has no points")
    async with running(bench.driver) as recorder:
        await recorder.until(lambda: bool(recorder.samples(bench.bad_point or "")))
        for _ in range(3):
            arrived = bench.produce()
            await recorder.until(lambda arrived=arrived: arrived(recorder))  # type: ignore[misc]  # mypy infers no lambda with a default
    (bad,) = recorder.samples(bench.bad_point)
    assert (bad.value, bad.quality) == (None, Quality.BAD)


async def test_every_observation_names_the_device_and_carries_aware_time(bench: Bench) -> None:
    arrived = bench.produce()
    async with running(bench.driver) as recorder:
        await recorder.until(lambda: arrived(recorder) and bool(recorder.of(DeviceAlive)))
    assert {observation.device for observation in recorder.all} == {bench.driver.device}
    times = [o.at for o in recorder.all if isinstance(o, Sample | DeviceAlive | DeviceBack)]
    assert {at.utcoffset() for at in times} == {timedelta(0)}


async def test_a_driver_ends_cleanly_in_every_phase(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async with running(bench.driver):
        pass
    async with running(bench.driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
    async with running(bench.driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceAlive)))
        bench.stop()
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def test_a_driver_that_is_run_again_tells_everything_again(bench: Bench) -> None:
    arrived = bench.produce()
    for _ in range(2):
        async with running(bench.driver) as recorder:
            await recorder.until(lambda recorder=recorder: arrived(recorder))  # type: ignore[misc]  # mypy infers no lambda with a default
            assert isinstance(first_said(recorder), DeviceBack)
