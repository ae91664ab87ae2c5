"""RFID readers, their antennas, and when reads become a passage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ReadPointRef:
    """``device/read-point`` of an RFID reader."""

    device: str
    read_point: str

    def __str__(self) -> str:
        return f"{self.device}/{self.read_point}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Antenna:
    """One antenna of a reader. Several antennas may share a read point."""

    read_point: str
    power_dbm: float | None = None
    min_rssi_dbm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSettings:
    """`min_reads` at or above `min_rssi` make a passage; `depart_after_s` of silence ends one (plant time)."""

    min_reads: int = 2
    depart_after_s: float = 45.0
    move_margin_db: float = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LlrpDevice:
    """An RFID reader that speaks LLRP. `accept`: regular expression on the EPC (lower-case hex); others are strays."""

    id: str
    host: str
    port: int = 5084
    antennas: Mapping[int, Antenna] = field(default_factory=dict)
    label: str = ""
    accept: str = ""
    presence: PresenceSettings = field(default_factory=PresenceSettings)
    report_s: float = 0.5
    reconnect_max_s: float = 3.0
    timeout_s: float = 5.0
