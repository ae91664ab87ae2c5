"""Readings of a raw log as another device map would have read them.

A raw log holds values, not registers. Where the map changes how a Modbus point is read (word order, type, scale, an
address among those that were read), its registers are put together again from the values that they gave, and read
anew. What the log cannot show, because nobody read it then, is left out and named.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal

from genba_edge.core.counted_point import HOW_IT_IS_READ
from genba_edge.core.observations import Observation, Quality, Sample, Unchanged, Value
from genba_edge.core.register_values import BCD, NUMBER_FORMATS, decode_point, ordered_bytes
from genba_edge.core.registers import BIT_TABLES, span
from genba_shared.device_map.model import ByteOrder, Device, DeviceMap, ModbusPoint, ModbusTable, Point, PointType
from genba_shared.errors import BadReading

Register = tuple[ModbusTable, int]


class Rereading:
    """Turns what was read with the recorded map into what another map would have read; batch by batch, in order."""

    def __init__(self, recorded: DeviceMap, new: DeviceMap) -> None:
        self._new, self._recorded = new, recorded
        self._plans: dict[str, _Plan] = {}
        self.notes: list[str] = []
        """What the log cannot show, in sentences."""
        self.switch(recorded)

    def switch(self, recorded: DeviceMap) -> None:
        """From here on the log was recorded with this map; devices that it does not change go on as they are."""
        plans: dict[str, _Plan] = {}
        for name, device in self._new.devices.items():
            then = recorded.devices.get(name)
            if then is None:
                self._note(f"device {name} was not recorded: nothing is known of it")
            elif name in self._plans and then == self._recorded.devices.get(name):
                plans[name] = self._plans[name]
            else:
                plans[name] = _Plan.of(then, device)
                for point in plans[name].missing:
                    self._note(f"point {name}/{point} reads what was not recorded: nothing is known of it")
        self._plans, self._recorded = plans, recorded
        self._is_plain = all(plan.is_plain for plan in plans.values())

    def reread(self, observations: Sequence[Observation]) -> Sequence[Observation]:
        """The same observations with the other map."""
        if self._is_plain:
            return observations
        told: list[Observation] = []
        touched: dict[str, datetime] = {}
        for observation in observations:
            plan = self._plans.get(observation.device)
            if plan is None or plan.is_plain:
                told.append(observation)
            elif isinstance(observation, Sample | Unchanged):
                told += plan.take(observation)
                touched[observation.device] = observation.at
            else:
                told.append(observation)
        for device, at in touched.items():
            told += self._plans[device].tell(device, at)
        return told

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


@dataclass(slots=True, kw_only=True)
class _Plan:
    """How the readings of one device are told.

    `passes`: points of the log whose value is that of these points of the new map. `feeds`: points of the log whose
    registers these other points are read from.
    """

    passes: dict[str, tuple[str, ...]]
    feeds: dict[str, tuple[str, ...]]
    missing: tuple[str, ...]
    is_plain: bool
    recorded: Mapping[str, Point]
    reread: Mapping[str, ModbusPoint]
    registers: dict[Register, int] = field(default_factory=dict)
    last: dict[str, Value] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, recorded: Device, new: Device) -> _Plan:
        """The plan for a device that both maps have."""
        passes: dict[str, tuple[str, ...]] = {}
        feeds: dict[str, tuple[str, ...]] = {}
        reread: dict[str, ModbusPoint] = {}
        missing: list[str] = []
        sources = {_source_of(point): name for name, point in reversed(list(recorded.points.items()))}
        for name, point in new.points.items():
            then = recorded.points.get(name)
            is_same = then is not None and _source_of(then) == _source_of(point)
            source = name if is_same else sources.get(_source_of(point))
            if source is not None:
                passes[source] = (*passes.get(source, ()), name)
                continue
            parts = _parts_of(point, recorded.points.values()) if isinstance(point, ModbusPoint) else ()
            if not parts or not isinstance(point, ModbusPoint):
                missing.append(name)
                continue
            reread[name] = point
            for part in parts:
                feeds[part] = (*feeds.get(part, ()), name)
        return cls(
            passes=passes,
            feeds=feeds,
            missing=tuple(missing),
            is_plain=not reread and passes == {name: (name,) for name in recorded.points},
            recorded=recorded.points,
            reread=reread,
        )

    def take(self, observation: Sample | Unchanged) -> list[Observation]:
        """What passes as it is; the registers of the rest are noted, for `tell`."""
        if isinstance(observation, Unchanged):
            for point in observation.points:
                self.touched.update(self.feeds.get(point, ()))
            names = tuple(name for point in observation.points for name in self.passes.get(point, ()))
            return [replace(observation, points=names)] if names else []
        if observation.point in self.feeds:
            self._note_registers(observation)
            self.touched.update(self.feeds[observation.point])
        names = self.passes.get(observation.point, ())
        return [observation if name == observation.point else replace(observation, point=name) for name in names]

    def tell(self, device: str, at: datetime) -> list[Observation]:
        """The points that are read anew, after everything that was read together was noted."""
        told: list[Observation] = []
        held: list[str] = []
        for name in sorted(self.touched):
            value = self._value(device, self.reread[name])
            if name in self.last and self.last[name] == value and value is not None:
                held.append(name)
                continue
            self.last[name] = value
            quality = Quality.BAD if value is None else Quality.GOOD
            told.append(Sample(device, name, value, at, at, quality, "" if value is not None else "not read"))
        self.touched.clear()
        return [*told, Unchanged(device=device, points=tuple(held), at=at)] if held else told

    def _note_registers(self, sample: Sample) -> None:
        point = self.recorded[sample.point]
        if not isinstance(point, ModbusPoint):
            return
        words = None if sample.quality is Quality.BAD else words_of(point, sample.value)
        for place in range(span(point)):
            register = (point.table, point.address + place)
            if words is None:
                self.registers.pop(register, None)
            else:
                self.registers[register] = words[place]

    def _value(self, device: str, point: ModbusPoint) -> Value:
        words = [self.registers.get((point.table, point.address + place)) for place in range(span(point))]
        known = [word for word in words if word is not None]
        if len(known) < len(words):
            return None
        try:
            return decode_point(point, known, device=device)
        except BadReading:
            return None


def words_of(point: ModbusPoint, value: Value) -> tuple[int, ...] | None:
    """The registers that gave a point its value, in the device's order; None where they cannot be told from it.

    A bit, a mask or a byte leaves the rest of its register open.
    """
    big_endian = _bytes_of(point, value)
    if big_endian is None:
        return None
    length = len(big_endian)
    order = point.byte_order
    if point.type is PointType.STRING:  # only the bytes of a register are ever swapped
        order = ByteOrder.BADC if order in (ByteOrder.BADC, ByteOrder.DCBA) else ByteOrder.ABCD
    places = ordered_bytes([place << 8 | place + 1 for place in range(0, length, 2)], order)
    sent = bytearray(length)
    for byte, place in zip(big_endian, places, strict=True):
        sent[place] = byte
    words = tuple(int.from_bytes(sent[place : place + 2], "big") for place in range(0, length, 2))
    try:
        is_right = decode_point(point, words, device="") == value
    except BadReading:
        return None
    return words if is_right else None


def _bytes_of(point: ModbusPoint, value: Value) -> bytes | None:
    if point.table in BIT_TABLES or point.mask is not None or point.byte is not None or value is None:
        return None
    length = 2 * point.width
    if point.type is PointType.STRING:
        text = value.encode() if isinstance(value, str) else b"\0" * (length + 1)
        return text.ljust(length, b"\0") if len(text) <= length else None
    if isinstance(value, bool | str):
        return None
    try:
        if point.type in (PointType.FLOAT32, PointType.FLOAT64):
            return struct.pack(f">{NUMBER_FORMATS[point.type]}", (value - point.offset) / point.scale)
        number = round((Decimal(repr(value)) - Decimal(repr(point.offset))) / Decimal(repr(point.scale)))
        if point.type in BCD:
            return bytes.fromhex(f"{number:0{2 * length}d}")
        return struct.pack(f">{NUMBER_FORMATS[point.type]}", number)
    except (KeyError, ValueError, ArithmeticError, struct.error):  # a byte, or a number that does not fit
        return None


def _parts_of(point: ModbusPoint, recorded: Iterable[Point]) -> tuple[str, ...]:
    """The recorded points whose registers together are all that the point reads; none: they are not."""
    wanted = {(point.table, point.address + place) for place in range(span(point))}
    parts: list[str] = []
    for each in recorded:
        if not isinstance(each, ModbusPoint) or not _is_whole(each):
            continue
        found = {(each.table, each.address + place) for place in range(span(each))}
        if found & wanted:
            parts.append(each.name)
            wanted -= found
    return () if wanted else tuple(parts)


def _is_whole(point: ModbusPoint) -> bool:
    """Whether its value tells all of its registers."""
    is_number = point.type in NUMBER_FORMATS or point.type in BCD
    is_text = point.type is PointType.STRING and point.byte is None
    return point.table not in BIT_TABLES and point.mask is None and (is_number or is_text)


def _source_of(point: Point) -> tuple[tuple[str, str], ...]:
    """Two points with the same source have the same value. A server's own types say themselves what they are."""
    left_out = HOW_IT_IS_READ if isinstance(point, ModbusPoint) else HOW_IT_IS_READ | {"type"}
    settings = {each.name: repr(getattr(point, each.name)) for each in fields(point) if each.name not in left_out}
    if isinstance(point, ModbusPoint):
        settings["byte_order"] = _order_of(point)
    return (("protocol", type(point).__name__), *sorted(settings.items()))


def _order_of(point: ModbusPoint) -> str:
    """What the byte order means for the point: nothing for a coil; for one register, whether its bytes are swapped."""
    if point.table in BIT_TABLES:
        return ""
    if span(point) > 1:
        return str(point.byte_order)
    return "swapped" if point.byte_order in (ByteOrder.BADC, ByteOrder.DCBA) else ""
