"""What a point is, whatever the protocol that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class PointType(StrEnum):
    """What a point's value is; integers carry their width because a counter's limit follows from it."""

    BOOL = "bool"
    INT8 = "int8"
    UINT8 = "uint8"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    STRING = "string"


class AtLimit(StrEnum):
    """What a counter does at its limit."""

    WRAP = "wrap"
    SATURATE = "saturate"


class CountDirection(StrEnum):
    """Which way a counter counts."""

    UP = "up"
    DOWN = "down"


class OnDecrease(StrEnum):
    """What a decrease means when the readings alone do not tell."""

    AUTO = "auto"
    WRAP = "wrap"
    RESET = "reset"
    ERROR = "error"


class TimeSource(StrEnum):
    """Whose time a sample carries."""

    SOURCE = "source"
    SERVER = "server"
    GATEWAY = "gateway"


class PointRef(NamedTuple):
    """``device/point``. A named tuple: it is looked up for every reading, and a tuple's hash is made in C."""

    device: str
    point: str

    def __str__(self) -> str:
        return f"{self.device}/{self.point}"


class ResetSign(StrEnum):
    """How a point shows that somebody or something reset a counter: it is true, its value falls, or it changes."""

    TRUE = "point"
    FALLS = "falls"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetEvidence:
    """The point that shows a reset (a button, an uptime, a time of boot), and how it does."""

    point: PointRef
    sign: ResetSign = ResetSign.TRUE


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSettings:
    """How a counter behaves.

    `limit` is the last value before 0, or before `lowest` where the counter goes on below 0; `max_rate` is in device
    counts per second (None: the type's full range).
    """

    limit: int
    at_limit: AtLimit = AtLimit.WRAP
    direction: CountDirection = CountDirection.UP
    max_rate: float | None = None
    on_decrease: OnDecrease = OnDecrease.AUTO
    reset_by: ResetEvidence | None = None
    pieces_per_count: int = 1
    lowest: int = 0


@dataclass(frozen=True, slots=True)
class Deadband:
    """How far a value may move before it is reported: an absolute amount, or a fraction of the value last reported."""

    amount: float = 0.0
    fraction: float = 0.0

    def __str__(self) -> str:
        return f"{self.fraction * 100:g}%" if self.fraction else f"{self.amount:g}"

    def around(self, value: float) -> float:
        """How far from `value`, in its own unit."""
        return max(self.amount, self.fraction * abs(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One PLC variable. `unit` and `label` are for people.

    `deadband`, `min_interval_s` and `max_interval_s` (plant time) choose which readings are reported; counts and
    station states follow from every reading.
    """

    name: str
    type: PointType
    unit: str = ""
    label: str = ""
    counter: CounterSettings | None = None
    labels: Mapping[int, str] = field(default_factory=dict)
    deadband: Deadband | None = None
    min_interval_s: float | None = None
    max_interval_s: float | None = None
