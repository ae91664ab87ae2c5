"""The LLRP driver on a socket with our own simulated reader, which has a codec of its own."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from genba_edge.drivers.backoff import Backoff
from genba_edge.drivers.llrp import LlrpDriver
from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Observation, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, LlrpDevice
from genba_sim.llrp_codec import MessageType
from genba_sim.llrp_codec_reader import ReaderClock, RoSpec, Status
from genba_sim.rfid_llrp import SimReader
from genba_sim.rfid_llrp_specs import RefusedError
from tests.peers.recorder import Recorder, eventually

SHIRT, TROUSERS, JACKET = "3034257bf7194e4000001a85", "3034257bf7194e4000001a86", "3034257bf7194e4000001a87"
FAST_PLANT = ProductionClock(origin=datetime(2026, 1, 5, 7, tzinfo=UTC), wall_origin_s=time.time(), speed=60.0)


def gate(reader: SimReader, *, antennas: tuple[int, ...] = (1, 2), timeout_s: float = 1.0) -> LlrpDevice:
    return LlrpDevice(
        id="gate",
        host="127.0.0.1",
        port=reader.port,
        antennas={number: Antenna(read_point=f"point-{number}") for number in antennas},
        report_s=0.05,
        reconnect_max_s=0.2,
        timeout_s=timeout_s,
    )


@asynccontextmanager
async def sim_reader(
    clock: ProductionClock = FAST_PLANT,
    *,
    port: int = 0,
    reader_clock: ReaderClock = ReaderClock.UTC,
    buffer_limit: int = 50_000,
) -> AsyncIterator[SimReader]:
    reader = SimReader(clock, port=port, reader_clock=reader_clock, buffer_limit=buffer_limit)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


@asynccontextmanager
async def running(driver: LlrpDriver) -> AsyncIterator[Recorder]:
    """Run a driver for the time of the block; the reader's tasks live in the same loop and go on."""
    recorder = Recorder()
    task = asyncio.create_task(driver.run(recorder))
    try:
        yield recorder
    finally:
        assert not task.done() or task.exception() is None, task.exception()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        left = [one for one in asyncio.all_tasks() if "LlrpSession" in repr(one.get_coro()) and not one.done()]
        assert left == []


@asynccontextmanager
async def driven(
    reader: SimReader, device: LlrpDevice | None = None, clock: ProductionClock = FAST_PLANT
) -> AsyncIterator[Recorder]:
    """The driver, once it reads."""
    async with running(LlrpDriver(device or gate(reader), clock)) as recorder:
        await recorder.until(lambda: recorder.of(DeviceBack) != [])
        assert reader.is_reading
        yield recorder


def reads_by_tag(recorder: Recorder) -> Counter[tuple[int, str]]:
    """How often each tag was read at each antenna, in all."""
    total: Counter[tuple[int, str]] = Counter()
    for read in recorder.of(TagRead):
        total[read.antenna, read.tag] += read.reads
    return total


async def test_reads_arrive_with_their_times_counts_and_strength() -> None:
    async with sim_reader() as reader, driven(reader) as recorder:
        at = FAST_PLANT.now()
        reader.see(1, SHIRT, at, -61.4)
        reader.see(1, SHIRT, at + timedelta(seconds=2), -57.6)
        reader.see(2, TROUSERS, at + timedelta(microseconds=1), -70.0)
        await recorder.until(lambda: len(recorder.of(TagRead)) == 2)

        shirt, trousers = recorder.of(TagRead)
        assert (shirt.device, shirt.antenna, shirt.tag, shirt.reads, shirt.rssi_dbm) == ("gate", 1, SHIRT, 2, -58.0)
        assert (shirt.first_seen, shirt.last_seen) == (at, at + timedelta(seconds=2))
        assert (trousers.antenna, trousers.tag, trousers.reads, trousers.rssi_dbm) == (2, TROUSERS, 1, -70.0)
        assert trousers.first_seen == trousers.last_seen == at + timedelta(microseconds=1)
        assert shirt.seen_at >= at


async def test_batch_of_reads_ends_with_alive() -> None:
    async with sim_reader() as reader, driven(reader) as recorder:
        reader.see(1, SHIRT, FAST_PLANT.now(), -60)
        await recorder.until(lambda: recorder.of(TagRead) != [])

        assert [type(observation) for observation in recorder.batches[0]] == [DeviceBack, DeviceAlive]
        (batch,) = (batch for batch in recorder.batches if any(isinstance(one, TagRead) for one in batch))
        assert [type(observation) for observation in batch] == [TagRead, DeviceAlive]


