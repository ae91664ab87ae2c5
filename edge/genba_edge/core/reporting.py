"""Which readings are worth telling: deadband, least and greatest interval of a point.

Counts, station states and completions follow from every reading; what is thinned out here is only what people and
records are shown of a measured value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeGuard

from genba_edge.core.observations import Observation, Quality, Sample, Unchanged
from genba_shared.device_map.model import Deadband, DeviceMap, Point, PointRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRule:
    """When a reading of a point is reported; without any setting every change is. Intervals are plant time."""

    deadband: Deadband | None = None
    min_interval: timedelta | None = None
    max_interval: timedelta | None = None

    @classmethod
    def of(cls, point: Point) -> ReportRule:
        """The rule that the map gives a point."""
        return cls(
            deadband=point.deadband,
            min_interval=None if point.min_interval_s is None else timedelta(seconds=point.min_interval_s),
            max_interval=None if point.max_interval_s is None else timedelta(seconds=point.max_interval_s),
        )

    def wants(self, sample: Sample, reported: Sample | None) -> bool:
        """Whether the reading is reported, when `reported` was the last one.

        A change of quality always is: it says whether the value can be believed. A clock that was set back does not
        hold a reading up.
        """
        if reported is None or sample.quality is not reported.quality:
            return True
        if sample.quality is Quality.BAD:
            return False
        passed = sample.seen_at - reported.seen_at
        if self.min_interval is not None and timedelta(0) <= passed < self.min_interval:
            return False
        if self.max_interval is not None and passed >= self.max_interval:
            return True
        return _is_beyond(sample, reported, self.deadband)


class Reporter:
    """The reported readings of all points of a map, in the order of the readings."""

    def __init__(self, device_map: DeviceMap) -> None:
        self._rules = {
            PointRef(device.id, point.name): ReportRule.of(point)
            for device in device_map.devices.values()
            for point in device.points.values()
        }
        self._timed = {ref for ref, rule in self._rules.items() if rule.min_interval or rule.max_interval}
        self.thinned = frozenset(ref.device for ref, rule in self._rules.items() if rule != _EVERY_CHANGE)
        """Devices that have a point with a rule of its own."""
        self._read: dict[PointRef, Sample] = {}
        self._reported: dict[PointRef, Sample] = {}

    def take_all(self, observations: Iterable[Observation]) -> None:
        """Note which readings of devices that have a point with a rule of its own are to be reported."""
        for observation in observations:
            if observation.device in self.thinned:
                self.take(observation)

    def take(self, observation: Observation) -> tuple[Sample, ...]:
        """What is to be reported of an observation: of a sample itself, of `Unchanged` the points that are due."""
        match observation:
            case Sample():
                return self._report((observation,))
            case Unchanged():
                refs = (PointRef(observation.device, point) for point in observation.points)
                again = [self._read[ref] for ref in refs if ref in self._timed and ref in self._read]
                return self._report(replace(sample, at=observation.at, seen_at=observation.at) for sample in again)
            case _:
                return ()

    def reported(self, ref: PointRef) -> Sample | None:
        """The reading that was reported last, of a point with a rule of its own."""
        return self._reported.get(ref) if self._rules.get(ref, _EVERY_CHANGE) != _EVERY_CHANGE else None

    def _report(self, samples: Iterable[Sample]) -> tuple[Sample, ...]:
        told: list[Sample] = []
        for sample in samples:
            ref = PointRef(sample.device, sample.point)
            self._read[ref] = sample
            if self._rules.get(ref, _EVERY_CHANGE).wants(sample, self._reported.get(ref)):
                self._reported[ref] = sample
                told.append(sample)
        return tuple(told)


_EVERY_CHANGE = ReportRule()


def _is_beyond(sample: Sample, reported: Sample, deadband: Deadband | None) -> bool:
    value, last = sample.value, reported.value
    if deadband is None or not _is_number(value) or not _is_number(last):
        return value != last
    return abs(value - last) > deadband.around(last)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
