"""The tables of a point's settings. One row is one key: kind, the model's field, its line in the reference."""

from __future__ import annotations

from typing import Final

import yaml

from genba_shared.device_map.addresses import LAST_ADDRESS, modbus_address_of, opcua_node_of, show_modbus_address
from genba_shared.device_map.kinds import (
    LABEL,
    NAME,
    by_number,
    choice,
    integer,
    number,
    optional_group,
    quantity,
    text,
)
from genba_shared.device_map.model import (
    AtLimit,
    ByteOrder,
    CountDirection,
    CounterSettings,
    ModbusPoint,
    ModbusTable,
    OnDecrease,
    OpcUaPoint,
    PointType,
    ReadMode,
)
from genba_shared.device_map.problems import Wrong, nearest, shorten
from genba_shared.device_map.references import POINT_REF
from genba_shared.device_map.scalars import describe, integer_of, raw_text
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, Values, keys, read_entries
from genba_shared.device_map.units import DURATION, RATE

BIG: Final = 2**64 - 1

# Counter -------------------------------------------------------------------------------------------------------------

RESET_BY: Final = ObjectSpec(
    name="the evidence of a reset",
    keys=keys(
        Key(
            name="point",
            kind=POINT_REF,
            meaning="a bool point that is true while the counter is being reset",
            example="point: reset_btn",
            required=True,
        )
    ),
    later={"falls": "Name a bool point: {point: reset_btn}.", "changes": "Name a bool point: {point: reset_btn}."},
    replaced_by={"point": ("falls", "changes")},
)


def _counter(values: Values) -> Values:
    return values  # its limit follows from the point's type, which only the point's builder knows


COUNTER: Final = ObjectSpec(
    name="a counter",
    model=CounterSettings,
    keys=keys(
        Key(
            name="limit",
            kind=integer(1, BIG, "65535"),
            meaning="the last value before the counter starts again at 0 (or stays, with `at_limit: saturate`)",
            example="limit: 65535",
            default_text="the greatest value of the type",
            derived=True,
        ),
        Key(
            name="at_limit",
            kind=choice(AtLimit),
            meaning="what the counter does at its limit: start again at 0, or stay there",
            example="at_limit: wrap",
        ),
        Key(
            name="direction",
            kind=choice(CountDirection),
            meaning="whether it counts up, or down from a preset",
            example="direction: up",
        ),
        Key(
            name="max_rate",
            kind=quantity(RATE, "1/d", "100000/s", "40/min"),
            meaning="the most counts that the machine can physically make; decides what a strange step means",
            example="max_rate: 40/min",
            default_text="no bound: every step that the type allows is believed",
        ),
        Key(
            name="on_decrease",
            kind=choice(OnDecrease),
            meaning="what a fall of the counter means when the readings leave several explanations",
            example="on_decrease: auto",
        ),
        Key(
            name="reset_by",
            kind=optional_group(RESET_BY, lambda values: values.build(lambda point: point)),
            meaning="evidence that somebody reset the counter",
            example="reset_by: {point: reset_btn}",
        ),
        Key(
            name="pieces_per_count",
            kind=integer(1, 100_000, "2"),
            meaning="pieces that one count stands for; multiplies only what is reported",
            example="pieces_per_count: 2",
        ),
    ),
)

POINT_LATER: Final = {
    "unit": "",
    "deadband": "",
    "offset": "",
    "mask": "Write one point for each `bit`.",
    "time": "Write `time` at the device.",
}
LABELS: Final = by_number(
    LABEL,
    low=-(2**31),
    high=2**31,
    what="a group of words by value",
    example="{0: idle, 1: running}",
)


def _common_point_keys(*, type_default: str) -> tuple[Key, ...]:
    return (
        Key(
            name="type",
            kind=choice(PointType),
            meaning="what the value is, as the PLC programme declares it",
            example="type: uint32",
            default_text=type_default,
            derived=True,
        ),
        Key(
            name="counter",
            kind=optional_group(COUNTER, _counter),
            meaning="the point counts pieces; `counter: {}` takes every default",
            example="counter: {max_rate: 40/min}",
        ),
        Key(
            name="labels",
            kind=LABELS,
            meaning="words for the values of a whole number or bool (false is 0); a station's `state` needs them",
            example="labels: {0: idle, 1: running}",
        ),
    )


# OPC UA --------------------------------------------------------------------------------------------------------------

OPCUA_POINT: Final = ObjectSpec(
    name="an OPC UA point",
    model=OpcUaPoint,
    keys=keys(
        Key(
            name="node",
            kind=text("an OPC UA node id", '"nsu=urn:plc:cutter;s=DB10.PartCount"', check=opcua_node_of),
            meaning="the node id, with the namespace as URI; `ns=3;…` works and is warned about",
            example='node: "nsu=urn:plc:cutter;s=DB10.PartCount"',
            required=True,
        ),
        *_common_point_keys(
            type_default="the smallest unsigned that holds the counter's `limit`; without a counter, required"
        ),
        Key(
            name="mode",
            kind=choice(ReadMode),
            meaning="`subscribe`: the server reports changes; `read`: it is asked once per `sampling`",
            example="mode: subscribe",
        ),
        Key(
            name="sampling",
            kind=quantity(DURATION, "10ms", "1d", "200ms"),
            attribute="sampling_s",
            meaning="how often the value is looked at",
            example="sampling: 200ms",
        ),
        Key(
            name="queue",
            kind=integer(1, 1000, "10"),
            meaning="changes that the server keeps between two reports",
            example="queue: 10",
        ),
    ),
    later={**POINT_LATER, "scale": ""},
    elsewhere={"group": "Write mode: read and sampling: 10s.", "at": 'Write node: "nsu=…;s=…".'},
    replaced_by={"node": ("at",)},
)
# Modbus --------------------------------------------------------------------------------------------------------------


def _read_modbus_address(node: yaml.Node, scope: Scope) -> tuple[ModbusTable, int]:
    tables = [str(table) for table in ModbusTable]
    if not isinstance(node, yaml.MappingNode):
        return modbus_address_of(raw_text(node, allowed="an address", example="at: 40101"))
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
        *_common_point_keys(type_default="`bool` with `bit` and for coils and discrete inputs; else required"),
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
    elsewhere={"node": "Write at: 40101."},
    replaced_by={"at": ("node",)},
)