async def test_what_is_read_while_the_connection_is_broken_arrives_exactly_once_and_before_the_device_is_back() -> None:
    async with sim_reader() as reader, driven(reader) as recorder:
        reader.see(1, SHIRT, FAST_PLANT.now(), -60)
        await recorder.until(lambda: recorder.of(TagRead) != [])

        reader.refuse()
        reader.drop_connection()
        await recorder.until(lambda: recorder.of(DeviceLost) != [])
        away = [FAST_PLANT.now() + timedelta(seconds=second) for second in range(3)]
        for at in away:
            reader.see(1, TROUSERS, at, -60)
            reader.see(2, SHIRT, at, -60)
        await eventually(lambda: reader.waiting_reports >= 2)
        reader.see(2, JACKET, away[0], -60)
        reader.recover()
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
        reader.see(1, JACKET, FAST_PLANT.now(), -60)
        await recorder.until(lambda: (1, JACKET) in reads_by_tag(recorder))

        assert reads_by_tag(recorder) == {
            (1, SHIRT): 1,
            (1, TROUSERS): 3,
            (2, SHIRT): 3,
            (2, JACKET): 1,
            (1, JACKET): 1,
        }
        (held,) = (read for read in recorder.of(TagRead) if read.tag == TROUSERS)
        assert (held.first_seen, held.last_seen) == (away[0], away[2])
        back = recorder.all.index(recorder.of(DeviceBack)[1])
        assert recorder.all.index(held) < back
        assert reader.waiting_reports == 0


async def test_gateway_that_restarts_takes_over_what_the_reader_held() -> None:
    async with sim_reader() as reader:
        async with driven(reader):
            pass
        await eventually(lambda: not reader.is_connected)
        reader.see(1, SHIRT, FAST_PLANT.now(), -60)
        async with driven(reader) as recorder:
            await recorder.until(lambda: recorder.of(TagRead) != [])

            assert reads_by_tag(recorder) == {(1, SHIRT): 1}


async def test_map_that_changed_gives_the_reader_new_work_and_loses_nothing_it_held() -> None:
    async with sim_reader() as reader:
        async with driven(reader):
            pass
        await eventually(lambda: not reader.is_connected)
        reader.see(1, SHIRT, FAST_PLANT.now(), -60)
        await eventually(lambda: reader.waiting_reports == 1)
        async with driven(reader, gate(reader, antennas=(1, 3))) as recorder:
            reader.see(2, TROUSERS, FAST_PLANT.now(), -60)
            reader.see(3, JACKET, FAST_PLANT.now(), -60)
            await recorder.until(lambda: (3, JACKET) in reads_by_tag(recorder))

            assert reads_by_tag(recorder) == {(1, SHIRT): 1, (3, JACKET): 1}


async def test_reader_that_restarts_is_set_up_again() -> None:
    async with sim_reader() as reader, driven(reader) as recorder:
        await reader.stop()
        await recorder.until(lambda: recorder.of(DeviceLost) != [])
        async with sim_reader(port=reader.port) as restarted:
            await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
            restarted.see(2, SHIRT, FAST_PLANT.now(), -60)
            await recorder.until(lambda: recorder.of(TagRead) != [])

            assert reads_by_tag(recorder) == {(2, SHIRT): 1}
            assert len(recorder.of(DeviceLost)) == 1


async def test_second_client_is_told_that_the_reader_is_in_use_and_gets_it_when_it_is_free() -> None:
    async with sim_reader() as reader:
        async with driven(reader) as holder:
            waiting = LlrpDriver(gate(reader), FAST_PLANT)
            recorder = Recorder()
            task = asyncio.create_task(waiting.run(recorder))
            await recorder.until(lambda: recorder.of(DeviceLost) != [])
            reader.see(1, SHIRT, FAST_PLANT.now(), -60)
            await holder.until(lambda: holder.of(TagRead) != [])
            assert holder.of(DeviceLost) == []

        await recorder.until(lambda: recorder.of(DeviceBack) != [])
        task.cancel()
        await asyncio.wait({task})

        (lost,) = recorder.of(DeviceLost)
        assert lost.reason == f"reader 127.0.0.1:{reader.port} is in use by another client"
        assert recorder.of(TagRead) == []


async def test_second_connection_gets_status_2_of_the_standard() -> None:
    async with sim_reader() as reader, driven(reader):
        stream, writer = await asyncio.open_connection("127.0.0.1", reader.port)
        async with asyncio.timeout(10):
            said = await stream.read()
        writer.close()

        assert said[:10] == bytes.fromhex("043f 00000020 00000000")
        assert said[10:18] == bytes.fromhex("00f60016 0080000c")
        assert said[-6:] == bytes.fromhex("01000006 0002")


