"""LLRP with peers that we did not write: llrpkit's emulator for our driver, its client for our simulated reader."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from llrpkit import Reader
from llrpkit.emulator import LLRPEmulator
from llrpkit.emulator.core import EmulatedTag
from llrpkit.exceptions import LLRPConnectionError, LLRPStatusError

from genba_edge.drivers.llrp import LlrpDriver
from genba_edge.ports import DeviceBack, DeviceLost, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, LlrpDevice
from genba_sim.rfid_llrp import SimReader
from tests.peers.recorder import Recorder, eventually

SHIRT, TROUSERS, BUNDLE = "3034257bf7194e4000001a85", "3034257bf7194e4000001a86", "000102030405060708090a0b0c0d0e0f"


async def test_driver_reads_the_emulator_of_llrpkit(caplog: pytest.LogCaptureFixture) -> None:
    """It knows neither DELETE_ROSPEC(0) nor holding nor immediate triggers, and adds no reads up."""
    tags = [
        EmulatedTag(epc=bytes.fromhex(SHIRT), antennas=(1,), rssi_dbm=-50),
        EmulatedTag(epc=bytes.fromhex(BUNDLE), antennas=(2,), rssi_dbm=-60),
        EmulatedTag(epc=bytes.fromhex(TROUSERS), antennas=(3,), rssi_dbm=-60),
    ]
    clock = ProductionClock()
    recorder = Recorder()
    async with LLRPEmulator(tags=tags, reads_per_sec=200) as emulator:
        device = LlrpDevice(
            id="gate",
            host="127.0.0.1",
            port=emulator.port,
            antennas={1: Antenna(read_point="in", power_dbm=27.5), 2: Antenna(read_point="out")},
            report_s=0.1,
        )
        task = asyncio.create_task(LlrpDriver(device, clock).run(recorder))
        await recorder.until(lambda: {read.tag for read in recorder.of(TagRead)} == {SHIRT, BUNDLE})
        await recorder.until(lambda: emulator.keepalive_acks > 0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert len(recorder.of(DeviceBack)) == 1
    assert recorder.of(DeviceLost) == []
    for read in recorder.of(TagRead):
        assert read.antenna == {SHIRT: 1, BUNDLE: 2}[read.tag]
        assert abs((read.seen_at - read.last_seen).total_seconds()) < 5
        assert read.rssi_dbm is not None
        assert -70 < read.rssi_dbm < -40
    assert "power rounded down device=gate antenna=1 map_dbm=27.5 reader_dbm=27" in caplog.text


async def test_client_of_llrpkit_reads_our_simulated_reader() -> None:
    clock = ProductionClock()
    simulated = SimReader(clock)
    await simulated.start()
    async with Reader("127.0.0.1", simulated.port) as reader:
        assert reader.capabilities.max_antennas == 4
        assert reader.firmware == "genba-sim 1"
        assert reader.capabilities.transmit_powers[1] == 10.0
        assert reader.capabilities.transmit_powers[21] == 30.0
        assert reader.capabilities.hopping
        assert reader.capabilities.modes[0].m_value == 2

        seen = []
        inventory = reader.inventory(antennas=(1, 2))
        reading = asyncio.create_task(anext(inventory))
        await eventually(lambda: simulated.is_reading)
        at = clock.now()
        simulated.see(2, SHIRT, at, -57)
        simulated.see(3, TROUSERS, at, -57)
        seen.append(await reading)
        await inventory.aclose()
    await simulated.stop()

    (tag,) = seen
    assert (tag.epc_hex, tag.antenna, tag.rssi_dbm, tag.seen_count) == (SHIRT, 2, -57.0, 1)
    assert tag.first_seen_us == tag.last_seen_us
    assert tag.first_seen_us is not None
    assert abs(tag.first_seen_us / 1e6 - at.timestamp()) < 1e-5


async def test_client_of_llrpkit_understands_our_refusals() -> None:
    simulated = SimReader(ProductionClock())
    await simulated.start()
    async with Reader("127.0.0.1", simulated.port) as reader:
        with pytest.raises(LLRPStatusError, match="4 antennas"):
            await anext(reader.inventory(antennas=(9,)))
        second = Reader("127.0.0.1", simulated.port)
        with pytest.raises(LLRPConnectionError, match="Client_Initiated_Connection_Already_Exists"):
            await second.connect()
    await simulated.stop()
