"""What drivers tell the core: readings, tag reads, and whether a device answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Value = int | float | bool | str | None


class Quality(StrEnum):
    """Quality of a reading; a value of bad quality is None."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


@dataclass(slots=True)
class Sample:
    """One reading of a point. `at`: time of the source chosen in the map; `seen_at`: when the gateway read it.

    `status` is the protocol's own word for the quality (``Good``, ``BadSensorFailure``); empty where it has none.

    Never changed once it is made. Not declared frozen nor `kw_only`, because thousands are made every second: a frozen
    dataclass takes three times as long to make, and one with named arguments twice as long.
    """

    device: str
    point: str
    value: Value
    at: datetime
    seen_at: datetime
    quality: Quality = Quality.GOOD
    status: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRead:
    """`reads` reads of one tag at one antenna in one report. `tag`: EPC in lower-case hex; `rssi_dbm`: the peak."""

    device: str
    antenna: int
    tag: str
    first_seen: datetime
    last_seen: datetime
    seen_at: datetime
    reads: int = 1
    rssi_dbm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAlive:
    """The device answered at `at`: every point that sent no sample since its last one still has that value."""

    device: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """These points were read at `at` and have the value of their last sample, which was not bad.

    Means the same as one more sample of each of them. A driver that polls says it in one object for a whole block,
    since most readings of a plant are the same as the ones before.
    """

    device: str
    points: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsLost:
    """The device says at `at` that it lost readings since it was last heard of: a queue or a buffer ran over."""

    device: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLost:
    """The device does not answer since `at`; said once per outage."""

    device: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceBack:
    """The device answers again since `at`; also said once at the first connection."""

    device: str
    at: datetime


Observation = Sample | Unchanged | TagRead | ReadingsLost | DeviceAlive | DeviceLost | DeviceBack
