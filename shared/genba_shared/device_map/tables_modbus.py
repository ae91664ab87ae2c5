"""The settings of a Modbus device and of its points."""

from __future__ import annotations

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
    quantity,
)
from genba_shared.device_map.model import (
    ByteOrder,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    PollSettings,
)
from genba_shared.device_map.phrases import meant, write, write_like
from genba_shared.device_map.problems import Wrong, nearest, shorten
from genba_shared.device_map.scalars import describe, integer_of, raw_text
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, Values, keys, read_entries
from genba_shared.device_map.tables_devices import POINTS_KEY, common_device_keys, default_of, host_key
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
MODBUS_DEVICE: Final = ObjectSpec(
    name=say("group-modbus-device", "a Modbus device"),
    model=ModbusDevice,
    keys=keys(
        *common_device_keys(),
        host_key(502, "10.1.2.21:502"),
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
        POINTS_KEY,
    ),
    later={
        "serial": say("use-tcp-gateway", "Put a Modbus TCP gateway in front and write `host`."),
        "workarounds": "",
    },
    elsewhere={
        "time": say("modbus-has-no-time", "Leave it out: Modbus carries no time, so the gateway's is taken."),
        "url": write("host: 10.1.2.21:502"),
        "port": write("host: 10.1.2.21:502"),
    },
    replaced_by={"host": ("serial", "url")},
)


AN_ADDRESS: Final = say("an-address", "an address")


def _read_modbus_address(node: yaml.Node, scope: Scope) -> tuple[ModbusTable, int]:
    tables = [str(table) for table in ModbusTable]
    if not isinstance(node, yaml.MappingNode):
        return modbus_address_of(raw_text(node, allowed=AN_ADDRESS, example="at: 40101"))
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
            {"type": "integer", "minimum": 1, "maximum": 465_536},
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
        *common_point_keys(type_default="`bool` with `bit` and for coils and discrete inputs; else required"),
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
            meaning="characters of a string, two in each register",
            example="length: 8",
        ),
        Key(
            name="scale",
            kind=number(-1e9, 1e9, "0.1"),
            meaning="the value is multiplied by this",
            example="scale: 0.1",
        ),
    ),
    later=POINT_LATER,
    elsewhere={"node": write("at: 40101")},
    replaced_by={"at": ("node",)},
)
