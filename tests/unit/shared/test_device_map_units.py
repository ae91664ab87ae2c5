"""Numbers with units, Modbus addresses, hosts and node ids, one by one."""

from __future__ import annotations

import pytest

from genba_shared.device_map.addresses import endpoint_of, modbus_address_of, opcua_node_of, show_modbus_address
from genba_shared.device_map.model import ModbusTable
from genba_shared.device_map.problems import Wrong
from genba_shared.device_map.units import DURATION, POWER, RATE, RATIO, SIZE, Quantity


@pytest.mark.parametrize(
    ("quantity", "text", "value"),
    [
        (DURATION, "200ms", 0.2),
        (DURATION, "1.5s", 1.5),
        (DURATION, "3min", 180.0),
        (DURATION, "8h", 28_800.0),
        (DURATION, "30d", 2_592_000.0),
        (RATE, "40/min", 2 / 3),
        (RATE, "5/s", 5.0),
        (RATE, "7200/h", 2.0),
        (RATE, "86400/d", 1.0),
        (POWER, "-62dBm", -62.0),
        (POWER, "24.5dBm", 24.5),
        (RATIO, "6dB", 6.0),
        (SIZE, "2GB", 2_000_000_000.0),
        (SIZE, "500kB", 500_000.0),
    ],
)
def test_a_number_with_its_unit_is_read_in_the_base_unit(quantity: Quantity, text: str, value: float) -> None:
    assert quantity.parse(text) == value


@pytest.mark.parametrize(
    ("quantity", "text", "fix"),
    [
        (DURATION, "500", "Did you mean 500ms?"),
        (DURATION, "3", "Did you mean 3s?"),
        (DURATION, "5m", "Did you mean 5min?"),
        (DURATION, "5 min", "Did you mean 5min?"),
        (DURATION, "2hours", "Did you mean 2h?"),
        (DURATION, "1e3s", "Write it like 1s."),
        (DURATION, "", "Write it like 1s."),
        (RATE, "40", "Did you mean 40/min?"),
        (RATE, "40/minute", "Did you mean 40/min?"),
        (POWER, "24", "Did you mean 24dBm?"),
        (POWER, "24dB", "Did you mean 24dBm?"),
        (RATIO, "6dBm", "Did you mean 6dB?"),
        (SIZE, "2", "Did you mean 2MB?"),
        (SIZE, "2GiB", "Did you mean 2GB?"),
    ],
)
def test_a_missing_or_wrong_unit_is_refused_with_an_offer(quantity: Quantity, text: str, fix: str) -> None:
    with pytest.raises(Wrong) as raised:
        quantity.parse(text)
    if text not in {"1e3s"}:
        assert raised.value.fix == fix
    assert raised.value.message


@pytest.mark.parametrize(
    ("quantity", "value", "text"),
    [
        (DURATION, 0.2, "200ms"),
        (DURATION, 45.0, "45s"),
        (DURATION, 180.0, "3min"),
        (DURATION, 90.0, "90s"),
        (DURATION, 86_400.0, "1d"),
        (DURATION, 0.0, "0s"),
        (RATE, 2 / 3, "40/min"),
        (RATE, 5.0, "5/s"),
        (POWER, -62.0, "-62dBm"),
        (RATIO, 0.5, "0.5dB"),
    ],
)
def test_a_value_is_shown_as_people_write_it(quantity: Quantity, value: float, text: str) -> None:
    assert quantity.show(value) == text


@pytest.mark.parametrize(
    ("text", "table", "address"),
    [
        ("40001", ModbusTable.HOLDING, 0),
        ("40101", ModbusTable.HOLDING, 100),
        ("49999", ModbusTable.HOLDING, 9998),
        ("400001", ModbusTable.HOLDING, 0),
        ("465536", ModbusTable.HOLDING, 65535),
        ("30001", ModbusTable.INPUT, 0),
        ("10005", ModbusTable.DISCRETE, 4),
        ("00017", ModbusTable.COIL, 16),
        ("000017", ModbusTable.COIL, 16),
    ],
)
def test_traditional_notation_counts_from_one_and_names_its_table(text: str, table: ModbusTable, address: int) -> None:
    assert modbus_address_of(text) == (table, address)


@pytest.mark.parametrize("text", ["40000", "400000", "465537", "00000", "20001", "4001", "4000001", "40120.3", "", "x"])
def test_what_is_no_modbus_address_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        modbus_address_of(text)


def test_an_address_is_shown_in_both_notations() -> None:
    assert show_modbus_address(ModbusTable.HOLDING, 100) == "40101 {holding: 100}"
    assert show_modbus_address(ModbusTable.HOLDING, 9999) == "410000 {holding: 9999}"
    assert show_modbus_address(ModbusTable.COIL, 0) == "00001 {coil: 0}"


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("10.1.2.21", ("10.1.2.21", 502)),
        ("10.1.2.21:1502", ("10.1.2.21", 1502)),
        ("plc-1.example", ("plc-1.example", 502)),
        ("[::1]:1502", ("::1", 1502)),
        ("[fe80::1]", ("fe80::1", 502)),
        ("::1", ("::1", 502)),
    ],
)
def test_a_host_may_carry_a_port(text: str, endpoint: tuple[str, int]) -> None:
    assert endpoint_of(text, default_port=502) == endpoint


@pytest.mark.parametrize(
    "text", ["", ":502", "a b", "10.1.2.21:", "10.1.2.21:0", "10.1.2.21:65536", "[::1", "tcp://a:1"]
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        endpoint_of(text, default_port=502)


@pytest.mark.parametrize(
    "text",
    [
        "nsu=urn:plc:cutter;s=DB10.PartCount",
        "ns=3;i=4294967295",
        "i=2258",
        "s=with;semicolon=and spaces",
        "nsu=http://vendor.example/UA/;g=09087e75-8e5e-499b-954f-f2a9603db28a",
        "ns=1;b=M/RbKBsRVkePCePcx24oRA==",
    ],
)
def test_a_node_id_of_each_kind_is_taken_as_written(text: str) -> None:
    assert opcua_node_of(text) == text


@pytest.mark.parametrize("text", ["", "DB10", "ns=3", "ns=3;x=1", "i=4294967296", "g=12", "b=?", "ns=x;s=a", "path:/a"])
def test_what_is_no_node_id_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        opcua_node_of(text)
