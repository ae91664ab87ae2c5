"""What a probe saw of one device, and what it makes of that: values, ages, and what looks wrong in the map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from genba_edge.core.commissioning import word_order_hint
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
from genba_shared.device_map.model import Point

__all__ = ["PointLook", "Probe", "TagLook", "hints"]

KEPT = 20  # readings of a point that hints look at


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


def hints(looks: Mapping[str, PointLook], points: Mapping[str, Point]) -> list[str]:
    """Sentences about points that look as if the map were wrong."""
    found: list[str] = []
    for name, look in looks.items():
        numbers = [value for value in look.values if isinstance(value, int) and not isinstance(value, bool)]
        if word_order_hint(numbers):
            found.append(
                f"{name} moves by multiples of 65536 ({numbers[0]} … {numbers[-1]}): its words are swapped. "
                "Try another byte_order, such as CDAB instead of ABCD."
            )
        point = points.get(name)
        if point is not None and point.counter is not None and any(number > point.counter.limit for number in numbers):
            found.append(
                f"{name} reads {max(numbers)}, beyond its limit of {point.counter.limit}: type or limit is wrong."
            )
        if point is not None and point.labels and numbers and numbers[-1] not in point.labels:
            known = ", ".join(str(value) for value in point.labels)
            found.append(f"{name} reads {numbers[-1]}, which has no label (labels are for {known}).")
    return found