@pytest.mark.parametrize(
    ("garbage", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "sent no LLRP"),
        (bytes.fromhex("043d 00000012 00000000 00f00008 ff000000"), "sent a bad frame"),
        (bytes.fromhex("043e 00000005 00000000"), "sent no LLRP"),
    ],
)
async def test_garbage_leads_to_a_new_connection(garbage: bytes, reason: str) -> None:
    async with sim_reader() as reader, driven(reader) as recorder:
        reader.send_raw(garbage)
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
        reader.see(1, SHIRT, FAST_PLANT.now(), -60)
        await recorder.until(lambda: recorder.of(TagRead) != [])

        (lost,) = recorder.of(DeviceLost)
        assert reason in lost.reason
        assert reads_by_tag(recorder) == {(1, SHIRT): 1}


async def test_silent_reader_is_lost_and_comes_back() -> None:
    async with sim_reader() as reader, driven(reader, gate(reader, timeout_s=0.6)) as recorder:
        reader.fall_silent()
        await recorder.until(lambda: recorder.of(DeviceLost) != [])
        assert "silent for 0.6 s" in recorder.of(DeviceLost)[0].reason

        reader.recover()
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
        assert len(recorder.of(DeviceLost)) == 1


async def test_keepalives_are_acknowledged_and_keep_a_quiet_gate_alive() -> None:
    """The simulated reader closes after 5 keepalives without an acknowledgement."""
    async with sim_reader() as reader, driven(reader, gate(reader, timeout_s=0.6)) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) > 7)

        assert recorder.of(DeviceLost) == []


async def test_refused_connection_is_said_once() -> None:
    async with sim_reader() as reader:
        reader.refuse()
        async with running(LlrpDriver(gate(reader), FAST_PLANT)) as recorder:
            await recorder.until(lambda: recorder.of(DeviceLost) != [])
            reader.recover()
            await recorder.until(lambda: recorder.of(DeviceBack) != [])

            (lost,) = recorder.of(DeviceLost)
            assert lost.reason == f"reader 127.0.0.1:{reader.port} refused the connection (status 3)"


