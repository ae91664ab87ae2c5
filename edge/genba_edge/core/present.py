"""What every device last said: for people who look at the gateway, and for a core that takes over with another map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from genba_edge.core.observations import (
    DeviceAlive,
    DeviceBack,
    DeviceLost,
    Observation,
    ReadingsLost,
    Sample,
    TagRead,
    Unchanged,
)


class DeviceStatus(StrEnum):
    """Whether a device answers."""

    CONNECTING = "connecting"
    """It has not answered since it stands in the map."""
    ONLINE = "online"
    LOST = "lost"


@dataclass(slots=True)
class PointNow:
    """The last reading of a point that said something new, and since when it has that value; `Present` changes it."""

    sample: Sample
    changed_at: datetime


@dataclass(slots=True, kw_only=True)
class DeviceNow:
    """What one device last said.

    `heard_at`: its last sign of life. `read_at`: when each point was last read, or notified. `reads`: by antenna, the
    last report of a tag.
    """

    status: DeviceStatus
    since: datetime
    reason: str = ""
    heard_at: datetime | None = None
    points: dict[str, PointNow] = field(default_factory=dict)
    read_at: dict[str, datetime] = field(default_factory=dict)
    reads: dict[int, TagRead] = field(default_factory=dict)


class Present:
    """What every device last said."""

    def __init__(self, devices: Iterable[str], *, now: datetime) -> None:
        self.devices: dict[str, DeviceNow] = {}
        for device in devices:
            self.expect(device, now)

    def expect(self, device: str, now: datetime) -> None:
        """The device is new, or connected anew with other settings: nothing it said holds any more."""
        self.devices[device] = DeviceNow(status=DeviceStatus.CONNECTING, since=now)

    def forget(self, device: str) -> None:
        """The device is no longer in the map."""
        self.devices.pop(device, None)

    def take_all(self, observations: Iterable[Observation]) -> None:
        """A driver said these together."""
        for observation in observations:
            if type(observation) is Sample:  # nearly all of them
                device = self.devices.get(observation.device)
                if device is not None:
                    _take_sample(device, observation)
            else:
                self.take(observation)

    def take(self, observation: Observation) -> None:
        """A driver said this."""
        device = self.devices.get(observation.device)
        if device is None:
            return
        match observation:
            case Sample():
                _take_sample(device, observation)
            case Unchanged(points=points, at=at):
                device.read_at.update(dict.fromkeys(points, at))
            case DeviceAlive(at=at) | ReadingsLost(at=at):
                if device.heard_at is None or at > device.heard_at:
                    device.heard_at = at
            case TagRead():
                device.reads[observation.antenna] = observation
            case DeviceBack(at=at):
                device.status, device.since, device.reason, device.heard_at = DeviceStatus.ONLINE, at, "", at
            case DeviceLost(at=at, reason=reason):
                if device.status is not DeviceStatus.LOST:
                    device.since = at
                device.status, device.reason = DeviceStatus.LOST, reason
            case _:
                assert_never(observation)

    def retell(self, device: str) -> tuple[Observation, ...]:
        """What the device said, in short: enough for a core that takes over to know where it stands.

        Readings carry the time since when they hold, so that a station whose counter stands still is idle from the
        right moment on.
        """
        known = self.devices.get(device)
        if known is None or known.heard_at is None:
            return ()
        told: list[Observation] = [DeviceBack(device=device, at=known.heard_at)]
        told.extend(replace(point.sample, at=point.changed_at) for point in known.points.values())
        if known.status is DeviceStatus.LOST:
            told.append(DeviceLost(device=device, at=known.since, reason=known.reason))
        return tuple(told)


def _take_sample(device: DeviceNow, sample: Sample) -> None:
    point = device.points.get(sample.point)
    if point is None:
        device.points[sample.point] = PointNow(sample, sample.at)
    else:
        if point.sample.value != sample.value or point.sample.quality is not sample.quality:
            point.changed_at = sample.at
        point.sample = sample
    device.read_at[sample.point] = sample.seen_at
