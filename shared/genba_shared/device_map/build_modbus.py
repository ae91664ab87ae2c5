"""Modbus devices and points from their settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Final

import yaml

from genba_shared.device_map.addresses import LAST_ADDRESS
from genba_shared.device_map.build_points import check_use, read_device, read_device_points, take_type
from genba_shared.device_map.model import (
    ByteSide,
    Framing,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    PointType,
    PollSettings,
    Workarounds,
)
from genba_shared.device_map.phrases import add, leave_out, meant
from genba_shared.device_map.problems import Unusable, did_you_mean
from genba_shared.device_map.spec import Scope, Values, meant_by, read_object
from genba_shared.device_map.tables_devices import default_of
from genba_shared.device_map.tables_modbus import MODBUS_DEVICE, MODBUS_POINT
from genba_shared.device_map.yaml_tree import entries
from genba_shared.texts import say

LAST_SERIAL_UNIT: Final = 247
"""Source: MODBUS over Serial Line V1.02, 2.2."""
_BITS: Final = frozenset({ModbusTable.COIL, ModbusTable.DISCRETE})
_EIGHT_BITS: Final = frozenset({PointType.INT8, PointType.UINT8})
_MASKABLE: Final[Mapping[PointType, int]] = {
    PointType.UINT8: 8,
    PointType.UINT16: 16,
    PointType.UINT32: 32,
    PointType.UINT64: 64,
}


def build_modbus(node: yaml.Node, scope: Scope) -> ModbusDevice:
    """One Modbus device.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_device(node, scope, MODBUS_DEVICE)
    byte_order = values.taken.pop("byte_order", MODBUS_DEVICE.keys["byte_order"].default)
    poll = values.taken.get("poll", PollSettings())
    _check_line(values)
    framing = _take_framing(values)
    host, port = values.taken.pop("endpoint", ("", 0))
    workarounds = values.taken.get("workarounds", Workarounds())
    values.scope = dataclasses.replace(
        values.scope, inherited={"byte_order": byte_order}, of_device={"address_base": workarounds.address_base}
    )
    points = read_device_points(values, partial(build_modbus_point, poll=poll))
    return values.build(ModbusDevice, host=host, port=port, framing=framing, points=points)


def _take_framing(values: Values) -> Framing:
    """How requests are wrapped: as written, else as the line needs it."""
    if "written_framing" in values.taken:
        return Framing(values.taken.pop("written_framing"))
    framing = Framing.RTU if "serial" in values.nodes else Framing.TCP
    origin = say("origin-worked-out", "worked out") if "serial" in values.nodes else say("origin-default", "default")
    values.scope.explain("framing", framing, origin)
    return framing


def _check_line(values: Values) -> None:
    """What `host`, `serial`, `framing` and `unit` ask of one another."""
    written = entries(values.node) if isinstance(values.node, yaml.MappingNode) else {"host": None}
    if "serial" in written and "host" in written:
        values.error(
            "serial",
            say("host-and-serial", "the device has a `host`, too: it is on a network or on a serial port."),
            say("delete-one-of-two", "Delete one of the two."),
        )
    if "serial" in written and "framing" in written:
        values.error(
            "framing",
            say("framing-of-serial", "a serial port always speaks RTU: `framing` is for `host`."),
            leave_out("framing"),
        )
    misspelt = {meant_by(name, MODBUS_DEVICE) for name in written}  # a misspelt key is told as that alone
    if not (written.keys() | misspelt) & {"serial", "host", *MODBUS_DEVICE.replaced_by["host"]}:
        values.error(
            "",
            say("no-host-or-serial", "'host' is missing: a Modbus device needs it (where the device is), or `serial`."),
            say(
                "write-or",
                "Write {snippet}, or {other}.",
                snippet="host: 10.1.2.21:502",
                other="serial: {port: /dev/ttyUSB0}",
            ),
        )
    is_rtu = "serial" in written or values.taken.get("written_framing") is Framing.RTU
    unit = values.taken.get("unit", default_of(ModbusDevice, "unit"))
    if is_rtu and not 1 <= unit <= LAST_SERIAL_UNIT:
        values.error(
            "unit",
            say(
                "unit-of-serial",
                "nobody answers as unit {unit} on a serial line: 1 to {last} are units, 0 speaks to all.",
                unit=unit,
                last=LAST_SERIAL_UNIT,
            ),
            say("write-as-at-device", "Write the number that is set at the device: {snippet}.", snippet="unit: 1"),
        )


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
    if kind in {PointType.STRING, PointType.BOOL}:
        _refuse_calculation(values, kind)
    if "byte" in values.taken and kind not in _EIGHT_BITS | {PointType.STRING}:
        values.error(
            "byte",
            say("byte-of-type", "{type} fills its registers: `byte` is for int8, uint8 and strings.", type=kind),
            say("write-or-leave-out", "Write {snippet}, or leave `{key}` out.", snippet="type: uint8", key="byte"),
        )
    if kind in _EIGHT_BITS and "byte" not in values.nodes:
        values.taken["byte"] = ByteSide.LOW
        values.scope.explain("byte", ByteSide.LOW, say("origin-default", "default"))
    _check_mask(values, kind)


def _refuse_calculation(values: Values, kind: PointType) -> None:
    if "scale" in values.taken:
        message = say("scale-of-type", "a {type} cannot be multiplied: `scale` is for numbers.", type=kind)
        values.error("scale", message, leave_out("scale"))
    if "offset" in values.taken:
        message = say("offset-of-type", "a {type} cannot be added to: `offset` is for numbers.", type=kind)
        values.error("offset", message, leave_out("offset"))


def _check_mask(values: Values, kind: PointType) -> None:
    mask = values.taken.get("mask")
    if mask is None:
        return
    if kind not in _MASKABLE:
        values.error(
            "mask",
            say("mask-of-type", "{type} has no mask: it is for {known}.", type=kind, known=", ".join(_MASKABLE)),
            say("point-for-each-bit", "Write one point for each `bit`.")
            if kind is PointType.BOOL
            else leave_out("mask"),
        )
    elif mask >= 1 << _MASKABLE[kind]:
        values.error(
            "mask",
            say(
                "mask-beyond-type",
                "{mask} does not fit {type}, which ends at {greatest}.",
                mask=f"{mask:#x}",
                type=kind,
                greatest=f"{(1 << _MASKABLE[kind]) - 1:#x}",
            ),
            say("pick-fewer-bits", "Pick fewer bits."),
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
