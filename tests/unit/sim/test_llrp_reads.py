"""What the simulated reader remembers between two reports, and its ROSpec life-cycle."""

from __future__ import annotations

import pytest

from genba_sim.llrp_codec import MessageType
from genba_sim.llrp_codec_reader import Content, RoSpec, SpecState, TagReport
from genba_sim.rfid_llrp_reads import ReportBuffer, RunningReads
from genba_sim.rfid_llrp_specs import RefusedError, RoSpecs

EPC = bytes(12)


def rospec(spec_id: int, *, antennas: frozenset[int] = frozenset({1}), starts_at_once: bool = True) -> RoSpec:
    return RoSpec(
        id=spec_id,
        antennas=antennas,
        starts_at_once=starts_at_once,
        report_ms=500,
        report_tags=0,
        content=Content(),
        raw=bytes(6),
    )


def test_reads_add_up_per_antenna_and_tag() -> None:
    reads = RunningReads()
    reads.add(antenna=1, epc=EPC, at_us=20, rssi_dbm=-61.4)
    reads.add(antenna=2, epc=EPC, at_us=25, rssi_dbm=-70.0)
    reads.add(antenna=1, epc=EPC, at_us=10, rssi_dbm=-58.6)
    reads.add(antenna=1, epc=EPC, at_us=30, rssi_dbm=-64.0)

    assert reads.take() == (
        TagReport(epc=EPC, antenna=1, first_seen_us=10, last_seen_us=30, reads=3, peak_rssi_dbm=-59),
        TagReport(epc=EPC, antenna=2, first_seen_us=25, last_seen_us=25, reads=1, peak_rssi_dbm=-70),
    )
    assert reads.take() == ()


def test_buffer_gives_reports_back_in_order_and_in_portions() -> None:
    buffer = ReportBuffer(10)
    buffer.put([b"a", b"b", b"c"])

    assert (buffer.take(2), buffer.take(2), buffer.take(2)) == ((b"a", b"b"), (b"c",), ())
    assert not buffer.take_overflow()


def test_full_buffer_loses_the_newest_and_says_so_once() -> None:
    buffer = ReportBuffer(2)
    buffer.put([b"a"])
    buffer.put([b"b", b"c"])

    assert buffer.take(9) == (b"a", b"b")
    assert (buffer.take_overflow(), buffer.take_overflow()) == (True, False)


def test_immediate_rospec_is_active_as_soon_as_it_is_enabled() -> None:
    specs = RoSpecs(antennas=4)
    specs.add(rospec(5))
    assert specs.active() is None

    specs.command(MessageType.ENABLE_ROSPEC, 5)

    assert specs.active() == rospec(5)
    with pytest.raises(RefusedError, match="ROSpec 5 is active"):
        specs.command(MessageType.START_ROSPEC, 5)


def test_rospec_without_start_trigger_waits_for_start() -> None:
    specs = RoSpecs(antennas=4)
    specs.add(rospec(5, starts_at_once=False))
    specs.command(MessageType.ENABLE_ROSPEC, 5)
    assert specs.active() is None

    specs.command(MessageType.START_ROSPEC, 5)
    assert specs.active() is not None
    specs.command(MessageType.STOP_ROSPEC, 5)

    assert specs.encoded() == bytes.fromhex("00b1000a 0000000000 01")
    assert SpecState(1) is SpecState.INACTIVE


def test_delete_with_id_0_deletes_all_even_if_there_are_none() -> None:
    specs = RoSpecs(antennas=4)
    specs.command(MessageType.DELETE_ROSPEC, 0)
    specs.add(rospec(5))
    specs.command(MessageType.DELETE_ROSPEC, 0)

    assert specs.encoded() == b""
    with pytest.raises(RefusedError, match="no ROSpec 5"):
        specs.command(MessageType.DELETE_ROSPEC, 5)


def test_rospec_with_a_known_id_or_an_antenna_too_many_is_refused() -> None:
    specs = RoSpecs(antennas=4)
    specs.add(rospec(5))

    with pytest.raises(RefusedError, match="id 5 is taken"):
        specs.add(rospec(5))
    with pytest.raises(RefusedError, match="4 antennas"):
        specs.add(rospec(6, antennas=frozenset({5})))
