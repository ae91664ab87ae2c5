"""Points from their settings: what follows from several settings together is checked and worked out here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import yaml

from genba_shared.device_map.addresses import LAST_ADDRESS, uses_namespace_index
from genba_shared.device_map.kinds import name_of_key
from genba_shared.device_map.model import (
    CounterSettings,
    ModbusPoint,
    ModbusTable,
    OpcUaPoint,
    Point,
    PointType,
    PollSettings,
)
from genba_shared.device_map.problems import Unusable, did_you_mean
from genba_shared.device_map.spec import Scope, Values, read_entries, read_object
from genba_shared.device_map.tables_devices import default_of
from genba_shared.device_map.tables_points import MODBUS_POINT, OPCUA_POINT
from genba_shared.device_map.units import RATE

P = TypeVar("P", bound=Point)

GREATEST: Final[Mapping[PointType, int]] = {
    PointType.UINT16: 2**16 - 1,
    PointType.INT16: 2**15 - 1,
    PointType.UINT32: 2**32 - 1,
    PointType.INT32: 2**31 - 1,
    PointType.UINT64: 2**64 - 1,
    PointType.INT64: 2**63 - 1,
}
WORRYING_WRAP_S: Final = 72 * 3600.0  # a gateway that is off from Friday evening to Monday morning
_BITS: Final = frozenset({ModbusTable.COIL, ModbusTable.DISCRETE})


def read_points(node: yaml.Node, scope: Scope, build: Callable[[yaml.Node, Scope, str], P]) -> dict[str, P]:
    """All points of a device.

    Raises:
        Unusable: one of them is wrong; every reason has been reported.
    """
    points: dict[str, P] = {}
    written = read_entries(node, scope, what="a group of points by name", example='{parts: {node: "nsu=…;s=…"}}')
    broken = False
    for word, (key_node, value_node) in written.items():
        below = dataclasses.replace(scope, path=f"{scope.path}.{word}")
        try:
            name = name_of_key(key_node, below, word)
            points[name] = build(value_node, below, name)
        except Unusable:
            broken = True
    if not written:
        scope.findings.error(
            node, scope.path, "the device has no points: at least one is needed.", "Write points: {parts: {…}}."
        )
    if broken or not points:
        raise Unusable
    return points


def build_opcua_point(node: yaml.Node, scope: Scope, name: str) -> OpcUaPoint:
    """One OPC UA point.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, OPCUA_POINT, scope)
    _take_type(values, _type_of_counter(values), "the point needs its type: only a counter with a `limit` shows it.")
    _check_use(values)
    written = values.taken.get("node", "")
    if uses_namespace_index(written):
        values.warn(
            "node",
            f"{written.partition(';')[0]} is a place in the server's list of namespaces and may change at a restart.",
            'Write the namespace as URI: "nsu=urn:…;s=…".',
        )
    return values.build(OpcUaPoint, name=name)


def build_modbus_point(node: yaml.Node, scope: Scope, name: str, *, poll: PollSettings) -> ModbusPoint:
    """One Modbus point.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, MODBUS_POINT, scope)
    table, address = values.taken.pop("at", (ModbusTable.HOLDING, 0))
    is_bit = table in _BITS or "bit" in values.taken
    _take_type(values, PointType.BOOL if is_bit else None, f"a register needs its type: one of {', '.join(PointType)}.")
    if "type" in values.taken and not values.broken:
        _check_modbus_form(values, table, is_bit=is_bit)
    _check_use(values)
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


def _take_type(values: Values, derived: PointType | None, needed: str) -> None:
    if "type" in values.taken or values.broken:
        return
    if derived is None:
        values.error("type", needed, "Write type: uint32, or what the PLC programme declares.")
        return
    values.taken["type"] = derived
    values.scope.explain("type", derived, "worked out")


def _type_of_counter(values: Values) -> PointType | None:
    """The smallest unsigned type that holds the counter's limit: the server says the exact type by itself."""
    counter = values.taken.get("counter")
    limit = counter.taken.get("limit") if isinstance(counter, Values) else None
    if limit is None:
        return None
    return next(kind for kind in (PointType.UINT16, PointType.UINT32, PointType.UINT64) if limit <= GREATEST[kind])


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
    if "scale" in values.taken and kind in {PointType.STRING, PointType.BOOL}:
        values.error("scale", f"a {kind} cannot be multiplied: `scale` is for numbers.", "Leave `scale` out.")


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


def _check_use(values: Values) -> None:
    """What `counter` and `labels` ask of the type; the counter's limit follows from it."""
    kind, counter = values.taken.get("type"), values.taken.get("counter")
    if isinstance(counter, Values):
        values.taken["counter"] = None
        if kind is not None and not counter.broken:
            values.taken["counter"] = _build_counter(values, counter, kind)
        values.broken = values.broken or counter.broken
    if "labels" in values.taken and kind in {PointType.STRING, PointType.FLOAT32, PointType.FLOAT64}:
        values.error("labels", f"a {kind} has no labels: they are for bool and whole numbers.", "Leave `labels` out.")


def _build_counter(values: Values, counter: Values, kind: PointType) -> CounterSettings | None:
    if kind not in GREATEST:
        counter.error("", f"a {kind} cannot count: a counter is a whole number.", "Write type: uint32 or another one.")
        return None
    if values.taken.get("scale", 1.0) != 1.0:
        values.error("scale", "a counter is not scaled: it counts whole device counts.", "Use `pieces_per_count`.")
    greatest = GREATEST[kind]
    if "limit" not in counter.taken:
        counter.scope.explain("limit", str(greatest), f"the greatest {kind}")
    limit = counter.taken.setdefault("limit", greatest)
    if limit > greatest:
        counter.error("limit", f"{limit} does not fit {kind}, which ends at {greatest}.", f"Write limit: {greatest}.")
        return None
    settings = CounterSettings(**counter.taken)
    _warn_of_counter(counter, settings)
    return settings


def _warn_of_counter(counter: Values, settings: CounterSettings) -> None:
    if settings.max_rate is None:
        counter.warn(
            "",
            "the counter has no max_rate: a misread value cannot be told from pieces, and all of it is counted.",
            "Add max_rate: 40/min, the most that the machine can make.",
        )
        return
    wrap_s = (settings.limit + 1) / settings.max_rate
    if wrap_s < WORRYING_WRAP_S:
        shown = f"{wrap_s / 3600:.0f} h" if wrap_s >= 2 * 3600 else f"{wrap_s / 60:.0f} min"
        counter.warn(
            "",
            f"at {RATE.show(settings.max_rate)} a counter up to {settings.limit} wraps every {shown}: "
            "counts after a longer outage will be ambiguous.",
            "Use a 32-bit counter if the PLC has one.",
        )
