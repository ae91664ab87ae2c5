"""An OPC UA server and its points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from genba_shared.device_map.model.points import Point, TimeSource


class ReadMode(StrEnum):
    """Whether an OPC UA point is subscribed to or read in a poll."""

    SUBSCRIBE = "subscribe"
    READ = "read"


class SecurityPolicy(StrEnum):
    """How an OPC UA connection is protected; this version knows only the open one."""

    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpcUaPoint(Point):
    """`node` is an OPC UA node id, with ``nsu=URI;`` instead of ``ns=`` where the map says so."""

    node: str
    mode: ReadMode = ReadMode.SUBSCRIBE
    sampling_s: float = 0.2
    queue: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OpcUaDevice:
    """An OPC UA server."""

    id: str
    url: str
    points: Mapping[str, OpcUaPoint]
    label: str = ""
    security: SecurityPolicy = SecurityPolicy.NONE
    time: TimeSource = TimeSource.SOURCE
    reconnect_max_s: float = 3.0
    timeout_s: float = 4.0
