"""What a probe saw of one device, and what it makes of that: values, ages, and what looks wrong in the map."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from genba_edge.core.commissioning import word_order_hint
from genba_edge.core.diagnosis.orders import better_order, is_plain_number, plausible_order
from genba_edge.core.observations import (
    DeviceBack,
    DeviceLost,
    Observation,
    Quality,
    Sample,
    TagRead,
    Unchanged,
    Value,
)
from genba_shared.device_map.addresses import LAST_ADDRESS
from genba_shared.device_map.model import ByteOrder, Device, ModbusDevice, ModbusPoint, Point

__all__ = ["PointLook", "Probe", "TagLook", "hints", "name_of_neighbour", "with_neighbours"]

KEPT = 20  # readings of a point that hints look at
FEW = 4  # changes, before an order is doubted by anything but multiples of 65536
SMALL = 1000  # counts between two readings
NEIGHBOURS = (-1, 1)


@dataclass(slots=True, kw_only=True)
class PointLook:
    """What was seen of one point. `values` are its good readings in order; `readings` counts all of them."""

    point: str
    readings: int = 0
    values: list[Value] = field(default_factory=list)
    last: Sample | None = None


@dataclass(slots=True, kw_only=True)
class TagLook:
    """What was seen of one tag at one antenna."""

    tag: str
    antenna: int
    reads: int = 0
    best_rssi_dbm: float | None = None
    last_seen: datetime | None = None


class Probe:
    """Collects what the driver of one device emits; `points` are the names that the map gives it."""

    def __init__(self, device: str, points: Iterable[str]) -> None:
        self.device = device
        self.points = {name: PointLook(point=name) for name in points}
        self.tags: dict[tuple[str, int], TagLook] = {}
        self.is_up = False
        self.reason = ""

    @property
    def is_complete(self) -> bool:
        """Whether every point was answered, well or badly."""
        return self.is_up and all(look.readings for look in self.points.values())

    def take(self, observations: Sequence[Observation]) -> None:
        """What the driver emitted together."""
        for observation in observations:
            match observation:
                case Sample():
                    self._take_sample(observation)
                case Unchanged():
                    for name in observation.points:
                        self.points[name].readings += 1
                case TagRead():
                    self._take_read(observation)
                case DeviceBack():
                    self.is_up = True
                case DeviceLost():
                    self.is_up, self.reason = False, observation.reason
                case _:
                    pass

    def _take_sample(self, sample: Sample) -> None:
        look = self.points[sample.point]
        look.readings += 1
        look.last = sample
        if sample.quality is not Quality.BAD:
            look.values = [*look.values[1 - KEPT :], sample.value]

    def _take_read(self, read: TagRead) -> None:
        look = self.tags.setdefault((read.tag, read.antenna), TagLook(tag=read.tag, antenna=read.antenna))
        look.reads += read.reads
        look.last_seen = read.last_seen
        if read.rssi_dbm is not None:
            look.best_rssi_dbm = max(read.rssi_dbm, look.best_rssi_dbm or read.rssi_dbm)


def with_neighbours(device: Device) -> Device:
    """The device with two more points for each counter: what stands one address before it, and one after.

    Where a counter stands still, or its high register counts, they show whether its address is one off.
    """
    if not isinstance(device, ModbusDevice):
        return device
    taken = {(point.table, point.address) for point in device.points.values()}
    more = {
        name_of_neighbour(name, by): replace(point, name=name_of_neighbour(name, by), address=point.address + by)
        for name, point in device.points.items()
        if point.counter is not None and point.bit is None
        for by in NEIGHBOURS
        if 0 <= point.address + by <= LAST_ADDRESS - point.width + 1 and (point.table, point.address + by) not in taken
    }
    return replace(device, points={**device.points, **more})


def name_of_neighbour(name: str, by: int) -> str:
    """The name of such a point, which no point of a map can have: ``good +1``."""
    return f"{name} {by:+d}"


def hints(looks: Mapping[str, PointLook], points: Mapping[str, Point]) -> list[str]:
    """Sentences about points that look as if the map were wrong; `looks` may hold their neighbours."""
    found: list[str] = []
    for name, look in looks.items():
        point = points.get(name)
        if point is None and " " in name:
            continue  # a neighbour
        numbers = [value for value in look.values if isinstance(value, int) and not isinstance(value, bool)]
        found += _order_hints(name, point, look, numbers)
        found += _neighbour_hints(name, point, looks, numbers)
        if point is not None and point.counter is not None and any(number > point.counter.limit for number in numbers):
            found.append(
                f"{name} reads {max(numbers)}, beyond its limit of {point.counter.limit}: type or limit is wrong."
            )
        if point is not None and point.labels and numbers and numbers[-1] not in point.labels:
            known = ", ".join(str(value) for value in point.labels)
            found.append(f"{name} reads {numbers[-1]}, which has no label (labels are for {known}).")
    return found


def _order_hints(name: str, point: Point | None, look: PointLook, numbers: Sequence[int]) -> Iterator[str]:
    order = _better_order(point, look, numbers)
    if word_order_hint(numbers):
        write = "Try another byte_order, such as CDAB instead of ABCD."
        if order is not None:
            write = f"Write byte_order: {order}, unless the machine shows another number then."
        yield (f"{name} moves by multiples of 65536 ({numbers[0]} … {numbers[-1]}): its words are swapped. {write}")
    elif order is not None:
        shown = next(value for value in look.values if isinstance(value, int | float))
        yield f"{name} reads {shown:.6g}; in another order that makes sense. Write byte_order: {order}."


def _better_order(point: Point | None, look: PointLook, numbers: Sequence[int]) -> ByteOrder | None:
    if not isinstance(point, ModbusPoint) or not is_plain_number(point):
        return None
    floats = [value for value in look.values if isinstance(value, float) and value]
    if floats:
        return plausible_order(point, floats)
    changes = [value for value, _ in itertools.groupby(numbers)]
    enough = len(changes) > (1 if word_order_hint(numbers) else FEW)
    return better_order(point, changes) if enough else None


def _neighbour_hints(
    name: str, point: Point | None, looks: Mapping[str, PointLook], numbers: Sequence[int]
) -> Iterator[str]:
    if not isinstance(point, ModbusPoint) or point.counter is None or not numbers:
        return
    if len(set(numbers)) > 1 and not word_order_hint(numbers):
        return
    for by in NEIGHBOURS:
        beside = looks.get(name_of_neighbour(name, by))
        seen = [] if beside is None else [value for value in beside.values if isinstance(value, int)]
        steps = [after - before for before, after in itertools.pairwise(seen) if after != before]
        if steps and all(0 < step <= SMALL for step in steps):
            still = "stands still" if len(set(numbers)) == 1 else "moves by multiples of 65536"
            yield (
                f"{name} {still}, and one address {'further' if by > 0 else 'before'} something counts "
                f"({seen[0]} … {seen[-1]}). If it is that, write at: {{{point.table}: {point.address + by}}}."
            )
