"""What the LLRP driver says about its reader: why it was lost, what it lost, which antennas are off, what it counts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from llrpkit.protocol import enums, messages, params
from llrpkit.protocol.codec import BitStr

from genba_edge.drivers.llrp import LlrpDriver
from genba_edge.ports import DeviceBack, DeviceLost, Failure, ReadingsLost, TagRead
from genba_sim.rfid_llrp import SimReader
from tests.integration.test_llrp import FAST_PLANT, SHIRT, TROUSERS, driven, gate, running, sim_reader
from tests.peers.recorder import eventually


def event(**happened: Any) -> bytes:
    """An event of the reader on the wire."""
    data = params.ReaderEventNotificationData(timestamp=params.UTCTimestamp(microseconds=0), **happened)
    return messages.READER_EVENT_NOTIFICATION(reader_event_notification_data=data).to_bytes(message_id=0)


def antenna_event(number: int, kind: enums.AntennaEventType) -> bytes:
    return event(antenna_event=params.AntennaEvent(event_type=kind, antenna_id=number))


async def test_each_read_tag_and_each_question_is_counted() -> None:
    async with sim_reader() as reader:
        driver = LlrpDriver(gate(reader), FAST_PLANT)
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.of(DeviceBack) != [])
            reader.see(1, SHIRT, FAST_PLANT.now(), -60)
            reader.see(2, TROUSERS, FAST_PLANT.now(), -60)
            await recorder.until(lambda: len(recorder.of(TagRead)) == 2)

            assert driver.meter.samples == 2
            assert driver.meter.connects == 1
            assert driver.meter.requests >= 10
            assert driver.meter.failures == {}
            assert driver.meter.details["firmware"] == "genba-sim 1"


async def test_reports_that_the_reader_lost_are_told_to_the_core() -> None:
    async with sim_reader() as reader:
        driver = LlrpDriver(gate(reader), FAST_PLANT)
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.of(DeviceBack) != [])
            reader.send_raw(event(report_buffer_overflow_error_event=params.ReportBufferOverflowErrorEvent()))
            await recorder.until(lambda: recorder.of(ReadingsLost) != [])

            assert recorder.of(ReadingsLost)[0].reason == "the reader's report buffer ran over"
            assert driver.meter.failures == {Failure.DATA_LOST: 1}
            assert recorder.of(DeviceLost) == []


async def test_an_antenna_that_is_off_is_shown_by_its_number_until_it_is_on_again() -> None:
    async with sim_reader() as reader:
        driver = LlrpDriver(gate(reader), FAST_PLANT)
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.of(DeviceBack) != [])
            for number in (2, 3):  # nobody asked for antenna 3
                reader.send_raw(antenna_event(number, enums.AntennaEventType.Antenna_Disconnected))
            await eventually(lambda: driver.meter.bad_points != {})
            assert driver.meter.bad_points == {"antenna 2": "the reader says that it is not connected"}
            reader.send_raw(antenna_event(2, enums.AntennaEventType.Antenna_Connected))
            await eventually(lambda: driver.meter.bad_points == {})


async def test_an_antenna_that_was_off_before_we_came_is_shown() -> None:
    async with sim_reader() as reader:
        reader.unplug(1)
        reader.unplug(3)
        driver = LlrpDriver(gate(reader), FAST_PLANT)
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.of(DeviceBack) != [])
            assert driver.meter.bad_points == {"antenna 1": "the reader says that it is not connected"}
            reader.recover()
            reader.drop_connection()
            await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
            assert driver.meter.bad_points == {}


async def test_a_reader_that_its_last_client_left_without_a_word_is_ours_as_soon_as_it_notices() -> None:
    """As after a crash or a power cut of the gateway: the reader still holds the dead connection (sllurp issue 151)."""
    async with sim_reader() as reader:
        async with driven(reader, gate(reader, timeout_s=0.3)):
            pass  # its keepalive period stays set
        await eventually(lambda: not reader.is_connected)
        stream, writer = await asyncio.open_connection("127.0.0.1", reader.port)  # acknowledges nothing
        await stream.readexactly(10)
        driver = LlrpDriver(gate(reader), FAST_PLANT)
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.of(DeviceLost) != [])
            assert recorder.of(DeviceLost)[0].reason.endswith("is in use by another client")
            await recorder.until(lambda: recorder.of(DeviceBack) != [])
            assert driver.meter.failures.keys() == {Failure.BUSY}
            assert driver.meter.failures[Failure.BUSY] >= 1
        writer.close()


@pytest.mark.parametrize(
    ("wire", "failure"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Failure.OUT_OF_STEP),
        (bytes.fromhex("043d 00000012 00000000 00f00008 ff000000"), Failure.OUT_OF_STEP),
        (event(connection_close_event=params.ConnectionCloseEvent()), Failure.CLOSED),
    ],
)
async def test_what_the_reader_sent_wrong_is_counted_by_its_reason(wire: bytes, failure: Failure) -> None:
    async with sim_reader() as reader:
        driver = LlrpDriver(gate(reader), FAST_PLANT)
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.of(DeviceBack) != [])
            reader.send_raw(wire)
            await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)
        assert driver.meter.failures == {failure: 1}


async def test_silence_and_a_port_where_nobody_listens_are_counted_by_their_reasons() -> None:
    async with sim_reader() as reader:
        driver = LlrpDriver(gate(reader, timeout_s=0.6), FAST_PLANT)
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.of(DeviceBack) != [])
            reader.fall_silent()
            await recorder.until(lambda: recorder.of(DeviceLost) != [])
            assert driver.meter.failures[Failure.SILENT] == 1
            await reader.stop()
            await eventually(lambda: driver.meter.failures[Failure.CONNECT] >= 1)


async def test_a_report_without_tags_or_without_an_epc_is_no_reading() -> None:
    """Zebra's FX9600 sends the first, an FX7500 sent the second (sllurp issue 115, device-rfid-llrp-go issue 278)."""
    nameless = params.TagReportData(
        epc_parameter=params.EPCData(epc=BitStr(bit_len=0, data=b"")),
        antenna_id=params.AntennaID(antenna_id=1),
    )
    async with sim_reader() as reader:
        driver = LlrpDriver(gate(reader), FAST_PLANT)
        async with running(driver) as recorder:
            await recorder.until(lambda: recorder.of(DeviceBack) != [])
            reader.send_raw(messages.RO_ACCESS_REPORT().to_bytes(message_id=0))
            reader.send_raw(messages.RO_ACCESS_REPORT(tag_report_datas=[nameless]).to_bytes(message_id=0))
            at = FAST_PLANT.now() + timedelta(seconds=1)
            reader.see(1, SHIRT, at, -60)
            await recorder.until(lambda: recorder.of(TagRead) != [])
        assert [read.tag for read in recorder.of(TagRead)] == [SHIRT]
        assert driver.meter.failures == {}


async def test_a_client_that_is_refused_does_not_disturb_the_one_that_has_the_reader() -> None:
    async with sim_reader() as reader, driven(reader) as holder:
        await _knock(reader)
        reader.see(1, SHIRT, FAST_PLANT.now(), -60)
        await holder.until(lambda: holder.of(TagRead) != [])
        assert holder.of(DeviceLost) == []


async def _knock(reader: SimReader) -> None:
    stream, writer = await asyncio.open_connection("127.0.0.1", reader.port)
    async with asyncio.timeout(10):
        await stream.read()
    writer.close()
