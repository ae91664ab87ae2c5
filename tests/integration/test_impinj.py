"""The driver of Impinj readers on a socket: its stream, its presets, its certificates."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from genba_edge.drivers import impinj
from genba_edge.drivers.impinj import ImpinjDriver
from genba_edge.ports import DeviceAlive, DeviceBack, DeviceLost, Failure, ReadingsLost, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, ImpinjDevice
from genba_shared.secret import Secret
from tests.peers.certificates import Authority, fingerprint_of
from tests.peers.impinj import ImpinjReader, event_line
from tests.peers.recorder import Recorder, eventually, log_lines, running

SHIRT, TROUSERS = "3034257bf7194e4000001a85", "3034257bf7194e4000001a86"
SHIRT_BASE64URL = "MDQle_cZTkAAABqF"


def gate(reader: ImpinjReader, **more: Any) -> ImpinjDevice:
    settings: dict[str, Any] = {
        "id": "gate",
        "url": reader.url,
        "user": "root",
        "password": Secret("impinj"),
        "antennas": {1: Antenna(read_point="in"), 2: Antenna(read_point="out")},
        "reconnect_max_s": 0.2,
        "timeout_s": 5.0,
        "alive_within_s": 5.0,
        **more,
    }
    return ImpinjDevice(**settings)


def driver_of(reader: ImpinjReader, **more: Any) -> ImpinjDriver:
    return ImpinjDriver(gate(reader, **more), ProductionClock())


async def until_lost(recorder: Recorder) -> str:
    await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    return recorder.of(DeviceLost)[0].reason


async def until_streaming(recorder: Recorder, reader: ImpinjReader) -> None:
    await recorder.until(lambda: bool(recorder.of(DeviceBack)))
    await eventually(lambda: reader.streams == 1)


# What it says.


async def test_a_read_carries_the_time_of_the_read_and_the_strength_in_dbm(impinj_reader: ImpinjReader) -> None:
    queued = datetime.now(UTC)
    async with running(driver_of(impinj_reader)) as recorder:
        await until_streaming(recorder, impinj_reader)
        seen = (queued - timedelta(seconds=2)).isoformat()
        impinj_reader.say("tagInventory", queued, epcHex=SHIRT.upper(), antennaPort=2, lastSeenTime=seen)
        impinj_reader.say("tagInventory", queued, epc=SHIRT_BASE64URL, antennaPort=1, peakRssiCdbm=-6150)
        await recorder.until(lambda: len(recorder.of(TagRead)) == 2)
    by_hex, by_base64 = recorder.of(TagRead)
    assert (by_hex.tag, by_hex.antenna, by_hex.rssi_dbm) == (SHIRT, 2, None)
    assert by_hex.first_seen == by_hex.last_seen == queued - timedelta(seconds=2)
    assert (by_base64.tag, by_base64.antenna, by_base64.rssi_dbm) == (SHIRT, 1, -61.5)
    assert by_base64.last_seen == queued


async def test_an_empty_line_keeps_a_quiet_gate_alive(impinj_reader: ImpinjReader) -> None:
    async with running(driver_of(impinj_reader)) as recorder:
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= 4)
    assert recorder.of(DeviceLost) == []


async def test_events_that_the_reader_lost_are_told(impinj_reader: ImpinjReader) -> None:
    driver = driver_of(impinj_reader)
    async with running(driver) as recorder:
        await until_streaming(recorder, impinj_reader)
        impinj_reader.say("overflow")
        await recorder.until(lambda: bool(recorder.of(ReadingsLost)))
    assert recorder.of(ReadingsLost)[0].reason == "the reader's queue of events ran over"
    assert driver.meter.failures == {Failure.DATA_LOST: 1}


async def test_an_antenna_that_is_off_is_shown_by_its_number(impinj_reader: ImpinjReader) -> None:
    driver = driver_of(impinj_reader)
    async with running(driver) as recorder:
        await until_streaming(recorder, impinj_reader)
        for port in (2, 3):  # nothing hangs on port 3, and nobody asked for it
            impinj_reader.say("antennaDisconnected", antennaPort=port)
        await eventually(lambda: bool(driver.meter.bad_points))
        assert driver.meter.bad_points == {"antenna 2": "the reader says that it is not connected"}
        impinj_reader.say("antennaConnected", antennaPort=2)
        await eventually(lambda: driver.meter.bad_points == {})


async def test_a_bad_line_is_counted_and_the_others_go_on(
    impinj_reader: ImpinjReader, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(impinj_reader)
    async with running(driver) as recorder:
        await until_streaming(recorder, impinj_reader)
        for bad in (b"{not json}\r\n", b'{"eventType": 7}\r\n', b"\xff\xfe\r\n", b"[" * 5000 + b"\r\n"):
            impinj_reader.send(bad)
        impinj_reader.say("tagInventory", epc="not base64!", antennaPort=1)
        impinj_reader.say("tagInventory", epc=SHIRT_BASE64URL, antennaPort=9)
        impinj_reader.say("gpiTransition", gpi=1, transition="low-to-high")
        impinj_reader.say("tagInventory", epc=SHIRT_BASE64URL, antennaPort=1)
        await recorder.until(lambda: bool(recorder.of(TagRead)))
    assert [read.antenna for read in recorder.of(TagRead)] == [1]
    assert driver.meter.failures == {Failure.BAD_READING: 5}
    assert driver.meter.samples == 1
    assert recorder.of(DeviceLost) == []
    assert len(log_lines(caplog.records, of="reader sent a line that is no event")) == 1
    assert len(log_lines(caplog.records, of="antenna 9 is not in the map")) == 1


async def test_an_event_that_comes_three_bytes_at_a_time_is_one_event(impinj_reader: ImpinjReader) -> None:
    driver = driver_of(impinj_reader)
    line = event_line("tagInventory", epc=SHIRT_BASE64URL, antennaPort=1)
    async with running(driver) as recorder:
        await until_streaming(recorder, impinj_reader)
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) > 1)
        impinj_reader.keep_alive_s = 3600  # an empty line in between would cut it
        for start in range(0, len(line), 3):
            impinj_reader.send(line[start : start + 3])
        await recorder.until(lambda: bool(recorder.of(TagRead)))
    assert [read.tag for read in recorder.of(TagRead)] == [SHIRT]
    assert recorder.of(DeviceLost) == []


async def test_a_line_that_is_too_long_does_not_fill_the_memory_and_is_no_event(impinj_reader: ImpinjReader) -> None:
    driver = driver_of(impinj_reader)
    too_long = event_line("tagInventory", epc=SHIRT_BASE64URL, antennaPort=2, note="x" * 400_000)
    async with running(driver) as recorder:
        await until_streaming(recorder, impinj_reader)
        for start in range(0, len(too_long), 10_000):
            impinj_reader.send(too_long[start : start + 10_000])
        impinj_reader.say("tagInventory", epc=SHIRT_BASE64URL, antennaPort=1)
        await recorder.until(lambda: any(read.antenna == 1 for read in recorder.of(TagRead)))
    assert [read.antenna for read in recorder.of(TagRead)] == [1]
    assert driver.meter.failures == {Failure.BAD_READING: 1}
    assert recorder.of(DeviceLost) == []


async def test_stamps_of_a_clock_that_is_far_off_are_shifted(
    impinj_reader: ImpinjReader, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(driver_of(impinj_reader)) as recorder:
        await until_streaming(recorder, impinj_reader)
        for second in (0, 3):
            at = datetime(2000, 1, 1, 0, 0, second, tzinfo=UTC)
            impinj_reader.say("tagInventory", at, epc=SHIRT_BASE64URL, antennaPort=1)
        await recorder.until(lambda: len(recorder.of(TagRead)) == 2)
    first, second_read = recorder.of(TagRead)
    assert first.last_seen == first.seen_at
    assert second_read.last_seen - first.last_seen == timedelta(seconds=3)
    assert len(log_lines(caplog.records, of="reader clock is off")) == 1


async def test_stamps_of_a_clock_that_is_a_little_behind_are_taken_and_said_once(
    impinj_reader: ImpinjReader, caplog: pytest.LogCaptureFixture
) -> None:
    begin = datetime.now(UTC) - timedelta(seconds=40)
    async with running(driver_of(impinj_reader)) as recorder:
        await until_streaming(recorder, impinj_reader)
        for second in (0, 1):
            at = begin + timedelta(seconds=second)
            impinj_reader.say("tagInventory", at, epc=SHIRT_BASE64URL, antennaPort=1)
        await recorder.until(lambda: len(recorder.of(TagRead)) == 2)
    first, second_read = recorder.of(TagRead)
    assert second_read.last_seen - first.last_seen == timedelta(seconds=1)
    assert first.last_seen < first.seen_at - timedelta(seconds=39)
    (line,) = log_lines(caplog.records, of="reader clock is off")
    assert "corrected=no" in line


# Presets.


async def test_a_preset_that_was_stopped_is_started_again(
    impinj_reader: ImpinjReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(impinj, "RESTART_S", 0.05)
    impinj_reader.bring(SHIRT)
    driver = driver_of(impinj_reader, preset="gate")
    async with running(driver) as recorder:
        await recorder.until(lambda: bool(recorder.of(TagRead)))
        impinj_reader.stop_preset()
        await eventually(lambda: impinj_reader.started == ["gate", "gate"])
    assert driver.meter.details["preset"] == "gate"
    assert recorder.of(DeviceLost) == []


async def test_a_reader_that_runs_another_preset_is_read_all_the_same(
    impinj_reader: ImpinjReader, caplog: pytest.LogCaptureFixture
) -> None:
    impinj_reader.running = "default"
    impinj_reader.bring(SHIRT)
    async with running(driver_of(impinj_reader, preset="gate")) as recorder:
        await recorder.until(lambda: bool(recorder.of(TagRead)))
    assert "reader runs preset default, which somebody else started, and not gate" in caplog.text


async def test_a_preset_that_the_reader_does_not_have_is_named(impinj_reader: ImpinjReader) -> None:
    driver = driver_of(impinj_reader, preset="gat")
    async with running(driver) as recorder:
        reason = await until_lost(recorder)
    assert reason == f"127.0.0.1:{impinj_reader.port} refuses to start preset gat: it has no such preset"
    assert driver.meter.failures[Failure.REFUSED] >= 1


# Losing it.


async def test_a_reader_that_sends_no_empty_line_any_more_is_lost_and_comes_back() -> None:
    with ImpinjReader(keep_alive_s=3600) as reader:
        driver = driver_of(reader, alive_within_s=0.5)
        async with running(driver) as recorder:
            reason = await until_lost(recorder)
            assert reason == f"127.0.0.1:{reader.port} was silent for 0.5 s"
            assert driver.meter.failures[Failure.SILENT] >= 1
            await recorder.until(lambda: len(recorder.of(DeviceBack)) == 2)


async def test_a_wrong_password_is_named_and_never_shown(
    impinj_reader: ImpinjReader, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(impinj_reader, password=Secret("geheim"))
    with caplog.at_level(logging.DEBUG):
        async with running(driver) as recorder:
            reason = await until_lost(recorder)
    where = f"127.0.0.1:{impinj_reader.port}"
    assert reason == f"{where} refuses the event stream: user or password is wrong (401)"
    assert driver.meter.failures[Failure.SECURITY] >= 1
    assert "geheim" not in caplog.text + repr(gate(impinj_reader, password=Secret("geheim")))


@pytest.mark.parametrize(
    ("status", "failure", "words"),
    [
        (404, Failure.REFUSED, "has no Impinj IoT interface"),
        (308, Failure.REFUSED, "sends us to https://127.0.0.1/"),
        (503, Failure.BUSY, "is busy"),
        (500, Failure.REFUSED, "(HTTP 500)"),
    ],
)
async def test_each_refusal_has_its_reason(
    impinj_reader: ImpinjReader, status: int, failure: Failure, words: str
) -> None:
    impinj_reader.status_of_stream = status
    driver = driver_of(impinj_reader)
    async with running(driver) as recorder:
        assert words in await until_lost(recorder)
        assert driver.meter.failures[failure] >= 1
        impinj_reader.status_of_stream = 200
        await recorder.until(lambda: bool(recorder.of(DeviceBack)))


async def test_a_host_where_nobody_listens_is_lost_with_its_address(impinj_reader: ImpinjReader) -> None:
    impinj_reader.stop()
    driver = driver_of(impinj_reader)
    async with running(driver) as recorder:
        assert await until_lost(recorder) == f"connection refused by 127.0.0.1:{impinj_reader.port}"
    assert driver.meter.failures[Failure.CONNECT] >= 1


async def test_a_server_that_speaks_no_http_is_out_of_step() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    driver = ImpinjDriver(
        ImpinjDevice(id="gate", url=url, antennas={1: Antenna(read_point="in")}, reconnect_max_s=0.2), ProductionClock()
    )
    async with running(driver) as recorder:
        assert "sent no HTTP" in await until_lost(recorder)
    server.close()
    assert driver.meter.failures[Failure.OUT_OF_STEP] >= 1


# Certificates.


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secure_reader(authority: Authority) -> Iterator[tuple[ImpinjReader, Path]]:
    """A reader with a certificate for its own name, as they leave the factory, and that certificate."""
    certificate, key = authority.issue("reader", host="impinj-12-34-56", expired=True)
    with ImpinjReader(certificate=(certificate, key)) as reader:
        yield reader, certificate


async def test_the_pinned_certificate_is_enough_and_no_other_will_do(
    secure_reader: tuple[ImpinjReader, Path], caplog: pytest.LogCaptureFixture
) -> None:
    reader, certificate = secure_reader
    fingerprint = fingerprint_of(certificate)
    async with running(driver_of(reader, fingerprint=fingerprint)) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceBack)))
    driver = driver_of(reader, fingerprint="00" * 32, preset="gate")
    async with running(driver) as recorder:
        reason = await until_lost(recorder)
    assert reason == f"the server shows another certificate than the pinned one: sha256:{fingerprint}"
    assert driver.meter.failures[Failure.SECURITY] >= 1
    assert reader.started == []  # nothing was asked of a reader that is not ours


async def test_a_certificate_that_nobody_vouches_for_is_refused(secure_reader: tuple[ImpinjReader, Path]) -> None:
    reader, _ = secure_reader
    driver = driver_of(reader, preset="gate")
    async with running(driver) as recorder:
        reason = await until_lost(recorder)
    assert reason.startswith("the certificate of 127.0.0.1 is signed by an authority that we do not know")
    assert driver.meter.failures[Failure.SECURITY] >= 1
    assert reader.started == []


async def test_a_certificate_of_our_authority_is_taken_for_its_own_host_only(authority: Authority) -> None:
    for host, answer in (("127.0.0.1", ""), ("reader.example", "is for another host")):
        with ImpinjReader(certificate=authority.issue(f"reader-{host}", host=host)) as reader:
            async with running(driver_of(reader, ca=authority.ca)) as recorder:
                if answer:
                    assert answer in await until_lost(recorder)
                else:
                    await recorder.until(lambda recorder=recorder: bool(recorder.of(DeviceBack)))  # type: ignore[misc]  # mypy infers no lambda with a default


async def test_https_at_a_port_without_tls_is_named(impinj_reader: ImpinjReader) -> None:
    driver = driver_of(impinj_reader, url=f"https://127.0.0.1:{impinj_reader.port}")
    async with running(driver) as recorder:
        assert "TLS with 127.0.0.1" in await until_lost(recorder)
    assert driver.meter.failures[Failure.SECURITY] >= 1
