"""From what an OPC UA server tells to samples: the short way of a thousand changes a second, and the exceptions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from asyncua import ua

from genba_edge.drivers.link import BadPoints
from genba_edge.drivers.opcua_decode import Item
from genba_edge.drivers.opcua_faults import NODE_FAULTS
from genba_edge.drivers.opcua_publishing import Subscription
from genba_edge.drivers.opcua_values import (
    EARLIEST_RAW,
    FUTURE,
    OVERFLOW,
    Convert,
    Misfit,
    Qualities,
    raw_time,
    time_at,
)
from genba_edge.ports import Failure, Meter, Quality, Sample, Value
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import OpcUaDevice, OpcUaPoint, TimeSource

logger = logging.getLogger(__name__)

_GOOD: Final = (Quality.GOOD, "Good", None)


@dataclass(slots=True, kw_only=True, eq=False)
class Tracked:
    """A point in one session. `last`, `last_status` and `changes`: what the server told of it last, and how often."""

    point: OpcUaPoint
    node: ua.NodeId
    convert: Convert
    time: TimeSource
    handle: int = 0
    subscription: Subscription | None = None
    item: int = 0
    revised_s: float = 0.0
    changes: int = 0
    last: object = None
    last_status: int = 0
    last_source: int = 0
    is_bad: bool = True


class Sampler:
    """Turns items into samples; what it has told of a point once is remembered over reconnections."""

    def __init__(self, device: OpcUaDevice, *, meter: Meter, bad_points: BadPoints, clock: ProductionClock) -> None:
        self._device = device.id
        self._meter = meter
        self._bad_points = bad_points
        self._clock = clock
        self._qualities = Qualities(device)
        self._overflowed: set[str] = set()
        self._is_clock_told = False
        self._backwards = 0
        self._stamp = 0
        self._stamp_at = time_at(0)

    def samples(
        self,
        tracked_by_handle: Mapping[int, Tracked],
        items: Sequence[Item],
        *,
        wall_s: float,
        gone: Callable[[Tracked, str], Sequence[Sample]],
    ) -> list[Sample]:
        """Samples of items that arrived together at `wall_s`; `gone` is told of nodes that the server lost.

        Items of handles that are not known any more are passed over.
        """
        seen_at = self._clock.at_wall(wall_s)
        latest = raw_time(seen_at + FUTURE)
        samples: list[Sample] = []
        for handle, raw, status, source, server in items:
            tracked = tracked_by_handle.get(handle)
            if tracked is None:
                continue
            tracked.changes += 1
            tracked.last, tracked.last_status = raw, status
            at = self._time_of(tracked, source, server, seen_at=seen_at, latest=latest)
            quality, name, word = self._look_at_status(tracked, status) if status else _GOOD
            if quality is Quality.BAD:
                is_gone = status in NODE_FAULTS
                samples.extend(gone(tracked, name) if is_gone else self._bad(tracked, name, at=at, status=name))
                continue
            try:
                value: Value = tracked.convert(raw) if word is None else word
            except Misfit as exc:
                samples.extend(self._bad(tracked, str(exc), at=at, status=name))
                continue
            point = tracked.point.name
            if tracked.is_bad:
                tracked.is_bad = False
                self._bad_points.good(point)
            samples.append(
                Sample(
                    device=self._device, point=point, value=value, at=at, seen_at=seen_at, quality=quality, status=name
                )
            )
        self._meter.samples += len(samples)
        return samples

    def describe(self) -> None:
        """Note for people what was counted."""
        if self._backwards:
            self._meter.details["source_time_backwards"] = str(self._backwards)

    def _time_of(self, tracked: Tracked, source: int, server: int, *, seen_at: datetime, latest: int) -> datetime:
        """The time that the map chose: the source's, where missing the server's, where missing or absurd ours."""
        if 0 < source < tracked.last_source:
            self._backwards += 1
        tracked.last_source = source
        if tracked.time is TimeSource.GATEWAY:
            return seen_at
        stamp = source or server if tracked.time is TimeSource.SOURCE else server
        if not stamp:
            return seen_at
        if not EARLIEST_RAW <= stamp <= latest:
            self._disbelieve(tracked, stamp, seen_at)
            return seen_at
        if stamp != self._stamp:
            self._stamp, self._stamp_at = stamp, time_at(stamp)
        return self._stamp_at

    def _look_at_status(self, tracked: Tracked, status: int) -> tuple[Quality, str, int | None]:
        """Quality, name, and the number if the map has the status among the words of the point."""
        quality, name = self._qualities.of(status)
        if status & OVERFLOW == OVERFLOW:
            self._meter.failures[Failure.DATA_LOST] += 1
            if tracked.point.name not in self._overflowed:
                self._overflowed.add(tracked.point.name)
                logger.warning(
                    "queue overflowed device=%s point=%s queue=%d",
                    self._device,
                    tracked.point.name,
                    tracked.point.queue,
                )
        word = tracked.point.words.get(name) if quality is Quality.BAD and tracked.point.words else None
        return (quality, name, None) if word is None else (Quality.GOOD, name, word)

    def _bad(self, tracked: Tracked, reason: str, *, at: datetime, status: str) -> Sequence[Sample]:
        tracked.is_bad = True
        self._meter.failures[Failure.BAD_READING] += 1
        return self._bad_points.bad(tracked.point.name, reason, at=at, status=status)

    def _disbelieve(self, tracked: Tracked, stamp: int, seen_at: datetime) -> None:
        """The clock behind a stamp was never set: the gateway's time stands in."""
        try:
            at = time_at(stamp)
        except OverflowError:
            at = time_at(0)
        offset_s = (at - seen_at).total_seconds()
        self._meter.details["source_clock"] = f"not believed: {at:%Y-%m-%d %H:%M} is {offset_s:+.0f} s from ours"
        if not self._is_clock_told:
            self._is_clock_told = True
            logger.warning(
                "source clock not believed device=%s point=%s source=%s offset_s=%+.0f",
                self._device,
                tracked.point.name,
                f"{at:%Y-%m-%dT%H:%M:%SZ}",
                offset_s,
            )