async def test_host_that_never_answers_is_called_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time-out lasts longer than the longest wait, but it is no connection that worked."""
    resets: list[Backoff] = []
    monkeypatch.setattr(Backoff, "reset", resets.append)
    with socket.create_server(("127.0.0.1", 0)) as server:
        device = LlrpDevice(
            id="gate",
            host="127.0.0.1",
            port=server.getsockname()[1],
            antennas={1: Antenna(read_point="in")},
            reconnect_max_s=0.05,
            timeout_s=0.1,
        )
        driver = LlrpDriver(device, FAST_PLANT)
        async with running(driver):
            await eventually(lambda: driver.meter.failures.total() >= 2)
    assert resets == []


async def test_host_where_nobody_listens_is_lost_with_its_address() -> None:
    async with sim_reader() as reader:
        device = gate(reader)
    async with running(LlrpDriver(device, FAST_PLANT)) as recorder:
        await recorder.until(lambda: recorder.of(DeviceLost) != [])

        assert recorder.of(DeviceLost)[0].reason == f"connection refused by 127.0.0.1:{device.port}"


@pytest.mark.parametrize(
    "message",
    [
        MessageType.GET_READER_CAPABILITIES,
        MessageType.GET_READER_CONFIG,
        MessageType.GET_ROSPECS,
        MessageType.ENABLE_EVENTS_AND_REPORTS,
        MessageType.DELETE_ROSPEC,
    ],
)
async def test_reader_without_an_optional_message_is_read_all_the_same(
    message: MessageType, caplog: pytest.LogCaptureFixture
) -> None:
    async with sim_reader() as reader:
        reader.stop_supporting(message)
        async with driven(reader) as recorder:
            reader.see(1, SHIRT, FAST_PLANT.now(), -60)
            await recorder.until(lambda: recorder.of(TagRead) != [])

            assert f"message type {int(message)} is not supported" in caplog.text
            assert recorder.of(DeviceLost) == []


async def test_reader_that_will_not_take_the_rospec_is_lost_with_its_words() -> None:
    async with sim_reader() as reader, running(LlrpDriver(gate(reader, antennas=(1, 9)), FAST_PLANT)) as recorder:
        await recorder.until(lambda: recorder.of(DeviceLost) != [])

        assert recorder.of(DeviceLost)[0].reason == "ADD_ROSPEC refused: status 101 this reader has 4 antennas"
        assert recorder.of(DeviceBack) == []


async def test_rospec_that_somebody_stopped_is_started_again_without_losing_the_reader(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with sim_reader() as reader, driven(reader) as recorder:
        reader._specs.command(MessageType.STOP_ROSPEC, 0)
        await eventually(lambda: reader._specs.active() is not None)
        reader.see(1, SHIRT, FAST_PLANT.now(), -60)
        await recorder.until(lambda: recorder.of(TagRead) != [])

        assert recorder.of(DeviceLost) == []
        assert "reader was stopped, started again device=gate" in caplog.text
        active = reader._specs.active()
        assert active is not None
        assert (active.report_ms, active.report_tags) == (50, 0)


async def test_reader_whose_rospec_does_not_start_again_reports_each_tag_instead(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sim_reader() as reader, driven(reader) as recorder:
        obey = reader._specs.command

        def obey_but_start(command: MessageType, spec_id: int) -> None:
            if command is MessageType.START_ROSPEC:
                raise RefusedError(Status.PARAMETER_ERROR, "this reader starts by itself or not at all")
            obey(command, spec_id)

        monkeypatch.setattr(reader._specs, "command", obey_but_start)
        obey(MessageType.STOP_ROSPEC, 0)
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
        reader.see(1, SHIRT, FAST_PLANT.now(), -60)
        await recorder.until(lambda: recorder.of(TagRead) != [])

        assert recorder.of(DeviceLost)[0].reason == "the reader does not run our ROSpec any more"
        assert "does not start again by itself" in caplog.text
        active = reader._specs.active()
        assert active is not None
        assert (active.report_ms, active.report_tags) == (0, 1)


async def test_reader_that_refuses_both_ways_of_reporting_for_a_while_reports_by_interval_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with sim_reader() as reader:
        accept, asked = reader._specs.add, Counter[int]()

        def refuse_twice(spec: RoSpec) -> None:
            asked[spec.report_tags] += 1
            if asked.total() <= 2:
                raise RefusedError(Status.FIELD_ERROR, "busy with a firmware update")
            accept(spec)

        monkeypatch.setattr(reader._specs, "add", refuse_twice)
        async with driven(reader):
            active = reader._specs.active()
            assert active is not None
            assert (active.report_ms, active.report_tags) == (50, 0)
            assert asked == {0: 2, 1: 1}


async def test_rospec_that_somebody_deleted_is_put_back() -> None:
    async with sim_reader() as reader, driven(reader) as recorder:
        reader._specs.command(MessageType.DELETE_ROSPEC, 0)
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
        active = reader._specs.active()

        assert active is not None
        assert active.report_ms == 50


async def test_reader_that_only_knows_its_uptime_is_placed_in_plant_time() -> None:
    async with sim_reader(reader_clock=ReaderClock.UPTIME) as reader, driven(reader) as recorder:
        at = FAST_PLANT.now()
        reader.see(1, SHIRT, at, -60)
        reader.see(1, SHIRT, at + timedelta(seconds=30), -60)
        await recorder.until(lambda: recorder.of(TagRead) != [])
        (read,) = recorder.of(TagRead)

        assert read.last_seen - read.first_seen == timedelta(seconds=30)
        assert abs(read.first_seen - at) < timedelta(seconds=60)  # a second of wall time for a busy machine


async def test_overflow_of_the_readers_buffer_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with sim_reader(buffer_limit=2) as reader, driven(reader) as recorder:
        reader.refuse()
        reader.drop_connection()
        await recorder.until(lambda: recorder.of(DeviceLost) != [])
        for tag in (SHIRT, TROUSERS, JACKET):
            reader.see(1, tag, FAST_PLANT.now(), -60)
        await eventually(lambda: reader.waiting_reports == 2)
        reader.recover()
        await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)

        assert "readings lost device=gate reason=the reader's report buffer ran over" in caplog.text
        assert reads_by_tag(recorder) == {(1, SHIRT): 1, (1, TROUSERS): 1}


async def test_gateway_that_is_slower_than_the_held_reports_come_loses_none() -> None:
    """The answer that comes after the held reports comes later than the time-out, but the reader is not lost."""
    device_timeout_s, batch_s = 0.5, 0.006
    recorder = Recorder()

    def slow_emit(observations: Sequence[Observation]) -> None:
        time.sleep(batch_s)
        recorder(observations)

    async with sim_reader() as reader:
        async with driven(reader):
            pass
        await eventually(lambda: not reader.is_connected)
        for number in range(20_000):
            reader.see(1, f"{number:024x}", FAST_PLANT.now(), -60)
        await eventually(lambda: reader.waiting_reports == 20_000)
        task = asyncio.create_task(LlrpDriver(gate(reader, timeout_s=device_timeout_s), FAST_PLANT).run(slow_emit))
        await recorder.until(lambda: recorder.of(DeviceBack) != [] or recorder.of(DeviceLost) != [])
        task.cancel()
        await asyncio.wait({task})

    assert recorder.of(DeviceLost) == []
    assert [read.tag for read in recorder.of(TagRead)] == [f"{number:024x}" for number in range(20_000)]
