"""Modbus devices and points from their settings."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Final

import yaml

from genba_shared.device_map.addresses import LAST_ADDRESS
from genba_shared.device_map.build_points import check_use, read_device, read_device_points, take_type
from genba_shared.device_map.model import (
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    PointType,
    PollSettings,
)
from genba_shared.device_map.phrases import add, leave_out, meant
from genba_shared.device_map.problems import Unusable, did_you_mean
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_devices import default_of
from genba_shared.device_map.tables_modbus import MODBUS_DEVICE, MODBUS_POINT
from genba_shared.texts import say

_BITS: Final = frozenset({ModbusTable.COIL, ModbusTable.DISCRETE})


def build_modbus(node: yaml.Node, scope: Scope) -> ModbusDevice:
    """One Modbus device.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_device(node, scope, MODBUS_DEVICE)
    byte_order = values.taken.pop("byte_order", MODBUS_DEVICE.keys["byte_order"].default)
    poll = values.taken.get("poll", PollSettings())
    host, port = values.taken.pop("endpoint", ("", 0))
    values.scope = dataclasses.replace(values.scope, inherited={"byte_order": byte_order})
    points = read_device_points(values, partial(build_modbus_point, poll=poll))
    return values.build(ModbusDevice, host=host, port=port, points=points)


def build_modbus_point(node: yaml.Node, scope: Scope, name: str, *, poll: PollSettings) -> ModbusPoint:
    """One Modbus point.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, MODBUS_POINT, scope)
    table, address = values.taken.pop("at", (ModbusTable.HOLDING, 0))
    is_bit = table in _BITS or "bit" in values.taken
    needed = say("register-type-needed", "a register needs its type: one of {types}.", types=", ".join(PointType))
    take_type(values, PointType.BOOL if is_bit else None, needed)
    if "type" in values.taken and not values.broken:
        _check_modbus_form(values, table, is_bit=is_bit)
    check_use(values)
    group = values.taken.get("group", default_of(ModbusPoint, "group"))
    if group not in poll.groups:
        values.error(
            "group",
            say(
                "unknown-poll-group",
                "'{group}' is not a poll group of this device, which has {known}.",
                group=group,
                known=", ".join(poll.groups),
            ),
            did_you_mean(
                group,
                poll.groups,
                say(
                    "write-one-or-add-group",
                    "Write one of these, or add {group} with its period to `poll`.",
                    group=group,
                ),
            ),
        )
    point = values.build(ModbusPoint, name=name, table=table, address=address)
    _check_span(values, point, poll)
    return point


def _check_modbus_form(values: Values, table: ModbusTable, *, is_bit: bool) -> None:
    kind = values.taken["type"]
    if table in _BITS and "bit" in values.taken:
        values.error(
            "bit",
            say("bit-of-a-bit", "a {table} is a single bit already: `bit` is for registers.", table=table),
            leave_out("bit"),
        )
    elif is_bit and kind is not PointType.BOOL:
        values.error(
            "type",
            say("type-of-a-bit", "{type} does not fit a single bit, which is a bool.", type=kind),
            leave_out("type"),
        )
    elif not is_bit and kind is PointType.BOOL:
        values.error(
            "type",
            say("bool-without-bit", "a register has 16 bits: a bool needs to know which one."),
            say("add-bit", "Add {snippet} (0 to 15).", snippet="bit: 0"),
        )
    if (kind is PointType.STRING) != ("length" in values.taken):
        if kind is PointType.STRING:
            values.error(
                "type",
                say("string-without-length", "a string needs its `length` in characters."),
                add("length: 8"),
            )
        else:
            values.error(
                "length",
                say("length-of-type", "`length` is for strings: {type} has its own.", type=kind),
                leave_out("length"),
            )
    if "scale" in values.taken and kind in {PointType.STRING, PointType.BOOL}:
        values.error(
            "scale",
            say("scale-of-type", "a {type} cannot be multiplied: `scale` is for numbers.", type=kind),
            leave_out("scale"),
        )


def _check_span(values: Values, point: ModbusPoint, poll: PollSettings) -> None:
    last = point.address + point.width - 1
    if last > LAST_ADDRESS:
        values.error(
            "at",
            say(
                "beyond-last-address",
                "the point spans {count} registers and ends at {end}: the last protocol address is {last}.",
                count=point.width,
                end=last,
                last=LAST_ADDRESS,
            ),
            meant(f"{{{point.table}: {LAST_ADDRESS + 1 - point.width}}}"),
        )
    if point.width > poll.max_registers:
        values.error(
            "length" if point.type is PointType.STRING else "type",
            say(
                "wider-than-a-request",
                "the point spans {count} registers and is never split: `max_registers` is {most}.",
                count=point.width,
                most=poll.max_registers,
            ),
            say(
                "write-or-more",
                "Write {snippet} or more, where the device can give them.",
                snippet=f"max_registers: {point.width}",
            ),
        )
    if values.broken:
        raise Unusable
