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
    group,
    integer,
    number,
    optional_group,
    quantity,
)
from genba_shared.device_map.model import (
    ByteOrder,
    ByteSide,
    Framing,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    PollSettings,
    SerialPort,
    Workarounds,
)
from genba_shared.device_map.phrases import meant, write, write_like
from genba_shared.device_map.problems import Wrong, nearest, shorten
from genba_shared.device_map.scalars import describe, integer_of, raw_text
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, Values, keys, read_entries
from genba_shared.device_map.tables_devices import POINTS_KEY, common_device_keys, default_of, host_key
from genba_shared.device_map.tables_modbus_line import SERIAL, WORKAROUNDS
from genba_shared.device_map.tables_points import POINT_LATER, common_point_keys
from genba_shared.device_map.units import DURATION
from genba_shared.texts import say


def _poll(values: Values) -> PollSettings:
    written = values.taken.pop("groups", {})
    groups = {**PollSettings().groups, **written}
    for name, period_s in groups.items():
        if name not in written:
            values.scope.explain(name, DURATION.show(period_s), say("origin-default", "default"))
    return values.build(PollSettings, groups=groups)


POLL: Final = ObjectSpec(
    name=say("group-poll", "the polling of a device"),
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
_HAS_NO_TIME: Final = say("modbus-has-no-time", "Leave it out: Modbus carries no time, so the gateway's is taken.")
MODBUS_DEVICE: Final = ObjectSpec(
    name=say("group-modbus-device", "a Modbus device"),
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
        "time": _HAS_NO_TIME,
        "url": write("host: 10.1.2.21:502"),
        "port": write("host: 10.1.2.21:502"),
    },
    replaced_by={"host": ("url",)},
    rules={"oneOf": [{"required": ["host"]}, {"required": ["serial"]}]},
)


AN_ADDRESS: Final = say("an-address", "an address")


def _read_modbus_address(node: yaml.Node, scope: Scope) -> tuple[ModbusTable, int]:
    tables = [str(table) for table in ModbusTable]
    if not isinstance(node, yaml.MappingNode):
        base = scope.of_device.get("address_base", 1) if scope.complete else 0
        return modbus_address_of(raw_text(node, allowed=AN_ADDRESS, example="at: 40101"), base=base)
    written = read_entries(node, scope, what=AN_ADDRESS, example="{holding: 100}")
    if len(written) != 1:
        raise Wrong(say("one-table", "an address names one table."), write_like("{holding: 100}"))
    ((table, (_, value)),) = written.items()
    if table not in tables:
        near = nearest(table, tables) or "holding"
        raise Wrong(
            say(
                "not-a-table", "'{word}' is not a Modbus table: {known}.", word=shorten(table), known=", ".join(tables)
            ),
            meant(f"{{{near}: {describe(value).strip(chr(39))}}}"),
        )
    address = integer_of(
        value,
        low=0,
        high=LAST_ADDRESS,
        allowed=say("a-protocol-address", "a protocol address counted from 0"),
        example="{holding: 100}",
    )
    return ModbusTable(table), address


MODBUS_ADDRESS: Final = Kind(
    allowed=say(
        "modbus-address",
        "{one} (traditional, counted from 1) or {other} (protocol address, counted from 0)",
        one="40101",
        other="{holding: 100}",
    ),
    read=_read_modbus_address,
    show=lambda at: show_modbus_address(*at),
    schema={
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 465_536},  # 0: 00000, coil 0 of `address_base: 0`
            {"type": "string", "pattern": "^[0134][0-9]{4,5}$"},
            {
                "type": "object",
                "properties": {
                    str(table): {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": LAST_ADDRESS,
                        "description": "The protocol address, counted from 0.",
                    }
                    for table in ModbusTable
                },
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    },
)


_BITS_OR_NUMBER: Final = say("bits-or-number", "bits as {example} in quotes, or a whole number", example='"0x0FF0"')


def _read_mask(node: yaml.Node, _scope: Scope) -> int:
    example = 'mask: "0x0FF0"'
    written = raw_text(node, allowed=_BITS_OR_NUMBER, example=example)
    if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", written):
        mask = int(written, 16)
    else:
        mask = integer_of(node, low=1, high=2**64 - 1, allowed=_BITS_OR_NUMBER, example=example)
    if mask == 0:
        raise Wrong(say("mask-without-bit", "the mask picks no bit."), write_like(example))
    return mask


MODBUS_POINT: Final = ObjectSpec(
    name=say("group-modbus-point", "a Modbus point"),
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
            kind=Kind(
                allowed=_BITS_OR_NUMBER,
                read=_read_mask,
                show=hex,
                schema={
                    "anyOf": [
                        {"type": "string", "pattern": "^0x[0-9a-fA-F]{1,16}$"},
                        {"type": "integer", "minimum": 1, "maximum": 2**64 - 1},
                    ]
                },
            ),
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
    elsewhere={"node": write("at: 40101"), "time": _HAS_NO_TIME},
    replaced_by={"at": ("node",)},
)
