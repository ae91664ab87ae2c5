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
from genba_shared.device_map.problems import Unusable, did_you_mean
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_devices import default_of
from genba_shared.device_map.tables_modbus import MODBUS_DEVICE, MODBUS_POINT
from genba_shared.device_map.yaml_tree import entries

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
    values.scope.explain("framing", framing, "worked out" if "serial" in values.nodes else "default")
    return framing


def _check_line(values: Values) -> None:
    """What `host`, `serial`, `framing` and `unit` ask of one another."""
    written = entries(values.node) if isinstance(values.node, yaml.MappingNode) else {"host": None}
    if "serial" in written and "host" in written:
        values.error("serial", "the device has a `host`, too: it is on a network or on a serial port.", "Delete one.")
    if "serial" in written and "framing" in written:
        values.error("framing", "a serial port always speaks RTU: `framing` is for `host`.", "Leave `framing` out.")
    if not written.keys() & {"serial", "host", *MODBUS_DEVICE.replaced_by["host"]}:
        values.error(
            "",
            "'host' is missing: a Modbus device needs it (where the device is), or `serial`.",
            "Write host: 10.1.2.21:502, or serial: {port: /dev/ttyUSB0}.",
        )
    is_rtu = "serial" in written or values.taken.get("written_framing") is Framing.RTU
    unit = values.taken.get("unit", default_of(ModbusDevice, "unit"))
    if is_rtu and not 1 <= unit <= LAST_SERIAL_UNIT:
        values.error(
            "unit",
            f"nobody answers as unit {unit} on a serial line: 1 to {LAST_SERIAL_UNIT} are units, 0 speaks to all.",
            "Write the number that is set at the device: unit: 1.",
        )


def build_modbus_point(node: yaml.Node, scope: Scope, name: str, *, poll: PollSettings) -> ModbusPoint:
    """One Modbus point.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, MODBUS_POINT, scope)
    table, address = values.taken.pop("at", (ModbusTable.HOLDING, 0))
    is_bit = table in _BITS or "bit" in values.taken
    take_type(values, PointType.BOOL if is_bit else None, f"a register needs its type: one of {', '.join(PointType)}.")
    if "type" in values.taken and not values.broken:
        _check_modbus_form(values, table, is_bit=is_bit)
    check_use(values)
    group = values.taken.get("group", default_of(ModbusPoint, "group"))
    if group not in poll.groups:
        values.error(
            "group",
            f"'{group}' is not a poll group of this device, which has {', '.join(poll.groups)}.",
            did_you_mean(group, poll.groups, f"Write one of these, or add {group} with its period to `poll`."),
        )
    point = values.build(ModbusPoint, name=name, table=table, address=address)
    _check_span(values, point, poll)
    return point


def _check_modbus_form(values: Values, table: ModbusTable, *, is_bit: bool) -> None:
    kind = values.taken["type"]
    if table in _BITS and "bit" in values.taken:
        values.error("bit", f"a {table} is a single bit already: `bit` is for registers.", "Leave `bit` out.")
    elif is_bit and kind is not PointType.BOOL:
        values.error("type", f"{kind} does not fit a single bit, which is a bool.", "Leave `type` out.")
    elif not is_bit and kind is PointType.BOOL:
        values.error("type", "a register has 16 bits: a bool needs to know which one.", "Add bit: 0 (0 to 15).")
    if (kind is PointType.STRING) != ("length" in values.taken):
        if kind is PointType.STRING:
            values.error("type", "a string needs its `length` in characters.", "Add length: 8.")
        else:
            values.error("length", f"`length` is for strings: {kind} has its own.", "Leave `length` out.")
    for key, does in (("scale", "be multiplied"), ("offset", "be added to")):
        if key in values.taken and kind in {PointType.STRING, PointType.BOOL}:
            values.error(key, f"a {kind} cannot {does}: `{key}` is for numbers.", f"Leave `{key}` out.")
    if "byte" in values.taken and kind not in _EIGHT_BITS | {PointType.STRING}:
        values.error(
            "byte",
            f"{kind} fills its registers: `byte` is for int8, uint8 and strings.",
            "Write type: uint8, or leave `byte` out.",
        )
    if kind in _EIGHT_BITS and "byte" not in values.nodes:
        values.taken["byte"] = ByteSide.LOW
        values.scope.explain("byte", ByteSide.LOW, "default")
    _check_mask(values, kind)


def _check_mask(values: Values, kind: PointType) -> None:
    mask = values.taken.get("mask")
    if mask is None:
        return
    if kind not in _MASKABLE:
        values.error(
            "mask",
            f"{kind} has no mask: it is for {', '.join(_MASKABLE)}.",
            "Write one point for each `bit`." if kind is PointType.BOOL else "Leave `mask` out.",
        )
    elif mask >= 1 << _MASKABLE[kind]:
        greatest = (1 << _MASKABLE[kind]) - 1
        values.error("mask", f"{mask:#x} does not fit {kind}, which ends at {greatest:#x}.", "Pick fewer bits.")


def _check_span(values: Values, point: ModbusPoint, poll: PollSettings) -> None:
    last = point.address + point.width - 1
    if last > LAST_ADDRESS:
        values.error(
            "at",
            f"the point spans {point.width} registers and ends at {last}: the last protocol address is {LAST_ADDRESS}.",
            f"Did you mean {{{point.table}: {LAST_ADDRESS + 1 - point.width}}}?",
        )
    if point.width > poll.max_registers:
        values.error(
            "length" if point.type is PointType.STRING else "type",
            f"the point spans {point.width} registers and is never split: `max_registers` is {poll.max_registers}.",
            f"Write max_registers: {point.width} or more, where the device can give them.",
        )
    if values.broken:
        raise Unusable
