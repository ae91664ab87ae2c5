"""What a point is, whatever the protocol that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class PointRef:
    """``device/point``."""

    device: str
    point: str

    def __str__(self) -> str:
        return f"{self.device}/{self.point}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSettings:
    """How a counter behaves.

    `limit` is the last value before 0; `max_rate` is in device counts per second (None: the type's full range).
    """

    limit: int
    at_limit: AtLimit = AtLimit.WRAP
    direction: CountDirection = CountDirection.UP
    max_rate: float | None = None
    on_decrease: OnDecrease = OnDecrease.AUTO
    reset_by: PointRef | None = None
    pieces_per_count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One PLC variable."""

    name: str
    type: PointType
    counter: CounterSettings | None = None
    labels: Mapping[int, str] = field(default_factory=dict)
