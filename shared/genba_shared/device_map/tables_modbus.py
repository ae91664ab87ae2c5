"""The settings of a Modbus device and of its points."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

import yaml

from genba_shared.device_map.addresses import (
    LAST_ADDRESS,
    modbus_address_of,
    show_modbus_address,
)
from genba_shared.device_map.kinds import (
    NAME,
    choice,
    flag,
    group,
    integer,
    number,
    optional_group,
    quantity,
    text,
)
from genba_shared.device_map.model import (
    ByteOrder,
    ByteSide,
    Framing,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    Parity,
    PollSettings,
    SerialPort,
    Workarounds,
)
from genba_shared.device_map.problems import Wrong, nearest, shorten
from genba_shared.device_map.scalars import describe, integer_of, raw_text
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, Values, keys, read_entries
from genba_shared.device_map.tables_devices import POINTS_KEY, common_device_keys, default_of, host_key
from genba_shared.device_map.tables_points import POINT_LATER, common_point_keys
from genba_shared.device_map.units import DURATION


def _poll(values: Values) -> PollSettings:
    written = values.taken.pop("groups", {})
    groups = {**PollSettings().groups, **written}
    for name, period_s in groups.items():
        if name not in written:
            values.scope.explain(name, DURATION.show(period_s), "default")
    return values.build(PollSettings, groups=groups)


POLL: Final = ObjectSpec(
    name="the polling of a device",
    model=PollSettings,
    keys=keys(
        Key(
            name="max_gap",
            kind=integer(0, 120, "12"),
            meaning="registers that may be read in vain to join two blocks into one request",
            example="max_gap: 12",
        ),
        Key(
            name="max_registers",
            kind=integer(1, 125, "100"),
            meaning="the most registers that the device gives in one request",
            example="max_registers: 100",
        ),
        Key(
            name="max_coils",
            kind=integer(1, 2000, "256"),
            meaning="the most coils or discrete inputs that the device gives in one request",
            example="max_coils: 256",
        ),
    ),
    free=Key(
        name="GROUP",
        kind=quantity(DURATION, "20ms", "1d", "500ms"),
        attribute="groups",
        meaning="the period of a poll group; a new name makes a new group",
        example="fast: 500ms",
        default_text="fast: 500ms, slow: 10s",
    ),
)
BAUD_RATES: Final = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)


def _read_baud(node: yaml.Node, _scope: Scope) -> int:
    allowed = f"one of {', '.join(str(rate) for rate in BAUD_RATES)}"
    rate = integer_of(node, low=1, high=10_000_000, allowed=allowed, example="9600")
    if rate not in BAUD_RATES:
        near = min(BAUD_RATES, key=lambda known: abs(known - rate))
        raise Wrong(f"{rate} is not a usual baud rate: {allowed}.", f"Did you mean {near}?")
    return rate


def _port_of(word: str) -> str:
    if not word.startswith("/"):
        raise Wrong(
            f"'{shorten(word)}' is not a serial port: the device file that Linux gives it.",
            f"Did you mean /dev/{shorten(word.removeprefix('dev/'))}?",
        )
    return word


SERIAL: Final = ObjectSpec(
    name="a serial port",
    model=SerialPort,
    keys=keys(
        Key(
            name="port",
            kind=text("the device file of a serial port", "/dev/ttyUSB0", check=_port_of),
            meaning="the port; its name under /dev/serial/by-id stays the same when adapters are plugged in anew",
            example="port: /dev/ttyUSB0",
            required=True,
        ),
        Key(
            name="baud",
            kind=Kind(allowed="a usual baud rate", read=_read_baud),
            meaning="bits per second, as set at every unit of the line",
            example="baud: 9600",
        ),
        Key(
            name="parity",
            kind=choice(Parity),
            meaning="the parity bit: none (`N`), even (`E`) or odd (`O`)",
            example="parity: N",
        ),
        Key(
            name="stop_bits",
            kind=integer(1, 2, "1"),
            meaning="stop bits; the standard asks for 2 where there is no parity, most devices use 1",
            example="stop_bits: 1",
        ),
    ),
    elsewhere={"unit": "Write `unit` at the device.", "host": "Write either `serial` or `host` at the device."},
)
WORKAROUNDS: Final = ObjectSpec(
    name="the workarounds of a device",
    model=Workarounds,
    keys=keys(
        Key(
            name="pause_between",
            kind=quantity(DURATION, "0ms", "10s", "20ms"),
            attribute="pause_between_s",
            meaning="silence between an answer and the next request, for controllers that miss fast ones",
            example="pause_between: 20ms",
        ),
        Key(
            name="pause_after_connect",
            kind=quantity(DURATION, "0ms", "1min", "500ms"),
            attribute="pause_after_connect_s",
            meaning="wait between connecting and the first request, for devices that are not ready at once",
            example="pause_after_connect: 500ms",
        ),
        Key(
            name="one_request_per_point",
            kind=flag(),
            meaning="read each point alone, for devices that refuse blocks; points that share a register stay together",
            example="one_request_per_point: true",
        ),
        Key(
            name="address_base",
            kind=integer(0, 1, "1"),
            meaning="what the manual calls the first register: 1 (40001), or 0 (40000); {holding: 0} is it always",
            example="address_base: 0",
        ),
    ),
    elsewhere={name: f"Write poll: {{{name}: …}} at the device." for name in ("max_gap", "max_registers", "max_coils")},
)
MODBUS_DEVICE: Final = ObjectSpec(
    name="a Modbus device",
    model=ModbusDevice,
    keys=keys(
        *common_device_keys(),
        dataclasses.replace(
            host_key(502, "10.1.2.21:502"),
            required=False,
            default_text="required, unless `serial` is written",
            derived=True,
        ),
        Key(
            name="framing",
            kind=choice(Framing),
            attribute="written_framing",
            default_text="tcp; rtu on a serial port",
            derived=True,
            meaning="form of requests on the network: `tcp`, or `rtu` for serial servers that pass bytes through",
            example="framing: rtu",
        ),
        Key(
            name="serial",
            kind=optional_group(SERIAL, lambda values: values.build(SerialPort)),
            meaning="the serial port (RTU) that the unit hangs on, instead of `host`",
            example="serial: {port: /dev/ttyUSB0, baud: 9600}",
        ),
        Key(
            name="unit",
            kind=integer(0, 255, "1"),
            meaning="the unit (slave) number behind the address",
            example="unit: 1",
        ),
        Key(
            name="byte_order",
            kind=choice(ByteOrder),
            default=default_of(ModbusPoint, "byte_order"),
            meaning="order of the bytes of a value in several registers; ABCD is high byte and high word first",
            example="byte_order: CDAB",
        ),
        Key(
            name="poll",
            kind=group(POLL, _poll),
            meaning="how often each group of points is read, and how blocks are joined",
            example="poll: {fast: 500ms}",
        ),
        Key(
            name="workarounds",
            kind=group(WORKAROUNDS, lambda values: values.build(Workarounds)),
            meaning="what the device needs that the protocol does not ask for",
            example="workarounds: {pause_between: 20ms}",
        ),
        POINTS_KEY,
    ),
    elsewhere={
        "time": "Leave it out: Modbus carries no time, so the gateway's is taken.",
        "url": "Write host: 10.1.2.21:502.",
        "port": "Write host: 10.1.2.21:502.",
    },
    replaced_by={"host": ("url",)},
)


def _read_modbus_address(node: yaml.Node, scope: Scope) -> tuple[ModbusTable, int]:
    tables = [str(table) for table in ModbusTable]
    if not isinstance(node, yaml.MappingNode):
        base = scope.of_device.get("address_base", 1) if scope.complete else 0
        return modbus_address_of(raw_text(node, allowed="an address", example="at: 40101"), base=base)
    written = read_entries(node, scope, what="an address", example="{holding: 100}")
    if len(written) != 1:
        raise Wrong("an address names one table.", "Write it like {holding: 100}.")
    ((table, (_, value)),) = written.items()
    if table not in tables:
        near = nearest(table, tables) or "holding"
        raise Wrong(
            f"'{shorten(table)}' is not a Modbus table: {', '.join(tables)}.",
            f"Did you mean {{{near}: {describe(value).strip(chr(39))}}}?",
        )
    address = integer_of(
        value, low=0, high=LAST_ADDRESS, allowed="a protocol address counted from 0", example="{holding: 100}"
    )
    return ModbusTable(table), address


MODBUS_ADDRESS: Final = Kind(
    allowed="40101 (traditional, counted from 1) or {holding: 100} (protocol address, counted from 0)",
    read=_read_modbus_address,
    show=lambda at: show_modbus_address(*at),
)


def _read_mask(node: yaml.Node, _scope: Scope) -> int:
    allowed, example = 'bits as "0x0FF0" in quotes, or a whole number', 'mask: "0x0FF0"'
    written = raw_text(node, allowed=allowed, example=example)
    if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", written):
        mask = int(written, 16)
    else:
        mask = integer_of(node, low=1, high=2**64 - 1, allowed=allowed, example=example)
    if mask == 0:
        raise Wrong("the mask picks no bit.", f"Write it like {example}.")
    return mask


MODBUS_POINT: Final = ObjectSpec(
    name="a Modbus point",
    model=ModbusPoint,
    keys=keys(
        Key(
            name="at",
            kind=MODBUS_ADDRESS,
            meaning="the address; 0xxxx coils, 1xxxx discrete inputs, 3xxxx input registers, 4xxxx holding registers",
            example="at: 40101",
            required=True,
        ),
        *common_point_keys(
            type_default="`bool` with `bit` and for coils and discrete inputs; else required", without=()
        ),
        Key(
            name="byte_order",
            kind=choice(ByteOrder),
            meaning="order of the bytes of a value in several registers, as at the device",
            example="byte_order: CDAB",
        ),
        Key(
            name="group",
            kind=NAME,
            meaning="the poll group that it is read in",
            example="group: slow",
        ),
        Key(
            name="bit",
            kind=integer(0, 15, "3"),
            meaning="one bit of a register, counted from 0 at the low end; makes the type `bool`",
            example="bit: 3",
        ),
        Key(
            name="length",
            kind=integer(1, 250, "8"),
            meaning="characters of a string, two in each register (one with `byte`)",
            example="length: 8",
        ),
        Key(
            name="byte",
            kind=choice(ByteSide),
            meaning="the half of a register that an 8-bit value is in, or each character of a string",
            example="byte: low",
            default_text="low for 8-bit values",
            derived=True,
        ),
        Key(
            name="mask",
            kind=Kind(allowed='bits as "0x0FF0" in quotes, or a whole number', read=_read_mask, show=hex),
            meaning="the bits of an unsigned whole number that make the value, shifted down to the lowest of them",
            example='mask: "0x0FF0"',
        ),
        Key(
            name="scale",
            kind=number(-1e9, 1e9, "0.1"),
            meaning="the value is multiplied by this",
            example="scale: 0.1",
        ),
        Key(
            name="offset",
            kind=number(-1e9, 1e9, "-40"),
            meaning="this is added to the value after `scale`",
            example="offset: -40",
        ),
    ),
    later={name: fix for name, fix in POINT_LATER.items() if name not in ("mask", "offset", "time")},
    elsewhere={
        "node": "Write at: 40101.",
        "time": "Leave it out: Modbus carries no time, so the gateway's is taken.",
    },
    replaced_by={"at": ("node",)},
)
