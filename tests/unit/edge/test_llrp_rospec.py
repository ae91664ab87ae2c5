"""What the gateway asks an LLRP reader to do, on the wire."""

from __future__ import annotations

import dataclasses

import pytest
from llrpkit.protocol import messages, params

from genba_edge.drivers.llrp_rospec import Abilities, Cadence, build_rospec, holding_config, keepalive_config
from genba_shared.device_map.model import Antenna, InventorySession, LlrpDevice
from genba_shared.errors import DeviceRefused

GATE = LlrpDevice(
    id="gate",
    host="10.0.0.1",
    antennas={3: Antenna(read_point="out"), 1: Antenna(read_point="in")},
    report_s=0.5,
    timeout_s=6.0,
)
POWERS = Abilities(powers_dbm={1: 10.0, 2: 20.0, 3: 30.0}, hop_table=7)


def with_power(*dbm: float | None) -> LlrpDevice:
    antennas = {number: Antenna(read_point="in", power_dbm=power) for number, power in enumerate(dbm, start=1)}
    return LlrpDevice(id="gate", host="10.0.0.1", antennas=antennas)


def powers_of(spec: params.ROSpec) -> list[tuple[int, int | None]]:
    (ai_spec,) = spec.spec_parameters
    assert isinstance(ai_spec, params.AISpec)
    (inventory,) = ai_spec.inventory_parameter_specs
    return [
        (one.antenna_id, one.rf_transmitter.transmit_power if one.rf_transmitter is not None else None)
        for one in inventory.antenna_configurations
    ]


def test_rospec_reads_the_mapped_antennas_and_reports_by_interval() -> None:
    """Written out by hand from LLRP 1.0.1, chapter 16."""
    spec = build_rospec(GATE, Abilities(), Cadence.INTERVAL)

    assert spec.encode()[8:] == bytes.fromhex(
        "00 00"  # priority, disabled
        "00b20012 00b30005 01 00b60009 00 00000000"  # starts immediately, no stop
        "00b70030 0002 0001 0003 00b80009 01 000001f4"  # antennas 1 and 3 for 500 ms
        "00ba001d 0001 01 00de0016 0000 014a0010 00 0150000b 00 0020 00000000"  # C1G2, all antennas, session 0, 32 tags
        "00ed000d 01 0000 00ee0006 1780"  # at the end of the AISpec: antenna, RSSI, first, last, count
    )


@pytest.mark.parametrize(("session", "flags"), [("s0", "00"), ("s1", "40"), ("s2", "80"), ("s3", "c0")])
def test_session_of_the_map_is_asked_for(session: str, flags: str) -> None:
    device = dataclasses.replace(GATE, session=InventorySession(session))
    wire = build_rospec(device, Abilities(), Cadence.INTERVAL).encode()

    assert bytes.fromhex(f"0150000b {flags} 0020 00000000") in wire


def test_mode_of_the_map_is_asked_for_with_the_tari_that_the_reader_names() -> None:
    device = dataclasses.replace(GATE, mode=1002)
    wire = build_rospec(device, Abilities(modes={0: 25000, 1002: 6250}), Cadence.INTERVAL).encode()

    assert bytes.fromhex("014f0008 03ea 186a") in wire


def test_mode_that_the_reader_does_not_have_is_refused_and_its_own_are_named() -> None:
    device = dataclasses.replace(GATE, mode=1002)
    with pytest.raises(DeviceRefused, match="the reader has no mode 1002: it has 0, 3"):
        build_rospec(device, Abilities(modes={3: 6250, 0: 25000}), Cadence.INTERVAL)


def test_without_a_mode_none_is_sent() -> None:
    assert bytes.fromhex("014f0008") not in build_rospec(GATE, Abilities(modes={0: 25000}), Cadence.INTERVAL).encode()


def test_rospec_by_tag_never_ends_and_reports_each_tag() -> None:
    wire = build_rospec(GATE, Abilities(), Cadence.EACH_TAG).encode()

    assert bytes.fromhex("00b80009 00 00000000") in wire
    assert bytes.fromhex("00ed000d 01 0001") in wire


def test_rospec_id_stands_for_its_content() -> None:
    first = build_rospec(GATE, Abilities(), Cadence.INTERVAL).ro_spec_id
    again = build_rospec(GATE, Abilities(), Cadence.INTERVAL).ro_spec_id
    by_tag = build_rospec(GATE, Abilities(), Cadence.EACH_TAG).ro_spec_id
    other_antennas = build_rospec(with_power(None), Abilities(), Cadence.INTERVAL).ro_spec_id

    assert first == again
    assert 0 < first < 2**31
    assert len({first, by_tag, other_antennas}) == 3


def test_power_is_the_greatest_of_the_reader_that_the_map_allows() -> None:
    spec = build_rospec(with_power(20.0, 29.9, None, 33.0), POWERS, Cadence.INTERVAL)

    assert powers_of(spec) == [(1, 2), (2, 2), (3, None), (4, 3)]


def test_power_goes_with_the_hop_table_of_the_reader() -> None:
    wire = build_rospec(with_power(30.0), POWERS, Cadence.INTERVAL).encode()

    assert bytes.fromhex("00e0000a 0007 0000 0003") in wire


def test_power_below_the_readers_least_is_refused() -> None:
    with pytest.raises(DeviceRefused, match=r"antenna 2: power 5dBm is below the reader's least, 10dBm"):
        build_rospec(with_power(20.0, 5.0), POWERS, Cadence.INTERVAL)


def test_power_needs_a_reader_that_tells_its_powers() -> None:
    with pytest.raises(DeviceRefused, match="leave `power` out"):
        build_rospec(with_power(20.0), Abilities(), Cadence.INTERVAL)


def test_keepalive_comes_three_times_within_the_timeout() -> None:
    wire = keepalive_config(GATE).to_bytes(message_id=9)

    assert wire == bytes.fromhex("0403 00000014 00000009 00 00dc0009 01 000007d0")


def test_reports_are_held_upon_reconnect() -> None:
    assert holding_config().to_bytes(message_id=9) == bytes.fromhex("0403 00000010 00000009 00 00e20005 80")


def test_abilities_of_a_reader_that_tells_nothing() -> None:
    response = messages.GET_READER_CAPABILITIES_RESPONSE(llrp_status=params.LLRPStatus())

    assert Abilities.of(response) == Abilities(channel=1)
